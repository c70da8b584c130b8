"""Which seeds are used for what: what is measured must not be what was trained on.

A seed of a rendered picture and the same seed of a z have nothing to do with each other, so there
are two lists. Within each of them no two ranges overlap.
"""


class Rendered:
    """Seeds of pictures of the clay world; the same in every domain."""

    GENERATORS = range(0, 100_000)  # trained on
    COMPARISONS = range(100_000, 1_000_000)  # real pictures that chapters put beside generated ones
    READERS = range(1_000_000, 1_500_000)  # trained on
    ENCODERS = range(1_500_000, 1_800_000)  # trained on
    LABELLED = range(1_800_000, 2_000_000)  # whose factors zero-shot methods may know
    HELD_OUT = range(2_000_000, 3_000_000)  # measured, searched for, translated
    MEASURED_AGAIN = range(3_000_000, 4_000_000)  # by pages, beside the records


class Drawn:
    """Seeds of z, of which a model draws a picture; the same in every model."""

    SHOWN = range(0, 1_000)  # in figures, sheets and surveys
    MEASURED = range(1_000, 2_000)
    LABELLED = range(2_000, 3_000)  # whose factors are read, to find directions
    JUDGED = range(1_000_000, 10_000_000)  # by distances between sets of pictures
    ENCODER_STEPS = range(10_000_000, 20_000_000)  # encoders are trained on, a few a step
    ENCODER_START = range(20_000_000, 30_000_000)  # encoders are trained on, many times


SIGMAS = range(10_000)
"""Of z, for the spread of a model's channels. What all z have is not learned from any, so these
share seeds with other uses."""


def first_seeds(seeds: range, count: int) -> range:
    """The first seeds of a range.

    Raises:
        ValueError: It has fewer; more would be those of another use.
    """
    if not 0 <= count <= len(seeds):
        raise ValueError(
            f"{count} seeds were asked for from {seeds.start} on; expected at most {len(seeds)}, "
            "as those behind are used for something else."
        )
    return seeds[:count]
