"""Bookings: exact sums over the tree, baselines made by hand, and bands that cover what they say."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from steady_company import END, EXPORTS, steady_book, steady_frames

from salesiq import forecast
from salesiq.book import Book, Snapshot
from salesiq.errors import UsageError
from salesiq.forecast.bookings import booking_paths
from salesiq.forecast.bookings_nodes import whole_means
from salesiq.forecast.bookings_window import BookingWindow
from salesiq.forecast.spread import crps, normal_crps, quantiles

D = dt.datetime
SUMS = ("booked_amount", "open_amount", "new_amount", "expected_amount")


@pytest.fixture(scope="module")
def steady() -> Book:
    return steady_book(steady_frames())


@pytest.fixture(scope="module")
def now(steady: Book) -> Snapshot:
    return steady.as_of(END)


@pytest.fixture(scope="module")
def model(now: Snapshot) -> forecast.WinModel:
    return forecast.win_model(now)


def told(now: Snapshot, model: forecast.WinModel, by: str | None) -> pl.DataFrame:
    return forecast.bookings(now, "2026-Q2", by=by, model=model, n_paths=300)


def test_everything_adds_up_over_the_tree_to_the_cent(now: Snapshot, model: forecast.WinModel) -> None:
    whole = told(now, model, None)
    units = told(now, model, "unit")
    assert units["unit_id"].to_list() == ["ALL", "N", "S", "N1", "N2", "S1"]
    assert units["parent_unit_id"].to_list() == [None, "ALL", "ALL", "N", "N", "S"]
    for name in (*SUMS, "run_rate_amount", "stage_weighted_amount"):
        value = dict(zip(units["unit_id"], units[name], strict=True))
        slack = Decimal("0.03") if name in {"run_rate_amount", "stage_weighted_amount"} else Decimal(0)
        assert abs(value["N1"] + value["N2"] - value["N"]) <= slack
        assert abs(value["N"] + value["S"] - value["ALL"]) <= slack
        assert abs(value["ALL"] - whole[name].item()) <= slack
    for by in ("rep_id", "product_line"):
        parts = told(now, model, by)
        assert [parts[name].sum() for name in SUMS] == [whole[name].item() for name in SUMS]
    row = units.row(0, named=True)
    assert row["expected_amount"] == row["booked_amount"] + row["open_amount"] + row["new_amount"]


def test_every_path_adds_up(now: Snapshot, model: forecast.WinModel) -> None:
    window = BookingWindow.of(now.as_of, None, None, 60)
    paths = booking_paths(now, window, "unit_id", model, 200, 1)
    of_unit = dict(zip(paths.nodes.frame["unit_id"], paths.cents, strict=True))
    assert (of_unit["N1"] + of_unit["N2"] == of_unit["N"]).all()
    assert (of_unit["N"] + of_unit["S"] == of_unit["ALL"]).all()
    wins = forecast.simulate_wins(now, 60, model=model, n_paths=200, seed=1)
    assert (np.bincount(wins.path, weights=wins.cents, minlength=200).astype(np.int64) == of_unit["ALL"]).all()


def test_booked_is_what_was_won_in_the_period(now: Snapshot, model: forecast.WinModel) -> None:
    won = now.sql(
        "SELECT sum(amount) AS amount, count(*) AS n FROM base.deals(as_of := $as_of) "
        "WHERE status = 'won' AND closed_at >= DATE '2026-04-01'"
    ).row(0)
    found = told(now, model, None).row(0, named=True)
    assert (found["booked_amount"], found["n_booked"]) == won
    assert found["n_booked"] > 0


def test_bands_lie_in_one_another_and_above_what_is_booked(now: Snapshot, model: forecast.WinModel) -> None:
    for row in told(now, model, "unit_id").rows(named=True):
        edges = ["booked", "low_95", "low_80", "low_50", "median", "high_50", "high_80", "high_95"]
        values = [row[f"{name}_amount"] for name in edges]
        assert values == sorted(values)
        assert row["low_80_amount"] < row["expected_amount"] < row["high_80_amount"]
        assert row["n_low_80"] <= row["n_expected"] <= row["n_high_80"]


def test_a_period_that_is_over_has_only_what_was_booked(now: Snapshot) -> None:
    found = forecast.bookings(now, "2025-Q4").row(0, named=True)
    assert found["expected_amount"] == found["booked_amount"] == found["low_95_amount"] == found["high_95_amount"]
    assert found["booked_amount"] > 0
    assert found["new_amount"] == 0


def test_a_later_period_begins_later(now: Snapshot, model: forecast.WinModel) -> None:
    """What is won before a period begins is no part of it: two halves are as much as the whole."""
    window = [
        BookingWindow(*days, "")
        for days in ((D(2026, 5, 1).date(), D(2026, 6, 1).date()), (D(2026, 6, 1).date(), D(2026, 7, 1).date()))
    ]
    first, second = (booking_paths(now, each, None, model, 400, 1) for each in window)
    assert first.booked == 0
    whole = booking_paths(now, BookingWindow(D(2026, 5, 1).date(), D(2026, 7, 1).date(), ""), None, model, 400, 1)
    assert (first.counts.mean() + second.counts.mean()) == pytest.approx(whole.counts.mean(), rel=0.03)


def hand_made() -> Snapshot:
    """Four closed deals, two open ones, calls of a rep; the book reaches back before the last year's quarter."""
    deals = pl.DataFrame(
        {
            "deal_id": ["A", "B", "C", "D", "E", "F"],
            "owner_id": ["R1", "R1", "R1", "R1", "R1", "R2"],
            "amount": [100, 200, 400, 800, 1000, 3000],
            "created_at": [D(2025, 1, 2), D(2025, 3, 1), D(2026, 1, 5), D(2026, 1, 6), D(2026, 3, 1), D(2026, 3, 2)],
            "status": ["won", "lost", "won", "lost", "open", "open"],
            "closed_at": [D(2025, 5, 5), D(2025, 6, 1), D(2026, 4, 3), D(2026, 3, 3), None, None],
            "expected_close_on": [None, None, None, None, dt.date(2026, 6, 1), dt.date(2026, 8, 1)],
        }
    )
    events = pl.DataFrame(
        {
            "deal_id": ["A", "B", "C", "D", "E", "F", "C"],
            "stage": ["talks"] * 6 + ["quote"],
            "entered_at": [*deals["created_at"].to_list(), D(2026, 2, 1)],
        }
    )
    calls = pl.DataFrame(
        {
            "rep_id": ["R1", "R1", "R2"],
            "deal_id": ["E", "E", "F"],
            "period": ["2026-Q2"] * 3,
            "called_at": [D(2026, 4, 1), D(2026, 4, 8), D(2026, 4, 8)],
            "category": ["pipeline", "commit", "best_case"],
            "amount": [1000, 900, 3000],
        }
    )
    return Book.from_frames(deals=deals, stage_events=events, forecast_calls=calls).as_of("2026-04-20")


