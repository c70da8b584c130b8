"""What lies beside models and was made from them: encoders, readers, surveys, latents, and more.

An artefact is of a kind. Its file holds arrays; what they mean, as JSON; and a record of how it
came about, which names the weights that it belongs to by their digest, `model_sha256`. Small
networks are safetensors in half precision, everything else is one compressed NumPy archive. Here
stands how they are written and read; the rooms declare their kinds.
"""

import json
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Generic, TypeVar

import numpy as np
import torch
from numpy import ndarray
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn.modules.module import register_module_parameter_registration_hook

from sa_helpers.checkpoints.budget import Budget
from sa_helpers.checkpoints.errors import CheckpointError
from sa_helpers.checkpoints.file_parts import StoredTensor, is_finite, open_span
from sa_helpers.checkpoints.safetensors_files import parse_text, read_safetensors
from sa_helpers.runtime import FILE_FAULTS, replacing, shown

Meaning = dict[str, Any]
Record = dict[str, Any]
_MAX_ARCHIVE_BYTES = 1 << 28
_SLACK_BYTES = 1 << 26  # the change of an encoder also builds the encoder that it changes
Network = TypeVar("Network", bound=nn.Module)
Made = TypeVar("Made")


@dataclass(frozen=True, kw_only=True, eq=False)
class Kind(ABC, Generic[Made]):
    """A kind of artefact.

    Attributes:
        name: Such as "encoder"; files of networks name it.
        remedy: Sentence for errors: how to come by such a file. {path} stands for its path, {name}
            for its name without ending.
    """

    name: str
    remedy: str

    @abstractmethod
    def load(self, path: Path) -> tuple[Made, Record]:
        """Read what `save` wrote, and its record.

        Raises:
            CheckpointError: A missing or damaged file, or one of another kind.
        """

    def load_for(self, path: Path, model: str, sha256: str) -> Made:
        """Read what was made for a model.

        Args:
            path: Of the file.
            model: Name of the model.
            sha256: Digest of the model's weights.

        Raises:
            CheckpointError: There is no such file, it is damaged, or was made for other weights.
        """
        if not path.is_file():
            raise CheckpointError(
                f'The model "{model}" has no {self.name}: there is no {path}. {self.how(path)}'
            )
        made, record = self.load(path)
        if record.get("model_sha256") != sha256:
            raise CheckpointError(
                f"{path} was made for other weights than those of {model}. {self.how(path)}"
            )
        return made

    def how(self, path: Path) -> str:
        """How to come by a file of the kind."""
        return self.remedy.format(path=path, name=path.stem)


@dataclass(frozen=True, kw_only=True, eq=False)
class NetworkKind(Kind[Network]):
    """A kind of small network, stored as safetensors.

    Attributes:
        describe: From a network, and the path of its file, to what is needed to build it again;
            JSON-ready.
        build: From that, and the path, to a network with any weights.
        finish: Done to a network that was read.
    """

    describe: Callable[[Network, Path], Meaning]
    build: Callable[[Meaning, Path], Network]
    finish: Callable[[Network], Network] = lambda network: network

    def save(self, path: Path, network: Network, *, record: Record) -> Path:
        """Write a network in bfloat16, in which it was trained, whole or not at all.

        Args:
            path: Ends in .safetensors; its folder is made.
            network: What to write.
            record: How it came about; JSON-ready.
        """
        text = json.dumps({**self.describe(network, path), "record": record}, sort_keys=True)
        tensors = {
            name: (value.bfloat16() if value.is_floating_point() else value).cpu().contiguous()
            for name, value in network.state_dict().items()
        }
        with replacing(path) as stream:
            stream.write(save(tensors, metadata={self.name: text}))
        return path

    def load(self, path: Path) -> tuple[Network, Record]:
        """Read what `save` wrote; networks are in evaluation mode without gradients.

        Raises:
            CheckpointError: A missing or damaged file, or one of another kind.
        """
        try:
            network, record = _load_network(path, kind=self.name, make=self.build)
        except CheckpointError as error:
            raise CheckpointError(
                f"{path} is no {self.name} of this package ({error}) {self.how(path)}"
            ) from error
        return self.finish(network.eval()).requires_grad_(False), with_model_sha256(record)


