from __future__ import annotations

import datetime as dt
from decimal import Decimal

import polars as pl
import pytest

from salesiq import targets
from salesiq.book import Book
from salesiq.calendar import Calendar
from salesiq.errors import UsageError

COLUMNS = [
    *("period", "measure", "version", "unit_id", "rep_id", "name", "level", "target_amount", "actual_amount"),
    *("attainment_share", "elapsed_share", "pace_share", "projected_amount", "projected_low_amount", "projected_high_amount"),
    "gap_amount",
]
MONEY = ("target_amount", "actual_amount", "projected_amount", "projected_low_amount", "projected_high_amount", "gap_amount")
PARENTS = {"C": None, "R1": "C", "R2": "C", "T1": "R1"}
REPS = {"P1": "T1", "P2": "T1", "P3": "R2"}


def wins(rows: list[tuple[str | None, str, float]], status: str = "won") -> pl.DataFrame:
    """Make closed deals from owner, closing moment, amount."""
    return pl.DataFrame(
        [
            {
                "deal_id": f"{status}{n:05}",
                "owner_id": owner,
                "customer_id": f"K{n:05}",
                "status": status,
                "amount": Decimal(str(amount)),
                "created_at": dt.datetime.fromisoformat(closed_at) - dt.timedelta(days=30),
                "closed_at": dt.datetime.fromisoformat(closed_at),
                "is_new_customer": n % 2 == 0,
            }
            for n, (owner, closed_at, amount) in enumerate(rows)
        ],
        schema_overrides={"owner_id": pl.String, "amount": pl.Decimal(18, 2)},
    )


def row(found: pl.DataFrame, unit_id: str | None = None, rep_id: str | None = None) -> dict[str, object]:
    wanted = pl.col("rep_id") == rep_id if rep_id else pl.col("rep_id").is_null() & (pl.col("unit_id") == unit_id)
    return found.filter(wanted).row(0, named=True)


@pytest.fixture
def targets_of(org, staff, plan):
    def make(**frames: pl.DataFrame) -> Book:
        amounts = {"C": 1000, "R1": 600, "R2": 400, "T1": 600, "P1": 300, "P2": 300, "P3": 0}
        return Book.from_frames(**{"org_units": org(PARENTS), "reps": staff(REPS), "targets": plan(amounts)} | frames)

    return make


def test_bookings_roll_up_the_tree_within_the_half_open_period(targets_of):
    deals = wins(
        [
            ("P1", "2026-01-01T00:00", 100.25),  # the first moment is in
            ("P1", "2025-12-31T23:59:59", 7000),  # the one before is not
            ("P2", "2026-02-10T10:00", 50),
            ("P3", "2026-03-31T23:59:59", 30),
            ("P3", "2026-04-01T00:00", 9000),  # the first moment of the next is not
            (None, "2026-02-11T10:00", 5),  # nobody's: counts for the only top
            ("P9", "2026-02-11T10:00", 2),  # nor is P9 known
        ]
    )
    lost = wins([("P1", "2026-02-01T10:00", 8000)], "lost")
    found = targets.attainment(targets_of(deals=pl.concat([deals, lost])).as_of("2026-04-05"), "2026-Q1")
    assert found.columns == COLUMNS
    actual = {who["rep_id"] or who["unit_id"]: who["actual_amount"] for who in found.iter_rows(named=True)}
    assert actual == {
        "C": Decimal("187.25"),
        "R1": Decimal("150.25"),
        "R2": Decimal("30.00"),
        "T1": Decimal("150.25"),
        "P1": Decimal("100.25"),
        "P2": Decimal("50.00"),
        "P3": Decimal("30.00"),
    }
    assert row(found, "C")["gap_amount"] == Decimal("-812.75")
    assert row(found, "C")["attainment_share"] == pytest.approx(0.18725)
    assert row(found, rep_id="P3")["attainment_share"] is None  # of a target of zero
    assert (row(found, rep_id="P1")["unit_id"], row(found, rep_id="P1")["level"]) == ("T1", "rep")


