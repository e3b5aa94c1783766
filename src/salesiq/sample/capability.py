"""What reps can do: scores by scenario from raters of different severity, proposals of newcomers, reps' own forecasts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from salesiq.sample import phrases
from salesiq.sample.activities import draw
from salesiq.sample.dealbook import Chunk
from salesiq.sample.dealflow import NEGOTIATION, PROPOSAL
from salesiq.sample.frames import canonical, ids, moments_or_null, pick, where_not
from salesiq.sample.people import Organisation
from salesiq.sample.window import Bools, Ints, Texts, Window, generator
from salesiq.sample.words import PRODUCT_LINES, SCENARIOS

SCORES_PER_REP_MONTH = 5
NEWCOMER_GAIN = 2.0  # points a month
WEAK_SCENARIOS = ("价格异议", "先比较一下", "决策链识别")


@dataclass
class Capability:
    """Scenarios, scores, proposals; and the abilities, severities and difficulties behind them."""

    frames: dict[str, pl.DataFrame] = field(default_factory=dict)
    truth: dict[str, Any] = field(default_factory=dict)


def make_capability(chunk: Chunk, window: Window, seed: int) -> Capability:
    """Return what is known of the reps' abilities."""
    made = Capability()
    scenario_ids = _scenarios(made)
    _scores(made, chunk.organisation, scenario_ids, window, seed)
    made.frames["proposals"] = _proposals(chunk, made.truth["ability"], window, seed)
    return made


def _scenarios(made: Capability) -> Texts:
    phases = [phase for phase, names in SCENARIOS for _ in names]
    names = [name for _, group in SCENARIOS for name in group]
    scenario_ids = ids("N", len(names), 2)
    made.frames["scenarios"] = canonical("scenarios", {"scenario_id": scenario_ids, "phase": phases, "name": names})
    made.truth["weak_scenarios"] = [str(scenario_ids[names.index(name)]) for name in WEAK_SCENARIOS]
    return scenario_ids


def _scores(made: Capability, organisation: Organisation, scenario_ids: Texts, window: Window, seed: int) -> None:
    """72 + the rep's ability - the scenario's difficulty - the rater's severity + noise; newcomers gain two points a month."""
    rng = generator(seed, "scores")
    n_scenarios = len(scenario_ids)
    ability = 6.0 * (0.8 * organisation.skill + 0.6 * rng.normal(size=organisation.n))
    difficulty = rng.normal(0.0, 3.0, n_scenarios)
    difficulty[np.isin(scenario_ids, made.truth["weak_scenarios"])] = 11.0
    difficulty -= difficulty.mean()
    raters = organisation.all_managers[1 : 1 + min(8, len(organisation.all_managers) - 1)]
    severity = rng.normal(0.0, 5.0, len(raters))
    severity -= severity.mean()
    n_months = window.n_days // 30
    rep = np.repeat(np.arange(organisation.n), n_months * SCORES_PER_REP_MONTH)
    n = len(rep)
    day = np.tile(np.repeat(np.arange(n_months) * 30, SCORES_PER_REP_MONTH), organisation.n) + rng.integers(0, 30, n)
    scenario, rater, noise = rng.integers(0, n_scenarios, n), rng.integers(0, len(raters), n), rng.normal(0.0, 5.0, n)
    tenure = np.where(organisation.hired[rep] >= 0, (day - organisation.hired[rep]) / 30.4, 6.0)
    score = 72 + ability[rep] - difficulty[scenario] - severity[rater] + NEWCOMER_GAIN * (np.clip(tenure, 0, 6) - 6.0) + noise
    keep = np.flatnonzero((day >= organisation.hired[rep]) & (day < window.n_days - 1))
    keep = keep[np.lexsort((scenario[keep], rep[keep], day[keep]))]
    made.frames["scenario_scores"] = canonical(
        "scenario_scores",
        {
            "rep_id": organisation.rep_ids[rep[keep]],
            "scenario_id": scenario_ids[scenario[keep]],
            "rater_id": raters[rater[keep]],
            "scored_at": window.moments(day[keep], rng.integers(9 * 3600, 18 * 3600, n)[keep]),
            "score": np.round(np.clip(score[keep], 0, 100)),
        },
    )
    made.truth["ability"] = _rounded(organisation.rep_ids, ability)
    made.truth["difficulty"] = _rounded(scenario_ids, difficulty)
    made.truth["severity"] = _rounded(raters, severity)
    made.truth["newcomer_gain_a_month"] = NEWCOMER_GAIN


def _rounded(names: Texts, values: Any) -> dict[str, float]:
    return {str(name): round(float(value), 4) for name, value in zip(names, values, strict=True)}


