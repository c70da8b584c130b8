"""`python -m sa_helpers.recognition`: train a reader, score it on held-out samples, store it."""

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sa_helpers import clay, images
from sa_helpers.command_line import (
    add_num_threads,
    add_settings,
    positive_int,
    refuse,
    settings_from,
    use_num_threads,
)
from sa_helpers.recognition.attribute_network import AttributeNetwork
from sa_helpers.recognition.readers import READERS
from sa_helpers.recognition.scores import factor_scores, region_ious
from sa_helpers.recognition.segmenter import Segmenter
from sa_helpers.recognition.training import ReaderSettings, train_attributes, train_segmenter

HELD_OUT_SEED = 2_000_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status (0 done, 1 refused with a message)."""
    options = _build_parser().parse_args(arguments)
    use_num_threads(options)
    try:
        settings = settings_from(options, ReaderSettings)
        for name in options.domains:
            clay.factor_specs(name)  # Unknown domains, and folders that cannot be, are refused now.
        options.path.parent.mkdir(parents=True, exist_ok=True)
        network, scores = _train(options, settings)
    except (ValueError, OSError) as error:
        return refuse(error)
    record = {
        "kind": options.kind,
        "domains": options.domains,
        "settings": dataclasses.asdict(settings),
        "num_held_out": options.num_held_out,
        "scores": scores,
    }
    print(f"stored: {READERS.save(options.path, network, record=record)}")
    return 0


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sa_helpers.recognition", description=__doc__)
    parser.add_argument("kind", choices=("attributes", "segmenter"))
    parser.add_argument("path", type=Path, help="file to write, ending in .safetensors")
    parser.add_argument("domains", nargs="+", help="clay domains; one for attributes")
    add_num_threads(parser)
    parser.add_argument(
        "--num-held-out", type=positive_int, default=1000, help="default %(default)s"
    )
    add_settings(parser, ReaderSettings)
    return parser


def _train(
    options: argparse.Namespace, settings: ReaderSettings
) -> tuple[AttributeNetwork | Segmenter, dict[str, Any]]:
    held_out = range(HELD_OUT_SEED, HELD_OUT_SEED + options.num_held_out)
    if options.kind == "attributes":
        if len(options.domains) != 1:
            raise ValueError(f"attributes are read in one domain, not in {options.domains}.")
        (domain,) = options.domains
        network = train_attributes(domain, settings)
        batch = clay.render(domain, held_out)
        read = network.read(images.from_uint8(batch.images))
        return network, _rounded(factor_scores(network.coding, read, batch.factors))
    segmenter = train_segmenter(options.domains, settings)
    scores = {}
    for domain in options.domains:
        batch = clay.render(domain, held_out)
        labels = segmenter.segment(images.from_uint8(batch.images))
        scores[domain] = region_ious(labels, batch.masks, regions=segmenter.regions)
    return segmenter, _rounded(scores)


def _rounded(scores: dict[str, dict[str, float]]) -> dict[str, dict[str, float | None]]:
    """Four digits, and None where a score does not exist: JSON has no NaN."""
    return {
        name: {k: None if np.isnan(v) else round(v, 4) for k, v in row.items()}
        for name, row in scores.items()
    }


if __name__ == "__main__":
    sys.exit(main())
