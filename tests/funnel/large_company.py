"""The sample company with many deals, and what becomes of the same deals when they are seen to their end."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from salesiq.book import Book, Snapshot
from salesiq.sample import EXPORTED_AT, plants
from salesiq.sample.company import PROCESS
from salesiq.sample.customers import make_customers
from salesiq.sample.dealbook import STAGES, Chunk, deal_inputs, stage_event_frame, stage_frame
from salesiq.sample.dealflow import LOST, NEGOTIATION, WON, simulate
from salesiq.sample.people import make_organisation
from salesiq.sample.window import FUTURE_DAYS, Window, generator

HALF_A_MORNING = 0.33  # deals begin in the morning and move in the evening


@dataclass(frozen=True)
class LargeCompany:
    """`snapshot` is what the export knows; `visits` are all stays with their true length in days and their true end."""

    snapshot: Snapshot
    visits: pl.DataFrame


def large_company(n_deals: int, seed: int = 5) -> LargeCompany:
    """Let deals live to their end, and show the book only what had happened by the export."""
    window = Window()
    organisation = make_organisation(24, window, seed)
    customers = make_customers(organisation, seed)
    planned = plants.plan_ahead(organisation, customers, window, seed)
    inputs = deal_inputs(n_deals, organisation, customers, planned, window, generator(seed, "large"))
    last = window.n_days - 1 + FUTURE_DAYS - 20
    flow = simulate(inputs.deals, window, PROCESS, generator(seed, "large flow"), until=last)
    chunk = Chunk(inputs, flow, organisation, customers, window, seed)
    events = stage_event_frame(chunk)
    known = events.filter((pl.col("entered_at") <= EXPORTED_AT) & (pl.col("recorded_at") <= EXPORTED_AT))
    book = Book.from_frames(exported_at=EXPORTED_AT, stage_events=known, stages=stage_frame())
    return LargeCompany(book.as_of(EXPORTED_AT), _true_visits(chunk))


def _true_visits(chunk: Chunk) -> pl.DataFrame:
    deal, day, stage, _, _ = chunk.moves
    goes_on = np.append(deal[1:] == deal[:-1], False)
    days, following = np.append(day[1:] - day[:-1], 0), np.append(stage[1:], 0)
    is_seen = goes_on & (stage <= NEGOTIATION)
    here, then = stage[is_seen], following[is_seen]
    ended = np.select([then == WON, then == LOST, then > here], ["won", "lost", "advanced"], "regressed")
    length = days[is_seen] + np.where(here == 1, HALF_A_MORNING, 0.0)
    return pl.DataFrame({"stage": np.array(STAGES)[here - 1], "days": length, "exit": ended})
