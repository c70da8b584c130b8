"""The book's commands without `make`, for Windows and wherever there is none.

    python tasks.py lab     # set up what students need, and open the chapters in JupyterLab
    python tasks.py book    # set up everything, run what is stale, build the site
    python tasks.py setup --extras lab
    python tasks.py wheelhouse wheels --extras lab
    python tasks.py setup --extras lab --wheelhouse wheels

The Makefile installs by this file, too. Exact versions are those of requirements.lock; uv installs
them, from where pip is set up to look. Two variables of the environment say more:

    TORCH_INDEX   where PyTorch's CPU builds are: the address after `--index-url` in the command
                  that https://pytorch.org/get-started/locally/ shows for pip and CPU
    VENV          the virtual environment (default: .venv)
"""

from __future__ import annotations

import argparse
import ast
import os
import subprocess
import sys
import tempfile
import venv
import zipfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = Path(os.environ.get("VENV") or ROOT / ".venv")
LOCK = ROOT / "requirements.lock"
EXTRAS = {"lab": "lab", "all": "lab,book,live,test"}
BUILD_TOOLS = ("setuptools", "wheel")  # for the few packages that come as sources
MODELS = "sa_helpers/models/"
UV_NAMES = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "constraint": "UV_CONSTRAINT",
    "cert": "SSL_CERT_FILE",
}
"""A setting of pip to the variable that tells uv the same."""
LIVE = ROOT / "book" / "_build" / "extra" / "live"


def program(name: str, folder: Path = VENV) -> str:
    """Path of a program of the virtual environment, on any system."""
    return str(folder / ("Scripts" if os.name == "nt" else "bin") / name)


def call(*command: str | Path, **settings: object) -> None:
    """Run a command; end with its exit status where it fails."""
    try:
        subprocess.run([str(part) for part in command], check=True, cwd=ROOT, **settings)
    except subprocess.CalledProcessError as error:
        sys.exit(error.returncode)
    except FileNotFoundError:
        sys.exit(f"{command[0]} is not there: python tasks.py setup")


def check_python(version: Sequence[int] = sys.version_info) -> None:
    """End with a sentence where this Python is too old or too new."""
    if not (3, 11) <= tuple(version[:2]) < (3, 15):
        found = ".".join(map(str, version[:3]))
        sys.exit(f"Python 3.11 to 3.14 is needed, this is {found}: call another one.")


def source_options(wheelhouse: Path | None) -> list[str]:
    """Where packages come from: a folder of wheels only, or where pip is set up to look."""
    if wheelhouse is None:
        return []
    if not any(wheelhouse.glob("*.whl")):
        sys.exit(f"{wheelhouse} holds no wheels: python tasks.py wheelhouse {wheelhouse}")
    return ["--no-index", "--find-links", str(wheelhouse)]


def installs(extras: str, wheelhouse: Path | None = None) -> list[list[str]]:
    """Arguments of the calls of uv that install the package with some extras.

    The lock constrains versions, and only what is needed is installed: PyTorch's CPU build needs
    none of the CUDA packages that the lock pins for the other.
    """
    source = source_options(wheelhouse)
    pinned = ["--constraint", str(LOCK), *source]
    index = os.environ.get("TORCH_INDEX", "")
    torch = [["torch", "torchvision", *pinned, "--index-url", index]] if index else []
    return [
        [*BUILD_TOOLS, *pinned],
        *torch,
        ["--no-build-isolation", *pinned, "--editable", f".[{EXTRAS[extras]}]"],
    ]


def uv_environment(pip_settings: str) -> dict[str, str]:
    """What uv has to know of pip's configuration: indexes, folders, certificates, constraints.

    Args:
        pip_settings: What `pip config list` prints.
    """
    found: dict[str, str] = {"UV_INDEX_STRATEGY": "unsafe-best-match"}  # all indexes, as pip does
    for line in pip_settings.splitlines():
        name, _, value = line.partition("=")
        variable = UV_NAMES.get(name.rpartition(".")[2])
        if variable:
            found[variable] = " ".join(ast.literal_eval(value).split())
    return found


