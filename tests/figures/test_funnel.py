"""Figures of the funnel: intervals, the bias beside the mean, and steps that land where they should."""

from __future__ import annotations

import polars as pl

from salesiq import funnel
from salesiq.book import Snapshot
from salesiq.figures import funnel as draw
from salesiq.figures.theme import ACCENT, ACT

STAGE = {
    "stage": "<b>方案</b>", "n_visits": 30, "n_open": 9, "median_days": 20.0, "median_low_days": 16.0, "median_high_days": 25.0,
    "p75_days": 30.0, "p90_days": 40.0, "mean_days": 23.0, "naive_mean_days": 12.0, "standard_days": 15.0,
}  # fmt: skip


def marks(figure: object, symbol: str | None) -> list[tuple[float, str]]:
    dots = [trace for trace in figure.data if trace.mode == "markers" and trace.x and trace.x[0] is not None]  # type: ignore[attr-defined]
    return [(trace.x[0], trace.marker.color) for trace in dots if trace.marker.symbol == symbol]


def test_the_naive_mean_is_a_hollow_mark_beside_the_mean():
    figure = draw.dwell(pl.DataFrame([STAGE]), "zh")
    assert sorted(marks(figure, "diamond")) == [(12.0, "white"), (23.0, "#6b7280")]
    assert marks(figure, None) == [(20.0, ACT)]  # the whole interval lies above the standard of 15 days


def test_red_needs_the_whole_interval_above_the_standard():
    frame = pl.DataFrame([STAGE | {"standard_days": 17.0}, STAGE | {"standard_days": None}])
    assert [colour for _, colour in marks(draw.dwell(frame, "en"), None)] == [ACCENT, ACCENT]


def test_an_interval_without_an_upper_end_runs_to_the_edge_and_a_median_not_reached_has_no_dot():
    row = STAGE | {"median_days": None, "median_high_days": None, "standard_days": None}
    figure = draw.dwell(pl.DataFrame([row]).cast({"median_days": pl.Float64, "median_high_days": pl.Float64}), "zh")
    band = next(trace for trace in figure.data if trace.mode == "lines" and trace.line.width == 11)
    assert band.x == (16.0, figure.layout.xaxis.range[1])
    assert marks(figure, None) == []


def test_names_of_stages_are_no_markup():
    figure = draw.dwell(pl.DataFrame([STAGE]), "zh")
    assert list(figure.layout.yaxis.ticktext) == ["&lt;b&gt;方案&lt;/b&gt;"]
    hovers = [text for trace in figure.data for text in trace.hovertext or []]
    assert hovers
    assert all(hover.startswith("&lt;b&gt;方案") for hover in hovers)


def test_every_stage_of_the_sample_company_has_its_row(sample_snapshot: Snapshot):
    frame = funnel.dwell(sample_snapshot)
    figure = draw.dwell(frame, "zh")
    assert list(figure.layout.yaxis.ticktext) == frame["stage"].to_list()
    assert [x for x, _ in marks(figure, None)] == frame["median_days"].drop_nulls().to_list()
