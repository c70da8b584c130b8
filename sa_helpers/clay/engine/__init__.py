"""What draws clay, whatever the domain: shapes, light and tracing, and what factors are.

Domain modules take from here what they build with; kernels stand in `primitives`, `shading` and
`tracing`.
"""

from sa_helpers.clay.engine.colours import SKIN, Colour, along, from_hue, mix, scaled
from sa_helpers.clay.engine.factors import (
    Factor,
    Factors,
    bell,
    check_factors,
    choose,
    continuous,
    flat,
    happens,
    named,
    normal,
    occasional,
    sample,
    tailed,
    uniform,
    yes_no,
)
from sa_helpers.clay.engine.geometry import Rotation, Vector, rotation
from sa_helpers.clay.engine.scene import REGIONS, Look, Scene, Style
from sa_helpers.clay.engine.staging import (
    BODY_PIVOT,
    HEAD_PIVOT,
    POSE,
    SIDES,
    SKIN_TONE,
    STAGE,
    Domain,
    set_stage,
    turn_body,
    turn_head,
)

__all__ = [
    "BODY_PIVOT",
    "HEAD_PIVOT",
    "POSE",
    "REGIONS",
    "SIDES",
    "SKIN",
    "SKIN_TONE",
    "STAGE",
    "Colour",
    "Domain",
    "Factor",
    "Factors",
    "Look",
    "Rotation",
    "Scene",
    "Style",
    "Vector",
    "along",
    "bell",
    "check_factors",
    "choose",
    "continuous",
    "flat",
    "from_hue",
    "happens",
    "mix",
    "named",
    "normal",
    "occasional",
    "rotation",
    "sample",
    "scaled",
    "set_stage",
    "tailed",
    "turn_body",
    "turn_head",
    "uniform",
    "yes_no",
]
