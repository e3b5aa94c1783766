from __future__ import annotations

import re
from pathlib import Path

import pytest
from exports import DEALS, export, mapping_file

from salesiq.book import Book
from salesiq.errors import UsageError
from salesiq.load import load
from salesiq.load.mapping import parse_mapping, preset_names, read_mapping
from salesiq.tables import CONTRACTS


@pytest.mark.parametrize("name", [*preset_names(), "canonical"])
def test_every_preset_is_sound(name: str) -> None:
    mapping = read_mapping(name)
    for entry in mapping.entries:
        fed = {column.name for column in entry.columns} | set(entry.constants) | {item.column.name for item in entry.derived}
        assert set(CONTRACTS[entry.table].required) <= fed, (entry.match, entry.table)


def test_a_mapping_is_read_whole() -> None:
    text = DEALS.replace('amount = "金额（元）"', 'amount = { header = ["金额", "总额"], unit = "万元", null_values = "-" }')
    text += '[file.constants]\ncurrency = "CNY"\nis_new_customer = false\n[file.known_later]\namount = "closed_at"\n'
    (entry,) = parse_mapping(text, "own", "own.toml").entries
    columns = {column.name: column for column in entry.columns}
    assert (columns["amount"].headers, columns["amount"].unit, columns["amount"].null_values) == (
        ("金额", "总额"),
        "万元",
        ("-",),
    )
    assert columns["status"].values == {"进行中": "open", "赢单": "won"}
    assert entry.constants == {"currency": "CNY", "is_new_customer": "false"}
    assert entry.known_later == {"amount": "closed_at"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('table = "deals"', 'table = "deals"\nwhere_notnull = "name"'), "where_notnull. The nearest is where_not_null"),
        (('table = "deals"', 'table = "deal"'), "names the table deal, which there is not; the nearest is deals"),
        (('table = "deals"', 'table = "rejects"'), "names the table rejects"),
        (("created_at =", "createdat ="), "deals.createdat, which there is not; the nearest is created_at"),
        (('"金额（元）"', '{ header = "金额", unti = "万元" }'), "columns.amount unti. The nearest is unit"),
        (('"金额（元）"', '{ header = "金额", unit = "美元" }'), "names the unit 美元"),
        (('"金额（元）"', "5"), "columns.amount must be"),
        (("[file.values.status]", "[file.values.stage]"), "translates values of deals.stage"),
        (('"deals*.csv"', '"../other/*.csv"'), "reaches outside the folder"),
        (('"deals*.csv"', '"/etc/*.csv"'), "reaches outside the folder"),
        (('table = "deals"', 'table = "deals"\nencoding = "zip"'), "names the encoding zip"),
        (('table = "deals"', 'table = "deals"\nencoding = "klingon"'), "names the encoding klingon"),
        (('table = "deals"', 'table = "deals"\ndelimiter = "123456789"'), "delimiter must be 1-8 characters"),
        (('table = "deals"', 'table = "deals"\ndistinct = "yes"'), "distinct must be true or false"),
        (('match = "deals*.csv"', ""), "lacks the key match"),
        (('table = "deals"', 'table = "deals"\nscope = "half"'), "scope must be full | changes"),
        (('table = "deals"', 'table = "deals"\nwhere = "deal_stage"'), "where gives text, but must give truth"),
        (('table = "deals"', 'table = "deals"\nwhere = true'), "where must be"),
        (('table = "deals"', 'table = "deals"\ndeleted = "deletd("'), "deleted lacks"),
        (('table = "deals"', 'table = "deals"\nderived = 1'), "derived must be [file.derived]"),
        (("[file.values.status]", '[file.derived]\nnmae = "a"\n[file.values.status]'), "deals.nmae, which there is not"),
        (('"进行中" = "open"', '"进行中" = ["open"]'), "values.status must be"),
        (("[[file]]", 'status = "sure"\n[[file]]'), "status must be tested | documented | unverified"),
        (("[[file]]", "[[files]]"), "files. The nearest is file"),
        (("[[file]]", "[[file"), "no valid TOML"),
        (
            ('"赢单" = "won"', '"赢单" = "won"\n[[rows]]\ntable = "stages"\nstage = "S"\nposition = [1]'),
            "constants must be text",
        ),
    ],
)
def test_what_a_mapping_cannot_mean_is_named(change: tuple[str, str], message: str) -> None:
    assert change[0] in DEALS
    with pytest.raises(UsageError, match=r"own\.toml") as caught:
        parse_mapping(DEALS.replace(*change), "own", "own.toml")
    assert message in str(caught.value)
    assert "own.toml" in caught.value.message("zh")


