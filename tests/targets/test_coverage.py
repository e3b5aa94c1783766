from __future__ import annotations

import datetime as dt
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from salesiq import targets
from salesiq.book import Book
from salesiq.errors import UsageError
from salesiq.targets.coverage import BUCKETS
from salesiq.targets.pipeline import with_expected

PARENTS = {"C": None, "R1": "C", "R2": "C", "T1": "R1"}
REPS = {"P1": "T1", "P2": "T1", "P3": "R2"}
AMOUNTS = {"C": 1000, "R1": 600, "R2": 400, "T1": 500, "P1": 300, "P2": 200, "P3": 400}
SCHEMA = {"owner_id": pl.String, "amount": pl.Decimal(18, 2), "closed_at": pl.Datetime("us")}


def deal(name: str, owner: str | None, amount: object, closed_at: str | None = None, **more: object) -> dict[str, object]:
    return {
        "deal_id": name,
        "owner_id": owner,
        "customer_id": f"K-{name}",
        "amount": Decimal(str(amount)),
        "status": "won" if closed_at else "open",
        "closed_at": dt.datetime.fromisoformat(closed_at) if closed_at else None,
        "created_at": dt.datetime(2026, 1, 2),
        **more,
    }


DEALS = [
    deal("W1", "P1", 120.10, "2026-01-20"),
    deal("W2", "P3", 450, "2026-02-01"),  # more than P3's target
    deal("W0", "P1", 999, "2025-12-31"),  # of another quarter
    deal("O1", "P1", 333.33),
    deal("O2", "P1", 100),
    deal("O3", "P2", 1000),
    deal("O4", "P3", 80),
    deal("O5", None, 70),  # nobody's: counts for the company, and is unplanned
    deal("O6", "P9", 10),  # an owner nobody knows
]
STEPS = [("O1", "2026-02-20"), ("O3", "2026-02-10"), ("O4", "2026-02-28"), ("O5", "2026-02-28")]  # O3's is past
CHANCES = {"O1": 0.5, "O2": 0.1, "O3": 0.15, "O4": 0.9, "O5": 1.0, "O6": 0.0}


def steps() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "activity_id": [f"A{n}" for n in range(len(STEPS))],
            "deal_id": [name for name, _ in STEPS],
            "occurred_at": [dt.datetime(2026, 2, 1)] * len(STEPS),
            "next_step": ["send the offer"] * len(STEPS),
            "next_step_due_at": [dt.datetime.fromisoformat(due) for _, due in STEPS],
        }
    )


@pytest.fixture
def snapshot(org, staff, plan):
    deals = pl.DataFrame(DEALS, schema_overrides=SCHEMA)
    book = Book.from_frames(
        org_units=org(PARENTS),
        reps=staff(REPS),
        targets=plan(AMOUNTS),
        deals=deals,
        activities=steps(),
        exported_at=dt.datetime(2026, 2, 15),
    )
    return book.as_of("2026-02-15")


def chances(**changes: float) -> pl.DataFrame:
    said = CHANCES | changes
    return pl.DataFrame({"deal_id": list(said), "win_probability": list(said.values())})


def buckets(found: pl.DataFrame) -> dict[str, tuple[Decimal, ...]]:
    return {row["rep_id"] or row["unit_id"]: tuple(row[name] for name in BUCKETS) for row in found.to_dicts()}


def test_every_yuan_is_in_one_bucket(snapshot):
    found = targets.coverage(snapshot, "2026-Q1", probabilities=chances())
    seen = buckets(found)
    assert seen["P1"] == (Decimal("120.10"), Decimal("166.67"), Decimal("10.00"), Decimal("3.23"))
    assert seen["P2"] == (Decimal(0), Decimal(0), Decimal(150), Decimal(50))  # the step of O3 was due before
    assert seen["P3"] == (Decimal(400), Decimal(0), Decimal(0), Decimal(0))
    assert seen["T1"] == (Decimal("120.10"), Decimal("166.67"), Decimal(160), Decimal("53.23"))
    # the company: 570.10 done; O1 and O4 planned; O2, O3 and O5, which has a step but no owner
    assert seen["C"] == (Decimal("570.10"), Decimal("238.67"), Decimal("191.23"), Decimal(0))
    for row in found.to_dicts():
        assert sum(row[name] for name in BUCKETS) == row["target_amount"]
    surplus = {row["rep_id"] or row["unit_id"]: row["surplus_amount"] for row in found.to_dicts()}
    assert surplus["P3"] == Decimal(50 + 72)
    assert surplus["C"] == Decimal("570.10") + Decimal("238.67") + 230 - 1000
    shares = dict(found.filter(pl.col("rep_id").is_null()).select("unit_id", "covered_share").rows())
    assert shares["C"] == 1.0
    assert shares["T1"] == pytest.approx(1 - 53.23 / 500)


