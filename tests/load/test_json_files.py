from __future__ import annotations

import json
import math
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from exports import DEALS, mapping_file
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from salesiq.book import Book
from salesiq.errors import InputError
from salesiq.load import LoadReport, load
from salesiq.load.json_files import JsonTable
from salesiq.sandbox import Sandbox

RECORD = {"商机编号": "D1", "商机名称": "甲", "金额（元）": 1200.50, "创建时间": "2026-01-03", "状态": "进行中"}


@pytest.fixture(scope="module")
def sandbox() -> Sandbox:
    return Sandbox()


def written(folder: Path, text: str, name: str = "deals.json", codec: str = "utf-8") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(text.encode(codec))
    return path


def cells(path: Path, sandbox: Sandbox) -> pl.DataFrame:
    """Read all records as text, with their line in front, under their keys."""
    table = JsonTable(path, path.name, sandbox, path.suffix)
    (header,) = table.head()
    batches = list(table.batches(header))
    frame = pl.concat([batch.cells.insert_column(0, batch.lines.alias("line")) for batch in batches])
    frame.columns = ["line", *header.cells]
    return frame


def load_it(path: Path) -> tuple[Book, LoadReport]:
    book = Book(":memory:")
    mapping = mapping_file(path.parent / "map", DEALS.replace("deals*.csv", "deals.*"))
    return book, load(book, path, mapping, exported_at="2026-01-31")


def refused(path: Path, match: str) -> bool:
    with pytest.raises(InputError, match=match) as caught:
        load_it(path)
    return caught.value.exit_code == 3


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("deals.json", json.dumps([RECORD], ensure_ascii=False, indent=2)),
        ("deals.json", json.dumps({"total": 1, "tags": ["a"], "records": [RECORD], "done": True})),
        ("deals.jsonl", f"\n{json.dumps(RECORD, ensure_ascii=False)}\n\n"),
        ("deals.ndjson", json.dumps(RECORD)),
        ("deals.json", f"{json.dumps(RECORD)}\n{json.dumps(RECORD | {'商机编号': 'D2'})}\n"),
    ],
)
@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16"])
def test_every_form_of_json(tmp_path: Path, name: str, text: str, codec: str) -> None:
    book, report = load_it(written(tmp_path, text, name, codec))
    found = (
        book.as_of("2026-01-31").sql("SELECT deal_id, name, amount, status FROM base.deals(as_of := $as_of)").sort("deal_id")
    )
    assert found.row(0) == ("D1", "甲", Decimal("1200.50"), "open")
    assert report.n_rejected == 0


def test_lines_and_numbers_of_records(tmp_path: Path, sandbox: Sandbox) -> None:
    lines = written(tmp_path, '{"a": 1}\n\n{"a": 2}\n', "a.jsonl")
    assert cells(lines, sandbox).rows() == [(1, "1"), (3, "2")]
    array = written(tmp_path, '[{"a": 1},\n\n {"a": 2}]')
    assert cells(array, sandbox).rows() == [(1, "1"), (2, "2")]


def test_numbers_keep_their_digits(tmp_path: Path, sandbox: Sandbox) -> None:
    digits = ["1200.10", "123456789012345678901", "-0.0", "1e3", "1.5E-2", "1e999"]
    path = written(tmp_path, "[" + ", ".join(f'{{"n": {number}}}' for number in digits) + "]")
    assert cells(path, sandbox)["n"].to_list() == ["1200.10", "123456789012345678901", "-0.0", "1000", "0.015", "1e999"]


def test_nested_records_become_dotted_columns_and_lists_json_text(tmp_path: Path, sandbox: Sandbox) -> None:
    record = {"id": "1", "owner": {"name": "李", "unit": {"id": None}}, "tags": ["a", "乙"], "is_open": True, "none": {}}
    found = cells(written(tmp_path, json.dumps([record])), sandbox)
    assert found.columns == ["line", "id", "owner.name", "owner.unit.id", "tags", "is_open"]
    assert found.row(0) == (1, "1", "李", None, '["a", "乙"]', "true")


def test_records_with_other_keys(tmp_path: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{"a": str(number)} for number in range(50_001)] + [{"b": "x"}]
    table = JsonTable(written(tmp_path, json.dumps(rows)), "a", sandbox, ".json")
    (header,) = table.head()
    first, second = table.batches(header)
    assert header.cells == ("a", "b")
    assert (first.cells.height, first.cells.columns, first.cells["1"].null_count()) == (50_000, ["0", "1"], 50_000)
    assert second.cells.rows() == [("50000", None), (None, "x")]
    assert second.lines.to_list() == [50_001, 50_002]


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.dictionaries(
            st.text(st.characters(exclude_categories=["Cs"], exclude_characters="."), min_size=1, max_size=5),
            st.one_of(st.none(), st.booleans(), st.integers(), st.text(st.characters(exclude_categories=["Cs"]), max_size=30)),
            max_size=4,
        ),
        min_size=1,
        max_size=6,
    ).filter(any),
    st.sampled_from([None, 0, 3]),
)
def test_whatever_is_written_is_read(
    tmp_path: Path, sandbox: Sandbox, records: list[dict[str, object]], indent: int | None
) -> None:
    found = cells(written(tmp_path, json.dumps(records, indent=indent)), sandbox)
    keys = list(dict.fromkeys(key for record in records for key in record))
    assert found.columns[1:] == keys
    assert found.select(pl.exclude("line")).rows() == [tuple(_shown(record.get(key)) for key in keys) for record in records]


