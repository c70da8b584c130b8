"""How kernels are compiled, and the arrays that they exchange.

`packet` is the number of points or rays treated together; of a longer buffer only the first
`num_points` columns count.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numba
import numpy as np
from jaxtyping import Float32, Int64, UInt8

# Only liberties that leave every finite result as it is: no reordering of sums, no fused
# multiply-add. So bytes depend neither on the processor nor on what the compiler inlines.
OPTIONS: dict[str, Any] = {
    "nogil": True,
    "error_model": "numpy",
    "fastmath": {"nnan", "ninf", "nsz"},
}
Values = Float32[np.ndarray, " packet"]
Points = Float32[np.ndarray, "3 packet"]
Places = Float32[np.ndarray, "2 packet"]
Buffers = Float32[np.ndarray, "lanes packet"]
Labels = UInt8[np.ndarray, " packet"]
Row = Float32[np.ndarray, " row_length"]
Chosen = Int64[np.ndarray, " most"]
Lists = Int64[np.ndarray, "2 most"]
Packet = tuple[Places, Values, Points, Labels]
Culled = tuple[Lists, tuple[int, int], tuple[float, float]]


def compiled(function: Callable) -> Callable:
    """Compile `function` on its first call, without holding the interpreter lock.

    The machine code is cached beside the source or in the user's cache folder (NUMBA_CACHE_DIR
    moves it). Where neither can be written, each process compiles afresh, which takes a minute.
    """
    try:
        return numba.njit(cache=True, **OPTIONS)(function)
    except RuntimeError:  # numba found no folder that it may write
        return numba.njit(**OPTIONS)(function)


class SceneArrays(NamedTuple):
    """A scene as the kernels read it.

    Attributes:
        rows: Sizes, places and looks; columns are named in `primitives`.
        codes: Kind, operation, region (-1 for none) and group of each primitive.
        groups: Blend and edge of each group.
        camera: Position, then the steps across, up and ahead that span the screen: across has x
            only, up has y only (negative: upside down), and ahead, (x, y, -1), may be shifted.
        light: Unit vector to the key light.
        style: Columns are named in `shading`.
        backdrop: Linear colours at the bottom and the top, then the glow and the region.
    """

    rows: Float32[np.ndarray, "primitives row_length"]
    codes: Int64[np.ndarray, "primitives 4"]
    groups: Float32[np.ndarray, "groups 2"]
    camera: Float32[np.ndarray, "4 3"]
    light: Float32[np.ndarray, " 3"]
    style: Float32[np.ndarray, " 10"]
    backdrop: Float32[np.ndarray, "3 3"]
