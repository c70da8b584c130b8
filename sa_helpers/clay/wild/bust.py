"""The shapes of a wild animal's bust, from factors."""

from sa_helpers.clay.animals import canine, feline, parts
from sa_helpers.clay.engine import (
    BODY_PIVOT,
    HEAD_PIVOT,
    SIDES,
    Factors,
    Look,
    Scene,
    mix,
    scaled,
    set_stage,
    turn_body,
    turn_head,
)
from sa_helpers.clay.wild.coat import (
    CANINE,
    INK,
    PAINTERS,
    SPECIES,
    Coat,
    add_mane,
    coat_colours,
    mane_colours,
    paint_body,
)

PINK = (0.80, 0.52, 0.47)


def build_scene(factors: Factors) -> Scene:
    """Build the animal that `factors` describe."""
    scene, coat = Scene(), coat_colours(factors)
    species = SPECIES[factors["species"]]
    set_stage(scene, factors)
    with scene.frame(turn_body(factors), pivot=BODY_PIVOT):
        add_body(scene, factors, coat)
    with scene.frame(turn_head(factors), pivot=HEAD_PIVOT):
        if factors["species"] in CANINE:
            add_canine_head(scene, factors, coat)
        else:
            add_feline_head(scene, factors, coat)
        ear = species.ear._replace(
            root_x=species.ear.root_x * head_width(factors),
            length=species.ear.length * (1.0 + 0.14 * factors["ear_size"]),
        )
        outer = scaled(coat.fur, 0.92)
        tip = mix(outer, coat.dark, 0.2 if factors["species"] == "lion" else 0.85)
        parts.add_ears(scene, ear, outer, mix(coat.light, outer, 0.35), tip)
        add_mane(scene, factors, coat.fur)
    return scene


def head_width(factors: Factors) -> float:
    """Width of the head, 1 for an average dog."""
    return SPECIES[factors["species"]].width * (1.0 + 0.06 * factors["head_width"])


def add_body(scene: Scene, factors: Factors, coat: Coat) -> None:
    """Add neck and chest with their pattern; a mane hangs over them."""
    fur, chest = coat.fur, coat.light
    if factors["mane"] > 0.0:
        fur, chest = mane_colours(factors, coat.fur)[::-1]
    parts.add_torso(scene, {"fur": fur, "chest": chest})
    paint_body(scene, factors, coat)


def add_skull(scene: Scene, factors: Factors, coat: Coat) -> Look:
    """Add skull and cheeks, and return the look of fur."""
    wide = head_width(factors)
    fur: Look = {"colour": coat.fur, "region": "skin", "gloss": 0.14}
    scene.start_group(blend=0.05, edge=0.02)
    scene.add_ellipsoid((0, 0.15, -0.13), (0.80 * wide, 0.68, 0.75), casts=0.8, **fur)
    for side in SIDES:
        scene.add_ellipsoid((side * 0.41 * wide, -0.28, 0.10), (0.41, 0.38, 0.45), blend=0.2, **fur)
        scene.add_ellipsoid((side * 0.24 * wide, 0.29, 0.44), (0.24, 0.17, 0.20), blend=0.15, **fur)
    feline.add_tufts(scene, factors["ruff"], fur, wide)
    return fur


def add_eyes(scene: Scene, factors: Factors, coat: Coat, *, pupil: float) -> None:
    """Add the eyes of the species."""
    species = SPECIES[factors["species"]]
    shape = parts.EyeShape(
        radius=0.18 * (1.0 + 0.13 * factors["eye_size"]),
        place=(0.30 * head_width(factors), 0.07, 0.735),
        iris=mix(*species.iris, factors["eye_depth"]),
        pupil=pupil,
        slant_deg=12.0,
        lid=mix(coat.fur, coat.dark, 0.25),
    )
    parts.add_eyes(scene, factors, shape)


def add_canine_head(scene: Scene, factors: Factors, coat: Coat) -> None:
    """Add the head of a fox or a wolf with a dog's muzzle, narrower and longer."""
    slim = factors["species"] == "fox"
    dog = {
        "snout_length": SPECIES[factors["species"]].snout + 0.4 * factors["snout_length"],
        "snout_width": (-1.2 if slim else -0.5) + 0.4 * factors["snout_length"],
        "jowl": -0.8 if slim else -0.5,
        "nose_size": -0.6 if slim else 0.1,
        "nose_colour": "black",
        "tongue": 0.0,
        "mouth_open": factors["mouth_open"],
        "smile": factors["smile"],
    }
    muzzle = canine.place_muzzle(dog)
    canine.add_mouth(scene, dog, muzzle)
    fur = add_skull(scene, factors, coat)
    canine.add_muzzle(scene, muzzle, fur)
    parts.carve_sockets(scene, 0.30 * head_width(factors))
    PAINTERS[factors["species"]](scene, factors, coat)
    canine.add_lips(scene, muzzle, num_points=4 if slim else 6)
    add_eyes(scene, factors, coat, pupil=0.18 if slim else 0.34)
    canine.add_nose(scene, dog, muzzle)


def add_feline_head(scene: Scene, factors: Factors, coat: Coat) -> None:
    """Add the head of a big cat with a cat's muzzle, larger and deeper."""
    size = SPECIES[factors["species"]].snout * (1.0 + 0.06 * factors["snout_length"])
    muzzle = feline.Muzzle(
        tip=0.72 + 0.20 * size,
        size=size,
        nose=1.30 * size,
        gap=0.13 * factors["mouth_open"],
        smile=0.02 + 0.02 * factors["smile"],
    )
    feline.add_mouth(scene, muzzle)
    fur = add_skull(scene, factors, coat)
    feline.add_muzzle(scene, muzzle, fur, coat.light)
    parts.carve_sockets(scene, 0.30 * head_width(factors))
    PAINTERS[factors["species"]](scene, factors, coat)
    feline.add_lips(scene, muzzle)
    add_eyes(scene, factors, coat, pupil=0.32)
    feline.add_nose(scene, muzzle, mix(PINK, INK, 0.75 * factors["nose_depth"]))
    feline.add_whiskers(scene, muzzle, 0.42, (0.98, 0.97, 0.94))
