"""The same metrics in plain pandas, as an analyst would write them: vectorised, no loops over rows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Frames = dict[str, Any]
AS_OF = dt.datetime(2026, 6, 30, 20)


@dataclass(frozen=True)
class Version:
    """A metric in pandas, and the tables that it reads."""

    reads: tuple[str, ...]
    run: Callable[[Frames], Any]


def visits(frames: Frames) -> Any:
    """Stays of deals in stages: sort, shift within the deal."""
    events = frames["stage_events"]
    events = events[events["entered_at"] <= AS_OF].merge(
        frames["stages"][["stage", "position", "is_won", "is_lost"]], on="stage"
    )
    events = events.sort_values(["deal_id", "entered_at", "position"])
    events = events[events["stage"] != events.groupby("deal_id")["stage"].shift()]
    events["left_at"] = events.groupby("deal_id")["entered_at"].shift(-1)
    stays = events[~(events["is_won"] | events["is_lost"])]
    days = (stays["left_at"].fillna(AS_OF) - stays["entered_at"]).dt.total_seconds() / 86400
    return stays.assign(days=days, is_left=stays["left_at"].notna())


def dwell(frames: Frames) -> Any:
    """Kaplan-Meier median, quartile and ninth decile by stage, with numpy."""
    return visits(frames).groupby("stage")[["days", "is_left"]].apply(_product_limit)


def _product_limit(stays: Any) -> dict[float, float]:
    ordered = stays.sort_values("days")
    at_risk = len(ordered) - np.arange(len(ordered))
    survival = np.cumprod(1 - ordered["is_left"].to_numpy() / at_risk)
    reached = {q: np.flatnonzero(survival <= 1 - q) for q in (0.5, 0.75, 0.9)}
    return {q: float(ordered["days"].iloc[found[0]]) if len(found) else np.nan for q, found in reached.items()}


def decay(frames: Frames) -> Any:
    """Own target against the sum of the children's, for every unit, period and measure."""
    targets, keys = frames["targets"], ["version", "period", "measure"]
    units = targets[targets["unit_id"].notna()].merge(frames["org_units"][["unit_id", "parent_unit_id"]], on="unit_id")
    people = targets[targets["rep_id"].notna()].drop(columns="unit_id")
    reps = people.merge(frames["reps"][["rep_id", "unit_id"]], on="rep_id")
    below = units.groupby([*keys, "parent_unit_id"])["amount"].sum()
    leaves = reps.groupby([*keys, "unit_id"])["amount"].sum()
    return units.set_index([*keys, "unit_id"])["amount"], below, leaves


def attainment(frames: Frames) -> Any:
    """Won amount of the quarter by rep and unit, over the target."""
    deals = frames["deals"]
    won = deals[(deals["status"] == "won") & (deals["closed_at"] >= dt.datetime(2026, 4, 1)) & (deals["closed_at"] <= AS_OF)]
    done = won.groupby("owner_id")["amount"].sum()
    units = frames["reps"].set_index("rep_id")["unit_id"]
    return done, done.groupby(units.reindex(done.index).to_numpy()).sum()


VERSIONS = {
    "funnel.dwell": Version(("stage_events", "stages"), dwell),
    "funnel.visits": Version(("stage_events", "stages"), visits),
    "targets.decay": Version(("targets", "org_units", "reps"), decay),
    "targets.attainment": Version(("deals", "reps"), attainment),
}
