"""Checkpoints in our own format: round trips, and clear words about everything that is broken."""

import hashlib
import json
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import load_file, save
from torch import nn

from sa_helpers.checkpoints import (
    CheckpointError,
    NetworkKind,
    convert,
    describe,
    load_model,
    read_record,
    save_model,
)
from sa_helpers.checkpoints.safetensors_files import with_metadata
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


def described(path: Path) -> dict:
    with safe_open(path.with_suffix(".safetensors"), framework="pt") as file:
        return json.loads(file.metadata()["sa_helpers"])


def rewrite(path: Path, tensors: dict, description: object) -> None:
    """Write a model with the right digest, whatever its description says."""
    text = description if isinstance(description, str) else json.dumps(description)
    content = save(tensors)
    numbers = with_metadata(content, {})[1]
    digest = hashlib.sha256(text.encode() + numbers).hexdigest()
    header, numbers = with_metadata(content, {"sa_helpers": text, "sha256": digest})
    path.with_suffix(".safetensors").write_bytes(header + numbers)


def edit_description(path: Path, **changes) -> None:
    rewrite(path, load_file(path.with_suffix(".safetensors")), described(path) | changes)


def edit_weights(path: Path, change) -> None:
    description, tensors = described(path), load_file(path.with_suffix(".safetensors"))
    change(tensors)
    rewrite(path, tensors, description)


def as_two_files(path: Path) -> None:
    """Make of a model what earlier editions wrote: weights, and a JSON with their digest."""
    description, file = described(path), path.with_suffix(".safetensors")
    content = save(load_file(file))
    file.write_bytes(content)
    sha256 = hashlib.sha256(content).hexdigest()
    description["weights"] |= {"sha256": sha256, "num_bytes": len(content)}
    path.with_suffix(".json").write_text(json.dumps(description, indent=2))


def test_round_trip_is_exact_in_float32(tmp_path):
    generator, discriminator = make_networks()
    save_model(tmp_path / "m", generator, discriminator, record=RECORD, dtype=torch.float32)
    loaded = load_model(tmp_path / "m")
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
    loaded = load_model(saved).generator
    assert loaded.mapping.fc0.weight.dtype == torch.float32
    torch.testing.assert_close(
        loaded(z, truncation_psi=1.0), generator(z, truncation_psi=1.0), atol=0.01, rtol=0.01
    )


def test_a_generator_alone(tmp_path):
    save_model(tmp_path / "new" / "alone", make_networks()[0], record={})
    assert load_model(tmp_path / "new" / "alone.safetensors").discriminator is None


def test_dots_in_names_and_no_leftovers(tmp_path):
    written = save_model(tmp_path / "dog-1.5kimg", make_networks()[0], record={})
    assert written == tmp_path / "dog-1.5kimg.safetensors"
    names = sorted(file.name for file in tmp_path.iterdir())
    assert names == ["dog-1.5kimg.safetensors"]
    assert load_model(tmp_path / "dog-1.5kimg").record == {}


def test_loading_leaves_random_numbers_alone(saved):
    before = torch.random.get_rng_state()
    load_model(saved)
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
    assert load_model(saved).record == RECORD


def test_a_save_that_is_stopped_leaves_the_old_model(saved, monkeypatch):
    """There is one moment at which the new model takes the old one's place."""

    def stop(source, target):
        raise KeyboardInterrupt

    before = Path(f"{saved}.safetensors").read_bytes()
    monkeypatch.setattr("os.replace", stop)
    for write in (
        lambda: save_model(saved, make_networks()[0], record={}),
        lambda: convert(saved, saved, parent="other"),
    ):
        with pytest.raises(KeyboardInterrupt):
            write()
        assert [file.name for file in saved.parent.iterdir()] == ["tiny.safetensors"]
        assert Path(f"{saved}.safetensors").read_bytes() == before
    assert load_model(saved).record == RECORD


