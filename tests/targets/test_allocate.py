from __future__ import annotations

import datetime as dt
import time
from decimal import Decimal

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from salesiq import sample, targets
from salesiq.book import Book
from salesiq.errors import UsageError
from salesiq.targets import splitting
from salesiq.targets.splitting import NO_CEILING, Tree

AS_OF = "2026-02-01"
PARENTS = {"C": None, "R1": "C", "R2": "C", "T1": "R1"}
REPS = {"P1": "T1", "P2": "T1", "P3": "R2", "P4": "R2"}


def tree(parents: list[int], weights: list[float], **asked: dict[int, int]) -> Tree:
    n = len(parents)
    floors, ceilings, pins = (np.full(n, empty, dtype=np.int64) for empty in (0, NO_CEILING, -1))
    for name, column in (("floors", floors), ("ceilings", ceilings), ("pins", pins)):
        for node, cents in asked.get(name, {}).items():
            column[node] = cents
    return Tree([f"N{k}" for k in range(n)], np.array(parents), np.array(weights, dtype=float), floors, ceilings, pins)


@st.composite
def problems(draw: st.DrawFn) -> tuple[Tree, int, int]:
    n = draw(st.integers(2, 30))
    parents = [-1, *(draw(st.integers(max(0, k - 8), k - 1)) for k in range(1, n))]
    weights = [draw(st.one_of(st.just(0.0), st.floats(0.001, 1e6))) for _ in range(n)]
    weights = [weight if node not in parents else 0.0 for node, weight in enumerate(weights)]
    some = st.dictionaries(st.integers(0, n - 1), st.integers(0, 400_000), max_size=4)
    asked = {"floors": draw(some), "ceilings": draw(some), "pins": draw(some)}
    return tree(parents, weights, **asked), draw(st.integers(0, 10**7)), draw(st.sampled_from([1, 100, 700, 10_000, 10**6]))


@settings(max_examples=200)
@given(problems())
def test_every_level_is_conserved_within_its_bounds(problem):
    asked, total, unit = problem
    try:
        found = splitting.split(asked, total, unit)
    except UsageError:  # what clashes, and when, is asked below
        return
    bounds = np.concatenate([asked.floors, asked.ceilings[asked.ceilings < NO_CEILING], asked.pins[asked.pins >= 0]])
    is_round = not (bounds % unit).any()
    assert found[0] == total
    for node in range(len(asked.parents)):
        below = np.flatnonzero(asked.parents == node)
        if len(below):
            assert found[below].sum() == found[node]
            # where everything asked for is a multiple, one child at most carries what is none
            assert not is_round or (found[below] % unit > 0).sum() <= 1
    assert (found >= asked.floors)[asked.pins < 0][1:].all()
    assert (found <= asked.ceilings)[asked.pins < 0][1:].all()
    assert (found[1:] == asked.pins[1:])[asked.pins[1:] >= 0].all()
    assert (found >= 0).all()


@settings(max_examples=150)
@given(
    st.lists(st.tuples(st.floats(0.01, 100), st.integers(0, 50), st.integers(0, 80)), min_size=1, max_size=12),
    st.integers(0, 600),
)
def test_a_feasible_split_is_always_found(people, total):
    """One level, whole units of 1: it is feasible exactly where the total lies between the sums of the bounds."""
    floors = {k + 1: floor for k, (_, floor, _) in enumerate(people)}
    ceilings = {k + 1: floor + room for k, (_, floor, room) in enumerate(people)}
    asked = tree([-1] + [0] * len(people), [0.0, *(weight for weight, _, _ in people)], floors=floors, ceilings=ceilings)
    if sum(floors.values()) <= total <= sum(ceilings.values()):
        found = splitting.split(asked, total, 1)
        # water filling: whoever is free gets the same multiple of the weight, to the rounding
        free = [(found[k], people[k - 1][0]) for k in floors if floors[k] < found[k] < ceilings[k]]
        for amount, weight in free:
            for other, other_weight in free:
                assert (amount - 1) / weight <= (other + 1) / other_weight + 1e-9
    else:
        with pytest.raises(UsageError, match=r"floors and pins|ceilings and pins"):
            splitting.split(asked, total, 1)


