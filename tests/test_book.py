"""The book's sources: table of contents, bibliography, cross-references, assets."""

import hashlib
import re
from pathlib import Path

import nbformat
import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
BOOK = ROOT / "book"
CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text())


def toc_files() -> list[str]:
    """List the pages of the table of contents, as paths without suffix."""
    toc = yaml.safe_load((BOOK / "_toc.yml").read_text())
    return [toc["root"]] + [
        page["file"]
        for part in toc["parts"]
        for chapter in part["chapters"]
        for page in [chapter, *chapter.get("sections", [])]
    ]


PAGES = (".md", ".ipynb")


def prose_of(path: Path) -> str:
    """Read the Markdown of a page, be it a text, without its front matter, or a notebook."""
    if path.suffix == ".md":
        text = path.read_text(encoding="utf-8")
        return re.sub(r"\A---\n.*?^---\n+", "", text, flags=re.MULTILINE | re.DOTALL)
    cells = nbformat.read(path, as_version=4).cells
    return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


def page_paths() -> list[Path]:
    """List the source files of the pages."""
    stems = [ROOT / file for file in toc_files()]
    return [path for stem in stems for path in map(stem.with_suffix, PAGES) if path.exists()]


PROSE = {path.stem: prose_of(path) for path in page_paths()}
each_page = pytest.mark.parametrize("name", PROSE)


def test_table_of_contents_lists_exactly_the_pages():
    folders = [ROOT / folder for folder in ("book", "book/reference", "notebooks")]
    pages = [
        path for folder in folders for end in ("md", "ipynb") for path in folder.glob(f"*.{end}")
    ]
    expected = sorted(page.relative_to(ROOT).with_suffix("").as_posix() for page in pages)
    assert sorted(toc_files()) == expected


def test_bibliography_and_citations_agree():
    keys = set(re.findall(r"^@\w+\{([^,]+),", (BOOK / "references.bib").read_text(), re.MULTILINE))
    cited = {
        key.strip()
        for prose in PROSE.values()
        for keys_of_role in re.findall(r"\{cite(?::\w+)?\}`([^`]+)`", prose)
        for key in keys_of_role.split(",")
    }
    assert cited == keys


def test_both_papers_are_cited_where_the_book_begins():
    assert "wu2022stylealign" in PROSE["intro"]
    assert "pinkney2020resolution" in PROSE["intro"]


@each_page
def test_page_has_one_title(name):
    text = re.sub(r"^```.*?^```", "", PROSE[name], flags=re.MULTILINE | re.DOTALL)
    assert len(re.findall(r"^# ", text, re.MULTILINE)) == 1
    assert text.startswith("# ")


@each_page
def test_figures_of_the_text_have_alternative_texts(name):
    figures = re.findall(r"^```\{(?:figure|image)\}.*?^```", PROSE[name], re.MULTILINE | re.DOTALL)
    for figure in figures:
        alternative = re.search(r"^:alt: (.+)$", figure, re.MULTILINE)
        assert alternative, figure
        assert len(alternative.group(1)) >= 20, figure


def test_equation_labels_are_unique_and_used():
    pattern = re.compile(r"^\$\$ \((.+)\)$", re.MULTILINE)
    labels = [label for prose in PROSE.values() for label in pattern.findall(prose)]
    assert len(labels) == len(set(labels))
    everything = "\n".join(PROSE.values())
    used = set(re.findall(r"\{eq\}`([^`]+)`", everything))
    assert used <= set(labels)


def test_every_glossary_entry_is_explained_and_sorted():
    entries = re.search(r"```\{glossary\}\n(.*?)\n```", PROSE["glossary"], re.DOTALL).group(1)
    terms = re.findall(r"^(\S.*)$", entries, re.MULTILINE)
    assert terms == sorted(terms, key=str.casefold)
    assert len(terms) == len(re.findall(r"^\S.*\n  \S", entries, re.MULTILINE))


def test_vendored_files_are_what_their_list_says():
    vendor = BOOK / "vendor"
    listed = (vendor / "README.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\S+)` \| `([0-9a-f]{64})` \|$", listed, re.MULTILINE))
    files = [path for path in vendor.rglob("*") if path.suffix in {".js", ".css", ".woff2"}]
    assert rows == {
        path.relative_to(vendor).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


def test_no_notebook_stores_widgets_that_need_scripts_from_elsewhere():
    for path in page_paths():
        if path.suffix == ".ipynb":
            assert "widgets" not in nbformat.read(path, as_version=4).metadata, path.name


def test_configuration_is_that_of_an_executed_offline_book():
    config = CONFIG["sphinx"]["config"]
    assert CONFIG["execute"]["execute_notebooks"] == "off"
    assert CONFIG["only_build_toc_files"]
    static = [ROOT / folder for folder in config["html_static_path"]]
    assert any((folder / config["katex_css_path"]).is_file() for folder in static)
    assert config["nb_ipywidgets_js"] == {}
    for folder in config["html_static_path"]:
        assert (ROOT / folder).is_dir()


class TestCounterparts:
    """The appendix that lists every figure and table of the papers."""

    @pytest.fixture
    def rows(self) -> dict[str, list[tuple[str, str]]]:
        """Heading of a section to (number, rest of the row)."""
        sections = re.split(r"^## ", PROSE["counterparts"], flags=re.MULTILINE)[1:]
        pattern = re.compile(r"^\| ((?:Figure|Table) \d+): (.*)\|$", re.MULTILINE)
        return {text.split("\n")[0]: pattern.findall(text) for text in sections}

    @pytest.mark.parametrize(
        ("section", "num_figures", "num_tables"), [("StyleAlign", 33, 6), ("Layer swapping", 7, 0)]
    )
    def test_every_number_of_the_papers_is_listed_once(
        self, rows, section, num_figures, num_tables
    ):
        expected = [f"Figure {n}" for n in range(1, num_figures + 1)]
        expected += [f"Table {n}" for n in range(1, num_tables + 1)]
        assert [number for number, _ in rows[section]] == expected

    def test_every_row_links_to_cells_that_exist(self, rows):
        targets = {
            label
            for prose in PROSE.values()
            for label in re.findall(r"^\(([\w-]+)\)=$", prose, re.M)
        }
        for path in page_paths():
            if path.suffix == ".ipynb":
                for cell in nbformat.read(path, as_version=4).cells:
                    figure = cell.metadata.get("mystnb", {}).get("figure", {})
                    targets |= {figure["name"]} if "name" in figure else set()
        for number, row in (row for section in rows.values() for row in section):
            links = re.findall(r"\{(?:numref|ref)\}`(?:[^`<]*<)?([\w-]+)>?`", row)
            assert links, f"{number} links nowhere"
            assert set(links) <= targets, f"{number}: {set(links) - targets}"
