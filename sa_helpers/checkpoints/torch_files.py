"""Torch's own files, zipped (since 1.6) and older, read by the pickle machine."""

import struct
import zipfile
import zlib
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

import torch

from sa_helpers.checkpoints.carried import STORAGE_DTYPES, TORCH_FILE, Storage, plain_storage
from sa_helpers.checkpoints.contents import plain
from sa_helpers.checkpoints.errors import CheckpointError
from sa_helpers.checkpoints.pickle_machine import Global, PickleMachine
from sa_helpers.checkpoints.spans import Span, from_bytes

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_LEGACY_PROTOCOL = 1001
_MAX_DIRECTORY_BYTES = 1 << 23
_LOCAL_HEADER_BYTES = 30


def read_zipped(span: Span) -> Any:
    """Read a zipped torch file; tensors are read later.

    Raises:
        CheckpointError: Another kind of archive, a damaged or a compressed one.
    """
    try:
        with zipfile.ZipFile(cast(BinaryIO, _SpanFile(span))) as archive:
            entries = {entry.filename: entry for entry in archive.infolist()}
    except (zipfile.BadZipFile, struct.error, ValueError, OverflowError) as error:
        raise CheckpointError(
            f"{span.path} is a damaged zip archive ({error}). It was cut short; download it again."
        ) from error
    pickles = [name for name in entries if name.endswith("/data.pkl") and name.count("/") == 1]
    if len(pickles) != 1:
        raise CheckpointError(
            f"{span.path} is a zip archive, but no torch file: it holds {list(entries)[:5]}. "
            "Unpack it and load the checkpoint inside."
        )
    folder = pickles[0].removesuffix("data.pkl")
    _require_little_endian(span, entries.get(f"{folder}byteorder"))

    def load_storage(identifier: Any) -> Storage:
        reference = _StorageReference.parse(identifier)
        entry = entries.get(f"{folder}data/{reference.key}")
        if entry is None:
            raise CheckpointError(f"{span.path} lacks the storage {reference.key!r}. {_AGAIN}")
        return reference.storage(_entry_span(span, entry), checksum=entry.CRC)

    machine = PickleMachine(
        _entry_span(span, entries[pickles[0]]), allowed=TORCH_FILE, load_persistent=load_storage
    )
    return machine.load()


def read_legacy(span: Span) -> Any:
    """Read a torch file as written before version 1.6; tensors are read later.

    Such a file is a row of pickles (a magic number, the version, the machine, the object, the keys
    of its storages), followed by each storage: its length, then its numbers.

    Raises:
        CheckpointError: It is damaged, or of another version or byte order.
    """
    storages: dict[str, Span] = {}

    def load_storage(identifier: Any) -> Storage:
        reference = _StorageReference.parse(identifier)

        def read(start: int, stop: int) -> torch.Tensor:
            return plain_storage(storages[reference.key], reference.dtype).read(start, stop)

        return Storage(reference.num_elements, read)

    sizes: dict[str, int] = {}

    def note_size(identifier: Any) -> Storage:
        reference = _StorageReference.parse(identifier)
        sizes[reference.key] = reference.dtype.itemsize
        if reference.num_elements * reference.dtype.itemsize > span.length:
            raise CheckpointError(
                f"{span.path} announces a storage of {reference.num_elements} numbers, more than "
                f"the file has bytes. {_AGAIN}"
            )
        return load_storage(identifier)

    machine = PickleMachine(span, allowed=TORCH_FILE, load_persistent=note_size)
    magic, version, system = machine.load(), machine.load(), machine.load()
    is_little = isinstance(system, dict) and system.get("little_endian", True)
    if (magic, version) != (LEGACY_MAGIC, _LEGACY_PROTOCOL) or not is_little:
        raise CheckpointError(
            f"{span.path} is a torch file of version {plain(version, depth=0)}; the loader reads "
            f"{_LEGACY_PROTOCOL}, little-endian. Save it again with a current PyTorch."
        )
    content, keys = machine.load(), machine.load()
    position = machine.position
    if not isinstance(keys, list) or not all(isinstance(key, str) and key in sizes for key in keys):
        raise CheckpointError(f"{span.path} lists storages that it does not use. {_AGAIN}")
    for key in keys:
        count = int(from_bytes(span.part(position, 8).read(), torch.int64, ()))
        storages[key] = span.part(position + 8, max(count, 0) * sizes[key])
        position += 8 + storages[key].length
    if sizes.keys() - storages.keys():
        raise CheckpointError(f"{span.path} lacks some of its storages. {_AGAIN}")
    return content


_AGAIN = "It was cut short or altered; download it again."


@dataclass(frozen=True)
class _StorageReference:
    key: str
    dtype: torch.dtype
    num_elements: int

    @classmethod
    def parse(cls, identifier: Any) -> "_StorageReference":
        """Check a persistent id: ("storage", class, key, device, number of elements)."""
        is_tuple = isinstance(identifier, tuple) and len(identifier) >= 5
        kind, storage_class, key, _, count, *view = identifier if is_tuple else (None,) * 5
        if (
            kind != "storage"
            or not isinstance(storage_class, Global)
            or storage_class.name not in STORAGE_DTYPES
            or not isinstance(key, str)
            or type(count) is not int
            or count < 0
            or any(part is not None for part in view)
        ):
            raise CheckpointError(f"A torch file refers to an unknown kind of storage. {_AGAIN}")
        return cls(key, STORAGE_DTYPES[storage_class.name], count)

    def storage(self, span: Span, *, checksum: int) -> Storage:
        """Numbers of an entry of a zip archive, compared with its checksum when they are read."""
        plain = plain_storage(span, self.dtype)
        if plain.max_elements < self.num_elements:
            raise CheckpointError(
                f"The storage {self.key!r} has {plain.max_elements} numbers; its tensor expects "
                f"{self.num_elements}. {_AGAIN}"
            )

        def read(start: int, stop: int) -> torch.Tensor:
            if stop - start != plain.max_elements:
                return plain.read(start, stop)
            content = span.read()
            if zlib.crc32(content) != checksum:
                raise CheckpointError(
                    f"The storage {self.key!r} of {span.path} fails its checksum. {_AGAIN}"
                )
            return from_bytes(content, self.dtype, (stop - start,))

        return Storage(self.num_elements, read)


def _entry_span(span: Span, entry: zipfile.ZipInfo) -> Span:
    """Find where an entry's bytes are; they must be stored as they are."""
    if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 1:
        raise CheckpointError(
            f"{span.path} holds compressed or encrypted weights, which torch never writes and "
            "which could unfold without end. Unpack it and load what is inside, if you trust it."
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
