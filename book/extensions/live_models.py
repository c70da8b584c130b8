"""Sphinx extension: the live models' script and style, on the pages that use them and no others."""

from typing import Any

from sphinx.application import Sphinx

ELEMENTS = ("<live-models", "<live-playground")
FOLDER = "live"


def add_app(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: object
) -> None:
    """Add the app to a page whose body has one of its elements."""
    if not any(element in context.get("body", "") for element in ELEMENTS):
        return
    root = "../" * pagename.count("/")
    context["metatags"] = context.get("metatags", "") + (
        f'<link rel="stylesheet" href="{root}{FOLDER}/live.css">'
        f'<script type="module" src="{root}{FOLDER}/live.js"></script>'
    )


def setup(app: Sphinx) -> dict[str, bool]:
    """Register."""
    app.connect("html-page-context", add_app)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
