"""Signed distances of primitives and the operations that join them, for packets of points.

Every kernel loops over the points of a packet without branches, so that the compiler turns the
loop into vector instructions; which primitive it is, is decided once a packet. Distances are
float32, negative inside. Source of the distance formulas: Quilez, "3D distance functions"
(https://iquilezles.org/articles/distfunctions/), and of the smooth union, "Smooth minimum".
"""

import math

import numpy as np

from sa_helpers.clay.arrays import Buffers, Chosen, Points, Row, SceneArrays, Values
from sa_helpers.clay.compiling import compiled

ELLIPSOID, CAPSULE, BOX, RING = 0, 1, 2, 3
UNION, CARVE, PAINT = 0, 1, 2

# Columns of a primitive's row. Rotation is stored column by column (axis by axis).
CENTER, AXES, SIZE, COLOUR = 0, 3, 12, 16
BLEND, EDGE, GLOSS, CASTS, REACH, EXTENT = 19, 20, 21, 22, 23, 24
ROW_LENGTH = 27
# Columns of a primitive's integer codes.
KIND, OPERATION, REGION, GROUP = 0, 1, 2, 3

FAR = np.float32(1000.0)
ZERO, HALF, ONE, TINY = np.float32(0.0), np.float32(0.5), np.float32(1.0), np.float32(1e-9)


@compiled
def to_local(row: Row, points: Points, num_points: int, local: Points) -> None:
    """Write `points` in the primitive's own axes into `local`, both [3, packet]."""
    for axis in range(3):
        ax, ay, az = row[AXES + 3 * axis], row[AXES + 3 * axis + 1], row[AXES + 3 * axis + 2]
        offset = ax * row[CENTER] + ay * row[CENTER + 1] + az * row[CENTER + 2]
        for j in range(num_points):
            local[axis, j] = ax * points[0, j] + ay * points[1, j] + az * points[2, j] - offset


@compiled
def ellipsoid_distance(row: Row, local: Points, num_points: int, distance: Values) -> None:
    """First-order distance to an ellipsoid with radii SIZE[0:3]; exact for a sphere."""
    ix, iy, iz = ONE / row[SIZE], ONE / row[SIZE + 1], ONE / row[SIZE + 2]
    for j in range(num_points):
        x, y, z = local[0, j] * ix, local[1, j] * iy, local[2, j] * iz
        k0 = math.sqrt(x * x + y * y + z * z)
        x, y, z = x * ix, y * iy, z * iz
        k1 = math.sqrt(x * x + y * y + z * z + TINY)
        distance[j] = k0 * (k0 - ONE) / k1


@compiled
def capsule_distance(row: Row, local: Points, num_points: int, distance: Values) -> None:
    """Distance to a capsule along y: half length SIZE[0], radii SIZE[1:3] at its two ends."""
    half = row[SIZE]
    middle, slope = (
        (row[SIZE + 1] + row[SIZE + 2]) * HALF,
        (row[SIZE + 2] - row[SIZE + 1]) * HALF / half,
    )
    for j in range(num_points):
        x, y, z = local[0, j], local[1, j], local[2, j]
        along = max(-half, min(half, y))
        y = y - along
        distance[j] = math.sqrt(x * x + y * y + z * z) - middle - slope * along


@compiled
def box_distance(row: Row, local: Points, num_points: int, distance: Values) -> None:
    """Exact distance to a box with half edges SIZE[0:3], rounded by SIZE[3]."""
    rounding = row[SIZE + 3]
    bx, by, bz = row[SIZE] - rounding, row[SIZE + 1] - rounding, row[SIZE + 2] - rounding
    for j in range(num_points):
        x, y, z = abs(local[0, j]) - bx, abs(local[1, j]) - by, abs(local[2, j]) - bz
        inside = min(max(x, max(y, z)), ZERO)
        x, y, z = max(x, ZERO), max(y, ZERO), max(z, ZERO)
        distance[j] = math.sqrt(x * x + y * y + z * z) + inside - rounding


@compiled
def ring_distance(row: Row, local: Points, num_points: int, distance: Values) -> None:
    """Distance to a tube of radius SIZE[2] along an ellipse in xy with radii SIZE[0:2]."""
    ix, iy, tube = ONE / row[SIZE], ONE / row[SIZE + 1], row[SIZE + 2]
    for j in range(num_points):
        x, y, z = local[0, j] * ix, local[1, j] * iy, local[2, j]
        k0 = math.sqrt(x * x + y * y)
        x, y = x * ix, y * iy
        planar = k0 * (k0 - ONE) / math.sqrt(x * x + y * y + TINY)
        distance[j] = math.sqrt(planar * planar + z * z) - tube


@compiled
def primitive_distance(
    row: Row, kind: int, points: Points, num_points: int, local: Points, distance: Values
) -> None:
    """Distance from each of `points` [3, packet] to one primitive."""
    to_local(row, points, num_points, local)
    if kind == ELLIPSOID:
        ellipsoid_distance(row, local, num_points, distance)
    elif kind == CAPSULE:
        capsule_distance(row, local, num_points, distance)
    elif kind == BOX:
        box_distance(row, local, num_points, distance)
    else:
        ring_distance(row, local, num_points, distance)


@compiled
def unite(total: Values, other: Values, blend: float, num_points: int) -> None:
    """Smooth union of `other` into `total`; `blend` is the radius of the fillet."""
    scale = HALF / blend
    for j in range(num_points):
        gap = total[j] - other[j]
        share = max(ZERO, min(ONE, HALF + gap * scale))
        total[j] = other[j] + (ONE - share) * gap - blend * share * (ONE - share)


@compiled
def carve(total: Values, other: Values, blend: float, num_points: int) -> None:
    """Smooth subtraction of `other` from `total`."""
    scale = HALF / blend
    for j in range(num_points):
        gap = total[j] + other[j]
        share = max(ZERO, min(ONE, HALF - gap * scale))
        total[j] = -other[j] + (ONE - share) * gap + blend * share * (ONE - share)


@compiled
def field_distance(
    scene: SceneArrays,
    chosen: Chosen,
    num_chosen: int,
    points: Points,
    num_points: int,
    work: Buffers,
) -> None:
    """Distance to the chosen primitives of a scene; the answer is in `work[0]`.

    Primitives are joined in order: within a group by their own blend radius, then group by group.
    `work` is [6, packet]: total, group, one primitive, local coordinates.
    """
    total, group, single, local = work[0], work[1], work[2], work[3:6]
    for j in range(num_points):
        total[j] = FAR
    current = -1
    for i in range(num_chosen):
        index = chosen[i]
        operation = scene.codes[index, OPERATION]
        if operation == PAINT:
            continue
        if scene.codes[index, GROUP] != current:
            if current >= 0:
                unite(total, group, scene.groups[current, 0], num_points)
            current = scene.codes[index, GROUP]
            for j in range(num_points):
                group[j] = FAR
        row = scene.rows[index]
        primitive_distance(row, scene.codes[index, KIND], points, num_points, local, single)
        if operation == UNION:
            unite(group, single, row[BLEND], num_points)
        else:
            carve(group, single, row[BLEND], num_points)
    if current >= 0:
        unite(total, group, scene.groups[current, 0], num_points)
