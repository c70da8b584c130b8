"""Checkpoint files that were made to crash, to hang, to fill memory or to lie."""

import io
import json
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pickle_assembler import (
    FALSE,
    HEAD,
    NONE,
    STOP,
    call,
    data,
    deep,
    doubled,
    get,
    integer,
    items,
    looped,
    looped_table,
    module,
    named,
    nested,
    number,
    nvidia,
    put,
    row,
    stored,
    table,
    tensor,
    tensorflow,
    tensorflow_network,
    text,
)
from published_files import make_pair

from sa_helpers.checkpoints import save_model

MEGABYTE = 1 << 20
_LAYER = "synthesis"


# Values of which a file can make anything, where a reader expects a setting or a name.
def odd_values() -> dict[str, bytes]:
    return {
        "a deep tuple": deep(100_000),
        "a doubled tuple": doubled(45),
        "a doubled list": doubled(45, start=b"]", is_list=True),
        "a list that holds itself": looped(),
        "a dict that holds itself": looped_table(),
        "a long text": text("x" * 900_000),
        "escape sequences": text("\x1b[2J\x1b]0;owned\x07\n\u202e"),
        "a lone surrogate": text("\ud800"),
        "a huge number": b"\x8b" + struct.pack("<i", 10_000) + b"\x7f" * 10_000,
        "NaN": number(float("nan")),
        "infinity": number(float("inf")),
        "a negative number": number(-1.0),
        "a text": text("256"),
        "a module": module(),
        "a class": named("numpy", "dtype"),
        "true": b"\x88",
    }


def _with_setting(value: bytes) -> bytes:
    layers = module(modules={"b4": module(conv_clamp=value)})
    mapping = module(modules={"fc0": module(bias_gain=value)}, w_avg_beta=value)
    return nvidia(module(modules={_LAYER: layers, "mapping": mapping}, use_noise=value))


def _at_each_place(value: bytes) -> Iterator[tuple[str, bytes]]:
    """A value wherever a file has names, settings, shapes or weights."""
    yield "a setting of NVIDIA's", _with_setting(value)
    yield "an architecture", nvidia(module(modules={_LAYER: module(architecture=value)}))
    yield "a version", nvidia(module(version=value))
    yield "a network", nvidia(value)
    yield "a discriminator", nvidia(module(), value)
    yield "a weight", nvidia(module(parameters={"w": value}))
    yield "a label", HEAD + table({"G_ema": module(), "training_set_kwargs": value}) + STOP
    shape = call(named("torch._utils", "_rebuild_tensor_v2"), NONE, integer(0), value, value)
    yield "a shape", nvidia(module(parameters={"w": shape}))
    yield "encoded bytes", HEAD + call(named("_codecs", "encode"), value, text("latin1")) + STOP
    yield "a nested storage", nvidia(module(parameters={"w": tensor(nested(value), (2,), (1,))}))
    yield "TensorFlow's settings", tensorflow(tensorflow_network(settings=value))
    pairs = {"label_size": value, "resample_kernel": value, "conv_clamp": value}
    yield "a setting of TensorFlow's", tensorflow(tensorflow_network(settings=table(pairs)))
    yield "variables", tensorflow(tensorflow_network(variables=value))
    yield "a variable", tensorflow(tensorflow_network(variables=items(row(text("lod"), value))))
    yield "a variable's name", tensorflow(tensorflow_network(variables=items(row(value, NONE))))
    yield "components", tensorflow(tensorflow_network(components=value))
    yield "a version of TensorFlow's", tensorflow(tensorflow_network(version=value))
    yield "a state dict", _zipped({"g_ema": value, "g": value, "latent_avg": value, "args": value})
    yield "options", _zipped({"state_dict": table({"decoder.input.input": _ONE}), "opts": value})
    yield (
        "our settings",
        _zipped({"G_ema": table({"synthesis.b4.const": _ONE}), "sa_helpers": value}),
    )
    yield "a key", HEAD + b"}" + value + b"Ns" + STOP
    yield "a class's name", HEAD + value + value + b"\x93" + STOP
    yield "the whole", HEAD + value + STOP


def archive(pickled: bytes, storages: dict[str, bytes] | None = None) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as target:
        target.writestr("archive/data.pkl", pickled)
        target.writestr("archive/byteorder", b"little")
        for key, content in (storages or {}).items():
            target.writestr(f"archive/data/{key}", content)
    return stream.getvalue()


_ONE = tensor(stored("0", 16), (1, 1, 4, 4), (16, 16, 4, 1))


