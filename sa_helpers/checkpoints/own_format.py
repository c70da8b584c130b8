"""Our own format: `name.safetensors`, whose metadata say all that is not a weight.

Under `sa_helpers` they hold a JSON object with `schema_version`, `generator`, `discriminator` and
`encoder` (the configs; the latter two may be null), `weights` (the dtype that they were stored in)
and `record`, which belongs to whoever saved the model; under `sha256`, the digest of that text and
of the numbers after it. The tensors are called by the part, a dot and their names in the networks.

Models of earlier editions are two files. Their JSON lies beside the weights, as `name.json`, and
its `weights` also have the `sha256` and the size of the safetensors file.
"""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sa_helpers.checkpoints.budget import Budget
from sa_helpers.checkpoints.contents import Config, Contents, Weights, plain
from sa_helpers.checkpoints.errors import CheckpointError
from sa_helpers.checkpoints.file_parts import Span, StoredTensor, open_span
from sa_helpers.checkpoints.safetensors_files import (
    data_span,
    parse_json,
    parse_text,
    read_safetensors,
)
from sa_helpers.networks import DiscriminatorConfig, EncoderConfig, GeneratorConfig
from sa_helpers.runtime import shown

SCHEMA_VERSION = 1
CONFIGS: Mapping[str, type[Config]] = {
    "generator": GeneratorConfig,
    "discriminator": DiscriminatorConfig,
    "encoder": EncoderConfig,
}
DESCRIPTION, DIGEST = "sa_helpers", "sha256"
_AGAIN = "Copy or download the model again, all of it from one source."
_NUM_SHOWN = 3


def model_files(path: str | Path) -> tuple[Path, Path]:
    """Return the paths of a model's file and of the JSON that earlier editions wrote beside it.

    Args:
        path: With either ending or none.
    """
    path = Path(path)
    stem = path.with_suffix("") if path.suffix in (".safetensors", ".json") else path
    return stem.with_name(f"{stem.name}.safetensors"), stem.with_name(f"{stem.name}.json")


def read_own_format(
    span: Span, tensors: Weights, metadata: Mapping[str, str], budget: Budget
) -> Contents | None:
    """Read a model that `save_model` wrote; None for other safetensors files.

    Raises:
        CheckpointError: It is damaged, or its JSON is missing or belongs to other weights.
    """
    described = _describe(span, tensors, metadata, budget)
    if described is None:
        return None
    description, place = described
    parts = _by_part(tensors, span.path)
    configs: dict[str, Config] = {}
    for part, kind in CONFIGS.items():
        if description.get(part) is not None:
            with _explaining(part, place):
                configs[part] = kind.from_dict(description[part])
    return Contents(
        format="safetensors" if DESCRIPTION in metadata else "safetensors with JSON",
        configs=configs,
        weights={part: parts.get(part, {}) for part in configs},
        settings={"stored_dtype": plain(description["weights"].get("dtype"), depth=0)},
        record=description["record"],
    )


def read_record(path: str | Path) -> dict[str, Any]:
    """Read how a model of our own came about, without its weights.

    Args:
        path: Of the model, with or without ending.

    Raises:
        CheckpointError: There is no such model, or it is damaged.
    """
    weights_path, _ = model_files(path)
    with open_span(weights_path) as span:
        budget = Budget(weights_path)
        tensors, metadata = read_safetensors(span, budget)
        if DESCRIPTION in metadata:
            description = _parse(metadata[DESCRIPTION], span, budget)
        elif _has_our_names(tensors):
            description = _read_beside(weights_path, budget)
        else:
            raise CheckpointError(
                f"{weights_path} is no model that save_model wrote. Convert it with `python -m "
                "sa_helpers.checkpoints convert`."
            )
    record: dict[str, Any] = description["record"]
    return record


def is_description(path: Path) -> bool:
    """Whether a file is the JSON of a model that was saved as two files."""
    if not path.is_file():
        return False
    try:
        with open_span(path) as span:
            _checked(parse_json(span, Budget(path)), path)
    except CheckpointError:
        return False
    return True