def test_bounds_and_pins_by_hand():
    asked = tree([-1, 0, 0, 0, 0], [0, 1, 1, 2, 4], floors={1: 3000}, ceilings={4: 2000}, pins={3: 1234})
    found = splitting.split(asked, 10_000, 100)
    # N3 is pinned, N1 at its floor or above, N4 cut at its ceiling: N1 and N2 share the rest, one of them carries the 66 cents
    assert found[3] == 1234
    assert found[4] == 2000
    assert sorted(found[1:3].tolist()) == [3300, 3466]
    assert found.sum() == 20_000


@pytest.fixture
def book(org, staff, plan) -> Book:
    rows = []
    for rep, size in (("P1", 300), ("P2", 100), ("P3", 200), ("P4", 200)):
        for week in range(40):
            day = dt.datetime(2025, 4, 1) + dt.timedelta(days=7 * week)
            rows.append(
                {
                    "deal_id": f"{rep}{week}",
                    "owner_id": rep,
                    "amount": Decimal(size),
                    "status": "won",
                    "created_at": day,
                    "closed_at": day,
                }
            )
    deals = pl.DataFrame(rows).with_columns(pl.col("amount").cast(pl.Decimal(18, 2)))
    today = plan({"C": 1000, "R1": 500, "R2": 500, "T1": 500, "P1": 250, "P2": 250, "P3": 250, "P4": 250})
    return Book.from_frames(
        org_units=org(PARENTS), reps=staff(REPS), deals=deals, targets=today, exported_at=dt.datetime(2026, 2, 1)
    )


def amounts(found: pl.DataFrame) -> dict[str, Decimal]:
    return {row["rep_id"] or row["unit_id"]: row["amount"] for row in found.to_dicts()}


def test_a_proposal_follows_what_reps_can(book):
    snapshot = book.as_of(AS_OF)
    found = targets.allocate(snapshot, "2026-Q2", 80_000, unit=100)
    seen = amounts(found)
    assert seen["P1"] > seen["P3"] > seen["P2"]
    assert seen["C"] == seen["R1"] + seen["R2"] == 80_000
    assert seen["T1"] == seen["R1"] == seen["P1"] + seen["P2"]
    assert all(amount % 100 == 0 for amount in seen.values())
    today = found.filter(rep_id="P2").row(0, named=True)
    assert (today["current_amount"], today["change_amount"]) == (Decimal(250), seen["P2"] - 250)
    assert found["weight_share"].sum() == pytest.approx(1)
    asked = targets.allocate(
        snapshot, "2026-Q2", 80_000, unit=100, floors={"P2": 20_000}, ceilings={"R2": 30_000}, pins={"P4": Decimal("9999.99")}
    )
    changed = amounts(asked)
    assert changed["P2"] >= 20_000
    assert changed["R2"] == 30_000
    assert changed["P4"] == Decimal("9999.99")
    assert changed["P3"] == Decimal("20000.01")
    assert sum(changed[rep] for rep in REPS) == 80_000


