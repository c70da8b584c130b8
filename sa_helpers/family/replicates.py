"""Measure trainings that are not shipped: `python -m sa_helpers.family.replicates`.

What the chapters say of one training they have to say of several. The weights of the others need
not be kept: their record holds what the chapters measure, on fixed seeds of z, at every snapshot.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy import ndarray

from sa_helpers import checkpoints
from sa_helpers.alignment import image_changes, latent_distances
from sa_helpers.blending import COMPONENTS, reset_component, weight_change
from sa_helpers.channels.survey import SURVEYS, survey_channels, with_record
from sa_helpers.checkpoints import ArrayKind, CheckpointError
from sa_helpers.command_line import add_num_threads, positive_int, refuse, use_num_threads
from sa_helpers.family.readers import Readers
from sa_helpers.family.surveying import TRUNCATION_PSI
from sa_helpers.finetuning.quality import measure_quality
from sa_helpers.finetuning.rebuild import MODELS
from sa_helpers.latents import images_from_seeds
from sa_helpers.networks import Generator
from sa_helpers.recognition import AttributeNetwork

Arrays = dict[str, ndarray]
_DESCRIPTION = """
Measure finished runs and write one record a run, <run>.npz, with its survey of channels and its
quality. Runs that have a record already are passed over. Example:

  python -m sa_helpers.family.replicates runs/toon_seed* --parent runs/human --records records
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status (0 done, 1 refused with a message)."""
    options = _build_parser().parse_args(arguments)
    use_num_threads(options)
    try:
        for run in options.runs:
            target = options.records / f"{run.name}.npz"
            if target.exists():
                print(f"{target}: measured before", flush=True)
            else:
                print(measure_run(run, target, options), flush=True)
    except (ValueError, OSError) as error:
        return refuse(error)
    return 0


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sa_helpers.family.replicates",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("runs", nargs="+", type=Path, help="folders of finished runs")
    parser.add_argument("--parent", type=Path, required=True, help="folder of the parent's run")
    parser.add_argument(
        "--records", type=Path, default=Path("records"), help="folder (default %(default)s)"
    )
    parser.add_argument("--family", default="clay", help="gives the readers (default %(default)s)")
    parser.add_argument(
        "--reader-domain", help="whose readers read the images (default: the run's domain)"
    )
    for name, number, what in (
        ("--num-read", 1000, "seeds of z whose images are read"),
        ("--num-compared", 100, "seeds of z whose images and latents are compared"),
        ("--num-surveyed", 200, "images of the survey of channels"),
        ("--num-quality-images", 2000, "images of each kind that the model is judged by"),
    ):
        help_ = f"{what} (default %(default)s)"
        parser.add_argument(name, type=positive_int, default=number, help=help_)
    add_num_threads(parser)
    return parser


def measure_run(run: Path, target: Path, options: argparse.Namespace) -> Path:
    """Measure one finished run and write what was found; the record comes last.

    The arrays are named `<kimg>/<what>`, one value a seed: `read/<factor>`, `latent_distance`,
    `from_parent` (perceptual distance of images), `reset/<component>` (the same, of the child with
    that component reset), and `weight_change/<component>` (relative norm and correlation).

    Raises:
        CheckpointError: Run or parent has no intact model.
        ValueError: There are no readers for the domain.
    """
    finished = checkpoints.load_model(run / "model")
    parent = checkpoints.load_model(options.parent / "model")
    data = finished.record["data"]
    readers = Readers(MODELS / options.family, options.reader_domain or data["domain"])
    arrays: Arrays = {}
    for kimg, child in [*_snapshots(run), (finished.record["kimg"], finished.generator)]:
        for name, values in _measure(parent.generator, child, readers.attributes, options).items():
            arrays[f"{kimg:g}/{name}"] = values
    survey = survey_channels(
        finished.generator.requires_grad_(False),
        range(options.num_surveyed),
        segmenter=readers.segmenter,
        attributes=readers.attributes,
        truncation_psi=TRUNCATION_PSI,
    )
    belongs = {"model": run.name, "model_sha256": finished.sha256}
    SURVEYS.save(target.with_name(f"{run.name}_channels.npz"), with_record(survey, **belongs))
    meaning: dict[str, Any] = {
        **belongs,
        "parent": {"name": options.parent.name, "sha256": parent.sha256},
        "readers": readers.domain,
        "settings": finished.record["settings"],
        "data": data,
        "num_read": options.num_read,
        "num_compared": options.num_compared,
        "quality": measure_quality(
            finished.generator,
            domain=data["domain"],
            first_seed=data["first_seed"],
            num_images=options.num_quality_images,
            reader=readers.attributes,
        ),
    }
    return TRAININGS.save(target, (meaning, arrays))


def _snapshots(run: Path) -> Iterator[tuple[float, Generator]]:
    paths = run.glob("snapshots/*kimg.safetensors")
    for path in sorted(paths, key=lambda path: float(path.stem.removesuffix("kimg"))):
        snapshot = checkpoints.load_model(path)
        yield snapshot.record["kimg"], snapshot.generator


def _measure(
    parent: Generator, child: Generator, reader: AttributeNetwork, options: argparse.Namespace
) -> Arrays:
    """All that is measured of one stage of a training."""
    compared = range(options.num_compared)
    resets: dict[str, Generator] = {c: reset_component(child, parent, c) for c in COMPONENTS}
    psi = TRUNCATION_PSI
    changes = image_changes(child, {"from_parent": parent, **resets}, compared, truncation_psi=psi)
    arrays = {f"reset/{c}": changes[c] for c in COMPONENTS}
    arrays["from_parent"] = changes["from_parent"]
    arrays["latent_distance"] = latent_distances(parent, child, compared)
    for component in COMPONENTS:
        change = weight_change(parent, child, component)
        arrays[f"weight_change/{component}"] = np.array(change)
    images = images_from_seeds(child, range(options.num_read), truncation_psi=1.0)
    arrays |= {f"read/{factor}": values for factor, values in reader.read(images).items()}
    return {name: values.astype(np.float32) for name, values in arrays.items()}


def _put_together(
    arrays: Mapping[str, ndarray], meaning: dict[str, Any]
) -> tuple[dict[str, Any], Arrays]:
    if "num_compared" not in meaning:
        raise CheckpointError("it lacks num_compared")
    return meaning, {name: arrays[name] for name in arrays if name != "meaning"}


TRAININGS: ArrayKind[tuple[dict[str, Any], Arrays]] = ArrayKind(
    name="record of a training",
    take_apart=lambda training: (training[1], training[0]),
    put_together=_put_together,
    record_of=lambda training: training[0],
    remedy="Make it with `python -m sa_helpers.family.replicates`.",
)
"""What `measure_run` writes: the meaning, and the arrays by name."""


if __name__ == "__main__":
    sys.exit(main())
