"""Sphinx extension: files that no page needs leave the site, and those that remain are made small.

- style sheets keep the rules that some page can use;
- the theme's fonts of icons keep the icons that those rules name;
- notebooks are offered without their outputs: a reader who downloads one runs it;
- maps of scripts, fonts in old formats and translations of the theme go.
"""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import nbformat
from fontTools import subset
from prerendered_math import find_node
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

PURGE = Path(__file__).resolve().parents[2] / "live" / "purge_styles.mjs"
UNNEEDED = (
    "**/*.map",
    "**/*.LICENSE.txt",
    "vendor/fontawesome/webfonts/*.ttf",
    "scripts/fontawesome.js",
    "sphinx-thebe.*",
    "locales/**/*",
)
ICON_PATTERN = re.compile(r"\\(f[0-9a-f]{3}|e[0-9a-f]{3})\b")


def remove_unneeded(static: Path) -> None:
    """Delete files that nothing loads."""
    for pattern in UNNEEDED:
        for file in filter(Path.is_file, list(static.glob(pattern))):
            file.unlink()


def purge_styles(site: Path) -> None:
    """Keep the rules that pages and scripts can use."""
    ran = subprocess.run([find_node(), PURGE, site], capture_output=True, text=True)
    if ran.returncode:
        raise ExtensionError(f"{PURGE.name} failed, is `make live` done? {ran.stderr.strip()}")


def icons_in(static: Path) -> Iterator[int]:
    """Give the code points of all icons that style sheets name, by number or as they are."""
    for sheet in static.rglob("*.css"):
        text = sheet.read_text(encoding="utf-8")
        yield from (int(code, 16) for code in ICON_PATTERN.findall(text))
        yield from (ord(letter) for letter in set(text) if "\ue000" <= letter <= "\uf8ff")


def shrink_icon_fonts(static: Path) -> None:
    """Keep in the fonts of icons what the style sheets name."""
    icons = sorted(set(icons_in(static)))
    for path in static.glob("vendor/fontawesome/webfonts/*.woff2"):
        options = subset.Options(flavor="woff2", layout_features=[], hinting=False)
        font = subset.load_font(path, options)
        subsetter = subset.Subsetter(options)
        subsetter.populate(unicodes=icons)
        subsetter.subset(font)
        subset.save_font(font, path, options)


def strip_outputs(path: Path) -> None:
    """Take outputs out of a notebook that readers may download."""
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    nbformat.write(notebook, path)


def lighten_files(app: Sphinx, error: Exception | None) -> None:
    """Remove and shrink files of a site that was built."""
    if error or app.builder.format != "html":
        return
    site = Path(app.outdir)
    remove_unneeded(site / "_static")
    purge_styles(site)
    shrink_icon_fonts(site / "_static")
    for path in (site / "_sources").rglob("*.ipynb"):
        strip_outputs(path)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register after `light_pages`, which takes from the pages what they do not use."""
    app.connect("build-finished", lighten_files, priority=920)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