def test_the_proposal_loads_as_a_new_version(book):
    snapshot = book.as_of(AS_OF)
    rows = targets.plan_rows(targets.allocate(snapshot, "2026-Q1", 1200, unit=1), "v2")
    before = snapshot.sql("SELECT version, period, unit_id, rep_id, measure, amount, set_at FROM base.targets(as_of := $as_of)")
    units, reps = (
        snapshot.sql(f"SELECT {columns} FROM base.{table}(as_of := $as_of)")
        for table, columns in (("org_units", "unit_id, parent_unit_id, valid_from"), ("reps", "rep_id, unit_id"))
    )
    again = Book.from_frames(
        org_units=units, reps=reps, targets=pl.concat([before, rows]), exported_at=dt.datetime(2026, 2, 2)
    ).as_of("2026-02-02")
    found = targets.decay(again, "2026-Q1")
    assert found["version"].unique().to_list() == ["v2"]
    assert found["gap_amount"].to_list() == [Decimal(0)] * found.height  # nothing decays in it


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        ({"floors": {"P1": 600, "P2": 500}}, r"C may get 1,000, but floors and pins below it need 1,100: P1 600, P2 500"),
        ({"floors": {"P1": 600, "P2": 300}, "ceilings": {"R1": 800}}, r"R1 may get 800, but .* need 900: P1 600, P2 300"),
        (
            {"ceilings": {"P1": 100, "P2": 200, "R2": 300}},
            r"C must get 1,000, but ceilings .* room for 600 only: P1 100, P2 200, R2 300",
        ),
        ({"pins": {"R1": 500, "P1": 400, "P2": 200}}, r"T1|R1 may get 500, but .* need 600: P1 400, P2 200"),
        ({"floors": {"P1": 600}, "ceilings": {"P1": 500}}, r"P1: the floor 600 is above the ceiling 500"),
        ({"floors": {"P1": 110}, "ceilings": {"P1": 190}}, r"P1: between 110 and 190 there is no multiple"),
        ({"pins": {"P9": 5}}, r"no unit or rep P9 .* nearest is P"),
        ({"pins": {"P1": -5}}, r"0 or more"),
        ({"unit": 0}, r"unit above 0"),
    ],
)
def test_what_cannot_be_is_named(book, asked, problem):
    with pytest.raises(UsageError, match=problem):
        targets.allocate(book.as_of(AS_OF), "2026-Q2", 1000, **({"unit": 100} | asked))


def test_several_tops_need_a_name(org, staff):
    snapshot = Book.from_frames(org_units=org({"A": None, "B": None}), reps=staff({"P1": "A", "P2": "B"})).as_of(AS_OF)
    with pytest.raises(UsageError, match="2 tops"):
        targets.allocate(snapshot, "2026-Q2", 1000)
    assert amounts(targets.allocate(snapshot, "2026-Q2", 1000, top="B", unit=1)) == {"B": Decimal(1000), "P2": Decimal(1000)}


def test_a_leader_and_an_empty_unit_get_nothing(org, staff):
    reps = staff({"M1": "A", "P1": "A"}).with_columns(manager_id=pl.Series([None, "M1"], dtype=pl.String))
    units = org({"C": None, "A": "C", "E": "C"})
    found = amounts(targets.allocate(Book.from_frames(org_units=units, reps=reps).as_of(AS_OF), "2026-Q2", 1000, unit=1))
    assert found == {"C": Decimal(1000), "A": Decimal(1000), "E": Decimal(0), "P1": Decimal(1000)}


def test_twenty_thousand_people_are_split_in_less_than_two_seconds():
    rng = np.random.default_rng(3)
    parents = np.concatenate([[-1], np.zeros(20), np.repeat(np.arange(1, 21), 50), np.repeat(np.arange(21, 1021), 20)]).astype(
        np.int64
    )
    n = len(parents)
    is_rep = np.arange(n) > 1020
    weights, floors = np.where(is_rep, rng.gamma(2.0, 1.0, n), 0.0), np.where(is_rep, rng.integers(0, 10**6, n), 0)
    asked = Tree([str(k) for k in range(n)], parents, weights, floors, np.full(n, NO_CEILING), np.full(n, -1))
    start = time.perf_counter()
    found = splitting.split(asked, 10**12 + 7, 10**6)
    assert time.perf_counter() - start < 2  # 0.05 s when measured
    assert found[is_rep].sum() == 10**12 + 7
    assert (found >= floors).all()


def test_the_sample_company_is_split(sample_snapshot):
    found = targets.allocate(sample_snapshot, "2026-Q3", 330_000_000)
    assert found.filter(pl.col("rep_id").is_not_null()).height == 24  # neither managers nor leavers
    sums = found.group_by("below_unit_id").agg(pl.col("amount").sum())
    units = dict(found.filter(pl.col("rep_id").is_null()).select("unit_id", "amount").rows())
    assert all(units[unit] == amount for unit, amount in sums.rows() if unit is not None)
    assert found["current_amount"].null_count() == 0
    assert found["set_at"][0] == sample.EXPORTED_AT
