"""Search the latents of many images, and train encoders that find latents at once."""

import dataclasses
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from tyro.conf import DisallowNone, OmitArgPrefixes, Positional, arg

from sa_helpers import checkpoints, clay, runtime
from sa_helpers import inversion as inverting
from sa_helpers.commands.options import Count, NumThreads, use_num_threads
from sa_helpers.commands.running import say, typed_command
from sa_helpers.inversion import (
    ENCODERS,
    FOUND_LATENTS,
    EncoderSettings,
    InversionSettings,
    LatentEncoder,
    encoders,
    invert_many,
    reconstruction_errors,
)
from sa_helpers.inversion.found_latents import SEARCH_SETTINGS
from sa_helpers.seeds import Rendered, first_seeds

Space = Literal["z", "z_plus", "w", "w_plus"]


def invert(
    model: Positional[Path],
    domain: Positional[str],
    path: Positional[Path],
    *,
    space: Space = "z",
    num_images: Count = 100,
    settings: OmitArgPrefixes[InversionSettings] = SEARCH_SETTINGS,
    num_threads: NumThreads = None,
) -> None:
    """Search the latents of held-out images, and keep them.

    The images are rendered; no network was trained on them. For example:
      sa-helpers invert runs/dog/model dog runs/dog-latents.npz --space z

    Args:
        model: Checkpoint of the generator.
        domain: Clay domain, the generator's own.
        path: File to write, ending in .npz.
        space: Where to search.
        num_images: How many.
        settings: How a search goes.
    """
    use_num_threads(num_threads)
    loaded = checkpoints.load_model(model, parts=(), device=runtime.default_device())
    found = invert_many(
        loaded.generator.requires_grad_(False),
        domain,
        space=space,
        seeds=first_seeds(Rendered.HELD_OUT, num_images),
        settings=settings,
        num_threads=num_threads,
        report=say,
    )
    found.record.update(runtime.provenance(typed_command()), model_sha256=loaded.sha256)
    if runtime.is_first():
        say(f"stored: {FOUND_LATENTS.save(path, found)}")


def train_encoder(
    model: Positional[Path],
    domain: Positional[str],
    path: Positional[Path],
    *,
    spaces: tuple[Space, ...] = ("z", "z_plus", "w", "w_plus"),
    origin: Annotated[Path | None, DisallowNone, arg(help_behavior_hint="")] = None,
    num_held_out: Count = 200,
    settings: OmitArgPrefixes[EncoderSettings],
    num_threads: NumThreads = None,
) -> None:
    r"""Train an encoder of images into latents.

    It is one network with a head for each latent space. For example, alone, and as a change of the
    encoder of an aligned model, a twentieth of the size:
      sa-helpers train-encoder runs/dog/model dog encoders/dog.safetensors
      sa-helpers train-encoder runs/dog/model dog encoders/dog.safetensors \
        --origin encoders/human.safetensors --rank 4

    Args:
        model: Checkpoint of the generator.
        domain: Clay domain to train on, the generator's own.
        path: File to write, ending in .safetensors.
        spaces: Of the latents.
        origin: Encoder of an aligned model to start from.
        num_held_out: Images that it is measured on.
        settings: How to train.
    """
    use_num_threads(num_threads)
    clay.factor_specs(domain)  # Whatever can be refused is, before anything is rendered.
    first = _origin(origin, path, rank=settings.rank)
    loaded = checkpoints.load_model(model, parts=())
    generator = loaded.generator.requires_grad_(False)
    size = generator.config.img_resolution

    def render(seeds: Sequence[int]) -> np.ndarray:
        return clay.render(domain, seeds, img_resolution=size, num_threads=num_threads).images

    seeds = range(settings.first_seed, settings.first_seed + settings.num_images)
    say(f"rendering {len(seeds)} images of {domain}")
    rendered, started = render(seeds), time.monotonic()
    encoder = inverting.train_encoder(
        generator, rendered, settings, spaces=spaces, origin=first, report=say
    )
    record: dict[str, Any] = {
        **runtime.provenance(typed_command()),
        "model": model.parent.name if model.stem == "model" else model.stem,
        "model_sha256": loaded.sha256,
        "domain": domain,
        "settings": dataclasses.asdict(settings),
        "train_sec": round(time.monotonic() - started, 1),
        "num_held_out": num_held_out,
    }
    held_out = render(first_seeds(Rendered.HELD_OUT, num_held_out))
    errors = reconstruction_errors(encoder, generator, held_out, network=settings.network)
    record["held_out"] = {
        space: {name: round(value, 4) for name, value in row.items()}
        for space, row in errors.items()
    }
    for space, row in record["held_out"].items():
        say(f"{space} {row}")
    name = origin.stem if origin is not None and settings.rank else None
    say(f"stored: {encoders(origin=name).save(path, encoder, record=record)}")


def _origin(origin: Path | None, path: Path, *, rank: int) -> LatentEncoder | None:
    """The encoder to start from; of a change it has to be another one, in the same folder."""
    if origin is None:
        if rank:
            raise ValueError(
                "A change of low rank needs an encoder to start from: name it, --origin."
            )
        return None
    target, origin = path.resolve(), origin.resolve()
    if rank and (origin.parent != target.parent or origin == target):
        raise ValueError(
            f"A change of {origin.name} has to be another file beside it, not {target}."
        )
    return ENCODERS.load(origin)[0]
