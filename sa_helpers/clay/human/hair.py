"""Hair and beard of a human bust."""

import math

from sa_helpers.clay.engine import SIDES, Factors, Look, Scene, Vector, rotation
from sa_helpers.clay.engine import primitives as P
from sa_helpers.clay.human.head import Features, age_share, face_width, hair_look

BALD = 0.06


def add_hair(scene: Scene, factors: Factors) -> None:
    """Add a cap with a hairline, then sides, length, fringe and curls."""
    length = factors["hair_length"]
    if length < BALD:
        return
    look = hair_look(factors)
    scene.start_group(blend=0.02, edge=0.02)
    wide = face_width(factors)
    thick = 0.03 + 0.09 * min(1.0, length / 0.5)
    age = age_share(factors)
    scene.add_ellipsoid(
        (0, 0.24 + 0.5 * thick, -0.15),
        (0.79 * wide + 0.8 * thick, 0.80 + thick, 0.85 + 0.7 * thick),
        casts=0.4,
        **look,
    )
    if length > 0.45:
        add_length(scene, factors, look, wide)
    receding = 0.10 * age * (length < 0.45)
    scene.add_ellipsoid(
        (0, -0.30 + receding, 0.80), (0.60 * wide, 0.85, 0.66), blend=0.10, operation=P.CARVE
    )
    if length <= 0.45:
        scene.add_ellipsoid((0, -0.9, 0.1), (1.4, 0.75, 1.3), blend=0.05, operation=P.CARVE)
    if factors["fringe"]:
        add_fringe(scene, factors, look, wide)
    elif length > 0.2:
        add_quiff(scene, factors, look, wide, thick)
    if factors["curl"] > 0.0:
        add_curls(scene, factors, look, wide, thick)


def add_length(scene: Scene, factors: Factors, look: Look, wide: float) -> None:
    """Add the curtain behind the neck and the strands at the sides."""
    reach = (factors["hair_length"] - 0.45) / 0.55
    end_y = -0.55 - 1.1 * reach
    for side in SIDES:
        scene.add_capsule(
            (side * 0.36 * wide, 0.0, -0.44),
            (side * 0.38 * wide, end_y, -0.36),
            (0.40, 0.36),
            blend=0.2,
            **look,
        )
    bend_y = 0.5 * (0.1 + end_y)
    for side in SIDES:
        top = (side * 0.72 * wide, 0.20, -0.10)
        bend = (side * 0.75 * wide, bend_y, -0.02)
        end = (side * 0.66 * wide, end_y, 0.10)
        scene.add_capsule(top, bend, (0.20, 0.21), blend=0.15, **look)
        scene.add_capsule(bend, end, (0.21, 0.15), blend=0.12, **look)
        if factors["curl"] > 0.0:
            add_ringlets(scene, bend, end, factors, look)


def add_ringlets(scene: Scene, start: Vector, end: Vector, factors: Factors, look: Look) -> None:
    """Add curls alternating along a strand."""
    for index in range(4):
        share = (index + 0.5) / 4
        x, y, z = (a + (b - a) * share for a, b in zip(start, end, strict=True))
        outwards = math.copysign(0.11 if index % 2 else -0.02, x)
        scene.add_sphere(
            (x + outwards, y, z + 0.09), 0.12 + 0.05 * factors["curl"], blend=0.06, **look
        )


def add_fringe(scene: Scene, factors: Factors, look: Look, wide: float) -> None:
    """Add a fringe of overlapping locks, leaning away from the parting."""
    lean = 14.0 * factors["parting"]
    for index in range(5):
        angle = (index - 2) * 0.36
        x, z = math.sin(angle) * 0.74 * wide, math.cos(angle) * 0.80 - 0.1
        scene.add_ellipsoid(
            (x, 0.52 - 0.05 * abs(index - 2) * 0.5, z),
            (0.20, 0.24, 0.13),
            turn=rotation(yaw_deg=math.degrees(angle), pitch_deg=20.0, roll_deg=lean),
            blend=0.05,
            **look,
        )


def add_quiff(scene: Scene, factors: Factors, look: Look, wide: float, thick: float) -> None:
    """Add two combed masses above the hairline, larger on one side."""
    side = 1.0 if factors["parting"] >= 0 else -1.0
    amount = 0.4 + 0.6 * abs(factors["parting"])
    scene.add_ellipsoid(
        (side * 0.22, 0.80, 0.42),
        (0.48 * wide, 0.14 + 0.8 * thick * amount, 0.26),
        turn=rotation(roll_deg=-side * 16.0),
        blend=0.12,
        **look,
    )
    scene.add_ellipsoid(
        (-side * 0.46 * wide, 0.66, 0.36),
        (0.24, 0.24, 0.22),
        turn=rotation(roll_deg=side * 40.0),
        blend=0.12,
        **look,
    )


def add_curls(scene: Scene, factors: Factors, look: Look, wide: float, thick: float) -> None:
    """Add bumps over the cap along a spiral that turns to the side of the parting."""
    size = 0.10 + 0.10 * factors["curl"] * min(1.0, factors["hair_length"] / 0.4)
    golden = math.copysign(math.pi * (3.0 - math.sqrt(5.0)), factors["parting"])
    for index in range(40):
        y = 1.0 - 1.5 * (index + 0.5) / 40
        radius, angle = math.sqrt(max(0.0, 1.0 - y * y)), golden * index
        x, z = radius * math.sin(angle), radius * math.cos(angle)
        if z > 0.35 and y < 0.62:
            continue
        scene.add_sphere(
            (x * (0.80 * wide + thick), 0.26 + y * (0.80 + thick), -0.15 + z * (0.84 + thick)),
            size,
            blend=0.05,
            **look,
        )


def add_beard(scene: Scene, factors: Factors, features: Features) -> None:
    """Paint stubble, or add a beard and moustache of clay."""
    amount = factors["beard"]
    if amount <= 0.0:
        return
    look = hair_look(factors)
    wide = features["wide"]
    full = max(0.0, (amount - 0.35) / 0.65)
    scene.start_group(blend=0.02, edge=0.03)
    thick = 0.01 + 0.07 * full
    scene.add_ellipsoid(
        (0, -0.66 - 0.10 * full, 0.30),
        (0.44 * wide + thick, 0.32 + 0.1 * full, 0.40 + thick),
        blend=0.1,
        **look,
    )
    scene.add_ellipsoid((0, -0.42, 0.80), (0.33, 0.21, 0.3), blend=0.08, operation=P.CARVE)
    _, y, z = features["moustache"]
    for side in SIDES:
        scene.add_capsule(
            (side * 0.66 * wide, 0.0, 0.0),
            (side * 0.40 * wide, -0.58, 0.24),
            (0.06, 0.16 + thick),
            blend=0.10,
            **look,
        )
        scene.add_capsule(
            (side * 0.03, y, z + 0.02),
            (side * 0.24, y - 0.08, z - 0.04),
            (0.05, 0.035),
            blend=0.03,
            **look,
        )
