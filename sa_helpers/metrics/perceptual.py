"""Perceptual distance between pairs of images, differentiable in both."""

import warnings
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import pairwise

import torch
import torch.nn.functional as functional
from jaxtyping import Float
from torch import Tensor, nn

from sa_helpers.metrics.catalog import (
    PERCEPTUAL_NETWORKS,
    check_network,
    downloading,
    freeze,
    load_packaged_weights,
)
from sa_helpers.metrics.inputs import check_range

_CHUNK = 8
_MIN_RESOLUTION = 32


def perceptual_distance(
    images_a: Float[Tensor, "batch 3 height width"],
    images_b: Float[Tensor, "batch 3 height width"],
    *,
    network: str = "st-lpips-alex",
) -> Float[Tensor, " batch"]:
    """Measure how different the images of each pair look, at their own resolution.

    Zero for equal images. On clay faces at 128 px, ST-LPIPS with AlexNet gives 0.005 for a shift of
    one pixel, 0.17 for a blur of one pixel and 0.34 to 0.53 between different people.

    Gradients reach both images; wrap in `torch.no_grad()` where only the number counts.

    Args:
        images_a: Nominal range [-1, 1], 32 px or more a side.
        images_b: As `images_a`.
        network: "st-lpips-alex" or "st-lpips-vgg" (offline), "lpips-alex" or "lpips-vgg" (the
            published metric, whose weights are downloaded on first use).

    Raises:
        ValueError: Unknown network, unequal shapes, too small, or values that look like bytes.
        NetworkUnavailableError: The weights are not here and cannot be downloaded.

    Example:
        >>> import sa_helpers as sa
        >>> parent = sa.open_family("clay").parent.generator
        >>> images = sa.images_from_seeds(parent, [22, 23], truncation_psi=0.7)
        >>> same, other = sa.perceptual_distance(images, images[[0, 0]]).tolist()
        >>> same < 1e-6, other > 0.2
        (True, True)

    Source: Zhang et al. 2018, equation 1; shift-tolerant: Ghildyal and Liu 2022, section 3.
    """
    check_network(network, PERCEPTUAL_NETWORKS)
    _check_pair(images_a, images_b)
    distance = _load(network, images_a.device)
    pairs = zip(images_a.split(_CHUNK), images_b.split(_CHUNK), strict=True)
    return torch.cat([distance(a, b).flatten() for a, b in pairs])


def perceptual_distance_to(
    targets: Float[Tensor, "batch 3 height width"], *, network: str = "st-lpips-alex"
) -> Callable[[Tensor], Tensor]:
    """Fix what is compared with, for searches that compare with the same images again and again.

    The features of the targets are computed once, which halves the time and the memory of a
    gradient; the published networks have no such shortcut and work as before.

    Args:
        targets: Nominal range [-1, 1], 32 px or more a side; no gradient reaches them.
        network: See `perceptual_distance`.

    Returns:
        A function from as many images of the same shape to their distances [batch].

    Raises:
        ValueError: Unknown network, too small, or values that look like bytes; the function's
            images have another shape.
        NetworkUnavailableError: The weights are not here and cannot be downloaded.
    """
    check_network(network, PERCEPTUAL_NETWORKS)
    targets = targets.detach()
    _check_pair(targets, targets)
    distance = _load(network, targets.device)
    chunks = targets.split(_CHUNK)
    if not isinstance(distance, _ShiftTolerantLpips):
        return lambda images: perceptual_distance(images, targets, network=network)
    with torch.no_grad():
        known = [distance.features(chunk) for chunk in chunks]

    def distance_to(images: Tensor) -> Tensor:
        _check_pair(images, targets)
        found = (distance.features(chunk) for chunk in images.split(_CHUNK))
        return torch.cat([distance.compare(*pair) for pair in zip(found, known, strict=True)])

    return distance_to


def _check_pair(images_a: Tensor, images_b: Tensor) -> None:
    if images_a.shape != images_b.shape or min(images_a.shape[2:]) < _MIN_RESOLUTION:
        raise ValueError(
            f"perceptual_distance was given images of {tuple(images_a.shape)} and "
            f"{tuple(images_b.shape)}; expected equal shapes [batch, 3, height, width] of at "
            f"least {_MIN_RESOLUTION} px. Resize with sa_helpers.images.resize, and use expand to "
            "compare one image with many."
        )
    check_range(images_a)
    check_range(images_b)


@lru_cache(maxsize=4)
def _load(network: str, device: torch.device) -> nn.Module:
    family, _, trunk = network.rpartition("-")
    # Kept for callers who want gradients, even if the first caller wants none.
    with torch.inference_mode(False):
        module = _shift_tolerant(trunk) if family == "st-lpips" else _published(network, trunk)
        return freeze(module, device=device)


