"""`python -m workshop`: its verbs."""

import sys
from collections.abc import Sequence

from sa_helpers.commands.running import Verb, run_verb

DESCRIPTION = "Make what ships with the book. `python -m workshop VERB --help` tells more of one."

VERBS = {
    name: Verb(f"workshop.{function}", summary, is_shared=name == "replicates")
    for name, function, summary in (
        ("rebuild", "rebuild:rebuild", "Train the models that ship again, from their recipes."),
        ("queue", "queue:queue", "Train recipes in the order of their file, for days if need be."),
        ("replicates", "replicates:replicates", "Measure finished runs, one record a run."),
        ("train-attributes", "readers:train_attributes", "Train a reader of a domain's factors."),
        ("train-segmenter", "readers:train_segmenter", "Train a reader of some domains' regions."),
        ("train-translator", "translators:train_translator", "Train CUT, the learned baseline."),
        ("few-images", "few_images:make_records", "Make the records of children of few images."),
        ("emoji", "emoji:emoji", "Make the folder of emoji again, from its package."),
    )
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line asks; the result is the exit status, see `run_verb`."""
    return run_verb("python -m workshop", DESCRIPTION, VERBS, arguments)


if __name__ == "__main__":
    sys.exit(main())
