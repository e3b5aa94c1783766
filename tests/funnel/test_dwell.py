"""Dwell: against a plain loop, against truth in a simulation, and where it must say that it does not know."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from salesiq import funnel
from salesiq.book import Book, Snapshot
from salesiq.errors import UsageError

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


def test_an_empty_book_gives_an_empty_frame_with_every_column() -> None:
    found = funnel.dwell(Book().as_of("2026-01-01"), by="region")
    assert found.height == 0
    assert found.columns[:5] == ["stage", "region", "n_visits", "n_open", "median_days"]


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
    from salesiq.funnel.dwell import _estimate

    is_left = entries + stays <= cut
    days = np.where(is_left, stays, cut - entries)
    return _estimate(days, is_left)
