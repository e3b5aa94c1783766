"""The same metrics in plain pandas, as an analyst would write them, on exports that are in memory already.

No history: the exports are taken as they are, so this is the easiest moment for pandas. Vectorised wherever pandas can be.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm

from salesiq.quality.rep_scores import shrink

Frames = dict[str, pd.DataFrame]
Floats = NDArray[np.float64]
Words = dict[str, str]
DAY = pd.Timedelta(days=1)


def visits(frames: Frames, as_of: pd.Timestamp) -> pd.DataFrame:
    """Stays of deals in stages: events that repeat a stage dropped, each stay ending where the next one begins."""
    stages = frames["stages"].set_index("stage")
    events = frames["stage_events"][["deal_id", "stage", "entered_at"]].copy()
    events["position"] = events["stage"].map(stages["position"])
    events = events.sort_values(["deal_id", "entered_at", "position"])
    same_deal = events["deal_id"].eq(events["deal_id"].shift())
    events = events[~(same_deal & events["stage"].eq(events["stage"].shift()))]
    has_next = events["deal_id"].eq(events["deal_id"].shift(-1))
    events["left_at"] = events["entered_at"].shift(-1).where(has_next)
    next_stage = events["stage"].shift(-1).where(has_next)
    next_position = next_stage.map(stages["position"])
    events["exit"] = np.select(
        [
            next_stage.map(stages["is_won"]).eq(True),
            next_stage.map(stages["is_lost"]).eq(True),
            next_position > events["position"],
            has_next,
        ],
        ["won", "lost", "advanced", "regressed"],
        default="",
    )
    events = events[~events["stage"].map(stages["is_won"] | stages["is_lost"])]
    events = _closed_without_event(events, frames["deals"])
    events["days"] = (events["left_at"].fillna(as_of) - events["entered_at"]) / DAY
    return events


def _closed_without_event(events: pd.DataFrame, deals: pd.DataFrame) -> pd.DataFrame:
    closed = deals.loc[deals["status"].isin(["won", "lost"]), ["deal_id", "status", "closed_at"]]
    is_last = events["left_at"].isna()
    found = events.loc[is_last, ["deal_id", "entered_at"]].merge(closed, on="deal_id", how="left")
    events.loc[is_last, "left_at"] = found[["closed_at", "entered_at"]].max(axis=1).where(found["closed_at"].notna()).to_numpy()
    events.loc[is_last, "exit"] = found["status"].fillna("").to_numpy()
    return events


def dwell(frames: Frames, as_of: pd.Timestamp) -> pd.DataFrame:
    """Kaplan-Meier by stage, with Greenwood's interval of the median."""
    stays = visits(frames, as_of)
    rows = {
        stage: _km(group["days"].to_numpy(), group["left_at"].notna().to_numpy()) for stage, group in stays.groupby("stage")
    }
    return pd.DataFrame.from_dict(rows, orient="index")


def dwell_by_region(frames: Frames, as_of: pd.Timestamp) -> pd.DataFrame:
    """Kaplan-Meier by stage and the customer's region."""
    region = frames["customers"].set_index("customer_id")["region"]
    by_deal = frames["deals"].set_index("deal_id")["customer_id"].map(region)
    stays = visits(frames, as_of)
    stays["region"] = stays["deal_id"].map(by_deal)
    rows = {
        key: _km(group["days"].to_numpy(), group["left_at"].notna().to_numpy())
        for key, group in stays.groupby(["stage", "region"])
    }
    return pd.DataFrame.from_dict(rows, orient="index")


