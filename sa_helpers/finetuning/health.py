"""Signs in the curves of a run that it goes wrong, in sentences that say what to do."""

from collections.abc import Mapping, Sequence

Row = Mapping[str, float]

_NUM_TICKS = 3
OVERFITTING_SIGN = 0.9
"""Mean sign of D on real images from which it is said to know them by heart; ADA aims at 0.6."""
WON_LOSS = 0.05
"""Loss of D below which it tells all images apart, and teaches nothing."""
LOST_SHARE = 0.5
"""Share of the best coverage so far below which a generator is said to collapse."""
RISEN_DISTANCE = 1.25
"""Multiple of the best distance so far that is said to be a rise."""


def warnings_of(losses: Sequence[Row], distances: Sequence[Row]) -> list[dict[str, float | str]]:
    """Say when a run began to go wrong, each kind of trouble once, at the kimg where it began.

    Args:
        losses: A row a tick, as a record has them.
        distances: A row a measurement, as a record has them.

    Returns:
        Rows with `kimg` and `warning`, in order.
    """
    found = [_overfitting(losses), _won(losses), _collapse(distances), _rise(distances)]
    return sorted((row for row in found if row is not None), key=lambda row: row["kimg"])


def _warning(kimg: float, sentence: str) -> dict[str, float | str]:
    return {"kimg": kimg, "warning": sentence}


def _overfitting(losses: Sequence[Row]) -> dict[str, float | str] | None:
    for rows in _windows(losses):
        sign = min(row["real_sign"] for row in rows)
        if sign > OVERFITTING_SIGN:
            p = rows[-1]["ada_probability"]
            remedy = (
                "use more images or a shorter run"
                if p > 0
                else "turn ADA on (--ada-target 0.6), or use more images"
            )
            return _warning(
                rows[-1]["kimg"],
                f"The discriminator overfits: it takes its images for real with a mean sign of "
                f"{sign:.2f} (ADA aims at 0.6, p is {p:.2f}); {remedy}.",
            )
    return None


def _won(losses: Sequence[Row]) -> dict[str, float | str] | None:
    for rows in _windows(losses):
        loss = max(row["discriminator"] for row in rows)
        if loss < WON_LOSS:
            return _warning(
                rows[-1]["kimg"],
                f"The discriminator tells all images apart (its loss is {loss:.3f}), so the "
                "generator learns nothing: raise --r1-gamma or lower --learning-rate.",
            )
    return None


def _collapse(distances: Sequence[Row]) -> dict[str, float | str] | None:
    best: Row | None = None
    for row in (row for row in distances if "coverage" in row):
        if best is not None and row["coverage"] < LOST_SHARE * best["coverage"]:
            return _warning(
                row["kimg"],
                f"The generator collapses: it covers {row['coverage']:.0%} of the images, after "
                f"{best['coverage']:.0%} at kimg {best['kimg']:g}; go back to the best model, "
                "with a lower --learning-rate or a higher --r1-gamma.",
            )
        best = max(best or row, row, key=lambda r: r["coverage"])
    return None


def _rise(distances: Sequence[Row]) -> dict[str, float | str] | None:
    """A distance that stays above the best for some measurements; one alone may be chance."""
    for stop in range(_NUM_TICKS + 1, len(distances) + 1):
        *before, last = distances[:stop]
        best = min(before[: 1 - _NUM_TICKS], key=_distance)
        recent = distances[stop - _NUM_TICKS : stop]
        if all(_distance(row) > RISEN_DISTANCE * _distance(best) for row in recent):
            return _warning(
                last["kimg"],
                f"The distance has risen from {_distance(best):.3f} at kimg {best['kimg']:g} to "
                f"{_distance(last):.3f}: longer training does harm; the best model is kept.",
            )
    return None


def _distance(row: Row) -> float:
    return row["frechet_distance"]


def _windows(rows: Sequence[Row]) -> list[Sequence[Row]]:
    """Each few rows in a row."""
    return [rows[i : i + _NUM_TICKS] for i in range(len(rows) - _NUM_TICKS + 1)]
