"""Find the networks in what a file holds: by the names of their weights, wherever they lie.

Codes wrap state dicts in various ways: under a key such as `g_ema`, `g` or `state_dict`, behind a
prefix such as `module.`, or not at all. A generator is known by its constant, a discriminator by
its last layer.
"""

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sa_helpers.checkpoints import nvidia, rosinality, tensorflow
from sa_helpers.checkpoints.budget import Budget
from sa_helpers.checkpoints.contents import MAX_WEIGHTS, Contents
from sa_helpers.checkpoints.errors import CheckpointError
from sa_helpers.checkpoints.file_parts import StoredTensor
from sa_helpers.checkpoints.foreign import refuse_others
from sa_helpers.checkpoints.stand_ins import PersistentModule, TensorflowNetwork
from sa_helpers.runtime import shown

KNOWN = (
    "NVIDIA's .pkl (PyTorch or TensorFlow), rosinality's, e4e's, pSp's and StyleGAN-NADA's .pt, "
    "and .safetensors"
)
_MARKS = {
    ("nvidia", "generator"): r"synthesis\.b\d+\.const",
    ("rosinality", "generator"): r"input\.input",
    ("nvidia", "discriminator"): r"b4\.out\.weight",
    ("rosinality", "discriminator"): r"final_linear\.1\.weight",
}
_AVERAGED = "ema"
_NUM_KEYS = 40
_NUM_COPIES = 4
_MAX_NAME_LETTERS = 300


@dataclass(frozen=True, kw_only=True)
class _Found:
    """A state dict in a file: whose names it has, what network it is, and where it lies."""

    code: str
    network: str
    place: str
    state: Mapping[str, Any]

    @property
    def is_averaged(self) -> bool:
        return _AVERAGED in self.place.lower()


def read_root(root: Any, budget: Budget) -> Contents:
    """Read the networks that a file holds.

    Args:
        root: What its pickle made, or the tensors of a safetensors file by name.
        budget: Pays for it.

    Raises:
        CheckpointError: No StyleGAN2 is found, or one that our networks cannot express.
    """
    if isinstance(root, PersistentModule):
        return _single_module(root, budget)
    if isinstance(root, TensorflowNetwork):
        root = (None, None, root)
    if isinstance(root, tuple) and len(root) == 3 and isinstance(root[-1], TensorflowNetwork):
        return tensorflow.read_pickle(root, budget)
    if isinstance(root, dict):
        if isinstance(root.get("G_ema"), PersistentModule):
            return nvidia.read_pickle(root, budget)
        if isinstance(root.get("G"), PersistentModule):
            return _noting_step(nvidia.read_pickle({**root, "G_ema": root["G"]}, budget))
        contents = _from_states(root)
        if contents is not None:
            return contents
    raise _unknown(root)


def _single_module(module: PersistentModule, budget: Budget) -> Contents:
    """Read a network that was pickled alone."""
    meta = module.arguments[0] if module.arguments else None
    kind = meta.get("class_name") if isinstance(meta, dict) else None
    if isinstance(kind, str) and "Discriminator" in kind:
        raise CheckpointError(
            "It holds a discriminator alone. Images come from a generator; choose the file of "
            "G_ema."
        )
    return nvidia.read_pickle({"G_ema": module}, budget)


def _from_states(root: dict[Any, Any]) -> Contents | None:
    found = list(_find(root))
    generators = [f for f in found if f.network == "generator"]
    if not generators:
        return None
    best = min(generators, key=lambda f: (not f.is_averaged, f.place == "state_dict"))
    equals = {f.place for f in generators if f.is_averaged == best.is_averaged}
    if len(equals) > 1 and not best.is_averaged and "g" not in {p.lower() for p in equals}:
        listed = ", ".join(shown(place, max_length=40) for place in sorted(equals)[:4])
        raise CheckpointError(
            f"It holds several generators ({listed}), and none is called the averaged one. Save "
            "the one that you mean alone, under the key g_ema."
        )
    if len(equals) > 1 and not best.is_averaged:
        best = next(f for f in generators if f.place.lower() == "g")
    if best.place.endswith("decoder") and any(n.startswith("encoder.") for n in _flat(root)):
        return _encoder_checkpoint(root)
    return _read(root, best, found)


