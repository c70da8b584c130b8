"""Compare a notebook's fresh outputs with its stored ones: a pytest plugin that nbval calls.

nbval runs the cells; this module says whether what they gave is what the page shows. The last
digits of a number depend on the processor and on the number of threads, so numbers are compared as
numbers and everything else exactly: words, rows, columns and headings of tables, and which outputs
there are. Two numbers agree if they differ by two per cent or by two units of the last printed
digit, whichever is more. Of pictures the size is compared.

A cell whose numbers depend more on the machine says so in its metadata, with the reason:

    "tolerance": {"relative": 0.1, "reason": "a search ends elsewhere on another processor"}

where `relative` and `units` replace the defaults, and `"estimates": true` compares the means over
samples that are printed as `mean [low, high]` by their intervals: two of them agree if each mean
lies within the other's interval, and neither interval is more than twice as wide as the other.

    PYTHONPATH=tests python -m pytest -p compare_outputs --nbval --nbval-current-env NOTEBOOKS
"""

import base64
import io
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

from bs4 import BeautifulSoup, NavigableString, Tag
from nbval.kernel import RunningKernel
from nbval.plugin import IPyNbCell, IPyNbFile
from PIL import Image

METADATA_KEY = "tolerance"
NUMBER = re.compile(
    r"(?<![\w.,])[-+−]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:[eE][-+]?\d+)?(?!\w|[.,]\d)"
)
ESTIMATE = re.compile(rf"({NUMBER.pattern}) \[({NUMBER.pattern}), ({NUMBER.pattern})\]")
EXACT_TAGS = ("th",)  # headings of rows and columns name things
KERNEL_TIMEOUT_SEC = 300
SIZE_SLACK = 0.05  # the numbers beside an axis make a figure a little wider or narrower
UNCOMPARED = ("application/vnd.jupyter.widget-view+json",)  # holds an identity that is random


@dataclass(frozen=True)
class Tolerance:
    """By how much two numbers may differ and still be equal.

    Args:
        relative: Share of the larger of the two.
        units: Of the last printed digit, of whichever number has more of them.
        estimates: Whether means with intervals are compared by their intervals.
    """

    relative: float = 0.02
    units: float = 2.0
    estimates: bool = False

    @classmethod
    def of_cell(cls, metadata: Mapping[str, Any]) -> "Tolerance":
        """Read what a cell's metadata say.

        Raises:
            ValueError: An unknown key, or no reason.
        """
        values = dict(metadata.get(METADATA_KEY, {"reason": "the default"}))
        if not values.pop("reason", ""):
            raise ValueError(f"The metadata {METADATA_KEY} of a cell give no reason.")
        if unknown := set(values) - set(cls.__dataclass_fields__):
            raise ValueError(f"The metadata {METADATA_KEY} of a cell have unknown {unknown}.")
        return cls(**values)

    def accepts(self, stored: str, fresh: str) -> bool:
        """Tell whether two printed numbers are equal within the tolerance."""
        a, b = _value(stored), _value(fresh)
        unit = min(_last_digit(stored), _last_digit(fresh))
        slack = max(self.units * unit, self.relative * max(abs(a), abs(b)))
        return abs(a - b) <= slack * (1 + 1e-9)  # two units apart in decimals, not in binary


def differences(
    stored: Sequence[Mapping[str, Any]],
    fresh: Sequence[Mapping[str, Any]],
    tolerance: Tolerance | None = None,
) -> list[str]:
    """Say in which respects the outputs of a cell differ; an empty list means that they agree.

    Args:
        stored: The outputs in the notebook, as nbformat has them, streams of one name merged.
        fresh: What the cell gave now.
        tolerance: For numbers; None means the default.
    """
    tolerance = tolerance or Tolerance()
    kinds = [[_kind(output) for output in outputs] for outputs in (stored, fresh)]
    if kinds[0] != kinds[1]:
        return [f"the stored outputs are {kinds[0]}, the fresh ones {kinds[1]}"]
    found: list[str] = []
    for old, new in zip(stored, fresh, strict=True):
        for mime, content in _contents(old).items():
            compare = _comparison(mime)
            found += compare(content, _contents(new)[mime], tolerance)
    return found


def _kind(output: Mapping[str, Any]) -> str:
    """What an output is, with what names: all that has to be equal before contents are compared."""
    is_data = "data" in output
    return f"{'data' if is_data else output['output_type']}: {', '.join(sorted(_contents(output)))}"


def _contents(output: Mapping[str, Any]) -> dict[str, Any]:
    if output["output_type"] == "stream":
        return {output["name"]: output["text"]}
    if output["output_type"] == "error":
        return {output["ename"]: output["evalue"]}
    return dict(output["data"])


def _comparison(mime: str) -> Any:
    if mime in UNCOMPARED:
        return lambda stored, fresh, tolerance: []
    if mime in ("image/png", "image/jpeg"):
        return _compare_pictures
    return _compare_html if mime in ("text/html", "image/svg+xml") else _compare_text


def _compare_pictures(stored: str, fresh: str, tolerance: Tolerance) -> list[str]:
    sizes = [Image.open(io.BytesIO(base64.b64decode(data))).size for data in (stored, fresh)]
    if all(abs(a - b) <= SIZE_SLACK * max(a, b) for a, b in zip(*sizes, strict=True)):
        return []
    return [f"the stored picture has {sizes[0]} pixels, the fresh one {sizes[1]}"]


