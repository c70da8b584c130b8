"""Period costume of a painted person, from factors: bodice, collars, ruffs and chains."""

import math
from collections.abc import Mapping
from typing import Any

from sa_helpers.clay import primitives as P
from sa_helpers.clay.human_looks import SIDES, Factors, skin_colour
from sa_helpers.clay.human_parts import add_torso, torso_width
from sa_helpers.clay.palettes import Colour, mix, scaled
from sa_helpers.clay.scene import Scene, rotation

Look = Mapping[str, Any]
COSTUME: dict[str, Colour] = {
    "black": (0.17, 0.15, 0.16),
    "umber": (0.36, 0.24, 0.16),
    "wine": (0.48, 0.12, 0.14),
    "green": (0.18, 0.32, 0.22),
    "blue": (0.18, 0.27, 0.46),
    "ochre": (0.66, 0.46, 0.18),
}
LINEN: Colour = (0.95, 0.92, 0.84)
GOLD: Colour = (0.90, 0.70, 0.26)


def costume_colour(factors: Factors) -> Colour:
    """Colour of the costume."""
    return scaled(COSTUME[factors["costume"]], 1.0 + 0.16 * factors["costume_shade"])


def add_costume(scene: Scene, factors: Factors) -> None:
    """Add neck, shoulders, the collar and perhaps a chain."""
    colour = costume_colour(factors)
    add_torso(scene, factors, colour)
    for side in SIDES:
        scene.add_ellipsoid(
            (side * 1.02 * torso_width(factors), -1.72, -0.12), (0.36, 0.42, 0.42), blend=0.12,
            colour=scaled(colour, 1.08), region="cloth", gloss=0.15,
        )  # fmt: skip
    COLLARS[factors["collar"]](scene, factors, colour)
    if factors["chain"]:
        add_chain(scene, factors)


def add_ruff(scene: Scene, factors: Factors, colour: Colour) -> None:
    """Add a pleated disc of linen under the chin."""
    scene.start_group(blend=0.01, edge=0.015)
    look: dict[str, Any] = {"colour": LINEN, "region": "cloth", "gloss": 0.05}
    reach = 0.86 + 0.10 * factors["collar_size"]
    with scene.frame(rotation(pitch_deg=-14.0), pivot=(0.0, -1.06, -0.12)):
        scene.add_ellipsoid((0, -1.06, -0.12), (reach, 0.11, reach), **look)
        for index in range(26):
            angle = 2.0 * math.pi * index / 26
            x, z = reach * math.sin(angle), reach * math.cos(angle) - 0.12
            lift = 0.05 if index % 2 else -0.05
            scene.add_ellipsoid(
                (0.86 * x, -1.06 + lift, 0.86 * z),
                (0.085, 0.10, 0.30),
                turn=rotation(yaw_deg=math.degrees(angle)),
                blend=0.02,
                **look,
            )


def add_lace(scene: Scene, factors: Factors, colour: Colour) -> None:
    """Add a flat falling collar of linen, open in front."""
    scene.start_group(blend=0.01, edge=0.015)
    look: dict[str, Any] = {"colour": LINEN, "region": "cloth", "gloss": 0.05}
    drop = 0.04 * factors["collar_size"]
    for side in SIDES:
        scene.add_ellipsoid(
            (side * 0.42, -1.30 - drop, 0.10), (0.50, 0.10, 0.52 + drop),
            turn=rotation(roll_deg=-side * 24.0, pitch_deg=-26.0), blend=0.03, **look,
        )  # fmt: skip
    scene.add_ring(
        (0, -1.14, -0.15), (0.46, 0.44), 0.07, turn=rotation(pitch_deg=-78.0), blend=0.05, **look
    )


def add_fur(scene: Scene, factors: Factors, colour: Colour) -> None:
    """Add two bands of fur that meet on the chest."""
    scene.start_group(blend=0.02, edge=0.03)
    brown = mix((0.40, 0.27, 0.17), (0.78, 0.68, 0.54), 0.5 + 0.5 * factors["collar_size"])
    look: dict[str, Any] = {"colour": brown, "region": "cloth", "gloss": 0.05}
    for side in SIDES:
        for index in range(7):
            share = index / 6
            angle = math.radians(150.0 - 130.0 * share)
            scene.add_sphere(
                (
                    side * (0.14 + 0.50 * math.sin(angle)),
                    -1.14 - 0.42 * share**2,
                    -0.1 + 0.62 * share - 0.3 * (1.0 - share),
                ),
                0.19 + 0.02 * (index % 2),
                blend=0.06,
                **look,
            )


def add_neckline(scene: Scene, factors: Factors, colour: Colour) -> None:
    """Paint a low neckline with a linen hem."""
    paint: dict[str, Any] = {"edge": 0.02, "operation": P.PAINT}
    size = 1.0 + 0.12 * factors["collar_size"]
    for grow, tint, region in ((1.0, LINEN, "cloth"), (0.84, skin_colour(factors), "neck")):
        scene.add_ellipsoid(
            (0, -1.02, 0.34), (0.62 * size * grow, 0.46 * size * grow, 0.7), colour=tint,
            region=region, **paint,
        )  # fmt: skip


def add_cravat(scene: Scene, factors: Factors, colour: Colour) -> None:
    """Add a linen cravat: a band round the neck, and folds below the chin."""
    scene.start_group(blend=0.01, edge=0.015)
    look: dict[str, Any] = {"colour": LINEN, "region": "cloth", "gloss": 0.05}
    tilt = rotation(pitch_deg=-78.0)
    scene.add_ring((0, -1.10, -0.16), (0.43, 0.42), 0.10, turn=tilt, blend=0.05, **look)
    wide = 1.0 + 0.12 * factors["collar_size"]
    scene.add_sphere((0, -1.16, 0.33), 0.13, blend=0.03, **look)
    for x in (-0.10, 0.0, 0.10):
        bottom = (1.7 * x * wide, -1.62 + 0.6 * abs(x), 0.46 - 0.4 * abs(x))
        scene.add_capsule((0.4 * x, -1.18, 0.34), bottom, (0.06, 0.13 * wide), blend=0.015, **look)


def add_chain(scene: Scene, factors: Factors) -> None:
    """Add a golden chain with a pendant over the shoulders."""
    spots = [(0.62, -1.32), (0.44, -1.42), (0.22, -1.50), (0.0, -1.53)]
    depths = scene.front_depths(spots).tolist()
    scene.start_group(blend=0.01, edge=0.012)
    look: dict[str, Any] = {"colour": GOLD, "region": "cloth", "gloss": 0.9, "blend": 0.01}
    for (x, y), z in zip(spots, depths, strict=True):
        for side in SIDES if x else (1.0,):
            if not math.isnan(z):
                scene.add_sphere((side * x, y, z), 0.055 if x else 0.10, **look)


COLLARS = {
    "ruff": add_ruff,
    "lace": add_lace,
    "fur": add_fur,
    "neckline": add_neckline,
    "cravat": add_cravat,
}
