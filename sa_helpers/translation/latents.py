"""Translation by aligned models: invert in one, synthesise in the other."""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from sa_helpers.inversion import Inversion, InversionSettings, invert
from sa_helpers.latents import images_from_w_plus, latents_to_w_plus
from sa_helpers.networks import Generator


@dataclass(frozen=True)
class Translation:
    """An image in the target domain, and how it came about.

    Attributes:
        inversion: Of the source image, in the source model.
        w_plus: What makes the translation in the target model.
        images: Translations in [-1, 1], nominally.
    """

    inversion: Inversion
    w_plus: Float[Tensor, "images num_ws w_dim"]
    images: Float[Tensor, "images 3 height width"]


def translate(
    images: Float[Tensor, "images 3 height width"],
    source: Generator,
    target: Generator,
    *,
    space: str,
    settings: InversionSettings | None = None,
    **how: Any,
) -> Translation:
    """Translate images from the domain of one aligned model to that of another.

    Latents of Z and Z+ go through the target's own mapping network, with the truncation of the
    settings; latents of W and W+ are handed on as they are.

    Args:
        images: Of the source domain, in [-1, 1].
        source: Model to invert them in.
        target: Aligned model of the other domain.
        space: "z", "z_plus", "w" or "w_plus".
        settings: Of the inversion.
        **how: Goes to `inversion.invert`: method, encoder, seeds.

    Raises:
        ValueError: As `inversion.invert`.

    Example:
        >>> import sa_helpers as sa
        >>> models = sa.open_family("clay")
        >>> person, dog = models.parent, models["dog"]
        >>> images = sa.images_from_seeds(person.generator, [22], truncation_psi=0.7)
        >>> dogs = sa.translate(
        ...     images, person.generator, dog.generator, space="w_plus",
        ...     method="encoder", encoder=person.encoder,
        ... )
        >>> dogs.images.shape
        torch.Size([1, 3, 128, 128])

    Source: Wu et al. 2022 (StyleAlign), Section 4.1 and Appendix A.5.
    """
    settings = settings or InversionSettings()
    found = invert(images, source, space=space, settings=settings, **how)
    psi = settings.truncation_psi
    w_plus = latents_to_w_plus(target, found.latents, space=space, truncation_psi=psi)
    return Translation(found, w_plus, images_from_w_plus(target, w_plus))


def mix_with_reference(
    content: Float[Tensor, "images num_ws w_dim"],
    reference: Float[Tensor, "references layers dim"],
    *,
    switch_layer: int,
) -> Float[Tensor, "images num_ws w_dim"]:
    """Take the layers below `switch_layer` from the content, the others from a reference.

    Args:
        content: Translations into the target model, which give pose and shape.
        reference: Inversions of images of the target domain, which give colour and texture.
        switch_layer: 0 gives the reference, num_ws the translation.

    Raises:
        ValueError: `switch_layer` outside [0, num_ws], or unlike shapes.

    Source: Wu et al. 2022 (StyleAlign), Section 4.1 and Figure 22.
    """
    if content.shape != reference.shape:
        raise ValueError(
            f"content is {tuple(content.shape)} and reference {tuple(reference.shape)}; expected "
            "the same number of images, layers and dimensions."
        )
    num_ws = content.shape[1]
    if not 0 <= switch_layer <= num_ws:
        raise ValueError(f"switch_layer is {switch_layer}; expected 0 to {num_ws}.")
    return torch.cat([content[:, :switch_layer], reference[:, switch_layer:]], dim=1)


def switch_layer_of(generator: Generator, resolution: int) -> int:
    """First layer of w+ that draws at a resolution: what is below it comes before.

    Raises:
        ValueError: The generator has no such resolution; the message lists those that it has.
    """
    layers = [layer for layer in generator.synthesis.style_space.layers if not layer.is_torgb]
    firsts = [layer.w_index for layer in layers if layer.resolution == resolution]
    if not firsts:
        known = sorted({layer.resolution for layer in layers})
        raise ValueError(
            f"The generator has no layers at {resolution} px; expected one of {known}."
        )
    return min(firsts)