def _find(root: Mapping[Any, Any]) -> Iterator[_Found]:
    """Look for state dicts in a dict and in the dicts within it, two levels deep."""
    yield from _in_state(root, place="")
    for key, value in itertools.islice(root.items(), _NUM_KEYS):
        if not isinstance(value, dict) or not isinstance(key, str):
            continue
        yield from _in_state(value, place=key)
        inner = value.get("state_dict")
        if isinstance(inner, dict):
            yield from _in_state(inner, place=key)


def _in_state(state: Mapping[Any, Any], *, place: str) -> Iterator[_Found]:
    if len(state) > MAX_WEIGHTS:
        return
    texts = [name for name in state if isinstance(name, str) and len(name) < _MAX_NAME_LETTERS]
    for (code, network), mark in _MARKS.items():
        found = (re.fullmatch(rf"((?:.*\.)?){mark}", name) for name in texts)
        for match in itertools.islice(filter(None, found), _NUM_COPIES):
            prefix = match[1]
            if not isinstance(state[match[0]], StoredTensor):
                continue
            inner = {
                key.removeprefix(prefix): value
                for key, value in state.items()
                if isinstance(key, str)
                and key.startswith(prefix)
                and (prefix or isinstance(value, StoredTensor))
            }
            where = prefix.replace("module.", "") or place
            yield _Found(code=code, network=network, place=where.rstrip("."), state=inner)


def _read(root: Mapping[Any, Any], generator: _Found, found: list[_Found]) -> Contents:
    discriminators = [f for f in found if f.network == "discriminator" and f.code == generator.code]
    judge = discriminators[0].state if discriminators else None
    if generator.code == "nvidia":
        contents = nvidia.read_state_dicts(
            {"G_ema": generator.state, "D": judge, "sa_helpers": root.get("sa_helpers")}
        )
    else:
        state = dict(generator.state)
        latent = state.pop("latent_avg", None) or root.get("latent_avg")
        rest = {key: value for key, value in root.items() if key not in ("g", "d", "g_ema")}
        contents = rosinality.read_checkpoint(
            {**rest, "g_ema": state, "d": judge, "latent_avg": latent}
        )
    return contents if generator.place.lower() != "g" else _noting_step(contents)


def _noting_step(contents: Contents) -> Contents:
    note = "The file has no averaged generator; the one of the last training step was taken."
    return replace(contents, notes=(*contents.notes, note))


def _flat(root: Mapping[Any, Any]) -> dict[str, Any]:
    """The state dict of a pSp or an e4e, without the prefix of several GPUs."""
    state = root.get("state_dict")
    state = state if isinstance(state, dict) else root
    return {
        name.removeprefix("module."): value
        for name, value in state.items()
        if isinstance(name, str) and isinstance(value, StoredTensor)
    }


def _encoder_checkpoint(root: Mapping[Any, Any]) -> Contents:
    state = _flat(root)
    latent = state.pop("latent_avg", None) or root.get("latent_avg")
    return rosinality.read_encoder_checkpoint({**root, "state_dict": state, "latent_avg": latent})


def _unknown(root: Any) -> CheckpointError:
    if isinstance(root, dict):
        refuse_others(root)
        for value in itertools.islice(root.values(), _NUM_KEYS):
            if isinstance(value, dict):
                refuse_others(value)
    keys = (
        [shown(key, max_length=40) for key in itertools.islice(root, 8)]
        if isinstance(root, dict)
        else []
    )
    what = f"a {type(root).__name__}" + (f" of {', '.join(keys)}" if keys else "")
    return CheckpointError(f"It holds {what}, not a StyleGAN2 checkpoint. Expected {KNOWN}.")
