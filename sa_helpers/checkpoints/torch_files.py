"""Torch's own files, zipped (since 1.6) and older, read by the pickle machine."""

import functools
import struct
import zipfile
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

import torch

from sa_helpers.checkpoints.budget import Budget
from sa_helpers.checkpoints.contents import plain
from sa_helpers.checkpoints.errors import CheckpointError
from sa_helpers.checkpoints.file_parts import Span
from sa_helpers.checkpoints.pickle_machine import Allowed, Carried, Global, PickleMachine
from sa_helpers.checkpoints.stand_ins import (
    HARMLESS,
    STORAGE_DTYPES,
    Storage,
    bytes_span,
    exactly,
    num_bytes,
    plain_storage,
)
from sa_helpers.runtime import shown

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_LEGACY_PROTOCOL = 1001
_MAX_DIRECTORY_BYTES = 1 << 21
_LOCAL_HEADER_BYTES = 30


def allowed_names(budget: Budget) -> Allowed:
    """All that pickles of any format may name; storages within them are paid from the budget."""
    nested = functools.partial(nested_storage, budget)
    return {**HARMLESS, ("torch.storage", "_load_from_bytes"): nested}


def read_zipped(span: Span, budget: Budget) -> Any:
    """Read a zipped torch file; tensors are read later.

    Raises:
        CheckpointError: Another kind of archive, a damaged or a compressed one.
    """
    try:
        with zipfile.ZipFile(cast(BinaryIO, _SpanFile(span))) as archive:
            entries = {entry.filename: entry for entry in archive.infolist()}
    except (zipfile.BadZipFile, struct.error, ValueError, OverflowError, NotImplementedError) as e:
        raise CheckpointError(
            f"{span.path} is a damaged zip archive ({shown(e)}). It was cut short; download it "
            "again."
        ) from e
    pickles = [name for name in entries if name.endswith("/data.pkl") and name.count("/") == 1]
    if len(pickles) != 1:
        names = ", ".join(shown(name, max_length=40) for name in list(entries)[:5])
        raise CheckpointError(
            f"{span.path} is a zip archive, but no torch file: it holds {names or 'nothing'}. "
            "Unpack it and load the checkpoint inside."
        )
    folder = pickles[0].removesuffix("data.pkl")
    _require_little_endian(span, entries.get(f"{folder}byteorder"))

    def load_storage(identifier: Any) -> Storage:
        reference = _StorageReference.parse(identifier)
        entry = entries.get(f"{folder}data/{reference.key}")
        if entry is None:
            raise CheckpointError(f"{span.path} lacks the storage {shown(reference.key)}. {_AGAIN}")
        return reference.storage(_entry_span(span, entry), checksum=entry.CRC)

    machine = PickleMachine(
        _entry_span(span, entries[pickles[0]]),
        allowed=allowed_names(budget),
        budget=budget,
        load_persistent=load_storage,
    )
    return machine.load()


def nested_storage(budget: Budget, *arguments: Any) -> Storage:
    """Stand for torch's function that makes a storage from a torch file inside a pickle."""
    (content,) = exactly(1, arguments)
    _, most = num_bytes(content)

    def read(start: int, stop: int) -> torch.Tensor:
        inner = read_legacy(bytes_span(content, budget.path), budget, allowed=_STORAGES)
        if not isinstance(inner, Storage) or inner.max_elements < stop:
            raise CheckpointError(
                f"{budget.path} has weights that are no storage of {stop} numbers. {_AGAIN}"
            )
        return inner.read(start, stop)

    return Storage(most, read)


def read_legacy(span: Span, budget: Budget, *, allowed: Allowed | None = None) -> Any:
    """Read a torch file as written before version 1.6; tensors are read later.

    Such a file is a row of pickles (a magic number, the version, the machine, the object, the keys
    of its storages), followed by each storage: its length, then its numbers.

    Args:
        span: Where it is.
        budget: Pays for it.
        allowed: What its pickles may name; None means all that is harmless.

    Raises:
        CheckpointError: It is damaged, or of another version or byte order.
    """
    storages: dict[str, Span] = {}
    references: dict[str, _StorageReference] = {}

    def load_storage(identifier: Any) -> Storage:
        reference = _StorageReference.parse(identifier)
        if reference.num_elements * reference.dtype.itemsize > span.length:
            raise CheckpointError(
                f"{span.path} announces a storage that is larger than the file. {_AGAIN}"
            )
        references[reference.key] = reference

        def read(start: int, stop: int) -> torch.Tensor:
            return plain_storage(storages[reference.key], reference.dtype).read(start, stop)

        return Storage(reference.num_elements, read)

    machine = PickleMachine(
        span,
        allowed=allowed_names(budget) if allowed is None else allowed,
        budget=budget,
        load_persistent=load_storage,
    )
    magic, version, system = machine.load(), machine.load(), machine.load()
    is_little = isinstance(system, dict) and plain(system.get("little_endian")) in (True, None)
    if plain(magic, depth=0) != LEGACY_MAGIC or version != _LEGACY_PROTOCOL or not is_little:
        raise CheckpointError(
            f"{span.path} holds a torch file of version {plain(version, depth=0)}; the loader "
            f"reads {_LEGACY_PROTOCOL}, little-endian. Save it again with a current PyTorch."
        )
    content, keys = machine.load(), machine.load()
    is_list = isinstance(keys, list) and all(isinstance(key, str) for key in keys)
    if not is_list or len(keys) != len(references) or set(keys) != references.keys():
        raise CheckpointError(f"{span.path} lacks some of its storages, or has others. {_AGAIN}")
    position = machine.position
    for key in keys:
        count, size = struct.unpack("<q", span.part(position, 8).read())[0], references[key].size
        storages[key] = span.part(position + 8, max(count, 0) * size)
        position += 8 + storages[key].length
    return content