def _published(network: str, trunk: str) -> nn.Module:
    with downloading(network, package="lpips", purpose="perceptual distance"):
        import lpips

        with warnings.catch_warnings():
            # lpips still calls torchvision by arguments that torchvision has renamed.
            warnings.filterwarnings("ignore", category=UserWarning, module="torchvision")
            return lpips.LPIPS(net=trunk, verbose=False)


def _shift_tolerant(trunk: str) -> nn.Module:
    with torch.device("meta"):  # no memory, and the global random state stays as it is
        module = _ShiftTolerantLpips({"alex": _alex_slices, "vgg": _vgg_slices}[trunk]())
    file = f"weights/vST0.0/{trunk}_shift_tolerant.pth"
    module.load_state_dict(load_packaged_weights("stlpips_pytorch", file), assign=True)
    return module


def _alex_slices() -> list[list[nn.Module]]:
    return [
        [nn.Conv2d(3, 64, 11, padding=2), _Blur(64), nn.ReLU(inplace=True)],
        [nn.MaxPool2d(3, 1), _Blur(64), *_conv_relu(64, 192, 5)],
        [nn.MaxPool2d(3, 1), _Blur(192), *_conv_relu(192, 384, 3)],
        _conv_relu(384, 256, 3),
        _conv_relu(256, 256, 3),
    ]


def _vgg_slices() -> list[list[nn.Module]]:
    def level(width_in: int, width: int, num_convs: int) -> list[nn.Module]:
        widths = [width_in] + [width] * num_convs
        return [layer for a, b in pairwise(widths) for layer in _conv_relu(a, b, 3)]

    first, *others = [(3, 64, 2), (64, 128, 2), (128, 256, 3), (256, 512, 3), (512, 512, 3)]
    return [level(*first)] + [
        [nn.MaxPool2d(2, 1), _Blur(widths[0]), *level(*widths)] for widths in others
    ]


def _conv_relu(width_in: int, width_out: int, kernel: int) -> list[nn.Module]:
    conv = nn.Conv2d(width_in, width_out, kernel, padding=kernel // 2)
    return [conv, nn.ReLU(inplace=True)]


class _Blur(nn.Module):
    """Halve the resolution after a [1, 2, 1] blur, so that a shift of one pixel matters little."""

    filt: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("filt", torch.empty(width, 1, 3, 3))

    def forward(self, x: Tensor) -> Tensor:
        padded = functional.pad(x, (2, 2, 2, 2), mode="reflect")
        return functional.conv2d(padded, self.filt, stride=2, groups=x.shape[1])


class _Scaling(nn.Module):
    """From [-1, 1] to the statistics of ImageNet."""

    shift: Tensor
    scale: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("shift", torch.empty(1, 3, 1, 1))
        self.register_buffer("scale", torch.empty(1, 3, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.shift) / self.scale


class _ShiftTolerantLpips(nn.Module):
    """The forward pass of ST-LPIPS under the parameter names of its released weights."""

    def __init__(self, slices: list[list[nn.Module]]) -> None:
        super().__init__()
        self.scaling_layer = _Scaling()
        self.net = nn.ModuleDict()
        layer = 0
        for index, layers in enumerate(slices):
            named = OrderedDict((str(layer + i), module) for i, module in enumerate(layers))
            layer += len(layers)
            self.net[f"slice{index + 1}"] = nn.Sequential(named)
            width = next(m.out_channels for m in reversed(layers) if isinstance(m, nn.Conv2d))
            head = nn.Sequential(nn.Identity(), nn.Conv2d(width, 1, 1, bias=False))
            self.add_module(f"lin{index}", nn.ModuleDict({"model": head}))

    def forward(self, images_a: Tensor, images_b: Tensor) -> Tensor:
        chunks = [both.chunk(2) for both in self.features(torch.cat([images_a, images_b]))]
        return self.compare([a for a, _ in chunks], [b for _, b in chunks])

    def features(self, images: Tensor) -> list[Tensor]:
        """Features of every slice, of unit length across channels."""
        x, units = self.scaling_layer(images).contiguous(memory_format=torch.channels_last), []
        for trunk_slice in self.net.values():
            x = trunk_slice(x)
            # vector_norm, unlike sqrt, has a finite gradient where all channels are zero.
            units.append(x / (torch.linalg.vector_norm(x, dim=1, keepdim=True) + 1e-10))
        return units

    def compare(self, units_a: Sequence[Tensor], units_b: Sequence[Tensor]) -> Tensor:
        """Weighted squared differences, averaged over the image: one distance a pair."""
        total = torch.zeros(len(units_a[0]), device=units_a[0].device)
        for index, (a, b) in enumerate(zip(units_a, units_b, strict=True)):
            head = self.get_submodule(f"lin{index}.model")
            total = total + head((a - b).square()).mean(dim=(1, 2, 3))
        return total
