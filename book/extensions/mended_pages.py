"""Sphinx extension: two faults of other extensions, mended in the finished pages.

Jupyter Book always loads sphinx-thebe, whose constants end up twice in every page, an error in the
browser's console. The book offers Binder and Colab instead, so its scripts are left out.
sphinx-exercise gives the contents of all exercises of a page the same id; ids must be unique.
"""

from typing import Any

from sphinx.application import Sphinx

REPEATED_IDS = ("exercise-content", "solution-content")


def is_of_thebe(file: Any) -> bool:
    """Tell thebe's files and its list of constants from others."""
    body = getattr(file, "attributes", {}).get("body", "")
    return "thebe" in str(getattr(file, "filename", file)) or "THEBE" in body


def mend_page(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: object
) -> None:
    """Leave thebe's files out, and take repeated ids away."""
    for kind in ("script_files", "css_files"):
        context[kind] = [file for file in context.get(kind, []) if not is_of_thebe(file)]
    for name in REPEATED_IDS:
        context["body"] = context.get("body", "").replace(f' id="{name}"', "")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register after every extension that adds scripts."""
    app.connect("html-page-context", mend_page, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