def _proposals(chunk: Chunk, ability: dict[str, float], window: Window, seed: int) -> pl.DataFrame:
    """Newcomers hand in five to eight proposals on their own deals; the able pass more often."""
    rng, organisation = generator(seed, "proposals"), chunk.organisation
    rows = [row for rep in np.flatnonzero(organisation.hired >= 0) for row in _own_deals(chunk, int(rep), window, rng)]
    rep, deal, day = (np.array(part, dtype=np.int64) for part in (zip(*rows, strict=True) if rows else ([], [], [])))
    n = len(rep)
    reviewed = window.working_on_or_after(day + rng.integers(1, 6, n))
    is_waiting = reviewed >= window.n_days
    passes = rng.random(n) < 1 / (1 + np.exp(-(0.4 + np.array([ability[str(name)] for name in organisation.rep_ids[rep]]) / 6)))
    background = [
        text.format(n=count, line=PRODUCT_LINES[line])
        for text, count, line in zip(
            pick(rng, phrases.BACKGROUNDS, n), rng.integers(3, 60, n), chunk.inputs.line[deal], strict=True
        )
    ]
    comment = np.where(passes, pick(rng, phrases.COMMENTS_PASSED, n), pick(rng, phrases.COMMENTS_FAILED, n))
    return canonical(
        "proposals",
        {
            "proposal_id": ids("Q", n, 4),
            "rep_id": organisation.rep_ids[rep],
            "deal_id": chunk.deal_ids[deal],
            "submitted_at": window.moments(day, rng.integers(10 * 3600, 18 * 3600, n)),
            "background": background,
            "pain_points": draw(rng, "pain", n),
            "value_points": pick(rng, phrases.VALUES, n),
            "next_step": draw(rng, "next_step", n),
            "reviewer_id": where_not(organisation.manager_ids[rep], is_waiting),
            "reviewed_at": moments_or_null(window.moments(reviewed, rng.integers(10 * 3600, 18 * 3600, n)), is_waiting),
            "is_passed": where_not(passes.astype(object), is_waiting).tolist(),
            "comment": where_not(comment, is_waiting),
        },
    )


def _own_deals(chunk: Chunk, rep: int, window: Window, rng: np.random.Generator) -> list[tuple[int, int, int]]:
    own = np.flatnonzero(chunk.inputs.rep == rep)[: int(rng.integers(5, 9))]
    day = np.minimum(window.working_on_or_after(chunk.inputs.deals.created[own] + 4), window.n_days - 1)
    return [(rep, int(deal), int(when)) for deal, when in zip(own, day, strict=True)]


def make_forecast_calls(chunk: Chunk, window: Window, seed: int) -> pl.DataFrame:
    """Return the reps' monthly calls on their late deals. They sense the customer's engagement, through their own optimism."""
    rng, organisation = generator(seed, "calls"), chunk.organisation
    months = np.unique(window.dates[window.n_days // 3 : window.n_days].astype("M8[M]"))[1:]
    days = window.working_on_or_after(np.array([window.day(str(month)) for month in months]))
    deal, day, stage = _late_deals(chunk, days)
    rep, n = chunk.inputs.rep[deal], len(deal)
    sense = (
        0.9 * (stage == NEGOTIATION)
        + 0.6 * chunk.inputs.deals.engagement[deal]
        + organisation.optimism[rep]
        + rng.normal(0.0, 0.6, n)
    )
    category = np.array(["omitted", "pipeline", "best_case", "commit"], dtype=object)[
        (sense > -1.2).astype(int) + (sense > 0.1) + (sense > 1.1)
    ]
    month = window.dates[day].astype("M8[M]").astype(np.int64)
    period = np.array([f"{1970 + at // 12}-Q{at % 12 // 3 + 1}" for at in month], dtype=object)
    order = np.lexsort((deal, rep, day))
    columns = {
        "rep_id": organisation.rep_ids[rep],
        "deal_id": chunk.deal_ids[deal],
        "period": period,
        "called_at": window.moments(day, rng.integers(9 * 3600, 10 * 3600, n)),
        "category": category,
        "amount": chunk.inputs.amount[deal],
    }
    return canonical("forecast_calls", {name: values[order] for name, values in columns.items()})


def _late_deals(chunk: Chunk, days: Ints) -> tuple[Ints, Ints, Ints]:
    """Deals in proposal or negotiation on the evening before each of some days: deal, day, stage."""
    deal, entered, stage, _, _ = chunk.moves
    left = np.where(np.append(deal[1:] == deal[:-1], False), np.append(entered[1:], 0), chunk.window.n_days)
    late: Bools = (stage >= PROPOSAL) & (stage <= NEGOTIATION)
    found = [np.flatnonzero(late & (entered < day) & (left >= day)) for day in days]
    at = np.concatenate(found)
    return deal[at], np.repeat(days, [len(rows) for rows in found]), stage[at]
