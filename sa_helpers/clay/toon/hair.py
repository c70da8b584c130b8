"""Hair and beards of cartoon people: few, large, graphical masses."""

import math

from sa_helpers.clay.engine import SIDES, Colour, Factors, Look, Scene, rotation, scaled
from sa_helpers.clay.engine import primitives as P

HAIR: dict[str, Colour] = {
    "black": (0.17, 0.15, 0.20),
    "brown": (0.48, 0.27, 0.14),
    "blond": (0.98, 0.80, 0.32),
    "red": (0.90, 0.38, 0.12),
    "white": (0.92, 0.92, 0.95),
    "pink": (0.98, 0.45, 0.66),
    "purple": (0.56, 0.32, 0.84),
    "blue": (0.22, 0.46, 0.92),
    "teal": (0.14, 0.74, 0.72),
    "green": (0.40, 0.76, 0.28),
}


def hair_colour(factors: Factors) -> Colour:
    """Colour of the hair from its name and shade."""
    return scaled(HAIR[factors["hair_colour"]], 1.0 + 0.14 * factors["hair_shade"])


def add_hair(scene: Scene, factors: Factors) -> None:
    """Add a cap with a hairline, then what the style asks for."""
    style = factors["hair_style"]
    if style == "bald":
        return
    look: Look = {"colour": hair_colour(factors), "region": "hair", "gloss": 0.5}
    wide, volume = 1.0 + 0.08 * factors["face_width"], 1.0 + 0.35 * factors["hair_volume"]
    scene.start_group(blend=0.02, edge=0.012)
    thick = {"short": 0.07, "spiky": 0.05, "afro": 0.10}.get(style, 0.10) * volume
    scene.add_ellipsoid(
        (0, 0.24, -0.16), (0.88 * wide + thick, 0.80 + thick, 0.84 + thick), casts=0.3, **look
    )
    if style in ("bob", "long"):
        add_curtain(scene, -0.55 if style == "bob" else -1.45, look, wide, volume)
    scene.add_ellipsoid((0, -0.34, 0.86), (0.74 * wide, 0.90, 0.72), blend=0.05, operation=P.CARVE)
    if style not in ("bob", "long"):
        scene.add_ellipsoid((0, -0.98, 0.2), (1.5, 0.88, 1.4), blend=0.04, operation=P.CARVE)
    STYLES.get(style, add_nothing)(scene, look, wide, volume)
    if factors["fringe"] and style != "afro":
        add_fringe(scene, factors, look, wide)
    elif style not in ("spiky", "afro"):
        add_wave(scene, factors, look, wide, volume)


def add_nothing(scene: Scene, look: Look, wide: float, volume: float) -> None:
    """Leave a style that is only cap, curtain and fringe as it is."""


def add_curtain(scene: Scene, end_y: float, look: Look, wide: float, volume: float) -> None:
    """Add hair behind the neck and a thick strand at each side down to `end_y`."""
    for side in SIDES:
        scene.add_capsule(
            (side * 0.40 * wide, 0.0, -0.42),
            (side * 0.44, end_y, -0.42),
            (0.46, 0.40),
            blend=0.15,
            **look,
        )
        scene.add_capsule(
            (side * 0.80 * wide, 0.20, -0.10),
            (side * 0.84 * wide, end_y, 0.0),
            (0.20, 0.24 * volume),
            blend=0.12,
            **look,
        )


def add_spikes(scene: Scene, look: Look, wide: float, volume: float) -> None:
    """Add a crown of large spikes."""
    for angle_deg in (-80.0, -48.0, -16.0, 16.0, 48.0, 80.0):
        angle = math.radians(angle_deg)
        x, y = math.sin(angle), math.cos(angle)
        for z, tip in ((0.30, 0.42), (-0.35, -0.45)):
            scene.add_capsule(
                (0.68 * wide * x, 0.30 + 0.56 * y, z),
                (x * (0.98 + 0.18 * volume), 0.34 + y * (0.72 + 0.17 * volume), tip),
                (0.24, 0.02),
                blend=0.05,
                **look,
            )


