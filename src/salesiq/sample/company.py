"""One consistent sample company, with the truth about it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from salesiq.errors import UsageError
from salesiq.sample import plants
from salesiq.sample.activities import Records, write_down
from salesiq.sample.capability import Capability, make_capability, make_forecast_calls
from salesiq.sample.chain import Chain, make_chain
from salesiq.sample.customers import customer_frame, make_customers, rating_frame, signal_frame, stock_frame
from salesiq.sample.dealbook import (
    NEVER,
    Chunk,
    Inputs,
    Planned,
    approval_frame,
    deal_frame,
    deal_inputs,
    document_frame,
    stage_event_frame,
    stage_frame,
)
from salesiq.sample.dealflow import WON, Process, simulate
from salesiq.sample.oracle import MOMENTS, true_dwell, true_effects, true_probabilities
from salesiq.sample.people import make_organisation
from salesiq.sample.plan import AUDITED, CITIES_SUM, Plan, booked_by_rep, bookings, make_plan
from salesiq.sample.window import EXPORTED_AT, Window, generator

DEALS_PER_REP_MONTH = 5
SMALLEST_REPS, SMALLEST_MONTHS, MOST_MONTHS = 6, 6, 60
AUDITED_ATTAINMENT = 0.84  # of what the cities of the audited quarter aimed at
PROCESS = Process()


@dataclass(frozen=True)
class Company:
    """The sample company at its export.

    `frames` holds one frame per canonical table but `loads`, `rejects` and `models`, which salesiq writes itself; each has
    exactly the columns and types of its contract. `truth` is what was planted, ready for JSON; `truth_frames` what is true
    row by row.
    """

    frames: dict[str, pl.DataFrame]
    truth: dict[str, Any]
    chunk: Chunk = field(repr=False)
    records: Records = field(repr=False)
    alert_ids: dict[int, str] = field(repr=False)

    @cached_property
    def truth_frames(self) -> dict[str, pl.DataFrame]:
        """True values row by row, made on first use (seconds).

        `win_probabilities`: see `salesiq.sample.oracle.true_probabilities`; `effects`: `true_effects`; `records`: per activity
        `is_timely`, `is_complete`, `is_verifiable`, `is_good`, `is_backfilled`.
        """
        return {
            "win_probabilities": true_probabilities(self.chunk, PROCESS),
            "effects": true_effects(self.chunk, PROCESS, self.alert_ids),
            "records": self.records.truth,
        }


def generate(n_reps: int = 24, n_months: int = 18, seed: int = 7, scale: int | None = None) -> Company:
    """Make the sample company: an FMCG sales organisation in East China, up to the export at 2026-06-30 20:00.

    `n_reps` people sell (6 or more; all planted roles need 12), over the `n_months` (6 to 60) before the export; `scale` is
    the number of deals, by default five a rep and month. Equal arguments give equal frames to the bit; another seed another
    company. Raises UsageError for a size that cannot hold the planted facts.

    >>> company = generate(n_reps=12, n_months=6, seed=1, scale=200)
    >>> company.frames["deals"].height, company.frames["org_units"].height
    (200, 11)
    """
    if n_reps < SMALLEST_REPS or not SMALLEST_MONTHS <= n_months <= MOST_MONTHS or (scale is not None and scale < 100):
        raise UsageError("sample.too_small", n_reps=SMALLEST_REPS, n_months=SMALLEST_MONTHS, most=MOST_MONTHS)
    window, organisation = Window(n_months), make_organisation(n_reps, Window(n_months), seed)
    customers = make_customers(organisation, seed)
    planned = plants.plan_ahead(organisation, customers, window, seed)
    n_deals = scale or n_reps * n_months * DEALS_PER_REP_MONTH
    inputs = deal_inputs(n_deals, organisation, customers, planned, window, generator(seed, "deal_inputs"))
    flow = simulate(inputs.deals, window, PROCESS, generator(seed, "dealflow"), keep=tuple(map(window.day, MOMENTS)))
    chunk = Chunk(inputs, flow, organisation, customers, window, seed)
    chunk = replace(chunk, inputs=_priced(chunk))
    return _assemble(chunk, planned)


def _priced(chunk: Chunk) -> Inputs:
    """Scale all amounts so that the audited quarter's bookings stand in a sane relation to its targets."""
    booked = float(booked_by_rep(chunk, (2026 - 1970) * 4 + 1).sum())
    factor = CITIES_SUM * chunk.organisation.n / 24 * AUDITED_ATTAINMENT / max(booked, 1.0)
    amount = np.clip(chunk.inputs.amount * min(max(factor, 0.2), 5.0), 5_000_000, 5_000_000_000)
    is_round = chunk.inputs.amount % 100_000 == 0
    return replace(
        chunk.inputs, amount=np.where(is_round, np.round(amount / 100_000) * 100_000, np.round(amount)).astype(np.int64)
    )


