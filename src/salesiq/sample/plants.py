"""Facts planted on purpose beside those in the process: silence, lost touch, alerts and help, credit, hostile names."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import polars as pl

from salesiq.sample.activities import Records, good_share_by_rep
from salesiq.sample.chain import Chain
from salesiq.sample.customers import Customers
from salesiq.sample.dealbook import Chunk, Planned
from salesiq.sample.dealflow import GENUINE, LOST, NEGOTIATION, PROPOSAL, PSEUDO, WON, Process
from salesiq.sample.frames import canonical, ids, pick
from salesiq.sample.people import ROLES, Organisation
from salesiq.sample.window import EXPORTED_AT, Window, generator
from salesiq.sample.words import INTERVENTIONS, REACTIONS

HOSTILE_NAMES = ("<script>alert(1)</script>", "=cmd|' /C calc'!A0")
N_SILENT, SILENT_DAYS, SHIFT_DAYS, NO_RECORDS_DAYS = 9, 23, 58, 90
N_DOWNGRADED = 5
LAST_WEEK = (dt.date(2026, 6, 22), dt.date(2026, 6, 29))  # the last full week, half-open


def plan_ahead(organisation: Organisation, customers: Customers, window: Window, seed: int) -> Planned:
    """Decide before the first day who falls silent and which region loses its touch."""
    rng = generator(seed, "plants")
    quiet = organisation.plays("no_records") | organisation.plays("selective")
    able = np.flatnonzero((customers.tier == 0) & ~quiet[customers.owner])
    silent = np.sort(rng.choice(able, min(N_SILENT, len(able)), replace=False))
    return Planned(silent, window.n_days - SILENT_DAYS, 2, window.n_days - SHIFT_DAYS, window.n_days // 3)


def hostile(customers: Customers, chunk: Chunk) -> list[str]:
    """Rename the customers of the two most engaged open deals in negotiation: names that are text and must stay text."""
    late = np.flatnonzero(chunk.stage == NEGOTIATION)
    ranked = late[np.argsort(-chunk.inputs.deals.engagement[late], kind="stable")]
    found = list(dict.fromkeys(chunk.inputs.customer[ranked].tolist()))[: len(HOSTILE_NAMES)]
    for at, name in zip(found, HOSTILE_NAMES, strict=False):
        customers.names[at] = name
    return [str(customers.ids[at]) for at in found]


def downgrades(chunk: Chunk, chain: Chain, window: Window, seed: int) -> dict[int, int]:
    """Choose customers with a deal in proposal and no order for three months; return their index and the day of the fall."""
    recent = chain.frames["orders"].filter(pl.col("ordered_at") > EXPORTED_AT - dt.timedelta(days=100))["customer_id"].to_list()
    able = np.unique(chunk.inputs.customer[chunk.stage == PROPOSAL])
    able = able[~np.isin(chunk.customers.ids[able].astype(str), np.array(recent, dtype=str))]
    rng = generator(seed, "downgrades")
    chosen = np.sort(rng.choice(able, min(N_DOWNGRADED, len(able)), replace=False))
    return {int(at): int(window.n_days - rng.integers(10, 45)) for at in chosen}


def alert_frames(chunk: Chunk, seed: int) -> tuple[pl.DataFrame, pl.DataFrame, dict[int, str]]:
    """Return alerts, interventions, and the alert of each deal that had one."""
    deal, day, helped, _ = chunk.flow.table("alerts")
    order = np.lexsort((deal, day))
    deal, day, helped = deal[order], day[order], helped[order]
    rng, n, window = generator(seed, "alerts"), len(deal), chunk.window
    alert_ids, reps = ids("W", n, 4), chunk.organisation.rep_ids[chunk.inputs.rep[deal]]
    alerts = canonical(
        "alerts",
        {
            "alert_id": alert_ids,
            "rule_id": ["silent_14_days"] * n,
            "deal_id": chunk.deal_ids[deal],
            "customer_id": chunk.customers.ids[chunk.inputs.customer[deal]],
            "rep_id": reps,
            "raised_at": window.moments(day, np.full(n, 19 * 3600)),
        },
    )
    acted = window.working_on_or_after(day + 1)
    done = np.flatnonzero((helped == 1) & (acted < window.n_days))
    interventions = canonical(
        "interventions",
        {
            "intervention_id": ids("I", len(done), 4),
            "alert_id": alert_ids[done],
            "deal_id": chunk.deal_ids[deal[done]],
            "rep_id": reps[done],
            "kind": pick(rng, INTERVENTIONS, len(done)),
            "started_at": window.moments(acted[done], rng.integers(9 * 3600, 12 * 3600, len(done))),
            "reaction": pick(rng, REACTIONS, len(done), (0.4, 0.2, 0.25, 0.15)),
            "amount": chunk.inputs.amount[deal[done]],
        },
    )
    return alerts, interventions, {int(at): str(name) for at, name in zip(deal, alert_ids, strict=True)}


def people_truth(organisation: Organisation, records: Records, window: Window) -> dict[str, Any]:
    """Return who plays which part, and how good the records of each rep truly are."""
    frame = records.frame.select("activity_id", "occurred_at")
    week = records.truth.join(frame, on="activity_id").filter(pl.col("occurred_at").is_between(*LAST_WEEK, closed="left"))
    return {
        "roles": {role: organisation.named(role) for role in ROLES},
        "no_records_from": str(window.dates[window.n_days - NO_RECORDS_DAYS]),
        "skill": _by_rep(organisation, organisation.skill),
        "optimism": _by_rep(organisation, organisation.optimism),
        "planned_good_share": _by_rep(organisation, organisation.good_share),
        "good_share": good_share_by_rep(records.truth),
        "last_week": {
            "from": str(LAST_WEEK[0]),
            "to": str(LAST_WEEK[1]),
            "good_share": good_share_by_rep(week),
            "n_records": _counts(week),
        },
        "backfilled_share": {
            rep: round(share, 4)
            for rep, share in records.truth.group_by("rep_id").agg(pl.col("is_backfilled").mean()).sort("rep_id").iter_rows()
        },
    }


def _by_rep(organisation: Organisation, values: Any) -> dict[str, float]:
    return {str(rep): round(float(value), 4) for rep, value in zip(organisation.rep_ids, values, strict=True)}


def _counts(week: pl.DataFrame) -> dict[str, int]:
    return dict(week.group_by("rep_id").agg(pl.len()).sort("rep_id").iter_rows())


def process_truth(chunk: Chunk, planned: Planned, process: Process) -> dict[str, Any]:
    """Return what was planted in the life of deals."""
    deal, day, stage, why, moment = chunk.moves
    fake = np.flatnonzero(why == PSEUDO)
    follows = np.append(deal[1:] == deal[:-1], False)
    next_stage = np.append(stage[1:], 0)
    back = follows[fake] & (next_stage[fake] < stage[fake])
    ended = follows[fake]
    return {
        "pseudo_advances": [
            {"deal_id": str(chunk.deal_ids[deal[at]]), "stage": int(stage[at]), "entered_at": str(moment[at].astype("M8[s]"))}
            for at in fake
        ],
        "pseudo_reversal_share": round(float(back.sum() / max(ended.sum(), 1)), 4),
        "silent_customers": _silent(chunk, planned),
        "win_rate_fall": _fall(chunk, planned, day, stage),
        "alert_effect": {"log_hazard_of_winning": process.helped_advance, "log_hazard_of_losing": process.helped_lost},
        "n_genuine_advances": int(((why == GENUINE) & (stage <= NEGOTIATION)).sum()),
    }


def _silent(chunk: Chunk, planned: Planned) -> list[dict[str, str]]:
    """Silent customers that still have an open deal, with the day from which nothing was heard or said."""
    open_customers = chunk.inputs.customer[chunk.stage < WON]
    found = np.intersect1d(planned.silent_customers, open_customers)
    return [
        {"customer_id": str(chunk.customers.ids[at]), "silent_from": str(chunk.window.dates[planned.silent_from])}
        for at in found
    ]


def _fall(chunk: Chunk, planned: Planned, day: Any, stage: Any) -> dict[str, Any]:
    """The region's won share of closed deals before and after the day from which it wins less."""
    region = chunk.organisation.region[chunk.inputs.rep[chunk.moves[0]]] == planned.shifted_region
    shares = {}
    for name, inside in (("before", day < planned.shift_from), ("after", day >= planned.shift_from)):
        n_won, n_lost = (int((region & inside & (stage == end)).sum()) for end in (WON, LOST))
        shares[name] = {"n_won": n_won, "n_lost": n_lost, "win_share": round(n_won / max(n_won + n_lost, 1), 4)}
    unit = str(chunk.organisation.region_ids[planned.shifted_region])
    return {
        "unit_id": unit,
        "from": str(chunk.window.dates[planned.shift_from]),
        **shares,
        "log_hazard_of_winning": -1.1,
        "log_hazard_of_losing": 0.9,
    }
