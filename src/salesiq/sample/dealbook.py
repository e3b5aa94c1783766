"""From the life of deals to the CRM's tables: deals, stage events, documents, approvals, alerts.

The company and the large scale both go through `deal_inputs`, `simulate` and `Chunk`; nothing is simulated in two ways.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from salesiq.sample.customers import TIER_EFFECT, TIER_SIZE, TIER_WEIGHT, Customers
from salesiq.sample.dealflow import CREATED, LOST, NEGOTIATION, PSEUDO, WON, Deals, Flow
from salesiq.sample.frames import canonical, cents, ids, moments_or_null, pick, where_not
from salesiq.sample.people import Organisation
from salesiq.sample.window import Bools, Floats, Ints, Moments, Texts, Window, generator
from salesiq.sample.words import DEAL_KINDS, LOST_REASONS, PRODUCT_LINES, PRODUCT_MARGINS, PRODUCT_SHARES, SOURCES

STAGES = ("线索", "需求诊断", "方案报价", "商务谈判", "赢单", "输单")
STANDARD_DAYS = (14.0, 21.0, 30.0, 21.0, None, None)
NEVER = 10**6
FIRST_DAYS, FIRST_FACTOR = 25, 4.0  # when the CRM began, reps entered the talks that were already under way
PSEUDO_RATE = 0.012  # a day, where a pseudo-advancing rep's customer has been silent
MEDIAN_AMOUNT = 1_300_000.0


@dataclass(frozen=True)
class Planned:
    """What was decided before the first day: customers who fall silent, the region whose team loses its touch."""

    silent_customers: Ints
    silent_from: int
    shifted_region: int
    shift_from: int
    watched_from: int


@dataclass(frozen=True)
class Inputs:
    """A chunk of deals before they live: who, for whom, how much; `deals` is what the simulation reads."""

    deals: Deals
    rep: Ints
    customer: Ints
    amount: Ints  # cents
    line: Ints


def deal_inputs(
    n_deals: int, organisation: Organisation, customers: Customers, planned: Planned, window: Window, rng: np.random.Generator
) -> Inputs:
    """Deal out about `n_deals` to reps, days and customers."""
    start = np.clip(organisation.hired, 0, window.n_days)
    load = np.where(start < window.n_days - 5, window.n_days - start, 0) * organisation.diligence
    rep = rng.choice(organisation.n, n_deals, p=load / load.sum())
    created = _creation_days(rng, start[rep], window)
    order = np.lexsort((rep, created))
    rep, created = rep[order], created[order]
    customer = _choose_customers(rng, rep, organisation, customers)
    tier = customers.tier[customer]
    spread = rng.normal(0.0, 0.75, n_deals)
    amount = _amounts(rng, MEDIAN_AMOUNT * TIER_SIZE[tier] * np.exp(spread))
    deals = Deals(
        created=created,
        skill=organisation.skill[rep],
        tier_effect=TIER_EFFECT[tier] - 0.10 * spread,
        engagement=rng.normal(size=n_deals),
        diligence=organisation.diligence[rep],
        pseudo_rate=np.where(organisation.plays("pseudo_advance")[rep], PSEUDO_RATE, 0.0),
        silent_from=np.where(np.isin(customer, planned.silent_customers), planned.silent_from, NEVER),
        shift_from=np.where(organisation.region[rep] == planned.shifted_region, planned.shift_from, NEVER),
        propensity=np.clip(0.35 + 0.25 * (tier == 0) + 0.10 * spread, 0.1, 0.9),
        watched_from=planned.watched_from,
    )
    return Inputs(deals, rep, customer, amount, rng.choice(len(PRODUCT_LINES), n_deals, p=PRODUCT_SHARES))


def _creation_days(rng: np.random.Generator, start: Ints, window: Window) -> Ints:
    """Working days after each rep's start, by inverting the cumulative work."""
    rhythm = window.weights[: window.n_days].copy()
    rhythm[:FIRST_DAYS] *= FIRST_FACTOR
    work = np.concatenate([[0.0], np.cumsum(rhythm)])
    aim = work[start] + rng.random(len(start)) * (work[-1] - work[start])
    return np.asarray(np.clip(np.searchsorted(work, aim, side="left") - 1, 0, window.n_days - 1))


