"""Train translators between two clay domains, and store them."""

import dataclasses
import time
from pathlib import Path
from typing import Any

from tyro.conf import OmitArgPrefixes, Positional

from sa_helpers import clay, runtime, translation
from sa_helpers.commands.options import Count, NumThreads, use_num_threads
from sa_helpers.commands.running import if_interrupted, say, typed_command
from sa_helpers.datasets import clay_images
from sa_helpers.translation import TRANSLATORS, CutSettings

_IMG_RESOLUTION = 128


def train_translator(
    source: Positional[str],
    target: Positional[str],
    path: Positional[Path],
    *,
    num_images: Count = 8000,
    settings: OmitArgPrefixes[CutSettings],
    num_threads: NumThreads = None,
) -> None:
    """Train CUT, the learned baseline.

    It translates one clay domain into another. Its state lies beside the file until the training is
    done: the same command again goes on from there. For example:
      python -m workshop train-translator dog cat runs/translators/dog_cat.safetensors

    Args:
        source: Clay domain to translate from.
        target: Clay domain to translate to.
        path: File to write, ending in .safetensors.
        num_images: Images of each domain.
        settings: How to train.
    """
    use_num_threads(num_threads)
    for name in (source, target):
        clay.factor_specs(name)  # An unknown domain is refused before the other one is rendered.
    first, second = (
        clay_images(name, num_images=num_images, img_resolution=_IMG_RESOLUTION)
        for name in (source, target)
    )
    state_path, started = path.with_suffix(".state.pt"), time.monotonic()
    with if_interrupted(lambda: _what_comes_next(state_path)):
        translator = translation.train_translator(
            first, second, settings, state_path=state_path, report=say
        )
    record: dict[str, Any] = {
        **runtime.provenance(typed_command()),
        "source": first.description,
        "target": second.description,
        "settings": dataclasses.asdict(settings),
        "last_session_sec": round(time.monotonic() - started, 1),
    }
    path = TRANSLATORS.save(path, translator, record=record)
    state_path.unlink(missing_ok=True)
    say(f"stored: {path}")


def _what_comes_next(state_path: Path) -> str:
    what = "continues from the last state" if state_path.is_file() else "starts anew"
    return f"the same command {what}"
