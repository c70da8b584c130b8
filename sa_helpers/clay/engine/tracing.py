"""Sphere tracing of a scene: tiles, culling, marching and anti-aliasing.

An image is cut into tiles. For each tile the primitives that can matter there are chosen by
their bounding boxes, and all rays of the tile march together. A first pass takes one sample at
each pixel's centre (which also gives the mask); a second takes four samples where neighbours
differ. Nothing depends on other images or on threads, so the same scene gives the same bytes.
Source: Hart 1996, "Sphere tracing".
"""

import math

import numpy as np
from jaxtyping import Float32, UInt8

from sa_helpers.clay.engine.kernels import (
    Buffers,
    Chosen,
    Culled,
    Labels,
    Lists,
    Packet,
    Points,
    SceneArrays,
    Values,
    compiled,
)
from sa_helpers.clay.engine.primitives import (
    CENTER,
    EXTENT,
    FAR,
    HALF,
    ONE,
    REACH,
    ZERO,
    field_distance,
)
from sa_helpers.clay.engine.shading import (
    LABEL,
    LINE_WIDTH,
    OCCLUSION_REACH,
    STEPS,
    background,
    shade,
)

TILE = 8
CONTRAST = np.float32(0.06)  # difference between neighbours that asks for four samples
OBLIQUE = np.float32(1.06)  # rays at the border are this much longer than those at the centre
START_SLACK = np.float32(0.12)  # samples begin this much before the nearest hit beside them
PACKET = 4 * TILE * TILE
DEPTH_STEPS = 40
HIT_DISTANCE = np.float32(0.003)
STEP_SCALE = np.float32(0.92)  # the distance to an ellipsoid is of first order only
MAX_CHOSEN = 512


@compiled
def ray_direction(
    camera: Float32[np.ndarray, "4 3"], sx: float, sy: float, direction: Points, j: int
) -> None:
    """Unit direction of the ray through the screen point (sx, sy), both in [-1, 1]."""
    x = camera[3, 0] + sx * camera[1, 0] + sy * camera[2, 0]
    y = camera[3, 1] + sx * camera[1, 1] + sy * camera[2, 1]
    z = camera[3, 2] + sx * camera[1, 2] + sy * camera[2, 2]
    inverse = ONE / math.sqrt(x * x + y * y + z * z)
    direction[0, j], direction[1, j], direction[2, j] = x * inverse, y * inverse, z * inverse


@compiled
def view_place(
    camera: Float32[np.ndarray, "4 3"], sx: float, sy: float
) -> tuple[np.float32, np.float32]:
    """Where the screen point (sx, sy) lies in the view of a camera neither shifted nor flipped."""
    upright = ONE if camera[2, 1] > ZERO else -ONE
    return sx + camera[3, 0] / camera[1, 0], upright * sy + camera[3, 1] / abs(camera[2, 1])


@compiled
def choose_primitives(
    scene: SceneArrays,
    left: float,
    right: float,
    bottom: float,
    top: float,
    margin: float,
    chosen: Chosen,
) -> tuple[int, np.float32, np.float32]:
    """Choose the primitives whose bounding box meets the pyramid behind a tile.

    The tile is given by its borders, as `view_place` has them.

    Returns:
        Their number and the interval of the ray parameter in which they lie.
    """
    camera, count, near, far = scene.camera, 0, FAR, ZERO
    across, upward = camera[1, 0], abs(camera[2, 1])
    for i in range(scene.rows.shape[0]):
        row = scene.rows[i]
        reach = row[REACH] + margin
        x, y = row[CENTER] - camera[0, 0], row[CENTER + 1] - camera[0, 1]
        depth = camera[0, 2] - row[CENTER + 2]
        wide, high, deep = row[EXTENT] + reach, row[EXTENT + 1] + reach, row[EXTENT + 2] + reach
        front, back = depth - deep, depth + deep
        if (
            x + wide < across * min(left * front, left * back)
            or x - wide > across * max(right * front, right * back)
            or y + high < upward * min(bottom * front, bottom * back)
            or y - high > upward * max(top * front, top * back)
        ):
            continue
        chosen[count] = i
        count += 1
        near, far = min(near, front), max(far, back * OBLIQUE)
    return count, max(near, ZERO), far


