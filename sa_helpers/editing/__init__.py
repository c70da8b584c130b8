"""Edits in W and S: found in the parent, applied as they are to any model of the family."""

from sa_helpers.editing.directions import (
    Direction,
    channel_effects,
    channel_sigmas,
    closed_form_directions,
    edit_channel,
    fit_hyperplane,
    fit_regression,
    orthogonalise,
    principal_directions,
    style_direction,
)
from sa_helpers.editing.effects import (
    Edit,
    edit_images,
    factor_changes,
    move_channel,
    move_channels,
    move_w,
    side_effect,
    standardise,
)

__all__ = [
    "Direction",
    "Edit",
    "channel_effects",
    "channel_sigmas",
    "closed_form_directions",
    "edit_channel",
    "edit_images",
    "factor_changes",
    "fit_hyperplane",
    "fit_regression",
    "move_channel",
    "move_channels",
    "move_w",
    "orthogonalise",
    "principal_directions",
    "side_effect",
    "standardise",
    "style_direction",
]
