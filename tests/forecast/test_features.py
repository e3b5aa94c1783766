"""Features: against values counted by hand, and blind to what was only known later."""

from __future__ import annotations

import datetime as dt

import polars as pl
import pytest

from salesiq import forecast
from salesiq.book import Book
from salesiq.errors import UsageError
from salesiq.forecast.features import READS

DAY = dt.timedelta(days=1)
NOW = dt.datetime(2026, 3, 1)
LATER_ONLY = ("amount", "tier", "is_new_customer", "source", "product_line", "days_to_expected_close")


def book(exported_at: dt.datetime = NOW + 30 * DAY) -> Book:
    deals = pl.DataFrame(
        {
            "deal_id": ["D1", "D2", "D3"],
            "customer_id": ["C1", "C1", "C1"],
            "owner_id": ["R9", "R9", "R9"],
            "amount": [500, 600, 700],
            "source": ["fair", "fair", "fair"],
            "expected_close_on": [dt.date(2026, 3, 11)] * 3,
            "created_at": [NOW - 40 * DAY, NOW - 90 * DAY, NOW - 80 * DAY],
            "status": ["open", "won", "lost"],
            "closed_at": [None, NOW - 20 * DAY, NOW + 5 * DAY],
        }
    )
    events = pl.DataFrame(
        [("D1", "lead", 40), ("D1", "proposal", 30), ("D1", "lead", 25), ("D1", "proposal", 12)],
        schema=["deal_id", "stage", "days"],
        orient="row",
    ).select("deal_id", "stage", entered_at=NOW - pl.col("days") * pl.duration(days=1))
    acts = [
        ("A1", "D1", 35, "outbound", "pain", "fit", "call", None),
        ("A2", "D1", 20, "inbound", "pain", None, None, None),
        ("A3", "D1", 10, "inbound", "pain", "fit", "call", NOW - 2 * DAY),
        ("A4", "D2", 30, "outbound", None, None, None, None),
    ]
    activities = pl.DataFrame(
        [(a, d, "R1", NOW - n * DAY, way, pain, fit, step, due) for a, d, n, way, pain, fit, step, due in acts],
        schema={
            "activity_id": pl.String, "deal_id": pl.String, "rep_id": pl.String, "occurred_at": pl.Datetime("us"),
            "direction": pl.String, "pain_point": pl.String, "solution_fit": pl.String, "next_step": pl.String,
            "next_step_due_at": pl.Datetime("us"),
        },
        orient="row",
    )  # fmt: skip
    documents = pl.DataFrame(
        {"document_id": ["P1", "P2"], "deal_id": ["D1", "D1"], "sent_at": [NOW - 9 * DAY, NOW - 3 * DAY],
         "opened_at": [NOW - 8 * DAY, NOW + DAY]}
    )  # fmt: skip
    customers = pl.DataFrame({"customer_id": ["C1"], "tier": ["A"], "created_at": [NOW - 900 * DAY]})
    return Book.from_frames(
        deals=deals,
        stage_events=events,
        activities=activities,
        documents=documents,
        customers=customers,
        exported_at=exported_at,
    )


def test_counted_by_hand() -> None:
    found = forecast.features(book().as_of(NOW))
    assert found["deal_id"].to_list() == ["D1", "D3"]
    assert found["days_since_activity"].to_list()[1] is None  # never is no number of days
    row = found.row(0, named=True)
    assert row["age_days"] == pytest.approx(40)
    assert row["stage_days"] == pytest.approx(12)
    assert (row["stage"], row["n_visits"], row["n_moves_back"]) == ("proposal", 4, 1)
    assert (row["n_activities_14"], row["n_activities_30"], row["n_activities_90"], row["n_activities"]) == (1, 2, 3, 3)
    assert (row["n_inbound_14"], row["n_inbound_30"], row["n_inbound"]) == (1, 2, 2)
    assert (row["days_since_activity"], row["days_since_inbound"]) == (pytest.approx(10), pytest.approx(10))
    assert (row["n_documents"], row["n_documents_opened"], row["is_newest_opened"]) == (2, 1, False)
    # pain and fit; pain; all three
    assert row["complete_share"] == pytest.approx((2 + 1 + 3) / 9)
    assert (row["is_next_step_ahead"], row["is_next_step_overdue"]) == (False, True)
    assert row["days_to_quarter_end"] == 31
    # one deal closed, won, by the rep of its newest activity: (1 + 10 x 1) / (1 + 10)
    assert (row["rep_id"], row["rep_win_share"], row["everybody_win_share"]) == ("R1", pytest.approx(1.0), 1.0)


