"""A painted person from factors: costume and headwear, in the light of a window, on canvas."""

import math
from functools import partial

from sa_helpers.clay.engine import (
    BODY_PIVOT,
    HEAD_PIVOT,
    SIDES,
    Colour,
    Factors,
    Look,
    Scene,
    Style,
    mix,
    rotation,
    scaled,
    set_stage,
    turn_body,
    turn_head,
)
from sa_helpers.clay.engine import primitives as P
from sa_helpers.clay.engine.painting import Manner, paint_over
from sa_helpers.clay.human.bust import add_person, add_torso, torso_width
from sa_helpers.clay.human.head import face_width, skin_colour

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


def build_scene(factors: Factors) -> Scene:
    """Build the portrait that `factors` describe."""
    depth = factors["chiaroscuro"]
    style = Style(
        ambient=0.30 - 0.19 * depth, key=0.86 + 0.14 * depth, shadow=0.75, shine=0.35, rim=0.08
    )
    scene = Scene(style=style, finish=partial(paint_over, manner=manner_of(factors)))
    set_stage(scene, factors)
    with scene.frame(turn_body(factors), pivot=BODY_PIVOT):
        add_costume(scene, factors)
    with scene.frame(turn_head(factors), pivot=HEAD_PIVOT):
        add_person(scene, factors)
        HEADWEAR[factors["headwear"]](scene, factors)
    return scene


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
    COLLARS[factors["collar"]](scene, factors)
    if factors["chain"]:
        add_chain(scene)


def add_ruff(scene: Scene, factors: Factors) -> None:
    """Add a pleated disc of linen under the chin."""
    scene.start_group(blend=0.01, edge=0.015)
    look: Look = {"colour": LINEN, "region": "cloth", "gloss": 0.05}
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


def add_lace(scene: Scene, factors: Factors) -> None:
    """Add a flat falling collar of linen, open in front."""
    scene.start_group(blend=0.01, edge=0.015)
    look: Look = {"colour": LINEN, "region": "cloth", "gloss": 0.05}
    drop = 0.04 * factors["collar_size"]
    for side in SIDES:
        scene.add_ellipsoid(
            (side * 0.42, -1.30 - drop, 0.10), (0.50, 0.10, 0.52 + drop),
            turn=rotation(roll_deg=-side * 24.0, pitch_deg=-26.0), blend=0.03, **look,
        )  # fmt: skip
    scene.add_ring(
        (0, -1.14, -0.15), (0.46, 0.44), 0.07, turn=rotation(pitch_deg=-78.0), blend=0.05, **look
    )


def add_fur(scene: Scene, factors: Factors) -> None:
    """Add two bands of fur that meet on the chest."""
    scene.start_group(blend=0.02, edge=0.03)
    brown = mix((0.40, 0.27, 0.17), (0.78, 0.68, 0.54), 0.5 + 0.5 * factors["collar_size"])
    look: Look = {"colour": brown, "region": "cloth", "gloss": 0.05}
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


def add_neckline(scene: Scene, factors: Factors) -> None:
    """Paint a low neckline with a linen hem."""
    paint: Look = {"edge": 0.02, "operation": P.PAINT}
    size = 1.0 + 0.12 * factors["collar_size"]
    for grow, tint, region in ((1.0, LINEN, "cloth"), (0.84, skin_colour(factors), "neck")):
        scene.add_ellipsoid(
            (0, -1.02, 0.34), (0.62 * size * grow, 0.46 * size * grow, 0.7), colour=tint,
            region=region, **paint,
        )  # fmt: skip


def add_cravat(scene: Scene, factors: Factors) -> None:
    """Add a linen cravat: a band round the neck, and folds below the chin."""
    scene.start_group(blend=0.01, edge=0.015)
    look: Look = {"colour": LINEN, "region": "cloth", "gloss": 0.05}
    tilt = rotation(pitch_deg=-78.0)
    scene.add_ring((0, -1.10, -0.16), (0.43, 0.42), 0.10, turn=tilt, blend=0.05, **look)
    wide = 1.0 + 0.12 * factors["collar_size"]
    scene.add_sphere((0, -1.16, 0.33), 0.13, blend=0.03, **look)
    for x in (-0.10, 0.0, 0.10):
        bottom = (1.7 * x * wide, -1.62 + 0.6 * abs(x), 0.46 - 0.4 * abs(x))
        scene.add_capsule((0.4 * x, -1.18, 0.34), bottom, (0.06, 0.13 * wide), blend=0.015, **look)


def add_chain(scene: Scene) -> None:
    """Add a golden chain with a pendant over the shoulders."""
    spots = [(0.62, -1.32), (0.44, -1.42), (0.22, -1.50), (0.0, -1.53)]
    depths = scene.front_depths(spots).tolist()
    scene.start_group(blend=0.01, edge=0.012)
    look: Look = {"colour": GOLD, "region": "cloth", "gloss": 0.9, "blend": 0.01}
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


