"""Training rows: labels known only when matured, censored steps dropped, one incidence from two hazards."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest
from forecast_company import END

from salesiq import forecast
from salesiq.book import Book
from salesiq.errors import UsageError
from salesiq.forecast.intervals import EDGES, LOST, N_INTERVALS, OPEN, WON, steps, won_within

DAY = dt.timedelta(days=1)


def test_labels_against_the_closing_dates(known_book: Book) -> None:
    moments = [END - 200 * DAY, END - 20 * DAY]
    rows = forecast.training_frame(known_book, moments, horizon_days=45)
    closed = known_book.as_of(END).sql("SELECT deal_id, status, closed_at FROM base.deals(as_of := $as_of)")
    ends = {deal_id: (status, closed_at) for deal_id, status, closed_at in closed.rows()}
    labels = {(moment, deal_id): label for moment, deal_id, label in rows.select("moment", "deal_id", "label").rows()}
    assert len(labels) == rows.height > 50
    for (moment, deal_id), label in labels.items():
        status, closed_at = ends[deal_id]
        in_time = closed_at is not None and closed_at <= moment + 45 * DAY
        expected = (status if in_time else "open") if moment == moments[0] else None
        assert label == expected
    assert {"won", "lost", "open"} == set(rows["label"].drop_nulls())


def test_a_moment_after_until_is_refused(known_book: Book) -> None:
    with pytest.raises(UsageError):
        forecast.training_frame(known_book, [END], until=END - 9 * DAY)


def test_default_moments_end_where_the_newest_label_matures(known_book: Book) -> None:
    moments = forecast.training_frame(known_book, horizon_days=30)["moment"].unique().sort()
    assert END - 30 * DAY in moments.to_list()
    assert 15 <= moments.len() <= 24


def test_steps_by_a_plain_loop() -> None:
    rng = np.random.default_rng(2)
    n = 200
    ended = rng.exponential(50, n).round(1)
    outcome = rng.choice(["won", "lost"], n)
    before = rng.uniform(0, 120, n).round(1)
    is_known = ended <= before
    rows = pl.DataFrame(
        {
            "moment": [END - dt.timedelta(days=float(day)) for day in before],
            "exit_days": np.where(is_known, ended, np.nan),
            "outcome": np.where(is_known, outcome, None),
        },
        schema_overrides={"moment": pl.Datetime("us"), "outcome": pl.String},
    ).with_columns(pl.col("exit_days").fill_nan(None))
    expected = []
    for i in range(n):
        for k in range(N_INTERVALS):
            if EDGES[k + 1] > before[i] + 1e-9 or (is_known[i] and ended[i] <= EDGES[k]):
                break
            has_ended = is_known[i] and ended[i] <= EDGES[k + 1]
            expected.append((i, k, {"won": WON, "lost": LOST}[outcome[i]] if has_ended else OPEN))
    found = steps(rows, END)
    assert list(zip(found.row.tolist(), found.interval.tolist(), found.ending.tolist(), strict=True)) == expected
    assert found.weight.tolist() == [1.0] * len(expected)


def test_incidence_against_a_simulation() -> None:
    rng = np.random.default_rng(4)
    hazards = rng.uniform(0.02, 0.3, (1, N_INTERVALS, 2))
    n = 200_000
    won, still = 0, n
    for k in range(4):  # up to 30 days, a binomial draw an interval
        w, _, still = rng.multinomial(still, [*hazards[0, k], 1 - hazards[0, k].sum()])
        won += w
    assert won_within(hazards, 30)[0] == pytest.approx(won / n, abs=0.004)
