"""How the amount and the expected day of a deal were told while it was open, up to what the export tells.

Nothing here knows how a deal ends: estimates change by the same law whether it is won later or lost. Amounts are told backwards
from the final one, so that the last estimate is the export's; planned days are told forwards and closed ones end in it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from salesiq.sample.dealbook import NEVER, Chunk
from salesiq.sample.dealflow import BACK, NEGOTIATION, PROPOSAL
from salesiq.sample.window import Bools, Floats, Ints

DAYS_TO_REVISION = 90.0  # mean, of the amount; besides, four in ten are revised on entering proposal or negotiation
REVISED_SHARE, REVISION_SPREAD = 0.4, 0.15  # the spread of the log of an amount's change
FIRST_PLAN, NEXT_PLAN = (60, 150), (5, 90)  # days ahead
DAYS_TO_PUSH, DAYS_TO_REPLAN = 8.0, 120.0  # mean: after the planned day has passed; at any time


@dataclass(frozen=True)
class Revisions:
    """What was changed and when, in the order of deals and days: one entry per change, `day` its day."""

    amount_deal: Ints
    amount_day: Ints
    log_change: Floats
    plan_deal: Ints
    plan_day: Ints
    planned: Ints  # the day that was expected from then on

    def amounts(self, final: Ints, day: int) -> Ints:
        """Return the cents told on the evening of a day; an amount in whole thousands was always in whole thousands."""
        later = self.amount_day > day
        still_to_come = np.bincount(self.amount_deal[later], self.log_change[later], len(final))
        step = np.where(final % 100_000 == 0, 100_000, 1)
        told = np.maximum(np.round(final * np.exp(-still_to_come) / step).astype(np.int64), 1) * step
        return np.where(still_to_come == 0, final, told)

    def expected(self, n: int, day: int) -> Ints:
        """Return the planned day told on the evening of a day, -1 for deals that had not begun."""
        told = np.full(n, -1, dtype=np.int64)
        known = self.plan_day <= day
        told[self.plan_deal[known]] = self.planned[known]  # in the order of time: the last one stays
        return told


def make_revisions(chunk: Chunk, final_plan: Ints) -> Revisions:
    """Draw the changes; `final_plan` is the expected day that the export tells, a number of the window's days."""
    amount_deal, amount_day = _amount_days(chunk, chunk.rng("revisions/amount"))
    change = chunk.rng("revisions/change").normal(0.0, REVISION_SPREAD, len(amount_deal))
    return Revisions(amount_deal, amount_day, change, *_plans(chunk, final_plan, chunk.rng("revisions/plan")))


def _end(chunk: Chunk) -> Ints:
    return np.minimum(chunk.closed_day, chunk.window.n_days - 1)


def _amount_days(chunk: Chunk, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Now and then, and on entering a late stage."""
    deal, day, stage, why, _ = chunk.moves
    is_late = (stage >= PROPOSAL) & (stage <= NEGOTIATION) & (why != BACK) & (rng.random(len(deal)) < REVISED_SHARE)
    n, created, end = len(chunk.stage), chunk.inputs.deals.created, _end(chunk)
    gaps = rng.geometric(1 / DAYS_TO_REVISION, (n, 24)).cumsum(axis=1) + created[:, None]
    row, place = np.nonzero(gaps < end[:, None])
    deals, days = np.concatenate([deal[is_late], row]), np.concatenate([day[is_late], gaps[row, place]])
    order = np.lexsort((days, deals))
    return deals[order], days[order]


def _plans(chunk: Chunk, final_plan: Ints, rng: np.random.Generator) -> tuple[Ints, Ints, Ints]:
    deal, day, planned = _as_planned(chunk, rng)
    is_open = chunk.closed_day == NEVER
    closed = np.flatnonzero(~is_open)
    at = _changed_to(final_plan, chunk, rng, deal, day, is_open)
    is_kept = ~is_open[deal] | (day < final_plan[deal]) & (day <= at[deal])
    # an open deal's newest plan is the export's; where that is too far ahead for its day, the plan was changed once more
    changed = np.flatnonzero(is_open)
    is_kept &= ~(is_open[deal] & (day == at[deal]))
    deal = np.concatenate([deal[is_kept], closed, changed])
    day = np.concatenate([day[is_kept], chunk.closed_day[closed], at[changed]])
    planned = np.concatenate([planned[is_kept], final_plan[closed], final_plan[changed]])
    order = np.lexsort((day, deal))
    return deal[order], day[order], planned[order]


def _as_planned(chunk: Chunk, rng: np.random.Generator) -> tuple[Ints, Ints, Ints]:
    """Plans of all deals by one law: a first one, then another some time after it has passed, or now and then before."""
    end, deal = _end(chunk), np.arange(len(chunk.stage))
    day = chunk.inputs.deals.created
    planned = day + rng.integers(*FIRST_PLAN, len(deal), endpoint=True)
    found = [(deal, day, planned)]
    while len(deal):
        early, late = rng.geometric(1 / DAYS_TO_REPLAN, len(deal)), rng.geometric(1 / DAYS_TO_PUSH, len(deal))
        day = np.minimum(day + early, planned + late)
        planned = day + rng.integers(*NEXT_PLAN, len(deal), endpoint=True)
        goes_on = day < end[deal]
        deal, day, planned = deal[goes_on], day[goes_on], planned[goes_on]
        found.append((deal, day, planned))
    return tuple(np.concatenate(part) for part in zip(*found, strict=True))  # type: ignore[return-value]


def _changed_to(final: Ints, chunk: Chunk, rng: np.random.Generator, deal: Ints, day: Ints, is_open: Bools) -> Ints:
    """Day on which the export's plan was made, for open deals: their newest change before it, or a later day of its own."""
    newest, n_before = np.full(len(final), -1, dtype=np.int64), np.zeros(len(final), dtype=np.int64)
    before = day < final[deal]
    np.maximum.at(newest, deal[before], day[before])
    np.add.at(n_before, deal[before], 1)
    reach = np.where(n_before > 1, NEXT_PLAN[1], FIRST_PLAN[1])
    first, last = np.maximum(newest + 1, final - NEXT_PLAN[1]), np.minimum(final - NEXT_PLAN[0], chunk.window.n_days - 1)
    own = first + (rng.random(len(final)) * (np.maximum(last - first, 0) + 1)).astype(np.int64)
    return np.where(is_open & (final - newest > reach), own, newest)
