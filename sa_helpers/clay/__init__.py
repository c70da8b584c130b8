"""The clay world: busts rendered from known factors, with masks, exact and reproducible by seed.

`render` draws samples, `sample_factors` and `render_factors` let a factor be edited and drawn
again, `factor_specs` documents every distribution. To add a domain, write a package whose `DOMAINS`
holds its factors and what builds a `Scene` from them, and enter it in `samples.PACKAGES`.
"""

from sa_helpers.clay.engine import REGIONS, Factor
from sa_helpers.clay.samples import (
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
