"""Dwell: against a plain loop, against truth in a simulation, and where it must say that it does not know."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
import pytest
from large_company import LargeCompany
from numpy.typing import NDArray
from test_survival import curve_by_a_plain_loop

from salesiq import funnel
from salesiq.book import Book, Snapshot
from salesiq.calendar import Calendar
from salesiq.errors import UsageError
from salesiq.funnel.survival import product_limit as product_limit_of

START = dt.datetime(2025, 1, 1)
SHAPE, MEAN = 0.8, 30.0
SCALE = MEAN / 1.1330030963193471  # Gamma(1 + 1/0.8): the mean of a Weibull of shape 0.8 and scale 1
TRUE_MEDIAN = SCALE * np.log(2) ** (1 / SHAPE)
Floats = NDArray[np.float64]


def company(stays: Floats, entries: Floats, cut: float, **columns: Sequence[str]) -> Snapshot:
    """Deals that enter a stage at `entries` (days) and are lost after `stays`, asked about at `cut`."""
    n = len(stays)
    entered = [START + dt.timedelta(days=float(x)) for x in entries]
    left = [a + dt.timedelta(days=float(x)) for a, x in zip(entered, stays, strict=True)]
    ids = [f"D{i:05d}" for i in range(n)]
    events = pl.DataFrame({"deal_id": ids * 2, "stage": ["lead"] * n + ["lost"] * n, "entered_at": entered + left})
    deals = pl.DataFrame({"deal_id": ids, "created_at": entered, **columns})
    book = Book.from_frames(stage_events=events, deals=deals, exported_at=START + dt.timedelta(days=4000))
    return book.as_of(START + dt.timedelta(days=cut))


def weibull(rng: np.random.Generator, n: int) -> Floats:
    return SCALE * rng.weibull(SHAPE, n)


def product_limit(days: Floats, is_left: NDArray[np.bool_], share: float) -> float | None:
    """Kaplan and Meier by a plain loop: the first day on which at most 1 - share are still there."""
    surviving = 1.0
    for day in sorted(set(days[is_left])):
        surviving *= 1 - np.sum(is_left & (days == day)) / np.sum(days >= day)
        if surviving <= 1 - share + 1e-12:
            return float(day)
    return None


def test_equal_to_a_plain_loop_also_with_ties() -> None:
    rng = np.random.default_rng(3)
    stays, entries = np.ceil(weibull(rng, 300)), np.floor(rng.uniform(0, 80, 300))
    found = funnel.dwell(company(stays, entries, 80.0)).row(0, named=True)
    known = entries <= 80
    is_left = (entries + stays <= 80)[known]
    days = np.where(entries + stays <= 80, stays, 80 - entries)[known]
    expected = [product_limit(days, is_left, share) for share in (0.5, 0.75, 0.9)]
    assert [found[name] for name in ("median_days", "p75_days", "p90_days")] == pytest.approx(expected)
    assert (found["n_visits"], found["n_open"]) == (known.sum(), (~is_left).sum())
    assert found["naive_mean_days"] == pytest.approx(days[is_left].mean())


@pytest.mark.parametrize("cut", [45, 90, 180, 365])
def test_median_within_five_percent_of_truth_and_the_naive_mean_far_from_it(cut: int) -> None:
    rng = np.random.default_rng(cut)
    found = funnel.dwell(company(weibull(rng, 20_000), rng.uniform(0, cut, 20_000), cut)).row(0, named=True)
    assert found["median_days"] == pytest.approx(TRUE_MEDIAN, rel=0.05)
    if cut <= 90:
        assert found["naive_mean_days"] < 0.75 * MEAN


def test_a_quantile_that_is_not_reached_is_null() -> None:
    stays = np.array([2.0, 3.0, 50.0, 50.0, 50.0, 50.0, 50.0])
    found = funnel.dwell(company(stays, np.zeros(7), 10.0)).row(0, named=True)
    assert (found["median_days"], found["p75_days"], found["p90_days"], found["n_open"]) == (None, None, None, 5)
    assert found["median_high_days"] is None
    assert found["naive_mean_days"] == 2.5


def test_where_nothing_has_ended_nothing_is_guessed() -> None:
    found = funnel.dwell(company(np.full(4, 99.0), np.zeros(4), 10.0)).row(0, named=True)
    assert (found["n_visits"], found["n_open"], found["median_days"], found["naive_mean_days"]) == (4, 4, None, None)


def test_groups_add_up_and_keep_their_names() -> None:
    rng = np.random.default_rng(5)
    sources = rng.choice(["web", "referral"], 400).tolist()
    snapshot = company(weibull(rng, 400), rng.uniform(0, 90, 400), 90.0, source=sources)
    found = funnel.dwell(snapshot, by="source")
    assert found["source"].to_list() == ["referral", "web"]
    assert found["n_visits"].sum() == funnel.dwell(snapshot)["n_visits"].item()
    assert funnel.dwell(snapshot, by=["source", "quarter"]).columns[:3] == ["stage", "source", "quarter"]


def test_an_unknown_group_is_answered_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="nearest column is region"):
        funnel.dwell(Book().as_of("2026-01-01"), by="regoin")


def test_groups_of_dwell_are_those_of_every_metric_but_what_became_of_the_deal(sample_snapshot: Any) -> None:
    segments = sample_snapshot.run("base.segments", order=("deal_id",))
    groups = sample_snapshot.run("base.deal_groups", order=("deal_id",))
    assert groups.equals(segments.select(groups.columns))
    assert set(segments.columns) - set(groups.columns) == {"stage", "status"}
    with pytest.raises(UsageError, match="grouped by status"):
        funnel.dwell(sample_snapshot, by="status")


def test_an_empty_book_gives_an_empty_frame_with_every_column() -> None:
    found = funnel.dwell(Book().as_of("2026-01-01"), by="region")
    assert found.height == 0
    assert found.columns[:5] == ["stage", "region", "n_visits", "n_open", "median_days"]


def day(n: float) -> dt.datetime:
    return START + dt.timedelta(days=n)


def test_a_window_counts_waits_from_where_they_come_into_view() -> None:
    rng = np.random.default_rng(8)
    stays, entries = np.ceil(weibull(rng, 400)), np.floor(rng.uniform(0, 200, 400))
    found = funnel.dwell(company(stays, entries, 200.0), window=(day(120), day(180))).row(0, named=True)
    is_in_view = (entries < 180) & (entries + stays > 120)  # who leaves at the very opening was never seen to wait
    entered, stayed = entries[is_in_view], stays[is_in_view]
    is_left = entered + stayed < 180
    length = np.where(is_left, stayed, 180 - entered)
    curve = curve_by_a_plain_loop(np.maximum(120 - entered, 0), length, is_left)
    expected = [next(d for d, s in curve.items() if s < 1 - share - 1e-9) for share in (0.5, 0.75, 0.9)]
    assert [found[name] for name in ("median_days", "p75_days", "p90_days")] == pytest.approx(expected)
    assert (found["n_visits"], found["n_open"]) == (is_in_view.sum(), (~is_left).sum())


def test_a_window_without_left_truncation_would_be_far_off() -> None:
    """The long waits are over-represented among those in view; delayed entry undoes that."""
    rng = np.random.default_rng(21)
    stays, entries = weibull(rng, 20_000), rng.uniform(0, 500, 20_000)
    found = funnel.dwell(company(stays, entries, 500.0), window=(day(440), day(500))).row(0, named=True)
    assert found["median_days"] == pytest.approx(TRUE_MEDIAN, rel=0.05)
    is_in_view = entries + stays >= 440
    is_left = entries + stays < 500
    untruncated = product_limit_of(np.where(is_left, stays, 500 - entries)[is_in_view], is_left[is_in_view])
    assert untruncated["median_days"] == pytest.approx(1.6 * TRUE_MEDIAN, rel=0.1)


def test_a_window_that_covers_everything_changes_nothing() -> None:
    rng = np.random.default_rng(9)
    snapshot = company(weibull(rng, 300), rng.uniform(0, 90, 300), 90.0)
    assert funnel.dwell(snapshot, window=("2024-01-01", "2031-01-01")).equals(funnel.dwell(snapshot))


def test_where_nobody_was_in_view_the_curve_ends() -> None:
    """Four begin in the window and are gone by day 5; two that waited 80 days already say nothing about day 6 to 80."""
    stays, entries = np.array([1.0, 2.0, 3.0, 5.0, 90.0, 95.0]), np.array([100.0] * 4 + [20.0] * 2)
    snapshot = company(stays, entries, 200.0)
    found = funnel.dwell(snapshot, window=(day(100), day(180))).row(0, named=True)
    assert (found["n_visits"], found["n_open"], found["longest_days"]) == (6, 0, 5.0)
    assert (found["median_days"], found["p75_days"], found["p90_days"]) == (3.0, None, None)
    only_old = funnel.dwell(snapshot, window=(day(101), day(180))).row(0, named=True)
    assert (only_old["n_visits"], only_old["median_days"], only_old["mean_days"]) == (5, None, None)


@pytest.mark.parametrize("window", [("2025-03-01", "2025-03-01"), ("2025-06-01", "2025-03-01"), ("2027-01-01", "2027-02-01")])
def test_a_window_that_holds_nothing_is_refused(window: tuple[str, str]) -> None:
    with pytest.raises(UsageError, match="holds nothing"):
        funnel.dwell(company(np.ones(3), np.zeros(3), 90.0), window=window)


def test_working_days_pass_over_nights_and_days_off() -> None:
    """Friday noon to Monday noon is a working day; the week of the spring festival of 2026 is none."""
    moves = [
        ("A", "lead", dt.datetime(2026, 1, 9, 13, 30)),
        ("A", "lost", dt.datetime(2026, 1, 12, 13, 30)),
        ("B", "lead", dt.datetime(2026, 2, 13, 18)),
        ("B", "lost", dt.datetime(2026, 2, 24, 18)),
    ]
    events = pl.DataFrame(moves, schema=["deal_id", "stage", "entered_at"], orient="row")
    snapshot = Book.from_frames(stage_events=events).as_of("2026-03-01")
    assert funnel.dwell(snapshot)["p90_days"].item() == 11.0
    # Saturday the 14th is worked for the festival, and Tuesday the 24th
    assert funnel.dwell(snapshot, unit="working").select("median_days", "p90_days").row(0) == (2.0, 2.0)
    assert funnel.dwell(snapshot, unit="working")["naive_mean_days"].item() == pytest.approx(1.5)
    with pytest.raises(UsageError, match="counted as calendar, working"):
        funnel.dwell(snapshot, unit="lunar")  # type: ignore[arg-type]


def test_working_days_in_a_window_equal_the_calendar_asked_one_by_one() -> None:
    rng = np.random.default_rng(14)
    snapshot = company(weibull(rng, 200), rng.uniform(0, 200, 200), 200.0)
    window = (day(100), day(190))
    found = funnel.dwell(snapshot, window=window, unit="working").row(0, named=True)
    calendar, waits = Calendar.china(), []
    for entered, left in funnel.visits(snapshot).select("entered_at", "left_at").rows():
        until = min(left or window[1], window[1])
        entry = calendar.working_hours_between(entered, max(entered, window[0])) / 9
        length = calendar.working_hours_between(entered, until) / 9
        if entered < window[1] and (left is None or left >= window[0]) and (entry == 0 or length > entry):
            waits.append((entry, length, left is not None and left < window[1]))
    entry_days, days, is_left = (np.array(column) for column in zip(*waits, strict=True))
    curve = curve_by_a_plain_loop(entry_days, days, is_left)
    assert found["n_visits"] == len(waits)
    assert found["median_days"] == pytest.approx(next(d for d, s in curve.items() if s < 0.5 - 1e-9))


def test_some_stages_only() -> None:
    snapshot = company(np.ones(5), np.zeros(5), 90.0)
    assert funnel.dwell(snapshot, stages=["lead"]).height == 1
    assert funnel.dwell(snapshot, stages=[]).is_empty()
    with pytest.raises(UsageError, match="no stage led; the nearest is lead"):
        funnel.dwell(snapshot, stages=["led"])


@pytest.mark.slow
def test_the_large_sample_company_is_within_five_percent(large_company: LargeCompany) -> None:
    for row in funnel.dwell(large_company.snapshot).to_dicts():
        true = large_company.visits.filter(pl.col("stage") == row["stage"])["days"].median()
        assert row["median_days"] == pytest.approx(true, rel=0.05), row["stage"]


def test_the_sample_keeps_its_planted_medians(sample_snapshot: Any, sample_company: Any) -> None:
    found = dict(funnel.dwell(sample_snapshot).select("stage", "median_days").rows())
    truth = {stage: facts["median_days"] for stage, facts in sample_company.truth["dwell"]["stages"].items()}
    assert set(truth) == set(found)
    for stage, median in truth.items():
        assert found[stage] == pytest.approx(median, rel=0.15), stage


@pytest.mark.slow
@pytest.mark.parametrize("cut", [45, 90, 180, 365])
def test_intervals_cover_what_they_say(cut: int) -> None:
    """1,000 companies of 400 deals each: the 95 % interval of the median holds the truth in 93 to 97 % of them."""
    rng = np.random.default_rng(1000 + cut)
    held, medians, n_unreached = 0, [], 0
    for _ in range(1000):
        found = _estimate_of(weibull(rng, 400), rng.uniform(0, cut, 400), cut)
        low, high = found["median_low_days"], found["median_high_days"]
        held += low is not None and low <= TRUE_MEDIAN and (high is None or high >= TRUE_MEDIAN)
        if found["median_days"] is None:
            n_unreached += 1
        else:
            medians.append(found["median_days"])
    assert 930 <= held <= 970, f"{held} of 1000 intervals hold the true median ({n_unreached} medians not reached)"
    assert np.mean(medians) == pytest.approx(TRUE_MEDIAN, rel=0.05)


def _estimate_of(stays: Floats, entries: Floats, cut: float) -> dict[str, Any]:
    # the statistics alone: a thousand books would only measure the database again
    is_left = entries + stays <= cut
    days = np.where(is_left, stays, cut - entries)
    return product_limit_of(days, is_left)


@pytest.mark.slow
def test_intervals_in_a_window_cover_what_they_say() -> None:
    """1,000 companies of 800 deals seen for 60 days: left truncation keeps the level of the median's interval."""
    rng = np.random.default_rng(77)
    held, n = 0, 1000
    for _ in range(n):
        stays, entries = weibull(rng, 800), rng.uniform(0, 400, 800)
        is_in_view = entries + stays > 340
        stays, entries = stays[is_in_view], entries[is_in_view]
        is_left = entries + stays < 400
        found = product_limit_of(np.where(is_left, stays, 400 - entries), is_left, np.maximum(340 - entries, 0))
        low, high = found["median_low_days"], found["median_high_days"]
        held += low is not None and low <= TRUE_MEDIAN and (high is None or high >= TRUE_MEDIAN)
    assert 0.93 <= held / n <= 0.97, held


@pytest.mark.slow
def test_the_interval_of_the_restricted_mean_covers_what_it_says() -> None:
    rng = np.random.default_rng(78)
    held = 0
    for _ in range(1000):
        stays, entries = weibull(rng, 400), rng.uniform(0, 180, 400)
        is_left = entries + stays <= 180
        found = product_limit_of(np.where(is_left, stays, 180 - entries), is_left)
        days = np.linspace(0, float(found["longest_days"] or 0), 4001)
        surviving = np.exp(-((days / SCALE) ** SHAPE))
        true = float(np.sum((surviving[1:] + surviving[:-1]) / 2 * np.diff(days)))
        held += found["mean_low_days"] <= true <= found["mean_high_days"]
    assert 930 <= held <= 970, held
