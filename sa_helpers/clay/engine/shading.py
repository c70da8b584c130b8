"""Colour and light of surface points: material, key light, sky, shadows, highlight, rim, outline.

Colours are linear in the computation and leave it as display values by a square root (gamma 2),
after a soft shoulder that keeps highlights from clipping.
"""

import math

import numpy as np
from jaxtyping import Float32

from sa_helpers.clay.engine.kernels import (
    Buffers,
    Chosen,
    Labels,
    Lists,
    Points,
    Row,
    SceneArrays,
    Values,
    compiled,
)
from sa_helpers.clay.engine.primitives import (
    AXES,
    BLEND,
    CASTS,
    CENTER,
    COLOUR,
    EDGE,
    FAR,
    GLOSS,
    GROUP,
    HALF,
    KIND,
    ONE,
    OPERATION,
    PAINT,
    REGION,
    SIZE,
    UNION,
    ZERO,
    carve,
    field_distance,
    primitive_distance,
    unite,
)

# Rows of a material buffer: red, green, blue, gloss, then region.
NUM_MIXED, LABEL, MATERIAL_LENGTH = 4, 4, 5
OCCLUSION_NEAR, OCCLUSION_FAR = np.float32(0.09), np.float32(0.18)
OCCLUSION_REACH = np.float32(0.32)
NORMAL_STEP = np.float32(0.008)
THREE, QUARTER = np.float32(3.0), np.float32(0.25)
# Light wraps round the terminator, more in red: the soft, warm look of clay and skin.
WRAP = np.array([0.34, 0.24, 0.20], dtype=np.float32)
SKY = np.array([0.96, 1.0, 1.08], dtype=np.float32)
GROUND = np.array([0.74, 0.66, 0.62], dtype=np.float32)
# Style columns.
AMBIENT, KEY, OCCLUSION, SHADOW, SHINE, RIM, FLATNESS, LINE_DARKNESS, LINE_WIDTH, STEPS = range(10)


@compiled
def mix_material(
    material: Buffers, row: Row, region: int, gap: Values, edge: float, num_points: int
) -> None:
    """Mix a primitive's colour in where `gap` > 0, over a transition as wide as `edge`."""
    scale = HALF / abs(edge)
    for channel in range(NUM_MIXED):
        if edge < ZERO:  # shapes without a colour of their own, such as plain carvings
            break
        value = row[COLOUR + channel] if channel < 3 else row[GLOSS]
        for j in range(num_points):
            share = max(ZERO, min(ONE, HALF + gap[j] * scale))
            material[channel, j] += share * (value - material[channel, j])
    if region >= 0:
        label = np.float32(region)
        for j in range(num_points):
            material[LABEL, j] = label if gap[j] > ZERO else material[LABEL, j]


@compiled
def merge_group(
    total: Values,
    material: Buffers,
    group: Values,
    group_material: Buffers,
    blend: float,
    edge: float,
    gap: Values,
    num_points: int,
) -> None:
    """Join a finished group to what came before: distance, colour and region."""
    scale = HALF / edge
    for j in range(num_points):
        gap[j] = total[j] - group[j]
    for channel in range(NUM_MIXED):
        for j in range(num_points):
            share = max(ZERO, min(ONE, HALF + gap[j] * scale))
            material[channel, j] += share * (group_material[channel, j] - material[channel, j])
    for j in range(num_points):
        material[LABEL, j] = group_material[LABEL, j] if gap[j] > ZERO else material[LABEL, j]
    unite(total, group, blend, num_points)


@compiled
def apply_primitive(
    row: Row,
    operation: int,
    region: int,
    group: Values,
    single: Values,
    material: Buffers,
    gap: Values,
    num_points: int,
) -> None:
    """Add one primitive to the running group."""
    if operation == UNION:
        for j in range(num_points):
            gap[j] = group[j] - single[j]
        unite(group, single, row[BLEND], num_points)
    elif operation == PAINT:
        for j in range(num_points):
            gap[j] = -single[j]
    else:
        for j in range(num_points):
            gap[j] = -single[j] - group[j]
        carve(group, single, row[BLEND], num_points)
    mix_material(material, row, region, gap, row[EDGE], num_points)