def test_baselines_by_hand() -> None:
    found = forecast.bookings(hand_made(), "2026-Q2").row(0, named=True)
    assert found["is_base_rate"]
    assert found["booked_amount"] == 400
    assert found["last_year_amount"] == 100
    # 400 in the 91 days to 20 April, 71 days are left
    assert found["run_rate_amount"] == 400 + round(Decimal(400) * 71 / 91, 2)
    # F is expected after the quarter; two of four closed deals that had talks were won
    assert found["stage_weighted_amount"] == 400 + 500
    assert found["stage_weighted_high_80_amount"] == pytest.approx(Decimal(400 + 500 + 1.28155 * 500), abs=Decimal("0.01"))
    assert found["commit_amount"] == 900


def test_what_no_baseline_knows_is_null() -> None:
    found = forecast.bookings(hand_made(), "2026-Q3").row(0, named=True)
    assert found["commit_amount"] is None
    early = forecast.bookings(hand_made().earlier("2025-06-30"), "2025-Q3").row(0, named=True)
    assert early["last_year_amount"] is None


def test_an_empty_book_has_an_empty_forecast() -> None:
    found = forecast.bookings(Book.from_frames().as_of("2026-04-20"), days=30, n_paths=10).row(0, named=True)
    assert (found["expected_amount"], found["n_expected"], found["period"]) == (0, 0, "2026-04-21/2026-05-21")
    assert forecast.bookings(Book.from_frames().as_of("2026-04-20"), by="unit_id", n_paths=10)["expected_amount"].to_list() == [
        0
    ]


def test_deals_without_an_owner_stand_in_the_last_row() -> None:
    deals = pl.DataFrame(
        {"deal_id": ["A", "B"], "owner_id": ["R1", None], "amount": [1, 2], "created_at": [D(2026, 4, 1)] * 2,
         "status": ["won"] * 2, "closed_at": [D(2026, 4, 2)] * 2}
    )  # fmt: skip
    found = forecast.bookings(Book.from_frames(deals=deals).as_of("2026-04-20"), by="rep_id", n_paths=10)
    assert found.select("rep_id", "booked_amount").rows() == [("R1", 1), (None, 2)]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"by": "unti_id"}, "nearest column is unit_id"),
        ({"period": "2026-Q2", "days": 9}, "one of period, until and days"),
        ({"until": "2026-04-20"}, "not after 2026-04-20"),
        ({"until": "soon"}, "soon"),
        ({"days": 0}, "whole number from 1"),
        ({"period": "Q9"}, "Q9"),
    ],
)
def test_what_cannot_be_told_is_refused(arguments: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        forecast.bookings(Book.from_frames().as_of("2026-04-20"), **arguments)  # type: ignore[arg-type]


def test_until_is_the_last_day(now: Snapshot, model: forecast.WinModel) -> None:
    zero = (END + dt.timedelta(hours=12)).date() - dt.timedelta(days=1)
    by_until = forecast.bookings(now, until=zero + dt.timedelta(days=10), model=model, n_paths=50)
    assert by_until.equals(forecast.bookings(now, days=10, model=model, n_paths=50))


@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=9), st.integers(1, 3000))
def test_whole_means_add_up(totals: list[int], n_paths: int) -> None:
    found = whole_means(np.array(totals), n_paths)
    assert abs(int(found.sum()) * n_paths - sum(totals)) * 2 <= n_paths
    assert all(abs(int(one) * n_paths - total) < n_paths for one, total in zip(found, totals, strict=True))