def add_afro(scene: Scene, look: Look, wide: float, volume: float) -> None:
    """Add a cloud of large balls round the head."""
    for row_y, row_z, count in ((0.0, -0.15, 9), (0.30, 0.22, 6)):
        for index in range(count):
            angle = math.radians(-105.0 + 210.0 * index / (count - 1))
            reach = 0.84 - 0.10 * (row_z > 0.0)
            scene.add_sphere(
                (
                    reach * wide * math.sin(angle),
                    0.26 + row_y * 0.4 + 0.58 * math.cos(angle),
                    row_z,
                ),
                0.25 + 0.07 * volume,
                blend=0.04,
                **look,
            )


def add_pigtails(scene: Scene, look: Look, wide: float, volume: float) -> None:
    """Add a bunch at each side, held by a band, that tapers downwards."""
    for side in SIDES:
        root = (side * 0.98 * wide, 0.36, -0.15)
        scene.add_ellipsoid(
            (side * (1.10 + 0.03 * volume), 0.02, -0.12),
            (0.20 * volume + 0.05, 0.36, 0.24),
            blend=0.04,
            turn=rotation(roll_deg=side * 14.0),
            **look,
        )
        scene.add_capsule(
            (side * 1.12, -0.1, -0.12),
            (side * 1.20, -0.62, -0.05),
            (0.20 * volume + 0.02, 0.03),
            blend=0.06,
            **look,
        )
        scene.add_sphere(
            root, 0.13, blend=0.02, edge=0.012, colour=(0.98, 0.86, 0.25), region="hair"
        )


def add_fringe(scene: Scene, factors: Factors, look: Look, wide: float) -> None:
    """Add four broad locks over the forehead, leaning away from the parting."""
    lean = 18.0 * factors["parting"]
    for index in range(5):
        angle = (index - 2) * 0.42
        scene.add_ellipsoid(
            (
                0.76 * wide * math.sin(angle),
                0.56 - 0.03 * abs(index - 2),
                0.80 * math.cos(angle) - 0.12,
            ),
            (0.21, 0.25, 0.14),
            blend=0.03,
            turn=rotation(yaw_deg=math.degrees(angle), pitch_deg=18.0, roll_deg=lean),
            **look,
        )


def add_wave(scene: Scene, factors: Factors, look: Look, wide: float, volume: float) -> None:
    """Add two swept masses over the forehead, larger on one side."""
    side = 1.0 if factors["parting"] >= 0.0 else -1.0
    scene.add_ellipsoid(
        (side * 0.28, 0.76, 0.46),
        (0.54 * wide, 0.17 * volume, 0.26),
        turn=rotation(roll_deg=-side * 20.0),
        blend=0.04,
        **look,
    )
    scene.add_ellipsoid(
        (-side * 0.52 * wide, 0.64, 0.38),
        (0.30, 0.24, 0.22),
        turn=rotation(roll_deg=side * 44.0),
        blend=0.04,
        **look,
    )


STYLES = {"spiky": add_spikes, "afro": add_afro, "pigtails": add_pigtails}


def add_beard(scene: Scene, factors: Factors) -> None:
    """Add a beard along the jaw and a moustache, cut out round the mouth."""
    amount = factors["beard"]
    if amount <= 0.0:
        return
    look: Look = {
        "colour": scaled(hair_colour(factors), 0.92),
        "region": "hair",
        "gloss": 0.2,
    }
    wide, thick = 1.0 + 0.08 * factors["face_width"], 0.08 * amount
    scene.start_group(blend=0.02, edge=0.012)
    scene.add_ellipsoid(
        (0, -0.66 - thick, 0.24), (0.50 * wide + thick, 0.34 + thick, 0.46 + thick), **look
    )
    for side in SIDES:
        scene.add_capsule(
            (side * 0.76 * wide, 0.0, 0.05),
            (side * 0.56 * wide, -0.50, 0.24),
            (0.12, 0.2),
            blend=0.1,
            **look,
        )
    scene.add_ellipsoid((0, -0.46, 0.80), (0.32, 0.24, 0.4), blend=0.05, operation=P.CARVE)
    if amount > 0.5:
        for side in SIDES:
            scene.add_capsule(
                (side * 0.05, -0.39, 0.72),
                (side * 0.28, -0.43, 0.62),
                (0.065, 0.03),
                blend=0.02,
                **look,
            )
