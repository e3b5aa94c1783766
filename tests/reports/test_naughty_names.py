"""The big list of naughty strings as customer names: in the book and on the page, unchanged and inert."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import openpyxl
import pytest
import xlsxwriter
from page_tree import Element, read

from salesiq.book import Book
from salesiq.load import LoadReport, load, write_rejects
from salesiq.reports import weekly

EXPORTED_AT = "2026-03-31"
DAMAGED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
ELEMENTS = {
    "script",
    "iframe",
    "object",
    "embed",
    "img",
    "svg",
    "form",
    "input",
    "link",
    "meta",
    "style",
    "a",
    "base",
    "video",
    "audio",
}


@pytest.fixture(scope="module")
def naughty(shared_data: Path) -> list[str]:
    names: list[str] = json.loads((shared_data / "csv_corpora" / "blns" / "blns.json").read_text(encoding="utf-8"))
    assert len(names) == 515
    return names


def shown(name: str) -> str | None:
    """What the book must hold: the name without outer white space; a name of nothing but white space is none."""
    stripped = name.strip().strip("\u200b\u200c\u200d\u2060\ufeff").strip()
    return stripped or None


def write_csv(folder: Path, names: list[str], amount: str = "5.00") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "customers.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("customer_id", "name"), *((f"C{at}", name) for at, name in enumerate(names))])
    with (folder / "deals.csv").open("w", encoding="utf-8", newline="") as file:
        header = ("deal_id", "customer_id", "name", "amount", "stage", "status", "created_at")
        rows = ((f"D{at}", f"C{at}", name, amount, "Open", "open", "2026-03-30") for at, name in enumerate(names))
        csv.writer(file).writerows([header, *rows])
    return folder


def write_workbook(folder: Path, names: list[str]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    with xlsxwriter.Workbook(str(folder / "customers.xlsx")) as book:
        page = book.add_worksheet()
        for row, cells in enumerate([("customer_id", "name"), *((f"C{at}", name) for at, name in enumerate(names))]):
            for column, cell in enumerate(cells):
                page.write_string(row, column, cell)
    return folder


@pytest.fixture(scope="module")
def loaded(naughty: list[str], tmp_path_factory: pytest.TempPathFactory) -> tuple[Book, LoadReport]:
    book = Book(":memory:")
    return book, load(book, write_csv(tmp_path_factory.mktemp("in"), naughty), "canonical", exported_at=EXPORTED_AT)


def names_in(book: Book) -> dict[str, str | None]:
    found = book.as_of(EXPORTED_AT).sql("SELECT customer_id, name FROM base.customers(as_of := $as_of)")
    return dict(found.rows())


@pytest.mark.fault(5)
def test_every_name_is_in_the_book_or_rejected_for_what_it_is(naughty: list[str], loaded: tuple[Book, LoadReport]) -> None:
    book, report = loaded
    found = names_in(book)
    damaged = {at for at, name in enumerate(naughty) if DAMAGED.search(shown(name) or "")}
    assert len(damaged) == 4  # control characters and terminal commands
    assert found == {f"C{at}": shown(name) for at, name in enumerate(naughty) if at not in damaged}
    assert sum(found[f"C{at}"] == name for at, name in enumerate(naughty) if at not in damaged) == 504
    rejects = report.rejects.filter(table_name="customers")
    assert rejects["value"].to_list() == [naughty[at] for at in sorted(damaged)]
    assert set(rejects["reason"]) == {"load.reason_control_character"}


def test_a_workbook_gives_the_same_names(naughty: list[str], loaded: tuple[Book, LoadReport], tmp_path: Path) -> None:
    kept = [name for name in naughty if not DAMAGED.search(name)]
    book = Book(":memory:")
    report = load(book, write_workbook(tmp_path / "in", kept), "canonical", exported_at=EXPORTED_AT)
    assert report.n_rejected == 0
    # XML cannot hold U+FFFE: the writer puts an escape in its place
    written = [name.replace("\ufffe", "_xFFFE_") for name in kept]
    assert list(names_in(book).values()) == [shown(name) for name in written]


@pytest.mark.fault(65)
def test_names_are_text_on_the_page(
    naughty: list[str], loaded: tuple[Book, LoadReport], monkeypatch: pytest.MonkeyPatch
) -> None:
    book, _ = loaded
    monkeypatch.setattr("salesiq.reports.sections.changes.N_LISTED", 1000)
    before, now = book.as_of("2026-03-23"), book.as_of(EXPORTED_AT)
    page = read(weekly(now, lang="en", previous=before).to_html())
    texts = {_plain(text) for text in strings(page)}
    expected = {_plain(name) for name in names_in(book).values() if name}
    assert len(expected) == 503
    assert expected <= texts, sorted(expected - texts)[:5]
    calm = Book(":memory:")
    for table, frame in (("customers", "customer_id, 'Name' AS name"), ("deals", "* EXCLUDE (name), 'Name' AS name")):
        rows = now.sql(f"SELECT {frame} FROM base.{table}(as_of := $as_of)")
        with calm.write() as writer:
            known = [name for name in rows.columns if name not in ("is_hindsight", "known_from", "load_id")]
            writer.merge(table, rows.select(known), load_id="calm", exported_at=now.as_of)
    plain = read(weekly(calm.as_of(EXPORTED_AT), lang="en", previous=calm.as_of("2026-03-23")).to_html())
    assert counts(page) == counts(plain)


def strings(element: Element) -> list[str]:
    found = []
    for child in element.children:
        found += [child] if isinstance(child, str) else strings(child)
    return found


def _plain(text: str) -> str:
    """White space as a browser shows it; the page sets fixed spaces beside numbers."""
    return " ".join(text.replace("\u00a0", " ").replace("\u202f", " ").split())


def counts(page: Element) -> dict[str, int]:
    """How many elements and attributes of each kind that can act the page has."""
    found: dict[str, int] = {}
    for element in page.walk():
        acts = [name for name in element.attributes if name.startswith("on") or name in ("href", "src", "style", "srcdoc")]
        for kind in [element.name] * (element.name in ELEMENTS) + acts:
            found[kind] = found.get(kind, 0) + 1
    return found


@pytest.fixture(scope="module")
def rejected(naughty: list[str], tmp_path_factory: pytest.TempPathFactory) -> Book:
    """A book in which every name stands in a row that was rejected for its amount."""
    names = [f"{name}" for name in naughty if not DAMAGED.search(name)]
    folder = write_csv(tmp_path_factory.mktemp("wrong"), names, amount="five")
    (folder / "customers.csv").unlink()
    with (folder / "reps.csv").open("w", encoding="utf-8") as file:
        file.write("rep_id,name\nR1,R\n")
    book = Book(":memory:")
    report = load(book, folder, "canonical", exported_at=EXPORTED_AT)
    assert report.n_rejected == len(names)
    return book


@pytest.mark.fault(66)
def test_names_are_text_in_a_list(naughty: list[str], rejected: Book, tmp_path: Path) -> None:
    path = tmp_path / "rejects.csv"
    assert write_rejects(rejected, path) == len([name for name in naughty if not DAMAGED.search(name)])
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    raw = [next(csv.reader([row["raw"]])) if "\n" not in row["raw"] else None for row in rows]
    names = [name for name in naughty if not DAMAGED.search(name)]
    assert [cells[2] for cells in raw if cells] == names
    for row in rows:
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")) for cell in row.values())


@pytest.mark.fault(66)
def test_names_are_text_in_a_workbook(naughty: list[str], rejected: Book, tmp_path: Path) -> None:
    path = tmp_path / "rejects.xlsx"
    write_rejects(rejected, path)
    names = [name for name in naughty if not DAMAGED.search(name)]
    sheet = openpyxl.load_workbook(path)["1 deals"]
    header = [cell.value for cell in next(sheet.iter_rows(max_row=1))]
    place = header.index("name")
    cells = [row[place] for row in sheet.iter_rows(min_row=2)]
    # XLSX writes a character that XML does not allow as _xHHHH_ (ECMA-376, ST_Xstring); Excel shows it, openpyxl does not
    told = [re.sub("_x([0-9A-F]{4})_", lambda found: chr(int(found[1], 16)), cell.value or "") for cell in cells]
    assert told == names
    assert {cell.data_type for cell in cells if cell.value} == {"s"}
    assert not any(cell.hyperlink for cell in cells)
