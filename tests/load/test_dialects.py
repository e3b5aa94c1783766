"""Dialects: what is written in one comes back, and what is found by looking is what was written."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from exports import DEALS
from hypothesis import given, settings
from hypothesis import strategies as st

from salesiq.book import Book
from salesiq.load.dialects import DELIMITERS, Dialect, Given, candidates
from salesiq.load.mapping import parse_mapping
from salesiq.load.text_files import TextTable

DIALECTS = [
    *(Dialect(delimiter, quote, quote) for delimiter in DELIMITERS for quote in "\"'"),
    *(Dialect(delimiter, '"', "\\") for delimiter in (",", ";", "\t", "||")),
    *(Dialect(delimiter) for delimiter in (", ", "||", "<>", "~|~")),
    *(Dialect(delimiter, "", "") for delimiter in ("\t", "|", "\x1f", "::")),
]
ENCODINGS = (
    *("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "gb18030", "gbk"),
    *("big5", "cp1252", "mac-roman", "latin-1"),
)
HEADER = ("商机编号", "商机名称", "金额（元）", "创建时间", "状态")
PLAIN = ("deal_id", "name", "amount", "created_at", "status")


def written(rows: list[tuple[str, ...]], dialect: Dialect, end: str) -> str:
    """Write rows as a careful program would: a cell is enclosed where it holds a mark."""
    return "".join(dialect.delimiter.join(_cell(cell, dialect) for cell in row) + end for row in rows)


def _cell(cell: str, dialect: Dialect) -> str:
    if not dialect.quote:
        return cell
    if not set(cell) & {*dialect.delimiter, dialect.quote, dialect.escape, "\r", "\n"}:
        return cell
    if not dialect.is_doubled:
        cell = cell.replace(dialect.escape, dialect.escape * 2)
    return dialect.quote + cell.replace(dialect.quote, dialect.escape + dialect.quote) + dialect.quote


def texts(dialect: Dialect, extra: str = "", most: int = 8) -> st.SearchStrategy[str]:
    signs = "ab1,;|^~\"' \\\n" + extra
    return st.text(alphabet=sorted(set(signs) - (set() if dialect.quote else {"\n", *dialect.delimiter})), max_size=most)


@st.composite
def tables(draw: st.DrawFn) -> tuple[Dialect, str, list[tuple[str, ...]]]:
    dialect = draw(st.sampled_from(DIALECTS))
    width = draw(st.integers(2, 5))
    cell = texts(dialect, "é万\t\r" if dialect.quote else "é万")
    rows = draw(st.lists(st.tuples(*[cell] * width), min_size=1, max_size=10))
    return dialect, draw(st.sampled_from(["\n", "\r\n"])), [tuple(f"h{place}" for place in range(width)), *rows]


@settings(max_examples=400, deadline=None)
@given(tables())
def test_every_dialect_comes_back_cell_by_cell(
    tmp_path_factory: pytest.TempPathFactory, given_table: tuple[Dialect, str, list[tuple[str, ...]]]
) -> None:
    dialect, end, rows = given_table
    path = tmp_path_factory.mktemp("dialect") / "t.csv"
    path.write_bytes(written(rows, dialect, end).encode())
    table = TextTable(path, "utf-8", dialect)
    found, n_blank = [], 0
    for batch in table.batches(table.head()[0]):
        assert batch.faults == ()
        found += batch.cells.fill_null("").rows()
        n_blank += batch.n_blank
    assert n_blank == 0
    assert found == rows[1:]


def deals(names: list[str]) -> pl.DataFrame:
    columns = {
        "deal_id": [f"D{place:03d}" for place in range(len(names))],
        "name": [name.strip() or None for name in names],
        "amount": [Decimal(place * 1234567 + 5) / 100 for place in range(len(names))],
        "created_at": [dt.datetime(2026, 1, 3, 10, place % 60) for place in range(len(names))],
        "status": [("open", "won", "lost")[place % 3] for place in range(len(names))],
    }
    return pl.DataFrame(columns, schema_overrides={"amount": pl.Decimal(18, 2), "name": pl.String})


def as_text(frame: pl.DataFrame) -> list[tuple[str, ...]]:
    return [tuple("" if cell is None else str(cell) for cell in row) for row in frame.rows()]


def mapping(dialect: Dialect, encoding: str) -> str:
    """A mapping that states the dialect, with plain headers."""
    marks = {"delimiter": dialect.delimiter, "quote": dialect.quote, "escape": dialect.escape, "encoding": encoding}
    stated = "\n".join(f'{key} = "{_toml(value)}"' for key, value in marks.items())
    text = DEALS.replace('table = "deals"', f'table = "deals"\n{stated}').split("[file.values")[0]
    for own, plain in zip(HEADER, PLAIN, strict=True):
        text = text.replace(f'"{own}"', f'"{plain}"')
    return text


def _toml(value: str) -> str:
    return "".join(f"\\u{ord(sign):04x}" for sign in value)


@st.composite
def frames(draw: st.DrawFn) -> tuple[Dialect, str, str, pl.DataFrame]:
    dialect, encoding = draw(st.sampled_from(DIALECTS)), draw(st.sampled_from(ENCODINGS))
    extra = {"cp1252": "éüŒ’", "mac-roman": "éüŒ’", "latin-1": "éüñ", "big5": "臺國際"}.get(
        encoding, "上海é" if encoding != "gbk" else "上海"
    )
    names = draw(st.lists(texts(dialect, extra, 12), min_size=1, max_size=8))
    return dialect, encoding, draw(st.sampled_from(["\n", "\r\n"])), deals(names)


@settings(max_examples=20, deadline=None, derandomize=True)
@given(frames())
def test_a_frame_in_any_dialect_and_encoding_comes_back_from_the_book(
    tmp_path_factory: pytest.TempPathFactory, given_frame: tuple[Dialect, str, str, pl.DataFrame]
) -> None:
    dialect, encoding, end, frame = given_frame
    path = tmp_path_factory.mktemp("frame") / "deals.csv"
    path.write_bytes(written([PLAIN, *as_text(frame)], dialect, end).encode(encoding))
    assert_same(path, mapping(dialect, encoding), frame)


def assert_same(path: Path, stated: str, frame: pl.DataFrame) -> None:
    book = Book(":memory:")
    report = book.load(path, mapping=parse_mapping(stated, "own", "own.toml"))
    found = book.as_of("2026-06-30").sql("SELECT * FROM base.deals(as_of := $as_of) ORDER BY deal_id")
    assert report.rejects.is_empty(), report.rejects.rows()
    assert found.select(frame.columns).equals(frame)


NAMES = [
    "Société Générale, Genève",
    "Müller; Köln",
    "São Paulo | Café",
    'Round 48" table',
    "O'Neil Málaga",
    "Zoë's déjà vu",
    "Besançon",
]


FOUND = [*(Dialect(delimiter) for delimiter in (*DELIMITERS, ", ")), Dialect(";", "'", "'"), Dialect(",", '"', "\\")]


@pytest.mark.parametrize(
    ("dialect", "encoding"),
    [
        *((dialect, "utf-8") for dialect in FOUND),
        *((Dialect(";"), encoding) for encoding in ("cp1252", "mac-roman", "gb18030", "utf-16-be")),
        *((Dialect("\x1f"), encoding) for encoding in ("utf-16-le", "gb18030")),
    ],
    ids=str,
)
def test_dialect_and_encoding_are_found_by_looking(tmp_path: Path, dialect: Dialect, encoding: str) -> None:
    names = (
        NAMES if encoding != "gb18030" else ["上海食品, 有限公司", '杭州"连锁"便利', "北京; 科技", "王伟|李娜", "武汉' 超市"]
    )
    frame = deals(names * 3)
    path = tmp_path / "deals.csv"
    path.write_bytes(written([PLAIN, *as_text(frame)], dialect, "\r\n").encode(encoding))
    unstated = "\n".join(
        line
        for line in mapping(dialect, encoding).splitlines()
        if line.split(" ")[0] not in ("delimiter", "quote", "escape", "encoding")
    )
    assert_same(path, unstated, frame)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a,b\n1,2\n", Dialect()),
        ('a;b\n"x;y";2\n', Dialect(";")),
        ("a;b\n'x;y';2\n'z';3\n", Dialect(";", "'", "'")),
        ("a,b\nO'Neil,2\n'tis,3\n", Dialect()),
        ('a,b\n"5\\" pipe",2\n', Dialect(",", '"', "\\")),
        ('a,b\n"C:\\",2\n', Dialect()),
        ('a, b, c\n1, "x, y", 2\n', Dialect(", ")),
        ("only one column\nx\n", Dialect(" ")),
        ("", Dialect()),
    ],
)
def test_the_likeliest_dialect(text: str, expected: Dialect) -> None:
    assert candidates(text, Given())[0] == expected
