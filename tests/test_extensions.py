"""What the book's extensions do to numbers, references, code, tables and drawings."""

import re
import sys
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from pybtex.database import Entry, Person

BOOK = Path(__file__).resolve().parent.parent / "book"
sys.path[:0] = [str(BOOK), str(BOOK / "extensions")]
import author_year  # noqa: E402
import claims_table  # noqa: E402
import draw_stylegan2  # noqa: E402
import folded_code  # noqa: E402
import light_pages  # noqa: E402
import page_notes  # noqa: E402
import verdicts  # noqa: E402

CHAPTERS = sorted((BOOK.parent / "notebooks").glob("*.ipynb"))


def parse(html: str) -> BeautifulSoup:
    return BeautifulSoup(html, "html.parser")


def entry(title: str, *names: str, year: str = "2020") -> Entry:
    people = [Person(name) for name in names]
    return Entry("misc", fields={"title": title, "year": year}, persons={"author": people})


class TestLabels:
    @pytest.mark.parametrize(
        ("names", "label"),
        [
            (["Hart, John C."], "Hart, 2020"),
            (["Pan, Sinno", "Yang, Qiang"], "Pan and Yang, 2020"),
            (['H{\\"a}rk{\\"o}nen, Erik', "Paris, S.", "Lehtinen, J."], "Härkönen et al., 2020"),
            (["van de Weijer, Joost"], "van de Weijer, 2020"),
        ],
    )
    def test_label_reads_as_the_citation(self, names, label):
        assert author_year.author_year(entry("A title", *names)) == label

    def test_works_of_one_year_get_letters_in_the_order_of_their_titles(self):
        second, first = entry("Beta", "Karras, T."), entry("Alpha", "Karras, T.")
        other = entry("Gamma", "Karras, T.", year="2019")
        author_year.tell_apart([second, first, other])
        assert [e.fields["year"] for e in (first, second, other)] == ["2020a", "2020b", "2019"]


CELL = '<div class="cell {tag}"><div class="cell_input"><pre>{code}</pre></div></div>'
IMPORTS = "import sa_helpers as sa\nfrom sa_helpers.plotting import bars"


def are_folded(*codes: str, tag: str = "") -> list[bool]:
    """Fold the cells of a page; tells which are folded."""
    soup = parse("".join(CELL.format(code=code, tag=tag) for code in codes))
    folded_code.fold_asides(soup)
    return [cell.details is not None for cell in soup.select("div.cell")]


class TestFolding:
    def test_imports_tables_and_figures_are_folded(self):
        table = 'rows = [sa.bootstrap(x) for x in effects]\nsa.table({"a": rows})'
        assert are_folded(IMPORTS, table, "bars(groups, series)") == [True, True, True]

    @pytest.mark.parametrize(
        "code",
        [
            "PSI = 0.7",
            'reset = sa.reset_component(child, parent, "conv")\nsa.image_table([reset])',
            "assert low > 0\nsa.table(columns)",
            "print(sa.bootstrap(x))",
            "! ls models",
        ],
    )
    def test_the_lesson_stays_open(self, code):
        assert are_folded(IMPORTS, code) == [True, False]

    def test_a_tag_keeps_a_cell_open(self):
        assert are_folded(IMPORTS, "sa.table(columns)", tag="tag_show-input") == [False, False]


class TestNotes:
    def test_note_has_the_words_of_the_definition_and_no_ids_or_links(self):
        page = parse(
            '<dl class="glossary"><dt id="term-w">w<a class="headerlink">#</a></dt>'
            '<dd><p id="p">A <a href="x.html#y">latent</a>.</p></dd></dl>'
        )
        note = page_notes.as_note(page_notes.defined_at(page, "term-w"))
        assert note.get_text() == "A latent."
        assert not note.find_all(["a", "dt"])
        assert not note.find_all(id=True)

    def test_sections_are_no_definitions(self):
        assert page_notes.defined_at(parse('<section id="here">x</section>'), "here") is None
        assert page_notes.defined_at(parse(""), "gone") is None

    def test_notes_stand_once_for_all_links_and_not_twice_after_another_build(self, tmp_path):
        glossary = tmp_path / "glossary.html"
        glossary.write_text('<dl class="glossary"><dt id="t">t</dt><dd>Meaning.</dd></dl>')
        link = '<a class="reference internal" href="glossary.html#t">t</a>'
        soup = parse(f"<body><article>{link} and {link}</article></body>")
        for _ in range(2):
            page_notes.add_notes(soup, tmp_path / "page.html")
        assert [note.get_text() for note in soup.select(".page-note")] == ["Meaning."]
        assert {a["aria-describedby"] for a in soup.find_all("a")} == {"page-note-1"}