def hat_look(factors: Factors) -> Look:
    """Colour and region of hats, which are darker than the costume."""
    colour: Colour = mix(COSTUME[factors["hat_colour"]], (0.12, 0.10, 0.10), 0.25)
    return {"colour": colour, "region": "hat", "gloss": 0.08}


def add_nothing(scene: Scene, factors: Factors) -> None:
    """Leave the head bare."""


def add_cap(scene: Scene, factors: Factors) -> None:
    """Add a flat velvet cap that leans to the side of the parting, with a jewel."""
    look, wide = hat_look(factors), face_width(factors)
    lean = 1.0 if factors["parting"] >= 0.0 else -1.0
    scene.start_group(blend=0.02, edge=0.015)
    with scene.frame(rotation(roll_deg=-9.0 * lean, pitch_deg=8.0), pivot=(0.0, 0.6, -0.1)):
        scene.add_ellipsoid((0.10 * lean, 0.84, -0.16), (1.08 * wide, 0.24, 1.02), **look)
        scene.add_ellipsoid(
            (0, 0.66, -0.10), (0.92 * wide, 0.15, 0.92), blend=0.06,
            **{**look, "colour": scaled(look["colour"], 0.8)},
        )  # fmt: skip
        scene.add_sphere((0.5 * lean, 0.68, 0.68), 0.075, **{**look, "colour": GOLD, "gloss": 0.9})


def add_hat(scene: Scene, factors: Factors) -> None:
    """Add a hat with a wide brim and a band."""
    look, wide = hat_look(factors), face_width(factors)
    scene.start_group(blend=0.02, edge=0.015)
    with scene.frame(rotation(pitch_deg=10.0), pivot=(0.0, 0.6, -0.1)):
        scene.add_ellipsoid((0, 0.66, -0.12), (1.36 * wide, 0.075, 1.26), casts=0.4, **look)
        scene.add_ellipsoid((0, 0.78, -0.16), (0.84 * wide, 0.52, 0.82), blend=0.05, **look)
        scene.add_ellipsoid(
            (0, 0.80, -0.16), (1.0 * wide, 0.09, 1.0), colour=scaled(LINEN, 0.72), edge=0.02,
            operation=P.PAINT,
        )  # fmt: skip


def add_veil(scene: Scene, factors: Factors) -> None:
    """Add a veil of linen, or of dark cloth, that falls to the shoulders."""
    dark = factors["hat_colour"] in ("black", "blue")
    look = hat_look(factors) if dark else {**hat_look(factors), "colour": LINEN}
    wide = face_width(factors)
    scene.start_group(blend=0.02, edge=0.015)
    scene.add_ellipsoid((0, 0.32, -0.16), (1.03 * wide, 1.01, 1.15), casts=0.3, **look)
    for side in SIDES:
        scene.add_capsule(
            (side * 0.74 * wide, 0.1, -0.28), (side * 0.82, -1.25, -0.22), (0.32, 0.36), blend=0.2,
            **look,
        )  # fmt: skip
    scene.add_capsule((0, 0.0, -0.5), (0, -1.2, -0.6), (0.55, 0.5), blend=0.2, **look)
    scene.add_ellipsoid((0, -0.28, 0.90), (0.66 * wide, 1.0, 0.80), blend=0.08, operation=P.CARVE)
    for side in SIDES:  # over the strands of hair that the opening laid bare
        scene.add_capsule(
            (side * 0.80 * wide, 0.30, -0.04),
            (side * 0.84, -1.25, 0.06),
            (0.25, 0.33),
            blend=0.1,
            **look,
        )


def add_bonnet(scene: Scene, factors: Factors) -> None:
    """Add a linen bonnet that leaves face and neck free, with a starched rim."""
    look: Look = {"colour": LINEN, "region": "hat", "gloss": 0.05}
    wide = face_width(factors)
    scene.start_group(blend=0.02, edge=0.015)
    scene.add_ellipsoid((0, 0.32, -0.16), (1.02 * wide, 1.0, 1.12), casts=0.2, **look)
    scene.add_ellipsoid((0, -0.32, 0.90), (0.72 * wide, 1.02, 0.84), blend=0.05, operation=P.CARVE)
    scene.add_ellipsoid((0, -1.05, 0.0), (1.4, 0.75, 1.3), blend=0.05, operation=P.CARVE)
    scene.add_ellipsoid(
        (0, 0.78, 0.74), (0.46 * wide, 0.10, 0.13), turn=rotation(pitch_deg=24.0), blend=0.08,
        **look,
    )  # fmt: skip


HEADWEAR = {
    "none": add_nothing,
    "cap": add_cap,
    "hat": add_hat,
    "veil": add_veil,
    "bonnet": add_bonnet,
}


def manner_of(factors: Factors) -> Manner:
    """How the picture is painted."""
    return Manner(
        brush=factors["brush"],
        stroke_angle_deg=factors["stroke_angle_deg"],
        stroke_drift=factors["stroke_drift"],
        canvas=factors["canvas"],
        varnish=factors["varnish"],
        vignette=0.4 + 0.6 * factors["chiaroscuro"],
    )