@compiled
def field_material(
    scene: SceneArrays,
    chosen: Chosen,
    num_chosen: int,
    points: Points,
    num_points: int,
    work: Buffers,
    material: Buffers,
) -> None:
    """Colour, gloss and region at `points`, into `material` [10, packet] rows 0 to 4.

    Follows `primitives.field_distance` step by step; paint changes colour and region only, and
    only of the group it stands in. The region is that of the nearest primitive, or of the paint.
    """
    total, group, single, gap = work[0], work[1], work[2], work[3]
    whole, grouped = material[:MATERIAL_LENGTH], material[MATERIAL_LENGTH:]
    material[:, :num_points] = ZERO  # a garbage start would survive mixing with a share of one
    for j in range(num_points):
        total[j] = FAR
    current = -1
    for i in range(num_chosen):
        index = chosen[i]
        if scene.codes[index, GROUP] != current:
            if current >= 0:
                blend, edge = scene.groups[current, 0], scene.groups[current, 1]
                merge_group(total, whole, group, grouped, blend, edge, gap, num_points)
            current = scene.codes[index, GROUP]
            for j in range(num_points):
                group[j] = FAR
            grouped[:, :num_points] = ZERO
        row = scene.rows[index]
        primitive_distance(row, scene.codes[index, KIND], points, num_points, single)
        operation, region = scene.codes[index, OPERATION], scene.codes[index, REGION]
        apply_primitive(row, operation, region, group, single, grouped, gap, num_points)
    if current >= 0:
        blend, edge = scene.groups[current, 0], scene.groups[current, 1]
        merge_group(total, whole, group, grouped, blend, edge, gap, num_points)


@compiled
def display(value: float) -> float:
    """Display value of a linear intensity: a soft shoulder, then gamma 2."""
    squared = value * value
    return math.sqrt(value / math.sqrt(math.sqrt(ONE + squared * squared)))


@compiled
def background(
    backdrop: Float32[np.ndarray, "3 3"], sx: float, sy: float, colours: Points, j: int
) -> None:
    """Soft vertical gradient with a glow behind the head."""
    height = HALF + HALF * sy
    glow = backdrop[2, 0] / (ONE + np.float32(1.6) * (sx * sx + sy * sy))
    for channel in range(3):
        base = backdrop[0, channel] + height * (backdrop[1, channel] - backdrop[0, channel])
        colours[channel, j] = display(max(ZERO, base * (ONE + glow)))


@compiled
def surface_normals(
    scene: SceneArrays,
    chosen: Chosen,
    num_chosen: int,
    points: Points,
    num_points: int,
    normals: Points,
    work: Buffers,
    moved: Points,
) -> None:
    """Unit normals by differences of the distance field along a tetrahedron's corners."""
    normals[:, :num_points] = ZERO
    for corner in range(4):
        sx = ONE if corner == 0 or corner == 3 else -ONE
        sy = ONE if corner == 1 or corner == 3 else -ONE
        sz = ONE if corner == 2 or corner == 3 else -ONE
        for j in range(num_points):
            moved[0, j] = points[0, j] + sx * NORMAL_STEP
            moved[1, j] = points[1, j] + sy * NORMAL_STEP
            moved[2, j] = points[2, j] + sz * NORMAL_STEP
        field_distance(scene, chosen, num_chosen, moved, num_points, work)
        for j in range(num_points):
            normals[0, j] += sx * work[0, j]
            normals[1, j] += sy * work[0, j]
            normals[2, j] += sz * work[0, j]
    for j in range(num_points):
        x, y, z = normals[0, j], normals[1, j], normals[2, j]
        inverse = ONE / math.sqrt(x * x + y * y + z * z + np.float32(1e-12))
        normals[0, j], normals[1, j], normals[2, j] = x * inverse, y * inverse, z * inverse


@compiled
def occlusion(
    scene: SceneArrays,
    chosen: Chosen,
    num_chosen: int,
    points: Points,
    normals: Points,
    num_points: int,
    openness: Values,
    work: Buffers,
    moved: Points,
) -> None:
    """Ambient occlusion: how much nearer than expected the surface is at two steps outwards."""
    openness[:num_points] = ONE
    for tap in range(2):
        reach = OCCLUSION_NEAR if tap == 0 else OCCLUSION_FAR
        weight = scene.style[OCCLUSION] * HALF / reach
        for axis in range(3):
            for j in range(num_points):
                moved[axis, j] = points[axis, j] + normals[axis, j] * reach
        field_distance(scene, chosen, num_chosen, moved, num_points, work)
        for j in range(num_points):
            openness[j] -= weight * max(ZERO, reach - work[0, j])


