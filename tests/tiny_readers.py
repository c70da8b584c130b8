"""Published readers of their real architectures, tiny and with random weights, made on the spot."""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

LABELS = ("background", "skin", "l_ear", "r_ear", "hair")
CLIP = {
    "embed_dim": 16,
    "vision_cfg": {
        "image_size": 32,
        "layers": 1,
        "width": 16,
        "head_width": 8,
        "patch_size": 8,
    },
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
}
SEEN = {"mean": [0.5, 0.4, 0.3], "std": [0.2, 0.3, 0.25]}


def save_clip(folder: Path) -> Path:
    """CLIP, as open_clip reads it from a folder."""
    import open_clip

    torch.manual_seed(0)
    network = open_clip.CLIP(**CLIP)
    folder.mkdir(parents=True)
    (folder / "open_clip_config.json").write_text(
        json.dumps({"model_cfg": CLIP, "preprocess_cfg": SEEN})
    )
    weights = {name: value.contiguous() for name, value in network.state_dict().items()}
    save_file(weights, folder / "open_clip_model.safetensors")
    return folder


def save_segformer(folder: Path, *, labels: tuple[str, ...] = LABELS, side: int = 64) -> Path:
    """A SegFormer with the preprocessing that it was taught with, as transformers reads it."""
    from transformers import (
        SegformerConfig,
        SegformerForSemanticSegmentation,
        SegformerImageProcessor,
    )

    torch.manual_seed(0)
    config = SegformerConfig(
        depths=[1] * 4,
        hidden_sizes=[8, 8, 16, 16],
        num_attention_heads=[1, 1, 2, 2],
        decoder_hidden_size=16,
        id2label=dict(enumerate(labels)),
        label2id={label: index for index, label in enumerate(labels)},
    )
    SegformerForSemanticSegmentation(config).save_pretrained(folder)
    SegformerImageProcessor(size={"height": side, "width": side}).save_pretrained(folder)
    return folder


def save_vitpose(folder: Path, *, num_experts: int = 1) -> Path:
    """A ViTPose, as transformers reads it."""
    from transformers import VitPoseBackboneConfig, VitPoseConfig, VitPoseForPoseEstimation

    torch.manual_seed(0)
    backbone = VitPoseBackboneConfig(
        image_size=[64, 48],
        patch_size=[16, 16],
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        mlp_ratio=2,
        num_experts=num_experts,
        part_features=4,
    )
    config = VitPoseConfig(backbone_config=backbone, num_labels=17)
    VitPoseForPoseEstimation(config).save_pretrained(folder)
    return folder


LISTING = """
[readers.faces]
[readers.faces.text]
model = "clip"
[readers.faces.text.prompts]
smile = ["a photo of a smiling face", "a photo of a face"]
age = ["a photo of an old face", "a photo of a young face"]
[readers.faces.landmarks]
model = "vitpose"
[readers.faces.regions]
model = "segformer"
[readers.faces.regions.groups]
ear = ["l_ear", "r_ear"]
"""


def save_readers(folder: Path) -> str:
    """All three in a folder, and what its `family.toml` says of them."""
    save_clip(folder / "clip")
    save_vitpose(folder / "vitpose")
    save_segformer(folder / "segformer")
    return LISTING