def _assemble(chunk: Chunk, planned: Planned) -> Company:
    window, seed, organisation, customers = chunk.window, chunk.seed, chunk.organisation, chunk.customers
    hostile = plants.hostile(customers, chunk)
    records = write_down(chunk, window.n_days - plants.NO_RECORDS_DAYS)
    chain, plan, capability = (
        make_chain(chunk),
        make_plan(organisation, bookings(chunk), window, seed),
        make_capability(chunk, window, seed),
    )
    downgraded = plants.downgrades(chunk, chain, window, seed)
    alerts, interventions, alert_ids = plants.alert_frames(chunk, seed)
    first_deal = np.full(len(customers.ids), NEVER)
    np.minimum.at(first_deal, chunk.inputs.customer, chunk.inputs.deals.created)
    frames = {
        **organisation.frames,
        "customers": customer_frame(customers, organisation, first_deal, window, seed),
        "contacts": customers.contacts,
        "deals": deal_frame(chunk),
        "stages": stage_frame(),
        "stage_events": stage_event_frame(chunk),
        "approvals": approval_frame(chunk),
        "activities": records.frame,
        "documents": document_frame(chunk),
        "forecast_calls": make_forecast_calls(chunk, window, seed),
        **chain.frames,
        "stock_levels": stock_frame(customers, window, seed),
        "credit_ratings": rating_frame(customers, downgraded, window, seed),
        "targets": plan.frame(),
        **capability.frames,
        "market_signals": signal_frame(customers, window, seed),
        "alerts": alerts,
        "interventions": interventions,
    }
    truth = _truth(chunk, planned, records, chain, plan, capability)
    truth["credit_downgrades"] = [
        {"customer_id": str(customers.ids[at]), "rated_on": str(window.dates[day])} for at, day in sorted(downgraded.items())
    ]
    truth["hostile_names"] = dict(zip(hostile, plants.HOSTILE_NAMES, strict=False))
    return Company(frames, truth, chunk, records, alert_ids)


def _truth(
    chunk: Chunk, planned: Planned, records: Records, chain: Chain, plan: Plan, capability: Capability
) -> dict[str, Any]:
    window, open_deals = chunk.window, chunk.stage < WON
    return {
        "exported_at": EXPORTED_AT.isoformat(),
        "first_day": str(window.start),
        "seed": chunk.seed,
        "n_open_deals": int(open_deals.sum()),
        "n_won": int(chunk.is_won.sum()),
        "target_decay": {
            "period": AUDITED,
            "measure": "bookings",
            "version": "v1",
            "edges": plan.edges,
            "missing_level": {"period": "2026-Q1", "unit_id": str(chunk.organisation.city_ids[2])},
        },
        "people": plants.people_truth(chunk.organisation, records, window),
        "process": plants.process_truth(chunk, planned, PROCESS),
        "dwell": true_dwell(chunk.organisation, chunk.customers, planned, window, PROCESS, chunk.seed),
        "broken_links": {kind: list(map(str, rows)) for kind, rows in chain.broken.items()},
        "capability": capability.truth,
    }
