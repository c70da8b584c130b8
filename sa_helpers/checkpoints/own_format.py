"""Our own format: `name.safetensors` with the weights and `name.json` with everything else.

The JSON object holds `schema_version`, `generator` and `discriminator` (the configs; the latter
may be null), `weights` (`sha256` of the safetensors file, its size in bytes and the dtype that
the weights were stored in) and `record`, which belongs to whoever saved the model. The tensors are
called `generator.` and `discriminator.` plus their names in the networks.
"""

from pathlib import Path

SCHEMA_VERSION = 1
ROLES = ("generator", "discriminator")


def model_files(path: str | Path) -> tuple[Path, Path]:
    """Return the paths of weights and JSON; `path` may have either ending or none."""
    path = Path(path)
    stem = path.with_suffix("") if path.suffix in (".safetensors", ".json") else path
    return stem.with_name(f"{stem.name}.safetensors"), stem.with_name(f"{stem.name}.json")
