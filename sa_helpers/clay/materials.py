"""Colour, gloss and region of surface points, for packets of points."""

import numpy as np

from sa_helpers.clay.arrays import Buffers, Chosen, Points, Row, SceneArrays, Values
from sa_helpers.clay.compiling import compiled
from sa_helpers.clay.primitives import (
    BLEND,
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
    UNION,
    ZERO,
    carve,
    primitive_distance,
    unite,
)

# Rows of a material buffer: red, green, blue, gloss, then region.
NUM_MIXED, LABEL, MATERIAL_LENGTH = 4, 4, 5


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
