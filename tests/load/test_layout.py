"""The fast and the careful way of taking a text apart, against Python's csv module and against each other."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from salesiq.load.dialects import Dialect
from salesiq.load.layout import layout
from salesiq.load.records import split
from salesiq.load.text_files import TextTable

CELL = st.text(alphabet='ab ,;"\n万é\t1', max_size=6)
ROWS = st.integers(1, 5).flatmap(
    lambda width: st.lists(st.lists(CELL, min_size=width, max_size=width), min_size=1, max_size=12)
)


def written(rows: list[list[str]], end: str = "\n") -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator=end).writerows(rows)
    return out.getvalue()


def table_of(folder: Path, text: str | bytes, delimiter: str = ",") -> TextTable:
    path = folder / "t.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return TextTable(path, "utf-8", Dialect(delimiter))


def rows_of(table: TextTable) -> tuple[list[tuple[str, ...]], list[tuple[int, str]], list[int], int]:
    header = table.head()[0]
    rows, faults, lines, n_blank = [], [], [], 0
    for batch in table.batches(header):
        rows += batch.cells.fill_null("").rows()
        faults += [(fault.line, fault.reason) for fault in batch.faults]
        lines += batch.lines.to_list()
        n_blank += batch.n_blank
    return rows, faults, lines, n_blank


@settings(max_examples=150)
@given(ROWS, st.sampled_from(["\n", "\r\n"]))
def test_what_the_csv_module_writes_is_regular_and_comes_back(rows: list[list[str]], end: str) -> None:
    text = written(rows, end)
    pieces = list(split(text, Dialect(), width=len(rows[0])))
    found = layout(text.encode(), Dialect(), is_last=True)
    assert found is not None
    assert found.widths.tolist() == [len(row) for row in rows]
    assert not found.blank.any()
    if len(rows[0]) > 1:
        assert [list(piece.cells) for piece in pieces] == rows
        assert [piece.line for piece in pieces] == found.lines.tolist()


@settings(max_examples=100, deadline=None)
@given(ROWS.filter(lambda rows: len(rows[0]) > 1))
def test_a_file_comes_back_whole(tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]]) -> None:
    header = [f"h{place}" for place in range(len(rows[0]))]
    table = table_of(tmp_path_factory.mktemp("csv"), written([header, *rows]))
    found, faults, _, n_blank = rows_of(table)
    assert (found, faults, n_blank) == ([tuple(row) for row in rows], [], 0)


def test_lines_are_those_of_the_file(tmp_path: Path) -> None:
    table = table_of(tmp_path, 'a,b\r\n1,"x\r\ny"\r\n\r\n2,z\r\n')
    rows, faults, lines, n_blank = rows_of(table)
    assert (rows, faults, lines, n_blank) == ([("1", "x\r\ny"), ("2", "z")], [], [2, 5], 1)


def test_short_and_long_rows_are_set_aside_not_shifted(tmp_path: Path) -> None:
    rows, faults, lines, _ = rows_of(table_of(tmp_path, "a,b,c\n1,2\n1,2,3\n1,2,3,4\n1,2,3,\n"))
    assert (rows, lines) == ([("1", "2", "3")], [3])
    assert faults == [(2, "reason_width_short"), (4, "reason_width_long"), (5, "reason_width_long")]


def test_an_open_quote_costs_its_line_only(tmp_path: Path) -> None:
    text = 'a,b,c\n1,"open,3\n2,x,4\n3,5" pipe,9\n4,"p"q,1\n5,"two\nlines",7\n'
    rows, faults, lines, _ = rows_of(table_of(tmp_path, text))
    assert rows == [("2", "x", "4"), ("3", '5" pipe', "9"), ("5", "two\nlines", "7")]
    assert (faults, lines) == ([(2, "reason_quote"), (5, "reason_quote")], [3, 4, 6])


def test_an_open_quote_at_the_end_costs_the_last_line(tmp_path: Path) -> None:
    rows, faults, _, _ = rows_of(table_of(tmp_path, 'a,b\n1,2\n3,"cut'))
    assert (rows, faults) == ([("1", "2")], [(3, "reason_quote")])


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
def test_every_line_end(tmp_path: Path, end: str) -> None:
    rows, faults, lines, _ = rows_of(table_of(tmp_path, end.join(["a,b", "1,2", "3,4"]) + end))
    assert (rows, faults, lines) == ([("1", "2"), ("3", "4")], [], [2, 3])


def test_mixed_line_ends(tmp_path: Path) -> None:
    rows, faults, _, _ = rows_of(table_of(tmp_path, "a,b\r\n1,2\n3,4\r5,6\n"))
    assert (rows, faults) == ([("1", "2"), ("3", "4"), ("5", "6")], [])


def test_a_line_that_cannot_be_decoded_costs_that_line(tmp_path: Path) -> None:
    text = "a,b\n1,中\n".encode() + "2,上海\n".encode("gbk") + b"3,x\n"
    table = table_of(tmp_path, text)
    (batch,) = table.batches(table.head()[0])
    assert batch.cells.rows() == [("1", "中"), ("3", "x")]
    (fault,) = batch.faults
    assert (fault.line, fault.reason, fault.value) == (3, "reason_bytes", str(text.index("上海".encode("gbk"))))


@pytest.mark.parametrize("n_bytes", [40, 64, 100])
def test_blocks_do_not_change_what_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n_bytes: int) -> None:
    rows = [["k", "text"], *([str(place), f'row {place}, "quoted"\nsecond line'] for place in range(60))]
    table = table_of(tmp_path, written(rows))
    whole = rows_of(table)
    monkeypatch.setattr("salesiq.load.encoding.BLOCK_BYTES", n_bytes)
    assert rows_of(table) == whole
    assert len(whole[0]) == 60


@pytest.mark.parametrize("n_bytes", [30, 64, 100])
def test_blocks_of_irregular_text_do_not_change_what_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n_bytes: int
) -> None:
    lines = ["k,text"]
    for place in range(40):
        lines += [f'{place},5" pipe', f'{place},"two\nlines"', f'{place},"open']
    table = table_of(tmp_path, "\n".join(lines) + "\n")
    whole = rows_of(table)
    monkeypatch.setattr("salesiq.load.encoding.BLOCK_BYTES", n_bytes)
    assert rows_of(table) == whole
    assert (len(whole[0]), len(whole[1])) == (80, 40)


def test_csv_spectrum_comes_back(shared_data: Path) -> None:
    folder = shared_data / "csv_corpora" / "csv-spectrum"
    paths = sorted((folder / "csvs").glob("*.csv"))
    assert len(paths) == 12
    for path in paths:
        truth = (folder / "json" / f"{path.stem}.json").read_text(encoding="utf-8")
        if b"\r" not in path.read_bytes():  # this copy of the corpus lost its carriage returns
            truth = truth.replace("\\r\\n", "\\n")
        expected = json.loads(truth)
        table = TextTable(path, "utf-8")
        header = table.head()[0]
        found = [dict(zip(header.cells, row, strict=True)) for row in rows_of(table)[0]]
        expected = expected if isinstance(expected, list) else [expected]
        if path.stem == "location_coordinates":  # the corpus's own truth has another phone number than its file
            expected[0]["Contact Phone Number"] = "2095257564"
        assert found == expected, path.name
