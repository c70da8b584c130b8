"""Files that mean harm: each is refused by one error, soon, in little memory, and named.

They are opened in a process of their own, so that a crash is seen. Time is the process's own, and
its limit generous; `make fuzz` reports the figures.
"""

import random
import sys
import tempfile
from pathlib import Path

import pytest
import torch
from fuzz_checkpoints import answers, faults, main, mutated, source_files
from hostile_files import hostile_files, own_pair, write
from hypothesis import given, settings
from hypothesis import strategies as st
from pickle_assembler import (
    FALSE,
    HEAD,
    NONE,
    STOP,
    TRUE,
    call,
    deep,
    doubled,
    get,
    integer,
    items,
    looped,
    looped_table,
    module,
    named,
    number,
    nvidia,
    put,
    row,
    table,
    tensorflow,
    tensorflow_network,
    text,
)

from sa_helpers.checkpoints import CheckpointError, describe, load_model

pytestmark = pytest.mark.slow

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="peaks are told by Linux only")


@on_linux
def test_every_hostile_file_is_refused_soon_and_in_little_memory(tmp_path):
    files = list(hostile_files())
    paths = [write(tmp_path, content, index) for index, (_, content) in enumerate(files)]
    for (what, _), answer in zip(files, answers(paths), strict=True):
        assert answer["outcome"] == "refused", f"{what}: {answer}"
        assert not faults(answer), f"{what}: {faults(answer)}"
        assert answer["message"].isprintable(), what
        assert len(answer["message"]) < 2000, what


@on_linux
def test_mutated_files_open_or_are_refused(tmp_path):
    """A small part of `make fuzz`, with other files each time that the sources change."""
    contents = list(source_files(tmp_path).values())
    random_ = random.Random(1)
    paths = [write(tmp_path, mutated(contents, random_), index) for index in range(200)]
    found = [fault for answer in answers(paths) for fault in faults(answer)]
    assert not found


@on_linux
def test_the_report_of_the_fuzzer(capsys):
    assert main(["--count", "3", "--seed", "5"]) == 0
    assert "peak memory" in capsys.readouterr().out


# Structures of which each part can be shared, nested, doubled or within itself.
_leaves = st.one_of(
    st.just(NONE),
    st.just(TRUE),
    st.just(FALSE),
    st.integers(-(2**64), 2**64).map(integer),
    st.floats().map(number),
    st.text(max_size=9).map(text),
    st.integers(1, 60).map(doubled),
    st.integers(1, 60).map(lambda n: doubled(n, start=b"]", is_list=True)),
    st.integers(1, 3000).map(deep),
    st.just(looped()),
    st.just(looped_table()),
    st.just(named("numpy", "dtype") + b")R"),
    st.just(named("torch", "FloatStorage")),
)
_keys = st.sampled_from(
    ["_modules", "_parameters", "_buffers", "state", "version", "conv_clamp", "G_ema", "mapping"]
) | st.text(max_size=4)


def _grown(inner: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """Larger structures of smaller ones."""
    some = st.lists(inner, max_size=4)
    return st.one_of(
        some.map(lambda parts: items(*parts)),
        some.map(lambda parts: row(*parts)),
        st.dictionaries(_keys, inner, max_size=4).map(table),
        inner.map(lambda part: b"(" + part + put(50) + b"1" + row(get(50), get(50))),
        inner.map(lambda part: module(modules={"synthesis": part}, conv_clamp=part)),
        inner.map(lambda part: module(parameters={"w": part}, buffers={"b": part})),
        inner.map(lambda part: tensorflow_network(components=part, settings=part)),
        some.map(lambda parts: call(named("torch._utils", "_rebuild_tensor_v2"), *parts)),
        some.map(lambda parts: call(named("numpy.core.multiarray", "scalar"), *parts)),
        inner.map(lambda part: call(named("_codecs", "encode"), part, text("latin1"))),
        inner.map(lambda part: call(named("torch.storage", "_load_from_bytes"), part)),
    )


@settings(max_examples=150, deadline=None)
@given(
    part=st.recursive(_leaves, _grown, max_leaves=12),
    place=st.sampled_from([nvidia, tensorflow, lambda part: HEAD + part + STOP]),
)
def test_any_structure_is_refused_by_one_error(part, place):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "structure"
        path.write_bytes(place(part))
        for read in (describe, load_model):
            with pytest.raises(CheckpointError, match="structure"):
                read(path)


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d["generator"].update(num_mapping_layers=10**9),
        lambda d: d["generator"].update(conv_clamp="256"),
        lambda d: d.update(encoder={"num_ws": 10**9, "w_dim": 7}),
        lambda d: d["weights"].update(sha256=[["x"]], num_bytes=[[1]]),
        lambda d: d.update(schema_version=[[1]]),
    ],
)
def test_models_of_two_files_with_other_settings(tmp_path, change):
    path = own_pair(tmp_path, change)
    for read in (describe, load_model):
        with pytest.raises(CheckpointError, match="old"):
            read(path)


@on_linux
def test_one_large_weight_takes_twice_its_file(tmp_path):
    """In half precision, too, which doubles when it is read, and in an odd order."""
    weight = torch.zeros(20_000_000, dtype=torch.float16)
    for index, value in enumerate((weight, weight.view(5000, 4000).t())):
        torch.save({"g_ema": {"input.input": value}}, tmp_path / f"{index}.pt")
    paths = [tmp_path / "0.pt", tmp_path / "1.pt"]
    assert not [fault for answer in answers(paths) for fault in faults(answer)]
