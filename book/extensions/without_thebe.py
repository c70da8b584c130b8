"""Sphinx extension: leave thebe's scripts out of the pages.

Jupyter Book always loads sphinx-thebe, whose constants then end up twice in every page, an error
in the browser's console. The book offers Binder and Colab instead, so nothing is lost.
"""

from typing import Any

from sphinx.application import Sphinx


def is_of_thebe(script: Any) -> bool:
    """Tell thebe's scripts, a file and a list of constants, from others."""
    body = getattr(script, "attributes", {}).get("body", "")
    return "thebe" in str(getattr(script, "filename", script)) or "THEBE" in body


def drop_thebe(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: object
) -> None:
    """Remove thebe's scripts from a page's list of scripts."""
    context["script_files"] = [
        script
        for script in context.get("script_files", [])
        if "thebe"
        not in f"{getattr(script, 'filename', script)} {getattr(script, 'attributes', '')}"
    ]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register after every extension that adds scripts."""
    app.connect("html-page-context", drop_thebe, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