def digest_of(text: str, numbers: Iterator[bytes | memoryview]) -> str:
    """Digest of a model: of its description and of its numbers."""
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass"))
    for block in numbers:
        digest.update(block)
    return digest.hexdigest()


def _describe(
    span: Span, tensors: Weights, metadata: Mapping[str, str], budget: Budget
) -> tuple[dict[str, Any], Path] | None:
    """What is said of a model, and where."""
    text = metadata.get(DESCRIPTION)
    if text is not None:
        if digest_of(text, data_span(span).blocks()) != metadata.get(DIGEST):
            raise CheckpointError(
                f"{span.path} has another SHA-256 than when it was saved, so it was altered or "
                f"damaged. {_AGAIN}"
            )
        return _parse(text, span, budget), span.path
    if not _has_our_names(tensors):
        return None
    description, place = _read_beside(span.path, budget), model_files(span.path)[1]
    _check_hash(span, description["weights"])
    return description, place


def _has_our_names(tensors: Weights) -> bool:
    return bool(tensors) and all(name.partition(".")[0] in CONFIGS for name in tensors)


def _by_part(tensors: Weights, path: Path) -> dict[str, dict[str, StoredTensor]]:
    parts: dict[str, dict[str, StoredTensor]] = {}
    unknown = []
    for name, stored in tensors.items():
        part, _, rest = name.partition(".")
        parts.setdefault(part, {})[rest] = stored
        if part not in CONFIGS:
            unknown.append(name)
    if unknown:
        listed = ", ".join(shown(name, max_length=40) for name in sorted(unknown)[:_NUM_SHOWN])
        raise CheckpointError(f"{path} has tensors of no network: {listed}. {_AGAIN}")
    return parts


def _read_beside(weights_path: Path, budget: Budget) -> dict[str, Any]:
    """Read the JSON of a model that was saved as two files."""
    path = model_files(weights_path)[1]
    if not path.is_file():
        raise CheckpointError(
            f"{weights_path} is half of a model that was saved as two files: {path.name}, of the "
            f"same name, is missing beside it. {_AGAIN}"
        )
    with open_span(path) as span:
        return _checked(parse_json(span, budget), path)


def _parse(text: str, span: Span, budget: Budget) -> dict[str, Any]:
    return _checked(parse_text(text, span.path, budget), span.path)


def _checked(description: Any, path: Path) -> dict[str, Any]:
    if not isinstance(description, dict) or "schema_version" not in description:
        raise CheckpointError(
            f"{path} does not describe a model: it has no schema_version. "
            "Point to a file that save_model wrote."
        )
    version = plain(description["schema_version"], depth=0)
    if version != SCHEMA_VERSION:
        raise CheckpointError(
            f"{path} has schema version {version!r}; this release reads {SCHEMA_VERSION}. "
            "Update sa_helpers, or save the model again."
        )
    expected = {
        "generator": dict,
        "discriminator": dict | None,
        "encoder": dict | None,
        "weights": dict,
        "record": dict,
    }
    wrong = [key for key, kind in expected.items() if not isinstance(description.get(key), kind)]
    if wrong:
        raise CheckpointError(f"{path} lacks {wrong}, or they are of a wrong type. {_AGAIN}")
    return description


def _check_hash(span: Span, expected: Mapping[str, Any]) -> None:
    size, sha256 = (plain(expected.get(key), depth=0) for key in ("num_bytes", "sha256"))
    if size != span.length:
        raise CheckpointError(
            f"{span.path} has {span.length} bytes; its JSON expects {size}. "
            f"It was cut short or replaced. {_AGAIN}"
        )
    digest = span.sha256()
    if sha256 != digest:
        raise CheckpointError(
            f"{span.path} has SHA-256 {digest}; its JSON expects {sha256}. "
            f"It was changed or belongs to another JSON. {_AGAIN}"
        )


@contextmanager
def _explaining(part: str, path: Path) -> Iterator[None]:
    """Turn what a senseless config raises into an error with a remedy."""
    try:
        yield
    except (TypeError, ValueError) as error:
        raise CheckpointError(
            f"The {part} config of {path} makes no network ({shown(error)}). {_AGAIN}"
        ) from error
