"""Where the book's repository is: from the environment or from Git, and nowhere else.

Launch buttons and the repository icon need an address. It comes from the environment variable
BOOK_REPOSITORY, or is that of the Git remote `origin`; without either the pages have neither.
"""

import os
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.config import Config

ROOT = Path(__file__).resolve().parent.parent.parent
_SSH = re.compile(r"^(?:ssh://)?git@([^:/]+)[:/](.+)$")
_LAUNCHERS = {
    "notebook_interface": "jupyterlab",
    "binderhub_url": "https://mybinder.org",
    "colab_url": "https://colab.research.google.com",
}


def repository_address(root: Path = ROOT) -> str | None:
    """The address of the book's repository that a browser can open; None without one."""
    given = os.environ.get("BOOK_REPOSITORY", "").strip() or _remote(root)
    ssh = _SSH.match(given)
    address = f"https://{ssh[1]}/{ssh[2]}" if ssh else given
    address = re.sub(r"//[^/@]*@", "//", address)  # no user, no password
    is_public = address.startswith("https://")
    return address.rstrip("/").removesuffix(".git") if is_public else None


def _remote(root: Path) -> str:
    command = ["git", "-C", str(root), "remote", "get-url", "origin"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def _configure(app: "Sphinx", config: "Config") -> None:
    options = dict(config.html_theme_options)
    address = repository_address()
    options["repository_url"] = address or ""  # Jupyter Book fills in its own
    options["repository_branch"] = "main"
    options["use_repository_button"] = bool(address)
    options["launch_buttons"] = dict(_LAUNCHERS) if address else {}
    config.html_theme_options = options


def setup(app: "Sphinx") -> dict[str, bool]:
    """Set the theme's options once the configuration is read."""
    app.connect("config-inited", _configure, priority=0)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
