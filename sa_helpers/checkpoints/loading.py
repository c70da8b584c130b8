"""Read networks, and say clearly what is wrong where that fails."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor, nn

from sa_helpers.checkpoints.errors import CheckpointError
from sa_helpers.checkpoints.own_format import ROLES, SCHEMA_VERSION, model_files
from sa_helpers.networks import Discriminator, DiscriminatorConfig, Generator, GeneratorConfig

_FETCH_AGAIN = "Copy or download the .safetensors and the .json again, both from one source."
_NUM_SHOWN = 3


@dataclass(frozen=True, kw_only=True)
class LoadedModel:
    """What a checkpoint holds.

    Attributes:
        generator: In evaluation mode, float32.
        discriminator: The same, or None where the checkpoint has none.
        record: How the model came about, as its maker wrote it.
        sha256: Of the file of weights, which is how a child's record names its parent.
    """

    generator: Generator
    discriminator: Discriminator | None
    record: dict[str, Any]
    sha256: str


def load_model(path: str | Path, *, device: torch.device | None = None) -> LoadedModel:
    """Read what `save_model` wrote, after checking its SHA-256.

    Args:
        path: With or without ending.
        device: Where to put the networks; None means the CPU.

    Raises:
        CheckpointError: A missing, damaged or mismatching file; cause and remedy are stated.
    """
    weights_path, json_path = model_files(path)
    description = _read_description(json_path)
    tensors = _read_tensors(weights_path, description["weights"])
    unknown = sorted(n for n in tensors if n.partition(".")[0] not in ROLES)
    if unknown:
        raise CheckpointError(f"{weights_path} has unknown tensors {unknown[:_NUM_SHOWN]}.")
    with torch.random.fork_rng(devices=[]):  # Initial weights must not use up random numbers.
        with _explaining("generator", json_path):
            generator = Generator(GeneratorConfig.from_dict(description["generator"]))
        discriminator = None
        if description["discriminator"] is not None:
            with _explaining("discriminator", json_path):
                config = DiscriminatorConfig.from_dict(description["discriminator"])
                discriminator = Discriminator(config)
    target = device or torch.device("cpu")
    for role, network in (("generator", generator), ("discriminator", discriminator)):
        if network is not None:
            _fill(role, network, tensors, weights_path)
            network.eval().to(target)
    return LoadedModel(
        generator=generator,
        discriminator=discriminator,
        record=description["record"],
        sha256=description["weights"]["sha256"],
    )


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CheckpointError(
            f"{path} cannot be read ({error.strerror}). "
            "A model is a .safetensors and a .json of the same name in one folder."
        ) from error


def _read_description(path: Path) -> dict[str, Any]:
    try:
        description = json.loads(_read_bytes(path))
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CheckpointError(f"{path} is not valid JSON ({error}). {_FETCH_AGAIN}") from error
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
    if wrong:
        raise CheckpointError(f"{path} lacks {wrong}, or they are of a wrong type. {_FETCH_AGAIN}")
    return description


def _read_tensors(path: Path, expected: Mapping[str, Any]) -> dict[str, Tensor]:
    content = _read_bytes(path)
    if expected.get("num_bytes") != len(content):
        raise CheckpointError(
            f"{path} has {len(content)} bytes; its JSON expects {expected.get('num_bytes')}. "
            f"It was cut short or replaced. {_FETCH_AGAIN}"
        )
    digest = hashlib.sha256(content).hexdigest()
    if expected.get("sha256") != digest:
        raise CheckpointError(
            f"{path} has SHA-256 {digest}; its JSON expects {expected.get('sha256')}. "
            f"It was changed or belongs to another JSON. {_FETCH_AGAIN}"
        )
    try:
        return load(content)
    except SafetensorError as error:
        raise CheckpointError(f"{path} is no safetensors file ({error}). {_FETCH_AGAIN}") from error


@contextmanager
def _explaining(role: str, path: Path) -> Iterator[None]:
    """Turn what a senseless config raises into an error with a remedy."""
    try:
        yield
    except (TypeError, ValueError, KeyError, AttributeError, RuntimeError) as error:
        raise CheckpointError(
            f"The {role} config of {path} makes no network ({error}). {_FETCH_AGAIN}"
        ) from error


def _fill(role: str, network: nn.Module, tensors: Mapping[str, Tensor], path: Path) -> None:
    prefix = f"{role}."
    weights = {
        name.removeprefix(prefix): value.float()
        for name, value in tensors.items()
        if name.startswith(prefix)
    }
    _check_weights(role, network.state_dict(), weights, path)
    network.load_state_dict(weights)


def _check_weights(
    role: str, expected: Mapping[str, Tensor], weights: Mapping[str, Tensor], path: Path
) -> None:
    problems = [f"{name} is missing" for name in sorted(expected.keys() - weights.keys())]
    problems += [f"{name} is unknown" for name in sorted(weights.keys() - expected.keys())]
    for name in sorted(expected.keys() & weights.keys()):
        given, wanted = tuple(weights[name].shape), tuple(expected[name].shape)
        if given != wanted:
            problems.append(f"{name} has shape {given}, the config means {wanted}")
        elif not weights[name].isfinite().all():
            problems.append(f"{name} holds NaN or infinity")
    if problems:
        shown = "; ".join(problems[:_NUM_SHOWN])
        raise CheckpointError(
            f"The {role} in {path} does not fit its JSON: {shown} ({len(problems)} in all). "
            f"{_FETCH_AGAIN} If you made it, save it again with save_model."
        )