def test_scores_against_the_closed_form() -> None:
    sample = np.random.default_rng(1).normal(3, 2, 20_000)
    for actual in (-1.0, 3.0, 6.5):
        assert crps(sample, actual) == pytest.approx(normal_crps(3, 2, actual), abs=0.03)
    pairs = np.abs(sample[:300, None] - sample[None, :300]).mean()
    assert crps(sample[:300], 2.0) == pytest.approx(np.abs(sample[:300] - 2.0).mean() - pairs / 2)
    assert quantiles(np.array([[5, 1, 9, 7, 3]]))["median"].tolist() == [5]


def test_backtest_says_what_was_said(steady: Book) -> None:
    """One moment, told by hand: the same simulation at that moment, and what the book knows now."""
    moment = EXPORTS[5]
    model = forecast.WinModel().fit(steady.as_of(moment))
    found = forecast.bookings_backtest(steady, [moment], days=60, model=model, n_paths=200)
    said = forecast.bookings(steady.as_of(moment), days=60, model=model, n_paths=200).row(0, named=True)
    row = found.row(by_predicate=(pl.col("method") == "simulated") & (pl.col("measure") == "amount"), named=True)
    assert row["low_80"] == float(said["low_80_amount"])
    assert row["high_95"] == float(said["high_95_amount"])
    first, last = moment, moment + dt.timedelta(days=60)
    came = steady_frames().filter(pl.col("closed_at").is_between(first, last, "left") & (pl.col("outcome") == "won"))
    assert row["actual"] == (came["amount"] * 11 // 10).sum()
    assert found.filter(measure="n_won")["actual"].item() == came.height
    assert not row["is_amount_hindsight"]
    assert set(found["method"]) == {"simulated", "stage_weighted", "run_rate", "last_year"}
    scores = forecast.bookings_scores(found).filter(measure="amount", method="simulated").row(0, named=True)
    assert scores["coverage_80"] == float(row["low_80"] <= row["actual"] <= row["high_80"])
    assert scores["mean_crps"] == pytest.approx(row["crps"])
    assert scores["mean_width_80"] == pytest.approx(row["high_80"] - row["low_80"])


def test_backtest_refuses_what_is_not_over_and_who_knows(steady: Book, model: forecast.WinModel) -> None:
    with pytest.raises(UsageError, match="are not over"):
        forecast.bookings_backtest(steady, [EXPORTS[-2]], days=60)
    with pytest.raises(UsageError, match="has seen what it would have to foretell"):
        forecast.bookings_backtest(steady, [EXPORTS[5]], days=60, model=model)


def test_needed_width_is_the_one_that_would_have_covered() -> None:
    """Ten forecasts of 100 ± 10, missed by 0, 4 ... 36: eight of ten lie within 28, nine within 32."""
    edges = {f"{side}_{band}": 100.0 + sign * 10 for band in (50, 80, 95) for side, sign in (("low", -1), ("high", 1))}
    facts = {"measure": "amount", "method": "m", "expected": 100.0, "crps": 1.0, "pinball": 1.0}
    rows = pl.DataFrame({"actual": [100.0 + 4 * k for k in range(10)]} | facts | edges)
    found = forecast.bookings_scores(rows).row(0, named=True)
    assert found["coverage_80"] == 0.3
    assert found["needed_width_80"] == pytest.approx(20 * 3.2)  # the nearest that covers at least eight of ten
    assert found["mean_error"] == pytest.approx(-18)


@pytest.mark.slow
def test_bands_cover_what_they_say() -> None:
    """Companies of a known law, several moments, by rep: independent enough that coverage means something.

    Here deals truly are independent, and the bands cannot know it: the common luck that they lean on makes them cover more.
    """
    rows = []
    for seed in (21, 22, 23):
        book = steady_book(steady_frames(seed=seed))
        model = forecast.WinModel().fit(book.as_of(EXPORTS[4]))
        for by in (None, "rep_id"):
            found = forecast.bookings_backtest(book, [EXPORTS[4], EXPORTS[6], EXPORTS[8]], days=45, by=by, model=model)
            rows.append(
                found.select("measure", "method", "actual", "expected", pl.selectors.matches("^(low|high)_"), "crps", "pinball")
            )
    scores = forecast.bookings_scores(pl.concat(rows)).filter(method="simulated")
    for row in scores.rows(named=True):
        assert row["n"] == 3 * 3 * 7
        assert 0.75 < row["coverage_80"] < 0.97
        assert 0.42 < row["coverage_50"] < 0.78
        assert row["coverage_95"] > 0.88
