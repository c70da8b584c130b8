"""Sphinx extension: the live models' script and style, on the pages that use them and no others."""

from typing import Any

from sphinx.application import Sphinx

APPS = {"<live-models": "live.js", "<live-playground": "playground.js"}
FOLDER = "live"


def add_app(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: object
) -> None:
    """Add the app to a page whose body has one of its elements."""
    scripts = [script for tag, script in APPS.items() if tag in context.get("body", "")]
    if not scripts:
        return
    root = "../" * pagename.count("/") + FOLDER
    tags = [f'<script type="module" src="{root}/{script}"></script>' for script in scripts]
    style = f'<link rel="stylesheet" href="{root}/live.css">'
    context["metatags"] = context.get("metatags", "") + "".join([style, *tags])


def setup(app: Sphinx) -> dict[str, bool]:
    """Register."""
    app.connect("html-page-context", add_app)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