def test_a_period_that_is_over_projects_what_came_in(targets_of):
    found = targets.attainment(targets_of(deals=wins([("P1", "2026-01-09T10:00", 100)])).as_of("2026-04-05"), "2026-Q1")
    assert found["elapsed_share"].unique().to_list() == [1.0]
    for name in ("projected_amount", "projected_low_amount", "projected_high_amount"):
        assert found[name].to_list() == found["actual_amount"].to_list()


def test_pace_counts_working_days(targets_of):
    """At the end of 14 February 2026, a make-up Saturday, before the spring festival."""
    found = targets.attainment(targets_of(deals=wins([("P1", "2026-01-09T10:00", 300)])).as_of("2026-02-14"), "2026-Q1")
    calendar = Calendar.china()
    gone = calendar.working_days(dt.date(2026, 1, 1), dt.date(2026, 2, 15))
    whole = calendar.working_days(dt.date(2026, 1, 1), dt.date(2026, 4, 1))
    company = row(found, "C")
    assert company["elapsed_share"] == pytest.approx(gone / whole)
    assert company["pace_share"] == pytest.approx(0.3 / (gone / whole))


def test_receipts_count_for_the_owner_of_the_customer(targets_of, plan):
    customers = pl.DataFrame(
        {"customer_id": ["K1", "K2"], "owner_id": ["P1", "P3"], "created_at": [dt.datetime(2025, 1, 1)] * 2}
    )
    receipts = pl.DataFrame(
        {
            "receipt_no": ["1", "2", "3", "4"],
            "customer_id": ["K1", "K1", "K2", "K9"],
            "received_on": [dt.date(2026, 1, 5), dt.date(2026, 2, 5), dt.date(2026, 2, 6), dt.date(2026, 2, 7)],
            "amount": [Decimal(100), Decimal(-10), Decimal(7), Decimal(1)],
        }
    )
    amounts = {"C": 500, "R1": 300, "R2": 200, "P1": 300}
    book = targets_of(targets=plan(amounts, measure="receipts"), customers=customers, receipts=receipts)
    found = targets.attainment(book.as_of("2026-02-28"))
    actual = {who["rep_id"] or who["unit_id"]: who["actual_amount"] for who in found.iter_rows(named=True)}
    assert actual == {"C": Decimal(98), "R1": Decimal(90), "R2": Decimal(7), "P1": Decimal(90)}


def test_new_customers_count_once(targets_of, plan):
    deals = wins([("P1", "2026-01-09T10:00", 10), ("P2", "2026-01-10T10:00", 10), ("P3", "2026-01-11T10:00", 10)])
    deals = deals.with_columns(customer_id=pl.lit("K1"))
    book = targets_of(targets=plan({"C": 5, "P1": 1, "P3": 1}, measure="new_customers"), deals=deals)
    found = targets.attainment(book.as_of("2026-03-01"))
    assert dict(found.select("rep_id", "actual_amount").rows()) == {None: Decimal(1), "P1": Decimal(1), "P3": Decimal(0)}


def test_unknown_measure_has_no_actual(targets_of, plan):
    found = targets.attainment(targets_of(targets=plan({"C": 5}, measure="visits")).as_of("2026-03-01"))
    assert found.select("actual_amount", "attainment_share", "gap_amount", "projected_amount").row(0) == (None,) * 4


def test_period_shown_without_being_named(targets_of, plan):
    plans = [
        plan({"C": 1}, "2026-Q1"),
        plan({"C": 2}, "2026-02"),
        plan({"C": 3}, "2026-02", measure="receipts"),
        plan({"C": 4}, "2026", measure="receipts"),
        plan({"C": 5}, "2026", measure="new_customers"),
        plan({"C": 6}, "2025", measure="visits"),
    ]
    found = targets.attainment(targets_of(targets=pl.concat(plans)).as_of("2026-02-20"))
    assert sorted(found.select("measure", "period").rows()) == [
        ("bookings", "2026-Q1"),
        ("new_customers", "2026"),
        ("receipts", "2026-02"),
    ]
    with pytest.raises(UsageError, match="Q5"):
        targets.attainment(targets_of().as_of("2026-02-20"), "2026-Q5")


