from __future__ import annotations

import gzip
import io
import sqlite3
from pathlib import Path

import polars as pl
import pytest
from exports import DEALS, HEADER, export, mapping_file, workbook

from salesiq.book import Book
from salesiq.errors import InputError, UsageError
from salesiq.load import LoadReport, load
from salesiq.load.finding import find_sources, shown
from salesiq.load.sources import Source, matches

ROW = "D1,甲,5,2026-01-03,进行中"


class Stream(io.BytesIO):
    def isatty(self) -> bool:
        return False


def piped(monkeypatch: pytest.MonkeyPatch, body: bytes) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(Stream(body)))


def load_it(source: str | Path | list[str | Path], folder: Path, mapping: str = DEALS) -> LoadReport:
    return load(Book(":memory:"), source, mapping_file(folder / "map", mapping), exported_at="2026-01-31")


def bodies(folder: Path) -> dict[str, bytes]:
    """The same rows as standard input may bring them."""
    xlsx = workbook(folder / "x.xlsx", [HEADER.split(","), ROW.split(",")]).read_bytes()
    frame = pl.DataFrame([ROW.split(",")], schema=HEADER.split(","), orient="row")
    parquet = io.BytesIO()
    frame.write_parquet(parquet)
    csv = f"{HEADER}\n{ROW}\n".encode()
    with sqlite3.connect(folder / "x.db") as con:
        con.execute(f"CREATE TABLE deals ({', '.join(chr(34) + name + chr(34) for name in frame.columns)})")
        con.execute("INSERT INTO deals VALUES (?, ?, ?, ?, ?)", frame.row(0))
    con.close()
    return {
        "utf-8": csv,
        "xlsx": xlsx,
        "parquet": parquet.getvalue(),
        "json": frame.write_json().encode(),
        "sqlite": (folder / "x.db").read_bytes(),
        "gz": gzip.compress(csv),
    }


@pytest.mark.parametrize("kind", ["utf-8", "xlsx", "parquet", "json", "sqlite", "gz"])
@pytest.mark.parametrize("source", ["-", Path("-")])
def test_standard_input_is_known_by_its_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, source: str | Path
) -> None:
    piped(monkeypatch, bodies(tmp_path)[kind])
    report = load_it(source, tmp_path, DEALS.replace("deals*.csv", "crm/deals.csv") if kind != "sqlite" else DEALS)
    assert report.n_loaded == 1
    assert report.files["source_file"].item().startswith("stdin")
    assert report.files["encoding"].item() == ("utf-8" if kind == "gz" else kind)


def test_standard_input_goes_to_the_entries_whose_headers_it_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = '[[file]]\nmatch = "reps.csv"\ntable = "reps"\n[file.columns]\nrep_id = "编号"\nname = "商机名称"\n'
    piped(monkeypatch, f"{HEADER}\n{ROW}\n".encode())
    report = load_it("-", tmp_path, f"{other}\n{DEALS}")
    assert report.files.select("source_file", "table_name").rows() == [("stdin.csv", "deals")]


@pytest.mark.fault(6)
def test_empty_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    piped(monkeypatch, b"")
    with pytest.raises(InputError) as caught:
        load_it("-", tmp_path)
    assert caught.value.exit_code == 3


def test_a_terminal_is_no_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Stream()
    monkeypatch.setattr(stream, "isatty", lambda: True)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(stream))
    with pytest.raises(UsageError, match="is a terminal"):
        load_it("-", tmp_path)


def test_patterns(tmp_path: Path) -> None:
    for month in ("2026-01", "2026-02"):
        export(tmp_path / "in" / month, ROW.replace("D1", month))
    export(tmp_path / "in", "x", name="other.md")
    assert load_it(f"{tmp_path}/in/2026-*/deals.csv", tmp_path).files["source_file"].to_list() == [
        "2026-01/deals.csv",
        "2026-02/deals.csv",
    ]
    assert load_it(f"{tmp_path}/in/**/deals.csv", tmp_path).n_loaded == 2
    assert load_it(Path(f"{tmp_path}/in/2026-0[1]/*"), tmp_path).n_loaded == 1
    with pytest.raises(InputError, match=r"no file or folder at .*\*\.xlsx"):
        load_it(f"{tmp_path}/in/*.xlsx", tmp_path)


def test_a_list_of_files_and_folders(tmp_path: Path) -> None:
    first = export(tmp_path / "a", ROW)
    export(tmp_path / "b", ROW.replace("D1", "D2"))
    report = load_it([first, tmp_path / "b"], tmp_path)
    assert report.files["source_file"].to_list() == ["a/deals.csv", "b/deals.csv"]


