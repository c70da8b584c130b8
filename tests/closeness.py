"""Equality up to rounding, in whatever scale the values are."""

from typing import Any

import torch


def assert_equal_up_to_rounding(actual: Any, expected: Any, *, rtol: float = 1e-4) -> None:
    """Compare two tensors or arrays, with a slack in proportion to the largest value expected.

    Networks that are not trained give values of any size, and their sums are rounded in another
    order on another processor or in another batch. So no absolute number can be a bound, nor can a
    share of each value alone, as a value near zero is the difference of large ones.
    """
    actual, expected = (torch.as_tensor(values).detach() for values in (actual, expected))
    scale = expected.abs().max().item()
    torch.testing.assert_close(actual, expected, rtol=rtol, atol=rtol * scale, check_dtype=False)