_STORAGES: Allowed = {("torch", name): Carried.make for name in STORAGE_DTYPES}
_AGAIN = "It was cut short or altered; download it again."


@dataclass(frozen=True)
class _StorageReference:
    key: str
    dtype: torch.dtype
    num_elements: int

    @classmethod
    def parse(cls, identifier: Any) -> "_StorageReference":
        """Check a persistent id: ("storage", class, key, device, number of elements)."""
        is_tuple = isinstance(identifier, tuple) and 5 <= len(identifier) <= 6
        kind, storage_class, key, _, count, *view = identifier if is_tuple else (None,) * 5
        if (
            kind != "storage"
            or not isinstance(storage_class, Global)
            or storage_class.name not in STORAGE_DTYPES
            or not isinstance(key, str)
            or type(count) is not int
            or not 0 <= count < 1 << 62
            or any(part is not None for part in view)
        ):
            raise CheckpointError(f"A torch file refers to an unknown kind of storage. {_AGAIN}")
        return cls(key, STORAGE_DTYPES[storage_class.name], count)

    @property
    def size(self) -> int:
        """Bytes of a number."""
        return self.dtype.itemsize

    def storage(self, span: Span, *, checksum: int) -> Storage:
        """Numbers of an entry of a zip archive, compared with its checksum when they are read."""
        plain = plain_storage(span, self.dtype)
        if plain.max_elements < self.num_elements:
            raise CheckpointError(
                f"{span.path} has {plain.max_elements} numbers in the storage {shown(self.key)}; "
                f"its tensors expect more. {_AGAIN}"
            )

        def read(start: int, stop: int) -> torch.Tensor:
            if stop - start == plain.max_elements and span.crc32() != checksum:
                raise CheckpointError(
                    f"{span.path} has a storage {shown(self.key)} that fails its checksum. {_AGAIN}"
                )
            return plain.read(start, stop)

        return Storage(self.num_elements, read)


def _entry_span(span: Span, entry: zipfile.ZipInfo) -> Span:
    """Find where an entry's bytes are; they must be stored as they are."""
    if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 1:
        raise CheckpointError(
            f"{span.path} holds compressed or encrypted weights, which torch never writes and "
            "which could unfold without end. Unpack it; if that gives a folder with a data.pkl, "
            "zip it again uncompressed, else load what is inside."
        )
    header = span.part(entry.header_offset, _LOCAL_HEADER_BYTES).read()
    name_length, extra_length = struct.unpack("<HH", header[26:30])
    start = entry.header_offset + _LOCAL_HEADER_BYTES + name_length + extra_length
    return span.part(start, entry.file_size)


def _require_little_endian(span: Span, entry: zipfile.ZipInfo | None) -> None:
    if entry is not None and (order := _entry_span(span, entry).part(0, 3).read()) != b"lit":
        raise CheckpointError(
            f"{span.path} was written on a machine of another byte order ({order!r}). Load it "
            "there and save it as safetensors."
        )


class _SpanFile:
    """A span as a file object for zipfile; large reads, as of an absurd directory, are refused."""

    def __init__(self, span: Span) -> None:
        self._span, self._position = span, 0

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = 0) -> int:
        base = (0, self._position, self._span.length)[whence]
        if base + offset < 0:
            raise ValueError("a negative position")
        self._position = base + offset
        return self._position

    def read(self, length: int = -1) -> bytes:
        left = max(0, self._span.length - self._position)
        length = left if length is None or length < 0 else min(length, left)
        if length > _MAX_DIRECTORY_BYTES:
            raise ValueError(f"a directory of {length} bytes")
        content = self._span.part(self._position, length).read() if length else b""
        self._position += length
        return content
