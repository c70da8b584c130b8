"""Domains of people as in `human`, with one thing changed: the view, the camera, shapes or colours.

    human_right, human_down    seen through a shifted lens
    human_flipped              upside down
    human_camera               the camera: nearer, and below the face
    human_geometry             the shapes: wide heads with narrow chins, big ears, noses and eyes
    human_palette              the colours of people and their clothes, not of the background

A factor means what it means in `human`: pitch and gaze are those of the person, not of the picture.
The whole scene is rendered anew, so background and shoulders go on where a shift uncovers them.
Source of the views: Wu et al. 2022, "StyleAlign", Appendix A.3.
"""

from sa_helpers.clay.engine import BODY_PIVOT, Factors, Scene, rotation
from sa_helpers.clay.human.bust import add_bust, build_scene

SHIFT = 60.0 / 256.0
CAMERA_DISTANCE, CAMERA_BELOW_DEG = 4.2, 22.0
GEOMETRY = {"face_width": 2.8, "jaw": -1.6, "ear_size": 3.2, "nose_size": 2.8, "eye_size": 1.2}
"""What is added to factors, whose own range is from -1 to 1."""
PALETTE = (2, 0, 1)
"""Which channel becomes red, green and blue."""


def build_right(factors: Factors) -> Scene:
    """Build the bust, shifted to the right by 60/256 of the width."""
    scene = build_scene(factors)
    scene.shift_view(right=SHIFT)
    return scene


def build_down(factors: Factors) -> Scene:
    """Build the bust, shifted down by 60/256 of the height."""
    scene = build_scene(factors)
    scene.shift_view(down=SHIFT)
    return scene


def build_flipped(factors: Factors) -> Scene:
    """Build the bust upside down; left stays left."""
    scene = build_scene(factors)
    scene.flip_view()
    return scene


def build_other_camera(factors: Factors) -> Scene:
    """Build the bust as a camera sees it that stands nearer and lower; its light stays with it."""
    scene = Scene()
    with scene.frame(rotation(pitch_deg=CAMERA_BELOW_DEG), pivot=BODY_PIVOT):
        add_bust(scene, factors)
    scene.set_camera(height=2.95, center_y=-0.13, distance=CAMERA_DISTANCE)
    return scene


def build_other_geometry(factors: Factors) -> Scene:
    """Build the bust with other proportions than any person has."""
    moved = {name: factors[name] + offset for name, offset in GEOMETRY.items()}
    return build_scene({**factors, **moved})


def build_other_palette(factors: Factors) -> Scene:
    """Build the bust with the channels of its colours exchanged."""
    scene = build_scene(factors)
    scene.exchange_channels(PALETTE)
    return scene
