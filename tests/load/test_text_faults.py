"""The faults of text files, each provoked in a real small file: what becomes of the rows, and the exit code."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from exports import DEALS, HEADER

from salesiq.book import Book
from salesiq.errors import InputError
from salesiq.load import LoadReport
from salesiq.load.mapping import parse_mapping

ROWS = (
    "D1,甲公司订单,1234.50,2026-01-03 10:00:00,进行中",
    "D2,乙公司订单,20.00,2026-01-04 10:00:00,赢单",
    "D3,丙公司订单,300.00,2026-01-05 10:00:00,进行中",
)
AMOUNTS = [Decimal("1234.50"), Decimal(20), Decimal(300)]


class Loaded:
    """A book that one file was loaded into."""

    def __init__(self, folder: Path, data: bytes, mapping: str = DEALS, name: str = "deals.csv") -> None:
        path = folder / name
        path.write_bytes(data)
        self.book = Book(":memory:")
        self.report: LoadReport = self.book.load(path, mapping=parse_mapping(mapping, "own", "own.toml"))

    @property
    def deals(self) -> pl.DataFrame:
        return self.book.as_of("2026-06-30").sql("SELECT * FROM base.deals(as_of := $as_of) ORDER BY deal_id")

    @property
    def ids(self) -> list[str]:
        return self.deals["deal_id"].to_list()

    @property
    def rejected(self) -> list[tuple[int, str]]:
        rows = self.report.rejects.sort("source_line").select("source_line", "reason").rows()
        return [(line, reason.removeprefix("load.reason_")) for line, reason in rows]

    def remark(self, key: str) -> str | None:
        """The detail of a remark; it must be there."""
        (row,) = self.report.remarks.filter(remark=key).rows(named=True)
        assert row["source_file"] in self.report.message("en") + self.report.message("zh")
        return row["detail"]


def text(rows: Sequence[str] = ROWS, header: str = HEADER, end: str = "\n") -> str:
    return "".join(f"{line}{end}" for line in (header, *rows))


def refused(folder: Path, data: bytes, mapping: str = DEALS) -> str:
    """The message with which a file is refused; a book that held rows before still has them."""
    before = Loaded(folder, text().encode())
    (folder / "deals2.csv").write_bytes(data)
    with pytest.raises(InputError) as caught:
        before.book.load(folder / "deals2.csv", mapping=parse_mapping(mapping, "own", "own.toml"))
    assert caught.value.exit_code == 3
    assert before.ids == ["D1", "D2", "D3"]
    return caught.value.message("en")


@pytest.mark.fault(1)
@pytest.mark.parametrize("codec", ["gbk", "gb18030"])
def test_chinese_encodings_load_and_are_named(tmp_path: Path, codec: str) -> None:
    last = "D4,𠮷野家餐饮管理有限公司,1,2026-01-06,进行中" if codec == "gb18030" else "D4,吉野家,1,2026-01-06,进行中"
    found = Loaded(tmp_path, text((*ROWS, last)).encode(codec))
    assert found.deals["name"].to_list()[3] == last.split(",")[1]
    assert found.report.files["encoding"].to_list() == ["gb18030"]
    assert found.remark("read_encoding") == "gb18030 (1.00)"
    assert found.rejected == []


@pytest.mark.fault(1)
def test_big5_and_mac_roman_load_and_are_named(tmp_path: Path) -> None:
    mapping = (
        DEALS.replace("商机编号", "編號").replace("商机名称", "名稱").replace("金额（元）", "金額").replace("创建时间", "日期")
    )
    rows = [f"D{place},{name}股份有限公司,1,2026-01-06,open" for place, name in enumerate(["臺北食品", "國際貿易", "統一超商"])]
    found = Loaded(tmp_path, text(rows, "編號,名稱,金額,日期,status").encode("big5"), mapping)
    assert found.deals["name"][1] == "國際貿易股份有限公司"
    assert found.report.files["encoding"].to_list() == ["cp950"]


@pytest.mark.fault(2)
@pytest.mark.parametrize("codec", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("delimiter", [",", "\t"])
def test_marks_and_wide_encodings_load(tmp_path: Path, codec: str, delimiter: str) -> None:
    found = Loaded(tmp_path, text().replace(",", delimiter).encode(codec))
    assert (found.ids, found.deals["amount"].to_list(), found.rejected) == (["D1", "D2", "D3"], AMOUNTS, [])
    assert found.deals["name"][0] == "甲公司订单"


@pytest.mark.fault(3)
def test_a_line_in_another_encoding_is_rejected_with_its_byte(tmp_path: Path) -> None:
    data = text().encode() + "D4,上海,1,2026-01-06,进行中\n".encode("gbk") + "D5,戊,1,2026-01-06,进行中\n".encode()
    found = Loaded(tmp_path, data)
    assert found.ids == ["D1", "D2", "D3", "D5"]
    assert found.rejected == [(5, "bytes")]
    assert found.report.rejects["value"].to_list() == [str(data.index("上海".encode("gbk")))]


@pytest.mark.fault(4)
@pytest.mark.parametrize("lost", ["锟斤拷公司", "\ufffd\ufffd公司"])
def test_text_lost_before_us_is_rejected(tmp_path: Path, lost: str) -> None:
    found = Loaded(tmp_path, text((*ROWS, f"D4,{lost},1,2026-01-06,进行中")).encode())
    assert (found.ids, found.rejected) == (["D1", "D2", "D3"], [(5, "text_lost")])


@pytest.mark.fault(5)
@pytest.mark.parametrize("sign", ["\x00", "\x07", "\x1b"])
def test_control_characters_are_rejected(tmp_path: Path, sign: str) -> None:
    found = Loaded(tmp_path, text((*ROWS, f"D4,a{sign}b,1,2026-01-06,进行中")).encode())
    assert (found.ids, found.rejected) == (["D1", "D2", "D3"], [(5, "control_character")])


@pytest.mark.fault(7)
def test_a_header_alone_wipes_nothing(tmp_path: Path) -> None:
    found = Loaded(tmp_path, text().encode())
    (tmp_path / "deals2.csv").write_bytes(text(()).encode())
    report = found.book.load(tmp_path / "deals2.csv", mapping=parse_mapping(DEALS, "own", "own.toml"))
    assert (report.n_rows_in, found.ids) == (0, ["D1", "D2", "D3"])
    assert "remark_no_rows" in report.remarks["remark"].to_list()


@pytest.mark.fault(8)
def test_a_renamed_header_is_refused_with_the_nearest(tmp_path: Path) -> None:
    message = refused(tmp_path, text(header=HEADER.replace("商机编号", "商机编码")).encode())
    assert "商机编号" in message
    assert "nearest header is 商机编码" in message


@pytest.mark.fault(9)
def test_columns_in_another_order_are_matched_by_name(tmp_path: Path) -> None:
    found = Loaded(
        tmp_path, text([",".join(reversed(row.split(","))) for row in ROWS], ",".join(reversed(HEADER.split(",")))).encode()
    )
    assert (found.ids, found.deals["amount"].to_list()) == (["D1", "D2", "D3"], AMOUNTS)


@pytest.mark.fault(10)
def test_columns_that_came_or_went_are_told(tmp_path: Path) -> None:
    cells = [row.split(",") for row in ROWS]
    drifted = [",".join([*row[:2], *row[3:], "x"]) for row in cells]
    found = Loaded(tmp_path, text(drifted, "商机编号,商机名称,创建时间,状态,备注").encode())
    assert found.ids == ["D1", "D2", "D3"]
    assert found.remark("remark_column_absent") == "amount"
    assert found.remark("remark_column_unused") == "备注"


@pytest.mark.fault(11)
@pytest.mark.parametrize("header", ["商机名称,x,金额（元）,创建时间,状态", "商机编号,金额(元),金额（元）,创建时间,状态"])
def test_a_missing_or_doubled_name_is_refused(tmp_path: Path, header: str) -> None:
    assert "deals2.csv" in refused(tmp_path, text(header=header).encode())


@pytest.mark.fault(12)
def test_a_header_in_another_dress_is_the_same(tmp_path: Path) -> None:
    found = Loaded(
        tmp_path, text(header="\u00a0商机编号 ,商机名称,金额(元),\u3000创建时间,状 态".replace("状 态", "状态\u200b")).encode()
    )
    assert (found.ids, found.report.rejects.height) == (["D1", "D2", "D3"], 0)
    assert found.deals["status"].to_list() == ["open", "won", "open"]


@pytest.mark.fault(13)
def test_another_unit_is_refused_unless_stated(tmp_path: Path) -> None:
    data = text(header=HEADER.replace("元", "万元")).encode()
    assert "states 万元, the mapping expects 元" in refused(tmp_path, data)
    stated = DEALS.replace('"金额（元）"', '{ header = "金额（万元）", unit = "万元" }')
    assert Loaded(tmp_path, data, stated).deals["amount"].to_list() == [10_000 * amount for amount in AMOUNTS]


@pytest.mark.fault(14)
def test_a_file_without_header_is_refused_or_read_by_place(tmp_path: Path) -> None:
    data = "".join(f"{row}\n" for row in ROWS).encode()
    assert "names the columns of deals" in refused(tmp_path, data)
    by_place = DEALS.replace('table = "deals"', 'table = "deals"\nheader = "none"')
    for place, name in enumerate(HEADER.split(","), 1):
        by_place = by_place.replace(f'"{name}"', f'"{place}"')
    found = Loaded(tmp_path, data, by_place)
    assert (found.ids, found.deals["amount"].to_list(), found.report.n_rows_in) == (["D1", "D2", "D3"], AMOUNTS, 3)
    assert found.remark("read_header_none") == "5"


@pytest.mark.fault(15)
def test_lines_above_the_header_are_skipped_and_counted(tmp_path: Path) -> None:
    found = Loaded(tmp_path, ("商机清单\n导出时间：2026-01-31,,,,\n\n" + text()).encode())
    assert (found.ids, found.report.n_skipped, found.report.n_rows_in) == (["D1", "D2", "D3"], 3, 6)
    assert found.deals["source_line"].to_list() == [5, 6, 7]


@pytest.mark.fault(16)
def test_a_row_of_groups_above_and_a_row_of_units_below_the_header(tmp_path: Path) -> None:
    found = Loaded(tmp_path, text(("文本,,元,,", *ROWS), "基本信息,,金额,时间,\n" + HEADER).encode())
    assert found.ids == ["D1", "D2", "D3"]
    assert found.rejected == [(3, "amount")]
    assert found.report.n_skipped == 1


@pytest.mark.fault(16)
def test_names_that_only_two_rows_make_together(tmp_path: Path) -> None:
    mapping = (
        DEALS.replace('"商机编号"', '"商机 编号"').replace('"商机名称"', '"商机 名称"').replace('"金额（元）"', '"金额 元"')
    )
    found = Loaded(
        tmp_path, text(ROWS, "商机,,金额,创建时间,状态\n编号,名称,元,,").encode(), mapping.replace('"创建时间"', '"创建时间"')
    )
    assert (found.ids, found.deals["amount"].to_list()) == (["D1", "D2", "D3"], AMOUNTS)
    assert found.deals["source_line"].to_list() == [3, 4, 5]
    assert found.remark("read_header_rows") == "1-2"


@pytest.mark.fault(17)
def test_total_rows_are_rejected_and_held_against_the_rows(tmp_path: Path) -> None:
    rows = (ROWS[0], ROWS[1], "小计,,1254.50,,", ROWS[2], "合计,,1600.00,,", "制表人：张三")
    found = Loaded(tmp_path, text(rows).encode())
    assert found.rejected == [(4, "summary"), (6, "summary"), (7, "width_short")]
    assert found.remark("remark_total_differs") == "6: 金额（元） 1,600.00 ≠ 1,554.50"
    right = Loaded(tmp_path, text((*ROWS, "合计,,1554.50,,")).encode())
    assert right.report.remarks.filter(remark="remark_total_differs").is_empty()


@pytest.mark.fault(18)
def test_the_header_again_is_rejected_and_the_table_goes_on(tmp_path: Path) -> None:
    found = Loaded(tmp_path, text((ROWS[0], HEADER, *ROWS[1:])).encode())
    assert (found.ids, found.rejected) == (["D1", "D2", "D3"], [(3, "header_again")])


@pytest.mark.fault(18)
@pytest.mark.parametrize(
    "header", ["商机编号,商机名称,金额（元）,客户,备注", "商机编号,商机名称,金额（元）,创建时间,状态,备注"]
)
def test_a_second_table_is_set_aside_or_refused(tmp_path: Path, header: str) -> None:
    width = header.count(",") - 1
    data = text((*ROWS, "", header, "D8,x" + ",1" * width, "D9,乙,1,2026-01-04,进行中")).encode()
    found = Loaded(tmp_path, data)
    assert found.ids == ["D1", "D2", "D3"]
    assert found.rejected == [(6, "second_table"), (7, "second_table"), (8, "second_table")]
    assert found.remark("remark_second_table") == "6"
    refusing = DEALS.replace('table = "deals"', 'table = "deals"\nsecond_table = "refuse"')
    assert "another table begins in line 6" in refused(tmp_path, data, refusing)


@pytest.mark.fault(19)
def test_short_and_long_rows_keep_file_line_and_text(tmp_path: Path) -> None:
    found = Loaded(tmp_path, text((*ROWS, "D4,丁,1", f"{ROWS[0]},x,y")).encode())
    assert found.rejected == [(5, "width_short"), (6, "width_long")]
    kept = found.report.rejects.sort("source_line").select("source_file", "raw", "value").rows()
    assert kept == [("deals.csv", "D4,丁,1", "3"), ("deals.csv", f"{ROWS[0]},x,y", "7")]


@pytest.mark.fault(20)
def test_an_unescaped_comma_never_shifts_a_row(tmp_path: Path) -> None:
    trailing = [f"{row}," for row in ROWS]
    shifted = "D4,丁,公司,1,2026-01-06,进行中"
    found = Loaded(tmp_path, text((*trailing, f"{shifted},", shifted), f"{HEADER},").encode())
    assert (found.ids, found.deals["amount"].to_list()) == (["D1", "D2", "D3"], AMOUNTS)
    assert found.rejected == [(5, "width_long"), (6, "unnamed_cell")]


@pytest.mark.fault(20)
def test_rows_that_all_end_in_a_delimiter_fit_a_header_that_does_not(tmp_path: Path) -> None:
    found = Loaded(tmp_path, text([f"{row}," for row in ROWS]).encode())
    assert (found.ids, found.rejected) == (["D1", "D2", "D3"], [])
    assert found.remark("read_empty_column") == "6"
    lacking = "商机编号商机名称,金额（元）,创建时间,状态"  # here it is the header that lost a delimiter
    optional = (
        DEALS.replace('deal_id = "商机编号"\n', 'deal_id = "状态"\n').replace('status = "状态"\n', "").split("[file.values")[0]
    )
    assert "every row below it has 5" in refused(
        tmp_path, text([row.rsplit(",", 1)[0] + "," for row in ROWS], lacking).encode(), optional
    )


@pytest.mark.fault(21)
def test_an_open_quote_costs_its_line_only(tmp_path: Path) -> None:
    found = Loaded(tmp_path, text((ROWS[0], 'D4,"丁,1,2026-01-06,进行中', *ROWS[1:])).encode())
    assert (found.ids, found.rejected) == (["D1", "D2", "D3"], [(3, "quote")])


@pytest.mark.fault(22)
def test_a_quote_inside_a_bare_cell_loads_where_the_width_fits(tmp_path: Path) -> None:
    rows = ('D1,5" 管,1234.50,2026-01-03,进行中', 'D2,屏 24",20.00,2026-01-03,赢单', 'D3,a"b, c",300.00,2026-01-03,进行中')
    found = Loaded(tmp_path, text(rows).encode())
    assert (found.deals["name"].to_list(), found.rejected) == (['5" 管', '屏 24"'], [(4, "quote")])


@pytest.mark.fault(22)
def test_a_lost_delimiter_before_a_quoted_cell_shifts_nothing(tmp_path: Path) -> None:
    rows = (ROWS[0], 'D2,乙"a, b",20.00,2026-01-03', *ROWS[2:])
    found = Loaded(tmp_path, text(rows).encode())
    assert (found.ids, found.rejected) == (["D1", "D3"], [(3, "quote")])


@pytest.mark.fault(23)
@pytest.mark.parametrize("end", ["\r", "\r\n", "\n"])
def test_line_ends_and_line_ends_in_quotes(tmp_path: Path, end: str) -> None:
    rows = [f'D1,"甲{end}公司",1234.50,2026-01-03,进行中', *ROWS[1:]]
    found = Loaded(tmp_path, text(rows, end=end).encode())
    assert (found.ids, found.deals["name"][0], found.rejected) == (["D1", "D2", "D3"], f"甲{end}公司", [])


@pytest.mark.fault(23)
def test_mixed_line_ends(tmp_path: Path) -> None:
    found = Loaded(tmp_path, f"{HEADER}\r\n{ROWS[0]}\n{ROWS[1]}\r{ROWS[2]}\r\n".encode())
    assert (found.ids, found.deals["amount"].to_list()) == (["D1", "D2", "D3"], AMOUNTS)


@pytest.mark.fault(24)
def test_a_file_cut_in_a_row_loses_that_row_and_says_so(tmp_path: Path) -> None:
    found = Loaded(tmp_path, text().encode()[:-30])
    assert (found.ids, found.rejected) == (["D1", "D2"], [(4, "width_short")])
    assert found.remark("remark_cut") is None
    whole = Loaded(tmp_path, text().rstrip("\n").encode())
    assert whole.ids == ["D1", "D2", "D3"]
