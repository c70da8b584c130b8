"""Models made from the weights of aligned models: reset, interpolation, layer swapping, mixing."""

from sa_helpers.blending.changes import add_changes, share_schedule
from sa_helpers.blending.channels import swap_channels
from sa_helpers.blending.components import (
    COMPONENTS,
    WeightChange,
    blend_weights,
    component_of,
    input_changes,
    interpolate_weights,
    require_same_config,
    reset_component,
    resolution_of,
    weight_change,
)
from sa_helpers.blending.resolutions import (
    ENDS,
    blend_by_resolution,
    drop_top_resolution,
    mix_models,
    smooth_amounts,
    swap_layers,
    swap_path,
)

__all__ = [
    "COMPONENTS",
    "ENDS",
    "WeightChange",
    "add_changes",
    "blend_by_resolution",
    "blend_weights",
    "component_of",
    "drop_top_resolution",
    "input_changes",
    "interpolate_weights",
    "mix_models",
    "require_same_config",
    "reset_component",
    "resolution_of",
    "share_schedule",
    "smooth_amounts",
    "swap_channels",
    "swap_layers",
    "swap_path",
    "weight_change",
]
