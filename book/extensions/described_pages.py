"""Sphinx extension: what search engines and messengers are told about the pages.

sphinxext-opengraph writes titles and descriptions, those of chapters from their objectives;
sphinx-sitemap makes the map, and sphinx-notfound-page the page for wrong addresses. What must be
absolute needs the site's address, in `html: baseurl` of `_config.yml` or in the environment
variable BOOK_ADDRESS; without one, it is left out.
"""

import html
import os
import re
import textwrap
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bs4 import BeautifulSoup
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

ABSOLUTE_TAGS = re.compile(r'<meta property="og:(?:url|image(?::\w+)?)"[^>]*>\n?')
OBJECTIVES, OBJECTIVES_AS_SENTENCE = "Afterwards you can", "After this chapter you can"
DESCRIPTION_LETTERS = 280
CARD = {"width": 1200, "height": 630}
CARD_TAGS = (
    *(f'<meta property="og:image:{side}" content="{px}" />' for side, px in CARD.items()),
    '<meta name="twitter:card" content="summary_large_image" />',
)


def find_address(app: Sphinx) -> str:
    """Read the site's address, with a slash at its end; empty where none is given."""
    address = os.environ.get("BOOK_ADDRESS") or app.config.html_baseurl or ""
    parts = urlsplit(address)
    if address and not (parts.scheme in {"http", "https"} and parts.netloc):
        raise ExtensionError(
            f"The site's address is '{address}'; expected one such as https://example.org/book/, "
            "in the environment variable BOOK_ADDRESS or in `html: baseurl` of _config.yml."
        )
    return address and address.rstrip("/") + "/"


def describe_chapter(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Describe a chapter by what its box says that a reader can do afterwards."""
    paragraphs = doctree.findall(nodes.paragraph) if doctree else ()
    for text in (" ".join(paragraph.astext().split()) for paragraph in paragraphs):
        if text.startswith(OBJECTIVES):
            goal = OBJECTIVES_AS_SENTENCE + text.removeprefix(OBJECTIVES)
            about = textwrap.shorten(goal, DESCRIPTION_LETTERS, placeholder=" …")
            context["meta"] = {**(context["meta"] or {}), "og:description": about}
            tag = f'<meta name="description" content="{html.escape(about)}" />\n'
            context["metatags"] = context.get("metatags", "") + tag
            return


def leave_addresses_out(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: object
) -> None:
    """Drop from a page's head what would have to be absolute."""
    context["metatags"] = ABSOLUTE_TAGS.sub("", context.get("metatags", ""))


def write_index(app: Sphinx, error: Exception | None) -> None:
    """Let the address without a page lead to the first page, and say of it what that page says."""
    if error or app.builder.format != "html":
        return
    root = f"{app.config.root_doc}.html"
    first = BeautifulSoup((Path(app.outdir) / root).read_text(encoding="utf-8"), "html.parser")
    tags = first.select("title, meta[property], meta[name=description], meta[name^=twitter]")
    lines = [
        "<!DOCTYPE html>",
        '<html lang="en">',
        '<meta charset="utf-8">',
        f'<meta http-equiv="Refresh" content="0; url={root}">',
        *map(str, tags),
        f'<a href="{root}">{first.title.get_text()}</a>',
        "</html>\n",
    ]
    (Path(app.outdir) / "index.html").write_text("\n".join(lines), encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Load and configure the extensions."""
    address = find_address(app)
    app.setup_extension("sphinxext.opengraph")
    app.setup_extension("notfound.extension")
    app.config.html_baseurl = app.config.ogp_site_url = address
    app.config.notfound_urls_prefix = urlsplit(address).path or "/"
    app.config.ogp_social_cards = {"enable": False}
    app.config.ogp_custom_meta_tags = CARD_TAGS
    if address:
        app.setup_extension("sphinx_sitemap")
        app.config.sitemap_url_scheme = "{link}"
        app.config.sitemap_excludes = ["search.html", "genindex.html", "404.html"]
    else:
        app.connect("html-page-context", leave_addresses_out, priority=900)
    app.connect("html-page-context", describe_chapter, priority=400)  # before opengraph
    app.connect("build-finished", write_index, priority=950)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
