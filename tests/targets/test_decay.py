from __future__ import annotations

import datetime as dt
from decimal import Decimal

import polars as pl
import pytest

from salesiq import targets
from salesiq.book import Book
from salesiq.errors import UsageError

COLUMNS = [
    *("period", "measure", "version", "unit_id", "level", "amount", "children_amount", "gap_amount"),
    *("retained_share", "cumulative_share", "finding"),
]
AS_OF = "2026-02-01"


def edge(found: pl.DataFrame, unit_id: str) -> dict[str, object]:
    return found.filter((pl.col("unit_id") == unit_id) & (pl.col("level") != "overall")).row(0, named=True)


def overall(found: pl.DataFrame) -> dict[str, object]:
    return found.filter(level="overall").row(0, named=True)


def test_the_check_of_row_1_1(decayed):
    found = targets.decay(decayed.as_of(AS_OF), "2026-Q1", "bookings")
    assert found.columns[: len(COLUMNS)] == COLUMNS
    assert found.select("unit_id", "level", "amount", "children_amount", "gap_amount", "finding").rows() == [
        ("C", "company", Decimal("320000000.00"), Decimal("305000000.00"), Decimal("-15000000.00"), "not_assigned"),
        ("R", "unit", Decimal("305000000.00"), Decimal("278000000.00"), Decimal("-27000000.00"), "not_assigned"),
        ("T", "unit", Decimal("278000000.00"), Decimal("27840000.00"), Decimal("-250160000.00"), "unit_slip"),
        ("C", "overall", Decimal("320000000.00"), Decimal("278000000.00"), Decimal("-42000000.00"), "not_assigned"),
    ]
    changes = [f"{float(share) - 1:.1%}" for share in found["retained_share"]]
    assert changes == ["-4.7%", "-8.9%", "-90.0%", "-13.1%"]
    assert found["cumulative_share"].to_list()[:2] == [305 / 320, pytest.approx(278 / 320)]
    assert edge(found, "T")["slip_factor"] == 10


def test_the_check_spread_over_several_units(org, staff, plan):
    """Two regions, four cities: the overall figure is that of the whole tree, whichever branch lost what."""
    parents = {"C": None, "R1": "C", "R2": "C", "T1": "R1", "T2": "R1", "T3": "R2", "T4": "R2"}
    reps = {f"P{n:02}": f"T{n % 4 + 1}" for n in range(12)}
    amounts = {"C": 320, "R1": 155, "R2": 150, "T1": 70, "T2": 72, "T3": 69, "T4": 67}
    yuan = {unit: amount * 1_000_000 for unit, amount in amounts.items()} | dict.fromkeys(reps, 2_320_000)
    found = targets.decay(Book.from_frames(org_units=org(parents), reps=staff(reps), targets=plan(yuan)).as_of(AS_OF))
    assert [edge(found, city)["finding"] for city in ("T1", "T2", "T3", "T4")] == ["unit_slip"] * 4
    assert overall(found)["children_amount"] == Decimal(278_000_000)
    assert edge(found, "C")["gap_amount"] == Decimal(-15_000_000)


def test_level_without_a_target(org, staff, plan):
    book = Book.from_frames(org_units=org({"C": None, "R": "C", "T": "R"}), targets=plan({"C": 100, "T": 90}))
    found = targets.decay(book.as_of(AS_OF))
    # the company's edge goes on to what stands below the region, which is named as the one without a target
    assert edge(found, "C")["children_amount"] == Decimal(90)
    blank = edge(found, "R")
    assert (blank["amount"], blank["gap_amount"], blank["retained_share"], blank["finding"]) == (
        None,
        None,
        None,
        "missing_level",
    )
    assert (overall(found)["gap_amount"], overall(found)["finding"]) == (Decimal(-10), "not_assigned")


def test_one_sister_without_a_target(org, plan):
    units = org({"C": None, "R1": "C", "R2": "C", "R3": "C"})
    found = targets.decay(Book.from_frames(org_units=units, targets=plan({"C": 92, "R1": 30.5, "R2": 30.5})).as_of(AS_OF))
    assert (edge(found, "C")["finding"], edge(found, "C")["n_blank"]) == ("missing_level", 1)
    # an office without a target is not the story where the gap is far smaller than any sister
    found = targets.decay(Book.from_frames(org_units=units, targets=plan({"C": 63, "R1": 30.5, "R2": 30.5})).as_of(AS_OF))
    assert edge(found, "C")["finding"] == "not_assigned"


def test_a_measure_planned_for_reps_alone(org, staff, plan):
    book = Book.from_frames(
        org_units=org({"C": None, "T": "C"}),
        reps=staff({"P1": "T", "P2": "T"}),
        targets=plan({"P1": 3, "P2": 4}, measure="new_customers"),
    )
    found = targets.decay(book.as_of(AS_OF))
    assert found.select("unit_id", "amount", "children_amount", "finding").rows() == [
        ("C", None, Decimal(7), None),
        ("T", None, Decimal(7), None),
        ("C", None, Decimal(7), None),
    ]


