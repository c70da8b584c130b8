"""Sphinx extension: names of `sa_helpers` in code link to their place in the reference.

A name is followed from its import (`from sa_helpers import blending`, then `blending.swap_layers`).
What hangs on a variable, such as `model.synthesis.w_plus_to_s`, is linked where the reference has a
single method or attribute of this name, and Python, NumPy and torch have none.
"""

import ast
import re
from typing import Any

import numpy as np
import torch
from bs4 import BeautifulSoup, Tag
from sphinx.application import Sphinx
from sphinx.domains.python import PyObject

PACKAGE = "sa_helpers"
COMMON_TYPES = (str, list, tuple, dict, set, np.ndarray, torch.Tensor, torch.nn.Module)


def imported_names(code: str) -> dict[str, str]:
    """Map the names that some code imports from the package to what they stand for."""
    try:
        tree = ast.parse(code)
    except SyntaxError:  # not Python, such as a command line
        return {}
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == PACKAGE:
            names |= {a.asname or a.name: f"{node.module}.{a.name}" for a in node.names}
        elif isinstance(node, ast.Import):
            names |= {a.asname: a.name for a in node.names if a.asname and PACKAGE in a.name}
    return names


def members_by_name(targets: dict[str, str]) -> dict[str, str]:
    """Map names of methods and attributes to their link, if there is one of the name only."""
    found: dict[str, list[str]] = {}
    for full_name, link in targets.items():
        parent, _, name = full_name.rpartition(".")
        if parent.rpartition(".")[2][:1].isupper():  # the parent is a class
            found.setdefault(name, []).append(link)
    return {
        name: links[0]
        for name, links in found.items()
        if len(links) == 1 and not any(hasattr(kind, name) for kind in COMMON_TYPES)
    }


def link_names(
    block: Tag, names: dict[str, str], targets: dict[str, str], members: dict[str, str]
) -> None:
    """Put links around names in one block of highlighted code."""
    parents = {name.rpartition(".")[0] for name in targets} | {PACKAGE}
    path, is_attribute = "", False
    for span in block.find_all("span"):
        text, kinds = span.get_text(), span.get("class") or [""]
        if text == ".":
            is_attribute = True
        elif str(kinds[0]).startswith("n"):
            if is_attribute:
                path = f"{path}.{text}" if path else ""
                link = targets.get(path) or ("" if path else members.get(text, ""))
            else:
                path = text if kinds[0] == "nn" else names.get(text, "")
                link = targets.get(path, "")
            if link:
                span.wrap(Tag(name="a", attrs={"class": "call", "href": link}))
            if path not in parents:
                path = ""  # what hangs on a value is known by its name alone
            is_attribute = False
        elif text.strip():
            path, is_attribute = "", False


def link_page(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: object
) -> None:
    """Link what is named in the code of a page."""
    if PACKAGE not in context.get("body", "") or app.builder.format != "html":
        return
    soup = BeautifulSoup(context["body"], "html.parser")
    blocks = soup.select("div.highlight pre")
    names: dict[str, str] = {}
    for block in blocks:
        names |= imported_names(block.get_text())
    objects = app.env.domains["py"].objects  # type: ignore[attr-defined]
    targets = {
        name: f"{app.builder.get_relative_uri(pagename, entry.docname)}#{entry.node_id}"
        for name, entry in objects.items()
        if name != PACKAGE  # the `sa` before every call
    }
    members = members_by_name(targets)
    for block in blocks:
        link_names(block, names, targets, members)
    context["body"] = str(soup)


def without_addresses(
    app: Sphinx,
    what: str,
    name: str,
    obj: object,
    options: object,
    signature: str | None,
    returned: str | None,
) -> tuple[str | None, str | None]:
    """Write `...` for a default without a literal, such as a function, so that Sphinx reads on."""
    return signature and re.sub(r"<[^<>]*(?:<[^<>]*>[^<>]*)*>", "...", signature), returned


def setup(app: Sphinx) -> dict[str, bool]:
    """Register before what looks at finished pages, and call attributes so in the reference."""
    for field in PyObject.doc_field_types:
        if field.name == "variable":
            field.label = "Attributes"
    app.connect("autodoc-process-signature", without_addresses)
    app.connect("html-page-context", link_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
