"""Cash-in: against a law that is known, a plain loop, and the cents that must add up."""

from __future__ import annotations

import datetime as dt

import cash_company
import numpy as np
import polars as pl
import pytest
from cash_company import NOW, START, billed_and_paid_within, make, moment, paid_within
from polars.testing import assert_frame_equal

from salesiq.book import Book, Snapshot
from salesiq.errors import UsageError
from salesiq.forecast import cash_in
from salesiq.forecast.cash_draws import MONTH_STRENGTHS, never_chance
from salesiq.forecast.cash_in import cells, periods
from salesiq.forecast.cash_laws import cash_laws
from salesiq.forecast.cash_paths import OPEN, WON, _start, simulate_cash
from salesiq.forecast.wins import SOURCES, Wins

LAST = START + dt.timedelta(days=NOW)


def wins(path: list[int], day: list[int], cents: list[int], n_paths: int = 400, **source: str | None) -> Wins:
    sources = pl.DataFrame([{name: source.get(name) for name in SOURCES}], schema=SOURCES)
    columns = [np.array(column, dtype=np.int64) for column in (path, day, cents)]
    return Wins(n_paths, *columns, np.zeros(len(path), dtype=np.int64), sources)


def whole(now: Snapshot, days: int, **arguments: object) -> dict[str, float]:
    found = cash_in(now, days, every=None, **arguments)  # type: ignore[arg-type]
    return dict(zip(found["source"].to_list(), found["expected_amount"].cast(pl.Float64).to_list(), strict=True))


@pytest.fixture(scope="module")
def company() -> cash_company.CashCompany:
    return make(1)


@pytest.fixture(scope="module")
def now(company: cash_company.CashCompany) -> Snapshot:
    return company.snapshot()


def test_open_invoices_and_won_deals_bring_what_the_known_law_says() -> None:
    """Pooled over books, whose own estimates err by a few per cent each."""
    days = 40
    told, true = {"open_invoices": 0.0, "won_deals": 0.0}, {"open_invoices": 0.0, "won_deals": 0.0}
    for seed in range(3):
        snapshot = make(20 + seed, n_deals=900).snapshot()
        found = whole(snapshot, days, n_paths=200)
        laws = cash_laws(snapshot)
        true["open_invoices"] += laws.receivables.bills["open_cents"].sum() / 100 * paid_within(days)
        true["won_deals"] += laws.commitments["rest_cents"].sum() / 100 * billed_and_paid_within(days)
        for name in told:
            told[name] += found[name]
    assert told["open_invoices"] == pytest.approx(true["open_invoices"], rel=0.04)
    assert told["won_deals"] == pytest.approx(true["won_deals"], rel=0.06)


def test_wins_to_come_wait_for_invoice_and_payment_from_their_own_day(now: Snapshot) -> None:
    """A win counts from its day, on which it may already be invoiced and paid."""
    made = wins(list(range(400)), [15] * 400, [1_000_000] * 400, customer_id="C99")
    for days in (10, 40, 75):
        left = days - 15 + 1
        true = 10_000 * billed_and_paid_within(left) if left > 0 else 0.0
        assert whole(now, days, wins=made)["future_wins"] == pytest.approx(true, rel=0.12), days


def test_open_invoices_agree_with_a_plain_loop_over_the_law(now: Snapshot) -> None:
    laws = cash_laws(now)
    law = laws.issue.law
    expected = 0.0
    for bill in laws.receivables.bills.filter(pl.col("open_cents") > 0).iter_rows(named=True):
        at = laws.customers[bill["customer_id"]]
        age = (LAST - bill["issued_on"]).days
        factor, never = law.factors[at], law.never_shares[at]
        one = np.array([1.0])
        lost = never_chance(law, 0, never * one, factor * one, np.array([0]), np.array([age]))[0]
        stays = np.exp(-factor * (law.reached(np.array([age + 45])) - law.reached(np.array([age]))))[0]
        expected += bill["open_cents"] / 100 * (1 - lost) * (1 - stays)
    assert whole(now, 45)["open_invoices"] == pytest.approx(expected, rel=0.02)


@pytest.mark.slow
@pytest.mark.parametrize("strength", [None, 8.0])
def test_bands_hold_the_money_that_truly_comes(strength: float | None) -> None:
    """With and without fast and slow months: both what was invoiced before and what was only won."""
    inside = {50: 0, 80: 0, 95: 0}
    n = 40
    for seed in range(n):
        company = make(100 + seed, n_deals=220, month_strength=strength)
        row = cash_in(company.snapshot(), 40, every=None, n_paths=400).row(-1, named=True)
        came = (company.came(40, is_open=True) + company.came(40, is_open=False)) / 100
        for band in inside:
            inside[band] += float(row[f"low_{band}_amount"]) <= came <= float(row[f"high_{band}_amount"])
    assert 0.34 * n <= inside[50] <= 0.66 * n
    assert 0.66 * n <= inside[80] <= 0.93 * n
    assert inside[95] >= 0.85 * n