def _choose_customers(rng: np.random.Generator, rep: Ints, organisation: Organisation, customers: Customers) -> Ints:
    """One of the rep's own customers, the important ones more often."""
    per_rep = len(customers.ids) // organisation.n
    weight = TIER_WEIGHT[customers.tier].reshape(organisation.n, per_rep)
    edges = np.cumsum(weight, axis=1)
    aim = rng.random(len(rep)) * edges[rep, -1]
    return np.asarray(rep * per_rep + (edges[rep] < aim[:, None]).sum(axis=1))


def _amounts(rng: np.random.Generator, yuan: Floats) -> Ints:
    """Mostly whole thousands, a fifth to the cent; 5 万 to 3,000 万."""
    yuan = np.clip(yuan, 50_000.0, 30_000_000.0)
    return np.where(rng.random(len(yuan)) < 0.8, cents(yuan, 1000.0), cents(yuan, 0.01))


@dataclass(frozen=True)
class Chunk:
    """Deals that have lived: inputs and flow, with the text ids and moments that the tables share."""

    inputs: Inputs
    flow: Flow
    organisation: Organisation
    customers: Customers
    window: Window
    seed: int
    part: int = 0
    first_deal: int = 1
    width: int = 6

    @cached_property
    def deal_ids(self) -> Texts:
        """Text ids in the order of creation."""
        return ids("D", len(self.inputs.rep), self.width, self.first_deal)

    def rng(self, table: str) -> np.random.Generator:
        """Random numbers of one table of this chunk."""
        return generator(self.seed, f"{table}/{self.part}")

    @cached_property
    def moves(self) -> tuple[Ints, Ints, Ints, Ints, Moments]:
        """Stage entries by deal and time: deal, day, stage, why, moment. Deals begin in the morning and move in the evening."""
        deal, day, stage, why = self.flow.table("moves")
        order = np.lexsort((day, deal))
        deal, day, stage, why = deal[order], day[order], stage[order], why[order]
        rng = self.rng("moves")
        morning, evening = rng.integers(9 * 3600, 11 * 3600, len(deal)), rng.integers(17 * 3600, 18 * 3600 + 3000, len(deal))
        return deal, day, stage, why, self.window.moments(day, np.where(why == CREATED, morning, evening))

    @cached_property
    def last_move(self) -> Ints:
        """Position in `moves` of each deal's last entry."""
        deal = self.moves[0]
        return np.flatnonzero(np.append(deal[1:] != deal[:-1], True))

    @cached_property
    def stage(self) -> Ints:
        """Stage at the export, one entry per deal."""
        return self.moves[2][self.last_move]

    @cached_property
    def closed_day(self) -> Ints:
        """Day of closing; a large number while open."""
        return np.where(self.stage >= WON, self.moves[1][self.last_move], NEVER)

    @cached_property
    def closed_at(self) -> Moments:
        """Moment of closing; not-a-time while open."""
        return moments_or_null(self.moves[4][self.last_move], self.stage < WON)

    @cached_property
    def created_at(self) -> Moments:
        """Moment of creation."""
        return np.asarray(self.moves[4][np.append(0, self.last_move[:-1] + 1)])

    @property
    def is_won(self) -> Bools:
        """Whether won at the export."""
        return np.asarray(self.stage == WON)


