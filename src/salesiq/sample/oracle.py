"""What only the maker can know: true chances by living the future many times, true dwell by seeing deals to their end."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from salesiq.sample.customers import Customers
from salesiq.sample.dealbook import STAGES, Chunk, Planned, deal_inputs
from salesiq.sample.dealflow import LOST, MEMORY_DAYS, NEGOTIATION, WON, Process, State, futures, simulate
from salesiq.sample.people import Organisation
from salesiq.sample.window import FUTURE_DAYS, Window, generator

MOMENTS = ("2026-03-31", "2026-06-30")
HORIZONS = (10, 30, 90)
N_RUNS = 400
N_DWELL_DEALS = 12_000


def true_probabilities(chunk: Chunk, process: Process, n_runs: int = N_RUNS) -> pl.DataFrame:
    """Return, per deal open on the evening of a reference day, the true chance of a win within 10, 30 and 90 days.

    Columns: `as_of` (date), `deal_id`, `p_won_10`, `p_won_30`, `p_won_90` (shares of `n_runs` futures).
    """
    frames = []
    for name in MOMENTS:
        day = chunk.window.day(name)
        state = chunk.flow.kept[day]
        rng = generator(chunk.seed, f"futures/{name}")
        won = futures(state, chunk.inputs.deals, day, max(HORIZONS), n_runs, chunk.window, process, rng)
        shares = {f"p_won_{horizon}": (won <= horizon).mean(axis=1) for horizon in HORIZONS}
        frame = pl.DataFrame({"as_of": [name] * len(won), "deal_id": chunk.deal_ids[state.deal].tolist(), **shares})
        frames.append(frame.with_columns(pl.col("as_of").str.to_date()).sort("deal_id"))
    return pl.concat(frames)


def true_effects(chunk: Chunk, process: Process, alert_ids: dict[int, str], n_runs: int = 200) -> pl.DataFrame:
    """Return what acting on each alert truly does: the chance of a win within 90 days with and without it.

    All alerts of a month live from the middle of that month on, which shifts the calendar by two weeks at most.
    Columns: `alert_id`, `deal_id`, `propensity`, `is_helped` (what was done), `p_helped`, `p_left`, `effect`.
    """
    deals = chunk.inputs.deals
    months: dict[int, list[State]] = {}
    for day, state in sorted(chunk.flow.alerted.items()):
        middle = day // 30 * 30 + 15
        months.setdefault(middle, []).append(_shifted(state, middle - day))
    chances: dict[int, tuple[float, float]] = {}
    for middle, states in sorted(months.items()):
        state = states[0]
        for other in states[1:]:
            state = state.join(other)
        shares = []
        for is_helped in (True, False):
            state.is_helped[:] = is_helped
            rng = generator(chunk.seed, f"effects/{middle}")
            won = futures(state, deals, middle, 90, n_runs, chunk.window, process, rng)
            shares.append((won <= 90).mean(axis=1))
        for at, deal in enumerate(state.deal):
            chances[int(deal)] = (float(shares[0][at]), float(shares[1][at]))
    deal, _, helped, _ = chunk.flow.table("alerts")
    rows = [
        {
            "alert_id": alert_ids[int(at)],
            "deal_id": str(chunk.deal_ids[at]),
            "propensity": round(float(deals.propensity[at]), 4),
            "is_helped": bool(acted),
            "p_helped": chances[int(at)][0],
            "p_left": chances[int(at)][1],
            "effect": round(chances[int(at)][0] - chances[int(at)][1], 6),
        }
        for at, acted in zip(deal, helped, strict=True)
    ]
    return pl.DataFrame(rows).sort("alert_id")


def _shifted(state: State, by: int) -> State:
    """The same evening on another day."""
    moved = state.take(np.arange(len(state.deal)))
    moved.entered += by
    moved.last_inbound += by
    moved.sent = np.where(moved.sent >= 0, moved.sent + by, -1)
    moved.recent = np.roll(moved.recent, by % MEMORY_DAYS, axis=1)
    return moved


def true_dwell(
    organisation: Organisation, customers: Customers, planned: Planned, window: Window, process: Process, seed: int
) -> dict[str, Any]:
    """Return per stage, of many deals of the same company seen to their end: median days of a visit and where visits end."""
    rng = generator(seed, "dwell")
    inputs = deal_inputs(N_DWELL_DEALS, organisation, customers, planned, window, rng)
    flow = simulate(inputs.deals, window, process, rng, until=window.n_days - 1 + FUTURE_DAYS - 20)
    deal, day, stage, _ = flow.table("moves")
    order = np.lexsort((day, deal))
    deal, day, stage = deal[order], day[order], stage[order]
    goes_on = np.append(deal[1:] == deal[:-1], False)
    days, ends = np.append(day[1:] - day[:-1], 0), np.append(stage[1:], 0)
    found = {}
    for at in range(1, NEGOTIATION + 1):
        visits = (stage == at) & goes_on
        # deals begin in the morning and move in the evening
        extra = 0.33 if at == 1 else 0.0
        found[STAGES[at - 1]] = {
            "n_visits": int(visits.sum()),
            "median_days": round(float(np.median(days[visits])) + extra, 2),
            "p90_days": round(float(np.quantile(days[visits], 0.9)) + extra, 2),
            "mean_days": round(float(days[visits].mean()) + extra, 2),
            "advanced_share": round(float(((ends[visits] > at) & (ends[visits] < LOST)).mean()), 4),
            "lost_share": round(float((ends[visits] == LOST).mean()), 4),
        }
    last = np.flatnonzero(~goes_on)
    return {"stages": found, "win_share": round(float((stage[last] == WON).sum() / (stage[last] >= WON).sum()), 4)}
