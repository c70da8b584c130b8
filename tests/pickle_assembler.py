"""A small assembler of pickles, to write files that no library would write."""

import struct
from typing import Any

HEAD, STOP = b"\x80\x02", b"."
NONE, TRUE, FALSE = b"N", b"\x88", b"\x89"


def text(value: str) -> bytes:
    content = value.encode("utf-8", "surrogatepass")
    return b"X" + struct.pack("<I", len(content)) + content


def data(content: bytes) -> bytes:
    return b"B" + struct.pack("<I", len(content)) + content


def integer(value: int) -> bytes:
    content = value.to_bytes((value.bit_length() + 8) // 8, "little", signed=True)
    return b"\x8a" + bytes([len(content)]) + content


def number(value: float) -> bytes:
    return b"G" + struct.pack(">d", value)


def named(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n".encode()


def row(*items: bytes) -> bytes:
    return b"(" + b"".join(items) + b"t"


def items(*values: bytes) -> bytes:
    return b"](" + b"".join(values) + b"e"


def table(entries: dict[Any, bytes]) -> bytes:
    keys = (text(key) if isinstance(key, str) else key for key in entries)
    return b"}(" + b"".join(k + v for k, v in zip(keys, entries.values(), strict=True)) + b"u"


def put(index: int) -> bytes:
    return b"r" + struct.pack("<I", index)


def get(index: int) -> bytes:
    return b"j" + struct.pack("<I", index)


def call(function: bytes, *arguments: bytes) -> bytes:
    return function + row(*arguments) + b"R"


def doubled(levels: int, *, start: bytes = b")", is_list: bool = False, at: int = 1000) -> bytes:
    """A structure whose levels hold the one below twice: 2^levels leaves, 20 bytes a level."""
    steps = b"(" + start + put(at)
    for index in range(at, at + levels):
        twice = get(index) + get(index)
        steps += (b"](" + twice + b"e" if is_list else twice + b"\x86") + put(index + 1)
    return steps + b"1" + get(at + levels)


def looped(at: int = 3000) -> bytes:
    """A list that holds itself."""
    return b"]" + put(at) + get(at) + b"a"


def looped_table(at: int = 3100) -> bytes:
    """A dict that holds itself."""
    return b"}" + put(at) + text("me") + get(at) + b"s"


def deep(levels: int) -> bytes:
    return b")" + b"\x85" * levels


def module(
    parameters: dict[str, bytes] | None = None,
    buffers: dict[str, bytes] | None = None,
    modules: dict[str, bytes] | None = None,
    *,
    version: bytes | None = None,
    **attributes: bytes,
) -> bytes:
    """A module of NVIDIA's PyTorch code."""
    state = {
        "_parameters": table(parameters or {}),
        "_buffers": table(buffers or {}),
        "_modules": table(modules or {}),
        **attributes,
    }
    meta = {
        "type": text("class"),
        "version": version or integer(6),
        "module_src": text("raise SystemExit"),
        "class_name": text("Generator"),
        "state": table(state),
    }
    return call(named("torch_utils.persistence", "_reconstruct_persistent_obj"), table(meta))


def nested(content: bytes) -> bytes:
    return call(named("torch.storage", "_load_from_bytes"), content)


def tensor(storage: bytes, size: tuple[int, ...], stride: tuple[int, ...]) -> bytes:
    sides, steps = row(*map(integer, size)), row(*map(integer, stride))
    hooks = named("collections", "OrderedDict") + b")R"
    function = named("torch._utils", "_rebuild_tensor_v2")
    return call(function, storage, integer(0), sides, steps, FALSE, hooks)


def stored(key: str, count: int, kind: str = "FloatStorage") -> bytes:
    """A storage of a zipped torch file."""
    what = (text("storage"), named("torch", kind), text(key), text("cpu"), integer(count))
    return row(*what) + b"Q"


def nvidia(generator: bytes, discriminator: bytes = NONE) -> bytes:
    entries = {"training_set_kwargs": NONE, "G_ema": generator, "D": discriminator}
    return HEAD + table(entries) + STOP


def tensorflow_network(
    *,
    version: bytes | None = None,
    settings: bytes = b"}",
    components: bytes = b"}",
    variables: bytes = b"]",
) -> bytes:
    state = {
        "version": version or integer(4),
        "static_kwargs": settings,
        "components": components,
        "variables": variables,
    }
    return named("dnnlib.tflib.network", "Network") + b")\x81" + table(state) + b"b"


def tensorflow(network: bytes) -> bytes:
    return HEAD + row(NONE, NONE, network) + STOP
