"""What may be named in the pickles of each format, and what stands for it.

The classes here keep the arguments that a pickle has for the real ones, and turn them into numbers
when asked. The list at the end is complete but for the storages inside NVIDIA's pickles, which
`torch_files` reads: any other name is refused.
"""

import codecs
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sa_helpers.checkpoints.contents import plain
from sa_helpers.checkpoints.errors import CheckpointError
from sa_helpers.checkpoints.file_parts import (
    Span,
    StoredTensor,
    num_elements,
    read_numbers,
    sides,
    strided,
)
from sa_helpers.checkpoints.pickle_machine import Allowed, Carried, StoredText, carried_dict

STORAGE_DTYPES = {
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "DoubleStorage": torch.float64,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}
_ARRAY_DTYPES = {"f4": torch.float32, "f8": torch.float64}
_SCALAR_FORMS = {
    "f2": "<e",
    "f4": "<f",
    "f8": "<d",
    "i1": "<b",
    "i2": "<h",
    "i4": "<i",
    "i8": "<q",
    "u1": "<B",
    "u2": "<H",
    "u4": "<I",
    "u8": "<Q",
    "b1": "<?",
}
_WRONG = "The file was altered, or comes from another version; download it again."


class EncodedText:
    """Bytes that protocol 2 had to write as text."""

    def __init__(self, text: str | StoredText) -> None:
        self.text = text

    @classmethod
    def make(cls, *arguments: Any) -> "EncodedText":
        """Stand for `codecs.encode`.

        Raises:
            CheckpointError: Another encoding than Latin-1, or no text.
        """
        text, encoding = exactly(2, arguments)
        if not isinstance(text, str | StoredText) or plain(encoding, depth=0) != "latin1":
            raise CheckpointError(
                f"Bytes are stored as {type(text).__name__} in {plain(encoding, depth=0)!r}; "
                f"expected text in 'latin1'. {_WRONG}"
            )
        return cls(text)

    def decoded(self, path: Path) -> Span:
        """Encode the text; the bytes count as a part of the file `path`.

        Raises:
            CheckpointError: It has letters that Latin-1 lacks.
        """
        content = bytearray()
        try:
            for piece in self._pieces():
                content += piece.encode("latin1")
        except UnicodeError as error:
            raise CheckpointError(
                f"Bytes are stored as a text that is not Latin-1. {_WRONG}"
            ) from error
        return Span(bytes(content), path, 0, len(content))

    def _pieces(self) -> Iterator[str]:
        if isinstance(self.text, str):
            yield self.text
            return
        decoder = codecs.getincrementaldecoder("utf-8")()
        for block in self.text.span.blocks():
            yield decoder.decode(block)
        yield decoder.decode(b"", final=True)


Bytes = Span | EncodedText


def bytes_span(stored: Any, path: Path) -> Span:
    """Get at bytes, however a pickle stores them.

    Raises:
        CheckpointError: They are none.
    """
    if isinstance(stored, EncodedText):
        return stored.decoded(path)
    if not isinstance(stored, Span):
        raise CheckpointError(f"{type(stored).__name__} stands where bytes should. {_WRONG}")
    return stored


def num_bytes(stored: Any) -> tuple[int, int]:
    """Least and largest number of bytes that something can hold, without reading it."""
    if isinstance(stored, Span):
        return stored.length, stored.length
    if not isinstance(stored, EncodedText):
        return 0, 0
    if isinstance(stored.text, str):
        return len(stored.text), len(stored.text)
    return stored.text.span.length // 2, stored.text.span.length  # one or two bytes a letter


@dataclass(frozen=True, slots=True)
class Storage:
    """The numbers of one or several tensors, in a row.

    Attributes:
        max_elements: How many there are at most.
        read: Reads those from a first one to the one before a last, as float32.
    """

    max_elements: int
    read: Callable[[int, int], Tensor]


