"""Survey the channels and measure the directions of a family, and keep what was found there."""

from collections.abc import Sequence
from pathlib import Path

from sa_helpers.channels.survey import SURVEYS, ChannelSurvey, survey_channels, with_record
from sa_helpers.checkpoints import CheckpointError
from sa_helpers.editing.scales import (
    FACTORS,
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
from sa_helpers.recognition import AttributeNetwork
from sa_helpers.runtime import provenance

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
    """Survey models and write what was found, except where it is up to date.

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
        if not _is_current(member, path, seeds):
            option = " --second" if is_second else ""
            command = f"sa-helpers survey {models.name} {name} --num-images {num_images}{option}"
            survey = with_record(survey_model(models, name, seeds), **provenance(command))
            SURVEYS.save(path, survey)
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
    readers = parent.readers
    factors = [factor for factor in FACTORS if factor in readers.well_read()]
    found = measure_scales(parent.generator, readers.attributes, readers.segmenter, factors)
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


def _attributes(member: Member) -> AttributeNetwork | None:
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
