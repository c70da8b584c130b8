"""The generator: mapping and synthesis."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sa_helpers.networks.config import GeneratorConfig
from sa_helpers.networks.mapping import MappingNetwork
from sa_helpers.networks.noise import NoiseSource
from sa_helpers.networks.synthesis import SynthesisNetwork
from sa_helpers.networks.truncation import broadcast_w, truncate


class Generator(nn.Module):
    """StyleGAN2 generator, from z to images.

    Source: Karras et al. 2020 (StyleGAN2).
    """

    def __init__(self, config: GeneratorConfig) -> None:
        """Build both networks with random weights from torch's default generator."""
        super().__init__()
        self.config = config
        self.mapping = MappingNetwork(config)
        self.synthesis = SynthesisNetwork(config)
        self.num_ws = config.num_ws

    @property
    def w_avg(self) -> Float[Tensor, " w_dim"]:
        """Mean latent that truncation pulls towards."""
        return self.mapping.w_avg

    def forward(
        self,
        z: Float[Tensor, "batch z_dim"],
        *,
        truncation_psi: float,
        cutoff: int | None = None,
        noise: NoiseSource = "const",
        dtype: torch.dtype = torch.float32,
    ) -> Float[Tensor, "batch img_channels height width"]:
        """Generate images; colours lie mostly in [-1, 1] and may exceed it.

        Args:
            z: Normally distributed latents.
            truncation_psi: 1 leaves latents unchanged, 0 gives the mean image.
            cutoff: Truncate layers [0, cutoff) only; None means all.
            noise: "const", "none", one seed a sample, or a torch.Generator for fresh noise.
            dtype: Of the features inside; the images are float32.
        """
        w_plus = broadcast_w(self.mapping(z), num_ws=self.num_ws)
        w_plus = truncate(w_plus, self.w_avg, truncation_psi=truncation_psi, cutoff=cutoff)
        return self.synthesis(w_plus, noise=noise, dtype=dtype)