def plain_storage(span: Span, dtype: torch.dtype) -> Storage:
    """Numbers that fill a span."""
    size = dtype.itemsize

    def read(start: int, stop: int) -> Tensor:
        return read_numbers(span.part(start * size, (stop - start) * size), dtype)

    return Storage(span.length // size, read)


def rebuild_tensor(*arguments: Any) -> StoredTensor:
    """Stand for torch's function that makes a tensor from a storage.

    Raises:
        CheckpointError: The tensor does not lie within the storage.
    """
    storage, offset, size, stride, *_ = exactly(4, arguments[:4])
    count = num_elements(size)
    num_elements(stride)  # sides and steps obey the same rules
    if (
        not isinstance(storage, Storage)
        or type(offset) is not int
        or not 0 <= offset < 1 << 62
        or len(size) != len(stride)
    ):
        raise CheckpointError(f"A tensor has no storage, or an odd place in it. {_WRONG}")
    size, stride = tuple(size), tuple(stride)
    reach = offset + sum((side - 1) * step for side, step in zip(size, stride, strict=True)) + 1
    if count > storage.max_elements or (count and reach > storage.max_elements):
        raise CheckpointError(f"A tensor of {sides(size)} is larger than its storage. {_WRONG}")

    def read() -> Tensor:
        if not count:
            return torch.empty(size, device="cpu")
        return strided(storage.read(offset, reach), size, stride)

    return StoredTensor(size, read)


def first(*arguments: Any) -> Any:
    """Stand for a function that matters in its first argument alone.

    Raises:
        ValueError: There is none.
    """
    if not arguments:
        raise ValueError("a call without arguments")
    return arguments[0]


def exactly(count: int, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """Check the number of arguments of a call in a pickle.

    Raises:
        ValueError: It is another one.
    """
    if len(arguments) != count:
        raise ValueError(f"a call with {len(arguments)} arguments")
    return arguments


class Namespace(Carried):
    """Command-line options, which trained rosinality checkpoints hold."""


class NumpyClass(Carried):
    """Stands for numpy's array class, an argument of its reconstruction."""


class NumpyDtype(Carried):
    """A dtype of numpy."""

    @property
    def code(self) -> str:
        """Its kind and size, such as "f4".

        Raises:
            CheckpointError: Another than little-endian numbers.
        """
        order = self.state[1] if isinstance(self.state, tuple) and len(self.state) > 1 else "|"
        name = self.arguments[0] if self.arguments else None
        shown_name = f"{plain(order, depth=0)}{plain(name, depth=0)}"
        if not isinstance(name, str) or name not in _SCALAR_FORMS or order not in ("<", "|", "="):
            raise CheckpointError(f"Arrays of dtype {shown_name!r} hold no weights. {_WRONG}")
        return name


class NumpyScalar(Carried):
    """A single number of numpy."""

    def read(self) -> float | int | bool:
        """Return the number as Python's own.

        Raises:
            CheckpointError: It is none.
        """
        dtype, content = self.arguments if len(self.arguments) == 2 else (None, None)
        if not isinstance(dtype, NumpyDtype):
            raise CheckpointError(f"A number of numpy is damaged. {_WRONG}")
        form = _SCALAR_FORMS[dtype.code]
        low, high = num_bytes(content)
        raw = b""
        if low <= struct.calcsize(form) <= high:
            raw = bytes_span(content, Path()).read()
        if len(raw) != struct.calcsize(form):
            raise CheckpointError(f"A number of numpy has the wrong size. {_WRONG}")
        return struct.unpack(form, raw)[0]

    def stored(self) -> StoredTensor:
        """Return the number as a tensor without dimensions."""
        return StoredTensor((), lambda: torch.tensor(self.read(), dtype=torch.float32))


class NumpyArray(Carried):
    """An array of numpy."""

    def stored(self) -> StoredTensor:
        """Return the array as a tensor that is read later.

        Raises:
            CheckpointError: No array of numbers in C order whose bytes are all there.
        """
        if not isinstance(self.state, tuple) or len(self.state) != 5:
            raise CheckpointError(f"An array of numpy is damaged. {_WRONG}")
        _, shape, dtype, is_fortran, content = self.state
        count = num_elements(shape)
        if not isinstance(dtype, NumpyDtype) or is_fortran not in (False, 0):
            raise CheckpointError(f"An array of numpy has an unknown layout. {_WRONG}")
        if dtype.code not in _ARRAY_DTYPES:
            raise CheckpointError(f"An array of dtype {dtype.code!r} holds no weights. {_WRONG}")
        kind = _ARRAY_DTYPES[dtype.code]
        low, high = num_bytes(content)
        if not low <= count * kind.itemsize <= high:
            raise CheckpointError(f"An array of {sides(shape)} has {low} bytes. {_WRONG}")
        return StoredTensor(tuple(shape), lambda: _read_array(kind, content, tuple(shape)))


def _read_array(kind: torch.dtype, content: Bytes, shape: tuple[int, ...]) -> Tensor:
    span = bytes_span(content, Path())
    if span.length != num_elements(shape) * kind.itemsize:
        raise CheckpointError(f"An array of {sides(shape)} has {span.length} bytes. {_WRONG}")
    return read_numbers(span, kind).reshape(shape)


class PersistentModule(Carried):
    """A module of NVIDIA's PyTorch code: its source text is kept as text."""


class TensorflowNetwork(Carried):
    """A network of NVIDIA's TensorFlow code."""


HARMLESS: Allowed = {
    **{("torch", name): Carried.make for name in (*STORAGE_DTYPES, "device", "Size")},
    ("torch._utils", "_rebuild_tensor_v2"): rebuild_tensor,
    ("torch._utils", "_rebuild_parameter"): first,
    ("torch_utils.persistence", "_reconstruct_persistent_obj"): PersistentModule.make,
    ("dnnlib.tflib.network", "Network"): TensorflowNetwork.make,
    ("dnnlib.util", "EasyDict"): carried_dict,
    ("collections", "OrderedDict"): carried_dict,
    ("argparse", "Namespace"): Namespace.make,
    **{("pathlib", name): Carried.make for name in ("PosixPath", "WindowsPath")},
    **{(module, "set"): first for module in ("builtins", "__builtin__")},
    ("_codecs", "encode"): EncodedText.make,
    ("numpy", "dtype"): NumpyDtype.make,
    ("numpy", "ndarray"): NumpyClass.make,
    **{
        (f"numpy.{core}.multiarray", name): made
        for core in ("core", "_core")
        for name, made in (("_reconstruct", NumpyArray.make), ("scalar", NumpyScalar.make))
    },
}
