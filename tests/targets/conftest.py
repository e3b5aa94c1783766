"""A small organisation whose plan each test writes by hand."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from decimal import Decimal

import polars as pl
import pytest

from salesiq.book import Book

SET_AT = dt.datetime(2026, 1, 1, 9)

PlanRows = Mapping[str, object]
OrgMaker = Callable[[Mapping[str, str | None]], pl.DataFrame]
RepMaker = Callable[[Mapping[str, str]], pl.DataFrame]
PlanMaker = Callable[..., pl.DataFrame]


@pytest.fixture
def org() -> OrgMaker:
    """Make org_units from unit -> parent."""

    def make(parents: Mapping[str, str | None]) -> pl.DataFrame:
        rows = [
            {
                "unit_id": unit,
                "parent_unit_id": parent,
                "level": "company" if parent is None else "unit",
                "name": f"name {unit}",
            }
            for unit, parent in parents.items()
        ]
        return pl.DataFrame(rows).with_columns(valid_from=pl.lit(dt.date(2024, 1, 1)))

    return make


@pytest.fixture
def staff() -> RepMaker:
    """Make reps from rep -> unit."""

    def make(units: Mapping[str, str]) -> pl.DataFrame:
        rows = [{"rep_id": rep, "unit_id": unit, "name": f"name {rep}"} for rep, unit in units.items()]
        return pl.DataFrame(rows).with_columns(hired_on=pl.lit(dt.date(2024, 1, 1)))

    return make


@pytest.fixture
def plan() -> PlanMaker:
    """Make targets from unit or rep -> amount; an id that starts with P is a rep."""

    def make(
        amounts: Mapping[str, object],
        period: str = "2026-Q1",
        version: str = "v1",
        measure: str = "bookings",
        set_at: dt.datetime = SET_AT,
    ) -> pl.DataFrame:
        rows = [
            {
                "version": version,
                "period": period,
                "unit_id": None if who.startswith("P") else who,
                "rep_id": who if who.startswith("P") else None,
                "measure": measure,
                "amount": Decimal(str(amount)),
                "set_at": set_at,
            }
            for who, amount in amounts.items()
        ]
        schema = {"unit_id": pl.String, "rep_id": pl.String, "amount": pl.Decimal(18, 2)}
        return pl.DataFrame(rows, schema_overrides=schema)

    return make


@pytest.fixture
def decayed(org: OrgMaker, staff: RepMaker, plan: PlanMaker) -> Book:
    """The plan of FEATURES row 1.1: 3.2亿, 3.05亿, 2.78亿, and twelve reps at 232万 who should have 2,317万."""
    reps = {f"P{n:02}": "T" for n in range(1, 13)}
    amounts = {"C": 320_000_000, "R": 305_000_000, "T": 278_000_000} | dict.fromkeys(reps, 2_320_000)
    return Book.from_frames(org_units=org({"C": None, "R": "C", "T": "R"}), reps=staff(reps), targets=plan(amounts))
