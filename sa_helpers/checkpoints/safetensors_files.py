"""The structure of safetensors files: eight bytes of length, JSON, numbers.

Source: the format's description in the safetensors project, which also demands that tensors fill
the file one after the other.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from sa_helpers.checkpoints.budget import Budget
from sa_helpers.checkpoints.contents import plain
from sa_helpers.checkpoints.errors import CheckpointError
from sa_helpers.checkpoints.file_parts import Span, StoredTensor, num_elements, read_numbers, sides
from sa_helpers.runtime import shown

_MAX_JSON_BYTES = 1 << 24
_DTYPES = {
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F32": torch.float32,
    "F64": torch.float64,
    "I64": torch.int64,
    "I32": torch.int32,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}
_AGAIN = "It was cut short or altered; copy or download it again."


def is_safetensors(span: Span) -> bool:
    """Tell safetensors by their first nine bytes; other formats would give absurd lengths."""
    head = span.head(9)
    return head[8:] == b"{" and int.from_bytes(head[:8], "little") < 1 << 40


def parse_json(span: Span, budget: Budget) -> Any:
    """Read JSON of bounded size; its values are paid from the budget before they are made.

    Raises:
        CheckpointError: It is too long or no JSON.
    """
    if span.length > _MAX_JSON_BYTES:
        raise CheckpointError(
            f"{span.path} has JSON of {span.length} bytes, more than any model's. {_AGAIN}"
        )
    content = span.read()
    # Values of JSON are small; those of a pickle take several steps each.
    budget.spend(sum(content.count(sign) for sign in (b",", b"[", b"{")) // 4)
    try:
        return json.loads(content.decode(), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(
            f"{span.path} is not valid JSON ({shown(error)}). {_AGAIN}"
        ) from error


def parse_text(text: str, path: Path, budget: Budget) -> Any:
    """Read JSON that stands in the metadata of a file, as `parse_json` does.

    Raises:
        CheckpointError: It is no JSON.
    """
    content = text.encode("utf-8", "surrogatepass")
    return parse_json(Span(content, path, 0, len(content)), budget)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"the constant {name}")


def read_safetensors(span: Span, budget: Budget) -> tuple[dict[str, StoredTensor], dict[str, str]]:
    """Read where the tensors of a file are, and its metadata.

    Raises:
        CheckpointError: It is no safetensors file, or its tensors do not fill it exactly.
    """
    data, header = _header(span, budget)
    metadata = header.pop("__metadata__", None) or {}
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise CheckpointError(f"{span.path} has metadata that are no texts. {_AGAIN}")
    placed = [(*_place(entry, name, span), name) for name, entry in header.items()]
    position = 0
    for start, stop, name in sorted(placed):
        if start != position:
            raise CheckpointError(
                f"{span.path} has tensors that overlap or leave gaps, at {shown(name)}. {_AGAIN}"
            )
        position = stop
    if position != data.length:
        raise CheckpointError(
            f"{span.path} has {data.length} bytes of weights and expects {position}. {_AGAIN}"
        )
    return {name: _stored(data, entry) for name, entry in header.items()}, metadata


def with_metadata(content: bytes, metadata: Mapping[str, str]) -> tuple[bytes, memoryview]:
    """Give a safetensors file metadata: returns its new beginning, and the numbers that follow."""
    length = int.from_bytes(content[:8], "little")
    tensors = json.loads(content[8 : 8 + length])
    tensors.pop("__metadata__", None)
    header = {"__metadata__": dict(metadata), **tensors}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # numbers begin at multiples of eight
    return len(text).to_bytes(8, "little") + text, memoryview(content)[8 + length :]


def data_span(span: Span) -> Span:
    """The numbers of a safetensors file, without its header.

    Raises:
        CheckpointError: It is cut short.
    """
    length = int.from_bytes(span.part(0, 8).read(), "little")
    start = 8 + min(length, span.length)
    return span.part(start, span.length - start)


def _header(span: Span, budget: Budget) -> tuple[Span, dict[str, Any]]:
    length = int.from_bytes(span.part(0, 8).read(), "little")
    if length > span.length - 8:
        raise CheckpointError(
            f"{span.path} is no safetensors file, or was cut short: it announces a header of "
            f"{length} bytes and has {span.length - 8}. Copy or download it again."
        )
    header = parse_json(span.part(8, length), budget)
    if not isinstance(header, dict):
        raise CheckpointError(f"{span.path} is no safetensors file: it has no header. {_AGAIN}")
    return data_span(span), header


def _place(entry: Any, name: str, span: Span) -> tuple[int, int]:
    """Where a tensor begins and ends, if it is described as it should be."""
    fields: Mapping[str, Any] = entry if isinstance(entry, dict) else {}
    dtype, shape, offsets = (fields.get(key) for key in ("dtype", "shape", "data_offsets"))
    is_known = isinstance(dtype, str) and dtype in _DTYPES
    is_pair = isinstance(offsets, list) and len(offsets) == 2
    if not is_known or not is_pair or any(type(offset) is not int for offset in offsets or ()):
        raise CheckpointError(
            f"{span.path} describes {shown(name)} in a way that is not understood (dtype "
            f"{plain(dtype, depth=0)}). Save its weights again as float32."
        )
    expected = num_elements(shape) * _DTYPES[str(dtype)].itemsize
    start, stop = offsets  # type: ignore[misc]
    if stop - start != expected:
        raise CheckpointError(
            f"{span.path} has other than {expected} bytes for {shown(name)} of "
            f"{sides(tuple(shape or ()))}. {_AGAIN}"
        )
    return start, stop


def _stored(data: Span, entry: Mapping[str, Any]) -> StoredTensor:
    dtype, shape = _DTYPES[entry["dtype"]], tuple(entry["shape"])
    start, stop = entry["data_offsets"]
    part = data.part(start, stop - start)
    return StoredTensor(shape, lambda: read_numbers(part, dtype).reshape(shape))
