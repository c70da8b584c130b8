"""One training step of StyleGAN2, and everything needed to repeat it exactly.

All randomness of a step derives from the run's seed and the number of the step, so a trainer
that is restored from its state continues as if it had never stopped. It is drawn for the whole
batch, of which each process computes its portions: the weights do not depend on how many share a
batch, beyond rounding.
"""

import copy
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from sa_helpers import runtime
from sa_helpers.datasets import TrainingImages
from sa_helpers.finetuning import losses
from sa_helpers.finetuning.augmentation import Transforms, adjust_probability, draw_transforms
from sa_helpers.finetuning.latent_draws import Latents, draw_seeds
from sa_helpers.finetuning.loading import RealImages
from sa_helpers.finetuning.parts import train_only
from sa_helpers.finetuning.portions import Rows, portions
from sa_helpers.finetuning.settings import TrainingSettings
from sa_helpers.networks import Discriminator, Generator
from sa_helpers.networks.config import block_resolutions

_W_AVG_MOMENTUM = 0.995
_PATH_LENGTH_MOMENTUM = 0.99


@dataclass(frozen=True)
class StepReport:
    """What one step measured: losses and the mean sign of D on real images (ADA's heuristic)."""

    generator_loss: float
    discriminator_loss: float
    real_sign: float


