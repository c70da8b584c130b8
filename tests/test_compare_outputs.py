"""What the comparison of notebook outputs lets pass, and what it does not."""

import base64
import io
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from compare_outputs import METADATA_KEY, Tolerance, differences
from nbformat.v4 import new_code_cell, new_notebook, new_output
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "book"))
import run_stale  # noqa: E402

HEAD = "<thead><tr><th>space</th><th>distance</th></tr></thead>"
ROWS = [
    "<tr><th>z, seed 12</th><td>0.420 [0.312, 0.518]</td></tr>",
    "<tr><th>w</th><td>25.77 [24.48, 27.26]</td></tr>",
]


def text(content: str, name: str = "stdout"):
    return new_output("stream", name=name, text=content)


def html(rows: list[str]):
    content = f"<table>{HEAD}<tbody>{''.join(rows)}</tbody></table>"
    return new_output("display_data", {"text/html": content})


def picture(width: int, height: int):
    buffer = io.BytesIO()
    Image.new("RGB", (width, height)).save(buffer, "PNG")
    data = base64.b64encode(buffer.getvalue()).decode()
    return new_output("display_data", {"image/png": data, "text/plain": "<Figure>"})


def agree(stored, fresh, **tolerance) -> bool:
    if isinstance(stored, str):
        stored, fresh = text(stored), text(fresh)
    return not differences([stored], [fresh], Tolerance(**tolerance))


@pytest.mark.parametrize(
    ("stored", "fresh"),
    [
        ("0.823 [0.791, 0.850]", "0.821 [0.793, 0.848]"),  # two units
        ("ratio 12.345", "ratio 12.58"),  # two per cent, fewer digits
        ("-0.01 by chance", "0.01 by chance"),
        ("1,204 images in 3 steps", "1,226 images in 3 steps"),
        ("p = 1.2e-05", "p = 1.4e-05"),
        ("a   9.99 b\nc 10.01 d", "a  10.01 b\nc  9.99 d"),  # columns move with their numbers
        ("(1.00, 2.00)", "(1.01, 2.02)"),
        ("share 47%", "share 48%"),
        ("−3.1 degrees", "-3.2 degrees"),
        ("nothing", "nothing\n"),
    ],
)
def test_last_digits_may_differ(stored, fresh):
    assert agree(stored, fresh)
    assert agree(fresh, stored)


@pytest.mark.parametrize(
    ("stored", "fresh"),
    [
        ("lead 0.56 [0.37, 0.78]", "lead -0.56 [0.37, 0.78]"),
        ("lead 0.56 [0.37, 0.78]", "lead 0.56 [-0.37, 0.78]"),
        ("distance 2.00", "distance 2.10"),  # five per cent
        ("distance 2.00 [1.00, 3.00]", "distance 2.00 [1.00, 3.15]"),
        ("distance 0.42", "distance 4.2"),
        ("distance 0.42", "distance nan"),
        ("distance nan", "distance 0.42"),
        ("distance 0.42", "distance inf"),
        ("distance 0.42", "distance"),
        ("distance 0.42", "distance 0.42 0.42"),
        ("distance 0.42", "distances 0.42"),
        ("b16.conv1 matters", "b32.conv1 matters"),
        ("channel 8_87", "channel 8_88"),
        ("the 128px model", "the 129px model"),
        ("version 2.14.1", "version 2.14.2"),
        ("a 1\nb 2", "a 1"),
        ("a 1\nb 2", "b 2\na 1"),
        ("toon, dog", "dog, toon"),
        ("1e-05", "1e-03"),
        ("words", ""),
    ],
)
def test_what_a_reader_would_call_another_result_differs(stored, fresh):
    assert not agree(stored, fresh)
    assert not agree(fresh, stored)


def test_tables_are_compared_cell_by_cell():
    moved = [ROWS[0].replace("0.420", "0.422"), ROWS[1].replace("24.48", "24.90")]
    assert agree(html(ROWS), html(moved))
    assert agree(html(ROWS), html([row.replace("><", ">\n<") for row in moved]))


@pytest.mark.parametrize(
    "rows",
    [
        ROWS[:1],
        [*ROWS, ROWS[1]],
        ROWS[::-1],
        [ROWS[0].replace("0.420", "0.460"), ROWS[1]],
        [ROWS[0].replace("0.420 [0.312, 0.518]", ""), ROWS[1]],
        [ROWS[0].replace("0.420", "nan"), ROWS[1]],
        [ROWS[0].replace("seed 12", "seed 13"), ROWS[1]],  # a heading names something
        [ROWS[0].replace("td>", "th>"), ROWS[1]],
        [ROWS[0], ROWS[1].replace("<td>", '<td class="best">')],
    ],
)
def test_other_tables_differ(rows):
    assert not agree(html(ROWS), html(rows))


def test_which_outputs_there_are_is_compared():
    assert differences([text("a")], [])
    assert differences([], [text("a")])
    assert differences([text("a")], [text("a"), text("a")])
    assert differences([text("a")], [text("a", name="stderr")])
    assert differences([text("a"), html(ROWS)], [html(ROWS), text("a")])
    both = new_output("display_data", {"text/html": "a", "text/plain": "a"})
    assert differences([both], [new_output("display_data", {"text/html": "a"})])
    failed = new_output("error", ename="ValueError", evalue="no", traceback=[])
    assert differences([failed], [new_output("error", ename="KeyError", evalue="no")])