def test_no_history_no_projection(targets_of):
    found = targets.attainment(targets_of().as_of("2026-02-20"))
    assert row(found, "C")["actual_amount"] == Decimal(0)
    assert found["projected_amount"].null_count() == found.height


def steady(n_days: int = 300) -> pl.DataFrame:
    """One win of 10 a day for P1 and of 20 every other day for P2, until 20 February 2026 and for weeks after it."""
    start = dt.datetime(2025, 8, 1, 10)
    rows = [("P1", (start + dt.timedelta(days=n)).isoformat(), 10.0) for n in range(n_days)]
    return wins(rows + [("P2", (start + dt.timedelta(days=n, hours=1)).isoformat(), 20.0) for n in range(0, n_days, 2)])


def test_projection_adds_up_over_the_tree(targets_of):
    found = targets.attainment(targets_of(deals=steady()).as_of("2026-02-20"))
    reps = [row(found, rep_id=rep)["projected_amount"] for rep in REPS]
    assert row(found, "T1")["projected_amount"] == row(found, "R1")["projected_amount"]
    assert abs(sum(reps) - row(found, "C")["projected_amount"]) <= Decimal("0.05")
    for who in found.iter_rows(named=True):
        assert who["actual_amount"] <= who["projected_low_amount"] <= who["projected_amount"] <= who["projected_high_amount"]
    company = row(found, "C")
    # 20 a calendar day, nothing else known: 39 days of the quarter are left, and the working ones carry them
    assert float(company["projected_amount"]) == pytest.approx(float(company["actual_amount"]) + 39 * 20, rel=0.1)


def test_amounts_of_billions(targets_of):
    """Squares of amounts leave DECIMAL(18) behind: the largest that a deal can hold still counts."""
    big = steady().with_columns(pl.col("amount") * 10**9)
    found = targets.attainment(targets_of(deals=big.with_columns(pl.col("amount").cast(pl.Decimal(18, 2)))).as_of("2026-02-20"))
    company = row(found, "C")
    assert float(company["projected_amount"]) == pytest.approx(float(company["actual_amount"]) + 39 * 20e9, rel=0.1)


def test_a_leavers_pace_stays_with_the_unit(targets_of, staff):
    left = staff(REPS).with_columns(left_on=pl.when(pl.col("rep_id") == "P1").then(dt.date(2026, 2, 1)))
    whole = targets.attainment(targets_of(deals=steady()).as_of("2026-02-20"))
    found = targets.attainment(targets_of(deals=steady(), reps=left).as_of("2026-02-20"))
    assert row(found, rep_id="P1")["projected_amount"] == row(found, rep_id="P1")["actual_amount"]
    assert row(found, "C")["projected_amount"] == row(whole, "C")["projected_amount"]


def test_nothing_after_the_moment_moves_it_and_a_rerun_is_equal_to_the_bit(targets_of):
    deals = steady()
    exported_at = dt.datetime(2026, 2, 20, 23, 59)
    past = deals.filter(pl.col("closed_at") <= pl.lit(exported_at))
    later = deals.filter(pl.col("closed_at") > pl.lit(exported_at)).with_columns(
        amount=pl.lit(Decimal(99999)).cast(pl.Decimal(18, 2))
    )
    with_later = targets.attainment(targets_of(deals=pl.concat([past, later]).reverse()).as_of("2026-02-20"))
    assert with_later.equals(targets.attainment(targets_of(deals=past).as_of("2026-02-20")))


def test_empty_book_has_the_columns():
    empty = targets.attainment(Book.from_frames().as_of("2026-02-01"))
    assert empty.is_empty()
    assert empty.columns == COLUMNS
    assert [empty.schema[name] for name in MONEY] == [pl.Decimal(38, 2)] * len(MONEY)
