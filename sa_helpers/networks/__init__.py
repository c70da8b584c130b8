"""StyleGAN2 networks, mapping, synthesis and discriminator, and encoders; written for reading.

Weights keep the names of the published PyTorch networks, so a checkpoint maps key by key.
"""

from sa_helpers.networks.compiled import CompiledSynthesis
from sa_helpers.networks.config import DiscriminatorConfig, GeneratorConfig
from sa_helpers.networks.discriminator import Discriminator
from sa_helpers.networks.encoder import Encoder, EncoderConfig
from sa_helpers.networks.generator import Generator
from sa_helpers.networks.mapping import MappingNetwork
from sa_helpers.networks.noise import NoiseSource
from sa_helpers.networks.styles import StyleLayer, Styles, StyleSpace
from sa_helpers.networks.synthesis import SynthesisNetwork
from sa_helpers.networks.truncation import broadcast_w, truncate

__all__ = [
    "CompiledSynthesis",
    "Discriminator",
    "DiscriminatorConfig",
    "Encoder",
    "EncoderConfig",
    "Generator",
    "GeneratorConfig",
    "MappingNetwork",
    "NoiseSource",
    "StyleLayer",
    "StyleSpace",
    "Styles",
    "SynthesisNetwork",
    "broadcast_w",
    "truncate",
]
