"""Sphinx extension: the live models' script and style, on the pages that use them and no others.

Such a page, if it is no notebook, also gets a Content-Security-Policy: scripts from the site itself
and what the theme writes into its pages, by digest; nothing from elsewhere, no other inline script
or handler. Notebooks are left out, as stored widgets evaluate text.
"""

import base64
import hashlib
import re
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

APPS = {"<live-models": "live.js", "<live-playground": "playground.js"}
FOLDER = "live"
THEME_HANDLERS = ("window.print()", "toggleFullScreen()")
_MARK = "<!-- content security policy -->"
_INLINE_SCRIPT = re.compile(r"<script(?![^>]*\ssrc=)[^>]*>(.*?)</script>", re.DOTALL)


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
    mark = _MARK if app.env.doc2path(pagename).endswith(".md") else ""
    context["metatags"] = context.get("metatags", "") + "".join([mark, style, *tags])


def policy(page: str) -> str:
    """The policy under which a page works as it is, and with nothing more."""
    inline = sorted({*_INLINE_SCRIPT.findall(page), *THEME_HANDLERS})
    digests = (base64.b64encode(hashlib.sha256(text.encode()).digest()) for text in inline)
    allowed = " ".join(f"'sha256-{digest.decode()}'" for digest in digests)
    return "; ".join(
        [
            "default-src 'self'",
            f"script-src 'self' 'wasm-unsafe-eval' 'unsafe-hashes' {allowed}",
            "style-src 'self' 'unsafe-inline'",  # MathJax and the theme write styles
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "object-src 'none'",
            "base-uri 'none'",
            "form-action 'self'",
        ]
    )


def add_policies(app: Sphinx, error: Exception | None) -> None:
    """Put the policy into the finished pages that have the app."""
    if error is not None or app.builder.name != "html":
        return
    for path in Path(app.outdir).rglob("*.html"):
        page = path.read_text(encoding="utf-8")
        if _MARK in page:
            tag = f'<meta http-equiv="Content-Security-Policy" content="{policy(page)}">'
            path.write_text(page.replace(_MARK, tag, 1), encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register."""
    app.connect("html-page-context", add_app)
    app.connect("build-finished", add_policies)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
