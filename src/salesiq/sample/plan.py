"""Targets by quarter and month, from the company down to the rep, and where they decay on the way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from salesiq.sample.dealbook import Chunk
from salesiq.sample.frames import canonical
from salesiq.sample.people import Organisation
from salesiq.sample.window import Bools, Floats, Ints, Window, generator

AUDITED = "2026-Q2"
# The audited quarter for 24 reps: 3.2亿 for the company, 3.05亿 over its regions, 2.78亿 over their cities.
COMPANY, REGIONS_SUM, CITIES_SUM = 320_000_000, 305_000_000, 278_000_000
REGION_KEEPS = (0.97, 0.93, 0.86, 0.89)  # before scaling to CITIES_SUM
CITY_KINDS = ("exact", "rounding", "hedge", "unit_slip", "not_assigned", "exact", "rounding", "hedge", "exact", "rounding")
MONTH_SHARES = (0.30, 0.33)  # the third month takes the rest


@dataclass
class Plan:
    """The targets and what was planted in them."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    edges: list[dict[str, Any]] = field(default_factory=list)

    def add(
        self,
        period: str,
        amount: int,
        set_at: np.datetime64,
        unit: str | None = None,
        rep: str | None = None,
        measure: str = "bookings",
        version: str = "v1",
    ) -> None:
        """Add one target; `amount` in whole yuan."""
        row = {
            "version": version,
            "period": period,
            "unit_id": unit,
            "rep_id": rep,
            "measure": measure,
            "amount": amount,
            "set_at": set_at,
        }
        self.rows.append(row)

    def frame(self) -> pl.DataFrame:
        """Return the canonical targets."""
        columns = {name: [row[name] for row in self.rows] for name in self.rows[0]}
        columns["amount"] = [amount * 100 for amount in columns["amount"]]
        columns["set_at"] = np.array(columns["set_at"]).tolist()
        return canonical("targets", columns)


@dataclass(frozen=True)
class _Tree:
    """The amounts of one quarter at every level, in whole yuan."""

    company: int
    regions: Ints
    cities: Ints
    reps: Ints


def make_plan(organisation: Organisation, booked_by_quarter: Mapping[int, Floats], window: Window, seed: int) -> Plan:
    """Return the targets of all quarters and months of the window, given each rep's true bookings by quarter."""
    plan, rng = Plan(), generator(seed, "plan")
    for quarter, booked in booked_by_quarter.items():
        name = f"{1970 + quarter // 4}-Q{quarter % 4 + 1}"
        first_day = window.day(str(np.datetime64(quarter * 3, "M")) + "-01")
        is_here = organisation.hired <= max(first_day, 0)
        set_at = np.datetime64(window.start, "us") + np.timedelta64(first_day - 9, "D") + np.timedelta64(10, "h")
        tree = _audited(plan, organisation, booked, is_here) if name == AUDITED else _usual(organisation, booked, is_here, rng)
        _write_tree(plan, organisation, name, tree, set_at, is_here, rng)
    return plan


