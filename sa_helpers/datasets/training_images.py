"""Sets of square images of one size, in batches that a seed and the number of a step determine."""

import functools
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float
from torch import Tensor

from sa_helpers import images
from sa_helpers.datasets.stored_images import blocks


@dataclass(frozen=True)
class TrainingImages:
    """A set of square images of one size, with a description that goes into the run record.

    Args:
        array: The images, bytes [num_images, size, size, 3], possibly mapped from disk, or what
            decodes them when they are asked for (`archives.ZippedImages`).
        description: What they are; two sets with equal descriptions hold equal images.
        left_out: What of the folder is not used, with the reason of each.
        origin: Where they were found, for the record; it may differ where the images are equal.
    """

    array: Any  # UInt8[np.ndarray, "num_images size size 3"], or what stands for it
    description: dict[str, Any]
    left_out: Mapping[str, str] = field(default_factory=dict)
    origin: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        """Number of images, mirrored copies not counted."""
        return len(self.array)

    @property
    def summary(self) -> str:
        """What was found, used and left out, in a sentence."""
        files = self.origin.get("files")
        if files is None:
            return f"{len(self)} images"
        return (
            f"{files['found']} files found: {files['used']} used as images, {files['left_out']} "
            f"left out, {files['texts']} of text; {files['hidden']} hidden, not looked at"
            + (f"; {labels}" if (labels := self.origin.get("labels", "none")) != "none" else "")
        )

    @property
    def img_resolution(self) -> int:
        """Side length in pixels."""
        return int(self.array.shape[1])

    def take(self, indices: Sequence[int]) -> "TrainingImages":
        """The images at some positions, in that order.

        Raises:
            ValueError: No positions, or one that does not exist.
        """
        chosen = [int(index) for index in indices]
        if not chosen or not 0 <= min(chosen) <= max(chosen) < len(self):
            raise ValueError(
                f"The positions {chosen} were asked of {len(self)} images; expected one or more, "
                f"from 0 to {len(self) - 1}."
            )
        taken = {**self.description, "taken": chosen}
        return TrainingImages(self.array[chosen], taken, origin=self.origin)

    def batches(self) -> Iterator[Float[Tensor, "batch 3 size size"]]:
        """All images in their order, a few at a time."""
        return map(images.from_uint8, blocks(self.array))

    def first(self, num_images: int) -> "TrainingImages":
        """The first images, or all if there are fewer; nothing is copied."""
        description = {**self.description, "first": num_images}
        return TrainingImages(self.array[:num_images], description, origin=self.origin)

    @functools.cached_property
    def sha256(self) -> str:
        """Digest of all bytes of the images."""
        digest = hashlib.sha256()
        for block in blocks(self.array):
            digest.update(np.ascontiguousarray(block).data)
        return digest.hexdigest()

    def batch(
        self,
        step: int,
        *,
        batch_size: int,
        seed: int,
        is_mirrored: bool,
        rows: Sequence[int] | None = None,
    ) -> Float[Tensor, "batch 3 size size"]:
        """The images of one training step; equal arguments give equal images.

        Every image is shown once before any is shown again, in an order that depends on `seed`
        and on the number of the pass.

        Args:
            step: Number of the step, from 0.
            batch_size: Images of the whole step.
            seed: Of order and mirroring.
            is_mirrored: Whether images are flipped with probability one half.
            rows: Positions in the batch, where only some of its images are wanted.
        """
        chosen_rows = np.arange(batch_size) if rows is None else np.asarray(rows)
        positions = step * batch_size + chosen_rows
        passes, offsets = np.divmod(positions, len(self))
        order = {int(p): _permutation(len(self), seed=seed, epoch=int(p)) for p in set(passes)}
        indices = [order[int(p)][o] for p, o in zip(passes, offsets, strict=True)]
        chosen = np.stack([self.array[i] for i in indices])
        if is_mirrored:
            is_flipped = np.random.default_rng([seed, step, 1]).random(batch_size) < 0.5
            is_flipped = is_flipped[chosen_rows]
            chosen[is_flipped] = chosen[is_flipped, :, ::-1]
        return images.from_uint8(chosen)


@functools.lru_cache(maxsize=2)  # of a million images it takes a part of a step
def _permutation(num_images: int, *, seed: int, epoch: int) -> np.ndarray:
    return np.random.default_rng([seed, epoch, 0]).permutation(num_images)
