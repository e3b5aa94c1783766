"""The projected band on the sample company: rolling months, asked at their beginning and on the 11th, against what came."""

from __future__ import annotations

import datetime as dt

import polars as pl
import pytest

from salesiq import sample, targets
from salesiq.book import Book
from salesiq.calendar import Period


def outcomes(seed: int) -> pl.DataFrame:
    """Return one row per unit or rep, month and moment: was the end inside the band?"""
    company = sample.generate(seed=seed)
    snapshot = Book.from_frames(exported_at=sample.EXPORTED_AT, **company.frames).as_of(sample.EXPORTED_AT)
    found = []
    for month in [f"2025-{n:02}" for n in range(8, 13)] + [f"2026-{n:02}" for n in range(1, 7)]:
        end = targets.attainment(snapshot, month).filter(measure="bookings").select("unit_id", "rep_id", final="actual_amount")
        for day in (1, 11):
            moment = dt.datetime.combine(Period.parse(month).start_on, dt.time(18)) + dt.timedelta(days=day - 1)
            asked = targets.attainment(snapshot.earlier(moment), month).filter(measure="bookings")
            found.append(asked.join(end, on=["unit_id", "rep_id"], nulls_equal=True))
    inside = pl.col("final").is_between(pl.col("projected_low_amount"), pl.col("projected_high_amount"))
    return pl.concat(found).select("level", inside=inside)


@pytest.mark.slow
def test_the_band_holds_four_ends_in_five():
    """Units of all levels together. The company alone is covered less (docs/targets.md says how much and why)."""
    found = pl.concat([outcomes(7), outcomes(1)])
    units = found.filter(pl.col("level") != "rep")
    assert units.height > 500
    assert 0.75 <= units["inside"].mean() <= 0.85, found.group_by("level").agg(pl.col("inside").mean(), pl.len())
    assert (
        found.filter(level="rep")["inside"].mean() >= 0.80
    )  # a rep with few wins has a coarse band: too wide, never too narrow
