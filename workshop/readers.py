"""Train readers of the clay domains, score them on held-out samples, and store them."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tyro.conf import OmitArgPrefixes, Positional

from sa_helpers import clay, images, recognition, runtime
from sa_helpers.commands.options import Count, NumThreads, use_num_threads
from sa_helpers.commands.running import say, typed_command
from sa_helpers.recognition import (
    READERS,
    AttributeNetwork,
    ReaderSettings,
    Segmenter,
    factor_scores,
    region_ious,
)
from sa_helpers.seeds import Rendered, first_seeds


def train_attributes(
    domain: Positional[str],
    path: Positional[Path],
    *,
    num_held_out: Count = 1000,
    settings: OmitArgPrefixes[ReaderSettings],
    num_threads: NumThreads = None,
) -> None:
    """Train a reader of a domain's factors.

    It is scored on held-out samples. For example:
      python -m workshop train-attributes dog sa_helpers/models/clay/readers/dog.safetensors

    Args:
        domain: Clay domain.
        path: File to write, ending in .safetensors.
        num_held_out: Samples that it is scored on.
        settings: How to train.
    """
    use_num_threads(num_threads)
    _prepare(path, [domain])
    network = recognition.train_attributes(domain, settings, report=say)
    batch = clay.render(domain, first_seeds(Rendered.HELD_OUT, num_held_out))
    read = network.read(images.from_uint8(batch.images))
    scores = factor_scores(network.coding, read, batch.factors)
    _store(path, network, "attributes", [domain], settings, num_held_out, scores)


def train_segmenter(
    path: Positional[Path],
    *,
    domains: tuple[str, ...],
    num_held_out: Count = 1000,
    settings: OmitArgPrefixes[ReaderSettings],
    num_threads: NumThreads = None,
) -> None:
    """Train a reader of some domains' regions.

    It is scored on held-out samples. For example:
      python -m workshop train-segmenter runs/animals.safetensors --domains dog cat wild

    Args:
        path: File to write, ending in .safetensors.
        domains: Clay domains.
        num_held_out: Samples of each domain that it is scored on.
        settings: How to train.
    """
    use_num_threads(num_threads)
    _prepare(path, domains)
    segmenter = recognition.train_segmenter(list(domains), settings, report=say)
    scores = {}
    for domain in domains:
        batch = clay.render(domain, first_seeds(Rendered.HELD_OUT, num_held_out))
        labels = segmenter.segment(images.from_uint8(batch.images))
        scores[domain] = region_ious(labels, batch.masks, regions=segmenter.regions)
    _store(path, segmenter, "segmenter", domains, settings, num_held_out, scores)


def _prepare(path: Path, domains: Sequence[str]) -> None:
    """Refuse unknown domains, and folders that cannot be, before anything is rendered."""
    if not domains:
        raise ValueError("There are no domains; expected one or more, such as --domains dog cat.")
    for name in domains:
        clay.factor_specs(name)
    path.parent.mkdir(parents=True, exist_ok=True)


def _store(
    path: Path,
    network: AttributeNetwork | Segmenter,
    kind: str,
    domains: Sequence[str],
    settings: ReaderSettings,
    num_held_out: int,
    scores: dict[str, dict[str, float]],
) -> None:
    record: dict[str, Any] = {
        **runtime.provenance(typed_command()),
        "kind": kind,
        "domains": list(domains),
        "settings": dataclasses.asdict(settings),
        "num_held_out": num_held_out,
        "scores": _rounded(scores),
    }
    say(f"stored: {READERS.save(path, network, record=record)}")


def _rounded(scores: dict[str, dict[str, float]]) -> dict[str, dict[str, float | None]]:
    """Four digits, and None where a score does not exist: JSON has no NaN."""
    return {
        name: {k: None if np.isnan(v) else round(v, 4) for k, v in row.items()}
        for name, row in scores.items()
    }