class TestModelsOfTwoFiles:
    """What earlier editions wrote, and what is shipped."""

    @pytest.mark.parametrize("ending", ["", ".json", ".safetensors"])
    def test_they_open_by_each_of_their_names(self, saved, ending):
        before = load_model(saved)
        as_two_files(saved)
        model = load_model(f"{saved}{ending}")
        assert (model.record, model.description.format) == (RECORD, "safetensors with JSON")
        assert read_record(saved) == RECORD
        for name, value in before.generator.state_dict().items():
            assert torch.equal(model.generator.state_dict()[name], value)

    @pytest.mark.parametrize("ending", [".json", ".safetensors"])
    def test_a_missing_file_is_named(self, saved, ending):
        as_two_files(saved)
        saved.with_suffix(ending).unlink()
        with pytest.raises(CheckpointError, match=r"tiny.*(same name|cannot be read)"):
            load_model(saved)

    def test_a_json_of_other_weights(self, saved):
        as_two_files(saved)
        file = saved.with_suffix(".safetensors")
        content = bytearray(file.read_bytes())
        content[-1] ^= 1
        file.write_bytes(content)
        with pytest.raises(CheckpointError, match="SHA-256"):
            load_model(saved)
        file.write_bytes(content[:-100])
        with pytest.raises(CheckpointError, match="cut short"):
            load_model(saved)

    def test_saving_over_them_leaves_one_file(self, saved):
        as_two_files(saved)
        save_model(saved, make_networks()[0], record={"name": "new"})
        assert [file.name for file in saved.parent.iterdir()] == ["tiny.safetensors"]
        assert load_model(saved).record == {"name": "new"}

    def test_a_json_that_was_left_over_changes_nothing(self, saved):
        one = Path(f"{saved}.safetensors").read_bytes()
        as_two_files(saved)
        Path(f"{saved}.safetensors").write_bytes(one)
        saved.with_suffix(".json").write_text("{}")
        assert load_model(saved).record == RECORD

    def test_a_json_of_somebody_else_stays(self, saved):
        saved.with_suffix(".json").write_text('{"schema_version": 3}')
        save_model(saved, make_networks()[0], record={})
        assert saved.with_suffix(".json").is_file()


def test_other_libraries_read_the_weights(saved):
    tensors = load_file(f"{saved}.safetensors")
    weight = load_model(saved).generator.mapping.fc0.weight
    assert torch.equal(tensors["generator.mapping.fc0.weight"].float(), weight)


def test_the_digest_is_of_settings_and_weights(saved):
    file = saved.with_suffix(".safetensors")
    content = file.read_bytes()
    length = int.from_bytes(content[:8], "little")
    settings = content.index(b"0.01")
    for position in (settings, 8 + length + 5, len(content) - 1):
        changed = bytearray(content)
        changed[position] ^= 1
        file.write_bytes(changed)
        with pytest.raises(CheckpointError, match=r"tiny.*SHA-256"):
            load_model(saved)


def test_truncated_weights(saved):
    file = saved.with_suffix(".safetensors")
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match="cut short"):
        load_model(saved)


def test_no_safetensors_inside(saved):
    saved.with_suffix(".safetensors").write_bytes(b"not weights at all")
    with pytest.raises(CheckpointError, match=r"begins with b'not "):
        load_model(saved)


def test_nan_in_the_weights(saved):
    edit_weights(saved, lambda tensors: tensors["generator.mapping.w_avg"].fill_(torch.nan))
    with pytest.raises(CheckpointError, match=r"mapping\.w_avg holds NaN"):
        load_model(saved)


def test_missing_and_unknown_tensors(saved):
    def rename(tensors):
        tensors["discriminator.b4.extra"] = tensors.pop("discriminator.b4.out.bias")

    edit_weights(saved, rename)
    with pytest.raises(CheckpointError, match=r"out\.bias is missing; b4\.extra is unknown"):
        load_model(saved)


def test_tensors_of_no_network(saved):
    edit_weights(saved, lambda tensors: tensors.update(other=torch.zeros(1)))
    with pytest.raises(CheckpointError, match=r"no network: other"):
        load_model(saved)


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
    edit_description(saved, **changes)
    with pytest.raises(CheckpointError, match=words):
        load_model(saved)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("conv_clamp", "256"),
        ("conv_clamp", [256]),
        ("conv_clamp", float("nan")),
        ("conv_clamp", -1),
        ("conv_clamp", 10**400),
        ("mapping_lr_multiplier", 0),
        ("mapping_lr_multiplier", "0.01"),
        ("num_mapping_layers", 10**9),
        ("num_mapping_layers", True),
        ("z_dim", 4.5),
        ("img_channels", 10**9),
        ("channels", {"4": 4, "8": "3"}),
        ("channels", {"4": 4, "16": 3}),
        ("channels", {"4": 4, "8": 3, "16": 3}),
    ],
)
def test_settings_are_checked_before_anything_is_built(saved, key, value):
    description = described(saved)
    description["generator"][key] = value
    rewrite(saved, load_file(f"{saved}.safetensors"), description)
    for read in (load_model, describe):
        with pytest.raises(CheckpointError, match=r"tiny"):
            read(saved)


_json = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
_shared_folder = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.mark.slow
@given(text=st.text(max_size=50) | _json.map(json.dumps))
@_shared_folder
def test_any_other_json_is_refused_clearly(saved, text):
    rewrite(saved, {}, text)
    with pytest.raises(CheckpointError, match=r"tiny\.safetensors"):
        load_model(saved)