@compiled
def cull_tile(
    scene: SceneArrays, top: int, left: int, size: int, resolution: int, lists: Lists
) -> tuple[tuple[int, int], tuple[np.float32, np.float32]]:
    """Choose primitives for one tile: those that rays can meet, and those that can occlude."""
    unit = np.float32(2.0) / np.float32(resolution)
    low, high = ONE - np.float32(top + size) * unit, ONE - np.float32(top) * unit
    x0, ya = view_place(scene.camera, np.float32(left) * unit - ONE, low)
    x1, yb = view_place(scene.camera, np.float32(left + size) * unit - ONE, high)
    y0, y1 = min(ya, yb), max(ya, yb)
    count, near, far = choose_primitives(scene, x0, x1, y0, y1, scene.style[LINE_WIDTH], lists[0])
    wide, _, _ = choose_primitives(scene, x0, x1, y0, y1, OCCLUSION_REACH, lists[1])
    return (count, wide), (near, far)


@compiled
def needs_samples(
    colours: Float32[np.ndarray, "3 height width"],
    labels: UInt8[np.ndarray, "height width"],
    y: int,
    x: int,
) -> bool:
    """Whether a pixel differs from one of its eight neighbours."""
    resolution = labels.shape[0]
    for v in range(max(y - 1, 0), min(y + 2, resolution)):
        for u in range(max(x - 1, 0), min(x + 2, resolution)):
            if labels[v, u] != labels[y, x]:
                return True
            for channel in range(3):
                if abs(colours[channel, v, u] - colours[channel, y, x]) > CONTRAST:
                    return True
    return False


@compiled
def safe_start(
    depths: Float32[np.ndarray, "height width"], y: int, x: int, near: np.float32
) -> np.float32:
    """Depth a little before the nearest hit among a pixel and its neighbours."""
    resolution, nearest = depths.shape[0], FAR
    for v in range(max(y - 1, 0), min(y + 2, resolution)):
        for u in range(max(x - 1, 0), min(x + 2, resolution)):
            if depths[v, u] >= ZERO:
                nearest = min(nearest, depths[v, u])
    return np.float32(max(near, nearest - START_SLACK) if nearest < FAR else near)


@compiled
def march(
    scene: SceneArrays,
    chosen: Chosen,
    num_chosen: int,
    far: float,
    directions: Points,
    num_rays: int,
    depth: Values,
    outlined: Labels,
    buffers: Buffers,
) -> None:
    """March rays, from the given `depth` on, until they touch the scene; a miss has depth -1."""
    rays, points, work = buffers[0:5], buffers[5:8], buffers[8:15]
    for j in range(num_rays):
        rays[0, j], rays[1, j], rays[2, j] = directions[0, j], directions[1, j], directions[2, j]
        rays[3, j], rays[4, j] = depth[j], FAR
        depth[j], outlined[j] = -ONE, 0
    order = np.arange(num_rays)
    active, width, num_steps = num_rays, scene.style[LINE_WIDTH], int(scene.style[STEPS])
    for step in range(num_steps):
        for axis in range(3):
            for j in range(active):
                points[axis, j] = scene.camera[0, axis] + rays[axis, j] * rays[3, j]
        field_distance(scene, chosen, num_chosen, points, active, work)
        kept = 0
        for j in range(active):
            gap, travelled, ray = work[0, j], rays[3, j], order[j]
            touches = gap < HIT_DISTANCE or (step == num_steps - 1 and gap < 10 * HIT_DISTANCE)
            grazes = rays[4, j] < width and gap > rays[4, j]
            if touches or grazes:
                depth[ray] = travelled
                outlined[ray] = not touches
            elif travelled + gap < far:
                rays[0, kept], rays[1, kept], rays[2, kept] = rays[0, j], rays[1, j], rays[2, j]
                rays[3, kept], rays[4, kept] = travelled + gap * STEP_SCALE, gap
                order[kept] = ray
                kept += 1
        active = kept
        if active == 0:
            break


