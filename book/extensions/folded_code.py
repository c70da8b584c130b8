"""Which code cells a page folds: those that are not the lesson.

A cell is folded if it imports, or if it does no more than show what earlier cells have computed: it
ends in a table or a figure of `sa_helpers`, and calls nothing else of it but what makes intervals
and labels. The tag `hide-input` folds any other cell, and `show-input` keeps one open.
"""

import ast
import re
from collections.abc import Iterator

from bs4 import BeautifulSoup, Tag
from linked_calls import PACKAGE, imported_names

SHOWING = re.compile(rf"{PACKAGE}\.(?:table|image_table|plotting\.\w+|widgets\.\w+)")
LABELLING = re.compile(rf"{PACKAGE}\.(?:bootstrap|(?:\w+\.)*describe|intervals\.\w+)")
TAG_OF_OPEN_CELLS = "tag_show-input"
FOLD = """
<details class="admonition hide above-input">
<summary aria-label="Toggle hidden content">
<p class="collapsed admonition-title">Show code cell source</p>
<p class="expanded admonition-title">Hide code cell source</p>
</summary>
</details>
"""


def full_name(node: ast.expr, names: dict[str, str]) -> str:
    """Write out what is called, such as `sa_helpers.table` for `sa.table`; empty if unknown."""
    if isinstance(node, ast.Attribute):
        owner = full_name(node.value, names)
        return owner and f"{owner}.{node.attr}"
    return names.get(node.id, "") if isinstance(node, ast.Name) else ""


def package_calls(tree: ast.Module, names: dict[str, str]) -> Iterator[str]:
    """Give the full names of all functions of the package that some code calls."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and (name := full_name(node.func, names)):
            yield name


def is_aside(tree: ast.Module, names: dict[str, str]) -> bool:
    """Tell whether a cell only imports, or only shows what other cells have computed."""
    if not tree.body or any(isinstance(node, ast.Assert | ast.FunctionDef) for node in tree.body):
        return False
    if all(isinstance(node, ast.Import | ast.ImportFrom) for node in tree.body):
        return True
    last = tree.body[-1]
    calls = list(package_calls(tree, names))
    return (
        isinstance(last, ast.Expr)
        and isinstance(last.value, ast.Call)
        and SHOWING.fullmatch(full_name(last.value.func, names)) is not None
        and all(SHOWING.fullmatch(call) or LABELLING.fullmatch(call) for call in calls)
    )


def fold(cell_input: Tag) -> None:
    """Put the input of a cell into what opens on a click, as the tag `hide-input` does."""
    details = BeautifulSoup(FOLD.strip(), "html.parser").details
    cell_input.replace_with(details)
    details.append(cell_input)


def fold_asides(soup: BeautifulSoup) -> None:
    """Fold the cells of a page that are not the lesson."""
    names: dict[str, str] = {}
    for cell_input in soup.select("div.cell > div.cell_input"):
        code = cell_input.get_text().strip()
        names |= imported_names(code)
        try:
            tree = ast.parse(code)
        except SyntaxError:  # a command of the shell
            continue
        if TAG_OF_OPEN_CELLS not in cell_input.parent["class"] and is_aside(tree, names):
            fold(cell_input)
