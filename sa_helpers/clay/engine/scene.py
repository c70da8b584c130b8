"""Build a clay scene from primitives: what a domain module uses.

World axes: x to the right of the image, y up, z towards the camera. A bust stands at the origin,
its head about one unit in radius; the frame shows about three units. Lengths are in these units.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float64

from sa_helpers.clay.engine import primitives as P
from sa_helpers.clay.engine.geometry import Rotation, Vector, box_extent, direction, frame_along
from sa_helpers.clay.engine.kernels import SceneArrays
from sa_helpers.clay.engine.tracing import MAX_CHOSEN, trace_depths

REGIONS: tuple[str, ...] = (
    "background",
    "skin",
    "brow",
    "eye",
    "ear",
    "nose",
    "mouth",
    "neck",
    "cloth",
    "hair",
    "glasses",
    "hat",
    "sky",
    "ground",
    "tree",
    "wall",
    "roof",
    "tower",
    "window",
    "door",
    "floor",
    "rug",
    "bed",
    "pillow",
    "blanket",
    "furniture",
    "lamp",
    "picture",
)
"""Names of the mask values, the same in every domain: of busts, then of churches and bedrooms."""

Look = Mapping[str, Any]
"""How a primitive looks: what `Scene.add_primitive` takes by keyword."""

IDENTITY = np.eye(3)


@dataclass(frozen=True)
class Style:
    """How a scene is lit and drawn.

    Attributes:
        ambient: Strength of the light from everywhere.
        key: Strength of the key light.
        occlusion: How much crevices darken, 0 to 1.
        shadow: Depth of cast shadows, 0 to 1.
        shine: Strength of highlights, scaled by each primitive's gloss.
        rim: Light on edges seen at a grazing angle.
        flatness: 0 for round shading, 1 for two flat tones.
        line_darkness: Darkness of the outline, 0 (none) to 1 (black).
        line_width: Width of the outline, in scene units.
        steps: Most steps of a ray; one that grazes wide ground needs more.
    """

    ambient: float = 0.42
    key: float = 0.78
    occlusion: float = 0.55
    shadow: float = 0.5
    shine: float = 0.5
    rim: float = 0.22
    flatness: float = 0.0
    line_darkness: float = 0.0
    line_width: float = 0.0
    steps: int = 40


@dataclass
class Scene:
    """An ordered list of primitives with camera, light and background.

    Within a group the order counts: shapes join what stands before them, carvings and paint
    change what stands before them. Groups join in order, each with its own (usually small) blend.

    Attributes:
        style: How it is lit and drawn.
        finish: What is done in place to the finished picture, given its mask, such as painting
            over it.
    """

    style: Style = field(default_factory=Style)
    finish: Callable[[np.ndarray, np.ndarray], None] | None = None
    _rows: list[list[float]] = field(default_factory=list)
    _codes: list[list[int]] = field(default_factory=list)
    _groups: list[list[float]] = field(default_factory=list)
    _turn: np.ndarray = field(default_factory=lambda: np.eye(3))
    _shift: np.ndarray = field(default_factory=lambda: np.zeros(3))

    def __post_init__(self) -> None:
        """Put camera, light and background where a portrait has them."""
        self.set_camera()
        self.set_light(azimuth_deg=-30.0, elevation_deg=35.0)
        self.set_background((0.55, 0.57, 0.6), (0.7, 0.72, 0.75))

    def set_camera(
        self, *, height: float = 3.05, center_y: float = -0.12, distance: float = 9.0
    ) -> None:
        """Look along -z at (0, center_y, 0) and show `height` units at that depth."""
        reach = height / (2.0 * distance)
        self._camera = [[0.0, center_y, distance], [reach, 0, 0], [0, reach, 0], [0.0, 0.0, -1]]

    def shift_view(self, *, right: float = 0.0, down: float = 0.0) -> None:
        """Shift the picture, given in shares of its size, as a lens is shifted: no new angle.

        What comes into view is rendered like the rest.
        """
        self._camera[3][0] -= 2.0 * right * self._camera[1][0]
        self._camera[3][1] += 2.0 * down * self._camera[2][1]

    def flip_view(self) -> None:
        """Turn the picture upside down, as a mirror below it would."""
        self._camera[2][1] = -self._camera[2][1]

    def exchange_channels(self, order: Sequence[int]) -> None:
        """Let channel order[i] of every colour so far become channel i; the background stays."""
        for row in self._rows:
            row[P.COLOUR : P.COLOUR + 3] = [row[P.COLOUR + channel] for channel in order]

    def set_light(self, *, azimuth_deg: float, elevation_deg: float) -> None:
        """Place the key light, as seen from the camera."""
        self._light = direction(azimuth_deg, elevation_deg)

    def set_background(
        self, bottom: Vector, top: Vector, *, glow: float = 0.25, region: str = "background"
    ) -> None:
        """Draw a soft gradient between two display colours, brighter behind the head."""
        label = float(REGIONS.index(region))
        self._backdrop = [np.square(bottom), np.square(top), [glow, label, 0.0]]

    @contextmanager
    def frame(self, turn: Rotation, *, pivot: Vector = (0.0, 0.0, 0.0)) -> Iterator[None]:
        """Turn everything added inside the `with` block about `pivot`; frames nest."""
        outer = self._turn, self._shift
        fixed = np.asarray(pivot)
        self._shift = self._shift + self._turn @ (fixed - turn @ fixed)
        self._turn = self._turn @ turn
        try:
            yield
        finally:
            self._turn, self._shift = outer

    def start_group(self, *, blend: float = 0.01, edge: float = 0.02) -> None:
        """Begin a group: it joins what stands before with a fillet of radius `blend`.

        Args:
            blend: Radius of the fillet.
            edge: Width over which its colour passes into that of earlier groups.
        """
        self._groups.append([blend, edge])

    def add_ellipsoid(self, center: Vector, radii: Vector, **look: Any) -> None:
        """Add an ellipsoid; `look` is what `add_primitive` takes by keyword, here as below."""
        self.add_primitive(P.ELLIPSOID, center, [*radii, 0.0], **look)

    def add_sphere(self, center: Vector, radius: float, **look: Any) -> None:
        """Add a sphere."""
        self.add_ellipsoid(center, (radius, radius, radius), **look)

    def add_capsule(self, start: Vector, end: Vector, radii: Vector, **look: Any) -> None:
        """Add a tapered capsule from `start` to `end`, with the radii at both."""
        turn, length = frame_along(start, end)
        center = [(a + b) / 2 for a, b in zip(start, end, strict=True)]
        size = [length / 2, radii[0], radii[1], 0.0]
        self.add_primitive(P.CAPSULE, center, size, turn=turn, **look)

    def add_box(
        self, center: Vector, half_edges: Vector, *, rounding: float = 0.03, **look: Any
    ) -> None:
        """Add a box with half edge lengths `half_edges` and rounded corners."""
        self.add_primitive(P.BOX, center, [*half_edges, rounding], **look)

    def add_ring(self, center: Vector, radii: Vector, tube: float, **look: Any) -> None:
        """Add a tube along an ellipse in the xy plane."""
        self.add_primitive(P.RING, center, [*radii, tube, 0.0], **look)

    def add_roof(
        self, center: Vector, half_edges: Vector, *, hip: float = 0.0, **look: Any
    ) -> None:
        """Add a roof, a triangle seen along z; `hip` is how far its ridge ends stand back.

        Args:
            center: Middle of the box around it.
            half_edges: Half edges of that box.
            hip: 0 for gables, the half depth for a pyramid.
        """
        self.add_primitive(P.ROOF, center, [*half_edges, hip], **look)

    def add_primitive(
        self,
        kind: int,
        center: Vector,
        size: Vector,
        *,
        turn: Rotation | None = None,
        colour: Vector | None = None,
        region: str | None = None,
        blend: float = 0.05,
        edge: float | None = None,
        gloss: float = 0.2,
        casts: float = 0.0,
        operation: int = P.UNION,
    ) -> None:
        """Add a primitive to the current group.

        Args:
            kind: `primitives.ELLIPSOID`, `CAPSULE`, `BOX`, `RING` or `ROOF`.
            center: Where it stands, in the current frame.
            size: The four SIZE columns of its kind.
            turn: How it is turned about its centre; None for not at all.
            colour: Display colour, 0 to 1; None leaves the colour of what it meets.
            region: Name in `REGIONS` for the mask; None leaves that of what it meets.
            blend: Radius of the fillet with what stands before it in the group.
            edge: Width of the colour transition; None takes `blend`.
            gloss: Strength of the highlight, 0 to 1.
            casts: Depth of the soft shadow it throws, 0 (none) to 1; ellipsoids only.
            operation: `primitives.UNION`, `CARVE` (cut away) or `PAINT` (colour and region only).
        """
        if not self._groups:
            self.start_group()
        local = IDENTITY if turn is None else turn
        axes = (self._turn @ local).T.ravel()
        place = self._turn @ np.asarray(center, float) + self._shift
        width = -1.0 if colour is None else max(blend if edge is None else edge, 1e-3)
        tint = (0.0, 0.0, 0.0) if colour is None else tuple(float(c) ** 2 for c in colour)
        reach = max(blend, self._groups[-1][0], width)
        extent = box_extent(kind, axes.tolist(), size)
        self._rows.append(
            [*place, *axes, *size, *tint, max(blend, 1e-3), width, gloss, casts, reach, *extent]
        )
        label = -1 if region is None else REGIONS.index(region)
        self._codes.append([kind, operation, label, len(self._groups) - 1])

    def front_depths(self, places: Sequence[tuple[float, float]]) -> Float64[np.ndarray, " places"]:
        """Surface z, in the current frame, in front of each (x, y): where to put features.

        Looks from z = 3 along -z at everything added so far; NaN where nothing stands there.
        """
        count = len(places)
        local = np.column_stack([np.asarray(places, float), np.full(count, 3.0)])
        origins = (local @ self._turn.T + self._shift).T.astype(np.float32)
        ahead = np.repeat(-self._turn[:, 2:3], count, axis=1).astype(np.float32)
        depths = np.empty(count, np.float32)
        trace_depths(self.arrays(), origins, ahead, depths)
        return np.where(depths >= 0.0, 3.0 - depths.astype(float), np.nan)

    def arrays(self) -> SceneArrays:
        """Pack the scene for the kernels."""
        if len(self._rows) > MAX_CHOSEN:
            raise ValueError(f"{len(self._rows)} primitives; at most {MAX_CHOSEN} fit in a scene")
        style = self.style
        return SceneArrays(
            rows=np.array(self._rows, np.float32).reshape(-1, P.ROW_LENGTH),
            codes=np.array(self._codes, np.int64).reshape(-1, 4),
            groups=np.array(self._groups, np.float32).reshape(-1, 2),
            camera=np.array(self._camera, np.float32),
            light=np.array(self._light, np.float32),
            style=np.array(list(style.__dict__.values()), np.float32),
            backdrop=np.array(self._backdrop, np.float32),
        )
