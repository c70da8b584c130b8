"""Train an encoder: on generated images, whose latents are known, and on rendered ones.

First only the latents of generated images are asked for. They are drawn once and seen often, which
is cheap and teaches what small errors of images do not: which way a head is turned. Then every step
asks two questions. Of generated images: do the latents come back? Of rendered ones, whose latents
nobody knows: does the generator draw them again? The second is asked in one space a step, in turn,
because drawing costs more than reading.

Source: Richardson et al. 2021 (pSp), Section 3.3, for the losses on images; Tov et al. 2021 (e4e),
Section 5.2, for small offsets; Zhu et al. 2020 (in-domain inversion) for training on both kinds.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float, UInt8
from numpy import ndarray
from torch import Tensor

from sa_helpers import runtime
from sa_helpers.fitting import OneCycle, fit
from sa_helpers.images import from_uint8, resize, to_uint8
from sa_helpers.inversion.adapted_encoder import AdaptedEncoder
from sa_helpers.inversion.encoding import encode
from sa_helpers.inversion.latent_encoder import LatentEncoder, LatentEncoderConfig
from sa_helpers.latents import (
    SPACES,
    images_from_w_plus,
    latents_to_w_plus,
    z_from_seeds,
    z_to_w_plus,
)
from sa_helpers.metrics import perceptual_distance, perceptual_distance_to
from sa_helpers.networks import Generator
from sa_helpers.seeds import Drawn, Rendered, first_seeds

_KNOWN_BATCH = 64
_REPORTS = 20


@dataclass(frozen=True, kw_only=True)
class EncoderSettings:
    """How an encoder is trained.

    Args:
        num_known: Generated images of the first part, whose latents are known.
        num_epochs: Passes over the images of the first part.
        total_kimg: Thousands of rendered images shown in the second part.
        batch_size: Rendered images a step.
        num_generated: Generated images a step; they cost a fifth of a rendered one.
        learning_rate: Peak of a schedule that warms up and falls to zero (one cycle).
        latent_weight: Weight of the mean squared error of the latents of generated images, in units
            of the spread.
        pixel_weight: Weight of the mean squared pixel difference of rendered images.
        perceptual_weight: Weight of the perceptual distance of rendered images.
        perceptual_px: Side of the images at which the perceptual distance is measured.
        offset_weight: Weight of the mean square of what the layers of a plus space differ by, in
            units of the spread.
        truncation_psi: Truncation of the generated images, and that which latents of Z and Z+ are
            meant for.
        rank: Rank of the changes of another encoder, see `AdaptedEncoder`; 0 trains all weights.
        network: Network of the perceptual distance, see `metrics.perceptual_distance`.
        num_images: Images that are rendered for training.
        first_seed: Seed of the first rendered image.
        seed: Seed of everything else that is random.

    Raises:
        ValueError: A setting outside its range.
    """

    num_known: int = 8000
    num_epochs: int = 12
    total_kimg: float = 4.0
    batch_size: int = 8
    num_generated: int = 8
    learning_rate: float = 3e-3
    latent_weight: float = 0.5
    pixel_weight: float = 1.0
    perceptual_weight: float = 1.0
    perceptual_px: int = 64
    offset_weight: float = 0.02
    truncation_psi: float = 0.7
    rank: int = 0
    network: str = "st-lpips-alex"
    num_images: int = 4000
    first_seed: int = Rendered.ENCODERS.start
    seed: int = 0

    def __post_init__(self) -> None:
        """Reject values that would make a training meaningless, before it costs anything."""
        for name in ("total_kimg", "batch_size", "num_generated", "learning_rate", "perceptual_px",
                     "truncation_psi", "num_images"):  # fmt: skip
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} is {getattr(self, name)}; expected more than 0.")
        for name in ("num_known", "num_epochs", "rank", "latent_weight", "pixel_weight",
                     "perceptual_weight", "offset_weight"):  # fmt: skip
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is {getattr(self, name)}; expected 0 or more.")

    @property
    def num_steps(self) -> int:
        """Steps of the training."""
        return max(1, round(self.total_kimg * 1000 / self.batch_size))


def train_encoder(
    generator: Generator,
    images: UInt8[ndarray, "num_images height width 3"],
    settings: EncoderSettings,
    *,
    spaces: tuple[str, ...] = tuple(SPACES),
    origin: LatentEncoder | None = None,
    report: Callable[[str], None] = print,
) -> LatentEncoder:
    """Train an encoder into some spaces of one generator.

    Args:
        generator: Moved to the device of the training, and otherwise left unchanged.
        images: Of its domain and its resolution, for training.
        settings: How.
        spaces: Names of the spaces.
        origin: Encoder to start from, of an aligned generator: what alignment keeps need not be
            learned again. Left unchanged.
        report: Called with a line now and then.

    Returns:
        The encoder, in evaluation mode; an `AdaptedEncoder` where the settings name a rank.

    Raises:
        ValueError: The sizes or spaces of `origin` are not those of the new encoder, or a rank is
            given without it.
    """
    device = runtime.default_device()
    generator = generator.to(device)
    encoder = _new_encoder(generator, settings, spaces, origin).to(device)
    _learn_known(encoder, generator, settings, report)
    cycle = OneCycle(encoder, learning_rate=settings.learning_rate, num_steps=settings.num_steps)
    batches = _rendered_batches(images, settings)
    started = time.monotonic()
    for step in range(settings.num_steps):
        rendered = from_uint8(next(batches)).to(device)
        losses = _losses(encoder, generator, rendered, step, settings)
        cycle.descend(torch.stack(list(losses.values())).sum())
        if (step + 1) % max(1, settings.num_steps // _REPORTS) == 0:
            parts = "  ".join(
                f"{name} {float(value.detach()):.3f}" for name, value in losses.items()
            )
            kimg = (step + 1) * settings.batch_size / 1000
            report(f"kimg {kimg:.2f}  {parts}  {time.monotonic() - started:.0f} s")
    return encoder.eval().requires_grad_(False)


def _new_encoder(
    generator: Generator,
    settings: EncoderSettings,
    spaces: tuple[str, ...],
    origin: LatentEncoder | None,
) -> LatentEncoder:
    config = LatentEncoderConfig(
        img_resolution=generator.config.img_resolution,
        z_dim=generator.config.z_dim,
        w_dim=generator.config.w_dim,
        num_ws=generator.num_ws,
        truncation_psi=settings.truncation_psi,
        spaces=spaces,
    )
    if isinstance(origin, AdaptedEncoder):
        origin = origin.plain()
    if origin is not None and origin.config != config:
        raise ValueError(
            f"The encoder to start from is made for {origin.config}, not for {config}."
        )
    if settings.rank and origin is None:
        raise ValueError(f"The rank is {settings.rank}, but there is no encoder to start from.")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        if origin is not None and settings.rank:
            encoder: LatentEncoder = AdaptedEncoder(origin, rank=settings.rank)
        else:
            encoder = LatentEncoder(config)
    if origin is not None and not settings.rank:
        encoder.load_state_dict(origin.state_dict())
    encoder.fit_scale(generator)
    return encoder.to(memory_format=torch.channels_last).train()


def _learn_known(
    encoder: LatentEncoder,
    generator: Generator,
    settings: EncoderSettings,
    report: Callable[[str], None],
) -> None:
    """Train in place on generated images, whose latents are known, as readers are trained."""
    count = settings.num_known // _KNOWN_BATCH * _KNOWN_BATCH
    if not count or not settings.num_epochs:
        return
    device = encoder.w_std.device
    z = z_from_seeds(
        first_seeds(Drawn.ENCODER_START, count),
        z_dim=generator.config.z_dim,
        device=device,
    )
    pictures, w = _draw_known(generator, z, settings)

    def error_of(latents: dict[str, Tensor], chosen: Tensor) -> Tensor:
        floats = {space: values.float() for space, values in latents.items()}
        known = {"z": z[chosen][:, None], "w": w[chosen][:, None]}
        return _latent_error(encoder, floats, known)

    epochs = fit(
        encoder,
        pictures.numpy(),
        error_of,
        num_epochs=settings.num_epochs,
        batch_size=_KNOWN_BATCH,
        learning_rate=settings.learning_rate,
        seed=settings.seed,
    )
    for epoch, errors in enumerate(epochs, start=1):
        report(f"known latents, epoch {epoch}/{settings.num_epochs}: {errors[-1]:.3f}")


@torch.no_grad()
def _draw_known(
    generator: Generator, z: Float[Tensor, "images z_dim"], settings: EncoderSettings
) -> tuple[UInt8[Tensor, "images height width 3"], Float[Tensor, "images w_dim"]]:
    """Generated images as bytes, so that many fit into memory, and their w."""
    pictures, latents = [], []
    for chunk in z.split(_KNOWN_BATCH):
        w_plus = z_to_w_plus(generator, chunk, truncation_psi=settings.truncation_psi)
        drawn = generator.synthesis(w_plus, dtype=runtime.compute_dtype(z.device))
        pictures.append(torch.from_numpy(to_uint8(drawn)))
        latents.append(w_plus[:, 0])
    return torch.cat(pictures), torch.cat(latents)


def _rendered_batches(images: ndarray, settings: EncoderSettings) -> Iterator[ndarray]:
    """Batches without end, each image once before any comes again."""
    rng = torch.Generator().manual_seed(settings.seed)
    waiting = torch.empty(0, dtype=torch.long)
    while True:
        while len(waiting) < settings.batch_size:
            waiting = torch.cat([waiting, torch.randperm(len(images), generator=rng)])
        chosen, waiting = waiting[: settings.batch_size], waiting[settings.batch_size :]
        yield images[chosen.numpy()]


def _losses(
    encoder: LatentEncoder,
    generator: Generator,
    rendered: Float[Tensor, "batch 3 height width"],
    step: int,
    settings: EncoderSettings,
) -> dict[str, Tensor]:
    """The weighted losses of a step, by name."""
    dtype = runtime.compute_dtype(rendered.device)
    start = step * settings.num_generated
    all_seeds = first_seeds(Drawn.ENCODER_STEPS, settings.num_steps * settings.num_generated)
    seeds = all_seeds[start : start + settings.num_generated]
    z = z_from_seeds(seeds, z_dim=generator.config.z_dim, device=rendered.device)
    with torch.no_grad():
        w_plus = z_to_w_plus(generator, z, truncation_psi=settings.truncation_psi)
        generated = generator.synthesis(w_plus, dtype=dtype).clamp(-1, 1)
    both = torch.cat([generated, rendered]).contiguous(memory_format=torch.channels_last)
    with torch.autocast(rendered.device.type, dtype, enabled=dtype != torch.float32):
        latents = {space: values.float() for space, values in encoder(both).items()}
    space = encoder.config.spaces[step % len(encoder.config.spaces)]
    drawn = latents[space][len(generated) :]
    known = {"z": z[:, None], "w": w_plus[:, :1]}
    return {
        "latents": settings.latent_weight * _latent_error(encoder, latents, known),
        **_image_losses(encoder, generator, drawn, rendered, space, settings),
    }


def _latent_error(
    encoder: LatentEncoder, latents: dict[str, Tensor], known: dict[str, Tensor]
) -> Tensor:
    """Mean squared error over the spaces; every layer of a plus space has the same latent."""
    total = torch.zeros((), device=encoder.w_std.device)
    for space, values in latents.items():
        name = "z" if SPACES[space].is_before_mapping else "w"
        wanted = known[name]
        error = (values[: len(wanted)] - wanted) / encoder.unit(space)
        total = total + error.square().mean()
    return total / len(latents)


def _image_losses(
    encoder: LatentEncoder,
    generator: Generator,
    latents: Float[Tensor, "batch layers dim"],
    rendered: Float[Tensor, "batch 3 height width"],
    space: str,
    settings: EncoderSettings,
) -> dict[str, Tensor]:
    """How unlike the rendered images those are that the latents draw, and how large offsets are."""
    w_plus = SPACES[space].to_w_plus(generator, latents, truncation_psi=settings.truncation_psi)
    dtype = runtime.compute_dtype(rendered.device)
    drawn = generator.synthesis(w_plus, dtype=dtype)
    reduced, targets = (
        resize(images, img_resolution=min(settings.perceptual_px, images.shape[-1]))
        for images in (drawn, rendered)
    )
    with torch.autocast(rendered.device.type, dtype, enabled=dtype != torch.float32):
        distance = perceptual_distance_to(targets, network=settings.network)(reduced)
    offsets = (latents - latents.mean(dim=1, keepdim=True)) / encoder.unit(space)
    return {
        "perceptual": settings.perceptual_weight * distance.float().mean(),
        "pixels": settings.pixel_weight * (drawn - rendered).square().mean(),
        "offsets": settings.offset_weight * offsets.square().mean(),
    }


@torch.no_grad()
def reconstruction_errors(
    encoder: LatentEncoder,
    generator: Generator,
    images: UInt8[ndarray, "num_images height width 3"],
    *,
    network: str = "st-lpips-alex",
) -> dict[str, dict[str, float]]:
    """How far drawn images are from given ones, on average, in each space of the encoder.

    Returns:
        Space to `perceptual` distance and mean squared `pixels` difference.
    """
    device = next(encoder.parameters()).device
    targets = from_uint8(images).to(device)
    psi = encoder.config.truncation_psi
    errors = {}
    for space in encoder.config.spaces:
        latents = encode(targets, encoder, space=space, truncation_psi=psi)
        w_plus = latents_to_w_plus(generator, latents, space=space, truncation_psi=psi)
        drawn = images_from_w_plus(generator, w_plus).to(device)
        errors[space] = {
            "perceptual": float(perceptual_distance(drawn, targets, network=network).mean()),
            "pixels": float((drawn - targets).square().mean()),
        }
    return errors