def _shown(value: object) -> str | None:
    if isinstance(value, bool):
        return str(value).lower()
    return None if value is None else str(value)


@pytest.mark.fault(50)
@pytest.mark.parametrize("name", ["deals.json", "deals.jsonl"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_nan_and_infinity(tmp_path: Path, name: str, value: float) -> None:
    record = json.dumps(RECORD | {"金额（元）": value})
    assert refused(
        written(tmp_path, record if name.endswith("l") else f"[{record}]", name),
        "line 1: -?(NaN|Infinity) is no number in JSON",
    )


@pytest.mark.fault(50)
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("deals.json", '[\n{"a": 1, "a": 2}]'),
        ("deals.jsonl", '{"b": 1}\n{"a": 1, "a": 2}\n'),
        ("deals.json", '[\n{"x": {"a": 1, "a": 2}}]'),
        ("deals.json", '{"a": [{"b": 1}],\n"a": [{"b": 1}]}'),
    ],
)
def test_keys_that_stand_twice(tmp_path: Path, name: str, text: str) -> None:
    assert refused(written(tmp_path, text, name), "line 2: the key a stands twice")


def test_a_dotted_key_beside_an_object_of_that_name(tmp_path: Path) -> None:
    assert refused(written(tmp_path, '[{"a.b": 1, "a": {"b": 2}}]'), r"the key a\.b stands twice")


@pytest.mark.fault(49)
def test_a_cut_array_is_refused_wherever_it_is_cut(tmp_path: Path) -> None:
    whole = json.dumps([RECORD, RECORD | {"商机编号": "D2"}], ensure_ascii=False)
    for cut in range(1, len(whole), 7):
        assert refused(written(tmp_path, whole[:cut]), "ends in the middle|no sound JSON|names the columns")


@pytest.mark.fault(49)
def test_cut_lines_are_refused(tmp_path: Path) -> None:
    assert refused(
        written(tmp_path, f"{json.dumps(RECORD)}\n{json.dumps(RECORD)[:-9]}", "deals.jsonl"), "line 2: no sound JSON"
    )


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("[1, 2]", "not a record with names"),
        ('{"a": 1}', "no list of records"),
        ('{"a": [{"x": 1}], "b": [{"x": 1}]}', "several lists of records: a, b"),
        ('[{"a": 1}] x', "more text after the end"),
        ('[{"a": 1} {"a": 2}]', "no sound JSON"),
        ("商机", "no list of records"),
    ],
)
def test_other_json(tmp_path: Path, text: str, match: str) -> None:
    assert refused(written(tmp_path, text), match)


@pytest.mark.parametrize("name", ["deals.json", "deals.jsonl"])
def test_another_encoding_must_be_stated(tmp_path: Path, name: str) -> None:
    text = json.dumps(RECORD, ensure_ascii=False)
    path = written(tmp_path, text if name.endswith("l") else f"[{text}]", name, "gb18030")
    assert refused(path, "no UTF-8")
    stated = DEALS.replace("deals*.csv", "deals.*").replace('table = "deals"', 'table = "deals"\nencoding = "gb18030"')
    report = load(Book(":memory:"), path, mapping_file(tmp_path / "other", stated), exported_at="2026-01-31")
    assert report.n_loaded == 1


@pytest.mark.fault(77)
def test_json_beyond_the_limits(tmp_path: Path) -> None:
    assert refused(written(tmp_path, json.dumps([{"a": "x" * (11 * 2**20)}])), "a record of more than 10 MB")
    assert refused(written(tmp_path, json.dumps({"a": "x" * (11 * 2**20)}), "deals.jsonl"), "a record of more than 10 MB")
    assert refused(written(tmp_path, "[" * 200_000), "nested deeper")
    assert refused(written(tmp_path, '[{"a": ' + "[" * 200_000), "nested deeper")
    assert refused(written(tmp_path, json.dumps([{f"c{number}": 1 for number in range(5_001)}])), "has 5001 columns")
    assert refused(written(tmp_path, json.dumps([RECORD | {"商机名称": "x" * 110_000}])), "a cell of 107 KB")


def test_half_a_character_costs_its_row(tmp_path: Path) -> None:
    lines = [json.dumps(RECORD), json.dumps(RECORD | {"商机编号": "D2"}).replace("D2", "D\\ud800")]
    _, report = load_it(written(tmp_path, "\n".join(lines), "deals.jsonl"))
    assert report.rejects.select("source_line", "reason").rows() == [(2, "load.reason_text_lost")]
