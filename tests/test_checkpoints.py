"""Checkpoints in our own format: round trips, and clear words about everything that is broken."""

import hashlib
import json
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from sa_helpers.checkpoints import CheckpointError, load, save_model
from sa_helpers.networks import Discriminator, DiscriminatorConfig, Generator, GeneratorConfig

CHANNELS = {4: 4, 8: 3}
RECORD = {"name": "tiny", "kimg": 1.5, "curve": [1, 2]}


def make_networks() -> tuple[Generator, Discriminator]:
    torch.manual_seed(0)
    config = GeneratorConfig(
        img_resolution=8, channels=CHANNELS, z_dim=4, w_dim=4, num_mapping_layers=1
    )
    return Generator(config), Discriminator(
        DiscriminatorConfig(img_resolution=8, channels=CHANNELS)
    )


@pytest.fixture
def saved(tmp_path) -> Path:
    generator, discriminator = make_networks()
    save_model(tmp_path / "tiny", generator, discriminator, record=RECORD)
    return tmp_path / "tiny"


def edit_json(path: Path, **changes) -> None:
    file = path.with_suffix(".json")
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def edit_weights(path: Path, change) -> None:
    """Rewrite the weights, and the JSON such that size and SHA-256 agree."""
    file = path.with_suffix(".safetensors")
    tensors = load_file(file)
    change(tensors)
    save_file(tensors, file)
    content = file.read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    edit_json(path, weights={"sha256": sha256, "num_bytes": len(content), "dtype": "float16"})


def test_round_trip_is_exact_in_float32(tmp_path):
    generator, discriminator = make_networks()
    save_model(tmp_path / "m", generator, discriminator, record=RECORD, dtype=torch.float32)
    loaded = load(tmp_path / "m")
    assert loaded.record == RECORD
    assert loaded.generator.config == generator.config
    assert not loaded.generator.training
    for before, after in ((generator, loaded.generator), (discriminator, loaded.discriminator)):
        for name, value in before.state_dict().items():
            assert torch.equal(after.state_dict()[name], value)


def test_half_precision_is_the_default_and_close(saved):
    generator, _ = make_networks()
    assert {t.dtype for t in load_file(f"{saved}.safetensors").values()} == {torch.float16}
    z = torch.randn(2, 4)
    loaded = load(saved).generator
    assert loaded.mapping.fc0.weight.dtype == torch.float32
    torch.testing.assert_close(
        loaded(z, truncation_psi=1.0), generator(z, truncation_psi=1.0), atol=0.01, rtol=0.01
    )


def test_a_generator_alone(tmp_path):
    save_model(tmp_path / "new" / "alone", make_networks()[0], record={})
    assert load(tmp_path / "new" / "alone.safetensors").discriminator is None


def test_dots_in_names_and_no_leftovers(tmp_path):
    written = save_model(tmp_path / "dog-1.5kimg", make_networks()[0], record={})
    assert written == tmp_path / "dog-1.5kimg.safetensors"
    names = sorted(file.name for file in tmp_path.iterdir())
    assert names == ["dog-1.5kimg.json", "dog-1.5kimg.safetensors"]
    assert load(tmp_path / "dog-1.5kimg").record == {}


def test_loading_leaves_random_numbers_alone(saved):
    before = torch.random.get_rng_state()
    load(saved)
    assert torch.equal(before, torch.random.get_rng_state())


def test_a_failed_save_keeps_the_old_files(saved):
    generator, _ = make_networks()
    before = Path(f"{saved}.safetensors").read_bytes()
    with torch.no_grad():
        generator.mapping.fc0.weight[0, 0] = torch.nan
    with pytest.raises(CheckpointError, match=r"fc0\.weight is not finite"):
        save_model(saved, generator, record={})
    with torch.no_grad():
        generator.mapping.fc0.weight[0, 0] = 1e6
    with pytest.raises(CheckpointError, match=r"overflows torch\.float16"):
        save_model(saved, generator, record={})
    with pytest.raises(CheckpointError, match="cannot become JSON"):
        save_model(saved, make_networks()[0], record={"loss": float("nan")})
    assert Path(f"{saved}.safetensors").read_bytes() == before
    assert load(saved).record == RECORD


