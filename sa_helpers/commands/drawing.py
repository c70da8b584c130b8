"""Draw what models make of seeds, or of pictures that were projected: sheets, videos, mixtures."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from torch import Tensor
from tyro.conf import OmitArgPrefixes, Positional, arg

from sa_helpers import checkpoints, images, runtime
from sa_helpers.commands.options import (
    Count,
    LatentsFile,
    Model,
    Models,
    NumThreads,
    PictureFile,
    VideoFile,
    use_num_threads,
)
from sa_helpers.commands.running import say, typed_command
from sa_helpers.datasets.folders import look_into
from sa_helpers.images import Fit
from sa_helpers.inversion import PROJECTIONS, InversionSettings, Projection, invert
from sa_helpers.inversion.found_latents import SEARCH_SETTINGS
from sa_helpers.latents import images_from_w_plus, w_plus_from_seeds
from sa_helpers.networks import Generator
from sa_helpers.translation import mix_with_reference, switch_layer_of
from sa_helpers.video import write_video

_PADDING_PX = 2
Latents = Annotated[
    tuple[str, ...],
    arg(
        metavar="LATENT [LATENT ...]",
        help="Seeds, ranges of seeds such as 0-9, or files that `sa-helpers project` wrote.",
    ),
]


def sheet(
    models: Models,
    *,
    to: PictureFile,
    latents: Latents = ("0-99",),
    truncation_psi: float = 1.0,
    num_columns: Count = 10,
    num_threads: NumThreads = None,
) -> None:
    """Draw samples of one model, or of several side by side.

    Of several models each has a row, and a column is one latent. For example:
      sa-helpers sheet runs/faces --to faces.png
      sa-helpers sheet human toon runs/faces --to family.png --latents 0-9

    Args:
        to: Picture to write, .png or .jpg.
        truncation_psi: 1 draws what was learned, less draws nearer to the mean.
        num_columns: Pictures in a row, of one model.
    """
    use_num_threads(num_threads)
    rows = [_drawn(model, latents, truncation_psi) for model in _opened(models)]
    columns = len(rows[0]) if len(rows) > 1 else min(num_columns, len(rows[0]))
    grid = images.make_grid(np.concatenate(rows), num_columns=columns, padding_px=_PADDING_PX)
    say(f"wrote {images.write_image(to, grid)}: {sum(map(len, rows))} pictures")


def video(
    models: Models,
    *,
    to: VideoFile,
    latents: Latents = ("0-7",),
    truncation_psi: float = 0.7,
    num_frames: Count = 24,
    num_threads: NumThreads = None,
) -> None:
    """Film a walk from latent to latent.

    Several models film it side by side. It is straight in W and returns to its beginning, so that
    it can be looped. For example:
      sa-helpers video human runs/faces --to walk.mp4 --latents 22 23 31
      sa-helpers video human --to seeds.mp4 --latents 0-49 --num-frames 12

    Args:
        to: File to write, .mp4.
        truncation_psi: 1 draws what was learned, less draws nearer to the mean.
        num_frames: Frames from one latent to the next; 24 are a second.
    """
    use_num_threads(num_threads)
    shown = []
    for model in _opened(models):
        stops = _w_plus(model, latents, truncation_psi)
        shown.append(images.to_uint8(images_from_w_plus(model, _walk(stops, num_frames))))
    frames = np.concatenate(shown, axis=2)
    say(f"wrote {write_video(to, frames)}: {len(frames)} frames")


def project(
    model: Model,
    pictures: Annotated[
        Positional[tuple[Path, ...]], arg(metavar="PICTURE ...", help="Files, or folders of them.")
    ],
    *,
    to: LatentsFile,
    fit: Fit = "crop",
    settings: OmitArgPrefixes[InversionSettings] = SEARCH_SETTINGS,
    num_threads: NumThreads = None,
) -> None:
    """Find latents with which a model draws given pictures.

    They are of W+. What is found can be mixed, filmed and drawn by other models. For example:
      sa-helpers project human photo.jpg --to found.npz
      sa-helpers sheet human runs/faces --to translated.png --latents found.npz

    Args:
        to: File to write, .npz; beside it a .png compares the pictures with what was found.
        fit: How pictures that are no squares become some.
        settings: How the search goes.
    """
    use_num_threads(num_threads)
    loaded = checkpoints.load_model(model, parts=(), device=runtime.default_device())
    generator = loaded.generator.requires_grad_(False)
    wanted = _read(pictures, img_resolution=generator.config.img_resolution, fit=fit)
    given = np.stack(list(wanted.values()))
    found = invert(
        images.from_uint8(given),
        generator,
        space="w_plus",
        settings=settings,
        report=_report_some(settings.num_steps),
    )
    record = {**runtime.provenance(typed_command()), "model_sha256": loaded.sha256}
    PROJECTIONS.save(to, Projection(found.w_plus.cpu(), tuple(wanted), record))
    for name, distance in zip(wanted, found.distances.tolist(), strict=True):
        say(f"{name}: perceptual distance {distance:.3f}")
    compared = np.concatenate([given, images.to_uint8(found.images)])
    grid = images.make_grid(compared, num_columns=len(wanted), padding_px=_PADDING_PX)
    say(f"wrote {to} and {images.write_image(to.with_suffix('.png'), grid)}")


def mix(
    model: Model,
    *,
    to: PictureFile,
    coarse: Latents,
    fine: Latents,
    from_resolution: Count = 16,
    truncation_psi: float = 0.7,
    num_threads: NumThreads = None,
) -> None:
    """Mix the coarse layers of some pictures with the fine of others.

    A sheet shows all pairs; its first row and column are the pictures themselves. For example:
      sa-helpers mix human --to mixed.png --coarse 22 23 --fine 5 6 7 --from-resolution 16

    Args:
        to: Picture to write, .png or .jpg.
        coarse: What gives pose and shape.
        fine: What gives colours and surfaces.
        from_resolution: Side in pixels from which on the fine ones draw.
        truncation_psi: 1 draws what was learned, less draws nearer to the mean.
    """
    use_num_threads(num_threads)
    (generator,) = _opened([model])
    layer = switch_layer_of(generator, from_resolution)
    rows, columns = (_w_plus(generator, given, truncation_psi) for given in (coarse, fine))
    mixed = [
        mix_with_reference(row.expand_as(columns), columns, switch_layer=layer) for row in rows
    ]
    drawn = images.to_uint8(images_from_w_plus(generator, torch.cat([columns, rows, *mixed])))
    count = len(columns)
    top, sides, inside = np.split(drawn, [count, count + len(rows)])
    corner = np.full_like(top[:1], 255)
    cells = [corner, top]
    for side, row in zip(sides, np.split(inside, len(rows)), strict=True):
        cells += [side[None], row]
    grid = images.make_grid(np.concatenate(cells), num_columns=count + 1, padding_px=_PADDING_PX)
    say(f"wrote {images.write_image(to, grid)}: {len(rows)} x {count} mixtures")


def _opened(models: Sequence[str]) -> list[Generator]:
    if not models:
        raise ValueError(
            f"No model was named; expected some of {', '.join(checkpoints.shipped_models())}, "
            "folders of runs, or files."
        )
    device = runtime.default_device()
    loaded = [checkpoints.load_model(model, parts=(), device=device) for model in models]
    return [model.generator.requires_grad_(False) for model in loaded]


def _drawn(model: Generator, latents: Sequence[str], psi: float) -> np.ndarray:
    return images.to_uint8(images_from_w_plus(model, _w_plus(model, latents, psi)))


def _w_plus(model: Generator, words: Sequence[str], psi: float) -> Tensor:
    """The latents that somebody typed, in the order typed."""
    found = [w for word in words for w in _latents_of(model, word, psi)]
    if not found:
        raise ValueError("No latent was named; expected seeds, or files that `project` wrote.")
    return torch.stack(found)


def _latents_of(model: Generator, word: str, psi: float) -> Tensor:
    first, dash, last = word.partition("-")
    if first.isdecimal() and (last.isdecimal() or not dash):
        seeds = range(int(first), int(last or first) + 1)
        return w_plus_from_seeds(model, seeds, truncation_psi=psi)
    if not word.endswith(".npz"):
        raise ValueError(
            f'"{runtime.shown(word)}" is no latent; expected a seed, a range of seeds such as 0-9, '
            "or a file ending in .npz. Project a picture first: sa-helpers project --help."
        )
    w_plus = PROJECTIONS.load(Path(word))[0].w_plus
    expected = (model.num_ws, model.config.w_dim)
    if tuple(w_plus.shape[1:]) != expected:
        raise ValueError(
            f"{word} holds latents of {tuple(w_plus.shape[1:])}, and the model takes {expected}. "
            "Project the pictures with this model, or one that it descends from."
        )
    return w_plus.to(model.w_avg.device)


def _walk(stops: Tensor, num_frames: int) -> Tensor:
    """From stop to stop in equal steps, and back to the first."""
    following = stops.roll(-1, dims=0) if len(stops) > 1 else stops
    share = torch.arange(num_frames, device=stops.device)[None, :, None, None] / num_frames
    return torch.lerp(stops[:, None], following[:, None], share).flatten(0, 1)


def _read(named: Sequence[Path], *, img_resolution: int, fit: Fit) -> dict[str, np.ndarray]:
    """Name to picture, of files, and of what can be read of folders."""
    found: dict[str, np.ndarray] = {}
    for path in named:
        for file in look_into(path).images if path.is_dir() else [path]:
            try:
                picture = images.read_image(file, img_resolution=img_resolution, fit=fit)
            except (OSError, ValueError) as error:
                if file == path:
                    raise
                say(f"left out: {error}")
            else:
                found[runtime.shown(str(file))] = picture
    if not found:
        raise ValueError("No picture was found; name files, or folders that hold some.")
    return found


def _report_some(num_steps: int) -> Callable[[int, float], None]:
    """Print ten lines on a search, however long it is."""

    def report(step: int, loss: float) -> None:
        if step * 10 // num_steps > (step - 1) * 10 // num_steps:
            say(f"step {step}/{num_steps}  loss {loss:.3f}")

    return report