def test_drill_down_adds_up_to_the_node(snapshot):
    found = targets.coverage(snapshot, "2026-Q1", probabilities=chances())
    for node in found.filter(pl.col("rep_id").is_null()).to_dicts():
        deals = targets.coverage_deals(snapshot, "2026-Q1", unit_id=node["unit_id"], probabilities=chances())
        for bucket in ("planned", "unplanned"):
            total = sum(deals.filter(bucket=bucket)["expected_amount"], Decimal(0))
            assert total == node[f"{bucket}_expected_amount"], (node["unit_id"], bucket)
        assert (deals.height, deals.filter(bucket="planned").height) == (node["n_deals"], node["n_planned"])
    deals = targets.coverage_deals(snapshot, "2026-Q1", probabilities=chances())
    assert deals["deal_id"].to_list() == ["O1", "O3", "O4", "O5", "O2", "O6"]
    assert deals.filter(deal_id="O1").select("next_step", "bucket", "win_probability").row(0) == (
        "send the offer",
        "planned",
        0.5,
    )
    assert deals["source_line"].null_count() == 0


def test_without_a_model_the_base_rate_of_the_stage(org, staff, plan):
    """40 deals of which half were won from "talk" within the horizon, none from "lead"."""
    rows, events = [], []
    for n in range(80):
        stage, is_won = ("talk", n % 2 == 0) if n < 40 else ("lead", False)
        created = dt.datetime(2025, 11, 1) + dt.timedelta(minutes=n)
        rows.append(deal(f"H{n:02}", "P1", 10, "2026-01-25" if is_won else None) | {"created_at": created})
        events.append((f"H{n:02}", stage, created))
        if is_won:
            events.append((f"H{n:02}", "won", dt.datetime(2026, 1, 25)))
    stages = pl.DataFrame({"stage": ["lead", "talk", "won"], "position": [1, 2, 3], "is_won": [False, False, True]})
    book = Book.from_frames(
        org_units=org({"C": None}),
        reps=staff({"P1": "C"}),
        targets=plan({"C": 1000}, period="2026-02"),
        deals=pl.DataFrame(rows, schema_overrides=SCHEMA),
        stages=stages,
        stage_events=pl.DataFrame(events, schema=["deal_id", "stage", "entered_at"], orient="row"),
        exported_at=dt.datetime(2026, 1, 31),
    )
    snapshot = book.as_of("2026-01-31T00:00:00")
    # 29 days are left of February; of six moments 30 days apart the deals were there at three, back to 3 November
    rates = dict(snapshot.run("targets.stage_rates", horizon_days=29.0).select("stage", "win_share").rows())
    seen = snapshot.run("targets.stage_rates", horizon_days=29.0)
    assert seen.filter(stage="talk").select("n", "n_won").row(0) == (120, 20)  # only from the newest moment within 29 days
    assert seen.filter(pl.col("stage").is_null()).select("n", "n_won").row(0) == (240, 20)
    assert rates["talk"] == pytest.approx((20 + 10 * 20 / 240) / 130)
    deals = targets.coverage_deals(snapshot, "2026-02")
    assert deals["is_base_rate"].all()
    chance = dict(deals.group_by("stage").agg(pl.col("win_probability").first()).rows())
    assert chance == pytest.approx({"talk": rates["talk"], "lead": rates["lead"]})
    # a frame speaks where it has a say, the base rate elsewhere
    one = pl.DataFrame({"deal_id": ["H41"], "win_probability": [0.77], "is_base_rate": [False]})
    mixed = targets.coverage_deals(snapshot, "2026-02", probabilities=one)
    assert mixed.filter(~pl.col("is_base_rate")).select("deal_id", "win_probability").rows() == [("H41", 0.77)]


