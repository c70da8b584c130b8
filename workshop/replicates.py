"""Measure trainings that are not shipped.

What the chapters say of one training they have to say of several. The weights of the others need
not be kept: their record holds what the chapters measure, on fixed seeds of z, at every snapshot.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy import ndarray
from tyro.conf import DisallowNone, OmitArgPrefixes, Positional, arg

from sa_helpers import checkpoints
from sa_helpers.alignment import image_changes, latent_distances
from sa_helpers.blending import COMPONENTS, reset_component, weight_change
from sa_helpers.channels.survey import SURVEYS, survey_channels, with_record
from sa_helpers.checkpoints import ArrayKind, CheckpointError
from sa_helpers.commands.options import Count, NumThreads, use_num_threads
from sa_helpers.commands.running import if_interrupted, say
from sa_helpers.family.readers import ClayReaders
from sa_helpers.family.surveying import TRUNCATION_PSI
from sa_helpers.finetuning.quality import measure_quality
from sa_helpers.latents import images_from_seeds
from sa_helpers.networks import Generator
from sa_helpers.recognition import AttributeNetwork
from sa_helpers.runtime import share_out
from workshop.options import FAMILY, Kept

Arrays = dict[str, ndarray]


@dataclass(frozen=True, kw_only=True)
class Numbers:
    """How many of what are measured.

    Args:
        num_read: Seeds of z whose images are read.
        num_compared: Seeds of z whose images and latents are compared.
        num_surveyed: Images of the survey of channels.
        num_quality_images: Images of each kind that the model is judged by.
    """

    num_read: Count = 1000
    num_compared: Count = 100
    num_surveyed: Count = 200
    num_quality_images: Count = 2000


def replicates(
    runs: Annotated[
        Positional[tuple[Path, ...]], arg(metavar="RUN [RUN ...]", help_behavior_hint="")
    ],
    *,
    parent: Path,
    records: Path = Path("records"),
    family: Kept = FAMILY,
    reader_domain: Annotated[
        str | None, DisallowNone, arg(help_behavior_hint="(default: the run's own)")
    ] = None,
    numbers: OmitArgPrefixes[Numbers],
    num_threads: NumThreads = None,
) -> None:
    """Measure finished runs, one record a run.

    With each record, <run>.npz, lie its survey of channels and its quality. Runs that have a record
    already are passed over; processes that torchrun starts share the runs. For example:
      python -m workshop replicates runs/toon_seed* --parent runs/human --records records

    Args:
        runs: Folders of finished runs.
        parent: Folder of the parent's run.
        records: Folder to write to.
        family: Folder of the family that has the readers.
        reader_domain: Domain whose readers read the images.
        numbers: How many.
    """
    use_num_threads(num_threads)

    def measure(run: Path) -> None:
        target = records / f"{run.name}.npz"
        if target.exists():
            say(f"{target}: measured before")
            return
        written = measure_run(
            run,
            target,
            parent=parent,
            family=family,
            reader_domain=reader_domain,
            numbers=numbers,
        )
        say(written)

    with if_interrupted("the same command goes on after the records that are finished"):
        share_out(runs, measure)


def measure_run(
    run: Path,
    target: Path,
    *,
    parent: Path,
    family: Path,
    reader_domain: str | None = None,
    numbers: Numbers,
) -> Path:
    """Measure one finished run and write what was found; the record comes last.

    The arrays are named `<kimg>/<what>`, one value a seed: `read/<factor>`, `latent_distance`,
    `from_parent` (perceptual distance of images), `reset/<component>` (the same, of the child with
    that component reset), and `weight_change/<component>` (relative norm and correlation).

    Args:
        run: Its folder.
        target: File to write.
        parent: Folder of the parent's run.
        family: Folder of the family that has the readers.
        reader_domain: Whose readers read the images; None takes the run's domain.
        numbers: How many of what.

    Raises:
        CheckpointError: Run or parent has no intact model.
        ValueError: There are no readers for the domain.
    """
    finished = checkpoints.load_model(run / "model")
    origin = checkpoints.load_model(parent / "model")
    data = finished.record["data"]
    readers = ClayReaders(family, reader_domain or data["domain"])
    arrays: Arrays = {}
    for kimg, child in [*_snapshots(run), (finished.record["kimg"], finished.generator)]:
        for name, values in _measure(origin.generator, child, readers.attributes, numbers).items():
            arrays[f"{kimg:g}/{name}"] = values
    survey = survey_channels(
        finished.generator.requires_grad_(False),
        range(numbers.num_surveyed),
        segmenter=readers.segmenter,
        attributes=readers.attributes,
        truncation_psi=TRUNCATION_PSI,
    )
    belongs = {"model": run.name, "model_sha256": finished.sha256}
    SURVEYS.save(target.with_name(f"{run.name}_channels.npz"), with_record(survey, **belongs))
    meaning: dict[str, Any] = {
        **belongs,
        "parent": {"name": parent.name, "sha256": origin.sha256},
        "readers": readers.domain,
        "settings": finished.record["settings"],
        "data": data,
        "num_read": numbers.num_read,
        "num_compared": numbers.num_compared,
        "quality": measure_quality(
            finished.generator,
            domain=data["domain"],
            first_seed=data["first_seed"],
            num_images=numbers.num_quality_images,
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
    parent: Generator, child: Generator, reader: AttributeNetwork, numbers: Numbers
) -> Arrays:
    """All that is measured of one stage of a training."""
    compared = range(numbers.num_compared)
    resets: dict[str, Generator] = {c: reset_component(child, parent, c) for c in COMPONENTS}
    psi = TRUNCATION_PSI
    changes = image_changes(child, {"from_parent": parent, **resets}, compared, truncation_psi=psi)
    arrays = {f"reset/{c}": changes[c] for c in COMPONENTS}
    arrays["from_parent"] = changes["from_parent"]
    arrays["latent_distance"] = latent_distances(parent, child, compared)
    for component in COMPONENTS:
        change = weight_change(parent, child, component)
        arrays[f"weight_change/{component}"] = np.array(change)
    images = images_from_seeds(child, range(numbers.num_read), truncation_psi=1.0)
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
    remedy="Make it with `python -m workshop replicates`.",
)
"""What `measure_run` writes: the meaning, and the arrays by name."""
