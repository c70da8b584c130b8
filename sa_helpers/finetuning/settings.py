"""The settings of one training run, validated once and stored in its record."""

from dataclasses import asdict, dataclass
from typing import Any

from sa_helpers.finetuning.parts import check_part


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """What a run does, apart from its networks and its data.

    The defaults are those of StyleGAN2 and of the papers' fine-tuning (SA A.8, LS B.1), except
    `r1_gamma`, which their published rule scales with the image area (Karras et al. 2020, ADA,
    Appendix C), and the path-length term, which is off because it triples the cost of the
    generator's step.

    Args:
        total_kimg: Length of the run, in thousands of real images shown to the discriminator.
        batch_size: Images per step.
        seed: Seed of everything random in the run; each step derives its own seed from it.
        learning_rate: Adam's step size for both networks.
        cooldown_kimg: Kimg at the end of the run in which the step size falls linearly to zero; 0
            leaves it as it is.
        r1_gamma: Weight of the R1 penalty.
        r1_interval: Steps between two R1 penalties (lazy regularisation).
        path_length_weight: Weight of the path-length penalty; 0 leaves it out.
        path_length_interval: Steps between two path-length penalties.
        style_mixing_prob: Share of generated images that mix two latents.
        ema_half_life_kimg: Half-life of the weight average that becomes the shipped generator.
        ema_rampup: Upper bound of the half-life as a share of the images seen so far; None means
            no bound, which suits fine-tuning.
        is_noise_used: Whether the generator gets fresh per-pixel noise. Off suits images without
            stochastic detail, such as clay: the noise strengths stay at zero, and an image
            depends on its latent alone (Karras et al. 2021, StyleGAN3, leave noise out too).
        is_mirrored: Whether real images are flipped left to right with probability one half.
        ada_target: Target of the overfitting heuristic E[sign(D(real))]; None turns ADA off.
        ada_kimg: Kimg in which the augmentation probability can move from 0 to 1.
        ada_interval: Steps between two adjustments of the probability.
        num_frozen_discriminator_blocks: Highest-resolution discriminator blocks that keep the
            parent's weights (FreezeD, Mo et al. 2020).
        trained_part: What of the generator is trained: "all", or one of `finetuning.parts.PARTS`.
        snapshot_kimg: Kimg at which the averaged generator is kept.
        evaluation_kimg: Kimg between two measurements of the distance to the data.
        state_kimg: Kimg between two saved states, the most that an interruption can cost.

    Raises:
        ValueError: A setting outside its range; the message names it and the range.
    """

    total_kimg: float
    batch_size: int = 32
    seed: int = 0
    learning_rate: float = 0.002
    cooldown_kimg: float = 0.0
    r1_gamma: float = 1.0
    r1_interval: int = 16
    path_length_weight: float = 0.0
    path_length_interval: int = 4
    style_mixing_prob: float = 0.9
    ema_half_life_kimg: float = 10.0
    ema_rampup: float | None = 0.05
    is_noise_used: bool = True
    is_mirrored: bool = True
    ada_target: float | None = None
    ada_kimg: float = 100.0
    ada_interval: int = 4
    num_frozen_discriminator_blocks: int = 0
    trained_part: str = "all"
    snapshot_kimg: tuple[float, ...] = ()
    evaluation_kimg: float = 8.0
    state_kimg: float = 2.0

    def __post_init__(self) -> None:
        """Reject values that would make a run meaningless, before it costs anything."""
        for name in ("total_kimg", "learning_rate", "ema_half_life_kimg", "ada_kimg",
                     "evaluation_kimg", "state_kimg"):  # fmt: skip
            _require(getattr(self, name) > 0, name, getattr(self, name), "a number above 0")
        for name in ("batch_size", "r1_interval", "path_length_interval", "ada_interval"):
            _require(getattr(self, name) >= 1, name, getattr(self, name), "a whole number from 1")
        for name in ("r1_gamma", "path_length_weight", "num_frozen_discriminator_blocks"):
            _require(getattr(self, name) >= 0, name, getattr(self, name), "0 or more")
        mixing = self.style_mixing_prob
        _require(0 <= mixing <= 1, "style_mixing_prob", mixing, "a probability")
        target = self.ada_target
        _require(target is None or 0 < target < 1, "ada_target", target, "None or between 0 and 1")
        cooldown = self.cooldown_kimg
        _require(0 <= cooldown <= self.total_kimg, "cooldown_kimg", cooldown, "within the run")
        check_part(self.trained_part)
        for kimg in self.snapshot_kimg:
            _require(0 < kimg <= self.total_kimg, "snapshot_kimg", kimg, "within the run")

    @classmethod
    def of_a_child(cls, **changes: Any) -> "TrainingSettings":
        """The settings of the shipped children, apart from `changes`.

        Small batches, because many small steps are worth more than few large ones, and an average
        that is short at first, because fine-tuning changes a generator fast.
        """
        return cls(**{**_OF_A_CHILD, **changes})

    def learning_rate_share(self, kimg: float) -> float:
        """What is left of the learning rate after `kimg`, 1 to 0.

        Source: Hägele et al. 2024 (arXiv 2405.18392), who let constant rates end in a linear fall.
        """
        left_kimg = max(0.0, self.total_kimg - kimg)
        return min(1.0, left_kimg / self.cooldown_kimg) if self.cooldown_kimg else 1.0

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as JSON stores them."""
        return {**asdict(self), "snapshot_kimg": list(self.snapshot_kimg)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "TrainingSettings":
        """Inverse of `to_dict`.

        Raises:
            ValueError: An unknown or missing setting, or one outside its range.
        """
        try:
            return cls(**{**values, "snapshot_kimg": tuple(values.get("snapshot_kimg", ()))})
        except TypeError as error:
            raise ValueError(
                f"These are not the settings of a training run ({error}); take them from the "
                "'settings' entry of a record written by this version."
            ) from error


# The defaults of the clay family's recipes, as far as they are settings.
_OF_A_CHILD: dict[str, Any] = {
    "batch_size": 8,
    "learning_rate": 0.0025,
    "style_mixing_prob": 0.5,
    "is_noise_used": False,
    "r1_gamma": 0.4,
    "ema_half_life_kimg": 4.0,
    "ema_rampup": 0.2,
}


def _require(is_valid: bool, name: str, value: object, expected: str) -> None:
    if not is_valid:
        raise ValueError(f"{name} is {value}, but it has to be {expected}.")
