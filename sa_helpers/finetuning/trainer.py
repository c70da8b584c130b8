"""One training step of StyleGAN2, and everything needed to repeat it exactly.

All randomness of a step derives from the run's seed and the number of the step, so a trainer
that is restored from its state continues as if it had never stopped.
"""

import copy
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from sa_helpers.datasets import TrainingImages
from sa_helpers.finetuning import losses
from sa_helpers.finetuning.augmentation import adjust_probability, augment
from sa_helpers.finetuning.parts import train_only
from sa_helpers.finetuning.settings import TrainingSettings
from sa_helpers.networks import Discriminator, Generator
from sa_helpers.networks.config import block_resolutions
from sa_helpers.runtime import adam_like, misfits

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

    Raises:
        ValueError: The resolutions of networks and data differ.
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
            expected[name] = adam_like(adam, state.get(name))
        yield from misfits(state, expected)

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

    def _step_generator(self) -> tuple[float, Tensor]:
        settings, rng = self.settings, self._rng("generator")
        self.discriminator.requires_grad_(False)
        w_plus = self._sample_w_plus(rng, batch_size=settings.batch_size)
        fakes = self.generator.synthesis(w_plus, noise=self._noise(rng), dtype=self.dtype)
        loss = losses.generator_loss(self._discriminate(fakes, rng))
        value = _finite(loss, "generator", self.num_images_seen)
        self._generator_optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if settings.path_length_weight and self.num_steps % settings.path_length_interval == 0:
            self._path_length_loss(rng).backward()
        self._generator_optimizer.step()
        return value, fakes.detach()

    def _step_discriminator(self, fakes: Tensor) -> tuple[float, float]:
        settings, rng = self.settings, self._rng("discriminator")
        self.discriminator.requires_grad_(True)
        _freeze_blocks(self.discriminator, settings.num_frozen_discriminator_blocks)
        reals = self.data.batch(
            self.num_steps,
            batch_size=settings.batch_size,
            seed=settings.seed,
            is_mirrored=settings.is_mirrored,
        ).to(self.device)
        fake_logits = self._discriminate(fakes, rng)
        real_logits = self._discriminate(reals, rng)
        loss = losses.discriminator_loss(real_logits, fake_logits)
        value = _finite(loss, "discriminator", self.num_images_seen)
        self._discriminator_optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if settings.r1_gamma and self.num_steps % settings.r1_interval == 0:
            penalty = self._r1_loss(reals, rng)
            _finite(penalty, "R1 penalty", self.num_images_seen)
            penalty.backward()
        self._discriminator_optimizer.step()
        return value, float(real_logits.detach().sign().mean())

    def _r1_loss(self, reals: Tensor, rng: torch.Generator) -> Tensor:
        """R1 at the augmented images, so that the resampling needs no second derivative."""
        seen = augment(reals, probability=self.ada_probability, rng=rng)
        seen = seen.detach().requires_grad_(True)
        penalty = losses.r1_penalty(self.discriminator(seen), seen)
        return penalty * (self.settings.r1_gamma / 2 * self.settings.r1_interval)

    def _path_length_loss(self, rng: torch.Generator) -> Tensor:
        settings = self.settings
        w_plus = self._sample_w_plus(rng, batch_size=max(1, settings.batch_size // 2))
        fakes = self.generator.synthesis(w_plus, noise=self._noise(rng))
        image_noise = torch.randn(fakes.shape, generator=rng).to(self.device)
        lengths = losses.path_lengths(fakes, w_plus, image_noise=image_noise)
        batch_mean = _finite(lengths.mean(), "path lengths", self.num_images_seen)
        self._path_length_mean += (1 - _PATH_LENGTH_MOMENTUM) * (
            batch_mean - self._path_length_mean
        )
        penalty = (lengths - self._path_length_mean).square().mean()
        return penalty * (settings.path_length_weight * settings.path_length_interval)

    def _sample_w_plus(
        self, rng: torch.Generator, *, batch_size: int
    ) -> Float[Tensor, "batch num_ws w_dim"]:
        """Latents for training: some mix two w at a random layer; w_avg follows the first."""
        mapping, num_ws = self.generator.mapping, self.generator.num_ws
        z = torch.randn(2 * batch_size, self.generator.config.z_dim, generator=rng)
        w, w_mixed = mapping(z.to(self.device)).chunk(2)
        mean = w.detach().mean(dim=0)
        mapping.w_avg.copy_(mean.lerp(mapping.w_avg, _W_AVG_MOMENTUM))
        crossover = torch.randint(1, num_ws, (batch_size, 1), generator=rng)
        is_single = torch.rand(batch_size, 1, generator=rng) >= self.settings.style_mixing_prob
        crossover = torch.where(is_single, num_ws, crossover)
        is_first = (torch.arange(num_ws) < crossover).to(self.device)[:, :, None]
        return torch.where(is_first, w[:, None], w_mixed[:, None])

    def _noise(self, rng: torch.Generator) -> torch.Generator | Literal["none"]:
        return rng if self.settings.is_noise_used else "none"

    def _discriminate(self, images: Tensor, rng: torch.Generator) -> Float[Tensor, "batch 1"]:
        seen = augment(images, probability=self.ada_probability, rng=rng)
        return self.discriminator(seen, dtype=self.dtype)

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


def _finite(loss: Tensor, name: str, num_images_seen: int) -> float:
    value = float(loss.detach())
    if not math.isfinite(value):
        raise FloatingPointError(
            f"The loss ({name}) is {value} after {num_images_seen} images: the training "
            "diverged. Restart from an earlier state with a lower learning_rate or a higher "
            "r1_gamma."
        )
    return value


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