class Trainer:
    """Trains a generator against a discriminator on a set of images.

    The fakes of the generator's step also serve the discriminator's step, which saves one pass
    of the generator and changes nothing else.

    Args:
        generator: Trained in place.
        discriminator: Trained in place.
        data: The real images; their resolution has to be the networks'.
        settings: What to do.
        device: Where the networks live and the step runs.
        dtype: Type of the convolutions; weights, losses and penalties stay float32.
        num_low_blocks: Highest resolutions that are computed in `dtype`; the published models take
            4, None means all.
        num_workers: See `RealImages`.
        num_rounds: Portions of a process's images that are computed one after the other, to save
            memory.

    Raises:
        ValueError: The resolutions of networks and data differ, or a batch cannot be divided among
            the processes and rounds.
    """

    def __init__(
        self,
        *,
        generator: Generator,
        discriminator: Discriminator,
        data: TrainingImages,
        settings: TrainingSettings,
        device: torch.device,
        dtype: torch.dtype,
        num_low_blocks: int | None = None,
        num_workers: int = 0,
        num_rounds: int = 1,
    ) -> None:
        _require_equal_resolutions(generator, discriminator, data)
        self.settings, self.data, self.device, self.dtype = settings, data, device, dtype
        self.generator = generator.to(device)
        train_only(self.generator, settings.trained_part, seed=settings.seed)
        self.discriminator = discriminator.to(device).requires_grad_(True)
        _freeze_blocks(self.discriminator, settings.num_frozen_discriminator_blocks)
        self.generator_ema = copy.deepcopy(generator).eval().requires_grad_(False)
        pl_interval = settings.path_length_interval if settings.path_length_weight else None
        self._generator_optimizer = _adam(generator, settings, interval=pl_interval)
        self._discriminator_optimizer = _adam(
            discriminator, settings, interval=settings.r1_interval if settings.r1_gamma else None
        )
        self._optimizers = (self._generator_optimizer, self._discriminator_optimizer)
        self._learning_rates = [o.param_groups[0]["lr"] for o in self._optimizers]
        self.num_steps = 0
        self.ada_probability = 0.0
        self._path_length_mean = 0.0
        self._sign_sum = 0.0
        self.num_rounds, self.num_low_blocks = num_rounds, num_low_blocks
        self._dtype_from_px = _lowest_px(generator.config.img_resolution, num_low_blocks)
        self._portions = self._portions_of(
            settings.batch_size, group_size=discriminator.config.mbstd_group_size
        )
        self._real_images = RealImages(data, settings, self._portions, num_workers=num_workers)

    @property
    def num_images_seen(self) -> int:
        """Real images shown to the discriminator so far."""
        return self.num_steps * self.settings.batch_size

    def step(self) -> StepReport:
        """Update both networks once, and the average.

        Raises:
            FloatingPointError: A loss or a penalty is not finite; that network is left as it was.
        """
        self._set_learning_rates()
        generator_value, fakes = self._step_generator()
        discriminator_value, real_sign = self._step_discriminator(fakes)
        self.num_steps += 1
        self._update_average()
        self._update_ada(real_sign)
        return StepReport(generator_value, discriminator_value, real_sign)

    def state_dict(self) -> dict[str, Any]:
        """Everything that the next step depends on, as tensors and plain values."""
        return {
            "generator": self.generator.state_dict(),
            "discriminator": self.discriminator.state_dict(),
            "generator_ema": self.generator_ema.state_dict(),
            "generator_optimizer": self._generator_optimizer.state_dict(),
            "discriminator_optimizer": self._discriminator_optimizer.state_dict(),
            "num_steps": self.num_steps,
            "ada_probability": self.ada_probability,
            "path_length_mean": self._path_length_mean,
            "sign_sum": self._sign_sum,
        }

    def misfits(self, state: dict[str, Any]) -> Iterator[str]:
        """Tell in what a state differs from what `load_state_dict` takes, a phrase each."""
        expected = self.state_dict()
        optimizers = {
            "generator_optimizer": self._generator_optimizer,
            "discriminator_optimizer": self._discriminator_optimizer,
        }
        for name, adam in optimizers.items():
            expected[name] = runtime.adam_like(adam, state.get(name))
        yield from runtime.misfits(state, expected)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Inverse of `state_dict`."""
        self.generator.load_state_dict(state["generator"])
        self.discriminator.load_state_dict(state["discriminator"])
        self.generator_ema.load_state_dict(state["generator_ema"])
        self._generator_optimizer.load_state_dict(state["generator_optimizer"])
        self._discriminator_optimizer.load_state_dict(state["discriminator_optimizer"])
        self.num_steps = state["num_steps"]
        self.ada_probability = state["ada_probability"]
        self._path_length_mean = state["path_length_mean"]
        self._sign_sum = state["sign_sum"]

    def _set_learning_rates(self) -> None:
        share = self.settings.learning_rate_share(self.num_images_seen / 1000)
        for optimizer, rate in zip(self._optimizers, self._learning_rates, strict=True):
            for group in optimizer.param_groups:
                group["lr"] = rate * share

    def _step_generator(self) -> tuple[float, list[Tensor]]:
        """Update the generator; returns its loss, and the images of each round."""
        settings, rng = self.settings, self._rng("generator")
        self.discriminator.requires_grad_(False)
        latents = self._draw_latents(rng, batch_size=settings.batch_size)
        transforms = self._draw_transforms(rng)
        self._generator_optimizer.zero_grad(set_to_none=True)
        sums, fakes = torch.zeros(1, device=self.device), []
        w_means = [torch.zeros_like(self.generator.w_avg)]
        for rows in self._portions:
            w_plus = self._w_plus(latents.of(rows), w_means[0])
            images = self._synthesise(w_plus, latents.of(rows))
            loss = losses.generator_loss(self._discriminate(images, transforms.of(rows)))
            self._share(loss).backward()
            sums += self._share(loss.detach())
            fakes.append(images.detach())
        if settings.path_length_weight and self.num_steps % settings.path_length_interval == 0:
            w_means.append(self._regularise_path_lengths(rng))
        runtime.average_([sums, *w_means, *_gradients(self.generator)])
        value = self._finite(sums[0], "generator")
        for mean in w_means:
            self.generator.w_avg.copy_(mean.lerp(self.generator.w_avg, _W_AVG_MOMENTUM))
        self._generator_optimizer.step()
        return value, fakes

    def _step_discriminator(self, fakes: Sequence[Tensor]) -> tuple[float, float]:
        """Update the discriminator; returns its loss, and the mean sign of D on real images."""
        settings, rng = self.settings, self._rng("discriminator")
        self.discriminator.requires_grad_(True)
        _freeze_blocks(self.discriminator, settings.num_frozen_discriminator_blocks)
        is_penalised = bool(settings.r1_gamma) and self.num_steps % settings.r1_interval == 0
        of_fakes, of_reals = self._draw_transforms(rng), self._draw_transforms(rng)
        of_penalty = self._draw_transforms(rng) if is_penalised else Transforms()
        self._discriminator_optimizer.zero_grad(set_to_none=True)
        sums = torch.zeros(3, device=self.device)
        for i, (rows, generated) in enumerate(zip(self._portions, fakes, strict=True)):
            reals = self._real_images.of(self.num_steps, i).to(self.device)
            fake_logits = self._discriminate(generated, of_fakes.of(rows))
            real_logits = self._discriminate(reals, of_reals.of(rows))
            loss = losses.discriminator_loss(real_logits, fake_logits)
            self._share(loss).backward()
            sign = real_logits.detach().sign().mean()
            sums[:2] += self._share(torch.stack([loss.detach(), sign]))
            if is_penalised:
                penalty = self._r1_loss(of_penalty.of(rows).apply(reals))
                self._share(penalty).backward()
                sums[2] += self._share(penalty.detach())
        runtime.average_([sums, *_gradients(self.discriminator)])
        value = self._finite(sums[0], "discriminator")
        self._finite(sums[2], "R1 penalty")
        self._discriminator_optimizer.step()
        return value, float(sums[1])

    def _share(self, value: Tensor) -> Tensor:
        """What one round adds to the mean over all rounds."""
        return value / len(self._portions)

    def _r1_loss(self, seen: Tensor) -> Tensor:
        """R1 at the augmented images, so that the resampling needs no second derivative."""
        seen = seen.detach().requires_grad_(True)
        penalty = losses.r1_penalty(self.discriminator(seen), seen)
        return penalty * (self.settings.r1_gamma / 2 * self.settings.r1_interval)

    def _regularise_path_lengths(self, rng: torch.Generator) -> Float[Tensor, " w_dim"]:
        """Add the gradients of the path-length penalty; returns the mean of its w.

        The penalty needs the mean length of the whole batch. With several rounds that takes a pass
        of its own, as no more than one round is held in memory.
        """
        settings = self.settings
        batch_size = max(1, settings.batch_size // 2)
        latents = self._draw_latents(rng, batch_size=batch_size)
        image_seeds = draw_seeds(rng, batch_size)
        rounds = self._portions_of(batch_size, group_size=1)
        mean, w_mean = torch.zeros(1, device=self.device), torch.zeros_like(self.generator.w_avg)
        for rows in rounds:
            lengths = self._path_lengths(latents.of(rows), image_seeds[rows], w_mean)
            mean += self._share(lengths.detach().mean())
        runtime.average_([mean])
        batch_mean = self._finite(mean[0], "path lengths")
        self._path_length_mean += (1 - _PATH_LENGTH_MOMENTUM) * (
            batch_mean - self._path_length_mean
        )
        weight = settings.path_length_weight * settings.path_length_interval
        for rows in rounds:
            if len(rounds) > 1:
                lengths = self._path_lengths(latents.of(rows), image_seeds[rows])
            penalty = (lengths - self._path_length_mean).square().mean()
            self._share(penalty * weight).backward()
        return w_mean

    def _path_lengths(
        self, latents: Latents, image_seeds: Tensor, w_mean: Tensor | None = None
    ) -> Float[Tensor, " rows"]:
        w_plus = self._w_plus(latents, w_mean)
        images = self._synthesise(w_plus, latents, dtype=torch.float32)
        image_noise = runtime.randn_per_seed(
            image_seeds.tolist(), tuple(images.shape[1:]), device=self.device
        )
        return losses.path_lengths(images, w_plus, image_noise=image_noise)

    def _draw_latents(self, rng: torch.Generator, *, batch_size: int) -> Latents:
        return Latents.draw(
            self.generator,
            rng,
            batch_size=batch_size,
            mixing_prob=self.settings.style_mixing_prob,
            is_noise_used=self.settings.is_noise_used,
        )

    def _draw_transforms(self, rng: torch.Generator) -> Transforms:
        return draw_transforms(
            self.settings.batch_size,
            img_resolution=self.data.img_resolution,
            probability=self.ada_probability,
            rng=rng,
        )

    def _w_plus(
        self, latents: Latents, w_mean: Tensor | None
    ) -> Float[Tensor, "rows num_ws w_dim"]:
        """Latents for training; the mean of the first w of each is added to `w_mean`."""
        w, w_mixed = self.generator.mapping(latents.z.flatten(0, 1).to(self.device)).chunk(2)
        if w_mean is not None:
            w_mean += self._share(w.detach().mean(dim=0))
        is_first = latents.is_first.to(self.device)[:, :, None]
        return torch.where(is_first, w[:, None], w_mixed[:, None])

    def _synthesise(
        self, w_plus: Tensor, latents: Latents, *, dtype: torch.dtype | None = None
    ) -> Float[Tensor, "rows 3 size size"]:
        return self.generator.synthesis(
            w_plus,
            noise=latents.noise,
            dtype=dtype or self.dtype,
            dtype_from_px=self._dtype_from_px,
        )

    def _discriminate(self, images: Tensor, transforms: Transforms) -> Float[Tensor, "rows 1"]:
        return self.discriminator(
            transforms.apply(images), dtype=self.dtype, dtype_from_px=self._dtype_from_px
        )

    def _portions_of(self, batch_size: int, *, group_size: int) -> list[Rows]:
        return portions(
            batch_size,
            group_size=group_size,
            num_processes=runtime.num_processes(),
            process=runtime.process_index(),
            num_rounds=self.num_rounds,
        )

    def _finite(self, value: Tensor, name: str) -> float:
        number = float(value)
        if not math.isfinite(number):
            raise FloatingPointError(
                f"The loss ({name}) is {number} after {self.num_images_seen} images: the training "
                "diverged. Restart from an earlier state with a lower learning_rate or a higher "
                "r1_gamma."
            )
        return number

    def _update_average(self) -> None:
        settings = self.settings
        half_life = settings.ema_half_life_kimg * 1000
        if settings.ema_rampup is not None:
            half_life = min(half_life, self.num_images_seen * settings.ema_rampup)
        decay = 0.5 ** (settings.batch_size / max(half_life, 1e-8))
        averages: list[Tensor] = list(self.generator_ema.parameters())
        currents = [p.detach() for p in self.generator.parameters()]
        torch._foreach_lerp_(averages, currents, 1 - decay)
        for average, current in zip(
            self.generator_ema.buffers(), self.generator.buffers(), strict=True
        ):
            average.copy_(current)

    def _update_ada(self, real_sign: float) -> None:
        settings = self.settings
        if settings.ada_target is None:
            return
        self._sign_sum += real_sign
        if self.num_steps % settings.ada_interval == 0:
            self.ada_probability = adjust_probability(
                self.ada_probability,
                sign_mean=self._sign_sum / settings.ada_interval,
                target=settings.ada_target,
                num_images=settings.batch_size * settings.ada_interval,
                ada_kimg=settings.ada_kimg,
            )
            self._sign_sum = 0.0

    def _rng(self, purpose: str) -> torch.Generator:
        """A CPU generator for one half of this step, independent of all others."""
        stream = ("generator", "discriminator").index(purpose)
        entropy = np.random.SeedSequence([self.settings.seed, self.num_steps, stream])
        return torch.Generator().manual_seed(int(entropy.generate_state(1, np.uint64)[0] >> 1))


def _adam(
    network: nn.Module, settings: TrainingSettings, *, interval: int | None
) -> torch.optim.Adam:
    """Adam(0, 0.99), corrected for a penalty that is evaluated every `interval` steps.

    Source: Karras et al. 2020 (StyleGAN2), Appendix B.
    """
    ratio = interval / (interval + 1) if interval else 1.0
    return torch.optim.Adam(
        network.parameters(),
        lr=settings.learning_rate * ratio,
        betas=(0.0, 0.99**ratio),
        eps=1e-8,
        foreach=True,
    )


def _freeze_blocks(discriminator: Discriminator, num_blocks: int) -> None:
    """Stop the gradients of the `num_blocks` highest resolutions."""
    available = len(block_resolutions(discriminator.config.img_resolution)) - 1
    if num_blocks > available:
        raise ValueError(
            f"num_frozen_discriminator_blocks is {num_blocks}, but there are {available} blocks."
        )
    for level in range(num_blocks):
        resolution = discriminator.config.img_resolution >> level
        discriminator.get_submodule(f"b{resolution}").requires_grad_(False)


def _lowest_px(img_resolution: int, num_blocks: int | None) -> int:
    """Side of the lowest of some highest resolutions; None means all of them."""
    resolutions = block_resolutions(img_resolution)
    if num_blocks is None:
        return resolutions[0]
    if not 0 <= num_blocks <= len(resolutions):
        raise ValueError(
            f"num_low_blocks is {num_blocks}, but there are {len(resolutions)} resolutions."
        )
    return [*resolutions, 2 * img_resolution][len(resolutions) - num_blocks]


def _gradients(network: nn.Module) -> list[Tensor]:
    return [p.grad for p in network.parameters() if p.grad is not None]


def _require_equal_resolutions(
    generator: Generator, discriminator: Discriminator, data: TrainingImages
) -> None:
    sizes = {
        "generator": generator.config.img_resolution,
        "discriminator": discriminator.config.img_resolution,
        "images": data.img_resolution,
    }
    if len(set(sizes.values())) != 1:
        given = ", ".join(f"{name} {size} px" for name, size in sizes.items())
        raise ValueError(f"All resolutions have to be equal, but they are: {given}.")
