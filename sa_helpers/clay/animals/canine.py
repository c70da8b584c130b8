"""Muzzle of dogs, foxes and wolves, from factors: lips, mouth, tongue and nose."""

from collections.abc import Mapping

from sa_helpers.clay.animals.parts import add_lip_line
from sa_helpers.clay.engine import SIDES, Colour, Factors, Look, Scene, rotation, scaled
from sa_helpers.clay.engine import primitives as P

Muzzle = Mapping[str, float]
NOSE: dict[str, Colour] = {
    "black": (0.10, 0.09, 0.10),
    "brown": (0.36, 0.20, 0.15),
    "pink": (0.80, 0.50, 0.48),
}


def place_muzzle(factors: Factors) -> dict[str, float]:
    """Tip (z), half width, lip height and opening of the muzzle."""
    return {
        "tip": 1.02 + 0.20 * factors["snout_length"],
        "wide": 1.0 + 0.16 * factors["snout_width"],
        "lip": -0.51 - 0.07 * factors["jowl"],
        "gap": 0.17 * factors["mouth_open"],
        "smile": 0.05 * factors["smile"],
    }


def add_muzzle(scene: Scene, muzzle: Muzzle, fur: Look) -> None:
    """Add the bridge of the nose, two upper lips and the lower jaw."""
    tip, wide, lip, gap = muzzle["tip"], muzzle["wide"], muzzle["lip"], muzzle["gap"]
    scene.add_ellipsoid(
        (0, lip - 0.08 - gap, tip - 0.34),
        (0.26 * wide, 0.15, 0.34),
        turn=rotation(pitch_deg=-60.0 * gap),
        blend=0.04,
        **fur,
    )
    scene.add_capsule(
        (0, -0.02, 0.48), (0, -0.22, tip - 0.12), (0.22, 0.19 * wide), blend=0.16, casts=0.0, **fur
    )
    scene.add_ellipsoid(
        (0, -0.34, tip - 0.32), (0.28 * wide, 0.22, 0.38), blend=0.12, casts=0.6, **fur
    )
    height = 0.5 * (lip - 0.26)
    for side in SIDES:
        scene.add_ellipsoid(
            (side * 0.165 * wide, height - 0.01, tip - 0.22),
            (0.21 * wide, height - lip + 0.06, 0.27),
            turn=rotation(yaw_deg=side * 14.0),
            blend=0.045,
            **fur,
        )


def add_mouth(scene: Scene, factors: Factors, muzzle: Muzzle) -> None:
    """Add the inside of an open mouth and the tongue."""
    tip, lip, gap, wide = muzzle["tip"], muzzle["lip"], muzzle["gap"], muzzle["wide"]
    if gap > 0.0:
        scene.start_group(blend=0.01, edge=0.015)
        scene.add_ellipsoid(
            (0, lip - 0.04 - 0.5 * gap, tip - 0.34),
            (0.25 * wide, 0.07 + 0.6 * gap, 0.31),
            colour=(0.32, 0.08, 0.10),
            region="mouth",
            gloss=0.3,
        )
    if factors["tongue"] > 0.0:
        add_tongue(scene, factors, muzzle)


def add_lips(scene: Scene, muzzle: Muzzle, *, num_points: int = 6) -> None:
    """Add the dark line of the mouth on the surface, from the middle to both corners.

    Args:
        num_points: How far it goes; fewer points stay on a narrow snout.
    """
    lip, wide = muzzle["lip"], muzzle["wide"]
    smile = muzzle["smile"]
    line = [
        (0.0, lip + 0.05),
        (0.07 * wide, lip + 0.01),
        (0.15 * wide, lip - 0.01),
        (0.23 * wide, lip + 0.005 + 0.2 * smile),
        (0.30 * wide, lip + 0.04 + 0.6 * smile),
        (0.36 * wide, lip + 0.10 + 1.6 * smile),
    ][:num_points]
    add_lip_line(scene, line, 0.03, (0.13, 0.08, 0.09))


def add_tongue(scene: Scene, factors: Factors, muzzle: Muzzle) -> None:
    """Add a tongue that lies on the jaw and hangs over it."""
    tip, root = muzzle["tip"], muzzle["lip"] - 0.08 - 0.35 * muzzle["gap"]
    hang, side = 0.12 + 0.28 * factors["tongue"], 0.10 * factors["tongue_side"]
    pink: Look = {"colour": (0.93, 0.45, 0.50), "region": "mouth", "gloss": 0.5}
    scene.start_group(blend=0.01, edge=0.015)
    scene.add_ellipsoid((0, root, tip - 0.24), (0.145, 0.07, 0.26), **pink)
    scene.add_ellipsoid(
        (side, root - hang * 0.75, tip - 0.03),
        (0.14, hang, 0.065),
        turn=rotation(roll_deg=18.0 * factors["tongue_side"], pitch_deg=6.0),
        blend=0.10,
        **pink,
    )
    scene.add_ellipsoid(
        (side, root - hang * 0.7, tip + 0.06),
        (0.018, 0.75 * hang, 0.08),
        edge=0.03,
        blend=0.02,
        turn=rotation(roll_deg=18.0 * factors["tongue_side"]),
        operation=P.CARVE,
        colour=(0.78, 0.30, 0.38),
    )


def add_nose(scene: Scene, factors: Factors, muzzle: Muzzle) -> None:
    """Add the nose with two nostrils and the line below it."""
    size, tip = 1.0 + 0.2 * factors["nose_size"], muzzle["tip"]
    colour = NOSE[factors["nose_colour"]]
    scene.start_group(blend=0.02, edge=0.015)
    look: Look = {"colour": colour, "region": "nose"}
    scene.add_capsule(
        (0, -0.26, tip + 0.01),
        (0, muzzle["lip"] + 0.05, tip + 0.012),
        (0.035, 0.03),
        gloss=0.2,
        **{**look, "region": "mouth", "colour": scaled(colour, 0.6)},
    )
    scene.add_ellipsoid(
        (0, -0.17, tip), (0.18 * size, 0.115 * size, 0.13), blend=0.04, gloss=0.9, **look
    )
    for side in SIDES:
        scene.add_sphere(
            (side * 0.075 * size, -0.22, tip + 0.13),
            0.045,
            colour=scaled(colour, 0.3),
            edge=0.02,
            blend=0.02,
            operation=P.CARVE,
        )