def deal_frame(chunk: Chunk) -> pl.DataFrame:
    """Return the canonical deals as they stand at the export."""
    rng, inputs, stage = chunk.rng("deals"), chunk.inputs, chunk.stage
    n = len(stage)
    margin = np.array(PRODUCT_MARGINS)[inputs.line] + rng.normal(0.0, 0.04, n)
    line = np.array(PRODUCT_LINES, dtype=object)[inputs.line]
    return canonical(
        "deals",
        {
            "deal_id": chunk.deal_ids,
            "customer_id": chunk.customers.ids[inputs.customer],
            "owner_id": chunk.organisation.rep_ids[inputs.rep],
            "name": line + pick(rng, DEAL_KINDS, n),
            "amount": inputs.amount,
            "currency": ["CNY"] * n,
            "product_line": line,
            "margin_share": np.round(margin, 3),
            "source": pick(rng, SOURCES, n),
            "is_new_customer": _is_new(chunk),
            "created_at": chunk.created_at,
            "expected_close_on": _expected_days(chunk, rng),
            "stage": np.array(STAGES, dtype=object)[stage - 1],
            "status": np.array(["open", "won", "lost"], dtype=object)[np.maximum(stage - NEGOTIATION, 0)],
            "closed_at": chunk.closed_at,
            "lost_reason": where_not(pick(rng, LOST_REASONS, n, (0.34, 0.22, 0.13, 0.12, 0.13, 0.06)), stage != LOST),
        },
    )


def _is_new(chunk: Chunk) -> Bools:
    """The customer had bought neither before the window nor, by an earlier win, in it."""
    first_win = np.full(len(chunk.customers.ids), NEVER)
    np.minimum.at(first_win, chunk.inputs.customer, np.where(chunk.is_won, chunk.closed_day, NEVER))
    return ~chunk.customers.is_existing[chunk.inputs.customer] & (
        first_win[chunk.inputs.customer] >= chunk.inputs.deals.created
    )


def _expected_days(chunk: Chunk, rng: np.random.Generator) -> Moments:
    """What the rep expects: near the truth for closed deals; open ones are mostly pushed beyond the export."""
    n, created = len(chunk.stage), chunk.inputs.deals.created
    near = chunk.closed_day + np.round(rng.normal(3.0, 16.0, n)).astype(np.int64)
    hoped = np.maximum(created + rng.integers(60, 150, n), chunk.window.n_days + rng.integers(5, 90, n))
    overdue = chunk.window.n_days - rng.integers(1, 45, n)
    ahead = np.where(rng.random(n) < 0.15, overdue, hoped)
    return chunk.window.days_of(np.maximum(np.where(chunk.stage >= WON, near, ahead), created + 5))


def stage_frame() -> pl.DataFrame:
    """Return the canonical stages."""
    return canonical(
        "stages",
        {
            "stage": STAGES,
            "position": np.arange(1, 7),
            "is_won": [stage == "赢单" for stage in STAGES],
            "is_lost": [stage == "输单" for stage in STAGES],
            "standard_days": STANDARD_DAYS,
        },
    )


def stage_event_frame(chunk: Chunk) -> pl.DataFrame:
    """Return the canonical stage events; a twelfth were entered the next morning."""
    deal, day, stage, _, moment = chunk.moves
    rng = chunk.rng("stage_events")
    n = len(deal)
    same_day = moment + rng.integers(0, 1800, n).astype("m8[s]")
    is_late = (rng.random(n) < 0.08) & (day < chunk.window.n_days - 1) & (stage < WON)
    next_day = chunk.window.moments(day + 1, rng.integers(9 * 3600, 10 * 3600, n))
    columns = {"deal_id": chunk.deal_ids[deal], "stage": np.array(STAGES, dtype=object)[stage - 1], "entered_at": moment}
    return canonical("stage_events", {**columns, "recorded_at": np.where(is_late, next_day, same_day)})