def test_a_save_stopped_between_its_files_is_noticed(saved, monkeypatch):
    def stop(source, target):
        if str(target).endswith(".json"):
            raise KeyboardInterrupt
        Path(source).rename(target)

    monkeypatch.setattr("os.replace", stop)
    other = make_networks()[0]
    with torch.no_grad():
        other.w_avg.fill_(1.0)
    with pytest.raises(KeyboardInterrupt):
        save_model(saved, other, make_networks()[1], record={})
    assert len(list(saved.parent.iterdir())) == 2
    with pytest.raises(CheckpointError, match="SHA-256"):
        load(saved)


@pytest.mark.parametrize("ending", [".json", ".safetensors"])
def test_a_missing_file(saved, ending):
    saved.with_suffix(ending).unlink()
    with pytest.raises(CheckpointError, match=rf"tiny\{ending} cannot be read .*same name"):
        load(saved)


def test_truncated_weights(saved):
    file = saved.with_suffix(".safetensors")
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match="cut short"):
        load(saved)


def test_one_flipped_bit(saved):
    file = saved.with_suffix(".safetensors")
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(CheckpointError, match="SHA-256"):
        load(saved)


def test_no_safetensors_inside(saved):
    content = b"not weights at all"
    saved.with_suffix(".safetensors").write_bytes(content)
    sha256 = hashlib.sha256(content).hexdigest()
    edit_json(saved, weights={"sha256": sha256, "num_bytes": len(content)})
    with pytest.raises(CheckpointError, match="no safetensors file"):
        load(saved)


def test_nan_in_the_weights(saved):
    edit_weights(saved, lambda tensors: tensors["generator.mapping.w_avg"].fill_(torch.nan))
    with pytest.raises(CheckpointError, match=r"mapping\.w_avg holds NaN"):
        load(saved)


def test_missing_and_unknown_tensors(saved):
    def rename(tensors):
        tensors["discriminator.b4.extra"] = tensors.pop("discriminator.b4.out.bias")

    edit_weights(saved, rename)
    with pytest.raises(CheckpointError, match=r"out\.bias is missing; b4\.extra is unknown"):
        load(saved)


def test_tensors_of_no_network(saved):
    edit_weights(saved, lambda tensors: tensors.update(other=torch.zeros(1)))
    with pytest.raises(CheckpointError, match=r"unknown tensors \['other'\]"):
        load(saved)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"schema_version": 2}, "schema version 2; this release reads 1"),
        ({"generator": None}, r"lacks \['generator'\]"),
        ({"weights": []}, r"lacks \['weights'\]"),
        ({"generator": {"img_resolution": 8}}, "generator config"),
        ({"generator": {"channels": 3}}, "generator config"),
    ],
)
def test_wrong_descriptions(saved, changes, words):
    edit_json(saved, **changes)
    with pytest.raises(CheckpointError, match=words):
        load(saved)


_json = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
_shared_folder = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@given(content=st.binary(max_size=50) | _json.map(lambda value: json.dumps(value).encode()))
@_shared_folder
def test_any_other_json_is_refused_clearly(saved, content):
    saved.with_suffix(".json").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"tiny\.json"):
        load(saved)


@given(key=st.sampled_from(["generator", "discriminator", "weights"]), value=_json)
@_shared_folder
def test_any_other_section_is_refused_clearly(saved, key, value):
    original = saved.with_suffix(".json").read_text()
    edit_json(saved, **{key: value})
    try:
        if key == "discriminator" and value is None:
            assert load(saved).discriminator is None
        else:
            with pytest.raises(CheckpointError):
                load(saved)
    finally:
        saved.with_suffix(".json").write_text(original)


@given(
    resolution=st.sampled_from([4, 8]),
    num_channels=st.integers(1, 8).filter(lambda n: n not in CHANNELS.values()),
)
@_shared_folder
def test_other_channel_counts_are_named(saved, resolution, num_channels):
    original = saved.with_suffix(".json").read_text()
    config = json.loads(original)["generator"]
    config["channels"] = {str(r): n for r, n in CHANNELS.items()} | {str(resolution): num_channels}
    edit_json(saved, generator=config)
    with pytest.raises(CheckpointError, match=r"has shape .*the config means"):
        load(saved)
    saved.with_suffix(".json").write_text(original)


@pytest.mark.parametrize("parts", ["discriminator", ("discriminators",)])
def test_unknown_parts_are_refused(tmp_path, parts):
    with pytest.raises(ValueError, match="expected some of"):
        load(tmp_path / "model", parts=parts)
