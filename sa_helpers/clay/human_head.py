"""The head of a human bust: skull, cheeks, chin, ears, nose and wrinkles."""

from sa_helpers.clay import primitives as P
from sa_helpers.clay.human_looks import SIDES, Factors, Look, age_share, face_width, skin_colour
from sa_helpers.clay.palettes import mix
from sa_helpers.clay.scene import Scene, rotation


def add_head(scene: Scene, factors: Factors) -> None:
    """Add skull, face, chin, cheeks, ears and nose."""
    wide, jaw = face_width(factors), factors["jaw"]
    age = age_share(factors)
    skin: Look = {"colour": skin_colour(factors), "region": "skin", "gloss": 0.22}
    scene.start_group(blend=0.05, edge=0.02)
    scene.add_ellipsoid((0, 0.22, -0.12), (0.78 * wide, 0.80, 0.84), casts=0.8, **skin)
    scene.add_ellipsoid((0, -0.25, 0.12), (0.58 * wide, 0.66, 0.62), blend=0.3, casts=0.5, **skin)
    scene.add_ellipsoid(
        (0, -0.74, 0.46 + 0.02 * jaw), (0.20 + 0.05 * jaw, 0.17, 0.19), blend=0.2, **skin
    )
    blush = mix(skin["colour"], (0.9, 0.35, 0.3), 0.22)
    for side in SIDES:
        scene.add_ellipsoid(
            (side * (0.345 + 0.06 * jaw) * wide, -0.50 - 0.05 * age, 0.12),
            (0.18, 0.20, 0.28),
            blend=0.25,
            **skin,
        )
        scene.add_ellipsoid(
            (side * 0.38 * wide, -0.20 - 0.06 * age, 0.54), (0.20, 0.17, 0.17), blend=0.2, **skin
        )
        scene.add_ellipsoid(
            (side * 0.30 * wide, 0.07, 0.86), (0.20, 0.15, 0.13), blend=0.16, operation=P.CARVE
        )
        scene.add_ellipsoid(
            (side * 0.42 * wide, -0.22, 0.66),
            (0.2, 0.16, 0.2),
            colour=blush,
            edge=0.16,
            operation=P.PAINT,
        )
    scene.add_ellipsoid((0, 0.27, 0.66), (0.42 * wide, 0.10, 0.10), blend=0.16, **skin)
    add_ears(scene, factors, skin, wide)
    add_nose(scene, factors, skin)
    add_wrinkles(scene, factors, wide)


def add_ears(scene: Scene, factors: Factors, skin: Look, wide: float) -> None:
    """Add ears with a shaded bowl."""
    size = 1.0 + 0.22 * factors["ear_size"]
    look = {**skin, "region": "ear"}
    for side in SIDES:
        turn = rotation(yaw_deg=side * 28.0, roll_deg=side * -8.0)
        x = side * (0.76 * wide + 0.02)
        scene.add_ellipsoid(
            (x, -0.02, -0.08),
            (0.09, 0.23 * size, 0.16 * size),
            turn=turn,
            blend=0.06,
            edge=0.03,
            **look,
        )
        scene.add_ellipsoid(
            (x + side * 0.09, 0.0, 0.02),
            (0.05, 0.13 * size, 0.09 * size),
            turn=turn,
            blend=0.05,
            colour=mix(skin["colour"], (0.6, 0.2, 0.15), 0.3),
            edge=0.06,
            operation=P.CARVE,
        )


def add_nose(scene: Scene, factors: Factors, skin: Look) -> None:
    """Add bridge, tip and wings of the nose."""
    size = 1.0 + 0.24 * factors["nose_size"]
    look = {**skin, "region": "nose", "colour": mix(skin["colour"], (0.9, 0.35, 0.3), 0.10)}
    scene.add_capsule(
        (0, 0.14, 0.72), (0, -0.15, 0.86), (0.07, 0.10 * size), blend=0.09, edge=0.15, **look
    )
    scene.add_ellipsoid(
        (0, -0.19, 0.86 + 0.03 * size),
        (0.125 * size, 0.11 * size, 0.13 * size),
        blend=0.06,
        edge=0.1,
        casts=0.5,
        **look,
    )
    for side in SIDES:
        scene.add_ellipsoid(
            (side * 0.108 * size, -0.215, 0.82),
            (0.066 * size, 0.062 * size, 0.085 * size),
            blend=0.05,
            edge=0.1,
            **look,
        )


def add_wrinkles(scene: Scene, factors: Factors, wide: float) -> None:
    """Fold the cheeks beside the nose and the forehead, deeper with age."""
    depth = (factors["age_years"] - 44.0) / 38.0
    if depth <= 0.0:
        return
    fold = [(0.17 * wide, -0.24), (0.31 * wide, -0.46)]
    lines = [(0.0, 0.50), (0.27 * wide, 0.48), (0.0, 0.62), (0.22 * wide, 0.60)]
    spots = [
        (x, y, z)
        for (x, y), z in zip(fold + lines, scene.front_depths(fold + lines).tolist(), strict=True)
    ]
    for side in SIDES:
        ends = [(side * x, y, z + 0.01) for x, y, z in spots]
        for start, end, radius in ((0, 1, 0.030), (2, 3, 0.024), (4, 5, 0.024)):
            scene.add_capsule(
                ends[start],
                ends[end],
                (radius * depth, radius * depth),
                blend=0.035,
                operation=P.CARVE,
            )
