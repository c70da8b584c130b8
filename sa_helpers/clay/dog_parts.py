"""The shapes of a dog's bust: body, head and what stands on it, from factors."""

from collections.abc import Mapping
from typing import Any

from sa_helpers.clay import primitives as P
from sa_helpers.clay.dog_ears import add_ears
from sa_helpers.clay.dog_eyes import add_brows, add_eyes
from sa_helpers.clay.dog_fur import add_curls, add_ruff, fur_colours, paint_pattern
from sa_helpers.clay.dog_muzzle import (
    Muzzle,
    add_lips,
    add_mouth,
    add_muzzle,
    add_nose,
    place_muzzle,
)
from sa_helpers.clay.palettes import Colour, from_hue
from sa_helpers.clay.scene import Scene, rotation
from sa_helpers.clay.staging import BODY_PIVOT, HEAD_PIVOT, SIDES, set_stage, turn_body, turn_head

Factors = Mapping[str, Any]
Colours = Mapping[str, Colour]


def build_scene(factors: Factors) -> Scene:
    """Build the dog that `factors` describe."""
    scene, colours = Scene(), fur_colours(factors)
    set_stage(scene, factors)
    with scene.frame(turn_body(factors), pivot=BODY_PIVOT):
        add_torso(scene, colours)
        if factors["collar"]:
            add_collar(scene, factors)
    with scene.frame(turn_head(factors), pivot=HEAD_PIVOT):
        muzzle = place_muzzle(factors)
        add_mouth(scene, factors, muzzle)
        add_head(scene, factors, colours, muzzle)
        add_lips(scene, muzzle)
        add_eyes(scene, factors, colours)
        add_nose(scene, factors, muzzle)
        add_ears(scene, factors, colours)
    return scene


def add_torso(scene: Scene, colours: Colours) -> None:
    """Add neck and chest, which has its own colour."""
    fur: dict[str, Any] = {"colour": colours["fur"], "gloss": 0.12}
    scene.start_group(blend=0.08, edge=0.04)
    scene.add_ellipsoid((0, -1.90, -0.22), (1.00, 0.88, 0.76), blend=0.2, region="cloth", **fur)
    for side in SIDES:
        scene.add_ellipsoid(
            (side * 0.72, -1.90, -0.1), (0.42, 0.62, 0.50), blend=0.25, region="cloth", **fur
        )
    scene.add_capsule(
        (0, -0.45, -0.20), (0, -1.35, -0.26), (0.53, 0.66), blend=0.2, region="neck", **fur
    )
    scene.add_ellipsoid(
        (0, -1.35, 0.50), (0.40, 0.66, 0.48), colour=colours["chest"], edge=0.08, operation=P.PAINT
    )


def add_collar(scene: Scene, factors: Factors) -> None:
    """Add a coloured band round the neck with a golden tag."""
    colour = from_hue(factors["collar_hue_deg"], 0.72, factors["collar_value"])
    scene.start_group(blend=0.02, edge=0.015)
    scene.add_ring(
        (0, -1.10, -0.23),
        (0.61, 0.60),
        0.085,
        turn=rotation(pitch_deg=-80.0),
        colour=colour,
        region="cloth",
        gloss=0.3,
    )
    scene.add_ellipsoid(
        (0, -1.30, 0.42),
        (0.11, 0.12, 0.05),
        colour=(0.90, 0.72, 0.30),
        region="cloth",
        blend=0.02,
        edge=0.015,
        gloss=0.8,
    )


def add_head(scene: Scene, factors: Factors, colours: Colours, muzzle: Muzzle) -> None:
    """Add skull, brows, cheeks and muzzle, and paint the pattern of the fur."""
    wide = 1.0 + 0.07 * factors["head_width"]
    fur: dict[str, Any] = {"colour": colours["fur"], "region": "skin", "gloss": 0.14}
    scene.start_group(blend=0.05, edge=0.02)
    scene.add_ellipsoid((0, 0.17, -0.14), (0.79 * wide, 0.70, 0.76), casts=0.8, **fur)
    for side in SIDES:
        scene.add_ellipsoid((side * 0.40 * wide, -0.30, 0.08), (0.40, 0.41, 0.46), blend=0.2, **fur)
        scene.add_ellipsoid((side * 0.24 * wide, 0.30, 0.42), (0.26, 0.20, 0.20), blend=0.15, **fur)
    add_ruff(scene, factors, fur, wide)
    add_curls(scene, factors, fur, wide)
    add_muzzle(scene, muzzle, fur)
    for side in SIDES:
        scene.add_ellipsoid(
            (side * 0.30 * wide, 0.05, 0.74), (0.17, 0.14, 0.13), blend=0.12, operation=P.CARVE
        )
    paint_pattern(scene, factors, colours)
    add_brows(scene, factors, colours, wide)
