"""Half precision in the highest resolutions, as the published models are trained."""

import pytest
import torch

from sa_helpers.networks import Discriminator, DiscriminatorConfig, Generator, GeneratorConfig

CHANNELS = {4: 16, 8: 16, 16: 16, 32: 8}


@pytest.fixture
def networks() -> tuple[Generator, Discriminator]:
    torch.manual_seed(0)
    sizes = {"img_resolution": 32, "channels": CHANNELS, "conv_clamp": 256.0}
    generator = Generator(GeneratorConfig(z_dim=16, w_dim=16, num_mapping_layers=2, **sizes))
    return generator, Discriminator(DiscriminatorConfig(**sizes))


def outputs(networks, **options):
    generator, discriminator = networks
    z = torch.randn(4, 16, generator=torch.Generator().manual_seed(0))
    w_plus = generator.mapping(z)[:, None].expand(-1, generator.num_ws, -1)
    with torch.no_grad():
        images = generator.synthesis(w_plus, **options)
        return images, discriminator(images, **options)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("dtype_from_px", [4, 16, 64])
def test_fewer_low_resolutions_are_nearer_to_float32(networks, dtype, dtype_from_px):
    wanted = outputs(networks)
    given = outputs(networks, dtype=dtype, dtype_from_px=dtype_from_px)
    everywhere = outputs(networks, dtype=dtype)
    for value, low, exact in zip(given, everywhere, wanted, strict=True):
        assert value.dtype == torch.float32
        error, worst = (x - exact for x in (value, low))
        if dtype_from_px == 64:
            assert torch.equal(value, exact)
        else:
            assert 0 < error.square().mean() <= 1.5 * worst.square().mean()
            bound = 0.03 if dtype == torch.bfloat16 else 0.005
            assert error.abs().max() < bound * exact.abs().max()


def test_float16_does_not_overflow_where_styles_and_features_are_large(networks):
    generator, _ = networks
    with torch.no_grad():
        for name, parameter in generator.named_parameters():
            if name.endswith(("conv0.affine.bias", "conv1.affine.bias")):
                parameter.mul_(300)  # demodulation undoes it
    exact, _ = outputs(networks)
    low, _ = outputs(networks, dtype=torch.float16)
    assert low.isfinite().all()
    assert (low - exact).abs().max() < 0.05
