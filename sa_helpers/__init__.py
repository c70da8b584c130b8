"""Helpers of an executable book about aligned StyleGAN2 models."""

__version__ = "0.1.0"