def _zipped(entries: dict[str, bytes]) -> bytes:
    return archive(HEAD + table(entries) + STOP, {"0": bytes(64)})


def _shared_modules(depth: int, width: int) -> bytes:
    steps = b"(" + module() + put(7000)
    for level in range(7001, 7001 + depth):
        steps += module(modules={f"m{i}": get(level - 1) for i in range(width)}) + put(level)
    return nvidia(steps + b"1" + get(7000 + depth))


def _shared_components(depth: int, width: int) -> bytes:
    steps = b"(" + tensorflow_network() + put(7000)
    for level in range(7001, 7001 + depth):
        inner = table({f"m{i}": get(level - 1) for i in range(width)})
        steps += tensorflow_network(components=inner) + put(level)
    return tensorflow(steps + b"1" + get(7000 + depth))


def _one_table_in_all(count: int) -> bytes:
    """Many modules with one long table of weights."""
    shared = b"(" + table({f"w{i}": NONE for i in range(count)}) + put(7000)
    one = call(
        named("torch_utils.persistence", "_reconstruct_persistent_obj"),
        table(
            {
                "version": integer(6),
                "state": table({"_parameters": get(7000), "_buffers": get(7000), "_modules": b"}"}),
            }
        ),
    )
    shared += one + put(7001) + b"1"
    return nvidia(shared + module(modules={f"m{i}": get(7001) for i in range(count)}))


def _long_names(count: int) -> bytes:
    return nvidia(
        module(modules={"x" * 60_000: module(modules={f"m{i}": NONE for i in range(count)})})
    )


def _integers(step: int, count: int = 90_000) -> bytes:
    keys = (b"\x8a\x0c" + (k * step).to_bytes(12, "little", signed=True) for k in range(1, count))
    return HEAD + b"}(" + b"".join(key + b"N" for key in keys) + b"u" + STOP


