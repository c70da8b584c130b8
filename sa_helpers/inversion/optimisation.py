"""Inversion: change the latent until the image fits, ask an encoder, or do one after the other.

Source: Karras et al. 2020 (StyleGAN2), Appendix D ("projection"); in Z with truncation as in Wu et
al. 2022 (StyleAlign), Appendix A.5.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from sa_helpers.images import resize
from sa_helpers.inversion.encoding import ImageEncoder, encode
from sa_helpers.inversion.initialisation import nearest_samples
from sa_helpers.latents import SPACES, LatentSpace
from sa_helpers.metrics import perceptual_distance, perceptual_distance_to
from sa_helpers.networks import Generator

METHODS = ("optimise", "encoder", "encoder_then_optimise")


@dataclass(frozen=True, kw_only=True)
class InversionSettings:
    """How a search goes.

    Args:
        num_steps: Steps at most.
        num_candidates: Images to draw, of which each search begins at the nearest; 0 begins at the
            mean, as Karras et al. do.
        learning_rate: Of Adam at its highest.
        rampup: Share of the steps in which the learning rate grows linearly from zero.
        rampdown: Share of the steps, at the end, in which it falls along a cosine.
        latent_noise: Noise added to latents at the start, relative to the spread of the space; it
            keeps a search from settling too early.
        latent_noise_share: Share of the steps after which it has faded.
        truncation_psi: For Z, Z+ and the samples of `num_candidates`; the paper uses 0.7.
        network: Perceptual distance, see `metrics.perceptual_distance`.
        perceptual_px: Larger images are reduced to this side for it; the default is that of Karras
            et al.
        coarse_share: Share of the steps, at the beginning, in which it is taken at half that side,
            for a quarter of its cost. The steps after it see the fine detail.
        pixel_weight: Weight of the mean squared pixel difference beside it.
        noise_weight: Weight of the regularisation of the noise maps; None leaves them alone, which
            is right for models without noise.
        patience: Steps without a better loss, of any image, after which the search ends; None
            means never.
    """

    num_steps: int = 500
    num_candidates: int = 0
    learning_rate: float = 0.1
    rampup: float = 0.05
    rampdown: float = 0.25
    latent_noise: float = 0.05
    latent_noise_share: float = 0.75
    truncation_psi: float = 0.7
    network: str = "st-lpips-alex"
    perceptual_px: int = 256
    coarse_share: float = 0.0
    pixel_weight: float = 1.0
    noise_weight: float | None = None
    patience: int | None = None

    def __post_init__(self) -> None:
        """Refuse settings without a meaning."""
        for name in ("num_steps", "learning_rate"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} is {getattr(self, name)}; expected more than 0.")
        if self.num_candidates < 0 or (self.patience is not None and self.patience < 1):
            raise ValueError(
                f"num_candidates is {self.num_candidates}, expected 0 or more; patience is "
                f"{self.patience}, expected None or 1 or more."
            )
        for name in ("rampup", "rampdown", "latent_noise_share"):
            if not 0 < getattr(self, name) <= 1:
                raise ValueError(f"{name} is {getattr(self, name)}; expected a share in (0, 1].")
        if not 0 <= self.coarse_share < 1:
            raise ValueError(f"coarse_share is {self.coarse_share}; expected a share in [0, 1).")


@dataclass(frozen=True)
class Inversion:
    """What a search found.

    Attributes:
        space: Where it searched.
        latents: There; one a layer in the plus spaces, else one an image.
        w_plus: What makes the images, truncation included: pass it to any model of the family.
        images: Reconstructions in [-1, 1], nominally.
        distances: Perceptual distance of each to its target, at full size.
        losses: Of every step and image; no steps where an encoder did it alone.
        noise_maps: One a layer with noise, where these were optimised.
    """

    space: str
    latents: Float[Tensor, "images layers dim"]
    w_plus: Float[Tensor, "images num_ws w_dim"]
    images: Float[Tensor, "images 3 height width"]
    distances: Float[Tensor, " images"]
    losses: Float[Tensor, "steps images"]
    noise_maps: list[Tensor] | None = None


def invert(
    images: Float[Tensor, "images 3 height width"],
    generator: Generator,
    *,
    space: str,
    method: str = "optimise",
    encoder: ImageEncoder | None = None,
    settings: InversionSettings | None = None,
    start: Float[Tensor, "images layers dim"] | None = None,
    seeds: Sequence[int] | None = None,
    report: Callable[[int, float], None] | None = None,
) -> Inversion:
    """Find latents whose images look like given ones, all images at once.

    No image influences another: each gets the same result alone and in a batch, up to rounding,
    unless the settings have `patience`, which waits for all.

    Args:
        images: In [-1, 1], of the generator's resolution.
        generator: Left unchanged.
        space: "z", "z_plus", "w" or "w_plus".
        method: "optimise" searches, "encoder" takes what an encoder says, "encoder_then_optimise"
            searches from there.
        encoder: Of this generator, for the methods that need one: `Member.encoder` has it.
        settings: None takes the defaults.
        start: Latents of the space for "optimise" to begin with; None leaves it to the settings.
        seeds: Of the latent noise, one an image; None takes 0, 1, 2, ….
        report: Called with the step and the mean loss, after every step.

    Raises:
        ValueError: Unknown space or method, no images or of another resolution, not one seed an
            image, a start that is not of the space, or an encoder that is missing or was trained
            for another space or truncation.

    Example:
        >>> import sa_helpers as sa
        >>> person = sa.open_family("clay").parent
        >>> images = sa.images_from_seeds(person.generator, [22], truncation_psi=0.7)
        >>> found = sa.invert(
        ...     images, person.generator, space="w_plus", method="encoder", encoder=person.encoder
        ... )
        >>> found.latents.shape
        torch.Size([1, 12, 128])
    """
    settings = settings or InversionSettings()
    seeds = range(len(images)) if seeds is None else seeds
    _check(images, generator, space, seeds)
    _check_start(start, generator, space, num_images=len(images))
    if method != "optimise":
        asked = _needed_encoder(method, encoder, start)
        start = encode(images, asked, space=space, truncation_psi=settings.truncation_psi)
    search = _Search(generator, images, SPACES[space], settings, start, seeds)
    losses = search.run(report, num_steps=0 if method == "encoder" else settings.num_steps)
    latents = search.latents.detach()
    with torch.no_grad():
        w_plus = search.w_plus(latents)
        found = search.render(w_plus)
        distances = perceptual_distance(found, search.targets, network=settings.network)
    return Inversion(
        space,
        latents,
        w_plus.contiguous(),
        found,
        distances,
        losses,
        [noise.detach() for noise in search.noise_maps] or None,
    )


def _check(images: Tensor, generator: Generator, space: str, seeds: Sequence[int]) -> None:
    if space not in SPACES:
        raise ValueError(f'There is no space "{space}"; expected one of {list(SPACES)}.')
    size = generator.config.img_resolution
    if not len(images):
        raise ValueError("There are no images to invert.")
    if images.shape[2:] != (size, size):
        raise ValueError(
            f"The images have {images.shape[2]}x{images.shape[3]} pixels, the model draws "
            f"{size}x{size}. Use sa_helpers.images.resize."
        )
    if len(seeds) != len(images):
        raise ValueError(f"There are {len(seeds)} seeds for {len(images)} images; give one each.")


def _check_start(
    start: Tensor | None, generator: Generator, space: str, *, num_images: int
) -> None:
    kind = SPACES[space]
    dim = generator.config.z_dim if kind.is_before_mapping else generator.config.w_dim
    expected = (num_images, generator.num_ws if kind.has_layers else 1, dim)
    if start is not None and tuple(start.shape) != expected:
        raise ValueError(f'start is {tuple(start.shape)}; expected {expected} for "{space}".')


def _needed_encoder(
    method: str, encoder: ImageEncoder | None, start: Tensor | None
) -> ImageEncoder:
    if method not in METHODS:
        raise ValueError(f'There is no method "{method}"; expected one of {list(METHODS)}.')
    if encoder is None:
        raise ValueError(
            f'The method "{method}" needs an encoder; give encoder=..., or use method="optimise".'
        )
    if start is not None:
        raise ValueError(
            f'The method "{method}" starts with what the encoder says; leave start out, or use '
            'method="optimise".'
        )
    return encoder


class _Reduced:
    """Perceptual distance to fixed targets, at a reduced side."""

    def __init__(self, targets: Tensor, side: int, network: str) -> None:
        self.side = side
        reduced = resize(targets, img_resolution=side)
        self._distance_to = perceptual_distance_to(reduced, network=network)

    def distance(self, images: Tensor) -> Float[Tensor, " images"]:
        return self._distance_to(resize(images, img_resolution=self.side))


class _Search:
    """The state of a search."""

    def __init__(
        self,
        generator: Generator,
        images: Tensor,
        space: LatentSpace,
        settings: InversionSettings,
        start: Tensor | None,
        seeds: Sequence[int],
    ) -> None:
        self.generator, self.space, self.settings = generator, space, settings
        device = generator.w_avg.device
        self.targets = images.to(device)
        fine = min(settings.perceptual_px, images.shape[-1])
        self._fine = _Reduced(self.targets, fine, settings.network)
        is_needed = settings.coarse_share > 0
        self._coarse = _Reduced(self.targets, fine // 2, settings.network) if is_needed else None
        begin = self._begin() if start is None else start
        self.latents = begin.detach().clone().to(device).requires_grad_(True)
        self._noise_scale = settings.latent_noise * space.spread(generator)
        self._rngs = [torch.Generator().manual_seed(int(seed)) for seed in seeds]
        self.noise_maps = self._start_noise() if settings.noise_weight is not None else []

    def _begin(self) -> Tensor:
        num_candidates = self.settings.num_candidates
        if num_candidates == 0:
            return self.space.start(self.generator, num_images=len(self.targets))
        return nearest_samples(
            self.targets,
            self.generator,
            self.space,
            num_candidates=num_candidates,
            truncation_psi=self.settings.truncation_psi,
        )

    def run(
        self, report: Callable[[int, float], None] | None, *, num_steps: int
    ) -> Float[Tensor, "steps images"]:
        """Take all steps; returns the losses."""
        settings = self.settings
        optimizer = torch.optim.Adam([self.latents, *self.noise_maps], betas=(0.9, 0.999))
        history: list[Tensor] = []
        best, waited = torch.full((len(self.targets),), math.inf), 0
        for step in range(num_steps):
            progress = step / num_steps
            for group in optimizer.param_groups:
                group["lr"] = settings.learning_rate * learning_rate_factor(progress, settings)
            losses = self._losses(progress)
            optimizer.zero_grad(set_to_none=True)
            losses.sum().backward(inputs=[self.latents, *self.noise_maps])
            optimizer.step()
            self._normalise_noise()
            history.append(losses.detach().cpu())
            if report is not None:
                report(step, float(history[-1].mean()))
            if progress < settings.coarse_share:
                continue  # These losses are on another scale than those that follow.
            waited = 0 if (history[-1] < best).any() else waited + 1
            best = torch.minimum(best, history[-1])
            if settings.patience is not None and waited >= settings.patience:
                break
        return torch.stack(history) if history else torch.zeros(0, len(self.targets))

    def w_plus(self, latents: Tensor) -> Float[Tensor, "images num_ws w_dim"]:
        psi = self.settings.truncation_psi
        return self.space.to_w_plus(self.generator, latents, truncation_psi=psi)

    def render(self, w_plus: Tensor) -> Float[Tensor, "images 3 height width"]:
        synthesis = self.generator.synthesis
        if not self.noise_maps:
            return synthesis(w_plus)
        return synthesis.render(list(synthesis.w_plus_to_s(w_plus)), self.noise_maps)

    def _losses(self, progress: float) -> Float[Tensor, " images"]:
        settings = self.settings
        fade = max(0.0, 1.0 - progress / settings.latent_noise_share) ** 2
        shape = self.latents.shape[1:]
        noise = torch.stack([torch.randn(shape, generator=rng) for rng in self._rngs])
        moved = self.latents + self._noise_scale * fade * noise.to(self.latents)
        images = self.render(self.w_plus(moved))
        is_coarse = progress < settings.coarse_share
        losses = (self._coarse if self._coarse and is_coarse else self._fine).distance(images)
        pixels = (images - self.targets).square().mean(dim=(1, 2, 3))
        losses = losses + settings.pixel_weight * pixels
        if settings.noise_weight is not None:
            losses = losses + settings.noise_weight * noise_regularisation(self.noise_maps)
        return losses

    def _start_noise(self) -> list[Tensor]:
        """Fresh maps for every image, in place of the constant ones."""
        names = [name for name, _ in self.generator.synthesis.named_buffers()]
        sizes = [
            self.generator.synthesis.get_buffer(name).shape
            for name in names
            if name.endswith("noise_const")
        ]
        device = self.targets.device
        return [
            torch.stack([torch.randn((1, *size), generator=rng) for rng in self._rngs])
            .to(device)
            .requires_grad_(True)
            for size in sizes
        ]

    @torch.no_grad()
    def _normalise_noise(self) -> None:
        for noise in self.noise_maps:
            noise -= noise.mean(dim=(2, 3), keepdim=True)
            noise *= noise.square().mean(dim=(2, 3), keepdim=True).rsqrt()


def learning_rate_factor(progress: float, settings: InversionSettings) -> float:
    """Share of the full learning rate at a share of the steps."""
    falling = min(1.0, (1.0 - progress) / settings.rampdown)
    factor = 0.5 - 0.5 * math.cos(math.pi * falling)
    return factor * min(1.0, progress / settings.rampup)


def noise_regularisation(
    noise_maps: Sequence[Float[Tensor, "images 1 _ _"]],
) -> Float[Tensor, " images"]:
    """How much noise resembles itself shifted by a pixel, at every scale: it should not.

    Source: Karras et al. 2020 (StyleGAN2), Appendix D, Equation 7.
    """
    total = torch.zeros(len(noise_maps[0]), device=noise_maps[0].device)
    for noise in noise_maps:
        while True:
            for dim in (2, 3):
                total = total + (noise * noise.roll(1, dims=dim)).mean(dim=(1, 2, 3)).square()
            if noise.shape[2] <= 8:
                break
            noise = F.avg_pool2d(noise, 2) * 2  # averages of four have half the deviation
    return total