@compiled
def shadows(scene: SceneArrays, points: Points, num_points: int, lit: Values) -> None:
    """Soft shadows of the casting ellipsoids: how near to each the way to the light passes.

    In the frame where the ellipsoid is a unit sphere the nearest approach has a closed form.
    """
    lit[:num_points] = ONE
    for i in range(scene.rows.shape[0]):
        row = scene.rows[i]
        if row[CASTS] <= ZERO:
            continue
        ray, start, frame = np.zeros(3, np.float32), np.zeros(3, np.float32), row[AXES : AXES + 9]
        for axis in range(3):
            for k in range(3):
                ray[axis] += frame[3 * axis + k] * scene.light[k] / row[SIZE + axis]
                start[axis] -= frame[3 * axis + k] * row[CENTER + k] / row[SIZE + axis]
        length = ray[0] * ray[0] + ray[1] * ray[1] + ray[2] * ray[2]
        depth = row[CASTS] * scene.style[SHADOW]
        ix, iy, iz = ONE / row[SIZE], ONE / row[SIZE + 1], ONE / row[SIZE + 2]
        for j in range(num_points):
            a, b, c = points[0, j], points[1, j], points[2, j]
            x = start[0] + (frame[0] * a + frame[1] * b + frame[2] * c) * ix
            y = start[1] + (frame[3] * a + frame[4] * b + frame[5] * c) * iy
            z = start[2] + (frame[6] * a + frame[7] * b + frame[8] * c) * iz
            ahead = -(x * ray[0] + y * ray[1] + z * ray[2]) / length
            x, y, z = x + ahead * ray[0], y + ahead * ray[1], z + ahead * ray[2]
            inside = (np.float32(1.15) - math.sqrt(x * x + y * y + z * z)) * np.float32(2.2)
            inside = max(ZERO, min(ONE, inside))
            begin = max(ZERO, min(ONE, ahead * np.float32(2.0)))
            covered = inside * inside * (THREE - inside - inside)
            lit[j] *= ONE - depth * covered * begin


@compiled
def illuminate(
    scene: SceneArrays,
    normals: Points,
    directions: Points,
    outlined: Labels,
    openness: Values,
    lit: Values,
    num_points: int,
    material: Buffers,
) -> None:
    """Turn material colours into display values in place."""
    style, light = scene.style, scene.light
    for j in range(num_points):
        nx, ny, nz = normals[0, j], normals[1, j], normals[2, j]
        vx, vy, vz = -directions[0, j], -directions[1, j], -directions[2, j]
        towards = nx * light[0] + ny * light[1] + nz * light[2]
        hx, hy, hz = light[0] + vx, light[1] + vy, light[2] + vz
        half = (nx * hx + ny * hy + nz * hz) / math.sqrt(hx * hx + hy * hy + hz * hz)
        half = max(ZERO, half)
        half = half * half * half * half
        half = half * half * half * half
        shine = style[SHINE] * material[3, j] * half * lit[j] * (HALF + half)
        edge = ONE - max(ZERO, nx * vx + ny * vy + nz * vz)
        rim = style[RIM] * edge * edge * edge * (HALF + HALF * ny)
        band = max(ZERO, min(ONE, (towards + np.float32(0.25)) * THREE))
        upward = HALF + HALF * ny
        drawn = ONE - style[LINE_DARKNESS] if outlined[j] else ONE
        for channel in range(3):
            wrap = WRAP[channel]
            diffuse = max(ZERO, towards + wrap) / (ONE + wrap)
            diffuse += style[FLATNESS] * (np.float32(0.85) * band - diffuse)
            ambient = GROUND[channel] + upward * (SKY[channel] - GROUND[channel])
            arriving = style[AMBIENT] * ambient * openness[j]
            arriving += style[KEY] * diffuse * lit[j] * (HALF + HALF * openness[j])
            colour = material[channel, j] * (arriving + rim) + shine + QUARTER * QUARTER * rim
            material[channel, j] = display(max(ZERO, colour)) * drawn


@compiled
def shade(
    scene: SceneArrays,
    lists: Lists,
    counts: tuple[int, int],
    points: Points,
    directions: Points,
    outlined: Labels,
    num_points: int,
    buffers: Buffers,
) -> Buffers:
    """Material buffer of the points, with colours turned into display values."""
    work, moved, normals = buffers[8:15], buffers[5:8], buffers[21:24]
    openness, lit, material = buffers[24], buffers[25], buffers[26:36]
    surface_normals(scene, lists[0], counts[0], points, num_points, normals, work, moved)
    field_material(scene, lists[0], counts[0], points, num_points, work, material)
    occlusion(scene, lists[1], counts[1], points, normals, num_points, openness, work, moved)
    shadows(scene, points, num_points, lit)
    illuminate(scene, normals, directions, outlined, openness, lit, num_points, material)
    return material
