"""The life of deals follows the hazards that are written down, and what is known of them predicts."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime

import numpy as np
import polars as pl
import pytest

from salesiq.sample.company import PROCESS
from salesiq.sample.dealflow import Deals, Flow, State, futures, simulate
from salesiq.sample.window import Window, generator

PLAIN = replace(
    PROCESS, advance_by_contact=0.0, lost_by_contact=0.0, advance_by_opened=0.0, won_by_quarter_end=0.0, alert_share=0.0
)


def plain_deals(n: int) -> Deals:
    never, zero = np.full(n, 10**6), np.zeros(n)
    return Deals(np.full(n, 4), zero, zero, zero, zero + 1, zero, never, never, zero, 10**6)


def test_time_in_the_first_stage_matches_a_plain_loop():
    """Second computation: survival of a lead day by day, for the hazards with only the waiting effect left."""
    window, deals = Window(), plain_deals(20_000)
    deal, day, stage, _ = simulate(deals, window, PLAIN, generator(1, "test"), until=500).table("moves")
    left = np.full(20_000, 10**6)
    np.minimum.at(left, deal[day > 4], day[day > 4])
    alive, expected = 1.0, {}
    for at in range(5, 200):
        wait = np.log1p((at - 4) / 20.0)
        hazard = PLAIN.advance[1] * np.exp(-0.20 * wait) + PLAIN.lost[1] * np.exp(0.25 * wait)
        alive *= float(np.exp(-window.weights[at] * hazard))
        expected[at] = alive
    for at in (10, 20, 40, 80):
        assert (left > at).mean() == pytest.approx(expected[at], abs=0.012)
    assert set(stage[day > 4]) >= {2, 3, 4, 5, 6}


def test_contacts_and_skill_win_deals():
    window, process, n = Window(), replace(PROCESS, alert_share=0.0), 3000
    plain = plain_deals(n)

    def won(deals: Deals) -> int:
        return int((simulate(deals, window, process, generator(2, "test"), until=400).table("moves")[2] == 5).sum())

    base = won(plain)
    assert won(replace(plain, skill=plain.skill + 1.5)) > base * 1.2
    assert won(replace(plain, engagement=plain.engagement + 1.5)) > base * 1.2
    assert won(replace(plain, silent_from=np.full(n, 30))) < base * 0.8


def test_futures_of_a_sure_win_are_wins():
    window, sure = Window(), replace(PLAIN, advance=(0.0, 50.0, 50.0, 50.0, 50.0), lost=(0.0,) * 5, back=(0.0,) * 5)
    state = State.fresh(np.arange(3), 0)
    state.stage[:] = (4, 3, 1)
    won = futures(state, plain_deals(3), window.day("2025-03-03"), 20, 5, window, sure, generator(1, "test"))
    # from Monday: one working day a stage
    assert won.tolist() == [[1] * 5, [2] * 5, [4] * 5]


def test_a_flow_without_events_has_empty_tables():
    flow = Flow()
    assert [len(column) for column in flow.table("moves")] == [0, 0, 0, 0]


def outcomes(company, as_of: str, days: int) -> pl.DataFrame:
    at = datetime.fromisoformat(as_of)
    chances = company.truth_frames["win_probabilities"].filter(pl.col("as_of") == at.date())
    deals = company.frames["deals"].select("deal_id", "status", "closed_at")
    is_won = (pl.col("status") == "won") & (pl.col("closed_at").dt.date() <= at.date() + pl.duration(days=days))
    return chances.join(deals, on="deal_id", how="left").with_columns(is_won=is_won.fill_null(False))


def test_true_probabilities_are_those_of_the_deals_open_then(sample_company):
    chances = sample_company.truth_frames["win_probabilities"]
    assert set(chances["as_of"]) == {date(2026, 3, 31), date(2026, 6, 30)}
    last = chances.filter(pl.col("as_of") == date(2026, 6, 30))
    open_deals = sample_company.frames["deals"].filter(pl.col("status") == "open")["deal_id"]
    assert sorted(last["deal_id"]) == sorted(open_deals)
    assert (chances["p_won_10"] <= chances["p_won_30"]).all()
    assert (chances["p_won_30"] <= chances["p_won_90"]).all()


def test_true_probabilities_agree_with_what_happened(sample_company):
    """Calibration in the large within three standard errors, and discrimination that leaves a model room to be useful."""
    joined = outcomes(sample_company, "2026-03-31", 90)
    # a region lost its touch after 31 March; the futures know of it as the process does
    p, won = joined["p_won_90"].to_numpy(), joined["is_won"].to_numpy()
    error = np.sqrt((p * (1 - p)).sum())
    assert abs(won.sum() - p.sum()) < 3 * error + 0.05 * len(p)
    better = (p[won][:, None] > p[~won][None, :]).mean() + 0.5 * (p[won][:, None] == p[~won][None, :]).mean()
    assert 0.72 < better < 0.95
    assert 0.10 < won.mean() < 0.45


def test_true_dwell_is_near_the_closed_visits_of_the_first_months(sample_company):
    """Deals begun more than a year before the export are all but closed: their naive median needs no censoring."""
    events = sample_company.frames["stage_events"].sort("deal_id", "entered_at")
    visits = events.with_columns(left=pl.col("entered_at").shift(-1).over("deal_id"))
    early = visits.filter((pl.col("entered_at") < datetime(2025, 6, 1)) & (pl.col("stage") == "线索"))
    days = (early["left"] - early["entered_at"]).dt.total_seconds().drop_nulls() / 86_400
    truth = sample_company.truth["dwell"]["stages"]["线索"]["median_days"]
    assert len(days) > 400
    assert days.median() == pytest.approx(truth, rel=0.25)


def test_open_deals_remain_at_the_export(sample_company):
    share = (sample_company.frames["deals"]["status"] == "open").mean()
    assert 0.10 < share < 0.30
    assert sample_company.truth["n_open_deals"] == (sample_company.frames["deals"]["status"] == "open").sum()


def test_acting_on_an_alert_truly_helps(sample_company):
    effects = sample_company.truth_frames["effects"]
    assert effects["alert_id"].to_list() == sample_company.frames["alerts"]["alert_id"].to_list()
    assert 0.03 < effects["effect"].mean() < 0.25
    acted = set(sample_company.frames["interventions"]["alert_id"])
    assert acted <= set(effects.filter(pl.col("is_helped"))["alert_id"])
    assert len(acted) > 100