def test_fast_and_slow_months_are_seen_where_there_are_any() -> None:
    def spread(strength: float | None) -> float:
        odds = cash_laws(make(7, n_deals=800, month_strength=strength).snapshot()).issue.month_odds
        return float((odds / np.sqrt(MONTH_STRENGTHS)).sum())

    assert spread(10.0) == pytest.approx(1 / np.sqrt(10.0), abs=0.12)
    assert spread(None) < 0.1


def test_in_the_long_run_every_open_cent_comes_in_every_path() -> None:
    """Nobody was watched long enough to be called a non-payer: what is open is paid in the end, to the cent."""
    ids = [f"V{n}" for n in range(40)]
    invoices = pl.DataFrame(
        {"invoice_id": ids, "customer_id": ["C1", "C2"] * 20, "issued_on": START, "amount": pl.Series(range(1, 41)) * 1.01}
    )
    paid = [START + dt.timedelta(days=n) for n in range(20)]
    paid_in_full = {"invoice_id": ids[:20], "received_on": paid, "amount": invoices["amount"][:20]}
    receipts = pl.DataFrame({"receipt_no": ids[:20], **paid_in_full})
    snapshot = Book.from_frames(invoices=invoices, receipts=receipts).as_of(START + dt.timedelta(days=20))
    laws = cash_laws(snapshot)
    assert not laws.issue.law.is_watched
    paths = simulate_cash(snapshot, 3660, None, 200, 1)
    sums = np.bincount(paths.flows.path, weights=paths.flows.cents, minlength=200)
    assert set(sums) == {float(laws.receivables.bills["open_cents"].sum())}


def test_groups_and_sources_add_up_to_the_cent_in_every_path_and_in_the_mean(now: Snapshot) -> None:
    made = wins([0, 1, 1, 5], [3, 2, 9, 4], [100_001, 77_777, 50_003, 99_999], 60, rep_id="R9")
    paths = simulate_cash(now, 90, made, 60, 4)
    spans = periods(LAST, 90, "week")
    alone = next(cells(paths, None, spans))
    assert (alone.cents[:-1].sum(axis=0) == alone.cents[-1]).all()
    assert abs(alone.expected - alone.cents.mean(axis=2)).max() <= 1.5  # a mean of the total is a sum of three
    for by in ("customer_id", "rep_id", "unit_id"):
        groups = list(cells(paths, by, spans))
        assert len(groups) > 1
        assert (sum(group.cents for group in groups) == alone.cents).all()
        assert (sum(group.expected for group in groups) == alone.expected).all()


def test_money_counts_for_the_customers_owner_and_without_a_customer_for_the_rep(now: Snapshot) -> None:
    made = wins(list(range(100)) * 2, [1] * 200, [500_000] * 200, 100, rep_id="R3")
    found = cash_in(now, 400, by="unit_id", every=None, wins=made).filter(pl.col("source") == "future_wins")
    assert found.filter(pl.col("expected_amount") > 0)["unit_id"].to_list() == ["U2"]  # R3's unit
    known = wins(list(range(100)), [1] * 100, [500_000] * 100, 100, rep_id="R3", customer_id="C00")
    found = cash_in(now, 400, by="rep_id", every=None, wins=known).filter(pl.col("source") == "future_wins")
    assert found.filter(pl.col("expected_amount") > 0)["rep_id"].to_list() == ["R1"]  # who owns C00


def test_within_a_day_that_day_is_still_to_come(company: cash_company.CashCompany) -> None:
    """At nine a win of day 1 is one of today, at twenty one of tomorrow; both wait from today on, the last day not over."""
    book = Book.from_frames(exported_at=moment(NOW), **company.frames)
    for hour, at in ((9, 1), (20, 2)):
        then = book.as_of(dt.datetime.combine(LAST, dt.time(hour)))
        made = wins(list(range(50)), [1] * 50, [1_000_000] * 50, 50)
        assert cash_in(then, 5, every=None, n_paths=20)["start_on"][0] == LAST
        assert _start(then, cash_laws(then), 5, made).win_start.tolist() == [at] * 50


def test_periods_split_the_horizon_and_their_means_add_up(now: Snapshot) -> None:
    weeks, one = (cash_in(now, 30, every=every, n_paths=200) for every in ("week", None))
    assert weeks["start_on"].min() == LAST + dt.timedelta(days=1)
    assert weeks["end_on"].max() == LAST + dt.timedelta(days=31)
    assert all(day.weekday() == 0 for day in weeks["start_on"].unique().sort()[1:].to_list())
    total = weeks.filter(pl.col("source") == "total")["expected_amount"].cast(pl.Float64).sum()
    assert total == pytest.approx(float(one["expected_amount"][-1]), abs=0.1)


