"""The PDF edition, printed from the built site. `make site` builds it first."""

import sys
from pathlib import Path

import pytest
import yaml
from pypdf import PdfReader

BOOK = Path(__file__).resolve().parent.parent / "book"
sys.path.insert(0, str(BOOK))
import make_pdf  # noqa: E402

TOC = yaml.safe_load((BOOK / "_toc.yml").read_text())
PAGES = list(make_pdf.pages_of_contents(TOC))
PATHS = [path for _, path in PAGES]


@pytest.mark.parametrize(
    ("href", "target"),
    [
        ("https://example.org/x#y", "https://example.org/x#y"),
        ("#fig-a", "#page-notebooks-morphing--fig-a"),
        ("../book/notation.html#equation-b", "#page-book-notation--equation-b"),
        ("translation.html", "#page-notebooks-translation"),
        ("../_images/a.jpg", "_images/a.jpg"),
    ],
)
def test_links_lead_into_the_merged_page(href, target):
    assert make_pdf.target_of("notebooks/morphing", href, PATHS) == target


def test_pages_come_in_the_order_of_the_contents():
    assert PAGES[0] == ("", "book/intro")
    assert PATHS.index("notebooks/layer_swapping") < PATHS.index("notebooks/translation")
    assert PATHS.index("book/reference/front_door") + 1 == PATHS.index("book/reference/models")
    assert len(set(PATHS)) == len(PATHS)


@pytest.fixture(scope="module")
def merged():
    """Merge the site's pages."""
    return make_pdf.BeautifulSoup(make_pdf.merge(PAGES, make_pdf.SITE, {}), "html.parser")


@pytest.mark.slow
def test_merged_page_has_unique_ids_and_links_that_lead_somewhere(merged):
    ids = [tag["id"] for tag in merged.find_all(id=True)]
    assert len(ids) == len(set(ids))
    lost = {
        link["href"]
        for link in merged.select("a[href^='#']")
        if link["href"].removeprefix("#") not in set(ids)
    }
    assert lost == set()
    for image in merged.find_all("img"):
        assert (make_pdf.SITE / image["src"]).is_file()


@pytest.mark.slow
def test_solutions_stand_after_all_chapters(merged):
    sections = merged.select("main > section")
    assert sections[-1]["id"] == "solutions"
    assert len(sections[-1].select("div.solution")) > 20
    assert not any(section.select("div.solution") for section in sections[:-1])


@pytest.fixture(scope="module")
def pdf(tmp_path_factory) -> PdfReader:
    """Print the whole book."""
    output = tmp_path_factory.mktemp("pdf") / "book.pdf"
    make_pdf.print_book(PAGES, make_pdf.SITE, output)
    assert not (make_pdf.SITE / make_pdf.MERGED).exists()
    return PdfReader(output)


@pytest.mark.slow
def test_pdf_has_every_chapter_where_its_contents_say(pdf):
    texts = [make_pdf.without_spaces(page.extract_text()) for page in pdf.pages]
    assert len(texts) > 100
    numbers = make_pdf.sheets_of_titles(pdf)
    contents = "".join(texts[1:6])
    for path in PATHS[1:]:
        soup = make_pdf.BeautifulSoup((make_pdf.SITE / f"{path}.html").read_text(), "html.parser")
        heading = soup.select_one("article h1")
        heading.select_one(".headerlink").decompose()
        title = make_pdf.without_spaces(heading.get_text())
        assert title in texts[numbers[title] - 1]
        assert f"{title}{numbers[title]}" in contents, title
    assert numbers["Solutions"] == max(numbers.values())
