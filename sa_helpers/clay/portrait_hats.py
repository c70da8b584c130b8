"""Headwear of a painted person, from factors: caps, hats, veils and bonnets over the hair."""

from typing import Any

from sa_helpers.clay import primitives as P
from sa_helpers.clay.human_looks import SIDES, Factors, face_width
from sa_helpers.clay.palettes import Colour, mix, scaled
from sa_helpers.clay.portrait_costume import COSTUME, GOLD, LINEN
from sa_helpers.clay.scene import Scene, rotation

Look = dict[str, Any]


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
