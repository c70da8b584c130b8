"""Parts of a file that are read when they are needed, so that weights are in memory once.

Everything here checks where it reads: a length that a file states is compared with what the file
has before any memory is taken.
"""

import hashlib
import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from sa_helpers.checkpoints.errors import CheckpointError

_HASH_BLOCK = 1 << 20
_MAX_DIMENSIONS = 8


@dataclass(frozen=True)
class Span:
    """A stretch of an open file.

    Attributes:
        descriptor: Of the open file.
        path: Of the file, for messages.
        start: Offset of the first byte.
        length: Number of bytes.
    """

    descriptor: int
    path: Path
    start: int
    length: int

    def part(self, start: int, length: int) -> "Span":
        """Return a stretch of this stretch.

        Raises:
            CheckpointError: It would reach beyond the end.
        """
        if start < 0 or length < 0 or start + length > self.length:
            raise CheckpointError(
                f"{self.path} announces {length} bytes at {start} where there are {self.length}. "
                "It was cut short or damaged; download it again."
            )
        return Span(self.descriptor, self.path, self.start + start, length)

    def read(self) -> bytes:
        """Read the stretch.

        Raises:
            CheckpointError: The file ended early.
        """
        content = bytearray()
        while len(content) < self.length:
            wanted = self.length - len(content)
            block = os.pread(self.descriptor, wanted, self.start + len(content))
            if not block:
                raise CheckpointError(
                    f"{self.path} ended while it was read. Do not change it meanwhile; try again."
                )
            if len(block) == self.length:
                return block
            content += block
        return bytes(content)

    def sha256(self) -> str:
        """Hash the stretch, a little at a time."""
        digest = hashlib.sha256()
        for start in range(0, self.length, _HASH_BLOCK):
            digest.update(self.part(start, min(_HASH_BLOCK, self.length - start)).read())
        return digest.hexdigest()


@contextmanager
def open_span(path: Path) -> Iterator[Span]:
    """Open a whole file as a span; it can be read while the block lasts.

    Raises:
        CheckpointError: There is no such file, or it is a folder or not readable.
    """
    try:
        with path.open("rb") as file:
            yield Span(file.fileno(), path, 0, os.fstat(file.fileno()).st_size)
    except OSError as error:
        raise CheckpointError(
            f"{path} cannot be read ({error.strerror}). Check the path; a model of our own is a "
            ".safetensors and a .json of the same name in one folder."
        ) from error


@dataclass(frozen=True)
class StoredTensor:
    """A tensor in a file, of which the shape is known and the numbers can be read.

    Attributes:
        shape: Of the tensor.
        read: Reads the numbers, anew at each call.
    """

    shape: tuple[int, ...]
    read: Callable[[], Tensor]

    def reshaped(self, change: Callable[[Tensor], Tensor]) -> "StoredTensor":
        """Return this tensor with a change of layout that is applied when it is read.

        Args:
            change: Moves numbers only, so that its effect on the shape can be found without them.

        Raises:
            RuntimeError: The change does not fit the shape.
        """
        shape = change(torch.empty(self.shape, device="meta")).shape
        return StoredTensor(tuple(shape), lambda: change(self.read()))

    def changed(self, change: Callable[[Tensor], Tensor]) -> "StoredTensor":
        """Return this tensor with a change of its numbers that is applied when it is read."""
        return StoredTensor(self.shape, lambda: change(self.read()))


def num_elements(shape: object) -> int:
    """Count the elements of a shape as found in a file.

    Raises:
        CheckpointError: It is no tuple of a few non-negative integers.
    """
    if (
        not isinstance(shape, list | tuple)
        or len(shape) > _MAX_DIMENSIONS
        or any(type(side) is not int or side < 0 for side in shape)
    ):
        raise CheckpointError(
            f"A {type(shape).__name__} in it is no shape of a tensor. Download the file again."
        )
    return math.prod(shape)


def from_bytes(content: bytes, dtype: torch.dtype, shape: tuple[int, ...]) -> Tensor:
    """Make a tensor of its own memory from little-endian bytes."""
    if not content:
        return torch.empty(shape, dtype=dtype)
    return torch.frombuffer(bytearray(content), dtype=dtype).reshape(shape).clone()
