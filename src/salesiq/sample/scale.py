"""The same company a thousand times larger, written in chunks: its deals are never all in memory."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from salesiq.sample import plants
from salesiq.sample.activities import write_down
from salesiq.sample.company import DEALS_PER_REP_MONTH, PROCESS, SMALLEST_REPS
from salesiq.sample.customers import Customers, customer_frame, make_customers
from salesiq.sample.dealbook import NEVER, Chunk, Planned, deal_frame, deal_inputs, stage_event_frame, stage_frame
from salesiq.sample.dealflow import Process, simulate
from salesiq.sample.people import Organisation, make_organisation
from salesiq.sample.plan import bookings, make_plan
from salesiq.sample.window import Floats, Ints, Window, generator

CHUNK_DEALS = 50_000
# Measured: contacts a deal = 1.4 that come with moves + 3.55 per unit of `contact_factor`; 97.5 % of them are written down.
CONTACTS_WITH_MOVES, CONTACTS_PER_FACTOR, WRITTEN_SHARE = 1.4, 3.55, 0.975


def write_scale(out_dir: str | Path, n_deals: int, seed: int = 7, n_activities_per_deal: float = 8.0) -> None:
    """Write a company with `n_deals` deals as one Parquet file a table: the same process, more reps, chunk after chunk.

    Tables: deals, stage_events (about three a deal), activities (about `n_activities_per_deal`, at least two), customers,
    contacts, reps, org_units, targets, stages. One rep has about ninety deals. Equal arguments give equal files.
    """
    out, window = Path(out_dir), Window()
    out.mkdir(parents=True, exist_ok=True)
    organisation = make_organisation(max(SMALLEST_REPS, n_deals // (window.n_months * DEALS_PER_REP_MONTH)), window, seed)
    customers = make_customers(organisation, seed)
    planned = plants.plan_ahead(organisation, customers, window, seed)
    first_deal, booked = _write_deals(out, n_deals, organisation, customers, planned, window, seed, n_activities_per_deal)
    frames = {
        **organisation.frames,
        "customers": customer_frame(customers, organisation, first_deal, window, seed),
        "contacts": customers.contacts,
        "stages": stage_frame(),
        "targets": make_plan(organisation, booked, window, seed).frame(),
    }
    for name, frame in frames.items():
        frame.write_parquet(out / f"{name}.parquet", compression="zstd")


def _write_deals(
    out: Path,
    n_deals: int,
    organisation: Organisation,
    customers: Customers,
    planned: Planned,
    window: Window,
    seed: int,
    n_activities_per_deal: float,
) -> tuple[Ints, dict[int, Floats]]:
    """Simulate and append chunk after chunk; return the day of each customer's first deal, and the bookings."""
    factor = max(0.2, (n_activities_per_deal / WRITTEN_SHARE - CONTACTS_WITH_MOVES) / CONTACTS_PER_FACTOR)
    process, width = replace(PROCESS, contact_factor=factor), max(6, len(str(n_deals)))
    first_deal, booked, n_written = np.full(len(customers.ids), NEVER), dict[int, Floats](), 0
    with ExitStack() as stack:
        tables = _Tables(out, stack)
        for part, first in enumerate(range(0, n_deals, CHUNK_DEALS)):
            n = min(CHUNK_DEALS, n_deals - first)
            chunk = _chunk(n, part, first, organisation, customers, planned, window, seed, process, width)
            tables.append("deals", deal_frame(chunk))
            tables.append("stage_events", stage_event_frame(chunk))
            records = write_down(chunk, window.n_days - plants.NO_RECORDS_DAYS, n_written + 1, width + 1)
            tables.append("activities", records.frame)
            n_written += records.frame.height
            np.minimum.at(first_deal, chunk.inputs.customer, chunk.inputs.deals.created)
            booked = {quarter: booked.get(quarter, 0.0) + more for quarter, more in bookings(chunk).items()}
    return first_deal, booked


def _chunk(
    n: int,
    part: int,
    first: int,
    organisation: Organisation,
    customers: Customers,
    planned: Planned,
    window: Window,
    seed: int,
    process: Process,
    width: int,
) -> Chunk:
    inputs = deal_inputs(n, organisation, customers, planned, window, generator(seed, f"deal_inputs/{part}"))
    flow = simulate(inputs.deals, window, process, generator(seed, f"dealflow/{part}"))
    return Chunk(inputs, flow, organisation, customers, window, seed, part, first + 1, width)


class _Tables:
    """One growing Parquet file a table."""

    def __init__(self, out: Path, stack: ExitStack) -> None:
        self.out, self.stack = out, stack
        self.writers: dict[str, Any] = {}

    def append(self, table: str, frame: pl.DataFrame) -> None:
        # polars writes a Parquet file in one piece; only this function appends, so only it needs pyarrow
        import pyarrow.parquet

        rows = frame.to_arrow()
        if table not in self.writers:
            writer = pyarrow.parquet.ParquetWriter(self.out / f"{table}.parquet", rows.schema, compression="zstd")
            self.writers[table] = self.stack.enter_context(writer)
        self.writers[table].write_table(rows)