def test_of_a_period_that_is_over_nothing_open_counts(snapshot):
    found = targets.coverage(snapshot, "2025-Q4", probabilities=chances())
    assert found.is_empty()
    later = Book.from_frames(
        targets=pl.DataFrame(
            {
                "version": "v",
                "period": "2026-01",
                "measure": "bookings",
                "unit_id": ["C"],
                "amount": [Decimal(200)],
                "set_at": dt.datetime(2026, 1, 1),
            }
        ),
        org_units=pl.DataFrame({"unit_id": ["C"], "valid_from": ["2024-01-01"]}),
        deals=pl.DataFrame(DEALS, schema_overrides=SCHEMA),
    ).as_of("2026-02-15")
    assert buckets(targets.coverage(later, "2026-01", probabilities=chances()))["C"] == (
        Decimal("120.10"),
        0,
        0,
        Decimal("79.90"),
    )


def test_new_customers_count_once_a_customer(org, staff, plan):
    more = {"is_new_customer": True, "customer_id": "K"}
    rows = [deal("O1", "P1", 10) | more, deal("O2", "P1", 10) | more, deal("O3", "P1", 10, is_new_customer=False)]
    book = Book.from_frames(
        org_units=org({"C": None}),
        reps=staff({"P1": "C"}),
        targets=plan({"C": 5, "P1": 5}, measure="new_customers"),
        deals=pl.DataFrame(rows, schema_overrides=SCHEMA),
    )
    found = targets.coverage(book.as_of("2026-02-15"), "2026-Q1", "new_customers", probabilities=chances(O1=0.25, O2=0.5))
    assert buckets(found)["C"] == (0, 0, Decimal("0.50"), Decimal("4.50"))


def test_a_measure_without_results_has_no_buckets(org, plan):
    book = Book.from_frames(org_units=org({"C": None}), targets=plan({"C": 5}, measure="visits"))
    found = targets.coverage(book.as_of("2026-02-15"), "2026-Q1", "visits")
    assert found.select(BUCKETS).row(0) == (None,) * 4


@pytest.mark.parametrize(
    ("frame", "problem"),
    [
        (pl.DataFrame({"deal_id": ["O1"], "chance": [0.1]}), "no column win_probability"),
        (pl.DataFrame({"deal_id": ["O1"], "win_probability": [1.1]}), "Deal O1 has the probability 1.1"),
        (
            pl.DataFrame({"deal_id": ["O1"], "win_probability": [None]}, schema_overrides={"win_probability": pl.Float64}),
            "Deal O1",
        ),
        (pl.DataFrame({"deal_id": ["O1"], "win_probability": [float("nan")]}), "Deal O1"),
        (pl.DataFrame({"deal_id": ["O1", "O1"], "win_probability": [0.1, 0.2]}), "twice"),
    ],
)
def test_a_frame_that_cannot_be_meant(snapshot, frame, problem):
    with pytest.raises(UsageError, match=problem):
        targets.coverage(snapshot, "2026-Q1", probabilities=frame)


ROWS = st.lists(st.tuples(st.decimals(Decimal("-99999999"), Decimal("9999999999999"), places=2), st.floats(0, 1)), max_size=30)


@given(ROWS)
def test_cents_add_up_to_the_rounded_sum(rows):
    frame = pl.DataFrame(
        {
            "deal_id": [f"D{n:03}" for n in range(len(rows))],
            "value_amount": [amount for amount, _ in rows],
            "win_probability": [p for _, p in rows],
        },
        schema={"deal_id": pl.String, "value_amount": pl.Decimal(38, 2), "win_probability": pl.Float64},
    )
    found = with_expected(frame)
    exact = [amount * Decimal(round(p * 10**9)) / 10**9 for amount, p in rows]
    parts = found["expected_amount"].to_list()
    assert abs(sum(parts, Decimal(0)) - sum(exact, Decimal(0))) <= Decimal("0.005")
    assert all(abs(part - one) < Decimal("0.01") for part, one in zip(parts, exact, strict=True))
    assert with_expected(frame.reverse()).sort("deal_id").equals(found)


def test_the_sample_company_is_covered_to_the_yuan(sample_snapshot):
    snapshot = sample_snapshot.earlier("2026-05-15")
    found = targets.coverage(snapshot, "2026-Q2")
    assert found.height == 39
    total = found.select(pl.sum_horizontal(*BUCKETS).alias("total"), "target_amount")
    assert total.filter(pl.col("total") != pl.col("target_amount")).is_empty()
    done = targets.attainment(snapshot, "2026-Q2").filter(measure="bookings")
    same = found.join(done, on=["unit_id", "rep_id"], nulls_equal=True)
    assert (same["actual_amount"] == same["actual_amount_right"]).all()
