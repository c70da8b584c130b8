"""What is exported loads into networks built by the rules of NVIDIA's and rosinality's code.

The stand-ins have the names and shapes of those codes, computed from the arguments that their
constructors take, and nothing else.
"""

import pytest
import torch
from torch import nn

from sa_helpers import checkpoints
from sa_helpers.checkpoints import to_nvidia_state, to_rosinality_state
from sa_helpers.checkpoints.exporting import why_unfit
from sa_helpers.commands import main
from sa_helpers.networks import Discriminator, DiscriminatorConfig, Generator, GeneratorConfig

FILTER = (4, 4)


class Shelf(nn.Module):
    """A module that holds tensors of given shapes by dotted names, as a network of others does."""

    def __init__(self, shapes: dict[str, tuple[int, ...]]) -> None:
        super().__init__()
        for name, shape in shapes.items():
            *path, leaf = name.split(".")
            module: nn.Module = self
            for part in path:
                if part not in module._modules:
                    module.add_module(part, nn.Module())
                module = module._modules[part]
            module.register_buffer(leaf, torch.zeros(shape))


def nvidia_widths(size: int, *, channel_base: int, channel_max: int) -> dict[int, int]:
    return {r: min(channel_base // r, channel_max) for r in _resolutions(size)}


def _resolutions(size: int) -> list[int]:
    return [4 << i for i in range(size.bit_length() - 2)]


def nvidia_generator(size: int, *, z: int, w: int, layers: int, **widths: int) -> Shelf:
    channels = nvidia_widths(size, **widths)
    shapes: dict[str, tuple[int, ...]] = {"mapping.w_avg": (w,)}
    for i in range(layers):
        shapes |= {f"mapping.fc{i}.weight": (w, w if i else z), f"mapping.fc{i}.bias": (w,)}
    for r, out in channels.items():
        block = f"synthesis.b{r}"
        shapes |= {f"{block}.resample_filter": FILTER}
        convs = {"conv1": out} if r == 4 else {"conv0": channels[r // 2], "conv1": out}
        if r == 4:
            shapes[f"{block}.const"] = (out, 4, 4)
        for conv, into in convs.items():
            name = f"{block}.{conv}"
            shapes |= {
                f"{name}.weight": (out, into, 3, 3),
                f"{name}.bias": (out,),
                f"{name}.noise_const": (r, r),
                f"{name}.noise_strength": (),
                f"{name}.resample_filter": FILTER,
                f"{name}.affine.weight": (into, w),
                f"{name}.affine.bias": (into,),
            }
        shapes |= {
            f"{block}.torgb.weight": (3, out, 1, 1),
            f"{block}.torgb.bias": (3,),
            f"{block}.torgb.affine.weight": (out, w),
            f"{block}.torgb.affine.bias": (out,),
        }
    return Shelf(shapes)


def nvidia_discriminator(size: int, **widths: int) -> Shelf:
    channels = nvidia_widths(size, **widths)
    shapes: dict[str, tuple[int, ...]] = {}
    for r in reversed(_resolutions(size)[1:]):
        here, below, block = channels[r], channels[r // 2], f"b{r}"
        if r == size:
            shapes |= {
                f"{block}.fromrgb.weight": (here, 3, 1, 1),
                f"{block}.fromrgb.bias": (here,),
                f"{block}.fromrgb.resample_filter": FILTER,
            }
        shapes |= {
            f"{block}.resample_filter": FILTER,
            f"{block}.conv0.weight": (here, here, 3, 3),
            f"{block}.conv0.bias": (here,),
            f"{block}.conv0.resample_filter": FILTER,
            f"{block}.conv1.weight": (below, here, 3, 3),
            f"{block}.conv1.bias": (below,),
            f"{block}.conv1.resample_filter": FILTER,
            f"{block}.skip.weight": (below, here, 1, 1),
            f"{block}.skip.resample_filter": FILTER,
        }
    last = channels[4]
    return Shelf(
        shapes
        | {
            "b4.conv.weight": (last, last + 1, 3, 3),
            "b4.conv.bias": (last,),
            "b4.conv.resample_filter": FILTER,
            "b4.fc.weight": (last, last * 16),
            "b4.fc.bias": (last,),
            "b4.out.weight": (1, last),
            "b4.out.bias": (1,),
        }
    )


def rosinality_widths(size: int, multiplier: float) -> dict[int, int]:
    return {r: 512 if r <= 32 else int(16384 * multiplier / r) for r in _resolutions(size)}


def rosinality_generator(size: int, style: int, layers: int, multiplier: float = 2) -> Shelf:
    channels = rosinality_widths(size, multiplier)
    shapes: dict[str, tuple[int, ...]] = {"input.input": (1, channels[4], 4, 4)}
    for i in range(1, layers + 1):
        shapes |= {f"style.{i}.weight": (style, style), f"style.{i}.bias": (style,)}

    def layer(name: str, into: int, out: int, *, side: int, rgb: bool = False) -> None:
        shapes.update(
            {
                f"{name}.conv.weight": (1, out, into, side, side),
                f"{name}.conv.modulation.weight": (into, style),
                f"{name}.conv.modulation.bias": (into,),
            }
        )
        more = {"bias": (1, 3, 1, 1)} if rgb else {"noise.weight": (1,), "activate.bias": (out,)}
        shapes.update({f"{name}.{key}": shape for key, shape in more.items()})

    layer("conv1", channels[4], channels[4], side=3)
    layer("to_rgb1", channels[4], 3, side=1, rgb=True)
    shapes["noises.noise_0"] = (1, 1, 4, 4)
    for i, r in enumerate(_resolutions(size)[1:]):
        layer(f"convs.{2 * i}", channels[r // 2], channels[r], side=3)
        layer(f"convs.{2 * i + 1}", channels[r], channels[r], side=3)
        layer(f"to_rgbs.{i}", channels[r], 3, side=1, rgb=True)
        shapes |= {f"noises.noise_{2 * i + k}": (1, 1, r, r) for k in (1, 2)}
        shapes |= {f"convs.{2 * i}.conv.blur.kernel": FILTER}
        shapes |= {f"to_rgbs.{i}.upsample.kernel": FILTER}
    return Shelf(shapes)


def ours(channels: dict[int, int], *, latent: int = 16) -> tuple[Generator, Discriminator]:
    size = max(channels)
    sizes = {"z_dim": latent, "w_dim": latent, "num_mapping_layers": 2}
    return (
        Generator(GeneratorConfig(img_resolution=size, channels=channels, **sizes)),
        Discriminator(DiscriminatorConfig(img_resolution=size, channels=channels)),
    )


@pytest.mark.parametrize("widths", [{"channel_base": 256, "channel_max": 32}])
def test_nvidias_networks_take_it(widths):
    generator, discriminator = ours(nvidia_widths(32, **widths))
    theirs = nvidia_generator(32, z=16, w=16, layers=2, **widths)
    theirs.load_state_dict(to_nvidia_state(generator))
    nvidia_discriminator(32, **widths).load_state_dict(to_nvidia_state(discriminator))
    assert why_unfit(generator.config, layout="nvidia") is None
    assert torch.equal(theirs.mapping.w_avg, generator.w_avg)


@pytest.mark.slow
def test_rosinalitys_network_takes_it():
    generator, _ = ours(rosinality_widths(64, 0.5))
    rosinality_generator(64, 16, 2, 0.5).load_state_dict(to_rosinality_state(generator))
    assert why_unfit(generator.config, layout="rosinality") is None


class TestShipped:
    """Their 96 feature maps at 16 px fit neither program, which is said."""

    def test_neither_program_takes_them(self):
        state = to_nvidia_state(checkpoints.load_model("human", parts=()).generator)
        sizes = {"channel_base": 2048, "channel_max": 128}
        with pytest.raises(RuntimeError, match="size mismatch"):
            nvidia_generator(128, z=128, w=128, layers=4, **sizes).load_state_dict(state)

    @pytest.mark.parametrize(
        ("layout", "said"), [("nvidia", "96 at 16 px, not 128"), ("rosinality", "not 512")]
    )
    def test_the_command_says_why(self, tmp_path, layout, said, capsys):
        assert main(["convert", "human", str(tmp_path / "h.pt"), "--to", layout]) == 0
        assert said in capsys.readouterr().out
        config = checkpoints.describe("human").generator
        assert said in why_unfit(config, layout=layout)


@pytest.mark.slow
class TestSize:
    def test_a_conversion_is_no_larger_and_keeps_every_bit(self, tmp_path, capsys):
        assert main(["convert", "human", str(tmp_path / "again")]) == 0
        assert "generator and discriminator in float16" in capsys.readouterr().out
        path, before = checkpoints.find_model("human"), checkpoints.load_model("human")
        size = path.with_suffix(".safetensors").stat().st_size
        assert (tmp_path / "again.safetensors").stat().st_size < 1.1 * size
        state = checkpoints.load_model(tmp_path / "again").generator.state_dict()
        for name, value in before.generator.state_dict().items():
            assert torch.equal(state[name], value)

    def test_what_half_precision_would_change_stays_whole(self, tmp_path):
        generator, _ = ours({4: 8, 8: 8})
        checkpoints.save_model(tmp_path / "one", generator, record={}, dtype=torch.float32)
        checkpoints.convert(tmp_path / "one", tmp_path / "two")
        assert checkpoints.describe(tmp_path / "two").settings["stored_dtype"] == "float32"
        checkpoints.convert(tmp_path / "one", tmp_path / "three", dtype=torch.float16)
        assert checkpoints.describe(tmp_path / "three").settings["stored_dtype"] == "float16"

    def test_without_the_discriminator_it_is_half(self, tmp_path):
        assert main(["convert", "human", str(tmp_path / "half"), "--no-discriminator"]) == 0
        assert checkpoints.describe(tmp_path / "half").discriminator is None
