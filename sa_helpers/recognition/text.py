"""Sentences as readers: how much more an image agrees with one sentence than with its opposite.

Photographs have no renderer that knows the truth. CLIP, which has learned what captions go with
what photographs, reads them instead; the numbers have no unit.
"""

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from sa_helpers import runtime
from sa_helpers.images import resize
from sa_helpers.recognition.interfaces import NumberReader
from sa_helpers.recognition.published import ReaderUnavailableError, normalise


class TextReader(NumberReader):
    """Reads attributes that are described by two sentences each, in hundredths of a cosine.

    Args:
        prompts: Attribute to what the image shows where it is strong, and where it is not, such as
            `{"smile": ("a photo of a smiling face", "a photo of a face")}`.
        model: A name that open_clip knows, or "local-dir:" and a folder with the network.
        weights: Of a model that is named. Those of OpenAI, which StyleCLIP uses too, are some
            600 MB and downloaded at the first use. None for a folder.
        device: None means the best there is.

    Raises:
        ValueError: No prompts.
        ReaderUnavailableError: The package open_clip_torch is missing, or the network cannot be
            had.

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
        super().__init__(tuple(prompts))
        device = device or runtime.default_device()
        clip, tokenise, preprocessing = _open_clip(model, weights)
        self.clip = clip.to(device).eval().requires_grad_(False)
        size = preprocessing["size"]
        self.img_resolution = int(size if isinstance(size, int) else size[0])
        self.mean, self.std = preprocessing["mean"], preprocessing["std"]
        sentences = [sentence for pair in prompts.values() for sentence in pair]
        with torch.no_grad():
            embedded = self.clip.encode_text(tokenise(sentences).to(device))
        strong, weak = F.normalize(embedded.float(), dim=1).unflatten(0, (-1, 2)).unbind(dim=1)
        self.register_buffer("differences", strong - weak)

    def measure(
        self, images: Float[Tensor, "batch 3 side side"]
    ) -> Float[Tensor, "batch attributes"]:
        """How much nearer each image is to the first sentence than to the second."""
        seen = resize(images.float(), img_resolution=self.img_resolution).clamp(-1, 1)
        differences = self.get_buffer("differences")
        seen = normalise(seen.to(differences.device), mean=self.mean, std=self.std)
        embedded = F.normalize(self.clip.encode_image(seen).float(), dim=1)
        return 100 * embedded @ differences.t()


def _open_clip(model: str, weights: str | None) -> tuple[Any, Any, dict[str, Any]]:
    try:
        import open_clip
    except ImportError as error:
        raise ReaderUnavailableError(
            "Sentences are read by the package open_clip_torch, which is not installed. Install it "
            "with: pip install open_clip_torch"
        ) from error
    try:
        clip, *_ = open_clip.create_model_and_transforms(model, pretrained=weights)
        tokenise = open_clip.get_tokenizer(model)
    except (OSError, RuntimeError, ValueError) as error:
        raise ReaderUnavailableError(
            f'open_clip has no model "{model}" with the weights "{weights}", or could not open it '
            f"({error}). Go online once, choose from open_clip.list_pretrained(), or download the "
            "folder again."
        ) from error
    return clip, tokenise, open_clip.get_model_preprocess_cfg(clip)
