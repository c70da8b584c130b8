"""Train a translator between two sets of unpaired images, as CUT does.

Source: Park et al. 2020 (CUT), Sections 3.1 to 3.4: an adversarial loss, the contrast of patches of
output and input, and the same contrast for images of the target domain, which are to stay as they
are.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sa_helpers import runtime
from sa_helpers.datasets import TrainingImages
from sa_helpers.translation.contrastive import (
    discriminator_loss,
    generator_loss,
    patch_nce_loss,
)
from sa_helpers.translation.translator import (
    PatchDiscriminator,
    PatchProjections,
    Translator,
    TranslatorConfig,
)

_REPORTS = 40


@dataclass(frozen=True, kw_only=True)
class CutSettings:
    """How a translator is trained.

    Args:
        total_kimg: Thousands of source images shown.
        batch_size: Images of each domain a step; CUT takes one.
        learning_rate: Adam's step size; constant in the first half, then falling to zero linearly.
        nce_weight: Weight of the contrastive loss beside the adversarial one.
        num_patches: Patches that are compared in each image and layer.
        temperature: Temperature of the contrastive loss.
        width: Channels of the translator, see `TranslatorConfig`.
        num_blocks: Residual blocks of the translator.
        is_mirrored: Whether images are flipped left to right with probability one half.
        seed: Seed of everything random.

    Raises:
        ValueError: A setting outside its range.
    """

    total_kimg: float = 16.0
    batch_size: int = 2
    learning_rate: float = 3e-4
    nce_weight: float = 1.0
    num_patches: int = 128
    temperature: float = 0.07
    width: int = 12
    num_blocks: int = 6
    is_mirrored: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        """Reject values that would make a run meaningless, before it costs anything."""
        for name in ("total_kimg", "batch_size", "learning_rate", "num_patches", "temperature"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} is {getattr(self, name)}; expected more than 0.")
        if self.nce_weight < 0:
            raise ValueError(f"nce_weight is {self.nce_weight}; expected 0 or more.")

    @property
    def num_steps(self) -> int:
        """Steps of the training."""
        return max(1, round(self.total_kimg * 1000 / self.batch_size))


class CutTrainer:
    """Translator, discriminator and projections, and one step of their training.

    Args:
        settings: How.
        device: Where.
    """

    def __init__(self, settings: CutSettings, *, device: torch.device | None = None) -> None:
        """Draw the weights from the settings' seed."""
        self.settings, self.device = settings, device or runtime.default_device()
        self.dtype = runtime.compute_dtype(self.device)
        self.step_index = 0
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            config = TranslatorConfig(width=settings.width, num_blocks=settings.num_blocks)
            self.translator = Translator(config)
            self.discriminator = PatchDiscriminator()
            self.projections = PatchProjections(self.translator.feature_widths)
        for network in self._networks.values():
            network.to(self.device).train()
        generating = [*self.translator.parameters(), *self.projections.parameters()]
        self.optimizers = {
            "generator": self._adam(generating),
            "discriminator": self._adam(self.discriminator.parameters()),
        }

    def step(self, source: TrainingImages, target: TrainingImages) -> dict[str, float]:
        """Show one batch of each domain; returns the losses before the step, by name."""
        real_source, real_target = self._batch(source, 1), self._batch(target, 2)
        self._set_learning_rate()
        with torch.autocast(self.device.type, self.dtype, enabled=self._is_autocast):
            both = self.translator(torch.cat([real_source, real_target]))
            fake, same = both.chunk(2)
            judged = self.discriminator(torch.cat([fake.detach(), real_target]))
        fake_logits, real_logits = judged.float().chunk(2)
        of_discriminator = discriminator_loss(real_logits, fake_logits)
        self._descend("discriminator", of_discriminator)
        losses = self._generator_losses(fake, same, real_source, real_target)
        self._descend("generator", torch.stack(list(losses.values())).sum())
        self.step_index += 1
        named = {"discriminator": of_discriminator, **losses}
        return {name: float(value.detach()) for name, value in named.items()}

    def state_dict(self) -> dict[str, Any]:
        """Everything that a later process needs to go on as if nothing had happened."""
        return {
            "settings": asdict(self.settings),
            "step_index": self.step_index,
            **{name: network.state_dict() for name, network in self._networks.items()},
            **{f"adam_{name}": adam.state_dict() for name, adam in self.optimizers.items()},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state.

        Raises:
            ValueError: It is that of a training with other settings, or does not fit.
        """
        if state["settings"] != asdict(self.settings):
            raise ValueError(
                f"The state belongs to a training with the settings {state['settings']}, not "
                f"{asdict(self.settings)}. Delete it, or repeat the command that started it."
            )
        problems = list(self._misfits(state))
        if problems:
            raise ValueError(
                f"The state does not fit the training: {runtime.shown('; '.join(problems))}. "
                "Delete it to start anew."
            )
        self.step_index = state["step_index"]
        for name, network in self._networks.items():
            network.load_state_dict(state[name])
        for name, adam in self.optimizers.items():
            adam.load_state_dict(state[f"adam_{name}"])

    def _misfits(self, state: dict[str, Any]) -> Iterator[str]:
        expected = self.state_dict()
        for name, adam in self.optimizers.items():
            expected[f"adam_{name}"] = runtime.adam_like(adam, state[f"adam_{name}"])
        yield from runtime.misfits({key: state[key] for key in expected}, expected)

    @property
    def _networks(self) -> dict[str, nn.Module]:
        return {
            "translator": self.translator,
            "discriminator": self.discriminator,
            "projections": self.projections,
        }

    @property
    def _is_autocast(self) -> bool:
        return self.dtype != torch.float32

    def _adam(self, parameters: Any) -> torch.optim.Adam:
        return torch.optim.Adam(parameters, lr=self.settings.learning_rate, betas=(0.5, 0.999))

    def _batch(self, images: TrainingImages, salt: int) -> Float[Tensor, "batch 3 size size"]:
        settings = self.settings
        batch = images.batch(
            self.step_index,
            batch_size=settings.batch_size,
            seed=settings.seed + salt,
            is_mirrored=settings.is_mirrored,
        )
        return batch.to(self.device).contiguous()

    def _set_learning_rate(self) -> None:
        half = self.settings.num_steps / 2
        factor = min(1.0, (self.settings.num_steps - self.step_index) / half)
        for adam in self.optimizers.values():
            for group in adam.param_groups:
                group["lr"] = factor * self.settings.learning_rate

    def _descend(self, name: str, loss: Tensor) -> None:
        self.optimizers[name].zero_grad(set_to_none=True)
        loss.backward()
        self.optimizers[name].step()

    def _generator_losses(
        self, fake: Tensor, same: Tensor, real_source: Tensor, real_target: Tensor
    ) -> dict[str, Tensor]:
        for parameter in self.discriminator.parameters():
            parameter.requires_grad_(False)
        with torch.autocast(self.device.type, self.dtype, enabled=self._is_autocast):
            fooled = generator_loss(self.discriminator(fake).float())
            with torch.no_grad():
                seen = self.translator.features(torch.cat([real_source, real_target]))
            drawn = self.translator.features(torch.cat([fake, same]))
            rng = torch.Generator().manual_seed(self.settings.seed + self.step_index)
            places = [torch.rand(self.settings.num_patches, generator=rng) for _ in seen]
            queries = self.projections(drawn, places)
            keys = self.projections(seen, places)
        for parameter in self.discriminator.parameters():
            parameter.requires_grad_(True)
        contrasts = [
            patch_nce_loss(q, k, temperature=self.settings.temperature)
            for q, k in zip(queries, keys, strict=True)
        ]
        contrast = self.settings.nce_weight * torch.stack(contrasts).mean()
        return {"adversarial": fooled, "contrast": contrast}


def train_translator(
    source: TrainingImages,
    target: TrainingImages,
    settings: CutSettings,
    *,
    state_path: Path | None = None,
    report: Callable[[str], None] = print,
) -> Translator:
    """Train a translator from one domain to another.

    Args:
        source: Images to translate.
        target: Images to be like; the two are not paired.
        settings: How.
        state_path: Where to keep the state, now and then; a training that finds one goes on from
            there. None keeps none.
        report: Called with a line now and then.

    Returns:
        The translator, in evaluation mode.

    Raises:
        ValueError: The state is damaged, or belongs to other settings or images.
    """
    trainer = CutTrainer(settings)
    described = [dict(source.description), dict(target.description)]
    if state_path is not None and state_path.is_file():
        state = runtime.load_state(state_path, keys=(*trainer.state_dict(), "images"))
        if state["images"] != described:
            raise ValueError(
                f"{state_path} belongs to a training on {state['images']}, not on {described}. "
                "Delete it, or repeat the command that started it."
            )
        try:
            trainer.load_state_dict(state)
        except ValueError as error:
            raise ValueError(f"{state_path}: {error}") from error
        report(f"resumed at step {trainer.step_index}")
    interval = max(1, settings.num_steps // _REPORTS)
    started, first = time.monotonic(), trainer.step_index
    while trainer.step_index < settings.num_steps:
        losses = trainer.step(source, target)
        if trainer.step_index % interval == 0 or trainer.step_index == settings.num_steps:
            seconds = time.monotonic() - started
            speed = (trainer.step_index - first) * settings.batch_size / seconds
            parts = "  ".join(f"{name} {value:.3f}" for name, value in losses.items())
            kimg = trainer.step_index * settings.batch_size / 1000
            report(f"kimg {kimg:.2f}  {parts}  {speed:.1f} images/s")
            if state_path is not None:
                runtime.save_state(state_path, {**trainer.state_dict(), "images": described})
    return trainer.translator.eval().requires_grad_(False)