def test_attributes_known_only_later_are_null_and_known_ones_are_not() -> None:
    before = forecast.features(book().as_of(NOW)).row(0, named=True)
    assert [before[name] for name in LATER_ONLY] == [None] * len(LATER_ONLY)
    after = forecast.features(book(exported_at=NOW).as_of(NOW)).row(0, named=True)
    assert (float(after["amount"]), after["tier"], after["source"], after["days_to_expected_close"]) == (500.0, "A", "fair", 10)
    assert after["rep_id"] == "R9"


def test_a_sample_keeps_whole_deals(known_book: Book) -> None:
    now = known_book.as_of("2026-01-01")
    # what compares a deal with others is estimated on those that came along
    shares = pl.selectors.matches("_win_share(_90)?$") | pl.selectors.by_name("stage_rank")
    everything = forecast.features(now).drop(shares)
    sampled = forecast.features(now.sample(3, READS)).drop(shares)
    assert 0 < sampled.height < everything.height
    assert sampled.equals(everything.filter(pl.col("deal_id").is_in(sampled["deal_id"].implode())))


def _told(exported_at: dt.datetime, amount: int, close_on: dt.date) -> tuple[dt.datetime, pl.DataFrame]:
    deal = {"deal_id": ["D1"], "customer_id": ["C1"], "amount": [amount], "expected_close_on": [close_on], "status": ["open"]}
    return exported_at, pl.DataFrame(deal).with_columns(created_at=pl.lit(NOW - 40 * DAY))


def history() -> Book:
    """One deal told by four exports, the last of them after NOW; its customer in ERP and finance."""
    found = Book()
    exports = [
        _told(NOW - 30 * DAY, 100, dt.date(2026, 3, 1)),
        _told(NOW - 20 * DAY, 100, dt.date(2026, 3, 11)),
        _told(NOW - 10 * DAY, 200, dt.date(2026, 3, 6)),
        _told(NOW + 10 * DAY, 900, dt.date(2026, 9, 1)),
    ]
    orders = {"order_id": ["O1", "O2", "O3", "O4"], "customer_id": ["C1"] * 4, "amount": [5, 5, -5, 5]}
    ordered = [NOW - 400 * DAY, NOW - 50 * DAY, NOW - 40 * DAY, NOW + 2 * DAY]
    invoices = {"invoice_id": ["I1", "I2", "I3"], "customer_id": ["C1"] * 3, "amount": [10, 10, 10]}
    issued = [dt.date(2026, 1, 1)] * 3
    due = [dt.date(2026, 1, 31), dt.date(2026, 2, 10), dt.date(2026, 5, 1)]
    receipts = {"receipt_no": ["P1", "P2"], "invoice_id": ["I1", "I2"], "customer_id": ["C1"] * 2, "amount": [10, 4]}
    received = [dt.date(2026, 2, 6), dt.date(2026, 2, 6)]
    ratings = {"customer_id": ["C1", "C1"], "rated_on": [dt.date(2025, 1, 1), dt.date(2026, 1, 1)], "rating": ["AA", "A"]}
    with found.write() as writer:
        for n, (exported_at, deals) in enumerate(exports):
            writer.merge("deals", deals, load_id=f"L{n}", exported_at=exported_at)
        known = {"load_id": "L9", "exported_at": NOW - 10 * DAY}
        writer.merge("orders", pl.DataFrame(orders).with_columns(ordered_at=pl.Series(ordered)), **known)
        dates = {"issued_on": issued, "due_on": due}
        writer.merge("invoices", pl.DataFrame(invoices).with_columns(**{k: pl.Series(v) for k, v in dates.items()}), **known)
        writer.merge("receipts", pl.DataFrame(receipts).with_columns(received_on=pl.Series(received)), **known)
        writer.merge("credit_ratings", pl.DataFrame(ratings), **known)
    return found


def test_what_earlier_exports_told_is_counted_and_later_ones_are_not() -> None:
    row = history().as_of(NOW).run("forecast.features").row(0, named=True)
    assert (row["n_pushes"], row["push_days"]) == (1, 10)  # brought forward later: no push, and takes none back
    assert (row["n_amount_changes"], row["amount_growth"]) == (1, pytest.approx(0.6931, abs=1e-4))
    assert (float(row["amount"]), row["days_to_expected_close"]) == (200.0, 5)


