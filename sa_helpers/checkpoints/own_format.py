"""Our own format: `name.safetensors` with the weights and `name.json` with everything else.

The JSON object holds `schema_version`, `generator`, `discriminator` and `encoder` (the configs; the
latter two may be null, and `encoder` may be missing), `weights` (`sha256` of the safetensors file,
its size in bytes and the dtype that the weights were stored in) and `record`, which belongs to
whoever saved the model. The tensors are called by the part, a dot and their names in the networks.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from sa_helpers.checkpoints.contents import Config, Contents, Weights
from sa_helpers.checkpoints.errors import CheckpointError
from sa_helpers.checkpoints.spans import Span, StoredTensor, from_bytes, num_elements, open_span
from sa_helpers.networks import DiscriminatorConfig, EncoderConfig, GeneratorConfig

SCHEMA_VERSION = 1
CONFIGS: Mapping[str, type[Config]] = {
    "generator": GeneratorConfig,
    "discriminator": DiscriminatorConfig,
    "encoder": EncoderConfig,
}
_MAX_HEADER_BYTES = 1 << 24
_MAX_JSON_BYTES = 1 << 26
_DTYPES = {
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F32": torch.float32,
    "F64": torch.float64,
}
_FETCH_AGAIN = "Copy or download the .safetensors and the .json again, both from one source."
_NUM_SHOWN = 3


def model_files(path: str | Path) -> tuple[Path, Path]:
    """Return the paths of weights and JSON; `path` may have either ending or none."""
    path = Path(path)
    stem = path.with_suffix("") if path.suffix in (".safetensors", ".json") else path
    return stem.with_name(f"{stem.name}.safetensors"), stem.with_name(f"{stem.name}.json")


@contextmanager
def open_own_format(path: Path) -> Iterator[tuple[Contents, Callable[[], str]]]:
    """Open a pair of files; the weights can be read while the block lasts.

    Returns:
        What it holds, and a function that gives the SHA-256 of the weights.

    Raises:
        CheckpointError: A missing, damaged or mismatching file; cause and remedy are stated.
    """
    weights_path, json_path = model_files(path)
    description = _read_description(json_path)
    with open_span(weights_path) as span:
        _check_hash(span, description["weights"])
        tensors = _read_header(span)
        parts = _by_part(tensors, weights_path)
        configs = {}
        for part, kind in CONFIGS.items():
            if description.get(part) is not None:
                with _explaining(part, json_path):
                    configs[part] = kind.from_dict(description[part])
        contents = Contents(
            format="safetensors with JSON",
            configs=configs,
            weights={part: parts.get(part, {}) for part in configs},
            settings={"stored_dtype": description["weights"].get("dtype")},
            record=description["record"],
        )
        yield contents, lambda: str(description["weights"]["sha256"])


def _by_part(tensors: Weights, path: Path) -> dict[str, dict[str, StoredTensor]]:
    parts: dict[str, dict[str, StoredTensor]] = {}
    unknown = []
    for name, stored in tensors.items():
        part, _, rest = name.partition(".")
        parts.setdefault(part, {})[rest] = stored
        if part not in CONFIGS:
            unknown.append(name)
    if unknown:
        raise CheckpointError(f"{path} has unknown tensors {sorted(unknown)[:_NUM_SHOWN]}.")
    return parts


def _read_json(path: Path) -> Any:
    with open_span(path) as span:
        if span.length > _MAX_JSON_BYTES:
            raise CheckpointError(f"{path} has {span.length} bytes, too many. {_FETCH_AGAIN}")
        content = span.read()
    try:
        return json.loads(content)
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CheckpointError(f"{path} is not valid JSON ({error}). {_FETCH_AGAIN}") from error


def _read_description(path: Path) -> dict[str, Any]:
    description = _read_json(path)
    if not isinstance(description, dict) or "schema_version" not in description:
        raise CheckpointError(
            f"{path} does not describe a model: it has no schema_version. "
            "Point to a file that save_model wrote."
        )
    version = description["schema_version"]
    if version != SCHEMA_VERSION:
        raise CheckpointError(
            f"{path} has schema version {version!r}; this release reads {SCHEMA_VERSION}. "
            "Update sa_helpers, or save the model again."
        )
    expected = {"generator": dict, "discriminator": dict | None, "weights": dict, "record": dict}
    wrong = [
        key
        for key, kind in expected.items()
        if key not in description or not isinstance(description[key], kind)
    ]
    if wrong or not isinstance(description.get("encoder"), dict | None):
        wrong = wrong or ["encoder"]
        raise CheckpointError(f"{path} lacks {wrong}, or they are of a wrong type. {_FETCH_AGAIN}")
    return description


def _check_hash(span: Span, expected: Mapping[str, Any]) -> None:
    if expected.get("num_bytes") != span.length:
        raise CheckpointError(
            f"{span.path} has {span.length} bytes; its JSON expects {expected.get('num_bytes')}. "
            f"It was cut short or replaced. {_FETCH_AGAIN}"
        )
    digest = span.sha256()
    if expected.get("sha256") != digest:
        raise CheckpointError(
            f"{span.path} has SHA-256 {digest}; its JSON expects {expected.get('sha256')}. "
            f"It was changed or belongs to another JSON. {_FETCH_AGAIN}"
        )


def _read_header(span: Span) -> dict[str, StoredTensor]:
    """Read where the tensors are: eight bytes of length, JSON, numbers."""
    try:
        length = int.from_bytes(span.part(0, 8).read(), "little")
        if length > min(_MAX_HEADER_BYTES, span.length - 8):
            raise ValueError(f"a header of {length} bytes")
        header = json.loads(span.part(8, length).read())
        data = span.part(8 + length, span.length - 8 - length)
        entries = {name: entry for name, entry in header.items() if name != "__metadata__"}
        return {name: _stored(data, entry) for name, entry in entries.items()}
    except CheckpointError as error:
        raise CheckpointError(f"{span.path} is no safetensors file ({error}).") from error
    except (ValueError, RecursionError, AttributeError, TypeError, KeyError) as error:
        raise CheckpointError(
            f"{span.path} is no safetensors file ({error}). {_FETCH_AGAIN}"
        ) from error


def _stored(data: Span, entry: Mapping[str, Any]) -> StoredTensor:
    dtype, shape = _DTYPES[entry["dtype"]], tuple(entry["shape"])
    start, stop = entry["data_offsets"]
    expected = num_elements(shape) * dtype.itemsize
    if stop - start != expected:
        raise ValueError(f"a tensor of shape {shape} with {stop - start} bytes")
    part = data.part(start, expected)
    return StoredTensor(shape, lambda: from_bytes(part.read(), dtype, shape))


@contextmanager
def _explaining(part: str, path: Path) -> Iterator[None]:
    """Turn what a senseless config raises into an error with a remedy."""
    try:
        yield
    except (TypeError, ValueError, KeyError, AttributeError, RuntimeError) as error:
        raise CheckpointError(
            f"The {part} config of {path} makes no network ({error}). {_FETCH_AGAIN}"
        ) from error
