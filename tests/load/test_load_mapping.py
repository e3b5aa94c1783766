from __future__ import annotations

from pathlib import Path

import pytest
from exports import DEALS

from salesiq.errors import UsageError
from salesiq.load.mapping import parse_mapping, preset_names, read_mapping
from salesiq.tables import CONTRACTS


@pytest.mark.parametrize("name", [*preset_names(), "canonical"])
def test_every_preset_is_sound(name: str) -> None:
    mapping = read_mapping(name)
    for entry in mapping.entries:
        fed = {column.name for column in entry.columns} | set(entry.constants)
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
        (('table = "deals"', 'table = "deals"\ndelimiter = "ab"'), "delimiter must be one character"),
        (('table = "deals"', 'table = "deals"\ndistinct = "yes"'), "distinct must be true or false"),
        (('match = "deals*.csv"', ""), "lacks the key match"),
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
    with pytest.raises(UsageError, match="canonical, maven, sample"):
        read_mapping(tmp_path / "none.toml")


def test_nothing_in_a_mapping_is_run() -> None:
    text = DEALS + "[file.constants]\ncurrency = \"__import__('os').system('true')\"\n"
    (entry,) = parse_mapping(text, "own", "own.toml").entries
    assert entry.constants["currency"] == "__import__('os').system('true')"