def _floats(count: int = 90_000) -> bytes:
    keys = (number(float(k % 977 + 1) * 2.0 ** (61 * (k // 977 % 16))) for k in range(count))
    return HEAD + b"}(" + b"".join(key + b"N" for key in keys) + b"u" + STOP


def _many_arguments() -> bytes:
    long = b"](" + b"N" * 100_000 + b"e"
    arguments = b"(" + b"N" * 100_000 + b"t"
    calls = (get(2) + get(1) + b"R") * 20_000
    made = named("numpy", "dtype") + put(2)
    return HEAD + b"(" + long + arguments + put(1) + made + calls + b"t" + STOP


def _long_identifiers() -> bytes:
    long = b"(" + b"N" * 100_000 + b"t" + put(1)
    return archive(HEAD + b"(" + long + (get(1) + b"Q") * 20_000 + b"t" + STOP)


def shared_storage(num_layers: int = 1500) -> bytes:
    """A generator of which every weight lies in one place of a megabyte."""
    state = {}
    weight = tensor(stored("0", MEGABYTE // 4), (1, 162, 162, 3, 3), (0, 1458, 9, 3, 1))
    small = tensor(stored("0", MEGABYTE // 4), (162, 162), (162, 1))
    bias = tensor(stored("0", MEGABYTE // 4), (162,), (1,))
    state["input.input"] = tensor(stored("0", MEGABYTE // 4), (1, 162, 4, 4), (0, 16, 4, 1))
    for index in range(1, 60):
        state[f"style.{index}.weight"], state[f"style.{index}.bias"] = small, bias
    state["conv1.conv.weight"] = weight
    for index in range(num_layers):
        state[f"more.{index}"] = weight
    return archive(
        HEAD + table({"g_ema": table(state)}) + STOP, {"0": np.zeros(MEGABYTE, np.uint8).tobytes()}
    )


def mapping_in_one_place() -> bytes:
    """Sixty mapping layers of a thousand latents in one megabyte."""
    generator, _ = make_pair(8, latent_dim=500, num_mapping_layers=60)
    state = {}
    content: list[bytes] = []
    for name, value in generator.state_dict().items():
        if name.startswith("mapping.fc") and name.endswith("weight"):
            state[name] = tensor(stored("0", 250_000), (500, 500), (500, 1))
            continue
        key = str(len(content) + 1)
        content.append(value.detach().contiguous().numpy().tobytes())
        strides = value.contiguous().stride()
        state[name] = tensor(stored(key, value.numel()), tuple(value.shape), strides)
    storages = {"0": bytes(MEGABYTE), **{str(i + 1): raw for i, raw in enumerate(content)}}
    return archive(HEAD + table({"G_ema": table(state)}) + STOP, storages)


def _noise_for_huge_images() -> bytes:
    """A file of a few kilobytes whose noise maps would be of 2048 px."""
    from published_files import rosinality_state

    generator, _ = make_pair(8, widths=(1, 1))
    state = rosinality_state(generator)
    small = {k: v for k, v in state.items() if not k.startswith("noises")}
    for index in range(1, 9):
        for k in (0, 1):
            for name in [n for n in small if n.startswith(f"convs.{k}.")]:
                small[name.replace(f"convs.{k}.", f"convs.{2 * index + k}.")] = small[name]
        for name in [n for n in small if n.startswith("to_rgbs.0.")]:
            small[name.replace("to_rgbs.0.", f"to_rgbs.{index}.")] = small[name]
    stream = io.BytesIO()
    torch.save({"g_ema": small}, stream)
    return stream.getvalue()


def safetensors(header: Any, numbers: bytes = b"") -> bytes:
    content = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(content).to_bytes(8, "little") + content + numbers


def _entry(shape: list[Any], start: Any, stop: Any, dtype: Any = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, stop]}


def _own_metadata(value: Any, **changes: Any) -> bytes:
    """A model of our own of which the settings were changed, with the right digest."""
    from sa_helpers.checkpoints.own_format import digest_of

    numbers = bytes(64)
    text_of = json.dumps({"schema_version": 1, "weights": {}, "record": {}, **changes, **value})
    header = {
        "__metadata__": {"sa_helpers": text_of, "sha256": digest_of(text_of, iter([numbers]))},
        "generator.x": _entry([16], 0, 64),
    }
    return safetensors(header, numbers)


_SIZES = {
    "img_resolution": 8,
    "channels": {"4": 4, "8": 4},
    "z_dim": 4,
    "w_dim": 4,
    "num_mapping_layers": 2,
}
_ODD_JSON = {
    "a huge integer": 10**400,
    "a large integer": 10**9,
    "a negative one": -1,
    "text": "256",
    "a list": [[]],
    "an object": {"a": 1},
    "a fraction": 2.5,
    "true": True,
    "infinity": 1e400,
}


def _odd_sizes() -> Iterator[tuple[str, bytes]]:
    for what, value in _ODD_JSON.items():
        for key in (*_SIZES, "img_channels", "conv_clamp", "mapping_lr_multiplier", "unknown"):
            yield f"{key} is {what}", _own_metadata({"generator": {**_SIZES, key: value}})
        encoder = {"num_ws": value, "w_dim": 4, "width": 16}
        yield f"num_ws is {what}", _own_metadata({"generator": _SIZES, "encoder": encoder})
        odd = {"generator": {**_SIZES, "channels": {"4": value, "8": value}}}
        yield f"channels are {what}", _own_metadata(odd)
        yield f"the generator is {what}", _own_metadata({"generator": value})
        yield (
            f"the version is {what}",
            _own_metadata({"generator": _SIZES, "schema_version": value}),
        )


def _safetensors_files() -> Iterator[tuple[str, bytes]]:
    overlapping = {f"generator.w{i}": _entry([1000], 0, 4000) for i in range(5000)}
    yield "tensors in one place", safetensors(overlapping, bytes(4000))
    gap = {"input.input": _entry([1], 0, 4), "b": _entry([1], 8, 12)}
    yield "a gap", safetensors(gap, bytes(12))
    yield "a shape beyond all", safetensors({"a": _entry([1 << 62, 1 << 62], 0, 4)}, bytes(4))
    yield "negative places", safetensors({"a": _entry([1], -4, 0)}, bytes(4))
    yield "huge places", safetensors({"a": _entry([1], 10**300, 10**300 + 4)}, bytes(4))
    yield "odd places", safetensors({"a": _entry([[[]]], None, {})}, bytes(4))
    yield "an odd dtype", safetensors({"a": _entry([1], 0, 4, dtype=[["F32"]])}, bytes(4))
    yield "a name of a megabyte", safetensors({"x" * 900_000: _entry([1], 0, 4)}, bytes(4))
    yield "escape sequences", safetensors({"generator.\x1b[2J": _entry([1], 0, 4)}, bytes(4))
    yield "deep JSON", safetensors(b'{"a":' + b"[" * 100_000, bytes(4))
    yield "wide JSON", safetensors(b'{"a":[' + b"[]," * 300_000 + b"[]]}", bytes(4))
    yield "long numbers", safetensors(b'{"a":' + b"9" * 900_000 + b"}")
    yield "metadata that are no texts", safetensors({"__metadata__": {"sa_helpers": [[]]}})
    yield "metadata of a surrogate", safetensors({"__metadata__": {"sa_helpers": "\ud800"}})
    yield "metadata of nothing", safetensors({"__metadata__": {"sa_helpers": "{}", "sha256": ""}})


def _structures() -> Iterator[tuple[str, bytes]]:
    yield "a tree of shared modules", _shared_modules(5, 200)
    yield "a deep tree of shared modules", _shared_modules(40, 2)
    yield "a tree of shared components", _shared_components(2, 500)
    yield "one table in all modules", _one_table_in_all(20_000)
    yield "long names", _long_names(10_000)
    yield "a module in itself", HEAD + table({"G_ema": _module_in_itself()}) + STOP
    yield "colliding integers", _integers((1 << 61) - 1)
    yield "integers of equal low bits", _integers(1 << 40)
    yield "colliding fractions", _floats()
    yield "calls with many arguments", _many_arguments()
    yield "identifiers of many parts", _long_identifiers()
    yield "half a million lists", HEAD + b"]" * 500_000 + STOP
    yield "many networks alone", HEAD + b"(" + (named("numpy", "ndarray") + b")R") * 40_000 + b"t."
    yield "one storage for all", shared_storage()
    yield "one place for the mapping", mapping_in_one_place()
    yield "noise for huge images", _noise_for_huge_images()
    bomb = call(named("builtins", "bytearray"), integer(900 << 20))
    inner = tensor(nested(data(HEAD + bomb + STOP + bytes(64))), (4, 4), (4, 1))
    yield "a nested bytearray", nvidia(module(buffers={"resample_filter": inner}))
    key = HEAD + b"}" + doubled(45) + b"Ns" + STOP
    inner = tensor(nested(data(key + bytes(64))), (4, 4), (4, 1))
    yield "a nested hash", nvidia(module(buffers={"resample_filter": inner}))
    yield (
        "a nested archive",
        nvidia(
            module(
                buffers={
                    "resample_filter": tensor(nested(data(archive(HEAD + NONE))), (4, 4), (4, 1))
                }
            )
        ),
    )
    expanded = tensor(stored("0", 16), (100_000, 100_000), (0, 0))
    yield (
        "steps of zero",
        archive(HEAD + table({"g_ema": table({"input.input": expanded})}) + STOP, {"0": bytes(64)}),
    )
    marks = {f"x{i}.input.input": _ONE for i in range(9000)}
    yield "many beginnings of networks", _zipped(marks)
    yield "persistent ids in a bare pickle", HEAD + stored("0", 4) + STOP
    yield (
        "sets",
        HEAD + call(named("builtins", "set"), doubled(45, start=b"]", is_list=True)) + STOP,
    )
    yield (
        "an old torch file of odd pickles",
        HEAD + integer(0x1950A86A20F9469CFC6C) + STOP + (HEAD + doubled(40) + STOP) * 4 + FALSE,
    )


def _module_in_itself() -> bytes:
    state = table({"_parameters": b"}", "_buffers": b"}", "_modules": b"}" + put(9)})
    meta = table({"version": integer(6), "state": state})
    whole = call(named("torch_utils.persistence", "_reconstruct_persistent_obj"), meta) + put(8)
    return b"(" + whole + get(9) + text("m") + get(8) + b"s" + b"1" + get(8)


def hostile_files() -> Iterator[tuple[str, bytes]]:
    """Every file: what it is, and its content."""
    for what, value in odd_values().items():
        for place, content in _at_each_place(value):
            yield f"{what} as {place}", content
    yield from _structures()
    yield from _safetensors_files()
    yield from _odd_sizes()


def write(folder: Path, content: bytes, index: int) -> Path:
    path = folder / f"{index:04}.bin"
    path.write_bytes(content)
    return path


def own_pair(folder: Path, change: Callable[[dict[str, Any]], Any]) -> Path:
    """A model of an earlier edition, of two files, whose JSON was changed."""
    import hashlib

    from safetensors.torch import load_file, save

    path = save_model(folder / "old", make_pair(8)[0], record={"kimg": 1})
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        description = json.loads(file.metadata()["sa_helpers"])
    content = save(load_file(path))
    path.write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    description["weights"] |= {"sha256": digest, "num_bytes": len(content)}
    change(description)
    path.with_suffix(".json").write_text(json.dumps(description))
    return path