def test_what_is_known_later_moves_nothing(company: cash_company.CashCompany, now: Snapshot) -> None:
    """The whole future of the company is loaded too, and changed: the forecast of the earlier moment stays to the bit."""
    later = make(1, until=NOW + 300).frames
    changed = dict(later)
    is_later = pl.col("received_on") > LAST
    changed["receipts"] = later["receipts"].with_columns(pl.when(is_later).then(pl.col("amount") * 3).otherwise("amount"))
    changed["invoices"] = later["invoices"].filter((pl.col("issued_on") <= LAST) | (pl.col("invoice_id") > "V00500"))
    assert later["receipts"].height > company.frames["receipts"].height
    first = cash_in(now, 60, by="customer_id", n_paths=80)
    for frames in (later, changed):
        book = Book.from_frames(exported_at=moment(NOW + 300), **frames)
        assert_frame_equal(first, cash_in(book.as_of(moment(NOW)), 60, by="customer_id", n_paths=80), check_exact=True)


def test_the_same_seed_gives_the_same_and_another_another(now: Snapshot, company: cash_company.CashCompany) -> None:
    first, again, other = cash_in(now, n_paths=50), cash_in(company.snapshot(), n_paths=50), cash_in(now, n_paths=50, seed=5)
    assert_frame_equal(first, again, check_exact=True)
    assert first["low_80_amount"].to_list() != other["low_80_amount"].to_list()


def test_invoices_alone_tell_of_open_invoices_only(company: cash_company.CashCompany) -> None:
    frames = {name: company.frames[name] for name in ("invoices", "receipts")}
    alone = Book.from_frames(**frames).as_of(moment(NOW))
    found = cash_in(alone, every=None, n_paths=100, wins=wins([0], [1], [100]))
    assert found["source"].to_list() == ["open_invoices", "total"]
    assert found["expected_amount"][0] > 0


def test_without_a_payment_nothing_is_said(company: cash_company.CashCompany) -> None:
    assert cash_in(Book.from_frames().as_of(moment(NOW))).is_empty()
    unpaid = Book.from_frames(invoices=company.frames["invoices"]).as_of(moment(NOW))
    found = cash_in(unpaid, by="unit_id")
    assert found.is_empty()
    assert found.columns[0] == "unit_id"


def test_a_signed_contract_stands_for_the_win_of_its_open_deal(company: cash_company.CashCompany) -> None:
    deals = pl.concat(
        [
            company.frames["deals"],
            pl.DataFrame({"deal_id": ["X1"], "customer_id": ["C00"], "status": ["open"]}),
        ],
        how="diagonal",
    )
    signed = {"contract_id": ["H1"], "deal_id": ["X1"], "customer_id": ["C00"], "signed_on": [LAST], "amount": [10_000]}
    book = Book.from_frames(exported_at=moment(NOW), **{**company.frames, "deals": deals, "contracts": pl.DataFrame(signed)})
    signed_now = book.as_of(moment(NOW))
    row = cash_laws(signed_now).commitments.filter(pl.col("commitment_id") == "H1").row(0, named=True)
    assert (row["kind"], row["rest_cents"], row["age_days"]) == ("contract", 1_000_000, 0)
    made = wins(list(range(50)), [1] * 50, [1_000_000] * 50, 50, deal_id="X1", customer_id="C00")
    assert whole(signed_now, 400, wins=made)["future_wins"] == 0
    assert whole(company.snapshot(), 400, wins=made)["future_wins"] > 8_000


def test_part_payments_and_partly_invoiced_deals_leave_their_rest(company: cash_company.CashCompany) -> None:
    frames = dict(company.frames)
    billed = frames["invoices"].join(frames["orders"].select("order_id", "deal_id"), on="order_id")
    laws = cash_laws(company.snapshot())
    rest = laws.commitments.filter(pl.col("n_bills") == 1)
    assert rest.height > 0
    for row in rest.iter_rows(named=True):
        assert row["rest_cents"] == row["cents"] - int(billed.filter(pl.col("deal_id") == row["deal_id"])["amount"].sum() * 100)
    assert set(laws.n_parts.tolist()) <= {1, 2}
    paths = simulate_cash(company.snapshot(), 3000, None, 80, 2)
    for source, most in ((OPEN, laws.receivables.bills["open_cents"].sum()), (WON, laws.commitments["rest_cents"].sum())):
        mine = paths.flows.source == source
        sums = np.bincount(paths.flows.path[mine], weights=paths.flows.cents[mine], minlength=80)
        assert sums.max() <= most
        assert sums.mean() > 0.9 * most


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"days": 0}, "number of days"),
        ({"by": "region"}, "Allowed: customer_id, rep_id, unit_id"),
        ({"every": "day"}, "Allowed: week, month"),
        ({"n_paths": 0}, "at least 1"),
    ],
)
def test_wrong_words_are_refused(now: Snapshot, arguments: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        cash_in(now, **arguments)  # type: ignore[arg-type]