def test_the_customer_in_erp_and_finance() -> None:
    row = history().as_of(NOW).run("forecast.features").row(0, named=True)
    assert (row["customer_n_orders_365"], row["customer_days_since_order"]) == (1, pytest.approx(50))  # a return is no order
    assert row["customer_n_overdue_invoices"] == 1  # I2 is paid in part; I3 is not due
    assert row["customer_paid_late_days"] == pytest.approx(6)
    assert row["is_customer_downgraded"] is True


def test_the_rhythm_of_contact_and_next_steps_kept() -> None:
    row = forecast.features(book().as_of(NOW)).row(0, named=True)
    # contact 35, 20 and 10 days ago: gaps of 15 and 10 days
    assert row["gap_ratio"] == pytest.approx(10 / 12.5)
    assert row["gap_spread"] == pytest.approx(2.5 / 12.5)
    assert row["n_unanswered"] == 0
    assert (row["n_steps_due"], row["kept_share"]) == (1, 0.0)
    # 20 and 10 days ago the customer called, 8 days ago a document was opened
    assert (row["n_evidence_30"], row["days_since_evidence"], row["is_stage_evidenced"]) == (3, pytest.approx(8), True)
    # stays of 10, 5 and 13 days are over; of proposal the one of 5 days, and this one is 12 days old
    assert row["stage_rank"] == 1.0


def test_who_lost_touch_of_late_is_seen() -> None:
    """Two regions of one rep each: the first won 12 of 12 long ago and lost 6 of late, the second won 3 of 9 of late."""
    n_of = {("R1", "won", 200): 12, ("R1", "lost", 30): 6, ("R2", "won", 89): 3, ("R2", "lost", 10): 6, ("R1", "open", 0): 1}
    rows = [(*key, n) for key, n_each in n_of.items() for n in range(n_each)]
    deals = pl.DataFrame(
        {
            "deal_id": [f"{rep}{status}{days}-{n}" for rep, status, days, n in rows],
            "customer_id": [rep.replace("R", "C") for rep, *_ in rows],
            "owner_id": [rep for rep, *_ in rows],
            "created_at": [NOW - 300 * DAY] * len(rows),
            "status": [status for _, status, *_ in rows],
            "closed_at": [NOW - days * DAY if days else None for _, _, days, _ in rows],
        }
    )
    known = {"load_id": "L", "exported_at": NOW}
    found = Book()
    helped = {"intervention_id": ["I1", "I2", "I3"], "deal_id": ["R1open0-0"] * 3}
    started = [NOW - 60 * DAY, NOW - 2 * DAY, NOW + DAY]
    with found.write() as writer:
        writer.merge("deals", deals, **known)
        writer.merge("customers", pl.DataFrame({"customer_id": ["C1", "C2"], "region": ["north", "south"]}), **known)
        writer.merge("interventions", pl.DataFrame(helped).with_columns(started_at=pl.Series(started)), **known)
    row = found.as_of(NOW).run("forecast.features").row(0, named=True)
    everybody = (3 + 10 * 15 / 27) / (15 + 10)
    north = 10 * everybody / (6 + 10)
    assert row["everybody_win_share_90"] == pytest.approx(everybody)
    assert row["region_win_share_90"] == pytest.approx(north)
    assert row["rep_win_share_90"] == pytest.approx(10 * north / (6 + 10))
    assert row["n_interventions"] == 2


def test_extra_features_are_joined_and_checked() -> None:
    now = book().as_of(NOW)
    query = "SELECT deal_id, count(*) AS n_records FROM base.activities(as_of := $as_of) GROUP BY deal_id"
    assert forecast.features(now, query)["n_records"].to_list() == [3.0, None]
    hot = pl.DataFrame({"deal_id": ["D3"], "is_hot": [True]})
    assert forecast.features(now, [lambda _: hot])["is_hot"].to_list() == [None, True]
    wrong = {
        "no text column deal_id": pl.DataFrame({"deal": ["D1"]}),
        "D1": pl.DataFrame({"deal_id": ["D1", "D1"], "x": [1, 2]}),
        "amount": pl.DataFrame({"deal_id": ["D1"], "amount": [1]}),
        "label": pl.DataFrame({"deal_id": ["D1"], "label": [1]}),
        "Date": pl.DataFrame({"deal_id": ["D1"], "when": [NOW.date()]}),
    }
    for told, frame in wrong.items():
        with pytest.raises(UsageError, match=told):
            forecast.features(now, lambda _, frame=frame: frame)