def test_an_unknown_mapping_names_the_presets(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=re.escape(", ".join(("canonical", *preset_names())))):
        read_mapping(tmp_path / "none.toml")


def test_nothing_in_a_mapping_is_run() -> None:
    text = DEALS + "[file.constants]\ncurrency = \"__import__('os').system('true')\"\n"
    (entry,) = parse_mapping(text, "own", "own.toml").entries
    assert entry.constants["currency"] == "__import__('os').system('true')"


@pytest.mark.fault(67)
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('table = "deals"', 'table = "deals; DROP TABLE deals; --"'), "names the table deals; DROP TABLE deals"),
        (('table = "deals"', "table = \"deals' OR '1'='1\""), "names the table"),
        (("amount =", '"amount; DELETE FROM deals" ='), "amount; DELETE FROM deals, which there is not"),
        (('table = "deals"', 'table = "deals"\nwhere_not_null = "name IS NULL OR 1=1"'), "name IS NULL OR 1=1"),
        (('"deals*.csv"', '"*[/../*.csv"'), "reaches outside the folder"),
    ],
)
def test_sql_in_the_names_of_a_mapping_is_refused(change: tuple[str, str], message: str) -> None:
    assert change[0] in DEALS
    with pytest.raises(UsageError, match=r"own\.toml") as caught:
        parse_mapping(DEALS.replace(*change), "own", "own.toml")
    assert message in str(caught.value)
    assert caught.value.exit_code == 2


@pytest.mark.fault(67)
def test_sql_in_headers_words_and_file_names_is_text(tmp_path: Path) -> None:
    evil = "x'); DROP TABLE deals; --"
    text = DEALS.replace('name = "商机名称"', f'name = "{evil}"').replace('"进行中" = "open"', f'"{evil}" = "open"')
    export(
        tmp_path / "in",
        f"D1,{evil},5,2026-01-03,{evil}",
        header=f"商机编号,{evil},金额（元）,创建时间,状态",
        name="deals*[x]; DROP TABLE deals.csv",
    )
    book = Book(":memory:")
    report = load(book, tmp_path / "in", mapping_file(tmp_path, text))
    assert (report.n_new, report.n_rejected) == (1, 0)
    found = book.as_of("2026-06-30").sql("SELECT name, status, source_file FROM base.deals(as_of := $as_of)")
    assert found.rows() == [(evil, "open", "deals*[x]; DROP TABLE deals.csv")]


@pytest.mark.fault(69)
@pytest.mark.parametrize("match", ["../deals.csv", "/etc/passwd", "a/../../b.csv", "..\\\\b.csv"])
def test_a_mapping_stays_below_its_folder(match: str) -> None:
    with pytest.raises(UsageError, match="reaches outside the folder") as caught:
        parse_mapping(DEALS.replace("deals*.csv", match), "own", "own.toml")
    assert caught.value.exit_code == 2


@pytest.mark.fault(70)
@pytest.mark.parametrize(
    "text",
    [
        "!!python/object/apply:os.system ['true']",
        "a: &a [*a]",
        "file:\n  - match: deals.csv\n    table: deals\n",
        DEALS.replace('status = "状态"', "status = NO"),
        DEALS + "[file.constants]\ncurrency = 0123\n",
    ],
)
def test_a_mapping_is_toml_and_nothing_else(text: str) -> None:
    with pytest.raises(UsageError, match="no valid TOML") as caught:
        parse_mapping(text, "own", "own.toml")
    assert caught.value.exit_code == 2


@pytest.mark.fault(70)
def test_words_that_look_like_something_else_stay_words() -> None:
    text = DEALS + '"NO" = "lost"\n"1E5" = "open"\n[file.constants]\ncurrency = "NO"\nsource = "0123"\nlost_reason = "12:30"\n'
    (entry,) = parse_mapping(text, "own", "own.toml").entries
    status = next(column for column in entry.columns if column.name == "status")
    assert (status.values["NO"], status.values["1E5"]) == ("lost", "open")
    assert entry.constants == {"currency": "NO", "source": "0123", "lost_reason": "12:30"}
