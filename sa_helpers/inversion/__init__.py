"""Inversion: from an image to the latent that makes it, in Z, Z+, W or W+.

By optimisation, by an encoder, or by optimisation that begins with what an encoder says; `invert`
does all three. `sa-helpers train-encoder` trains encoders.
"""

from sa_helpers.inversion.adapted_encoder import AdaptedEncoder
from sa_helpers.inversion.encoder_training import (
    EncoderSettings,
    reconstruction_errors,
    train_encoder,
)
from sa_helpers.inversion.encoding import ImageEncoder, encode
from sa_helpers.inversion.latent_encoder import LatentEncoder, LatentEncoderConfig
from sa_helpers.inversion.optimisation import METHODS, Inversion, InversionSettings, invert
from sa_helpers.inversion.searching import FoundLatents, load_latents, save_latents, search_many
from sa_helpers.inversion.spaces import SPACES, LatentSpace
from sa_helpers.inversion.storage import load_encoder, save_encoder

__all__ = [
    "METHODS",
    "SPACES",
    "AdaptedEncoder",
    "EncoderSettings",
    "FoundLatents",
    "ImageEncoder",
    "Inversion",
    "InversionSettings",
    "LatentEncoder",
    "LatentEncoderConfig",
    "LatentSpace",
    "encode",
    "invert",
    "load_encoder",
    "load_latents",
    "reconstruction_errors",
    "save_encoder",
    "save_latents",
    "search_many",
    "train_encoder",
]