def _compare_html(stored: str, fresh: str, tolerance: Tolerance) -> list[str]:
    exact = Tolerance(relative=0, units=0)
    pairs = zip_longest(*(_pieces(BeautifulSoup(html, "html.parser")) for html in (stored, fresh)))
    found = []
    for old, new in pairs:
        if old is None or new is None or old[0] != new[0]:
            return [
                *found,
                f"the stored page goes on with {_shown(old)}, the fresh with {_shown(new)}",
            ]
        parent = old[0].rpartition(" in ")[2]
        found += _compare_text(old[1], new[1], exact if parent in EXACT_TAGS else tolerance)
    return found


def _pieces(node: Tag) -> Iterator[tuple[str, str]]:
    """Yield every tag and every text of some HTML, in order, as what it is and what it says."""
    for child in node.children:
        if isinstance(child, Tag):
            yield (
                f"<{child.name}>",
                " ".join(f"{k}={_shortened(v)}" for k, v in child.attrs.items()),
            )
            yield from _pieces(child)
            yield f"</{child.name}>", ""
        elif isinstance(child, NavigableString) and child.strip():
            yield f"text in {node.name}", str(child)


def _shortened(value: Any) -> str:
    """Leave the content out of an embedded file; it is a picture's."""
    text = " ".join(value) if isinstance(value, list) else str(value)
    return text.partition(",")[0] if text.startswith("data:") else text


def _shown(piece: tuple[str, str] | None) -> str:
    return "nothing" if piece is None else f"{piece[0]} {piece[1]}".strip()


def _compare_text(stored: Any, fresh: Any, tolerance: Tolerance) -> list[str]:
    """Compare line by line, since columns that are aligned by spaces move with their numbers."""
    lines = [str(text).strip().splitlines() for text in (stored, fresh)]
    if len(lines[0]) != len(lines[1]):
        return [f"{len(lines[0])} lines stored, {len(lines[1])} fresh: {stored!r}, {fresh!r}"]
    return [
        f"stored {old!r}, fresh {new!r}"
        for old, new in zip(*lines, strict=True)
        if not _agree(old, new, tolerance)
    ]


def _agree(stored: str, fresh: str, tolerance: Tolerance) -> bool:
    if tolerance.estimates:
        estimates = [ESTIMATE.findall(text) for text in (stored, fresh)]
        if len(estimates[0]) != len(estimates[1]) or not all(
            _estimates_agree(old, new) for old, new in zip(*estimates, strict=True)
        ):
            return False
        stored, fresh = (ESTIMATE.sub("an estimate", text) for text in (stored, fresh))
    words = [" ".join(" # ".join(NUMBER.split(text)).split()) for text in (stored, fresh)]
    numbers = (NUMBER.findall(text) for text in (stored, fresh))
    return words[0] == words[1] and all(
        tolerance.accepts(old, new) for old, new in zip(*numbers, strict=True)
    )


def _estimates_agree(stored: tuple[str, ...], fresh: tuple[str, ...]) -> bool:
    """Tell whether each mean lies within the other's interval and the widths are alike."""
    (mean, low, high), (new_mean, new_low, new_high) = (
        tuple(map(_value, numbers)) for numbers in (stored, fresh)
    )
    unit = max(map(_last_digit, (*stored, *fresh)))
    widths = sorted([high - low + unit, new_high - new_low + unit])
    is_near = low - unit <= new_mean <= high + unit and new_low - unit <= mean <= new_high + unit
    return is_near and widths[1] <= 2 * widths[0]


def _value(number: str) -> float:
    return float(number.replace(",", "").replace("−", "-"))


def _last_digit(number: str) -> float:
    """The worth of one unit of the last printed digit."""
    mantissa, _, exponent = number.lower().partition("e")
    return 10.0 ** (int(exponent or 0) - len(mantissa.partition(".")[2]))


def compare_outputs(
    cell: IPyNbCell, test: Sequence[Any], ref: Sequence[Any], skip_compare: object = None
) -> bool:
    """Take the place of nbval's comparison; what differs goes into the cell's report."""
    tolerance = Tolerance.of_cell(cell.cell.metadata)
    cell.comparison_traceback = differences(ref, test, tolerance)
    return not cell.comparison_traceback


def setup_kernel(notebook: IPyNbFile) -> None:
    """Start a notebook's kernel; with SA_PERTURB_WEIGHTS, all weights are a little wrong in it."""
    start_kernel(notebook)
    if os.environ.get("SA_PERTURB_WEIGHTS"):
        # The kernel runs in the notebook's folder, where a relative PYTHONPATH does not hold.
        tests = str(Path(__file__).resolve().parent)
        code = f"import sys; sys.path.append({tests!r}); import perturbed_weights"
        _run_silently(notebook.kernel, code)


def _run_silently(kernel: RunningKernel, code: str) -> None:
    asked = kernel.execute_cell_input(code, allow_stdin=False)
    while True:
        message = kernel.get_message("iopub", timeout=KERNEL_TIMEOUT_SEC)
        if message["parent_header"].get("msg_id") != asked:
            continue
        if message["msg_type"] == "error":
            raise RuntimeError(f"{code} failed: {message['content']['evalue']}")
        if message["content"].get("execution_state") == "idle":
            return


start_kernel = IPyNbFile.setup
IPyNbFile.setup = setup_kernel
IPyNbCell.compare_outputs = compare_outputs
