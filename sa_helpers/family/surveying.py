"""Survey the channels and measure the directions of a family, and keep what was found there."""

import functools
from collections.abc import Sequence
from pathlib import Path

from sa_helpers.channels.survey import SURVEYS, ChannelSurvey, survey_channels, with_record
from sa_helpers.checkpoints import CheckpointError
from sa_helpers.checkpoints.places import SHIPPED_MODELS
from sa_helpers.editing.scales import (
    LABELLED_SEEDS,
    MEASURED_SEEDS,
    MIN_FOLLOWING,
    MIN_KNOWN,
    MIN_SPAN,
    MIN_WHOLE,
    SCALES,
    Scales,
    measure_scales,
)
from sa_helpers.editing.scales import TRUNCATION_PSI as SCALES_PSI
from sa_helpers.family import Family, Member
from sa_helpers.recognition import AttributeReader
from sa_helpers.runtime import from_first, is_first, provenance, wait_for_all

TRUNCATION_PSI = 0.7


def survey_model(models: Family, name: str, seeds: Sequence[int]) -> ChannelSurvey:
    """Survey one model, with the readers that the family has for its domain.

    Args:
        models: With a segmenter for the domain; without a reader of factors effects are left out.
        name: Of the model.
        seeds: Of the images.

    Raises:
        ValueError: No such model, or one of no domain of the clay world.
        CheckpointError: There is no segmenter for its domain, or a reader is damaged.
    """
    member = models[name]
    survey = survey_channels(
        member.generator,
        seeds,
        segmenter=member.readers.segmenter,
        attributes=_attributes(member),
        truncation_psi=TRUNCATION_PSI,
    )
    return with_record(survey, model=name, model_sha256=member.sha256)


def survey_family(
    models: Family, names: Sequence[str], num_images: int, *, is_second: bool = False
) -> list[Path]:
    """Survey models and write what was found, except where it is up to date or comes shipped.

    Args:
        models: See `survey_model`.
        names: Of the models.
        num_images: Seeds from 0 on, or as many behind them for a second survey.
        is_second: Make the second survey, beside the first.

    Returns:
        The paths of the surveys.
    """
    start = num_images if is_second else 0
    seeds, paths = range(start, start + num_images), []
    for name in names:
        member = models[name]
        path = member.second_survey_path if is_second else member.survey_path
        is_lent = _is_lent(models, member) and path.is_file()
        if not is_lent and not from_first(functools.partial(_is_current, member, path, seeds)):
            option = " --second" if is_second else ""
            command = f"sa-helpers survey {models.name} {name} --num-images {num_images}{option}"
            survey = with_record(survey_model(models, name, seeds), **provenance(command))
            if is_first():
                SURVEYS.save(path, survey)
            wait_for_all()
        paths.append(path)
    return paths


def scale_family(models: Family) -> Path:
    """Find and measure the parent's directions, and write them beside the models.

    Returns:
        The path of the file.

    Raises:
        ValueError: No readers for the parent's domain.
        CheckpointError: A reader is damaged.
    """
    parent = models.parent
    if _is_lent(models, parent) and parent.scales_path.is_file():
        return parent.scales_path
    readers = parent.readers
    found = measure_scales(
        parent.generator, readers.attributes, readers.segmenter, readers.movable()
    )
    record = {
        "model": parent.name,
        "model_sha256": parent.sha256,
        "labelled_seeds": list(LABELLED_SEEDS),
        "measured_seeds": list(MEASURED_SEEDS),
        "truncation_psi": SCALES_PSI,
        "min_whole": MIN_WHOLE,
        "min_known": MIN_KNOWN,
        "min_following": MIN_FOLLOWING,
        "min_span": MIN_SPAN,
        **provenance(f"sa-helpers scale {models.name}"),
    }
    return SCALES.save(parent.scales_path, Scales(found, record))


def _is_lent(models: Family, member: Member) -> bool:
    """Whether it is a shipped model, in a family of somebody's, with what ships beside it."""
    folder = member.folder.resolve()
    return folder.parent == SHIPPED_MODELS.resolve() and folder != models.folder.resolve()


def _attributes(member: Member) -> AttributeReader | None:
    readers = member.readers
    return readers.attributes if readers.can_read_factors else None


def _is_current(member: Member, path: Path, seeds: Sequence[int]) -> bool:
    try:
        survey = SURVEYS.load_for(path, member.name, member.sha256)
    except CheckpointError:
        return False
    return (
        bool(survey.factors) == member.readers.can_read_factors
        and survey.record["seeds"] == list(seeds)
        and survey.record["truncation_psi"] == TRUNCATION_PSI
    )
