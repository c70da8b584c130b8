"""What an edit does to pictures, in units of the factors that a reader sees in them.

An edit is found in the parent and applied as it is to any model of the family: to its w, or to its
styles.

Source: Wu et al. 2022 (StyleAlign), Section 3, "semantic alignment".
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray
from torch import Tensor

from sa_helpers.editing.directions import Direction, edit_channel
from sa_helpers.editing.scales import ScaledDirection
from sa_helpers.networks import Generator, Styles
from sa_helpers.recognition import AttributeReader
from sa_helpers.runtime import in_batches

Edit = Callable[[Generator, Float[Tensor, "samples num_ws w_dim"], float], Styles]
"""Takes a model, latents and an amount; gives the edited styles."""


def move_w(direction: Direction | ScaledDirection, *, layers: Sequence[int] | None = None) -> Edit:
    """The edit that moves w along a direction.

    Args:
        direction: Found in the parent; the amount is a length in W, or in the unit of its scale.
        layers: See `Direction.move`.
    """

    def edit(generator: Generator, w_plus: Tensor, amount: float) -> Styles:
        return generator.synthesis.w_plus_to_s(direction.move(w_plus, amount, layers=layers))

    return edit


def move_channel(layer_channel: str, *, sigmas: Float[Tensor, " total"]) -> Edit:
    """The edit that moves one style channel; the amount is in standard deviations.

    Args:
        layer_channel: Such as `6_501`.
        sigmas: Of the parent, from `editing.channel_sigmas`.
    """

    def edit(generator: Generator, w_plus: Tensor, amount: float) -> Styles:
        styles = generator.synthesis.w_plus_to_s(w_plus)
        return edit_channel(styles, layer_channel, sigmas=sigmas, amount=amount)

    return edit


def move_channels(vector: Float[Tensor, " total"], *, sigmas: Float[Tensor, " total"]) -> Edit:
    """The edit that moves many style channels at once.

    Args:
        vector: From `editing.style_direction`; the amount is its multiple.
        sigmas: Of the parent.
    """

    def edit(generator: Generator, w_plus: Tensor, amount: float) -> Styles:
        styles = generator.synthesis.w_plus_to_s(w_plus)
        return styles.space.split(styles.cat() + (amount * vector * sigmas.cpu()).to(w_plus))

    return edit


@torch.inference_mode()
def edit_images(
    generator: Generator,
    w_plus: Float[Tensor, "samples num_ws w_dim"],
    edit: Edit,
    amount: float,
) -> Float[Tensor, "samples 3 height width"]:
    """Images of edited latents, on the CPU; an amount of 0 leaves them unchanged.

    Example:
        >>> import sa_helpers as sa
        >>> from sa_helpers.editing import move_w
        >>> models = sa.open_family("clay")
        >>> turn = move_w(models.scales["yaw_deg"])  # the parent's direction, in degrees
        >>> dog = models["dog"].generator
        >>> w_plus = sa.w_plus_from_seeds(dog, [22], truncation_psi=0.7)
        >>> left, right = (sa.edit_images(dog, w_plus, turn, degrees) for degrees in (-20, 20))
    """
    to_image = generator.synthesis.s_to_image
    return in_batches(lambda latents: to_image(edit(generator, latents, amount)).cpu(), w_plus)


def factor_changes(
    generator: Generator,
    w_plus: Float[Tensor, "samples num_ws w_dim"],
    edit: Edit,
    attributes: AttributeReader,
    *,
    amount: float,
) -> dict[str, Float[ndarray, " samples"]]:
    """What changes from an edit by `-amount` to one by `+amount`.

    Args:
        generator: Of the domain that `attributes` reads.
        w_plus: Of the images.
        edit: To apply.
        attributes: Reads the images.
        amount: To either side.

    Returns:
        Continuous factor to changes in its unit, binary factor to changes of its probability.
    """
    down, up = (
        attributes.read(edit_images(generator, w_plus, edit, sign * amount)) for sign in (-1, 1)
    )
    kinds = {field.name: field.kind for field in attributes.coding.fields}
    return {name: up[name] - down[name] for name in up if kinds[name] != "categorical"}


def standardise(
    changes: dict[str, Float[ndarray, " samples"]], attributes: AttributeReader
) -> dict[str, Float[ndarray, " samples"]]:
    """Changes in standard deviations that the factors have in the domain; probabilities stay."""
    return {name: values / attributes.coding.field(name).std for name, values in changes.items()}


def side_effect(
    changes: dict[str, Float[ndarray, " samples"]], wanted: str
) -> Float[ndarray, " samples"]:
    """How much an edit changes what it should not: root mean square over all other factors.

    Args:
        changes: From `standardise`.
        wanted: The factor that is meant to change.

    Raises:
        ValueError: It is not among the changes, or they hold no other.
    """
    if wanted not in changes or len(changes) < 2:
        raise ValueError(f'There are changes of {sorted(changes)}; expected "{wanted}" and others.')
    others = np.stack([values for name, values in changes.items() if name != wanted])
    return np.sqrt((others**2).mean(axis=0))