def uv(*arguments: str) -> None:
    """Call the virtual environment's uv; variables of the environment go before pip's settings."""
    command = [program("python"), "-m", "pip", "config", "list"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    environment = {**uv_environment(listed), **os.environ, "VIRTUAL_ENV": str(VENV)}
    call(program("python"), "-m", "uv", *arguments, env=environment)


def setup(extras: str, wheelhouse: Path | None = None) -> None:
    """Make the virtual environment, if there is none, and install into it."""
    check_python()
    if not (VENV / "pyvenv.cfg").exists():
        venv.create(VENV, with_pip=True)
    quiet = ["--quiet", "--disable-pip-version-check", "--constraint", str(LOCK)]
    call(program("python"), "-m", "pip", "install", "uv", *quiet, *source_options(wheelhouse))
    for arguments in installs(extras, wheelhouse):
        uv("pip", "install", "--quiet", *arguments)


def wheelhouse(folder: Path, extras: str, project: Path = ROOT) -> None:
    """Collect wheels of all that the package needs and of the tools that build, for no network.

    They fit machines with the system, processor and Python of this one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pinned = ["--constraint", str(LOCK)]
    collect = [sys.executable, "-m", "pip", "wheel", "--quiet", "--wheel-dir", str(folder)]
    index = os.environ.get("TORCH_INDEX", "")
    if index:
        call(*collect, *pinned, "--index-url", index, "torch", "torchvision")
    call(*collect, *pinned, "--find-links", folder, "uv", *BUILD_TOOLS)
    call(*collect, *pinned, "--find-links", folder, f"{project}[{EXTRAS[extras]}]")


def wheels(folder: Path) -> None:
    """Build two wheels: the code, and the shipped models, which change at another pace."""
    with tempfile.TemporaryDirectory() as whole:
        build = ["--no-deps", "--no-build-isolation", "--wheel-dir", whole]
        call(program("python"), "-m", "pip", "wheel", "--quiet", *build, ROOT)
        [built] = Path(whole).glob("*.whl")
        split_wheel(built, folder)


def split_wheel(built: Path, folder: Path) -> None:
    """Divide a wheel into one without and one of `sa_helpers/models`; together they are it."""
    folder.mkdir(parents=True, exist_ok=True)
    name, version, tag = built.stem.split("-", 2)
    models = f"{name}_models"
    from wheel.wheelfile import WheelFile  # only the maintainers' environment has it

    with zipfile.ZipFile(built) as whole, ExitStack() as open_files:
        parts = {
            is_model: open_files.enter_context(
                WheelFile(folder / f"{stem}-{version}-{tag}.whl", "w")
            )
            for is_model, stem in ((False, name), (True, models))
        }
        for entry in whole.namelist():
            if not entry.endswith("/RECORD"):
                parts[entry.startswith(MODELS)].writestr(entry, whole.read(entry))
        metadata = f"Metadata-Version: 2.1\nName: {models.replace('_', '-')}\nVersion: {version}\n"
        parts[True].writestr(f"{models}-{version}.dist-info/METADATA", metadata)
        wheel = whole.read(f"{name}-{version}.dist-info/WHEEL")
        parts[True].writestr(f"{models}-{version}.dist-info/WHEEL", wheel)


def lock() -> None:
    """Resolve pyproject.toml anew into requirements.lock, for every system and Python."""
    extras = [part for extra in EXTRAS["all"].split(",") for part in ("--extra", extra)]
    how = ["--universal", "--python-version", "3.11", "--no-header", "--no-annotate", "--quiet"]
    how += ["--no-emit-index-url", "--no-emit-find-links", "--upgrade", "-o", str(LOCK)]
    uv("pip", "compile", "pyproject.toml", *extras, *how)


def lab() -> None:
    """Open the chapters without outputs in JupyterLab, solutions folded."""
    call(program("python"), "-m", "course", "build")
    call(program("python"), "-m", "jupyter", "lab", "course/_build/lab")


def book() -> None:
    """Run the notebooks that are stale and build the site."""
    call(program("python"), "-m", "sa_helpers", "live", LIVE)
    npm = program("npm.cmd" if os.name == "nt" else "npm")
    search = os.pathsep.join([str(Path(npm).parent), os.environ["PATH"]])
    settings = {"env": {**os.environ, "PATH": search}}
    call(npm, "--prefix", "live", "--silent", "ci", "--ignore-scripts", **settings)
    call(
        npm,
        "--prefix",
        "live",
        "--silent",
        "run",
        "build",
        "--",
        os.path.relpath(LIVE, "live"),
        **settings,
    )
    call(program("python"), Path("book") / "run_stale.py")
    build = ["--all", "--quiet", "-W", "--keep-going", "-n", "--toc", "book/_toc.yml"]
    build += ["--config", "_config.yml", "--path-output", "book"]
    call(program("jupyter-book"), "build", ".", *build)


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb in ("lab", "book", "setup"):
        options = verbs.add_parser(verb)
        options.add_argument("--wheelhouse", type=Path, help="folder of wheels; no network")
        default = "all" if verb == "book" else "lab"
        options.add_argument("--extras", choices=EXTRAS, default=default)
    collect = verbs.add_parser("wheelhouse", help="collect wheels for a class room without network")
    collect.add_argument("folder", type=Path)
    collect.add_argument("--extras", choices=EXTRAS, default="lab")
    verbs.add_parser("wheels", help="build the wheels of a release").add_argument(
        "folder", type=Path
    )
    verbs.add_parser("lock", help="resolve pyproject.toml anew into requirements.lock")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    """Do what the command line asks."""
    options = parse(arguments)
    if options.verb == "wheelhouse":
        wheelhouse(options.folder, options.extras)
    elif options.verb == "wheels":
        wheels(options.folder)
    elif options.verb == "lock":
        lock()
    else:
        setup(options.extras, options.wheelhouse)
        {"lab": lab, "book": book, "setup": lambda: None}[options.verb]()


if __name__ == "__main__":
    main()
