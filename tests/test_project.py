"""The project's own files agree with each other and hold nothing of one machine."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

import sa_helpers

ROOT = Path(__file__).resolve().parent.parent
TEXT_SUFFIXES = {".py", ".md", ".ipynb", ".yml", ".yaml", ".toml", ".json", ".cff", ""}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCK = [
    Requirement(line)
    for line in (ROOT / "requirements.lock").read_text().splitlines()
    if line and not line.startswith("#")
]


def canonical(name: str) -> str:
    """Normalise a package's name."""
    return re.sub(r"[-_.]+", "-", name).lower()


def tracked_files(*, all_kinds: bool = False) -> list[Path]:
    """List the files of the repository, those that are text and ours or all."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a Git checkout")
    paths = [ROOT / name for name in listed.split("\0") if name]
    files = [path for path in paths if path.is_file()]
    return [path for path in files if all_kinds or path.suffix in TEXT_SUFFIXES]


def test_versions_agree():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    changelog = (ROOT / "CHANGELOG.md").read_text()
    newest = re.search(r"^## \[(\d[^\]]*)\]", changelog, re.MULTILINE).group(1)
    assert sa_helpers.__version__ == citation["version"] == newest


def test_changelog_keeps_its_form():
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert "## [Unreleased]" in changelog
    headings = re.findall(r"^### (\w+)", changelog, re.MULTILINE)
    assert set(headings) <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


@pytest.mark.slow
def test_the_wheel_holds_the_command_and_not_the_workshop(tmp_path):
    for path in tracked_files(all_kinds=True):
        if path.stat().st_size < 1 << 16:
            copy = tmp_path / "source" / path.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
    build = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"
    command = [sys.executable, "-c", build, str(tmp_path)]
    subprocess.run(command, cwd=tmp_path / "source", capture_output=True, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as file:
        names = file.namelist()
        (entry_points,) = (file.read(n).decode() for n in names if n.endswith("entry_points.txt"))
    assert "sa_helpers/commands/running.py" in names
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"sa_helpers"}
    assert "sa-helpers = sa_helpers.commands:main" in entry_points


def test_lock_pins_exactly_and_names_no_host():
    for requirement in LOCK:
        assert re.fullmatch(r"==[^*,]+", str(requirement.specifier)), str(requirement)
        assert requirement.url is None


def test_lock_satisfies_every_requirement():
    pinned: dict[str, list[Version]] = {}
    for requirement in LOCK:
        version = Version(str(requirement.specifier).removeprefix("=="))
        pinned.setdefault(canonical(requirement.name), []).append(version)
    extras = dict(PROJECT["optional-dependencies"])
    del extras["faces"]  # for whoever aligns photographs: its landmarks are for research only
    for line in [*PROJECT["dependencies"], *(line for extra in extras.values() for line in extra)]:
        wanted = Requirement(line)
        versions = pinned.get(canonical(wanted.name))
        assert versions, f"{wanted.name} is not locked: make lock"
        assert all(version in wanted.specifier for version in versions), line


def test_node_packages_are_pinned_with_digests_and_name_no_host():
    package = json.loads((ROOT / "live" / "package.json").read_text())
    wanted = {**package["dependencies"], **package["devDependencies"]}
    lock = json.loads((ROOT / "live" / "package-lock.json").read_text())["packages"]
    assert {name: lock[f"node_modules/{name}"]["version"] for name in wanted} == wanted
    for name, entry in lock.items():
        assert "resolved" not in entry
        assert not name or entry["integrity"].startswith("sha512-"), name


def test_conda_environment_takes_the_locked_versions_for_students():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    [pip] = [entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict)]
    assert pip == ["--constraint requirements.lock", "-e .[lab]"]
    locked = {canonical(r.name): str(r.specifier) for r in LOCK}
    conda = dict(entry.split("=") for entry in environment["dependencies"] if "=" in str(entry))
    assert locked["torch"].startswith(f"=={conda['pytorch-cpu']}")
    assert locked["torchvision"].startswith(f"=={conda['torchvision']}")


class TestWorkflows:
    """What actionlint and zizmor, in `make lint`, do not look at."""

    PATHS = sorted((ROOT / ".github").rglob("*.yml"))

    def test_actions_are_pinned_by_digest_with_their_version(self):
        uses = [
            line.split("uses:")[1].strip()
            for path in self.PATHS
            for line in path.read_text().splitlines()
            if "uses:" in line
        ]
        assert len(uses) > 10
        others = [use for use in uses if not use.startswith("./")]
        assert all(re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", use) for use in others)
        digests = {use.split(" ")[0] for use in others}
        assert len(digests) == len({use.split("@")[0] for use in others}), "one version of each"

    def test_run_only_targets_that_exist(self):
        targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
        text = "\n".join(path.read_text() for path in self.PATHS)
        called = re.findall(r"make ((?:[a-z]+ ?)+)", text)
        assert {name for line in called for name in line.split()} <= targets

    def test_nothing_is_permitted_that_a_job_does_not_name(self):
        for path in (ROOT / ".github" / "workflows").glob("*.yml"):
            workflow = yaml.safe_load(path.read_text())
            assert workflow["permissions"] == {}, path.name
            assert all("permissions" in job for job in workflow["jobs"].values()), path.name
            assert all("timeout-minutes" in job for job in workflow["jobs"].values()), path.name


def test_continuous_integration_runs_the_test_command():
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & 0o111
    assert script.read_text().rstrip().endswith("make test")


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_documents_name_only_what_exists(name):
    text = (ROOT / name).read_text()
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`make ([a-z]+)", text)) <= targets
    links = re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", text)
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_readme_shows_the_two_commands():
    readme = (ROOT / "README.md").read_text()
    assert "make book" in readme
    assert "make test" in readme


def test_no_file_is_too_large_for_git():
    too_large = [path for path in tracked_files(all_kinds=True) if path.stat().st_size > 16e6]
    assert not too_large


def test_no_file_names_a_machine_or_a_package_host():
    # The patterns are put together here so that this file does not match itself.
    folders = "|".join(["wo" + "rk", "ro" + "ot", "tm" + "p/[a-z]", "home/[a-z]+"])
    hosts = "|".join(["pypi" + r"\.org", "pythonhosted" + r"\.org", "registry" + r"\.npmjs"])
    pattern = re.compile(rf"(?<![\w.$~}}>])/(?:{folders})/|{hosts}")
    found = {
        f"{path.relative_to(ROOT)}: {match.group(0)}"
        for path in tracked_files()
        for match in pattern.finditer(path.read_text(encoding="utf-8", errors="replace"))
    }
    assert not found
