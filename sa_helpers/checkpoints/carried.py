"""What may be named in the pickles of each format, and what stands for it.

The classes here keep the arguments that a pickle has for the real ones, and turn them into numbers
when asked. The lists at the end are complete: any other name is refused.
"""

import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from sa_helpers.checkpoints.contents import plain
from sa_helpers.checkpoints.errors import CheckpointError
from sa_helpers.checkpoints.pickle_machine import Allowed, Carried, carried_dict
from sa_helpers.checkpoints.spans import Span, StoredTensor, from_bytes, num_elements
from sa_helpers.runtime import FILE_FAULTS

STORAGE_DTYPES = {
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "DoubleStorage": torch.float64,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}
_NUMPY_DTYPES = {
    "f2": torch.float16,
    "f4": torch.float32,
    "f8": torch.float64,
    "i4": torch.int32,
    "i8": torch.int64,
    "b1": torch.bool,
}
_WRONG = "The file was altered, or comes from another version; download it again."


class EncodedText(Carried):
    """Bytes that protocol 2 had to write as text."""

    def read(self) -> bytes:
        """Encode the text.

        Raises:
            CheckpointError: Another encoding than Latin-1.
        """
        text, encoding = self.arguments
        if not isinstance(text, str) or encoding != "latin1":
            shown = plain(encoding, depth=0)
            raise CheckpointError(f"Bytes are stored as text in '{shown}'. {_WRONG}")
        return text.encode("latin1")


Bytes = bytes | Span | EncodedText


def read_bytes(stored: Any) -> bytes:
    """Read bytes, however a pickle stores them.

    Raises:
        CheckpointError: They are none.
    """
    if isinstance(stored, bytes):
        return stored
    if not isinstance(stored, Span | EncodedText):
        raise CheckpointError(f"{type(stored).__name__} stands where bytes should. {_WRONG}")
    return stored.read()


def _num_bytes(stored: Any) -> int:
    if isinstance(stored, Span):
        return stored.length
    if isinstance(stored, EncodedText):
        return len(str(stored.arguments[0]))
    return len(stored) if isinstance(stored, bytes) else 0


@dataclass(frozen=True)
class Storage:
    """The numbers of one or several tensors, in a row.

    Attributes:
        max_elements: How many there are at most.
        read: Reads those from a first one to the one before a last.
    """

    max_elements: int
    read: Callable[[int, int], Tensor]