def bookings(chunk: Chunk) -> dict[int, Floats]:
    """Return each rep's bookings in yuan by quarter (counted from 1970)."""
    months = chunk.window.dates[: chunk.window.n_days].astype("M8[M]").astype(np.int64)
    return {int(quarter): booked_by_rep(chunk, int(quarter)) for quarter in np.unique(months // 3)}


def booked_by_rep(chunk: Chunk, quarter: int) -> Floats:
    """Bookings of each rep in a quarter (counted from 1970), in yuan."""
    months = chunk.window.dates[np.where(chunk.is_won, chunk.closed_day, 0)].astype("M8[M]").astype(np.int64)
    inside = chunk.is_won & (months // 3 == quarter)
    amount = chunk.inputs.amount[inside] / 100
    return np.bincount(chunk.inputs.rep[inside], weights=amount, minlength=chunk.organisation.n).astype(np.float64)


def _weights(booked: Floats, is_here: Bools) -> Floats:
    """What planners expected: mostly what came true, a fifth of everyone alike."""
    alike = booked.sum() / max(int(is_here.sum()), 1)
    return np.where(is_here, 0.8 * booked + 0.2 * max(alike, 500_000.0), 0.0)


def _usual(
    organisation: Organisation,
    booked: Floats,
    is_here: Bools,
    rng: np.random.Generator,
) -> _Tree:
    """A quarter without decay worth speaking of: reps' targets of 万, small gaps above."""
    reps = (_weights(booked, is_here) / rng.uniform(0.72, 1.05, organisation.n)).astype(np.int64) // 10_000 * 10_000
    cities = np.bincount(organisation.city, weights=reps, minlength=len(organisation.city_ids)).astype(np.int64)
    regions = np.bincount(organisation.city_region, weights=cities, minlength=len(organisation.region_ids)).astype(np.int64)
    regions = -(-regions // 100_000) * 100_000
    return _Tree(int(-(-regions.sum() // 1_000_000) * 1_000_000), regions, cities, reps)


def _audited(plan: Plan, organisation: Organisation, booked: Floats, is_here: Bools) -> _Tree:
    """The quarter whose targets decay, edge by edge as planted."""
    scale = organisation.n / 24
    company, regions_sum, cities_sum = (int(round(total * scale, -5)) for total in (COMPANY, REGIONS_SUM, CITIES_SUM))
    weight = _weights(booked, is_here)
    of_city = np.bincount(organisation.city, weights=weight, minlength=len(organisation.city_ids)).astype(np.float64)
    of_region = np.bincount(organisation.city_region, weights=of_city, minlength=len(organisation.region_ids))
    regions = _share_out(regions_sum, of_region.astype(np.float64))
    keeps = np.resize(np.array(REGION_KEEPS), len(regions)) * regions
    region_children = _share_out(cities_sum, keeps.astype(np.float64))
    cities = np.zeros(len(of_city), dtype=np.int64)
    for at in range(len(regions)):
        mine = organisation.city_region == at
        cities[mine] = _share_out(int(region_children[at]), of_city[mine])
    reps = np.zeros(organisation.n, dtype=np.int64)
    _edge(plan, "U0", company, regions_sum, "decay")
    for at, amount in enumerate(regions):
        _edge(plan, organisation.region_ids[at], int(amount), int(region_children[at]), "decay")
    for at, amount in enumerate(cities):
        mine = (organisation.city == at) & is_here
        if not mine.any():
            continue
        kind = _kind(at)
        reps[mine] = _city_to_reps(int(amount), weight[mine], kind)
        _edge(plan, organisation.city_ids[at], int(amount), int(reps[mine].sum()), kind)
    return _Tree(company, regions, cities, reps)


def _kind(city: int) -> str:
    """The planted kind of a city's edge; one slip and one hole in the whole company."""
    kind = CITY_KINDS[city % len(CITY_KINDS)]
    return "exact" if city >= len(CITY_KINDS) and kind in {"unit_slip", "not_assigned"} else kind


def _share_out(total: int, weight: Floats, step: int = 10_000) -> Ints:
    """Split a total by weight into multiples of `step`; the largest part takes the rest, so that the sum is exact."""
    part = (total * weight / weight.sum()).astype(np.int64) // step * step
    part[np.argmax(weight)] += total - part.sum()
    return np.asarray(part, dtype=np.int64)


def _city_to_reps(amount: int, weight: Floats, kind: str) -> Ints:
    if kind == "hedge":
        return _share_out(round(amount * 1.06), weight)
    if kind == "not_assigned":
        return _share_out(round(amount * 0.88), weight)
    if kind == "rounding":
        coarse = 50_000 if amount >= 20_000_000 else 10_000
        return _share_out(amount, weight, step=1) // coarse * coarse
    exact = _share_out(amount, weight)
    if kind == "unit_slip":
        return exact // 10 // 10_000 * 10_000
    return exact


def _edge(plan: Plan, unit: str, amount: int, children: int, kind: str) -> None:
    plan.edges.append(
        {
            "unit_id": unit,
            "amount": amount,
            "children_amount": children,
            "retained_share": round(children / amount, 6),
            "kind": kind,
        }
    )


def _write_tree(
    plan: Plan,
    organisation: Organisation,
    name: str,
    tree: _Tree,
    set_at: np.datetime64,
    is_here: Bools,
    rng: np.random.Generator,
) -> None:
    """Quarter and months, units and reps; with the holes and second versions of some earlier quarters."""
    units = [
        ("U0", tree.company),
        *zip(organisation.region_ids, tree.regions, strict=True),
        *zip(organisation.city_ids, tree.cities, strict=True),
    ]
    for unit, amount in units:
        if not (name == "2026-Q1" and unit == organisation.city_ids[2]):
            _write(plan, name, int(amount), set_at, unit=unit)
        plan.add(name, int(amount) * 8 // 10, set_at, unit=unit, measure="receipts")
    for rep, amount, here in zip(organisation.rep_ids, tree.reps, is_here, strict=True):
        if here:
            _write(plan, name, int(amount), set_at, rep=rep)
            plan.add(name, int(rng.integers(2, 6)), set_at, rep=rep, measure="new_customers")
    if name == "2025-Q4":
        _second_version(plan, name, set_at + np.timedelta64(36, "D"))


def _write(
    plan: Plan, quarter: str, amount: int, set_at: np.datetime64, unit: str | None = None, rep: str | None = None
) -> None:
    """The quarter and its three months, which sum to it."""
    plan.add(quarter, amount, set_at, unit, rep)
    first = int(quarter[-1]) * 3 - 2
    parts = [int(amount * share) for share in MONTH_SHARES]
    for at, part in enumerate([*parts, amount - sum(parts)]):
        plan.add(f"{quarter[:4]}-{first + at:02d}", part, set_at, unit, rep)


def _second_version(plan: Plan, quarter: str, set_at: np.datetime64) -> None:
    """A revision in the second month: everybody's bookings of the quarter cut by a tenth."""
    for row in [row for row in plan.rows if row["period"] == quarter and row["measure"] == "bookings"]:
        plan.add(quarter, row["amount"] // 10 * 9, set_at, row["unit_id"], row["rep_id"], version="v2")
