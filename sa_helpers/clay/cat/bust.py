"""The shapes of a cat's bust: body, head and what stands on it, from factors."""

from sa_helpers.clay.animals import feline, parts
from sa_helpers.clay.cat.coat import EYE, NOSE, Coat, coat_colours, paint_body, paint_head
from sa_helpers.clay.engine import (
    BODY_PIVOT,
    HEAD_PIVOT,
    SIDES,
    Factors,
    Look,
    Scene,
    mix,
    set_stage,
    turn_body,
    turn_head,
)

PINK = (0.92, 0.64, 0.60)


def build_scene(factors: Factors) -> Scene:
    """Build the cat that `factors` describe."""
    scene, coat = Scene(), coat_colours(factors)
    set_stage(scene, factors)
    with scene.frame(turn_body(factors), pivot=BODY_PIVOT):
        parts.add_torso(scene, {"fur": coat.fur, "chest": coat.chest})
        paint_body(scene, factors, coat)
        if factors["collar"]:
            parts.add_collar(scene, factors)
    with scene.frame(turn_head(factors), pivot=HEAD_PIVOT):
        muzzle = place_muzzle(factors)
        feline.add_mouth(scene, muzzle)
        add_head(scene, factors, coat, muzzle)
        feline.add_lips(scene, muzzle)
        parts.add_eyes(scene, factors, eye_shape(factors, coat))
        feline.add_nose(scene, muzzle, NOSE[factors["nose_colour"]])
        parts.add_ears(scene, ear_shape(factors), coat.ear, mix(coat.ear, PINK, 0.7), coat.ear)
        length = 0.62 + 0.16 * factors["whiskers"]
        feline.add_whiskers(scene, muzzle, length, (0.98, 0.98, 0.97))
    return scene


def place_muzzle(factors: Factors) -> feline.Muzzle:
    """Shape of the muzzle from factors."""
    return feline.Muzzle(
        tip=0.86 + 0.06 * factors["snout_length"],
        size=1.0 + 0.08 * factors["snout_length"],
        nose=1.0 + 0.2 * factors["nose_size"],
        gap=0.11 * factors["mouth_open"],
        smile=0.03 + 0.03 * factors["smile"],
    )


def ear_shape(factors: Factors) -> parts.EarShape:
    """Shape of the ears from factors."""
    return parts.EarShape(
        root_x=0.49 * parts.head_width(factors),
        root_y=0.50,
        length=0.58 * (1.0 + 0.18 * factors["ear_size"]),
        width=0.33 * (1.0 + 0.12 * factors["ear_size"]),
        spread_deg=18.0 + 9.0 * factors["ear_spread"],
        roundness=0.12,
    )


def eye_shape(factors: Factors, coat: Coat) -> parts.EyeShape:
    """Shape and colours of the eyes from factors."""
    return parts.EyeShape(
        radius=0.205 * (1.0 + 0.13 * factors["eye_size"]),
        place=(0.315 * parts.head_width(factors), 0.06, 0.735),
        iris=EYE[factors["eye_colour"]],
        pupil=0.09 + 0.40 * factors["pupil"],
        slant_deg=10.0,
        lid=coat.second if factors["coat"] == "point" else coat.fur,
    )


def add_head(scene: Scene, factors: Factors, coat: Coat, muzzle: feline.Muzzle) -> None:
    """Add skull, cheeks and muzzle, and paint the coat."""
    wide = parts.head_width(factors)
    fur: Look = {"colour": coat.fur, "region": "skin", "gloss": 0.14}
    scene.start_group(blend=0.05, edge=0.02)
    scene.add_ellipsoid((0, 0.14, -0.12), (0.82 * wide, 0.68, 0.74), casts=0.8, **fur)
    for side in SIDES:
        scene.add_ellipsoid((side * 0.42 * wide, -0.26, 0.12), (0.42, 0.36, 0.44), blend=0.2, **fur)
    feline.add_tufts(scene, factors["ruff"], fur, wide)
    feline.add_muzzle(scene, muzzle, fur, coat.pads)
    paint_head(scene, factors, coat)
    parts.carve_sockets(scene, 0.31 * wide)