@compiled
def trace_packet(
    scene: SceneArrays,
    num_rays: int,
    lists: Lists,
    counts: tuple[int, int],
    far: float,
    packet: Packet,
    buffers: Buffers,
) -> None:
    """Trace the rays of a packet: screen places, depths, colours and labels.

    `packet` is a tuple of screen places [2, n], depths [n] (where to start; then where the ray
    ended, -1 for a miss), colours [3, n] (display values in 0 to 1) and labels [n].
    """
    screen, depth, colours, labels = packet
    directions, hits = buffers[15:18], buffers[18:21]
    flags = np.empty(num_rays, np.uint8)
    for j in range(num_rays):
        ray_direction(scene.camera, screen[0, j], screen[1, j], directions, j)
        x, y = view_place(scene.camera, screen[0, j], screen[1, j])
        background(scene.backdrop, x, y, colours, j)
        labels[j] = np.uint8(scene.backdrop[2, 1])
    march(scene, lists[0], counts[0], far, directions, num_rays, depth, flags, buffers)
    index, num_hits = np.empty(num_rays, np.int64), 0
    for j in range(num_rays):
        if depth[j] >= ZERO:
            for axis in range(3):
                hits[axis, num_hits] = scene.camera[0, axis] + directions[axis, j] * depth[j]
                directions[axis, num_hits] = directions[axis, j]
            index[num_hits], flags[num_hits] = j, flags[j]
            num_hits += 1
    if num_hits > 0:
        shaded = shade(scene, lists, counts, hits, directions, flags, num_hits, buffers)
        for k in range(num_hits):
            labels[index[k]] = np.uint8(shaded[LABEL, k])
            for channel in range(3):
                colours[channel, index[k]] = shaded[channel, k]