def _km(days: Floats, is_left: NDArray[np.bool_]) -> dict[str, float]:
    order = np.argsort(days)
    days, is_left = days[order], is_left[order]
    times, first = np.unique(days, return_index=True)
    n_left = np.add.reduceat(is_left.astype(float), first)
    n_at_risk = len(days) - first
    curve: Floats = np.cumprod(1 - n_left / n_at_risk).astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        greenwood = np.cumsum(n_left / (n_at_risk * (n_at_risk - n_left)))
        distance = (np.log(-np.log(curve)) - np.log(-np.log(0.5))) / np.sqrt(greenwood / np.log(curve) ** 2)
    times, curve, distance = times[n_left > 0], curve[n_left > 0], distance[n_left > 0]
    inside = np.flatnonzero(np.abs(distance) <= norm.ppf(0.975))
    edges, heights = np.concatenate([[0.0], times, days[-1:]]), np.append(1.0, curve)
    return {
        "n_visits": len(days),
        "n_open": len(days) - int(is_left.sum()),
        "median_days": _quantile(times, curve, 0.5),
        "median_low_days": float(times[inside[0]]) if len(inside) else np.nan,
        "median_high_days": float(times[inside[-1] + 1]) if len(inside) and inside[-1] + 1 < len(times) else np.nan,
        "p75_days": _quantile(times, curve, 0.25),
        "p90_days": _quantile(times, curve, 0.1),
        "mean_days": float((np.diff(edges) * heights).sum()),
    }


def _quantile(times: Floats, curve: Floats, share: float) -> float:
    below = np.flatnonzero(curve < share)
    return float(times[below[0]]) if len(below) else np.nan


def _plan(frames: Frames) -> pd.DataFrame:
    """The newest version of each period and measure."""
    plan = frames["targets"].dropna(subset=["amount"])
    newest = plan.sort_values(["set_at", "version"]).groupby(["period", "measure"])["version"].last()
    plan = plan.join(newest.rename("newest"), on=["period", "measure"])
    return plan[plan["version"] == plan["newest"]]


def decay(frames: Frames, as_of: pd.Timestamp) -> pd.DataFrame:
    """What is left of each unit's target in the targets below it; without what salesiq finds out about the gaps.

    A unit without a target stands for what stands below it.
    """
    keys, plan, units = ["period", "measure", "version"], _plan(frames), frames["org_units"]
    own = plan[plan["rep_id"].isna()][[*keys, "unit_id", "amount"]]
    nodes = plan[keys].drop_duplicates().merge(units[["unit_id", "parent_unit_id"]], how="cross")
    nodes = nodes.merge(own, on=[*keys, "unit_id"], how="left")
    nodes["depth"] = nodes["unit_id"].map(_depths(units))
    reps = plan[plan["rep_id"].notna()].drop(columns="unit_id").merge(frames["reps"][["rep_id", "unit_id"]], on="rep_id")
    below = reps.groupby([*keys, "unit_id"])["amount"].sum().rename("children_amount")
    nodes = nodes.join(below, on=[*keys, "unit_id"])
    for depth in range(nodes["depth"].max(), 0, -1):
        level = nodes[nodes["depth"] == depth]
        told = level.assign(told=level["amount"].fillna(level["children_amount"])).dropna(subset=["told"])
        sums = told.groupby([*keys, "parent_unit_id"])["told"].sum().rename_axis([*keys, "unit_id"]).rename("told")
        found = nodes[[*keys, "unit_id"]].join(sums, on=[*keys, "unit_id"])["told"]
        nodes["children_amount"] = nodes["children_amount"].add(found, fill_value=0)
    edges = nodes.dropna(subset=["children_amount"]).copy()
    edges["gap_amount"] = edges["children_amount"] - edges["amount"]
    edges["retained_share"] = edges["children_amount"] / edges["amount"]
    return _with_cumulative(edges, keys)


def _depths(units: pd.DataFrame) -> pd.Series[Any]:
    parent = units.set_index("unit_id")["parent_unit_id"]
    depth, above = pd.Series(0, index=parent.index), parent
    while above.notna().any():
        depth, above = depth + above.notna(), above.map(parent)
    return depth


