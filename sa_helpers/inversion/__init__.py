"""Inversion: from an image to the latent that makes it, by optimisation in Z, Z+, W or W+."""

from sa_helpers.inversion.optimisation import Inversion, InversionSettings, invert
from sa_helpers.inversion.spaces import SPACES, LatentSpace

__all__ = ["SPACES", "Inversion", "InversionSettings", "LatentSpace", "invert"]
