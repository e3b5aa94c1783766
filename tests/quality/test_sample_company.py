"""What was planted in the sample company is found in its records."""

from __future__ import annotations

import datetime as dt

import polars as pl

from salesiq import quality, sample
from salesiq.book import Book, Snapshot


def test_the_list_names_the_planted_worst_and_then_the_silent(sample_company: sample.Company, sample_snapshot: Snapshot):
    roles = sample_company.truth["people"]["roles"]
    found = quality.watch_list(sample_snapshot, n=6)
    assert sorted(found["rep_id"][:3].to_list()) == sorted(roles["worst_records"])
    assert found["cause"][:3].unique().to_list() == ["low_score"]
    silent = found.filter(pl.col("cause") == "no_records")["rep_id"].to_list()
    assert silent[:1] == roles["no_records"]


def test_week_after_week_the_planted_worst_come_first(sample_company: sample.Company, sample_book: Book):
    worst = sorted(sample_company.truth["people"]["roles"]["worst_records"])
    weeks = [sample.EXPORTED_AT - dt.timedelta(days=7 * week) for week in range(8)]
    named = [sorted(quality.watch_list(sample_book.as_of(moment), n=3)["rep_id"].to_list()) for moment in weeks]
    assert named[0] == worst
    assert sum(reps == worst for reps in named) >= 6


def test_each_record_is_judged_as_it_was_planted(sample_company: sample.Company, sample_snapshot: Snapshot):
    truth = sample_company.truth_frames["records"].drop("rep_id")
    found = quality.record_score(sample_snapshot).join(truth, on="activity_id", how="full", coalesce=True)
    assert found.height == truth.height
    assert found["is_timely"].equals(found["timeliness"] == 30)
    assert found["is_verifiable"].equals(found["verifiability"] == 30)
    # a vague step (继续跟进) is a step to the generator and none to us
    missed = found["reasons"].list.set_intersection(["no_pain_point", "no_solution_fit", "no_next_step"]).list.len() > 0
    assert not (missed & found["is_complete"] & found["is_verifiable"]).any()
    assert not (~missed & ~found["is_complete"]).any()


def test_the_records_behind_a_name_are_that_reps_of_this_week(sample_snapshot: Snapshot):
    row = quality.watch_list(sample_snapshot).row(0, named=True)
    behind = quality.record_score(sample_snapshot).filter(pl.col("activity_id").is_in(row["activity_ids"]))
    assert behind["rep_id"].unique().to_list() == [row["rep_id"]]
    assert behind.height == row["n_records"]
    assert behind["entered_at"].min() > sample_snapshot.as_of - dt.timedelta(days=7)
    assert len(row["score_activity_ids"]) == row["n_score_records"]
    assert set(row["activity_ids"]) <= set(row["score_activity_ids"])
    assert behind["source_line"].null_count() == 0
