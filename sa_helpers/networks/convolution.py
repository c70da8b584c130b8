"""Convolutions whose second derivatives are convolutions too.

R1 and path-length regularisation differentiate a gradient. Torch's own second derivative of a
convolution is slow (about ten times), so three operations are defined here that are each other's
derivatives: convolve, its adjoint towards the input, and its adjoint towards the weight.

An exported graph only computes images, so torch's own operations, which exporters know, stand in
for them there.
"""

from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


def conv2d(
    x: Float[Tensor, "batch channels_in height width"],
    weight: Float[Tensor, "channels_out channels_in size size"],
    bias: Float[Tensor, " channels_out"] | None = None,
    *,
    stride: int = 1,
    padding: int = 0,
) -> Float[Tensor, "batch channels_out out_height out_width"]:
    """Convolve, in the sense of neural networks (no flip)."""
    if torch.compiler.is_exporting():
        return F.conv2d(x, weight, bias, stride=stride, padding=padding)
    return _Convolution.apply(x, weight, bias, stride, padding)


def conv_transpose2d(
    x: Float[Tensor, "batch channels_in height width"],
    weight: Float[Tensor, "channels_in channels_out size size"],
    *,
    stride: int,
) -> Float[Tensor, "batch channels_out out_height out_width"]:
    """Spread every pixel over a window of the output, without padding: the adjoint of `conv2d`."""
    if torch.compiler.is_exporting():
        return F.conv_transpose2d(x, weight, stride=stride)
    sides = [(side - 1) * stride + weight.shape[-1] for side in x.shape[2:]]
    shape = (x.shape[0], weight.shape[1], *sides)
    return _InputAdjoint.apply(x, weight, shape, stride, 0)


def low_pass_filter(
    x: Float[Tensor, "batch channels height width"],
    kernel: Float[Tensor, "channels 1 4 4"],
    *,
    padding: int,
) -> Float[Tensor, "batch channels out_height out_width"]:
    """Filter every channel with its symmetric kernel."""
    if torch.compiler.is_exporting():
        return F.conv2d(x, kernel, padding=padding, groups=x.shape[1])
    return _LowPass.apply(x, kernel, padding)


def _adjoint(
    gradient: Tensor, x: Tensor, weight: Tensor, *, stride: int, padding: int, is_weight: bool
) -> Tensor:
    results = torch.ops.aten.convolution_backward(
        gradient,
        x,
        weight,
        None,
        [stride] * 2,
        [padding] * 2,
        [1, 1],
        False,
        [0, 0],
        1,
        [not is_weight, is_weight, False],
    )
    return results[int(is_weight)]


class _Convolution(torch.autograd.Function):
    """y = x * weight + bias."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int
    ) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.geometry = (stride, padding)
        return F.conv2d(x, weight, bias, stride=stride, padding=padding)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        needs_x, needs_weight, needs_bias = ctx.needs_input_grad[:3]
        of_x = of_weight = of_bias = None
        if needs_x:
            of_x = _InputAdjoint.apply(gradient, weight, x.shape, *ctx.geometry)
        if needs_weight:
            of_weight = _WeightAdjoint.apply(x, gradient, weight.shape, *ctx.geometry)
        if needs_bias:
            of_bias = gradient.sum(dim=(0, 2, 3))
        return of_x, of_weight, of_bias, None, None


class _InputAdjoint(torch.autograd.Function):
    """The derivative of a convolution towards its input: linear in `gradient` and `weight`."""

    @staticmethod
    def forward(
        ctx: Any,
        gradient: Tensor,
        weight: Tensor,
        shape: tuple[int, ...],
        stride: int,
        padding: int,
    ) -> Tensor:
        ctx.save_for_backward(gradient, weight)
        ctx.geometry = (stride, padding)
        x = _shape_only(gradient, shape)
        return _adjoint(gradient, x, weight, stride=stride, padding=padding, is_weight=False)

    @staticmethod
    def backward(ctx: Any, tangent: Tensor) -> tuple[Tensor | None, ...]:
        gradient, weight = ctx.saved_tensors
        needs_gradient, needs_weight = ctx.needs_input_grad[:2]
        of_gradient = of_weight = None
        if needs_gradient:
            of_gradient = _Convolution.apply(tangent, weight, None, *ctx.geometry)
        if needs_weight:
            of_weight = _WeightAdjoint.apply(tangent, gradient, weight.shape, *ctx.geometry)
        return of_gradient, of_weight, None, None, None


class _WeightAdjoint(torch.autograd.Function):
    """The derivative of a convolution towards its weight: linear in `x` and `gradient`."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, gradient: Tensor, shape: tuple[int, ...], stride: int, padding: int
    ) -> Tensor:
        ctx.save_for_backward(x, gradient)
        ctx.geometry = (stride, padding)
        weight = _shape_only(gradient, shape)
        return _adjoint(gradient, x, weight, stride=stride, padding=padding, is_weight=True)

    @staticmethod
    def backward(ctx: Any, tangent: Tensor) -> tuple[Tensor | None, ...]:
        x, gradient = ctx.saved_tensors
        needs_x, needs_gradient = ctx.needs_input_grad[:2]
        of_x = of_gradient = None
        if needs_x:
            of_x = _InputAdjoint.apply(gradient, tangent, x.shape, *ctx.geometry)
        if needs_gradient:
            of_gradient = _Convolution.apply(x, tangent, None, *ctx.geometry)
        return of_x, of_gradient, None, None, None


def _shape_only(like: Tensor, shape: tuple[int, ...]) -> Tensor:
    # Torch asks for a tensor where it only reads the shape; untouched memory costs nothing.
    return torch.empty(
        shape, dtype=like.dtype, device=like.device, memory_format=torch.channels_last
    )


class _LowPass(torch.autograd.Function):
    """Filter every channel with one symmetric 4x4 kernel; the derivative is the same filter."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, kernel: Tensor, padding: int) -> Tensor:
        ctx.save_for_backward(kernel)
        ctx.padding = padding
        return F.conv2d(x, kernel, padding=padding, groups=x.shape[1])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        # The kernel is symmetric, so only the padding of the adjoint differs.
        (kernel,) = ctx.saved_tensors
        return _LowPass.apply(gradient, kernel, kernel.shape[-1] - 1 - ctx.padding), None, None
