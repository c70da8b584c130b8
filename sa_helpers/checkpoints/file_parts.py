"""Parts of a file that are read when they are needed, so that weights are in memory once.

Everything here checks where it reads: a length that a file states is compared with what the file
has before any memory is taken.
"""

import hashlib
import math
import os
import stat
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from sa_helpers.checkpoints.errors import CheckpointError

_BLOCK = 1 << 20
_MAX_DIMENSIONS = 8
_MAX_STRIDED = 1 << 24  # numbers, as many as 30 times the largest weight of a StyleGAN2


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of an open file, or of bytes that were decoded from one.

    Attributes:
        source: Descriptor of the open file, or the bytes.
        path: Of the file, for messages.
        start: Offset of the first byte.
        length: Number of bytes.
    """

    source: int | bytes
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
                f"{self.path} announces more bytes than there are: it was cut short or damaged. "
                "Download it again."
            )
        return Span(self.source, self.path, self.start + start, length)

    def head(self, length: int) -> bytes:
        """Read the first bytes, or all where there are fewer."""
        return self.part(0, min(length, self.length)).read()

    def read(self) -> bytes:
        """Read the stretch.

        Raises:
            CheckpointError: The file ended early, or cannot be read.
        """
        content = bytearray(self.length)
        self.read_into(memoryview(content))
        return bytes(content)

    def read_into(self, target: memoryview) -> None:
        """Read the stretch into memory of the same length.

        Raises:
            CheckpointError: The file ended early, or cannot be read.
        """
        position = 0
        for block in self.blocks():
            target[position : position + len(block)] = block
            position += len(block)

    def blocks(self) -> Iterator[bytes]:
        """Read the stretch, a little at a time.

        Raises:
            CheckpointError: The file ended early, or cannot be read.
        """
        position, end = self.start, self.start + self.length
        while position < end:
            block = self._block(position, min(_BLOCK, end - position))
            position += len(block)
            yield block

    def _block(self, position: int, length: int) -> bytes:
        if isinstance(self.source, bytes):
            return self.source[position : position + length]
        try:
            block = os.pread(self.source, length, position)
        except OSError as error:
            raise CheckpointError(
                f"{self.path} cannot be read ({error.strerror}). Check the disk that it is on."
            ) from error
        if not block:
            raise CheckpointError(
                f"{self.path} ended while it was read. Do not change it meanwhile; try again."
            )
        return block

    def sha256(self) -> str:
        """Hash the stretch."""
        digest = hashlib.sha256()
        for block in self.blocks():
            digest.update(block)
        return digest.hexdigest()

    def crc32(self) -> int:
        """Checksum of the stretch, as zip archives have it."""
        checksum = 0
        for block in self.blocks():
            checksum = zlib.crc32(block, checksum)
        return checksum


@contextmanager
def open_span(path: Path) -> Iterator[Span]:
    """Open a whole file as a span; it can be read while the block lasts.

    Raises:
        CheckpointError: There is no such file, or it is a folder or not readable.
    """
    descriptor = _open(path)
    try:
        yield Span(descriptor, path, 0, os.fstat(descriptor).st_size)
    finally:
        os.close(descriptor)


def _open(path: Path) -> int:
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            what = "a folder" if path.is_dir() else "no file of bytes"
            raise CheckpointError(f"{path} is {what}. Give the path of the checkpoint itself.")
        return os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
    except (OSError, ValueError) as error:
        if isinstance(error, CheckpointError):
            raise
        cause = error.strerror if isinstance(error, OSError) else error
        raise CheckpointError(
            f"{path} cannot be read ({cause}). Check the path, and that the file came along."
        ) from error


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """A tensor in a file, of which the shape is known and the numbers can be read.

    Attributes:
        shape: Of the tensor.
        read: Reads the numbers, anew at each call; floats as float32.
    """

    shape: tuple[int, ...]
    read: Callable[[], Tensor]

    def reshaped(self, change: Callable[[Tensor], Tensor]) -> "StoredTensor":
        """Return this tensor with a change of layout that is applied when it is read.

        Args:
            change: Moves numbers only, so that its effect on the shape can be found without them.

        Raises:
            CheckpointError: The change does not fit the shape.
        """
        try:
            shape = change(torch.empty(self.shape, device="meta")).shape
        except (RuntimeError, IndexError, OverflowError) as error:
            raise CheckpointError(
                f"A weight has the shape {sides(self.shape)}, which is no weight of a StyleGAN2. "
                "The file is damaged, or of another network; download it again."
            ) from error
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
        or any(type(side) is not int or not 0 <= side < 1 << 62 for side in shape)
    ):
        raise CheckpointError(
            f"A {type(shape).__name__} in it is no shape of a tensor. Download the file again."
        )
    return math.prod(shape)


def sides(shape: tuple[int, ...]) -> str:
    """Put a shape into a message."""
    return " × ".join(map(str, shape)) if shape else "of a single number"


def read_numbers(span: Span, dtype: torch.dtype) -> Tensor:
    """Read a row of little-endian numbers: floats as float32, without a second copy in memory."""
    if not dtype.is_floating_point:
        numbers = torch.empty(span.length // dtype.itemsize, dtype=dtype, device="cpu")
        span.read_into(numbers.view(torch.uint8).numpy().data)
        return numbers
    size = dtype.itemsize
    numbers = torch.empty(span.length // size, dtype=torch.float32, device="cpu")
    step = _BLOCK // size
    for start in range(0, len(numbers), step):
        block = numbers[start : start + step]
        raw = block if dtype == torch.float32 else torch.empty(len(block), dtype=dtype)
        target = raw.view(torch.uint8).numpy().data
        span.part(start * size, len(block) * size).read_into(target)
        if raw is not block:
            block.copy_(raw)
    return numbers


def is_finite(numbers: Tensor) -> bool:
    """Whether none of some numbers is NaN or infinite, without a copy of them."""
    if not numbers.is_floating_point() or not numbers.numel():
        return True
    low, high = torch.aminmax(numbers)  # which NaN goes through
    return bool(low.isfinite() and high.isfinite())


def strided(numbers: Tensor, size: tuple[int, ...], stride: tuple[int, ...]) -> Tensor:
    """See a row of numbers as a tensor, in memory of its own.

    Raises:
        CheckpointError: It would have to be copied and is larger than any weight.
    """
    view = numbers.as_strided(size, stride)
    if view.is_contiguous() and view.numel() == numbers.numel():
        return view
    if view.numel() > _MAX_STRIDED:
        raise CheckpointError(
            f"A weight of shape {sides(size)} is stored in parts, and is larger than any of a "
            "StyleGAN2. The file is of another network, or made to do harm."
        )
    return view.clone(memory_format=torch.contiguous_format)
