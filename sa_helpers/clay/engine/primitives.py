"""Signed distances of primitives and the operations that join them, for packets of points.

Every kernel loops over the points of a packet without branches, so that the compiler turns the
loop into vector instructions; which primitive it is, is decided once a packet. Distances are
float32, negative inside. Source of the distance formulas: Quilez, "3D distance functions"
(https://iquilezles.org/articles/distfunctions/), and of the smooth union, "Smooth minimum".
"""

import math

import numpy as np

from sa_helpers.clay.engine.kernels import (
    Buffers,
    Chosen,
    Points,
    Row,
    SceneArrays,
    Values,
    compiled,
)

ELLIPSOID, CAPSULE, BOX, RING, ROOF = 0, 1, 2, 3, 4
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
def axis_of(row: Row, axis: int) -> tuple[float, float, float, float]:
    """One of a primitive's own axes, and its centre along it."""
    ax, ay, az = row[AXES + 3 * axis], row[AXES + 3 * axis + 1], row[AXES + 3 * axis + 2]
    return ax, ay, az, ax * row[CENTER] + ay * row[CENTER + 1] + az * row[CENTER + 2]


@compiled
def ellipsoid_distance(row: Row, points: Points, num_points: int, distance: Values) -> None:
    """First-order distance to an ellipsoid with radii SIZE[0:3]; exact for a sphere."""
    ax, ay, az, a = axis_of(row, 0)
    bx, by, bz, b = axis_of(row, 1)
    cx, cy, cz, c = axis_of(row, 2)
    ix, iy, iz = ONE / row[SIZE], ONE / row[SIZE + 1], ONE / row[SIZE + 2]
    for j in range(num_points):
        px, py, pz = points[0, j], points[1, j], points[2, j]
        x = (ax * px + ay * py + az * pz - a) * ix
        y = (bx * px + by * py + bz * pz - b) * iy
        z = (cx * px + cy * py + cz * pz - c) * iz
        k0 = math.sqrt(x * x + y * y + z * z)
        x, y, z = x * ix, y * iy, z * iz
        k1 = math.sqrt(x * x + y * y + z * z + TINY)
        distance[j] = k0 * (k0 - ONE) / k1


@compiled
def capsule_distance(row: Row, points: Points, num_points: int, distance: Values) -> None:
    """Distance to a capsule along y: half length SIZE[0], radii SIZE[1:3] at its two ends."""
    ax, ay, az, a = axis_of(row, 0)
    bx, by, bz, b = axis_of(row, 1)
    cx, cy, cz, c = axis_of(row, 2)
    half = row[SIZE]
    middle = (row[SIZE + 1] + row[SIZE + 2]) * HALF
    slope = (row[SIZE + 2] - row[SIZE + 1]) * HALF / half
    for j in range(num_points):
        px, py, pz = points[0, j], points[1, j], points[2, j]
        x = ax * px + ay * py + az * pz - a
        y = bx * px + by * py + bz * pz - b
        z = cx * px + cy * py + cz * pz - c
        along = max(-half, min(half, y))
        y = y - along
        distance[j] = math.sqrt(x * x + y * y + z * z) - middle - slope * along


@compiled
def box_distance(row: Row, points: Points, num_points: int, distance: Values) -> None:
    """Exact distance to a box with half edges SIZE[0:3], rounded by SIZE[3]."""
    ax, ay, az, a = axis_of(row, 0)
    bx, by, bz, b = axis_of(row, 1)
    cx, cy, cz, c = axis_of(row, 2)
    rounding = row[SIZE + 3]
    wide, high, deep = row[SIZE] - rounding, row[SIZE + 1] - rounding, row[SIZE + 2] - rounding
    for j in range(num_points):
        px, py, pz = points[0, j], points[1, j], points[2, j]
        x = abs(ax * px + ay * py + az * pz - a) - wide
        y = abs(bx * px + by * py + bz * pz - b) - high
        z = abs(cx * px + cy * py + cz * pz - c) - deep
        inside = min(max(x, max(y, z)), ZERO)
        x, y, z = max(x, ZERO), max(y, ZERO), max(z, ZERO)
        distance[j] = math.sqrt(x * x + y * y + z * z) + inside - rounding


@compiled
def ring_distance(row: Row, points: Points, num_points: int, distance: Values) -> None:
    """Distance to a tube of radius SIZE[2] along an ellipse in xy with radii SIZE[0:2]."""
    ax, ay, az, a = axis_of(row, 0)
    bx, by, bz, b = axis_of(row, 1)
    cx, cy, cz, c = axis_of(row, 2)
    ix, iy, tube = ONE / row[SIZE], ONE / row[SIZE + 1], row[SIZE + 2]
    for j in range(num_points):
        px, py, pz = points[0, j], points[1, j], points[2, j]
        x = (ax * px + ay * py + az * pz - a) * ix
        y = (bx * px + by * py + bz * pz - b) * iy
        z = cx * px + cy * py + cz * pz - c
        k0 = math.sqrt(x * x + y * y)
        x, y = x * ix, y * iy
        planar = k0 * (k0 - ONE) / math.sqrt(x * x + y * y + TINY)
        distance[j] = math.sqrt(planar * planar + z * z) - tube


@compiled
def roof_distance(row: Row, points: Points, num_points: int, distance: Values) -> None:
    """Distance, too short beside edges, to a roof: half width, height and depth in SIZE[0:3].

    Seen along z it is a triangle. Its ridge is shorter than its base by SIZE[3] at each end: 0 is
    a gable, SIZE[2] a pyramid.
    """
    ax, ay, az, a = axis_of(row, 0)
    bx, by, bz, b = axis_of(row, 1)
    cx, cy, cz, c = axis_of(row, 2)
    wide, high, deep = row[SIZE], row[SIZE + 1], row[SIZE + 2]
    lean, hip = HALF * wide / high, HALF * row[SIZE + 3] / high
    across, along = ONE / math.sqrt(ONE + lean * lean), ONE / math.sqrt(ONE + hip * hip)
    for j in range(num_points):
        px, py, pz = points[0, j], points[1, j], points[2, j]
        x = abs(ax * px + ay * py + az * pz - a)
        y = bx * px + by * py + bz * pz - b
        z = abs(cx * px + cy * py + cz * pz - c)
        side = (x - lean * (high - y)) * across
        end = (z - deep + hip * (high + y)) * along
        distance[j] = max(side, max(end, -high - y))


@compiled
def primitive_distance(
    row: Row, kind: int, points: Points, num_points: int, distance: Values
) -> None:
    """Distance from each of `points` to one primitive."""
    if kind == ELLIPSOID:
        ellipsoid_distance(row, points, num_points, distance)
    elif kind == CAPSULE:
        capsule_distance(row, points, num_points, distance)
    elif kind == BOX:
        box_distance(row, points, num_points, distance)
    elif kind == RING:
        ring_distance(row, points, num_points, distance)
    else:
        roof_distance(row, points, num_points, distance)


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
    `work` holds total, group and one primitive.
    """
    total, group, single = work[0], work[1], work[2]
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
        primitive_distance(row, scene.codes[index, KIND], points, num_points, single)
        if operation == UNION:
            unite(group, single, row[BLEND], num_points)
        else:
            carve(group, single, row[BLEND], num_points)
    if current >= 0:
        unite(total, group, scene.groups[current, 0], num_points)
