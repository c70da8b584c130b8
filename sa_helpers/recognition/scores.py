"""How well a reader reads: scores on samples that it was not trained on."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import UInt8
from scipy.stats import rankdata

from sa_helpers.recognition.coding import FactorCoding


def factor_scores(
    coding: FactorCoding, read: Mapping[str, np.ndarray], truth: Mapping[str, np.ndarray]
) -> dict[str, dict[str, float]]:
    """Scores of each factor.

    Args:
        coding: Of the network that read.
        read: What it read.
        truth: The factors that the images were rendered from.

    Returns:
        Name to scores: `mean_error` (in the factor's unit) and `correlation` of numbers, `auc` of
        binary factors, `accuracy` of categories; NaN where too few samples decide nothing.
    """
    scores: dict[str, dict[str, float]] = {}
    for field in coding.fields:
        given, wanted = read[field.name], truth[field.name]
        if field.kind == "continuous":
            scores[field.name] = {
                "mean_error": float(np.abs(given - wanted).mean()),
                "correlation": _correlation(given, wanted.astype(np.float64)),
            }
        elif field.kind == "binary":
            scores[field.name] = {"auc": area_under_curve(given, wanted)}
        else:
            named = np.array(field.categories)[given.argmax(axis=1)]
            scores[field.name] = {"accuracy": float((named == wanted).mean())}
    return scores


def _correlation(x: np.ndarray, y: np.ndarray) -> float:
    """Pearson's, NaN where one of the two does not vary."""
    if x.std() == 0 or y.std() == 0:
        return float("nan")
    return float(np.corrcoef(x, y)[0, 1])


def area_under_curve(scores: np.ndarray, is_positive: np.ndarray) -> float:
    """Probability that a positive sample scores above a negative one, ties counting half.

    Returns:
        NaN where there are no positives, or no negatives.

    Source: Hanley and McNeil 1982, by ranks (Mann and Whitney).
    """
    positive = is_positive.astype(bool)
    num_positive, num_negative = int(positive.sum()), int((~positive).sum())
    if num_positive == 0 or num_negative == 0:
        return float("nan")
    rank_sum = rankdata(scores)[positive].sum()
    excess = rank_sum - num_positive * (num_positive + 1) / 2
    return float(excess / (num_positive * num_negative))


def region_ious(
    labels: UInt8[np.ndarray, "images height width"],
    truth: UInt8[np.ndarray, "images height width"],
    *,
    regions: Sequence[str],
) -> dict[str, float]:
    """Intersection over union of each region that occurs in `truth`, over all images together."""
    ious = {}
    for index, region in enumerate(regions):
        given, wanted = labels == index, truth == index
        if wanted.any():
            ious[region] = float((given & wanted).sum() / (given | wanted).sum())
    return ious