def plain_storage(span: Span, dtype: torch.dtype) -> Storage:
    """Numbers that fill a span."""
    size = dtype.itemsize

    def read(start: int, stop: int) -> Tensor:
        part = span.part(start * size, (stop - start) * size)
        return from_bytes(part.read(), dtype, (stop - start,))

    return Storage(span.length // size, read)


def nested_storage(content: Any) -> Storage:
    """Numbers in a torch file inside the pickle, which torch reads as weights only."""

    def read(start: int, stop: int) -> Tensor:
        try:
            # Nothing but a storage is expected, and weights_only knows no harmful class.
            inner = read_bytes(content)
            _require_stored(inner)
            loaded = torch.load(io.BytesIO(inner), weights_only=True)
        except FILE_FAULTS as error:
            raise CheckpointError(
                f"A nested storage cannot be read as weights ({str(error)[:200]}). {_WRONG}"
            ) from error
        if not isinstance(loaded, torch.TypedStorage):
            raise CheckpointError(f"A nested storage is a {type(loaded).__name__}. {_WRONG}")
        numbers = torch.tensor([], dtype=loaded.dtype).set_(loaded)
        if len(numbers) < stop:
            raise CheckpointError(f"A nested storage holds no {stop} numbers. {_WRONG}")
        return numbers[start:stop]

    return Storage(_num_bytes(content), read)


def _require_stored(content: bytes) -> None:
    """Refuse an archive that is compressed: it could hold far more than it has bytes."""
    if not content.startswith(b"PK"):
        return
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entries = archive.infolist()
    is_stored = all(entry.compress_type == zipfile.ZIP_STORED for entry in entries)
    if not is_stored or sum(entry.file_size for entry in entries) > len(content):
        raise ValueError("it is compressed")


def rebuild_tensor(storage: Any, offset: Any, size: Any, stride: Any, *_: Any) -> StoredTensor:
    """Stand for torch's function that makes a tensor from a storage.

    Raises:
        CheckpointError: The tensor does not lie within the storage.
    """
    count = num_elements(size)
    num_elements(stride)  # sides and steps obey the same rules
    reach = offset + sum((side - 1) * step for side, step in zip(size, stride, strict=True)) + 1
    if (
        not isinstance(storage, Storage)
        or type(offset) is not int
        or offset < 0
        or count > storage.max_elements
        or (count and reach > storage.max_elements)
    ):
        raise CheckpointError(f"A tensor of shape {size} is larger than its storage. {_WRONG}")

    def read() -> Tensor:
        if not count:
            return torch.empty(size)
        return storage.read(offset, reach).as_strided(size, stride).contiguous().clone()

    return StoredTensor(tuple(size), read)


def _first(value: Any, *_: Any) -> Any:
    return value


class Namespace(Carried):
    """Command-line options, which trained rosinality checkpoints hold."""


class NumpyClass(Carried):
    """Stands for numpy's array class, an argument of its reconstruction."""


class NumpyDtype(Carried):
    """A dtype of numpy."""

    @property
    def torch_dtype(self) -> torch.dtype:
        """The same dtype in torch.

        Raises:
            CheckpointError: Another than little-endian numbers.
        """
        order = self.state[1] if isinstance(self.state, tuple) and len(self.state) > 1 else "|"
        name = self.arguments[0] if self.arguments else None
        if not isinstance(name, str) or name not in _NUMPY_DTYPES or order not in ("<", "|", "="):
            shown = f"{plain(order, depth=0)}{plain(name, depth=0)}"
            raise CheckpointError(f"Arrays of dtype '{shown}' hold no weights. {_WRONG}")
        return _NUMPY_DTYPES[name]


class NumpyScalar(Carried):
    """A single number of numpy."""

    def read(self) -> float | int | bool:
        """Return the number as Python's own.

        Raises:
            CheckpointError: It is none.
        """
        return self.stored().read().item()

    def stored(self) -> StoredTensor:
        """Return the number as a tensor without dimensions.

        Raises:
            CheckpointError: It is none.
        """
        dtype, content = self.arguments
        if not isinstance(dtype, NumpyDtype) or _num_bytes(content) > 8:
            raise CheckpointError(f"A number of numpy is damaged. {_WRONG}")
        return StoredTensor((), lambda: _read_array(dtype, content, ()))


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
        if not isinstance(dtype, NumpyDtype) or is_fortran:
            raise CheckpointError(f"An array of numpy has an unknown layout. {_WRONG}")
        expected = count * dtype.torch_dtype.itemsize
        if _num_bytes(content) != expected:
            raise CheckpointError(
                f"An array of shape {shape} has {_num_bytes(content)} bytes; expected {expected}. "
                f"{_WRONG}"
            )
        return StoredTensor(tuple(shape), lambda: _read_array(dtype, content, tuple(shape)))


def _read_array(dtype: NumpyDtype, content: Any, shape: tuple[int, ...]) -> Tensor:
    kind = dtype.torch_dtype
    raw = read_bytes(content)
    if len(raw) != num_elements(shape) * kind.itemsize:
        raise CheckpointError(f"An array of numpy has {len(raw)} bytes for {shape}. {_WRONG}")
    return from_bytes(raw, kind, shape)


class PersistentModule(Carried):
    """A module of NVIDIA's PyTorch code: its source text is kept as text."""


class TensorflowNetwork(Carried):
    """A network of NVIDIA's TensorFlow code."""


_NUMPY: Allowed = {
    ("numpy", "dtype"): NumpyDtype.make,
    ("_codecs", "encode"): EncodedText.make,
    **{
        (f"numpy.{core}.multiarray", name): made
        for core in ("core", "_core")
        for name, made in (("_reconstruct", NumpyArray.make), ("scalar", NumpyScalar.make))
    },
    ("numpy", "ndarray"): NumpyClass.make,
}
_TORCH: Allowed = {
    ("collections", "OrderedDict"): carried_dict,
    ("torch._utils", "_rebuild_tensor_v2"): rebuild_tensor,
    ("torch._utils", "_rebuild_parameter"): _first,
}
TORCH_FILE: Allowed = {
    **_TORCH,
    **{("torch", name): Carried.make for name in STORAGE_DTYPES},
    ("argparse", "Namespace"): Namespace.make,
}
NVIDIA_PICKLE: Allowed = {
    **_TORCH,
    ("torch.storage", "_load_from_bytes"): nested_storage,
    ("torch_utils.persistence", "_reconstruct_persistent_obj"): PersistentModule.make,
    ("dnnlib.util", "EasyDict"): carried_dict,
    **{(module, "set"): _first for module in ("builtins", "__builtin__")},
    ("numpy", "dtype"): NumpyDtype.make,
    ("_codecs", "encode"): EncodedText.make,
    ("numpy.core.multiarray", "scalar"): NumpyScalar.make,
    ("numpy._core.multiarray", "scalar"): NumpyScalar.make,
}
TENSORFLOW_PICKLE: Allowed = {
    **_NUMPY,
    ("dnnlib.tflib.network", "Network"): TensorflowNetwork.make,
    ("dnnlib.util", "EasyDict"): carried_dict,
    ("collections", "OrderedDict"): carried_dict,
}