def document_frame(chunk: Chunk) -> pl.DataFrame:
    """Return the canonical documents: a proposal or a quotation goes out on the evening on which its stage begins."""
    deal, day, stage, _ = chunk.flow.table("sent")
    order = np.lexsort((deal, day))
    deal, day, stage = deal[order], day[order], stage[order]
    opened_deal, opened_day, _, _ = chunk.flow.table("opened")
    opened = _first_after(deal, day, opened_deal, opened_day)
    rng, n = chunk.rng("documents"), len(deal)
    _, nth = np.unique(deal * 10 + stage, return_inverse=True)
    version = np.array([f"v{1 + at}" for at in range(50)], dtype=object)[_running_count(nth)]
    read_at = chunk.window.moments(np.minimum(opened, chunk.window.n_days), rng.integers(9 * 3600, 17 * 3600, n))
    return canonical(
        "documents",
        {
            "document_id": ids("F", n, 6),
            "deal_id": chunk.deal_ids[deal],
            "kind": np.where(stage == NEGOTIATION, "quotation", "proposal").astype(object),
            "version": version,
            "sent_at": chunk.window.moments(day, rng.integers(18 * 3600 + 3100, 19 * 3600 + 1800, n)),
            "opened_at": moments_or_null(read_at, opened >= NEVER),
        },
    )


def _running_count(group: Ints) -> Ints:
    """How often each entry's group came before it."""
    order = np.argsort(group, kind="stable")
    ranked = group[order]
    first = np.searchsorted(ranked, ranked, side="left")
    count = np.empty(len(group), dtype=np.int64)
    count[order] = np.arange(len(group)) - first
    return count


def _first_after(deal: Ints, day: Ints, opened_deal: Ints, opened_day: Ints) -> Ints:
    """Day of the opening that belongs to each document: the first one before the next document of that deal."""
    key = np.sort(opened_deal * NEVER + opened_day)
    own = deal * NEVER + day
    at = np.searchsorted(key, own)
    found = np.append(key, np.iinfo(np.int64).max)[at]
    later = np.append(np.sort(own), np.iinfo(np.int64).max)
    following = later[np.searchsorted(later, own, side="right")]
    is_own = (found // NEVER == deal) & (found <= following)
    return np.where(is_own, found % NEVER, NEVER)


def approval_frame(chunk: Chunk) -> pl.DataFrame:
    """Return the canonical approvals: price on entering negotiation, legal and credit a few days later; legal waits longest."""
    deal, day, stage, why, _ = chunk.moves
    begun = (stage == NEGOTIATION) & (why != PSEUDO)
    deal, day = np.repeat(deal[begun], 3), np.repeat(day[begun], 3)
    rng, n = chunk.rng("approvals"), len(deal)
    node = np.tile(np.arange(3), n // 3)
    submitted = chunk.window.working_on_or_after(day + 1 + node * rng.integers(1, 5, n))
    waited = np.ceil(np.exp(rng.normal(np.log(np.array([2.0, 6.0, 3.5])[node]), 0.8))).astype(np.int64)
    decided = np.maximum(chunk.window.working_on_or_after(submitted + waited), submitted)
    last = chunk.window.n_days - 1
    keep = np.flatnonzero((submitted <= last) & (submitted < chunk.closed_day[deal]))
    keep = keep[np.lexsort((node[keep], deal[keep], submitted[keep]))]
    is_waiting = decided[keep] > last
    in_time = chunk.window.moments(submitted[keep], rng.integers(9 * 3600, 16 * 3600, len(keep)))
    managers = chunk.organisation.manager_ids[chunk.inputs.rep[deal[keep]]]
    return canonical(
        "approvals",
        {
            "approval_id": ids("P", len(keep), 5),
            "deal_id": chunk.deal_ids[deal[keep]],
            "node": np.array(["price", "legal", "credit"], dtype=object)[node[keep]],
            "submitted_at": in_time,
            "decided_at": moments_or_null(
                chunk.window.moments(decided[keep], rng.integers(16 * 3600, 18 * 3600, len(keep))), is_waiting
            ),
            "outcome": where_not(pick(rng, ("approved", "rejected", "returned"), len(keep), (0.86, 0.05, 0.09)), is_waiting),
            "approver_id": np.where(node[keep] == 0, managers, "M000"),
        },
    )
