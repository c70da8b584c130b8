"""The clay world: busts rendered from known factors, with masks, exact and reproducible by seed.

`render` draws samples, `sample_factors` and `render_factors` let a factor be edited and drawn
again, `factor_specs` documents every distribution. To add a domain, write a module with `SPECS`
and `build_scene(factors) -> Scene` and enter both in `rendering.DOMAINS`.
"""

from sa_helpers.clay.factors import Factor
from sa_helpers.clay.regions import REGIONS
from sa_helpers.clay.rendering import (
    ClayBatch,
    domains,
    factor_specs,
    render,
    render_factors,
    sample_factors,
)

__all__ = [
    "REGIONS",
    "ClayBatch",
    "Factor",
    "domains",
    "factor_specs",
    "render",
    "render_factors",
    "sample_factors",
]
