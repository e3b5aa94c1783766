"""Figures of record quality and of the forecast's reliability."""

from __future__ import annotations

import polars as pl

from salesiq.figures import forecast, quality
from salesiq.figures.theme import ACCENT, ACT


def test_a_rep_is_red_only_where_the_whole_interval_lies_below_the_company():
    rows = [("甲", 30.0, 20.0, 49.0), ("乙", 45.0, 30.0, 51.0), (None, 60.0, None, None)]
    frame = pl.DataFrame(
        [
            {
                "rep_id": f"P{n}",
                "rep_name": name,
                "n_records": 5,
                "mean_score": score,
                "shrunk_score": score,
                "low": low,
                "high": high,
            }
            for n, (name, score, low, high) in enumerate(rows)
        ]
    ).with_columns(company_score=pl.lit(50.0))
    figure = quality.rep_scores(frame, "zh")
    dots = [trace for trace in figure.data if trace.mode == "markers"]
    assert [dot.marker.color for dot in dots] == [ACT, ACCENT, ACCENT]
    assert list(figure.layout.yaxis.ticktext) == ["甲", "乙", "P2"]


def test_reliability_draws_each_bin_at_what_was_said_and_what_came_true():
    bins = pl.DataFrame(
        {
            "n": [50, 20], "n_won": [5, 10], "mean_probability": [0.1, 0.4], "won_share": [0.1, 0.5],
            "won_share_low": [0.05, 0.3], "won_share_high": [0.2, 0.7],
        }
    )  # fmt: skip
    figure = forecast.reliability(bins, "en")
    dots = [(trace.x[0], trace.y[0]) for trace in figure.data if trace.mode == "markers"]
    bars = [(trace.x, trace.y) for trace in figure.data if trace.mode == "lines"][1:]
    assert dots == [(0.1, 0.1), (0.4, 0.5)]
    assert bars == [((0.1, 0.1), (0.05, 0.2)), ((0.4, 0.4), (0.3, 0.7))]
    assert "given 40%, won 50% (10 of 20)" in [trace.hovertext[0] for trace in figure.data if trace.hovertext]
