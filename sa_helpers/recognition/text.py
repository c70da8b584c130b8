"""Sentences as readers: how much more an image agrees with one sentence than with its opposite.

Photographs have no renderer that knows the truth. CLIP, which has learned what captions go with
what photographs, reads them instead; the numbers have no unit. It is no part of the locked
packages, and its weights, some 350 MB, are downloaded at the first use.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from numpy import ndarray
from torch import Tensor

from sa_helpers import runtime
from sa_helpers.images import resize

_CHUNK = 32


class TextUnavailableError(RuntimeError):
    """CLIP or its weights are not on this machine; the message states the remedy."""


class TextReader:
    """Reads attributes that are described by two sentences each.

    Args:
        prompts: Attribute to what the image shows where it is strong, and where it is not, such as
            `{"smile": ("a photo of a smiling face", "a photo of a face")}`.
        model: Of open_clip.
        weights: Of that model; those of OpenAI are what StyleCLIP uses.
        device: None means the best there is.

    Raises:
        ValueError: No prompts.
        TextUnavailableError: The package open_clip_torch is missing, or the weights cannot be had.

    Source: Radford et al. 2021 (CLIP), Section 2; Patashnik et al. 2021 (StyleCLIP), Section 6.1,
    for the difference of two sentences.
    """

    def __init__(
        self,
        prompts: Mapping[str, tuple[str, str]],
        *,
        model: str = "ViT-B-32-quickgelu",
        weights: str | None = "openai",
        device: torch.device | None = None,
    ) -> None:
        """Load CLIP and read the sentences."""
        if not prompts:
            raise ValueError(
                "There are no prompts; expected a dict of some, such as "
                '{"smile": ("a smiling face", "a face")}.'
            )
        self.names = tuple(prompts)
        self.device = device or runtime.default_device()
        self._clip, tokenise, preprocessing = _open_clip(model, weights)
        self._clip = self._clip.to(self.device).eval().requires_grad_(False)
        size, mean, std = (preprocessing[key] for key in ("size", "mean", "std"))
        self._side = int(size if isinstance(size, int) else size[0])
        self._mean, self._std = (
            torch.tensor(values, device=self.device)[:, None, None] for values in (mean, std)
        )
        sentences = [sentence for pair in prompts.values() for sentence in pair]
        with torch.inference_mode():
            embedded = self._clip.encode_text(tokenise(sentences).to(self.device))
        strong, weak = F.normalize(embedded.float(), dim=1).unflatten(0, (-1, 2)).unbind(dim=1)
        self._differences = strong - weak

    @torch.inference_mode()
    def read(
        self, images: Float[Tensor, "batch 3 height width"]
    ) -> dict[str, Float[ndarray, " batch"]]:
        """Attributes of images in [-1, 1], in hundredths of a cosine.

        `AttributeNetwork.read` gives the same form, so `editing.channel_effects` takes either.
        """
        scores = [self._scores(chunk.to(self.device)) for chunk in images.split(_CHUNK)]
        columns = torch.cat(scores).cpu().double().numpy()
        return {name: np.ascontiguousarray(columns[:, i]) for i, name in enumerate(self.names)}

    def _scores(self, images: Tensor) -> Float[Tensor, "batch attributes"]:
        seen = resize(images.float(), img_resolution=self._side).clamp(-1, 1)
        seen = ((seen + 1) / 2 - self._mean) / self._std
        embedded = F.normalize(self._clip.encode_image(seen).float(), dim=1)
        return 100 * embedded @ self._differences.t()


def _open_clip(model: str, weights: str | None) -> tuple[Any, Any, dict[str, Any]]:
    try:
        import open_clip
    except ImportError as error:
        raise TextUnavailableError(
            "Sentences are read by the package open_clip_torch, which is not installed. Install it "
            "with: pip install open_clip_torch"
        ) from error
    try:
        clip, *_ = open_clip.create_model_and_transforms(model, pretrained=weights)
        tokenise = open_clip.get_tokenizer(model)
    except (OSError, RuntimeError) as error:
        raise TextUnavailableError(
            f'open_clip has no model "{model}" with the weights "{weights}", or could not download '
            f"it ({error}). Go online once, or choose from open_clip.list_pretrained()."
        ) from error
    return clip, tokenise, open_clip.get_model_preprocess_cfg(clip)
