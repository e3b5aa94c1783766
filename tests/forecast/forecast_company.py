"""A company whose law is known: customers who call win more often, or nothing that is recorded says anything."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl

START = dt.datetime(2025, 1, 1)
END = START + dt.timedelta(days=540)


def made_company(n: int = 1800, seed: int = 3, strength: float = 1.5) -> dict[str, pl.DataFrame]:
    """Deals of one stage whose customers call or keep silent; callers win more often by e^(2 x strength).

    With `strength` 0 nothing that is recorded says anything about the outcome.
    """
    rng = np.random.default_rng(seed)
    began = rng.uniform(0, 500, n)
    is_keen = rng.random(n) < 0.5
    odds = np.exp(strength * np.where(is_keen, 1.0, -1.0))
    lasted = rng.exponential(40, n)
    is_won = rng.random(n) < 0.4 * odds / (0.6 + 0.4 * odds)
    ended = began + lasted
    is_open = ended > 540
    n_calls = rng.poisson(np.minimum(lasted, 540 - began) / 6)
    deal = np.repeat(np.arange(n), n_calls)
    called = began[deal] + rng.random(len(deal)) * (np.minimum(ended, 540) - began)[deal]
    is_inbound = rng.random(len(deal)) < np.where(is_keen[deal], 0.8, 0.2)
    ids = [f"D{i:05d}" for i in range(n)]
    rep_ids = [f"R{i % 9}" for i in range(n)]
    status = np.where(is_open, "open", np.where(is_won, "won", "lost"))
    deals = pl.DataFrame(
        {
            "deal_id": ids,
            "owner_id": rep_ids,
            "name": [f"deal {i}" for i in range(n)],
            "amount": rng.integers(1, 99, n) * 1000,
            "created_at": _moments(began),
            "status": status,
            "closed_at": _moments(ended),
        }
    ).with_columns(closed_at=pl.when(pl.col("status") != "open").then("closed_at"))
    activities = pl.DataFrame(
        {
            "activity_id": [f"A{i}" for i in range(len(deal))],
            "deal_id": [ids[i] for i in deal],
            "rep_id": [rep_ids[i] for i in deal],
            "occurred_at": _moments(called),
            "direction": np.where(is_inbound, "inbound", "outbound"),
        }
    )
    events = pl.DataFrame({"deal_id": ids, "stage": "talks", "entered_at": _moments(began)})
    return {"deals": deals, "stage_events": events, "activities": activities}


def _moments(days: np.ndarray) -> pl.Series:
    return pl.Series([START + dt.timedelta(seconds=round(float(day) * 86400)) for day in days], dtype=pl.Datetime("us"))
