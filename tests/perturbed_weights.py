"""A switch of the tests: import this, and every shipped weight is opened a little wrong.

Each is multiplied by 1 + 1e-6 times noise, the same at every opening. That is about what another
processor does to a result, only more of it, so whatever hangs on the last digits shows itself.
`make portable` uses it; set SA_PERTURB_WEIGHTS=1 to use it in `make unit` and `make notebooks`.
"""

import functools
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import sa_helpers
from sa_helpers import checkpoints
from sa_helpers.checkpoints import artefacts
from sa_helpers.metrics import features, perceptual

RELATIVE = 1e-6
SHIPPED = Path(sa_helpers.__file__).resolve().parent / "models"


def perturbed(name: str, value: Tensor) -> Tensor:
    """Multiply a weight by 1 + 1e-6 times noise that depends on its name only."""
    if not value.is_floating_point():
        return value
    generator = torch.Generator().manual_seed(zlib.crc32(name.encode()))
    return value * (1 + RELATIVE * torch.randn(value.shape, generator=generator)).to(value.dtype)


def _perturb(network: nn.Module | None) -> None:
    if network is not None:
        with torch.inference_mode(False), torch.no_grad():
            for name, value in network.state_dict().items():
                value.copy_(perturbed(name, value))


def _after(load: Callable[..., Any], change: Callable[[Any], Any]) -> Callable[..., Any]:
    """Change what a function of a path returns, where the path is of a shipped file."""

    @functools.wraps(load)
    def changed(path: Any, *arguments: Any, **options: Any) -> Any:
        loaded = load(path, *arguments, **options)
        is_shipped = SHIPPED in Path(path).resolve().parents
        return change(loaded) if is_shipped else loaded

    return changed


def _change_model(model: Any) -> Any:
    for network in (model.generator, model.discriminator, model.encoder):
        _perturb(network)
    return model


def _change_network(loaded: tuple[nn.Module, Any]) -> tuple[nn.Module, Any]:
    _perturb(loaded[0])
    return loaded


def _change_arrays(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: perturbed(name, value) for name, value in weights.items()}


def _install() -> None:
    """Take the place of the functions through which all shipped weights come."""
    checkpoints.load_model = _after(checkpoints.load_model, _change_model)
    artefacts._load_network = _after(artefacts._load_network, _change_network)
    for room in (features, perceptual):
        packaged = room.load_packaged_weights
        room.load_packaged_weights = lambda *names, packaged=packaged: _change_arrays(
            packaged(*names)
        )


_install()
