"""Inversion: from an image to the latent that makes it, in Z, Z+, W or W+.

By optimisation, by an encoder, or by optimisation that begins with what an encoder says; `invert`
does all three. `sa-helpers train-encoder` trains encoders.
"""

from sa_helpers.inversion.adapted_encoder import ENCODERS, AdaptedEncoder, encoders
from sa_helpers.inversion.encoder_training import (
    EncoderSettings,
    reconstruction_errors,
    train_encoder,
)
from sa_helpers.inversion.encoding import ImageEncoder, encode
from sa_helpers.inversion.found_latents import FOUND_LATENTS, FoundLatents, invert_many
from sa_helpers.inversion.latent_encoder import LatentEncoder, LatentEncoderConfig
from sa_helpers.inversion.optimisation import METHODS, Inversion, InversionSettings, invert
from sa_helpers.inversion.projections import PROJECTIONS, Projection

__all__ = [
    "ENCODERS",
    "FOUND_LATENTS",
    "METHODS",
    "PROJECTIONS",
    "AdaptedEncoder",
    "EncoderSettings",
    "FoundLatents",
    "ImageEncoder",
    "Inversion",
    "InversionSettings",
    "LatentEncoder",
    "LatentEncoderConfig",
    "Projection",
    "encode",
    "encoders",
    "invert",
    "invert_many",
    "reconstruction_errors",
    "train_encoder",
]
