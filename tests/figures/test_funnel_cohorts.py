"""Figures of cohorts, exits, velocity and teams: what is projected looks projected, what is unknown is not drawn."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from salesiq import funnel
from salesiq.book import Snapshot
from salesiq.figures import funnel as draw
from salesiq.figures.theme import ACCENT, ACT, GREY

COHORT = {
    "stage": "<b>方案</b>", "cohort": "2026-01", "n_entered": 40, "n_done": 20, "n_failed": 20, "n_open": 0, "is_mature": True,
    "share": 0.5, "low_share": 0.35, "high_share": 0.65, "n_expected": 0.0, "naive_share": 0.5,
}  # fmt: skip
YOUNG = COHORT | {"cohort": "2026-02", "n_done": 4, "n_open": 30, "is_mature": False, "share": 0.48, "naive_share": 0.1}


def dots(figure: Any) -> list[tuple[float, float, str, str | None]]:
    marks = [trace for trace in figure.data if trace.type == "scatter" and trace.mode == "markers"]
    found = [trace for trace in marks if trace.x and trace.x[0] is not None]
    return [(trace.x[0], trace.y[0], trace.marker.color, trace.marker.symbol) for trace in found]


def test_an_immature_cohort_is_hollow_on_a_dotted_line_with_what_it_has_so_far_beside_it() -> None:
    figure = draw.conversion(pl.DataFrame([COHORT, YOUNG]), "en")
    assert dots(figure) == [(0, 0.5, ACCENT, None), (1, 0.1, None, "x-thin"), (1, 0.48, "white", None)]
    dashes = {trace.x[0]: trace.line.dash for trace in figure.data if trace.mode == "lines"}
    assert dashes == {0: None, 1: "dot"}
    assert figure.layout.annotations[0].text == "&lt;b&gt;方案&lt;/b&gt;"


def test_a_cohort_without_a_share_has_no_mark() -> None:
    frame = pl.DataFrame([COHORT, YOUNG | {"share": None, "low_share": None, "high_share": None}])
    assert [x for x, *_ in dots(draw.conversion(frame, "zh"))] == [0]


def test_areas_of_exits_stack_to_what_is_no_longer_waiting(sample_snapshot: Snapshot) -> None:
    frame = funnel.exits(sample_snapshot, days=range(0, 61, 10))
    figure = draw.exits(frame, "en")
    stages = frame["stage"].unique(maintain_order=True).to_list()
    assert len(figure.data) == 4 * len(stages)
    assert [trace.name for trace in figure.data[:4]] == ["won", "advanced", "fell back", "lost"]
    assert sum(trace.showlegend for trace in figure.data) == 4
    waiting = frame.filter((pl.col("stage") == stages[1]) & (pl.col("exit") == "waiting"))["share"].to_list()
    total = [sum(trace.y[at] for trace in figure.data[4:8]) for at in range(7)]
    assert total == pytest.approx([1 - share for share in waiting])


def test_days_that_are_not_known_are_left_out() -> None:
    row = {"stage": "a", "day": 5.0, "exit": "won", "share": 0.2, "low_share": 0.1, "high_share": 0.3}
    figure = draw.exits(pl.DataFrame([row, row | {"day": 9.0, "share": None}]), "zh")
    assert figure.data[0].x == (5.0,)


def test_velocity_runs_from_before_to_now_by_its_factors() -> None:
    factors = {"n_open": 12, "win_share": 0.5, "mean_won_amount": 100.0, "cycle_days": 10.0}
    row = {**factors, "velocity_amount": 60.0} | {f"{name}_before": value for name, value in factors.items()}
    row |= {"velocity_amount_before": 50.0, "change_amount": 10.0}
    parts = {"n_open_part": 20.0, "win_share_part": -4.0, "mean_won_amount_part": -6.0, "cycle_days_part": 0.0}
    bars, states = draw.velocity(pl.DataFrame([row | parts]), "en").data[:2]
    assert list(states.x) == [50.0, 60.0]
    assert (list(bars.base), list(bars.x)) == ([50.0, 66.0, 60.0, 60.0], [20.0, 4.0, 6.0, 0.0])
    assert list(bars.marker.color)[:2] == [ACCENT, ACT]
    untold = draw.velocity(pl.DataFrame([row | dict.fromkeys(parts, None)]), "en").data[0]
    assert list(untold.x) == [10.0]


def test_only_who_is_far_outside_is_coloured_and_named() -> None:
    row = {
        "rep_id": "R<1>",
        "n_won": 1,
        "n_closed": 50,
        "share": 0.02,
        "usual_share": 0.3,
        "low_95_share": 0.17,
        "high_95_share": 0.43,
    }
    row |= {"low_998_share": 0.1, "high_998_share": 0.5, "finding": "very_low", "p_value": 0.0}
    other = row | {"rep_id": "R2", "n_won": 8, "share": 0.16, "finding": "low"}
    figure = draw.win_limits(pl.DataFrame([row, other]), "zh")
    assert [(y, colour) for _, y, colour, _ in dots(figure)] == [(0.02, ACT), (0.16, GREY)]
    assert [note.text for note in figure.layout.annotations] == ["R&lt;1&gt;"]


def test_parts_of_a_teams_change_stand_beside_their_sum(sample_snapshot: Snapshot) -> None:
    frame = funnel.decompose(sample_snapshot.earlier("2026-03-31"), sample_snapshot, by="unit_name", mix="tier")
    figure = draw.decompose(frame, "en")
    told = frame.drop_nulls("change_share")
    sums = [sum(bar.x[at] for bar in figure.data[:3]) for at in range(told.height)]
    assert sums == pytest.approx(told["change_share"].to_list())
    assert [x for x, *_ in dots(figure)] == told["change_share"].to_list()


def test_a_period_that_still_runs_is_hollow(sample_snapshot: Snapshot) -> None:
    frame = funnel.win_rate(sample_snapshot.earlier("2026-06-20"))
    found = dots(draw.win_rate(frame, "zh"))
    assert [y for _, y, _, _ in found] == frame["share"].to_list()
    assert [colour for *_, colour, _ in found] == [ACCENT] * (frame.height - 1) + ["white"]