class TestCells:
    @pytest.mark.parametrize(
        "text", ["0.33 [0.30, 0.35]", "-0.10 [-0.37, 0.21]", "52 % [48 %, 55 %]", "1.5° [1, 2]"]
    )
    def test_intervals_do_not_break(self, text):
        soup = parse(f"<article><table><td>{text}</td></table></article>")
        light_pages.mark_cells(soup)
        assert soup.td["class"] == "interval"

    def test_zeros_are_marked_in_tables_of_zeros_only(self):
        for cells, count in (("0 0 0 3", 3), ("0 1 2 3", 0), ("0.0% 0.0% 1.5%", 2)):
            row = "".join(f"<td>{cell}</td>" for cell in cells.split())
            soup = parse(f"<article><table>{row}</table></article>")
            light_pages.mark_cells(soup)
            assert len(soup.select("td.zero")) == count


class TestPictures:
    def test_picture_leads_to_its_file_unless_it_leads_elsewhere(self):
        soup = parse(
            '<article><img src="a.jpg"><a href="a.jpg"><img src="a.jpg"></a>'
            '<a href="b.html"><img src="a.jpg"></a><live-models><img src="a.jpg"></live-models>'
            "</article>"
        )
        light_pages.link_pictures(soup)
        assert len(soup.select("a.enlarge")) == 2
        assert not soup.select("a a, live-models a")
        assert soup.select_one("a[href='b.html']").get("class") is None


class TestDrawings:
    def test_assets_are_what_the_script_draws(self):
        drawn = draw_stylegan2.drawings()
        stored = {path.name: path.read_text() for path in BOOK.glob("assets/stylegan2*.svg")}
        assert stored == drawn

    @pytest.mark.parametrize("name", draw_stylegan2.MAPS)
    def test_map_colours_its_parts_and_no_others(self, name):
        parts, columns = draw_stylegan2.MAPS[name]
        boxes = parse(draw_stylegan2.drawings()[f"stylegan2_map_{name}.svg"]).select("rect[rx='6']")
        coloured = [box["class"][0] for box in boxes if box["class"] != ["off"]]
        per_part = {"mapping": 1, "constant": 1}
        expected = sum(
            per_part.get(part, len([c for c in columns if c])) for part in parts
        )  # fmt: skip
        assert set(coloured) == set(parts)
        assert len(coloured) == expected


class TestClaims:
    @pytest.mark.parametrize(
        ("line", "parts"),
        [
            (
                "holds: toon: high first costs: 0.34 [0.26, 0.41], over seeds",
                ("toon: high first costs", "holds", "0.34 [0.26, 0.41]", "seeds"),
            ),
            ("not decided: dogs think", ("dogs think", "not decided", "", "")),
            ("does not hold: a: b", ("a: b", "does not hold", "", "")),
            ("does not hold: dogs sing: 0.1", ("dogs sing", "does not hold", "0.1", "")),
        ],
    )
    def test_a_printed_line_is_read(self, line, parts):
        claim = claims_table.read_claim(line)
        assert (claim.text, claim.outcome, claim.measured, claim.unit) == parts

    def test_other_lines_are_of_no_claim(self):
        assert claims_table.read_claim("kept: 3 of 15") is None

    def test_the_chapters_claims_are_found(self):
        found = {path.stem: claims_table.claims_in(path) for path in CHAPTERS}
        assert sum(map(len, found.values())) > 50
        for name, claims in found.items():
            assert not [c for c in claims if c.outcome == "does not hold"], name

    def test_outcomes_are_counted(self):
        claims = [claims_table.read_claim(f"{o}: it") for o in ("holds", "holds", "not decided")]
        assert claims_table.tally(claims) == "2 hold, 1 are not decided"


class TestVerdicts:
    PAGE = (BOOK / "counterparts.md").read_text(encoding="utf-8")

    def test_every_row_has_one(self):
        found = verdicts.verdicts_in(self.PAGE)
        assert len(found) == len(re.findall(r"^\| (?:Figure|Table) \d+: ", self.PAGE, re.M))
        assert set(found) <= set(verdicts.VERDICTS)

    def test_they_are_counted(self):
        rows = (
            "| Figure 1: it | there | **agrees.** So. |",
            "| Table 2: a | b | **disagrees.** |",
        )
        assert verdicts.verdicts_in("\n".join(rows)) == ["agrees"]  # a verdict has a reason
        said = verdicts.tally(["agrees", "disagrees", "agrees"])
        assert said == "Of the papers' 3 figures and tables, 2 agree, 1 disagree."


def test_signatures_and_references_have_roles_that_are_known():
    soup = BeautifulSoup(
        '<dl><dt class="sig">f(<dl><dd>a</dd><dd>b</dd></dl>)</dt><dd>Text.</dd></dl>'
        '<div role="list"><div role="doc-biblioentry">A paper.</div></div>',
        "html.parser",
    )
    light_pages.mend_roles(soup)
    assert [tag.name for tag in soup.select(".sig-parameters > *")] == ["span", "span"]
    assert len(soup.find_all("dl")) == 1
    assert len(soup.find_all("dd")) == 1
    assert soup.select_one("[role='list'] > [role='listitem']").text == "A paper."
