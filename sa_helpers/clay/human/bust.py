"""A human bust from factors: stage, clothes, and the parts of the head in order."""

from sa_helpers.clay.engine import (
    BODY_PIVOT,
    HEAD_PIVOT,
    SIDES,
    Colour,
    Factors,
    Scene,
    from_hue,
    rotation,
    scaled,
    set_stage,
    turn_body,
    turn_head,
)
from sa_helpers.clay.engine import primitives as P
from sa_helpers.clay.human.hair import add_beard, add_hair
from sa_helpers.clay.human.head import (
    Features,
    add_brows,
    add_eyes,
    add_glasses,
    add_head,
    add_mouth,
    place_features,
    skin_colour,
)


def build_scene(factors: Factors) -> Scene:
    """Build the bust that `factors` describe."""
    scene = Scene()
    add_bust(scene, factors)
    return scene


def add_bust(scene: Scene, factors: Factors) -> None:
    """Set the stage, and put the clothed bust on it."""
    set_stage(scene, factors)
    with scene.frame(turn_body(factors), pivot=BODY_PIVOT):
        add_clothes(scene, factors)
    with scene.frame(turn_head(factors), pivot=HEAD_PIVOT):
        features = add_person(scene, factors)
        if factors["glasses"]:
            add_glasses(scene, factors, features)


def add_person(scene: Scene, factors: Factors) -> Features:
    """Add the head with its features and hair, and return where the features sit."""
    add_head(scene, factors)
    features = place_features(scene, factors)
    add_eyes(scene, factors, features)
    add_brows(scene, factors, features)
    add_mouth(scene, factors, features)
    add_beard(scene, factors, features)
    add_hair(scene, factors)
    return features


def torso_width(factors: Factors) -> float:
    """Width of neck and shoulders, 1 on average."""
    return 1.0 + 0.10 * factors["jaw"]


def add_clothes(scene: Scene, factors: Factors) -> None:
    """Add neck, shoulders and collar."""
    colour = from_hue(
        factors["clothes_hue_deg"], factors["clothes_saturation"], factors["clothes_value"]
    )
    add_torso(scene, factors, colour)
    add_collar(scene, factors, colour, torso_width(factors))


def add_torso(scene: Scene, factors: Factors, colour: Colour) -> None:
    """Add neck and clothed shoulders."""
    skin = scaled(skin_colour(factors), 0.97)
    wide = torso_width(factors)
    scene.start_group()
    scene.add_capsule(
        (0, -0.55, -0.14), (0, -1.45, -0.22), (0.35 * wide, 0.41 * wide), colour=skin, region="neck"
    )
    scene.start_group(blend=0.02, edge=0.02)
    cloth = {"colour": colour, "region": "cloth", "gloss": 0.08}
    scene.add_ellipsoid((0, -1.92, -0.16), (1.08 * wide, 0.73, 0.74), blend=0.2, **cloth)
    for side in SIDES:
        scene.add_ellipsoid(
            (side * 0.92 * wide, -1.90, -0.2), (0.44, 0.52, 0.46), blend=0.3, **cloth
        )


def add_collar(scene: Scene, factors: Factors, colour: Colour, wide: float) -> None:
    """Add a ring (crew), a turtleneck, or an open neckline with a trim (vneck)."""
    tilt = rotation(pitch_deg=-78.0)
    dark = {"colour": scaled(colour, 0.78), "region": "cloth", "gloss": 0.08}
    if factors["collar"] == "turtleneck":
        for y, radius in ((-1.20, 0.45), (-1.06, 0.42)):
            scene.add_ring(
                (0, y, -0.17), (radius * wide, radius * wide), 0.1, turn=tilt, blend=0.05, **dark
            )
    elif factors["collar"] == "crew":
        ring = (0.50 * wide, 0.46 * wide)
        scene.add_ring((0, -1.22, -0.14), ring, 0.075, turn=tilt, blend=0.05, edge=0.02, **dark)
    else:
        skin, place = skin_colour(factors), (0, -1.12, 0.45)
        paint = {"edge": 0.02, "operation": P.PAINT}
        scene.add_ellipsoid(place, (0.36 * wide, 0.40, 0.6), colour=scaled(colour, 0.7), **paint)
        scene.add_ellipsoid(place, (0.29 * wide, 0.33, 0.6), colour=skin, region="neck", **paint)
