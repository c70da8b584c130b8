"""Coats of cats: tabby, solid, bicolour, point and calico, from factors."""

from typing import NamedTuple

from sa_helpers.clay.animals.parts import paint_bands
from sa_helpers.clay.engine import SIDES, Colour, Factors, Look, Scene, mix, rotation, scaled
from sa_helpers.clay.engine import primitives as P

FUR: dict[str, Colour] = {
    "black": (0.19, 0.18, 0.20),
    "grey": (0.50, 0.54, 0.60),
    "brown": (0.58, 0.43, 0.30),
    "orange": (0.90, 0.56, 0.24),
    "cream": (0.93, 0.80, 0.62),
    "silver": (0.74, 0.74, 0.75),
    "white": (0.95, 0.94, 0.92),
}
COATS: dict[str, tuple[float, dict[str, float]]] = {
    "tabby": (0.42, {"brown": 0.35, "orange": 0.35, "silver": 0.3}),
    "solid": (0.2, {"black": 0.35, "grey": 0.3, "white": 0.2, "cream": 0.15}),
    "bicolour": (0.16, {"black": 0.5, "grey": 0.2, "orange": 0.3}),
    "point": (0.12, {"brown": 0.6, "grey": 0.25, "orange": 0.15}),
    "calico": (0.1, {"white": 0.65, "black": 0.35}),
}
EYE: dict[str, Colour] = {
    "green": (0.50, 0.74, 0.30),
    "yellow": (0.92, 0.78, 0.24),
    "copper": (0.86, 0.50, 0.14),
    "blue": (0.36, 0.62, 0.92),
    "teal": (0.32, 0.74, 0.66),
}
NOSE: dict[str, Colour] = {
    "pink": (0.91, 0.55, 0.54),
    "brick": (0.66, 0.34, 0.28),
    "black": (0.13, 0.11, 0.12),
}
WHITE: Colour = (0.96, 0.95, 0.93)
IVORY: Colour = (0.93, 0.87, 0.77)
SEAL: Colour = (0.27, 0.19, 0.16)


class Coat(NamedTuple):
    """Colours of a coat's parts: stripes and patches are painted in `second` and `third`."""

    fur: Colour
    pads: Colour
    ear: Colour
    chest: Colour
    second: Colour
    third: Colour


def coat_colours(factors: Factors) -> Coat:
    """Colours of the parts from coat, colour and the share of white."""
    coat, white = factors["coat"], factors["white"]
    fur = scaled(FUR[factors["fur_colour"]], 1.0 + 0.14 * factors["fur_shade"])
    if coat == "tabby":
        light = mix(fur, WHITE, 0.35 + 0.65 * white)
        stripe = scaled(fur, 0.62 - 0.30 * factors["contrast"])
        return Coat(fur, light, scaled(fur, 0.85), mix(fur, WHITE, white), stripe, light)
    if coat == "bicolour":
        return Coat(fur, WHITE, fur, WHITE, WHITE, WHITE)
    if coat == "point":
        point = SEAL if factors["fur_colour"] == "brown" else scaled(fur, 0.85)
        base = mix(IVORY, fur, 0.12)
        return Coat(base, mix(base, point, 0.75), point, base, point, base)
    if coat == "calico":
        orange = FUR["orange"]
        dark = FUR["black"] if factors["fur_colour"] == "white" else scaled(orange, 0.8)
        pads = WHITE if factors["fur_colour"] == "white" else mix(fur, orange, 0.45)
        return Coat(fur, pads, orange, mix(fur, WHITE, white), orange, dark)
    return Coat(fur, mix(fur, WHITE, 0.12), scaled(fur, 0.9), fur, fur, fur)


def paint_head(scene: Scene, factors: Factors, coat: Coat) -> None:
    """Paint the coat's pattern on the head that stands so far."""
    PAINTERS.get(factors["coat"], paint_nothing)(scene, factors, coat)


def paint_nothing(scene: Scene, factors: Factors, coat: Coat) -> None:
    """Leave a coat in one colour as it is."""


