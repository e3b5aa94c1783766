"""How deals live: day by day a deal advances, is won, is lost or falls back, and the customer calls or keeps silent.

The chance of each move depends on what a manager could have seen the evening before (stage, time in it, the customer's recent
contacts, documents opened, the rep's and the customer's class, the end of a quarter) plus nothing hidden: the deal's
`engagement` works only through the contacts that it causes. So a model of what is known has skill, and its limit is known.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields

import numpy as np
from numpy.typing import NDArray

from salesiq.sample.window import Bools, Floats, Ints, Window

LEAD, DIAGNOSIS, PROPOSAL, NEGOTIATION, WON, LOST = range(1, 7)
CREATED, GENUINE, PSEUDO, BACK = range(4)  # why a stage was entered
MEMORY_DAYS = 14  # a customer's contact counts for this long


@dataclass(frozen=True)
class Process:
    """The daily hazards of the sales process on a full working day, indexed by stage (0 unused), and what moves them."""

    advance: tuple[float, ...] = (0.0, 0.034, 0.0175, 0.0105, 0.0105)
    lost: tuple[float, ...] = (0.0, 0.017, 0.0115, 0.0105, 0.0085)
    back: tuple[float, ...] = (0.0, 0.0, 0.0008, 0.0015, 0.002)
    outbound: tuple[float, ...] = (0.0, 0.045, 0.040, 0.035, 0.045)
    inbound: float = 0.024
    advance_by_contact: float = 0.55
    lost_by_contact: float = -0.60
    advance_by_opened: float = 0.45
    won_by_quarter_end: float = 0.55
    pseudo_back: float = 0.045
    helped_advance: float = 0.30
    helped_lost: float = -0.30
    proof_share: float = 0.85  # advances with a customer's contact on the day, where there was one in the five days before
    contact_factor: float = 1.0  # more contacts a deal, each saying less: for the large scale
    silent_days: int = 14  # after which the old alert rule may fire
    alert_share: float = 0.03


@dataclass(frozen=True)
class Deals:
    """What is fixed about each deal from its first day: one entry per deal in every array."""

    created: Ints
    skill: Floats
    tier_effect: Floats
    engagement: Floats
    diligence: Floats
    pseudo_rate: Floats
    silent_from: Ints  # day from which the customer gives no sign of life
    shift_from: Ints  # day from which the deal's team wins less
    propensity: Floats  # chance that an alert on it is acted upon
    watched_from: int = 0  # day on which alerts began

    def __len__(self) -> int:
        return len(self.created)


@dataclass
class State:
    """The open deals on one evening: one entry per open deal in every array."""

    deal: Ints
    stage: Ints
    entered: Ints
    last_inbound: Ints
    recent: NDArray[np.int8]  # customer's contacts by day modulo MEMORY_DAYS
    n_recent: Ints
    sent: Ints  # day of the last document, -1 for none
    is_opened: Bools
    is_pseudo: Bools
    is_alerted: Bools
    is_helped: Bools

    @classmethod
    def fresh(cls, deal: Ints, day: int) -> State:
        """Return deals that begin today in the first stage."""
        n = len(deal)
        no, never = np.zeros(n, dtype=bool), np.full(n, -1, dtype=np.int64)
        return cls(
            deal, np.full(n, LEAD), np.full(n, day), np.full(n, day), np.zeros((n, MEMORY_DAYS), np.int8),
            np.zeros(n, np.int64), never, no, no.copy(), no.copy(), no.copy(),
        )  # fmt: skip

    def take(self, rows: Bools | Ints) -> State:
        """Return a copy of some rows."""
        return State(*(getattr(self, part.name)[rows] for part in fields(self)))

    def join(self, other: State) -> State:
        """Return both."""
        return State(*(np.concatenate([getattr(self, p.name), getattr(other, p.name)]) for p in fields(self)))


@dataclass
class Flow:
    """What happened: moves into stages, contacts, documents, alerts; and states that were asked to be kept."""

    moves: list[tuple[Ints, Ints, Ints, Ints]] = field(default_factory=list)  # deal, day, stage, why
    contacts: list[tuple[Ints, Ints, Ints, Ints]] = field(default_factory=list)  # deal, day, is_inbound, stage
    sent: list[tuple[Ints, Ints, Ints, Ints]] = field(default_factory=list)  # deal, day, stage, 0
    opened: list[tuple[Ints, Ints, Ints, Ints]] = field(default_factory=list)  # deal, day, stage, 0
    alerts: list[tuple[Ints, Ints, Ints, Ints]] = field(default_factory=list)  # deal, day, is_helped, stage
    alerted: dict[int, State] = field(default_factory=dict)
    kept: dict[int, State] = field(default_factory=dict)

    def table(self, part: str) -> tuple[Ints, Ints, Ints, Ints]:
        """Return one kind of event as four long arrays, in the order of days and deals."""
        rows: list[tuple[Ints, Ints, Ints, Ints]] = getattr(self, part)
        if not rows:
            empty = np.zeros(0, dtype=np.int64)
            return empty, empty, empty, empty
        first, second, third, fourth = (np.concatenate(column) for column in zip(*rows, strict=True))
        return first, second, third, fourth


def simulate(
    deals: Deals,
    window: Window,
    process: Process,
    rng: np.random.Generator,
    keep: tuple[int, ...] = (),
    until: int | None = None,
) -> Flow:
    """Run all deals from the first day to the evening of `until` (default: the day of the export).

    `keep` names evenings whose open deals are to be kept in `Flow.kept`.
    """
    flow, order = Flow(), np.argsort(deals.created, kind="stable")
    bounds = np.searchsorted(deals.created[order], np.arange((until or window.n_days - 1) + 2))
    state = State.fresh(np.zeros(0, dtype=np.int64), 0)
    for day in range((until or window.n_days - 1) + 1):
        state = step(state, deals, day, window, process, rng, flow)
        if bounds[day + 1] > bounds[day]:
            begun = State.fresh(order[bounds[day] : bounds[day + 1]], day)
            _log(flow.moves, begun.deal, day, begun.stage, np.full(len(begun.deal), CREATED))
            state = state.join(begun)
        if day in keep:
            flow.kept[day] = state.take(np.arange(len(state.deal)))
    return flow


def futures(
    state: State, deals: Deals, day: int, horizon: int, n_runs: int, window: Window, process: Process, rng: np.random.Generator
) -> Ints:
    """Live the days after `day` `n_runs` times from the same evening; alerts are off.

    Returns an array of open deals by runs: days until the win, or a large number where none came within `horizon`.
    """
    n = len(state.deal)
    many, row = state.take(np.repeat(np.arange(n), n_runs)), np.arange(n * n_runs)
    won = np.full(n * n_runs, 10_000, dtype=np.int64)
    many.is_alerted[:] = True
    for later in range(1, horizon + 1):
        flow = Flow()
        many = step(many, deals, day + later, window, process, rng, flow, rows=row)
        row = _still_open(flow, row, won, later)
    return won.reshape(n, n_runs)


def _still_open(flow: Flow, row: Ints, won: Ints, later: int) -> Ints:
    closed = np.zeros(len(row), dtype=bool)
    for at, _, stage, _ in flow.moves:
        won[row[at[stage == WON]]] = later
        closed[at[stage >= WON]] = True
    return row[~closed]


def step(
    state: State,
    deals: Deals,
    day: int,
    window: Window,
    process: Process,
    rng: np.random.Generator,
    flow: Flow,
    rows: Ints | None = None,
) -> State:
    """Live one day: contacts, documents, moves, alerts. Logs them in `flow` and returns the deals still open.

    With `rows`, moves are logged under the position in `state` instead of the deal (the same deal may stand there many times).
    """
    slot = day % MEMORY_DAYS
    state.n_recent -= state.recent[:, slot]
    state.recent[:, slot] = 0
    work = window.weights[day]
    if work == 0 or not len(state.deal):
        return state
    chance = rng.random((6, len(state.deal)))
    stage, why = _moves(state, deals, day, work, bool(window.is_quarter_end[day]), process, chance[0:2])
    inbound = _contacts(state, deals, day, work, process, chance[2:5], stage, why, flow)
    _open_documents(state, deals, day, work, chance[5], flow)
    if rows is None:
        _raise_alerts(state, deals, day, process, rng, flow, stage == 0)
    # more contacts a deal each say less, but those that come with a move say what they always said
    said = inbound * np.where(stage > 0, max(1, round(process.contact_factor)), 1)
    state.recent[:, slot] = said
    state.n_recent += said
    state.last_inbound[inbound] = day
    return _settle(state, day, stage, why, flow, rows)


def hazards(
    state: State, deals: Deals, day: int, is_quarter_end: bool, process: Process
) -> tuple[Floats, Floats, Floats, Floats]:
    """Return the hazards of advancing (or being won), being lost, falling back and pseudo-advancing on a full working day."""
    stage, deal = state.stage, state.deal
    evidence = np.minimum(state.n_recent / process.contact_factor, 3.0)
    wait = np.log1p((day - state.entered) / 20.0)
    shifted = day >= deals.shift_from[deal]
    ease = 0.30 * deals.skill[deal] + deals.tier_effect[deal]
    late = stage >= PROPOSAL
    advance = process.advance_by_contact * evidence + ease - 0.20 * wait + process.advance_by_opened * (state.is_opened & late)
    advance += (stage == NEGOTIATION) * (
        process.won_by_quarter_end * is_quarter_end - 1.1 * shifted
    ) + process.helped_advance * state.is_helped
    lost = (
        process.lost_by_contact * evidence
        - 0.6 * ease
        + 0.25 * wait
        + 0.9 * shifted * late
        + process.helped_lost * state.is_helped
    )
    fake = deals.pseudo_rate[deal] * ((day - state.last_inbound >= 12) & (stage < NEGOTIATION) & ~state.is_pseudo)
    genuine = np.array(process.advance)[stage] * np.exp(advance) * ~(state.is_pseudo & (day - state.entered < MEMORY_DAYS))
    seen_through = state.is_pseudo & (day - state.entered >= 10)
    back = np.where(seen_through, process.pseudo_back, np.where(state.is_pseudo, 0.0, np.array(process.back)[stage]))
    return genuine, np.array(process.lost)[stage] * np.exp(lost), back, fake


def _moves(
    state: State, deals: Deals, day: int, work: float, is_quarter_end: bool, process: Process, chance: Floats
) -> tuple[Ints, Ints]:
    """New stage of each deal (0: none) and why."""
    advance, lost, back, fake = hazards(state, deals, day, is_quarter_end, process)
    total = advance + lost + back + fake
    is_move = chance[0] < -np.expm1(-work * total)
    pick = chance[1] * total
    kind = (pick >= advance).astype(np.int64) + (pick >= advance + lost) + (pick >= advance + lost + back)
    stage = np.choose(kind, [state.stage + 1, np.full_like(state.stage, LOST), state.stage - 1, state.stage + 1])
    why = np.choose(kind, [GENUINE, GENUINE, BACK, PSEUDO])
    return np.where(is_move, stage, 0), why


def _contacts(
    state: State, deals: Deals, day: int, work: float, process: Process, chance: Floats, stage: Ints, why: Ints, flow: Flow
) -> Bools:
    """Log today's contacts; return who among the customers gave a sign of life."""
    deal = state.deal
    is_dumb = (
        (day >= deals.silent_from[deal])
        | (state.is_pseudo & (day - state.entered < MEMORY_DAYS))
        | ((stage > 0) & (why == PSEUDO))
    )
    rate = (
        process.inbound * process.contact_factor * np.exp(0.95 * deals.engagement[deal] - 0.3) * (1.0 + 0.15 * state.is_helped)
    )
    inbound = chance[0] < -np.expm1(-work * rate)
    is_proven = (stage > 0) & (stage != LOST) & (why == GENUINE)
    inbound |= is_proven & ((chance[1] < process.proof_share) | (day - state.last_inbound > 5))
    inbound &= ~is_dumb
    is_gone = day >= deals.silent_from[deal]
    rate = np.array(process.outbound)[state.stage] * process.contact_factor * deals.diligence[deal]
    outbound = (chance[2] < -np.expm1(-work * rate)) & ~is_gone
    for who, is_inbound in ((inbound, 1), (outbound, 0)):
        _log(flow.contacts, deal[who], day, np.full(int(who.sum()), is_inbound), state.stage[who])
    return np.asarray(inbound, dtype=np.bool_)