def test_pictures_keep_their_size():
    assert agree(picture(640, 480), picture(645, 480))
    assert not agree(picture(640, 480), picture(640, 240))


def test_files_inside_pages_count_as_pictures():
    pages = [f'<img alt="a face" src="data:image/png;base64,{data}">' for data in ("iVBO", "iVBP")]
    old, new = (new_output("display_data", {"text/html": page}) for page in pages)
    assert agree(old, new)
    other = {"text/html": pages[0].replace("a face", "a dog")}
    assert not agree(old, new_output("display_data", other))


def test_a_wider_tolerance_is_still_one():
    assert not agree("loss 1.00", "loss 1.08")
    assert agree("loss 1.00", "loss 1.08", relative=0.1)
    assert not agree("loss 1.00", "loss 1.20", relative=0.1)
    assert agree("7 of 10", "4 of 10", units=3)


@pytest.mark.parametrize(
    ("fresh", "is_equal"),
    [
        ("lead 0.08 [-0.05, 0.21]", True),
        ("lead 0.25 [0.10, 0.40]", False),  # outside of the stored interval
        ("lead 0.10 [0.05, 0.11]", False),  # much more certain than it was
        ("lead 0.10 [-0.40, 0.60]", False),  # much less
        ("lead nan [nan, nan]", False),
        ("lag 0.10 [-0.02, 0.22]", False),
    ],
)
def test_estimates_may_be_compared_by_their_intervals(fresh, is_equal):
    stored = "lead 0.10 [-0.02, 0.22]"
    assert agree(stored, fresh, estimates=True) == is_equal
    assert agree(fresh, stored, estimates=True) == is_equal


def test_a_tolerance_needs_a_reason_and_known_keys():
    assert Tolerance.of_cell({}) == Tolerance()
    wider = {"tolerance": {"relative": 0.1, "reason": "a search"}}
    assert Tolerance.of_cell(wider) == Tolerance(relative=0.1)
    with pytest.raises(ValueError, match="no reason"):
        Tolerance.of_cell({"tolerance": {"relative": 0.1}})
    with pytest.raises(ValueError, match="rel"):
        Tolerance.of_cell({"tolerance": {"rel": 0.1, "reason": "a search"}})


def run_nbval(
    folder: Path, source: str, stored: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a notebook of one cell by nbval with the plugin, as the Makefile does from its folder."""
    cell = new_code_cell(source, execution_count=1, outputs=[text(stored)])
    (folder / "notebooks").mkdir(exist_ok=True)
    nbformat.write(new_notebook(cells=[cell]), folder / "notebooks" / "one.ipynb")
    plugin = ["-p", "compare_outputs", "--nbval", "--nbval-current-env", "-q", "-o", "addopts="]
    command = [
        sys.executable,
        "-m",
        "pytest",
        *plugin,
        "notebooks/one.ipynb",
        "-p",
        "no:cacheprovider",
    ]
    environment |= {
        "PYTHONPATH": os.path.relpath(ROOT / "tests", folder),
        "PATH": "",
        "HOME": str(folder),
    }
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.slow
@pytest.mark.parametrize(("stored", "status"), [("1.00 m\n", 0), ("1.10 m\n", 1), ("1.00 s\n", 1)])
def test_nbval_calls_the_plugin(tmp_path, stored, status):
    ran = run_nbval(tmp_path, "print('1.01 m')", stored)
    assert ran.returncode == status, ran.stdout + ran.stderr
    assert status == 0 or f"stored '{stored.strip()}', fresh '1.01 m'" in ran.stdout


@pytest.mark.slow
def test_the_plugin_perturbs_weights_when_asked(tmp_path):
    source = "import sys; print('perturbed_weights' in sys.modules)"
    assert run_nbval(tmp_path, source, "False").returncode == 0
    ran = run_nbval(tmp_path, source, "True", SA_PERTURB_WEIGHTS="1")
    assert ran.returncode == 0, ran.stdout + ran.stderr


# The cells whose numbers may differ by more than the default, by notebook and identity. Each says
# in its metadata by how much and why.
WIDER = {
    "fine_tuning": ["cell-14", "cell-17", "cell-27", "cell-32", "cell-36", "cell-57"],
    "inversion": ["cell-16", "cell-37", "cell-39"],
    "morphing": ["cell-18", "cell-19", "cell-21", "cell-25", "cell-26", "cell-30", "cell-34"],
    "translation": ["cell-05"],
    "zero_shot": ["cell-29"],
}
# The cells of which nothing is compared: a video, whose bytes are those of its encoder.
UNCOMPARED = {"morphing": ["show-video"]}


@pytest.mark.parametrize("path", run_stale.notebook_paths(ROOT), ids=lambda path: path.stem)
def test_cells_with_a_tolerance_of_their_own_are_listed(path):
    cells = nbformat.read(path, as_version=4).cells
    for cell in cells:
        Tolerance.of_cell(cell.metadata)  # gives a reason
    wider = [cell.id for cell in cells if METADATA_KEY in cell.metadata]
    assert wider == WIDER.get(path.stem, [])
    ignored = [cell.id for cell in cells if "nbval-ignore-output" in cell.metadata.get("tags", [])]
    assert ignored == UNCOMPARED.get(path.stem, [])