@compiled
def trace_centres(
    scene: SceneArrays,
    top: int,
    left: int,
    size: int,
    culled: Culled,
    colours: Float32[np.ndarray, "3 height width"],
    depths: Float32[np.ndarray, "height width"],
    labels: UInt8[np.ndarray, "height width"],
    packet: Packet,
    buffers: Buffers,
) -> None:
    """Take one sample at the centre of each pixel of a tile."""
    screen, packet_depths, packet_colours, packet_labels = packet
    lists, counts, interval = culled
    unit = np.float32(2.0) / np.float32(labels.shape[0])
    for j in range(size * size):
        screen[0, j] = (np.float32(left + j % size) + HALF) * unit - ONE
        screen[1, j] = ONE - (np.float32(top + j // size) + HALF) * unit
        packet_depths[j] = interval[0]
    trace_packet(scene, size * size, lists, counts, interval[1], packet, buffers)
    for j in range(size * size):
        y, x = top + j // size, left + j % size
        labels[y, x], depths[y, x] = packet_labels[j], packet_depths[j]
        for channel in range(3):
            colours[channel, y, x] = packet_colours[channel, j]


@compiled
def refine_tile(
    scene: SceneArrays,
    top: int,
    left: int,
    size: int,
    culled: Culled,
    colours: Float32[np.ndarray, "3 height width"],
    depths: Float32[np.ndarray, "height width"],
    labels: UInt8[np.ndarray, "height width"],
    refined: Float32[np.ndarray, "3 height width"],
    packet: Packet,
    buffers: Buffers,
) -> None:
    """Replace pixels at edges by the mean of four samples."""
    screen, packet_depths, packet_colours, _ = packet
    lists, counts, interval = culled
    unit = np.float32(2.0) / np.float32(labels.shape[0])
    pixels, count = np.empty((2, size * size), np.int64), 0
    for j in range(size * size):
        y, x = top + j // size, left + j % size
        if needs_samples(colours, labels, y, x):
            pixels[0, count], pixels[1, count] = y, x
            start = safe_start(depths, y, x, interval[0])
            for k in range(4):
                packet_depths[4 * count + k] = start
                shift_x = np.float32(0.25 + 0.5 * (k % 2))
                shift_y = np.float32(0.25 + 0.5 * (k // 2))
                screen[0, 4 * count + k] = (np.float32(x) + shift_x) * unit - ONE
                screen[1, 4 * count + k] = ONE - (np.float32(y) + shift_y) * unit
            count += 1
    if count == 0:
        return
    trace_packet(scene, 4 * count, lists, counts, interval[1], packet, buffers)
    for j in range(count):
        for channel in range(3):
            total = ZERO
            for k in range(4):
                total += packet_colours[channel, 4 * j + k]
            refined[channel, pixels[0, j], pixels[1, j]] = total * np.float32(0.25)


@compiled
def trace_image(
    scene: SceneArrays,
    image: UInt8[np.ndarray, "height width 3"],
    mask: UInt8[np.ndarray, "height width"],
) -> None:
    """Render a scene into `image` uint8 [h, w, 3] and `mask` uint8 [h, w] (h = w)."""
    resolution = mask.shape[0]
    size = min(TILE, resolution)
    per_side = resolution // size
    lists = np.empty((per_side * per_side, 2, MAX_CHOSEN), np.int64)
    counts = np.empty((per_side * per_side, 2), np.int64)
    intervals = np.empty((per_side * per_side, 2), np.float32)
    buffers = np.empty((48, PACKET), np.float32)
    packet = (
        np.empty((2, PACKET), np.float32),
        np.empty(PACKET, np.float32),
        np.empty((3, PACKET), np.float32),
        np.empty(PACKET, np.uint8),
    )
    colours = np.empty((3, resolution, resolution), np.float32)
    depths = np.empty((resolution, resolution), np.float32)
    for tile in range(per_side * per_side):
        top, left = size * (tile // per_side), size * (tile % per_side)
        chosen, interval = cull_tile(scene, top, left, size, resolution, lists[tile])
        counts[tile, 0], counts[tile, 1] = chosen
        intervals[tile, 0], intervals[tile, 1] = interval
        culled = (lists[tile], chosen, interval)
        trace_centres(scene, top, left, size, culled, colours, depths, mask, packet, buffers)
    refined = colours.copy()
    for tile in range(per_side * per_side):
        top, left = size * (tile // per_side), size * (tile % per_side)
        chosen = (counts[tile, 0], counts[tile, 1])
        culled = (lists[tile], chosen, (intervals[tile, 0], intervals[tile, 1]))
        refine_tile(scene, top, left, size, culled, colours, depths, mask, refined, packet, buffers)
    for y in range(resolution):
        for x in range(resolution):
            for channel in range(3):
                value = max(ZERO, min(ONE, refined[channel, y, x]))
                image[y, x, channel] = np.uint8(value * np.float32(255.0) + HALF)


@compiled
def trace_depths(scene: SceneArrays, origins: Points, directions: Points, depths: Values) -> None:
    """Depth at which each ray [3, n] (n up to a packet) first meets the scene, or -1."""
    num_rays = depths.shape[0]
    points, work = np.empty((3, num_rays), np.float32), np.empty((7, num_rays), np.float32)
    chosen = np.arange(scene.rows.shape[0])
    depths[:] = ZERO
    for _ in range(DEPTH_STEPS):
        for axis in range(3):
            for j in range(num_rays):
                points[axis, j] = origins[axis, j] + directions[axis, j] * depths[j]
        field_distance(scene, chosen, chosen.shape[0], points, num_rays, work)
        for j in range(num_rays):
            depths[j] += work[0, j] * STEP_SCALE
    for j in range(num_rays):
        if work[0, j] > 10 * HIT_DISTANCE:
            depths[j] = -ONE