def _open_documents(state: State, deals: Deals, day: int, work: float, chance: Floats, flow: Flow) -> None:
    waiting = (state.sent >= 0) & (state.sent < day) & ~state.is_opened & (day < deals.silent_from[state.deal])
    waiting &= ~(state.is_pseudo & (day - state.entered < MEMORY_DAYS))
    opened = waiting & (chance < -np.expm1(-work * 0.10 * np.exp(0.8 * deals.engagement[state.deal])))
    state.is_opened |= opened
    _log(flow.opened, state.deal[opened], day, state.stage[opened], np.zeros(int(opened.sum()), np.int64))


def _raise_alerts(
    state: State, deals: Deals, day: int, process: Process, rng: np.random.Generator, flow: Flow, is_staying: Bools
) -> None:
    """The old rule: no sign of life for long. Some alerts are acted upon, which truly helps."""
    if day < deals.watched_from:
        return
    due = is_staying & ~state.is_alerted & (state.stage >= DIAGNOSIS) & (day - state.last_inbound >= process.silent_days)
    due &= day < deals.silent_from[state.deal]
    at = np.flatnonzero(due)
    at = at[rng.random(len(at)) < process.alert_share]
    state.is_alerted[at] = True
    helped = rng.random(len(at)) < deals.propensity[state.deal[at]]
    if len(at):
        flow.alerted[day] = state.take(at)
        _log(flow.alerts, state.deal[at], day, helped.astype(np.int64), state.stage[at])
    state.is_helped[at[helped]] = True


def _settle(state: State, day: int, stage: Ints, why: Ints, flow: Flow, rows: Ints | None) -> State:
    """Write the moves and drop the closed deals."""
    at = np.flatnonzero(stage > 0)
    _log(flow.moves, state.deal[at] if rows is None else at, day, stage[at], why[at])
    if not len(at):
        return state
    state.stage[at], state.entered[at], state.is_pseudo[at] = stage[at], day, why[at] == PSEUDO
    papers = at[(stage[at] == PROPOSAL) | (stage[at] == NEGOTIATION)]
    papers = papers[why[papers] != BACK]
    state.sent[papers], state.is_opened[papers] = day, False
    _log(flow.sent, state.deal[papers], day, stage[papers], np.zeros(len(papers), np.int64))
    return state.take(state.stage < WON)


def _log(rows: list[tuple[Ints, Ints, Ints, Ints]], deal: Ints, day: int, third: Ints, fourth: Ints) -> None:
    if len(deal):
        rows.append((deal, np.full(len(deal), day, dtype=np.int64), third.copy(), fourth.copy()))
