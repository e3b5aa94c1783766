"""Whole loads: what comes in, what is set aside, what is refused, and that a refused load leaves the book alone."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from exports import DEALS, HEADER, export, mapping_file, workbook

from salesiq.book import Book
from salesiq.errors import BookError, InputError, SalesiqError, UsageError
from salesiq.load import LoadReport, load
from salesiq.load.reading import Tally

GOOD = "D1,甲公司订单,1234.50,2026-01-03 10:00:00,进行中"


@pytest.fixture
def book() -> Book:
    return Book(":memory:")


@pytest.fixture
def mapping(tmp_path: Path) -> Path:
    return mapping_file(tmp_path / "map")


def deals(book: Book) -> pl.DataFrame:
    return book.as_of("2026-06-30").sql("SELECT * FROM base.deals(as_of := $as_of) ORDER BY deal_id")


def reasons(report: LoadReport) -> list[tuple[int, str | None, str]]:
    rows = report.rejects.sort("source_line")
    return [(row["source_line"], row["source_column"], row["reason"]) for row in rows.rows(named=True)]


def test_rows_are_loaded_with_their_file_and_line(book: Book, mapping: Path, tmp_path: Path) -> None:
    export(tmp_path / "in", GOOD, "D2,乙,￥2万,2026年1月4日,赢单")
    report = load(book, tmp_path / "in", mapping)
    found = deals(book)
    assert found["amount"].to_list() == [Decimal("1234.50"), Decimal(20000)]
    assert found["status"].to_list() == ["open", "won"]
    assert found.select("source_file", "source_line").rows() == [("deals.csv", 2), ("deals.csv", 3)]
    assert (report.n_rows_in, report.n_loaded, report.n_new) == (2, 2, 2)
    assert report.exported_at == dt.datetime(2026, 1, 4)


@pytest.mark.parametrize("codec", ["gb18030", "utf-8-sig", "utf-16"])
def test_the_encoding_is_found_and_recorded(book: Book, mapping: Path, tmp_path: Path, codec: str) -> None:
    export(tmp_path / "in", GOOD, codec=codec)
    report = load(book, tmp_path / "in", mapping)
    assert report.files["encoding"].to_list() == [codec]
    assert deals(book)["name"].to_list() == ["甲公司订单"]


def test_each_broken_row_is_kept_with_its_reason_and_the_rest_loads(book: Book, mapping: Path, tmp_path: Path) -> None:
    export(
        tmp_path / "in",
        GOOD,
        "D2,乙,NaN,2026-01-03,进行中",
        "D3,丙,1,2026-02-30,进行中",
        "D4,丁,1,2026-01-03,等待",
        "D5,戊,1,2026-01-03",
        "D6,己,1,234,2026-01-03,进行中",
        ",庚,1,2026-01-03,进行中",
        "D8,\x00,1,2026-01-03,进行中",
        "合计,,1234.50,,",
        HEADER,
        "",
        ",,,,",
        "D9,壬,-,2026-01-03,进行中",
    )
    report = load(book, tmp_path / "in", mapping)
    assert reasons(report) == [
        (3, "金额（元）", "load.reason_amount_nothing"),
        (4, "创建时间", "load.reason_date_impossible"),
        (5, "状态", "load.reason_contract"),
        (6, None, "load.reason_width_short"),
        (7, None, "load.reason_width_long"),
        (8, "商机编号", "load.reason_required"),
        (9, "商机名称", "load.reason_control_character"),
        (10, "商机编号", "load.reason_summary"),
        (11, "商机编号", "load.reason_header_again"),
        (14, "金额（元）", "load.reason_amount_nothing"),
    ]
    assert report.rejects.filter(pl.col("source_line") == 4)["raw"].item() == "D3,丙,1,2026-02-30,进行中"
    assert report.rejects.filter(pl.col("source_line") == 4)["value"].item() == "2026-02-30"
    assert (report.n_rows_in, report.n_loaded, report.n_rejected, report.n_skipped) == (13, 1, 10, 2)
    assert book.rejects().height == 10
    assert book.loads().select("n_rows_in", "n_new", "n_rejected", "n_skipped").rows() == [(13, 1, 10, 2)]
    for lang in ("en", "zh"):
        assert "deals.csv" in report.message(lang)


def test_hostile_names_are_text(book: Book, mapping: Path, tmp_path: Path) -> None:
    names = ["<script>alert(1)</script>", "=cmd|' /C calc'!A0", "'; DROP TABLE deals; --"]
    export(tmp_path / "in", *(f"D{place},{name},1,2026-01-03,进行中" for place, name in enumerate(names)))
    report = load(book, tmp_path / "in", mapping)
    assert deals(book)["name"].to_list() == names
    assert report.n_rejected == 0


def test_the_header_is_found_below_a_title(book: Book, mapping: Path, tmp_path: Path) -> None:
    export(tmp_path / "in", "导出时间：2026-01-31,,,,", HEADER, GOOD, header="商机清单,,,,")
    report = load(book, tmp_path / "in", mapping)
    assert deals(book)["source_line"].to_list() == [4]
    assert (report.n_rows_in, report.n_skipped) == (3, 2)


def test_a_header_in_another_dress_is_the_same_header(book: Book, mapping: Path, tmp_path: Path) -> None:
    export(tmp_path / "in", "进行中,extra,2026-01-03,1,甲,D1", header="状态 , Other ,创建时间,金额(元),\u00a0商机名称,商机编号")
    report = load(book, tmp_path / "in", mapping)
    assert deals(book)["deal_id"].to_list() == ["D1"]
    assert ("remark_column_unused", "Other") in report.remarks.select("remark", "detail").rows()


def test_the_same_files_again_change_nothing(book: Book, mapping: Path, tmp_path: Path) -> None:
    export(tmp_path / "in", GOOD)
    first = load(book, tmp_path / "in", mapping)
    loads = book.loads()
    again = load(book, tmp_path / "in", mapping)
    assert (first.is_noop, again.is_noop) == (False, True)
    assert book.loads().equals(loads)
    (tmp_path / "in" / "deals.csv").rename(tmp_path / "in" / "deals (2).csv")
    assert load(book, tmp_path / "in", mapping).is_noop
    assert "Nothing to do" in again.message("en")


def test_a_later_export_changes_rows_and_keeps_history(book: Book, mapping: Path, tmp_path: Path) -> None:
    export(tmp_path / "2026-01-31", GOOD, "D2,乙,5,2026-01-04,进行中")
    export(tmp_path / "2026-02-28", GOOD.replace("1234.50", "9"), "D2,乙,5,2026-01-04,进行中")
    assert load(book, tmp_path / "2026-01-31", mapping).exported_at == dt.datetime(2026, 1, 31, 23, 59, 59)
    report = load(book, tmp_path / "2026-02-28", mapping)
    assert (report.n_new, report.n_changed, report.n_unchanged) == (0, 1, 1)
    before = book.as_of("2026-02-27").sql("SELECT amount FROM base.deals(as_of := $as_of) ORDER BY deal_id")
    assert before["amount"].to_list() == [Decimal("1234.50"), Decimal(5)]
    assert deals(book)["amount"].to_list() == [Decimal(9), Decimal(5)]


def test_going_back_to_an_earlier_content_is_news(book: Book, mapping: Path, tmp_path: Path) -> None:
    changed = GOOD.replace("1234.50", "9")
    for day, line in (("2026-01-31", GOOD), ("2026-02-28", changed), ("2026-03-31", GOOD)):
        export(tmp_path / day, line)
        load(book, tmp_path / day, mapping)
    assert deals(book)["amount"].to_list() == [Decimal("1234.50")]


def test_copies_and_contradictions_within_a_load(book: Book, mapping: Path, tmp_path: Path) -> None:
    export(tmp_path / "in", GOOD, GOOD, "Ｄ１ ,甲公司订单,1234.50,2026-01-03 10:00:00,进行中", "D2,乙,5,2026-01-04,进行中")
    export(
        tmp_path / "in",
        "D3,丙,5,2026-01-04,进行中",
        "D3,丙,6,2026-01-04,进行中",
        "d2,乙二,5,2026-01-04,进行中",
        name="deals2.csv",
    )
    report = load(book, tmp_path / "in", mapping)
    found = report.rejects.select("source_file", "source_line", "value", "reason").sort("source_file", "source_line")
    assert found.rows() == [
        ("deals.csv", 3, "D1", "load.reason_copy"),
        ("deals.csv", 4, "Ｄ１", "load.reason_copy"),
        ("deals2.csv", 2, "D3", "load.reason_conflict"),
        ("deals2.csv", 3, "D3", "load.reason_conflict"),
    ]
    assert deals(book)["deal_id"].to_list() == ["D1", "D2", "d2"]


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("商机编号,商机编号,金额（元）,创建时间,状态", "stands there twice"),
        (
            "商机号,商机名称,金额（元）,创建时间,状态",
            "lacks the column for deals.deal_id, named 商机编号. The nearest header is 商机号",
        ),
        ("商机编号,商机名称,金额（万元）,创建时间,状态", "states 万元, the mapping expects 元"),
        ("a,b,c,d,e", "No line of deals.csv names the columns of deals"),
    ],
)
def test_a_header_that_cannot_be_trusted_is_refused(
    book: Book, mapping: Path, tmp_path: Path, header: str, message: str
) -> None:
    export(tmp_path / "in", GOOD, header=header)
    with pytest.raises(InputError, match=message):
        load(book, tmp_path / "in", mapping)
    assert book.loads().is_empty()


def test_a_refused_file_leaves_the_book_as_it_was(book: Book, mapping: Path, tmp_path: Path) -> None:
    export(tmp_path / "in", GOOD)
    load(book, tmp_path / "in", mapping)
    export(tmp_path / "in", "D7,新,5,2026-01-04,进行中", name="deals1.csv")
    (tmp_path / "in" / "deals2.csv").write_bytes(b"")
    with pytest.raises(InputError, match=r"deals2\.csv is empty"):
        load(book, tmp_path / "in", mapping)
    assert deals(book)["deal_id"].to_list() == ["D1"]


def test_an_empty_folder_and_a_missing_one(book: Book, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    with pytest.raises(InputError, match="holds no file"):
        load(book, tmp_path / "in")
    with pytest.raises(InputError, match="no file or folder"):
        load(book, tmp_path / "nowhere")


def test_files_that_nothing_names_are_told(book: Book, mapping: Path, tmp_path: Path) -> None:
    export(tmp_path / "in", GOOD)
    for name in ("notes.md", "other.csv", "x.csv.part", "~$deals.xlsx"):
        (tmp_path / "in" / name).write_text("a,b\n1,2\n", encoding="utf-8")
    report = load(book, tmp_path / "in", mapping)
    unused = report.remarks.filter(pl.col("remark").str.starts_with("unused"))
    assert dict(unused.select("source_file", "remark").rows()) == {
        "notes.md": "unused_format",
        "other.csv": "unused_unmapped",
        "x.csv.part": "unused_unfinished",
        "~$deals.xlsx": "unused_unfinished",
    }


def test_no_file_fits_the_mapping(book: Book, mapping: Path, tmp_path: Path) -> None:
    export(tmp_path / "in", GOOD, name="other.csv")
    with pytest.raises(InputError, match=r"Found: other\.csv\. The mapping expects: deals\*\.csv"):
        load(book, tmp_path / "in", mapping)
    with pytest.raises(InputError, match="No mapping of the package fits"):
        load(book, tmp_path / "in")


def test_a_header_without_rows_wipes_nothing(book: Book, mapping: Path, tmp_path: Path) -> None:
    export(tmp_path / "in", GOOD)
    load(book, tmp_path / "in", mapping)
    export(tmp_path / "in")
    report = load(book, tmp_path / "in", mapping)
    assert deals(book).height == 1
    assert "a header and no row" in report.message("en")


def test_a_cut_file_is_told(book: Book, mapping: Path, tmp_path: Path) -> None:
    path = export(tmp_path / "in", GOOD, "D2,乙,5,2026-01-04,进行中")
    path.write_bytes(path.read_bytes()[:-20])
    report = load(book, tmp_path / "in", mapping)
    assert reasons(report)[0][2] == "load.reason_width_short"
    assert "remark_cut" in report.remarks["remark"].to_list()


def test_rows_without_any_moment_need_one(book: Book, tmp_path: Path) -> None:
    export(tmp_path / "in", "R1,张三", header="rep_id,name", name="reps.csv")
    with pytest.raises(UsageError, match="--exported-at"):
        load(book, tmp_path / "in")
    report = load(book, tmp_path / "in", exported_at="2026-01-31T12:00:00Z")
    assert (report.exported_at, report.mapping) == (dt.datetime(2026, 1, 31, 20), "canonical")


def test_when_every_row_is_rejected_nothing_is_written(book: Book, mapping: Path, tmp_path: Path) -> None:
    export(tmp_path / "in", "D1,甲,x,2026-01-03,进行中")
    with pytest.raises(InputError, match=r"all 1 were rejected, the first in deals\.csv, line 2"):
        load(book, tmp_path / "in", mapping)
    assert book.loads().is_empty()


def test_a_workbook_with_titles_above_its_header(book: Book, tmp_path: Path) -> None:
    rows: list[list[object]] = [
        ["商机台账"],
        ["导出时间：2026-06-30"],
        ["商机编号", "商机名称", "金额（元）", "创建时间", "状态"],
        ["00123", "=cmd|' /C calc'!A0", 1234.5, dt.datetime(2026, 1, 3, 14, 5), "进行中"],
        [None, None, None, None, None],
        ["D2", "乙", "3.2万", dt.datetime(2026, 1, 4), "赢单"],
        ["合计", None, 33234.5, None, None],
    ]
    workbook(tmp_path / "in" / "deals.xlsx", rows)
    mapping = mapping_file(tmp_path / "map", DEALS.replace("deals*.csv", "deals.xlsx"))
    report = load(book, tmp_path / "in", mapping)
    found = deals(book)
    assert found.select("deal_id", "name", "amount", "created_at", "source_line").rows() == [
        ("00123", "=cmd|' /C calc'!A0", Decimal("1234.50"), dt.datetime(2026, 1, 3, 14, 5), 4),
        ("D2", "乙", Decimal(32000), dt.datetime(2026, 1, 4), 6),
    ]
    assert reasons(report) == [(7, "商机编号", "load.reason_summary")]
    assert (report.n_rows_in, report.n_skipped) == (6, 3)


def test_clean_files_load_without_a_mapping(book: Book, tmp_path: Path) -> None:
    folder = tmp_path / "clean"
    folder.mkdir()
    frame = pl.DataFrame(
        {
            "deal_id": ["D1", "D2"],
            "amount": [Decimal("1.10"), None],
            "created_at": [dt.datetime(2026, 1, 3), dt.datetime(2026, 1, 4)],
        },
        schema_overrides={"amount": pl.Decimal(18, 2)},
    )
    frame.write_parquet(folder / "deals.parquet")
    report = load(book, folder)
    assert (report.mapping, report.n_new) == ("canonical", 2)
    assert deals(book).select("deal_id", "amount", "source_line").rows() == [("D1", Decimal("1.10"), 1), ("D2", None, 2)]


def test_a_mapping_can_split_one_file_over_tables(book: Book, tmp_path: Path) -> None:
    text = DEALS + (
        '\n[[file]]\nmatch = "deals*.csv"\ntable = "stage_events"\nwhere_not_null = "entered_at"\n'
        '[file.columns]\ndeal_id = "商机编号"\nentered_at = "创建时间"\n[file.constants]\nstage = "线索"\n'
        '\n[[rows]]\ntable = "stages"\nstage = "线索"\nposition = 1\nis_won = false\n'
    )
    mapping = mapping_file(tmp_path / "map", text)
    export(tmp_path / "in", GOOD, "D2,乙,5,,进行中")
    report = load(book, tmp_path / "in", mapping)
    counts = {row["table_name"]: (row["n_rows_in"], row["n_new"], row["n_skipped"]) for row in report.files.rows(named=True)}
    assert counts == {"deals": (2, 2, 0), "stage_events": (2, 1, 1), "stages": (1, 1, 0)}


def test_a_file_that_is_still_written_is_refused(book: Book, mapping: Path, tmp_path: Path) -> None:
    path = export(tmp_path / "in", GOOD)

    def somebody_writes(file: str, n_rows: int) -> None:
        with path.open("a", encoding="utf-8") as growing:
            growing.write("D2,乙,5,2026-01-04,进行中\n")

    with pytest.raises(InputError, match="changed while it was read"):
        load(book, tmp_path / "in", mapping, progress=somebody_writes)
    assert book.loads().is_empty()


def test_a_file_that_cannot_be_read_is_named(
    book: Book, mapping: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = export(tmp_path / "in", GOOD)
    opened = Path.open

    def refuse(self: Path, *args: object, **kwargs: object) -> object:
        if self == path:
            raise PermissionError(13, "Permission denied", str(path))
        return opened(self, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(InputError, match=r"deals\.csv cannot be read: Permission denied"):
        load(book, tmp_path / "in", mapping)


def test_no_room_for_waiting_rows_leaves_the_book(
    book: Book, mapping: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("salesiq.load.spool._MOST_BYTES", 0)
    monkeypatch.setattr(pl.DataFrame, "write_ipc", _no_space)
    export(tmp_path / "in", GOOD)
    with pytest.raises(BookError, match="found no room"):
        load(book, tmp_path / "in", mapping)
    assert book.loads().is_empty()


def _no_space(*_: object) -> None:
    raise OSError(28, "No space left on device")


def test_progress_is_told(book: Book, mapping: Path, tmp_path: Path) -> None:
    export(tmp_path / "in", GOOD, "D2,乙,5,2026-01-04,进行中")
    told: list[tuple[str, int]] = []
    load(book, tmp_path / "in", mapping, progress=lambda file, n_rows: told.append((file, n_rows)))
    assert told[-1] == ("deals.csv", 2)


def test_a_sum_that_does_not_hold_is_a_fault_of_ours() -> None:
    with pytest.raises(SalesiqError, match="3 rows in, 2 accounted for"):
        Tally(n_rows_in=3, n_new=1, n_rejected=1).check("f.csv", "deals")


def test_the_report_as_plain_values(book: Book, mapping: Path, tmp_path: Path) -> None:
    import json

    export(tmp_path / "in", GOOD, "D2,乙,x,2026-01-04,进行中")
    told = json.loads(json.dumps(load(book, tmp_path / "in", mapping).to_dict()))
    assert (told["n_rows_in"], told["n_loaded"], told["n_rejected"]) == (2, 1, 1)
    assert told["rejects"][0]["value"] == "x"
