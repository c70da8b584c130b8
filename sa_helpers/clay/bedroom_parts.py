"""A bedroom from factors: stage, room and things."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from sa_helpers.clay.bedroom_room import FLOOR_Y, add_room, add_rug, wall_colour
from sa_helpers.clay.bedroom_things import add_bed, add_tables
from sa_helpers.clay.palettes import scaled
from sa_helpers.clay.scene import Scene, Style, rotation

Factors = Mapping[str, Any]
STYLE = Style(ambient=0.60, key=0.56, occlusion=0.65, shadow=0.5, shine=0.3, rim=0.06)
DISTANCE, CENTER_Y, TILT_DEG = 6.5, -0.30, -12.0
PIVOT = (0.0, FLOOR_Y + 0.5, -0.35)


def build_scene(factors: Factors) -> Scene:
    """Build the bedroom that `factors` describe."""
    scene = Scene(style=STYLE)
    scene.set_camera(height=2.75, center_y=CENTER_Y, distance=DISTANCE)
    scene.set_light(
        azimuth_deg=0.8 * factors["light_azimuth_deg"],
        elevation_deg=factors["light_elevation_deg"],
    )
    tone = wall_colour(factors)
    scene.set_background(scaled(tone, 0.8), tone, glow=0.0, region="wall")
    turn = rotation(yaw_deg=factors["yaw_deg"])
    turn = rotation(pitch_deg=TILT_DEG + factors["pitch_deg"]) @ turn
    place = np.array((0.0, CENTER_Y, DISTANCE)) - np.array(PIVOT)
    with scene.frame(turn, pivot=PIVOT):
        add_room(scene, factors, (turn.T @ place + np.array(PIVOT)).tolist())
        add_rug(scene, factors)
        add_bed(scene, factors)
        add_tables(scene, factors)
    return scene