def paint_tabby(scene: Scene, factors: Factors, coat: Coat) -> None:
    """Paint spectacles, the M on the forehead and bars on the cheeks."""
    look: Look = {"colour": coat.second, "edge": 0.03, "operation": P.PAINT}
    broad = 0.8 + 0.5 * factors["stripe_width"]
    for side in SIDES:
        scene.add_ellipsoid(
            (side * 0.30, 0.04, 0.75), (0.25, 0.19, 0.3), colour=coat.third, edge=0.05,
            operation=P.PAINT,
        )  # fmt: skip
        for x, y, roll_deg, half in ((0.14, 0.56, 4.0, 0.24), (0.36, 0.52, -16.0, 0.22)):
            scene.add_ellipsoid(
                (side * x, y, 0.40),
                (0.045 * broad, half, 0.5),
                turn=rotation(roll_deg=side * roll_deg),
                **look,
            )
        for y, roll_deg in ((-0.06, -18.0), (-0.25, 2.0), (-0.44, 20.0)):
            scene.add_ellipsoid(
                (side * 0.78, y, 0.16),
                (0.30, 0.042 * broad, 0.5),
                turn=rotation(roll_deg=-side * roll_deg),
                **look,
            )
    scene.add_ellipsoid((0, 0.68, 0.30), (0.042 * broad, 0.24, 0.55), **look)


def paint_bicolour(scene: Scene, factors: Factors, coat: Coat) -> None:
    """Paint a white blaze that widens over the muzzle, leaning to one side."""
    white, lean = factors["white"], factors["patch_side"]
    look: Look = {"colour": coat.second, "edge": 0.05, "operation": P.PAINT}
    scene.add_ellipsoid(
        (0.05 * lean, 0.20, 0.72),
        (0.07 + 0.12 * white, 0.42, 0.5),
        turn=rotation(roll_deg=-8.0 * lean),
        **look,
    )
    scene.add_ellipsoid((0.04 * lean, -0.48, 0.70), (0.30 + 0.2 * white, 0.32, 0.5), **look)


def paint_point(scene: Scene, factors: Factors, coat: Coat) -> None:
    """Paint a dark mask over eyes, nose and mouth."""
    size = 0.85 + 0.3 * factors["contrast"]
    scene.add_ellipsoid(
        (0, -0.16, 0.82), (0.46 * size, 0.42 * size, 0.5), colour=coat.second, edge=0.16,
        operation=P.PAINT,
    )  # fmt: skip


def paint_calico(scene: Scene, factors: Factors, coat: Coat) -> None:
    """Paint one patch over an eye and another over the other ear and cheek."""
    side = 1.0 if factors["patch_side"] >= 0.0 else -1.0
    size = 0.85 + 0.3 * abs(factors["patch_side"])
    look: Look = {"edge": 0.05, "operation": P.PAINT}
    scene.add_ellipsoid(
        (side * 0.42, 0.34, 0.4), (0.38 * size, 0.44 * size, 0.6), colour=coat.second, **look
    )
    scene.add_ellipsoid(
        (-side * 0.50, 0.58, 0.2), (0.40 * size, 0.42, 0.7), colour=coat.third, **look
    )
    scene.add_ellipsoid(
        (-side * 0.66, -0.34, 0.3), (0.26 * size, 0.26, 0.5), colour=coat.second, **look
    )


PAINTERS = {
    "tabby": paint_tabby,
    "bicolour": paint_bicolour,
    "point": paint_point,
    "calico": paint_calico,
}


def paint_body(scene: Scene, factors: Factors, coat: Coat) -> None:
    """Paint bands on the chest of a tabby, a bib or a patch."""
    if factors["coat"] == "tabby":
        paint_bands(scene, coat.second, 0.05)
    elif factors["coat"] == "calico":
        side = 1.0 if factors["patch_side"] >= 0.0 else -1.0
        scene.add_ellipsoid(
            (side * 0.7, -1.5, 0.2),
            (0.45, 0.5, 0.6),
            colour=coat.second,
            edge=0.06,
            operation=P.PAINT,
        )
