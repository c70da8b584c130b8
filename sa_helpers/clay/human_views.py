"""People seen through a shifted lens or upside down: domains `human_right`, `_down`, `_flipped`.

The whole scene is rendered anew, so background and shoulders go on where a shift uncovers them. A
factor means what it means in `human`: pitch and gaze are those of the person, not of the picture.
Source: Wu et al. 2022, "StyleAlign", Appendix A.3.
"""

from sa_helpers.clay import human_parts
from sa_helpers.clay.human_looks import Factors
from sa_helpers.clay.scene import Scene

SHIFT = 60.0 / 256.0


def build_right(factors: Factors) -> Scene:
    """Build the bust, shifted to the right by 60/256 of the width."""
    scene = human_parts.build_scene(factors)
    scene.shift_view(right=SHIFT)
    return scene


def build_down(factors: Factors) -> Scene:
    """Build the bust, shifted down by 60/256 of the height."""
    scene = human_parts.build_scene(factors)
    scene.shift_view(down=SHIFT)
    return scene


def build_flipped(factors: Factors) -> Scene:
    """Build the bust upside down; left stays left."""
    scene = human_parts.build_scene(factors)
    scene.flip_view()
    return scene