def test_a_target_that_goes_nowhere(org, plan):
    found = targets.decay(Book.from_frames(org_units=org({"C": None, "R": "C"}), targets=plan({"C": 100})).as_of(AS_OF))
    assert found.select("level", "children_amount", "finding").rows() == [("overall", None, "missing_level")]


@pytest.mark.parametrize(
    ("parts", "finding"),
    [
        ([40, 35, 35], "hedge"),
        ([30, 35, 35], None),
        ([30, 35, 33], "not_assigned"),
        # 100 万 in thirds, each rounded to 100 yuan: 100 yuan are missing and no decision is behind it
        ([33.33, 33.33, 33.33], "rounding"),
        # the same gap between amounts given to the cent is one
        ([33.330001, 33.330002, 33.329997], "not_assigned"),
        # 5,000 are missing: less than two steps of 5,000, but more than two of 1,000
        ([49.5, 50], "rounding"),
        ([49.4, 50.1], "not_assigned"),
        # thirds of 100 in steps of 10: rounding by that rule, but a tenth of the target is more than rounding
        ([30, 30, 30], "not_assigned"),
    ],
)
def test_what_a_gap_is_called(org, plan, parts, finding):
    amounts = {"C": 1_000_000} | {f"R{n}": Decimal(str(part)) * 10_000 for n, part in enumerate(parts)}
    units = org({"C": None} | {f"R{n}": "C" for n in range(len(parts))})
    found = targets.decay(Book.from_frames(org_units=units, targets=plan(amounts)).as_of(AS_OF))
    assert edge(found, "C")["finding"] == finding
    assert overall(found)["finding"] == finding


@pytest.mark.parametrize("power", [-8, -4, -3, -2, -1, 1, 2, 3, 4, 8])
def test_every_unit_of_money(org, plan, power):
    size = 10 if power > 0 else 6
    amounts = {"C": 3 * 10**size, "R1": Decimal(10) ** (size - power), "R2": 2 * Decimal(10) ** (size - power)}
    book = Book.from_frames(org_units=org({"C": None, "R1": "C", "R2": "C"}), targets=plan(amounts))
    found = edge(targets.decay(book.as_of(AS_OF)), "C")
    assert found["finding"] == "unit_slip"
    assert found["slip_factor"] == pytest.approx(10.0**power)


def test_one_child_in_another_unit_of_money(org, plan):
    amounts = {"C": 1000, "R1": 300, "R2": 350, "R3": 35}
    units = org({"C": None, "R1": "C", "R2": "C", "R3": "C"})
    found = targets.decay(Book.from_frames(org_units=units, targets=plan(amounts)).as_of(AS_OF))
    top = edge(found, "C")
    assert (top["finding"], top["slip_child_id"], top["slip_factor"]) == ("unit_slip", "R3", 10)
    assert overall(found)["finding"] is None  # 300 + 350 + 350: nothing is lost but a zero


def test_a_tenth_assigned_so_far_is_no_slip(org, staff, plan):
    reps = {f"P{n:02}": "C" for n in range(10)}
    found = targets.decay(
        Book.from_frames(org_units=org({"C": None}), reps=staff(reps), targets=plan({"C": 1000, "P01": 100})).as_of(AS_OF)
    )
    assert (edge(found, "C")["finding"], edge(found, "C")["n_blank"]) == ("not_assigned", 9)


def test_single_child_that_agrees(org, plan):
    found = targets.decay(Book.from_frames(org_units=org({"C": None, "R": "C"}), targets=plan({"C": 7, "R": 7})).as_of(AS_OF))
    assert found.select("gap_amount", "retained_share", "finding").rows() == [(Decimal(0), 1.0, None)] * 2


def test_zero_target_has_no_share(org, plan):
    found = targets.decay(Book.from_frames(org_units=org({"C": None, "R": "C"}), targets=plan({"C": 0, "R": 7})).as_of(AS_OF))
    assert (
        found.select("gap_amount", "retained_share", "cumulative_share", "finding").rows()
        == [(Decimal(7), None, None, "hedge")] * 2
    )


def test_newest_version_as_known_then(org, plan):
    first = plan({"C": 100, "R": 90})
    second = plan({"C": 100, "R": 96}, version="v2", set_at=dt.datetime(2026, 2, 10))
    same_day = plan({"C": 100, "R": 97}, version="v3", set_at=dt.datetime(2026, 2, 10))
    units = org({"C": None, "R": "C"})
    book = Book.from_frames(org_units=units, targets=pl.concat([first, second, same_day]))
    seen = {
        moment: targets.decay(book.as_of(moment)).select("version", "children_amount").row(0)
        for moment in ("2026-02-09", "2026-02-11")
    }
    assert seen == {"2026-02-09": ("v1", Decimal(90)), "2026-02-11": ("v3", Decimal(97))}


def test_periods_and_measures(org, plan):
    plans = [
        plan({"C": 10, "R": 9}, period, measure=measure)
        for period in ("2026-Q1", "2026")
        for measure in ("bookings", "receipts")
    ]
    snapshot = Book.from_frames(org_units=org({"C": None, "R": "C"}), targets=pl.concat(plans)).as_of(AS_OF)
    assert targets.decay(snapshot).height == 8
    assert targets.decay(snapshot, "2026-Q1")["period"].unique().to_list() == ["2026-Q1"]
    assert targets.decay(snapshot, measure="receipts")["measure"].unique().to_list() == ["receipts"]
    assert targets.decay(snapshot, "2026-Q3").is_empty()
    with pytest.raises(UsageError, match="Q9"):
        targets.decay(snapshot, "2026-Q9")


