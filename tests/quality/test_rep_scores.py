"""Rep scores: what is counted, and that shrinking helps and its intervals hold what they promise."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest
from quality_records import AS_OF, VISIT, snapshot

from salesiq import quality
from salesiq.book import Book
from salesiq.errors import UsageError
from salesiq.quality.rep_scores import shrink

LATE = {"recorded_at": VISIT + dt.timedelta(hours=40)}
BARE = {"pain_point": None, "solution_fit": None, "next_step": None, "customer_words": None}


def test_counts_and_means_by_hand():
    records = [{}, {}, LATE | BARE, {"rep_id": "R2"} | BARE, {"rep_id": "R2", "pain_point": "无"}, {"rep_id": None} | BARE]
    reps = pl.DataFrame({"rep_id": ["R1"], "name": ["王芳"]})
    found = quality.rep_scores(snapshot(*records, reps=reps)).sort("rep_id")
    wanted = ["rep_id", "rep_name", "n_records", "timely_share", "complete_share", "verifiable_share"]
    assert found.select(wanted).rows() == [("R1", "王芳", 3, 2 / 3, 2 / 3, 2 / 3), ("R2", None, 2, 1.0, 0.0, 0.5)]
    assert found["mean_score"].to_list() == pytest.approx([200 / 3, 60.0])
    assert (found["low"] <= found["shrunk_score"]).all()
    assert (found["shrunk_score"] <= found["high"]).all()


def test_scores_are_drawn_to_the_company_and_lone_records_most():
    many = (
        [{"rep_id": "R1"} | BARE] * 30
        + [{"rep_id": "R2"}] * 30
        + [{"rep_id": "R3", "pain_point": None}, {"rep_id": "R4"} | BARE]
    )
    found = quality.rep_scores(snapshot(*many, *[{"rep_id": "R1"}, {"rep_id": "R2"} | BARE] * 8)).sort("rep_id")
    company = found["company_score"][0]
    drawn = ((found["mean_score"] - found["shrunk_score"]) / (found["mean_score"] - company)).to_list()
    assert all(0 < part < 1 for part in drawn)
    assert min(drawn[2:]) > 5 * max(drawn[:2])


def test_a_record_counts_when_it_is_entered():
    entered = {"occurred_at": dt.datetime(2026, 1, 1, 9), "recorded_at": dt.datetime(2026, 3, 7, 9)}
    old = {"occurred_at": dt.datetime(2026, 1, 1, 9), "recorded_at": dt.datetime(2026, 1, 1, 9)}
    book = snapshot({"rep_id": "late"} | entered, {"rep_id": "old"} | old)
    assert quality.rep_scores(book)["rep_id"].to_list() == ["late"]
    assert quality.rep_scores(book, days=90)["rep_id"].to_list() == ["old", "late"][::-1]


def test_empty_book_gives_the_same_columns():
    full, empty = quality.rep_scores(snapshot({})), quality.rep_scores(Book.from_frames().as_of(AS_OF))
    assert empty.is_empty()
    assert empty.schema == full.schema


def test_one_rep_borrows_nothing():
    found = quality.rep_scores(snapshot({}, BARE, {}, {}))
    assert found["shrunk_score"].to_list() == pytest.approx([(3 * 100 + 30) / 4])
    lone = quality.rep_scores(snapshot({}))
    assert lone.select("shrunk_score", "low", "high").row(0) == (100.0, None, None)


def test_equal_records_leave_no_doubt():
    found = quality.rep_scores(snapshot(*[{"rep_id": f"R{n % 3}"} for n in range(9)]))
    assert found["shrunk_score"].to_list() == pytest.approx([100.0] * 3, abs=0.01)
    assert (found["high"] - found["low"]).max() < 0.1


def test_days_must_be_positive():
    with pytest.raises(UsageError, match="number of days cannot be 0"):
        quality.rep_scores(snapshot({}), days=0)


def simulate(n_reps: int, spread: float, runs: int) -> tuple[float, float, float]:
    """Return coverage of the 95 % interval, and squared error of shrunk and of raw means, where true means are known."""
    rng = np.random.default_rng(11)
    held, shrunk_error, raw_error = [], [], []
    for _ in range(runs):
        truth = 60 + spread * rng.standard_normal(n_reps)
        counts = rng.integers(1, 16, n_reps)
        drawn = [mean + 20 * rng.standard_normal(n) for mean, n in zip(truth, counts, strict=True)]
        means = np.array([records.mean() for records in drawn])
        within = sum(float(((records - records.mean()) ** 2).sum()) for records in drawn)
        _, shrunk, half = shrink(counts.astype(float), means, within)
        held.append(np.mean(np.abs(shrunk - truth) <= half))
        shrunk_error.append(np.mean((shrunk - truth) ** 2))
        raw_error.append(np.mean((means - truth) ** 2))
    return float(np.mean(held)), float(np.mean(shrunk_error)), float(np.mean(raw_error))


@pytest.mark.parametrize(("n_reps", "spread"), [(10, 8), (10, 15), (24, 8), (24, 15), (100, 8)])
def test_shrinking_helps_and_intervals_cover(n_reps: int, spread: float):
    coverage, shrunk_error, raw_error = simulate(n_reps, spread, runs=1000)
    assert 0.93 <= coverage <= 0.97
    assert shrunk_error < 0.75 * raw_error


def test_intervals_are_wide_rather_than_narrow_where_reps_are_alike():
    coverage, shrunk_error, raw_error = simulate(24, 0, runs=500)
    assert coverage >= 0.95
    assert shrunk_error < 0.15 * raw_error