@pytest.mark.fault(67)
@pytest.mark.parametrize(
    "name",
    [
        "deals[1].csv",
        "deals*.csv",
        "deals?.csv",
        "deals'; DROP TABLE deals; --.csv",
        'deals".csv',
        "deals\n.csv",
        "deals 商机 (1).csv",
    ],
)
@pytest.mark.parametrize("as_folder", [True, False])
def test_names_that_mean_something_elsewhere(tmp_path: Path, name: str, as_folder: bool) -> None:
    path = export(tmp_path / "in", ROW, name=name)
    export(tmp_path / "in", ROW.replace("D1", "D2"), name="dealsX.csv")
    report = load_it(path.parent if as_folder else path, tmp_path)
    assert report.n_loaded == (2 if as_folder else 1)
    assert name in report.files["source_file"].to_list()
    for kind, body in bodies(tmp_path).items():
        if kind in ("xlsx", "parquet", "json", "sqlite"):
            other = path.with_name(f"{name}.{kind}")
            other.write_bytes(body)
            assert load_it(other, tmp_path, DEALS.replace("deals*.csv", "*")).n_loaded == 1


@pytest.mark.fault(26)
@pytest.mark.parametrize("name", ["deals.csv.part", "deals.csv.crdownload", "~$deals.xlsx", "deals.tmp"])
def test_files_in_the_making(tmp_path: Path, name: str) -> None:
    path = export(tmp_path / "in", ROW, name=name)
    with pytest.raises(InputError, match="a file in the making") as caught:
        load_it(path, tmp_path)
    assert caught.value.exit_code == 3
    export(tmp_path / "in", ROW)
    report = load_it(tmp_path / "in", tmp_path)
    assert report.remarks.filter(remark="unused_unfinished")["source_file"].to_list() == [name]


@pytest.mark.fault(26)
def test_a_file_that_grows_while_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = export(tmp_path / "in", ROW)

    def grow(file: str, n_rows: int) -> None:
        with path.open("a", encoding="utf-8") as more:
            more.write(f"{ROW}\n")

    book = Book(":memory:")
    with pytest.raises(InputError, match="somebody is still writing it") as caught:
        load(book, path, mapping_file(tmp_path / "map"), exported_at="2026-01-31", progress=grow)
    assert caught.value.exit_code == 3
    assert book.loads().is_empty()


@pytest.mark.fault(6)
@pytest.mark.parametrize("name", ["deals.csv", "deals.xlsx", "deals.xls", "deals.parquet", "deals.json", "deals.jsonl"])
def test_an_empty_file(tmp_path: Path, name: str) -> None:
    book = Book(":memory:")
    mapping = mapping_file(tmp_path / "map", DEALS.replace("deals*.csv", "deals.*"))
    load(book, export(tmp_path / "in", ROW), mapping, exported_at="2026-01-30")
    path = tmp_path / "again" / name
    path.parent.mkdir()
    path.touch()
    with pytest.raises(InputError, match=r"is empty \(0 bytes\)") as caught:
        load(book, path, mapping, exported_at="2026-01-31")
    assert caught.value.exit_code == 3
    assert book.as_of("2026-01-31").sql("SELECT deal_id FROM base.deals(as_of := $as_of)")["deal_id"].to_list() == ["D1"]


def test_what_a_text_really_is_is_told(tmp_path: Path) -> None:
    marks = {
        b"%PDF-1.7": "PDF",
        b"\x1f\x8b\x08": "GZIP",
        b"SQLite format 3\x00": "SQLite",
        b"\xef\xbb\xbf<!DOCTYPE html>": "HTML",
    }
    for body, kind in marks.items():
        path = tmp_path / "deals.csv"
        path.write_bytes(body + b"x" * 100)
        with pytest.raises(InputError, match=f"it is {kind}"):
            load_it(path, tmp_path)


def test_an_address_is_told_without_its_secrets(tmp_path: Path) -> None:
    secret = "canary"  # noqa: S105 - no real one
    for address in (f"oracle://ana:{secret}@db/x", f"postgresql+x://ana:{secret}@db/x?password={secret}"):
        with pytest.raises(UsageError, match=r"cannot be read\. Known are: postgresql") as caught:
            find_sources(address)
        assert secret not in str(caught.value)
    assert shown(Path(f"postgresql://ana:{secret}@db/x")) == "postgresql://db/x"
    assert shown(tmp_path) == str(tmp_path)


def test_patterns_of_a_mapping() -> None:
    table = Source(Path("/x/crm.db"), "crm.db/deals", "deals", "/x/crm.db/deals", "deals", "sqlite")
    assert [matches(table, pattern) for pattern in ("deals.csv", "./deals.*", "crm.db/deals", "x/crm.db/*", "reps.csv")] == [
        True,
        True,
        True,
        True,
        False,
    ]
    packed = Source(Path("/y/0001.csv"), "old/a.zip/crm/deals.csv", "crm/deals.csv", "/x/old/a.zip/crm/deals.csv")
    assert [matches(packed, pattern) for pattern in ("crm/deals.csv", "deals.csv", "./deals.csv", "a.zip/*", "0001.csv")] == [
        True,
        True,
        False,
        True,
        False,
    ]


def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    piped(monkeypatch, bodies(tmp_path)["xlsx"])
    load_it("-", tmp_path)
    assert not list((tmp_path / "tmp").iterdir())