@given(key=st.sampled_from(["generator", "discriminator", "weights"]), value=_json)
@_shared_folder
def test_any_other_section_is_refused_clearly(saved, key, value):
    original = saved.with_suffix(".safetensors").read_bytes()
    edit_description(saved, **{key: value})
    try:
        if key == "discriminator" and value is None:
            assert load_model(saved).discriminator is None
        elif key == "weights" and isinstance(value, dict):  # it tells the dtype alone
            assert load_model(saved).record == RECORD
        else:
            with pytest.raises(CheckpointError):
                load_model(saved)
    finally:
        saved.with_suffix(".safetensors").write_bytes(original)


@given(
    resolution=st.sampled_from([4, 8]),
    num_channels=st.integers(1, 8).filter(lambda n: n not in CHANNELS.values()),
)
@_shared_folder
def test_other_channel_counts_are_named(saved, resolution, num_channels):
    original = saved.with_suffix(".safetensors").read_bytes()
    config = described(saved)["generator"]
    config["channels"] = {str(r): n for r, n in CHANNELS.items()} | {str(resolution): num_channels}
    edit_description(saved, generator=config)
    with pytest.raises(CheckpointError, match=r"has shape .*the config means"):
        load_model(saved)
    saved.with_suffix(".safetensors").write_bytes(original)


@pytest.mark.parametrize("parts", ["discriminator", ("discriminators",)])
def test_unknown_parts_are_refused(tmp_path, parts):
    with pytest.raises(ValueError, match="expected some of"):
        load_model(tmp_path / "model", parts=parts)


class TestSmallNetworks:
    """Readers, encoders and translators are stored alike; here a single layer stands for them."""

    @staticmethod
    def kind(columns: object = 2) -> NetworkKind[nn.Linear]:
        return NetworkKind(
            name="layer",
            describe=lambda *_: {"columns": columns},
            build=lambda meaning, _: nn.Linear(meaning["columns"], 3),
            remedy="Make {name} again.",
        )

    def saved(self, folder: Path, network: nn.Linear | None = None, columns: object = 2) -> Path:
        layer = network or nn.Linear(2, 3)
        return self.kind(columns).save(folder / "small.safetensors", layer, record={"n": 1})

    def load(self, path: Path) -> nn.Linear:
        return self.kind().load(path)[0]

    @pytest.mark.parametrize("value", [torch.nan, torch.inf])
    def test_nan_is_refused(self, tmp_path, value):
        layer = nn.Linear(2, 3)
        layer.bias.data[1] = value
        with pytest.raises(CheckpointError, match=r"small.*NaN .* in bias\..*Make small again"):
            self.load(self.saved(tmp_path, layer))

    @pytest.mark.parametrize("columns", [10**9, 10**30, -1, "2", None, 3])
    def test_sizes_that_the_file_cannot_have(self, tmp_path, columns):
        with pytest.raises(CheckpointError, match=r"small.*Make small again"):
            self.load(self.saved(tmp_path, columns=columns))

    @pytest.mark.parametrize(
        "record", [{"model_sha256": "a"}, {"sha256": "a"}, {"model": {"sha256": "a"}}]
    )
    def test_it_belongs_to_the_weights_that_its_record_names(self, tmp_path, record):
        path = self.kind().save(tmp_path / "small.safetensors", nn.Linear(2, 3), record=record)
        assert isinstance(self.kind().load_for(path, "dog", "a"), nn.Linear)
        with pytest.raises(CheckpointError, match=r"other weights than those of dog\. Make small"):
            self.kind().load_for(path, "dog", "b")
        with pytest.raises(CheckpointError, match=r'"dog" has no layer: .*absent.*Make absent'):
            self.kind().load_for(path.with_name("absent.safetensors"), "dog", "a")

    def test_our_own_faults_are_not_called_damage(self, tmp_path, monkeypatch):
        path = self.saved(tmp_path)

        def fail(*_, **__):
            raise TypeError("a fault of ours")

        monkeypatch.setattr(nn.Linear, "load_state_dict", fail)
        with pytest.raises(TypeError, match="a fault of ours"):
            self.load(path)


@pytest.mark.parametrize("place", ["Generator.__init__", "Generator.load_state_dict"])
def test_our_own_faults_are_not_called_damage(saved, monkeypatch, place):
    def fail(*_, **__):
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(f"sa_helpers.networks.{place}", fail)
    with pytest.raises(RuntimeError, match="a fault of ours") as caught:
        load_model(saved)
    assert not isinstance(caught.value, CheckpointError)
