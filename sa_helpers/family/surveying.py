"""Survey the channels and measure the directions of a family, and keep what was found there."""

from collections.abc import Sequence
from pathlib import Path

from sa_helpers.checkpoints import CheckpointError
from sa_helpers.family.companions import scales_path, survey_path
from sa_helpers.family.members import Family
from sa_helpers.recognition import AttributeNetwork
from sa_helpers.scales import (
    FACTORS,
    LABELLED_SEEDS,
    MEASURED_SEEDS,
    MIN_FOLLOWING,
    MIN_KNOWN,
    MIN_SPAN,
    MIN_WHOLE,
    Scales,
    measure_scales,
    save_scales,
)
from sa_helpers.scales import TRUNCATION_PSI as SCALES_PSI
from sa_helpers.survey import ChannelSurvey, save_survey, survey_channels, with_provenance

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
    survey = survey_channels(
        models.model(name),
        seeds,
        segmenter=models.readers(name).segmenter,
        attributes=_attributes(models, name),
        truncation_psi=TRUNCATION_PSI,
    )
    return with_provenance(survey, model=name, sha256=models.sha256(name))


def survey_family(models: Family, names: Sequence[str], seeds: Sequence[int]) -> list[Path]:
    """Survey models and write what was found, except where it is up to date.

    Returns:
        The paths of the surveys.
    """
    paths = []
    for name in names:
        path = survey_path(models.folder, name)
        if not _is_current(models, name, seeds):
            save_survey(path, survey_model(models, name, seeds))
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
    name = models.parent_name
    readers = models.readers(name)
    factors = [factor for factor in FACTORS if factor in readers.well_read()]
    found = measure_scales(models.parent, readers.attributes, readers.segmenter, factors)
    provenance = {
        "model": name,
        "sha256": models.sha256(name),
        "labelled_seeds": list(LABELLED_SEEDS),
        "measured_seeds": list(MEASURED_SEEDS),
        "truncation_psi": SCALES_PSI,
        "min_whole": MIN_WHOLE,
        "min_known": MIN_KNOWN,
        "min_following": MIN_FOLLOWING,
        "min_span": MIN_SPAN,
        "command": f"sa-helpers scale {models.name}",
    }
    return save_scales(scales_path(models.folder, name), Scales(found, provenance))


def _attributes(models: Family, name: str) -> AttributeNetwork | None:
    readers = models.readers(name)
    return readers.attributes if readers.can_read_factors else None


def _is_current(models: Family, name: str, seeds: Sequence[int]) -> bool:
    try:
        survey = models.survey(name)
    except CheckpointError:
        return False
    provenance = survey.provenance
    return (
        bool(survey.factors) == models.readers(name).can_read_factors
        and provenance["seeds"] == list(seeds)
        and provenance["truncation_psi"] == TRUNCATION_PSI
    )
