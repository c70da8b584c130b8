"""Where and how to compute, files that are never half, and text from files."""

from sa_helpers.runtime.accelerating import (
    arithmetic,
    compiled,
    forget_peak,
    peak_bytes,
    wait_for,
)
from sa_helpers.runtime.computing import (
    compute_dtype,
    default_device,
    in_batches,
    named_device,
    progress,
    randn_per_seed,
)
from sa_helpers.runtime.files import (
    FILE_FAULTS,
    cache_dir,
    is_sealed,
    remove_abandoned,
    replacing,
    sealing,
    staging,
    version_of,
)
from sa_helpers.runtime.origins import provenance, versions
from sa_helpers.runtime.states import adam_like, load_state, misfits, save_state, save_torch
from sa_helpers.runtime.texts import read_json, read_toml, shown

__all__ = [
    "FILE_FAULTS",
    "adam_like",
    "arithmetic",
    "cache_dir",
    "compiled",
    "compute_dtype",
    "default_device",
    "forget_peak",
    "in_batches",
    "is_sealed",
    "load_state",
    "misfits",
    "named_device",
    "peak_bytes",
    "progress",
    "provenance",
    "randn_per_seed",
    "read_json",
    "read_toml",
    "remove_abandoned",
    "replacing",
    "save_state",
    "save_torch",
    "sealing",
    "shown",
    "staging",
    "version_of",
    "versions",
    "wait_for",
]
