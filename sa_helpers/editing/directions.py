"""Directions of latent space: find them in the parent, apply them as they are in any model.

In W a direction is found from labelled latents (a hyperplane or a regression) or without labels
(principal components, the closed form of the affine layers). In S an edit moves single channels, or
many at once in proportion to what each does to a measured attribute.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float
from numpy import ndarray
from sklearn.linear_model import Ridge
from sklearn.svm import LinearSVC
from torch import Tensor

from sa_helpers.latents import w_plus_from_seeds
from sa_helpers.networks import Generator, Styles, StyleSpace
from sa_helpers.runtime import in_batches


@dataclass(frozen=True)
class Direction:
    """A unit vector in W, and where the attribute changes sign along it.

    Attributes:
        name: What grows along it.
        vector: Of length 1.
        offset: Signed distance of the hyperplane from the origin: the attribute is neutral where
            `w @ vector == offset`. Zero where no labels say so.
    """

    name: str
    vector: Float[Tensor, " w_dim"]
    offset: float = 0.0

    def distances(self, w: Float[Tensor, "batch w_dim"]) -> Float[Tensor, " batch"]:
        """Signed distances of latents to the hyperplane."""
        return w @ self.vector.to(w) - self.offset

    def move(
        self,
        w_plus: Float[Tensor, "batch num_ws w_dim"],
        amount: float | Float[Tensor, " batch"],
        *,
        layers: Sequence[int] | None = None,
    ) -> Float[Tensor, "batch num_ws w_dim"]:
        """Step along the direction.

        Args:
            w_plus: Latents of any model of the family.
            amount: Length of the step, for all samples or one each.
            layers: Latents to move, by their number; None means all, which is an edit in W.

        Raises:
            IndexError: A layer that `w_plus` does not have.
        """
        steps = torch.as_tensor(amount, dtype=w_plus.dtype, device=w_plus.device).reshape(-1, 1, 1)
        moved = w_plus.clone()
        chosen = list(range(w_plus.shape[1])) if layers is None else list(layers)
        moved[:, chosen] += steps * self.vector.to(w_plus)
        return moved


def fit_hyperplane(
    w: Float[Tensor, "samples w_dim"], is_positive: Bool[ndarray, " samples"], *, name: str
) -> Direction:
    """Normal of the hyperplane that best separates two classes of latents.

    Args:
        w: Latents.
        is_positive: Class of each; balanced classes make better planes, so pass the most certain
            samples of both.
        name: Of the attribute.

    Raises:
        ValueError: Only one class.

    Source: Shen et al. 2020 (InterFaceGAN), Section 3.
    """
    if is_positive.all() or not is_positive.any():
        raise ValueError(
            f'All {len(is_positive)} samples for "{name}" are of one class; expected both. Draw '
            "more seeds, or move the threshold."
        )
    machine = LinearSVC(C=1.0, class_weight="balanced", random_state=0, max_iter=20000, tol=1e-3)
    machine.fit(w.cpu().numpy(), is_positive)
    return _normalised(name, machine.coef_[0], float(machine.intercept_[0]))


def fit_regression(
    w: Float[Tensor, "samples w_dim"],
    values: Float[ndarray, " samples"],
    *,
    name: str,
    neutral: float = 0.0,
) -> Direction:
    """Direction along which a number grows fastest, by ridge regression.

    Args:
        w: Latents.
        values: One number each, such as a yaw in degrees.
        name: Of the number.
        neutral: Value on the hyperplane.

    Raises:
        ValueError: All values are equal.
    """
    if np.ptp(values) == 0:
        raise ValueError(f'All values of "{name}" are {values[0]}: nothing tells a direction.')
    model = Ridge(alpha=1.0).fit(w.cpu().numpy(), values - neutral)
    return _normalised(name, model.coef_, float(model.intercept_))


def _normalised(name: str, normal: ndarray, intercept: float) -> Direction:
    length = float(np.linalg.norm(normal))
    vector = torch.from_numpy(normal / length).float()
    return Direction(name, vector, -intercept / length)


def orthogonalise(direction: Direction, others: Sequence[Direction]) -> Direction:
    """Remove from a direction all that lies along others, so that an edit leaves those alone.

    Returns:
        A direction for edits; its hyperplane passes through the origin.

    Raises:
        ValueError: Nothing is left, as the direction is a combination of the others, or one of the
            others is a combination of the rest.

    Source: Shen et al. 2020 (InterFaceGAN), Section 3.3 ("conditional manipulation").
    """
    if not others:
        return direction
    stacked = torch.stack([other.vector for other in others], dim=1)
    if torch.linalg.matrix_rank(stacked, rtol=1e-4) < len(others):
        raise ValueError(f"Of {[other.name for other in others]} some are combinations of others.")
    basis, _ = torch.linalg.qr(stacked)
    left = direction.vector - basis @ (basis.t() @ direction.vector)
    if left.norm() < 1e-4:
        raise ValueError(
            f'"{direction.name}" is a combination of {[other.name for other in others]}; nothing '
            "is left of it without them."
        )
    return replace(direction, vector=left / left.norm(), offset=0.0)


def principal_directions(
    w: Float[Tensor, "samples w_dim"], *, num_directions: int
) -> list[Direction]:
    """Directions of largest variance of latents, the largest first.

    Source: Härkönen et al. 2020 (GANSpace), Section 2.
    """
    _, _, components = torch.linalg.svd(w - w.mean(dim=0), full_matrices=False)
    return [Direction(f"component {i}", v.cpu()) for i, v in enumerate(components[:num_directions])]


def closed_form_directions(
    generator: Generator, *, layers: Sequence[int] | None = None, num_directions: int
) -> list[Direction]:
    """Directions of w that change the styles most: eigenvectors of the stacked affine weights.

    Args:
        generator: Whose affine layers are looked at; no sample is drawn.
        layers: Style layers, by their StyleSpace number; None means all but the tRGB layers.
        num_directions: How many, the strongest first.

    Raises:
        ValueError: No layers, or one that the generator does not have.

    Source: Shen and Zhou 2021 (SeFa), Section 3.
    """
    synthesis = generator.synthesis
    layer_specs = synthesis.style_space.layers
    known = range(len(layer_specs))
    if layers is not None and not (layers and set(layers) <= set(known)):
        raise ValueError(f"layers is {list(layers)}; expected some of 0 to {known[-1]}.")
    chosen = [
        layer
        for index, layer in enumerate(layer_specs)
        if (not layer.is_torgb if layers is None else index in layers)
    ]
    weights: list[Tensor] = [
        synthesis.get_parameter(f"{layer.name}.affine.weight").detach() for layer in chosen
    ]
    _, _, directions = torch.linalg.svd(torch.cat(weights), full_matrices=False)
    return [
        Direction(f"eigenvector {i}", v.cpu()) for i, v in enumerate(directions[:num_directions])
    ]


@torch.inference_mode()
def channel_sigmas(
    generator: Generator, seeds: Sequence[int], *, truncation_psi: float
) -> Float[Tensor, " total"]:
    """Standard deviation of every style channel over samples, joined as `Styles.cat` joins them.

    Raises:
        ValueError: Fewer than two seeds.

    Source: Wu et al. 2021 (StyleSpace), Section 5.
    """
    if len(seeds) < 2:
        raise ValueError(f"There are {len(seeds)} seeds; a deviation needs two or more.")
    w_plus = w_plus_from_seeds(generator, seeds, truncation_psi=truncation_psi)
    to_s = generator.synthesis.w_plus_to_s
    return in_batches(lambda latents: to_s(latents).cat(), w_plus, batch_size=256).std(dim=0)


def edit_channel(
    styles: Styles, layer_channel: str, *, sigmas: Float[Tensor, " total"], amount: float
) -> Styles:
    """Move one channel by a number of its standard deviations.

    Args:
        styles: Of any model of the family.
        layer_channel: Such as `6_501`.
        sigmas: From `channel_sigmas` of the model whose scale is meant, usually the parent's.
        amount: In standard deviations.

    Raises:
        KeyError: No such channel.
    """
    sigma = float(sigmas[styles.space.index(layer_channel)])
    return styles.edit(layer_channel, sigma * amount)


@torch.inference_mode()
def channel_effects(
    generator: Generator,
    w_plus: Float[Tensor, "samples num_ws w_dim"],
    measure: Callable[[Float[Tensor, "samples 3 height width"]], Float[ndarray, "samples ..."]],
    *,
    sigmas: Float[Tensor, " total"],
    names: Sequence[str],
    amount: float = 3.0,
) -> Float[ndarray, "channels samples ..."]:
    """What each channel does to an attribute, per standard deviation of the channel.

    Args:
        generator: To edit.
        w_plus: Of the images that are edited.
        measure: Reads the attribute, or several, from images, each in its unit.
        sigmas: From `channel_sigmas`.
        names: Of the channels.
        amount: Standard deviations to either side; the central difference is taken.

    Source: Patashnik et al. 2021 (StyleCLIP), Section 6.2, with a measured attribute in place of
    CLIP.
    """
    styles = generator.synthesis.w_plus_to_s(w_plus)
    effects = []
    for name in names:
        up, down = (
            measure(
                generator.synthesis.s_to_image(
                    edit_channel(styles, name, sigmas=sigmas, amount=sign * amount)
                ).cpu()
            )
            for sign in (1.0, -1.0)
        )
        effects.append((up - down) / (2 * amount))
    return np.stack(effects)


def style_direction(
    effects: Float[ndarray, "channels samples"],
    names: Sequence[str],
    *,
    space: StyleSpace,
    num_channels: int,
) -> Float[Tensor, " total"]:
    """Direction in S of the channels with the strongest and steadiest effects, in sigmas.

    Args:
        effects: From `channel_effects`.
        names: Of the channels.
        space: Of the model, for the places of the channels.
        num_channels: How many to keep: those with the largest ratio of mean effect to its standard
            error.

    Returns:
        Mean effects of the kept channels, scaled to length 1, and zeros. A step of `amount` adds
        `amount * sigmas * direction` to joined styles.

    Raises:
        ValueError: No channels are to be kept, fewer than two samples, or no channel has an effect.
    """
    if num_channels < 1 or effects.shape[1] < 2 or not effects.any():
        raise ValueError(
            f"{num_channels} channels are to be kept by effects of shape {effects.shape}; expected "
            "one or more, by two or more samples, with some effect."
        )
    means = effects.mean(axis=1)
    errors = effects.std(axis=1, ddof=1) / effects.shape[1] ** 0.5
    ratios = np.abs(means) / (errors + 1e-3 * np.abs(means).max() + 1e-12)
    kept = np.argsort(-ratios)[:num_channels]
    direction = torch.zeros(len(space.names))
    for index in kept:
        direction[space.index(names[index])] = float(means[index])
    return direction / direction.norm()