def _with_cumulative(edges: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    edges["cumulative_share"] = edges["retained_share"].where(edges["depth"] == 0)
    for depth in range(1, edges["depth"].max() + 1):
        above = edges[[*keys, "unit_id", "cumulative_share"]].rename(columns={"unit_id": "parent_unit_id"})
        found = edges[[*keys, "parent_unit_id"]].merge(above, on=[*keys, "parent_unit_id"], how="left")
        is_level = edges["depth"] == depth
        edges.loc[is_level, "cumulative_share"] = (edges["retained_share"] * found["cumulative_share"].to_numpy())[is_level]
    return edges


def attainment(frames: Frames, as_of: pd.Timestamp) -> pd.DataFrame:
    """Target and actual of the quarter, by unit and rep; the sums alone, without salesiq's projection."""
    quarter = as_of.to_period("Q")
    plan = _plan(frames)
    plan = plan[plan["period"] == f"{quarter.year}-Q{quarter.quarter}"]
    deals, reps = frames["deals"], frames["reps"]
    won = deals[(deals["status"] == "won") & (deals["closed_at"] >= quarter.start_time) & (deals["closed_at"] <= as_of)]
    first = deals[(deals["status"] == "won") & deals["is_new_customer"].fillna(False)].sort_values(["closed_at", "deal_id"])
    first = first.drop_duplicates("customer_id")
    first = first[(first["closed_at"] >= quarter.start_time) & (first["closed_at"] <= as_of)]
    by_rep = pd.concat({"bookings": won.groupby("owner_id")["amount"].sum(), "new_customers": first.groupby("owner_id").size()})
    by_rep = by_rep.rename_axis(["measure", "rep_id"]).rename("actual_amount").reset_index()
    unit_of, parent_of = reps.set_index("rep_id")["unit_id"], frames["org_units"].set_index("unit_id")["parent_unit_id"]
    level = (
        by_rep.assign(unit_id=by_rep["rep_id"].map(unit_of))
        .groupby(["measure", "unit_id"])["actual_amount"]
        .sum()
        .reset_index()
    )
    parts = []
    while len(level):
        parts.append(level)
        level = level.assign(unit_id=level["unit_id"].map(parent_of)).dropna(subset=["unit_id"])
    by_unit = pd.concat(parts).groupby(["measure", "unit_id"])["actual_amount"].sum().reset_index()
    of_reps = plan[plan["rep_id"].notna()].merge(by_rep, on=["measure", "rep_id"], how="left")
    of_units = plan[plan["rep_id"].isna()].merge(by_unit, on=["measure", "unit_id"], how="left")
    return pd.concat([of_units, of_reps]).fillna({"actual_amount": 0.0})


def record_score(frames: Frames, as_of: pd.Timestamp, words: Words) -> pd.DataFrame:
    """Score and its parts; without the list of reasons that salesiq gives for each record."""
    return _scored(frames["activities"], words)


def _scored(records: pd.DataFrame, words: Words) -> pd.DataFrame:
    hours = (records["recorded_at"] - records["occurred_at"]) / pd.Timedelta(hours=1)
    is_ahead = hours < -2
    hours = hours - 24 * (records["occurred_at"] == records["occurred_at"].dt.normalize())
    timeliness = (30 * ((24 - hours.clip(lower=0)) / 22).clip(0, 1)).round(1).mask(is_ahead)
    filled = {name: _filled(records[name], words) for name in ("pain_point", "solution_fit", "next_step", "customer_words")}
    completeness = 10 * sum(column.astype(float) for column in filled.values())
    in_time = records["next_step_due_at"] >= records["occurred_at"].dt.normalize()
    has_time = filled["next_step"] & (in_time | _matches(records["next_step"], words["time"]))
    has_deliverable = filled["next_step"] & _matches(records["next_step"], words["deliverable"])
    rest = completeness + 15.0 * has_time + 15.0 * has_deliverable
    score = (timeliness + rest).round(1).fillna((100 * rest / 70).round(1))
    entered_at = records[["occurred_at", "recorded_at"]].max(axis=1)
    made = {"score": score, "timeliness": timeliness, "completeness": completeness, "entered_at": entered_at}
    return pd.DataFrame({"activity_id": records["activity_id"], "rep_id": records["rep_id"], **made})


def _matches(texts: pd.Series[Any], pattern: str) -> pd.Series[Any]:
    return texts.str.contains(pattern, regex=True, na=False)


def _filled(texts: pd.Series[Any], words: Words) -> pd.Series[Any]:
    found = _matches(texts, words["content"]) & ~_matches(texts, words["filler"])
    known = texts[found]
    repeats = [text[-1] in text[:3] and text.strip(text[:3]) == "" for text in known.to_list()]
    found[known.index[repeats]] = False
    return found


def rep_scores(frames: Frames, as_of: pd.Timestamp, words: Words) -> pd.DataFrame:
    """Mean score of each rep over 28 days, shrunk by the same formula as salesiq's (numpy on one row a rep)."""
    records = frames["activities"]
    entered_at = records[["occurred_at", "recorded_at"]].max(axis=1)
    scored = _scored(records[(entered_at > as_of - 28 * DAY) & records["rep_id"].notna()], words)
    sums = (
        scored.assign(square=scored["score"] ** 2)
        .groupby("rep_id")
        .agg(n_records=("score", "size"), mean_score=("score", "mean"), total=("score", "sum"), squares=("square", "sum"))
    )
    within = float((sums["squares"] - sums["total"] * sums["mean_score"]).clip(lower=0).sum())
    _, shrunk, _ = shrink(sums["n_records"].to_numpy(dtype=float), sums["mean_score"].to_numpy(), within)
    return sums.assign(shrunk_score=shrunk)


#: metric -> (function, columns it needs by table)
VERSIONS: dict[str, Callable[..., pd.DataFrame]] = {
    "funnel.visits": visits,
    "funnel.dwell": dwell,
    "funnel.dwell by region": dwell_by_region,
    "targets.decay": decay,
    "targets.attainment": attainment,
    "quality.record_score": record_score,
    "quality.rep_scores": rep_scores,
}
READS: dict[str, dict[str, list[str]]] = {
    "funnel": {
        "stage_events": ["deal_id", "stage", "entered_at"],
        "deals": ["deal_id", "status", "closed_at"],
        "stages": ["stage", "position", "is_won", "is_lost"],
    },
    "funnel.dwell by region": {
        "stage_events": ["deal_id", "stage", "entered_at"],
        "deals": ["deal_id", "customer_id", "status", "closed_at"],
        "stages": ["stage", "position", "is_won", "is_lost"],
        "customers": ["customer_id", "region"],
    },
    "targets": {
        "targets": ["version", "period", "unit_id", "rep_id", "measure", "amount", "set_at"],
        "org_units": ["unit_id", "parent_unit_id"],
        "reps": ["rep_id", "unit_id"],
        "deals": ["deal_id", "customer_id", "owner_id", "amount", "status", "is_new_customer", "closed_at"],
    },
    "quality": {
        "activities": [
            "activity_id",
            "rep_id",
            "occurred_at",
            "recorded_at",
            "next_step_due_at",
            "pain_point",
            "solution_fit",
            "next_step",
            "customer_words",
        ]
    },
}


def digest(metric: str, found: pd.DataFrame) -> dict[str, float]:
    """The numbers by which the result is compared with salesiq's."""
    digests: dict[str, Callable[[pd.DataFrame], dict[str, Any]]] = {
        "funnel.visits": _visit_sums,
        "funnel.dwell": lambda frame: {
            f"{stage} {name}": value for stage, row in frame.iterrows() for name, value in row.items()
        },
        "funnel.dwell by region": lambda frame: {
            f"{' '.join(key)} {name}": row[name]
            for key, row in frame.iterrows()
            for name in ("n_visits", "n_open", "median_days", "p90_days", "mean_days")
        },
        "targets.decay": lambda frame: {
            "n": len(frame),
            "gap": frame["gap_amount"].sum(),
            **{name: frame[name].sum() for name in ("retained_share", "cumulative_share")},
        },
        "targets.attainment": _attainment_sums,
        "quality.record_score": lambda frame: {
            "n": len(frame),
            "score": frame["score"].sum(),
            "timeliness": frame["timeliness"].sum(),
        },
        "quality.rep_scores": lambda frame: {
            "n_reps": len(frame),
            "n_records": frame["n_records"].sum(),
            "shrunk_score": frame["shrunk_score"].sum(),
        },
    }
    return digests[metric](found)


def _visit_sums(frame: pd.DataFrame) -> dict[str, float]:
    exits = {f"n_{word or None}": n for word, n in frame["exit"].value_counts().items()}
    return {"n": len(frame), "days": frame["days"].sum(), **exits}


def _attainment_sums(frame: pd.DataFrame) -> dict[str, float]:
    bookings = frame[frame["measure"] == "bookings"]
    is_rep = bookings["rep_id"].notna()
    sums = {"reps": bookings["actual_amount"][is_rep].sum(), "units": bookings["actual_amount"][~is_rep].sum()}
    return {"n": len(frame), **sums}