@dataclass(frozen=True, kw_only=True, eq=False)
class ArrayKind(Kind[Made]):
    """A kind of arrays, stored as a compressed NumPy archive.

    Attributes:
        take_apart: From what is stored to its arrays by name, and to what they mean; JSON-ready.
        put_together: The inverse.
        record_of: The record, within what is stored.
    """

    take_apart: Callable[[Made], tuple[Mapping[str, ndarray], Meaning]]
    put_together: Callable[[Mapping[str, ndarray], Meaning], Made]
    record_of: Callable[[Made], Record] = lambda made: made.record  # type: ignore[attr-defined]

    def save(self, path: Path, made: Made) -> Path:
        """Write arrays whole or not at all.

        Args:
            path: Ends in .npz; its folder is made.
            made: What to write.
        """
        arrays, meaning = self.take_apart(made)
        text = np.array(json.dumps(meaning))
        with replacing(path) as stream:
            np.savez_compressed(stream, **arrays, meaning=text)  # type: ignore[arg-type]
        return path

    def load(self, path: Path) -> tuple[Made, Record]:
        """Read what `save` wrote.

        Raises:
            CheckpointError: A missing or damaged file, or one of another kind.
        """
        try:
            with open(path, "rb") as stream:
                _require_moderate(stream)
                with np.load(stream, allow_pickle=False) as file:
                    made = self.put_together(file, json.loads(str(file["meaning"])))
                    return made, self.record_of(made)
        except (OSError, *FILE_FAULTS) as error:
            # What numpy says of pickles is advice to load them in the unsafe way.
            cause = "it holds pickles" if "allow_pickle" in str(error) else shown(error)
            message = f"{path} is no {self.name} ({cause}). {self.how(path)}"
            raise CheckpointError(message) from error


def with_model_sha256(record: Record) -> Record:
    """A record in which the digest of the model's weights has its one name.

    Shipped files were written when it had three.
    """
    model = record.get("model")
    older = record.get("sha256", model.get("sha256") if isinstance(model, dict) else None)
    return record if older is None else {"model_sha256": older, **record}


def _require_moderate(stream: BinaryIO) -> None:
    """Refuse archives that would unfold to more than such files ever hold."""
    with zipfile.ZipFile(stream) as archive:
        num_bytes = sum(entry.file_size for entry in archive.infolist())
    if num_bytes > _MAX_ARCHIVE_BYTES:
        raise ValueError(f"it unfolds to {num_bytes / 1e6:.0f} MB")
    stream.seek(0)


def _load_network(
    path: Path, *, kind: str, make: Callable[[Meaning, Path], Network]
) -> tuple[Network, Record]:
    # The network is for all callers, also for those that need its gradients.
    with torch.inference_mode(False), open_span(path) as span:
        budget = Budget(path)
        tensors, metadata = read_safetensors(span, budget)
        if kind not in metadata:
            raise CheckpointError(f"{path} holds no {kind}.")
        meaning = parse_text(metadata[kind], path, budget)
        record = meaning.get("record") if isinstance(meaning, dict) else None
        if not isinstance(record, dict):
            raise CheckpointError(f"{path} lacks the record of its {kind}.")
        network = _made(meaning, path, make=make, num_bytes=span.length)
        _require_shapes(network, tensors, path)
        state = {name: stored.read() for name, stored in tensors.items()}
    _require_finite(state, path)
    network.load_state_dict(state)
    return network, record


def _made(
    meaning: Meaning,
    path: Path,
    *,
    make: Callable[[Meaning, Path], Network],
    num_bytes: int,
) -> Network:
    """Build a network of any weights, but of no more than the file can have."""
    left = 2 * num_bytes + _SLACK_BYTES

    def pay(_module: nn.Module, _name: str, parameter: nn.Parameter | None) -> None:
        nonlocal left
        left -= 0 if parameter is None else parameter.nbytes
        if left < 0:
            raise CheckpointError(f"{path} describes a network that is larger than it.")

    handle = register_module_parameter_registration_hook(pay)
    try:
        with torch.random.fork_rng(devices=[]):  # Initial weights must not use up random numbers.
            return make(meaning, path)
    except CheckpointError:
        raise
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as e:
        raise CheckpointError(
            f"{path} describes no network that this release knows ({shown(e)})."
        ) from e
    finally:
        handle.remove()


def _require_shapes(network: nn.Module, tensors: Mapping[str, StoredTensor], path: Path) -> None:
    expected = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    given = {name: stored.shape for name, stored in tensors.items()}
    if expected != given:
        names = sorted(n for n in {*expected, *given} if expected.get(n) != given.get(n))
        raise CheckpointError(
            f"{path} has other weights than it describes: {shown(names[0])} and {len(names) - 1} "
            f"more."
        )


def _require_finite(state: Mapping[str, Tensor], path: Path) -> None:
    for name, value in state.items():
        if not is_finite(value):
            raise CheckpointError(f"{path} holds NaN or infinity in {shown(name)}.")
