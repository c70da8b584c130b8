"""A painted portrait from factors: a person in costume, in the light of a window, on canvas."""

from functools import partial

from sa_helpers.clay.human_looks import Factors
from sa_helpers.clay.human_parts import add_person
from sa_helpers.clay.painting import Manner, paint_over
from sa_helpers.clay.portrait_costume import add_costume
from sa_helpers.clay.portrait_hats import HEADWEAR
from sa_helpers.clay.scene import Scene, Style
from sa_helpers.clay.staging import BODY_PIVOT, HEAD_PIVOT, set_stage, turn_body, turn_head


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