def test_a_cycle_does_not_hang(org, plan):
    units = org({"C": None, "A": "B", "B": "A"})
    found = targets.decay(Book.from_frames(org_units=units, targets=plan({"C": 10, "A": 4, "B": 6})).as_of(AS_OF))
    assert found.select("unit_id", "level").rows() == [("A", "overall"), ("B", "overall"), ("C", "overall")]


def test_empty_book_has_the_columns():
    empty = targets.decay(Book.from_frames().as_of(AS_OF))
    assert empty.is_empty()
    assert empty.columns[: len(COLUMNS)] == COLUMNS
    assert [empty.schema[name] for name in ("amount", "children_amount", "gap_amount")] == [pl.Decimal(38, 2)] * 3
    assert [empty.schema[name] for name in ("period", "finding", "retained_share")] == [pl.String, pl.String, pl.Float64]


def test_overall_is_what_a_walk_down_the_tree_finds(org, staff, plan):
    """A second computation, by recursion in Python, on an uneven tree: a city without reps, a blank region, a leaf."""
    parents = {"C": None, "R1": "C", "R2": "C", "R3": "C", "T1": "R1", "T2": "R1", "T3": "R2"}
    reps = {"P1": "T1", "P2": "T1", "P3": "T3", "P4": "T3", "P5": "R2"}
    amounts = {
        "C": 1000,
        "R1": 500,
        "R3": 110,
        "T1": 260,
        "T2": 210,
        "T3": 300,
        "P1": 120,
        "P2": 125,
        "P3": 140,
        "P4": 150,
        "P5": 60,
    }
    found = targets.decay(Book.from_frames(org_units=org(parents), reps=staff(reps), targets=plan(amounts)).as_of(AS_OF))

    def bottom(node: str) -> int:
        below = [child for child, above in (parents | reps).items() if above == node]
        return sum(bottom(child) for child in below) if below else amounts[node]

    assert overall(found)["children_amount"] == Decimal(bottom("C")) == Decimal(120 + 125 + 210 + 110 + 140 + 150 + 60)
    assert edge(found, "C")["children_amount"] == Decimal(500 + 110 + 300 + 60)


def test_rerun_and_row_order_change_nothing(decayed):
    rows = decayed.as_of(AS_OF).sql(
        "SELECT version, period, unit_id, rep_id, measure, amount, set_at FROM base.targets(as_of := $as_of)"
    )
    units = decayed.as_of(AS_OF).sql(
        "SELECT unit_id, parent_unit_id, level, name, valid_from FROM base.org_units(as_of := $as_of)"
    )
    reps = decayed.as_of(AS_OF).sql("SELECT rep_id, unit_id, hired_on FROM base.reps(as_of := $as_of)")
    again = Book.from_frames(
        org_units=units.reverse(), reps=reps.reverse(), targets=rows.sample(fraction=1, shuffle=True, seed=3)
    )
    assert targets.decay(again.as_of(AS_OF)).equals(targets.decay(decayed.as_of(AS_OF)))


def test_what_was_planted_in_the_sample_company(sample_company, sample_snapshot):
    truth = sample_company.truth["target_decay"]
    found = targets.decay(sample_snapshot, truth["period"], truth["measure"])
    named = {"decay": "not_assigned", "exact": None}
    for planted in truth["edges"]:
        row = edge(found, planted["unit_id"])
        assert (row["amount"], row["children_amount"]) == (planted["amount"], planted["children_amount"])
        assert row["finding"] == named.get(planted["kind"], planted["kind"]), planted
    blank = edge(targets.decay(sample_snapshot, truth["missing_level"]["period"]), truth["missing_level"]["unit_id"])
    assert (blank["amount"], blank["finding"]) == (None, "missing_level")


def test_nothing_set_after_the_moment_moves_it(sample_company, sample_snapshot):
    """Of the sample company: a second book without the targets of later periods and versions says the same of March."""
    moment = dt.datetime(2026, 3, 1)
    frames = sample_company.frames
    plans = frames["targets"]
    changed = plans.with_columns(
        amount=pl.when(pl.col("set_at") > moment)
        .then(pl.col("amount") * 3 + 1)
        .otherwise(pl.col("amount"))
        .cast(pl.Decimal(18, 2))
    )
    assert (plans["set_at"] > moment).any()
    other = Book.from_frames(
        exported_at=sample_snapshot.as_of, org_units=frames["org_units"], reps=frames["reps"], targets=changed
    )
    same = Book.from_frames(
        exported_at=sample_snapshot.as_of, org_units=frames["org_units"], reps=frames["reps"], targets=plans
    )
    assert targets.decay(other.as_of(moment)).equals(targets.decay(same.as_of(moment)))
    assert not targets.decay(same.as_of(moment)).is_empty()
