"""The shapes of a cartoon bust: body and head, from factors."""

from collections.abc import Mapping
from typing import Any

from sa_helpers.clay import primitives as P
from sa_helpers.clay.palettes import Colour, from_hue, mix, scaled
from sa_helpers.clay.scene import Scene, Style, rotation
from sa_helpers.clay.staging import BODY_PIVOT, HEAD_PIVOT, SIDES, set_stage, turn_body, turn_head
from sa_helpers.clay.toon_face import (
    add_brows,
    add_eyes,
    add_glasses,
    add_mouth,
    face_width,
    skin_colour,
)
from sa_helpers.clay.toon_hair import add_beard, add_hair

Factors = Mapping[str, Any]
STYLE = Style(
    ambient=0.62,
    key=0.62,
    occlusion=0.25,
    shadow=0.35,
    shine=0.35,
    rim=0.05,
    flatness=0.85,
    line_darkness=0.85,
    line_width=0.035,
)


def build_scene(factors: Factors) -> Scene:
    """Build the cartoon person that `factors` describe."""
    scene = Scene(style=STYLE)
    set_stage(scene, factors)
    with scene.frame(turn_body(factors), pivot=BODY_PIVOT):
        add_clothes(scene, factors)
    with scene.frame(turn_head(factors), pivot=HEAD_PIVOT):
        add_head(scene, factors)
        add_eyes(scene, factors)
        add_mouth(scene, factors)
        add_beard(scene, factors)
        add_hair(scene, factors)
        add_brows(scene, factors)
        if factors["glasses"]:
            add_glasses(scene, factors)
    return scene


def add_clothes(scene: Scene, factors: Factors) -> None:
    """Add a thin neck, small shoulders and a collar."""
    colour = from_hue(
        factors["clothes_hue_deg"], factors["clothes_saturation"], factors["clothes_value"]
    )
    cloth: dict[str, Any] = {"colour": colour, "region": "cloth", "gloss": 0.05}
    skin: dict[str, Any] = {
        "colour": scaled(skin_colour(factors), 0.92),
        "region": "neck",
        "gloss": 0.1,
    }
    scene.start_group()
    scene.add_capsule((0, -0.6, -0.16), (0, -1.5, -0.2), (0.25, 0.29), **skin)
    scene.start_group(blend=0.02, edge=0.015)
    scene.add_ellipsoid((0, -1.86, -0.2), (0.80, 0.66, 0.58), **cloth)
    for side in SIDES:
        scene.add_ellipsoid((side * 0.66, -1.84, -0.2), (0.34, 0.46, 0.38), blend=0.2, **cloth)
    add_collar(scene, factors, colour, skin)


def add_collar(scene: Scene, factors: Factors, colour: Colour, skin: Mapping[str, Any]) -> None:
    """Add a ring (crew), an open neckline with a trim (vneck) or a thick scarf."""
    tilt = rotation(pitch_deg=-80.0)
    if factors["collar"] == "vneck":
        paint: dict[str, Any] = {"edge": 0.015, "operation": P.PAINT}
        trim = mix(colour, (1.0, 1.0, 1.0), 0.6)
        scene.add_ellipsoid((0, -1.15, 0.3), (0.32, 0.50, 0.5), colour=trim, **paint)
        scene.add_ellipsoid((0, -1.15, 0.3), (0.23, 0.40, 0.5), **{**skin, **paint})
        return
    scarf = factors["collar"] == "scarf"
    look: dict[str, Any] = {
        "colour": mix(colour, (1.0, 1.0, 1.0), 0.5) if scarf else scaled(colour, 0.7)
    }
    radius, tube = (0.34, 0.15) if scarf else (0.33, 0.07)
    scene.start_group(blend=0.02, edge=0.015)
    scene.add_ring(
        (0, -1.17 + 0.05 * scarf, -0.18),
        (radius, radius),
        tube,
        turn=tilt,
        region="cloth",
        gloss=0.05,
        **look,
    )


def add_head(scene: Scene, factors: Factors) -> None:
    """Add a large skull, round cheeks, a small chin, ears and a tiny nose."""
    wide, chin = face_width(factors), factors["chin"]
    skin: dict[str, Any] = {"colour": skin_colour(factors), "region": "skin", "gloss": 0.1}
    scene.start_group(blend=0.05, edge=0.02)
    scene.add_ellipsoid((0, 0.18, -0.10), (0.86 * wide, 0.82, 0.82), casts=0.6, **skin)
    for side in SIDES:
        scene.add_ellipsoid(
            (side * 0.34 * wide, -0.28, 0.18), (0.42, 0.36, 0.44), blend=0.15, **skin
        )
    scene.add_ellipsoid((0, -0.62 - 0.07 * chin, 0.34), (0.26, 0.22, 0.26), blend=0.22, **skin)
    size = 1.0 + 0.25 * factors["ear_size"]
    for side in SIDES:
        scene.add_ellipsoid(
            (side * 0.88 * wide, -0.06, -0.08),
            (0.12, 0.21 * size, 0.15 * size),
            turn=rotation(yaw_deg=side * 30.0),
            blend=0.03,
            **{**skin, "region": "ear"},
        )
        pink = mix(skin["colour"], (1.0, 0.30, 0.35), 0.5 * factors["blush"])
        scene.add_sphere(
            (side * 0.52 * wide, -0.36, 0.62), 0.19, colour=pink, edge=0.1, operation=P.PAINT
        )
    nose = 0.075 * (1.0 + 0.35 * factors["nose_size"])
    tint = mix(skin["colour"], (0.95, 0.35, 0.30), 0.28)
    scene.start_group(blend=0.04, edge=0.03)
    scene.add_ellipsoid(
        (0, -0.27, 0.72 + 0.3 * nose),
        (nose * 1.15, nose, nose * 1.5),
        region="nose",
        colour=tint,
        gloss=0.3,
    )
