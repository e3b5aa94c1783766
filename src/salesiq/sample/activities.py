"""What reps write down of their contacts: some at once and in full, some late, some not at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import polars as pl

from salesiq.sample import phrases
from salesiq.sample.dealbook import Chunk
from salesiq.sample.frames import canonical, ids, pick, where_not
from salesiq.sample.window import EXPORTED_AT, Bools, Ints, Moments, Texts, generator
from salesiq.sample.words import COMPETITORS, PRODUCT_LINES

TIMELY_SECONDS = 2 * 3600
CLEAR_DAYS = 9
POOL = 400  # ready sentences of a kind
_WAYS = (
    ("call", "phone"), ("message", "wecom"), ("message", "wechat"), ("visit", "onsite"),
    ("meeting", "onsite"), ("meeting", "video"), ("email", "email"),
)  # fmt: skip
_WAY_SHARES = ((0.22, 0.18, 0.08, 0.32, 0.08, 0.04, 0.08), (0.30, 0.32, 0.10, 0.04, 0.12, 0.04, 0.08))  # outbound, inbound
COPIED_NOTE = "客户认可，正常跟进，顺利签约。"


@dataclass(frozen=True)
class Records:
    """The records as a canonical frame, and beside it, row by row, what is true of them."""

    frame: pl.DataFrame
    truth: pl.DataFrame  # activity_id, rep_id, is_timely, is_complete, is_verifiable, is_good, is_backfilled


@dataclass(frozen=True)
class _Written:
    """Contacts that were written down, as arrays."""

    deal: Ints
    day: Ints
    is_inbound: Bools
    rep: Ints
    occurred: Moments
    recorded: Moments
    is_complete: Bools
    is_verifiable: Bools
    is_backfilled: Bools
    is_copied: Bools

    def take(self, rows: Ints | Bools) -> _Written:
        return _Written(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))


def write_down(chunk: Chunk, no_records_from: int, first_id: int = 1, width: int = 6) -> Records:
    """Return the activity records of a chunk, in the order in which they were entered."""
    rng = chunk.rng("activities")
    written = _written(chunk, no_records_from, rng)
    is_known = written.recorded <= np.datetime64(EXPORTED_AT, "us")
    written = written.take(is_known)
    written = written.take(np.lexsort((written.occurred, written.deal, written.recorded)))
    frame = _frame(chunk, written, rng, ids("A", len(written.deal), width, first_id))
    is_timely = (written.recorded - written.occurred) <= np.timedelta64(TIMELY_SECONDS, "s")
    is_verifiable = frame["next_step_due_at"].is_not_null().to_numpy()  # a vague or missing step has no date
    truth = pl.DataFrame(
        {
            "activity_id": frame["activity_id"],
            "rep_id": frame["rep_id"],
            "is_timely": is_timely,
            "is_complete": written.is_complete,
            "is_verifiable": is_verifiable,
            "is_good": is_timely & written.is_complete & is_verifiable,
            "is_backfilled": written.is_backfilled,
        }
    )
    return Records(frame, truth)


def _written(chunk: Chunk, no_records_from: int, rng: np.random.Generator) -> _Written:
    deal, day, inbound, _ = chunk.flow.table("contacts")
    rep = chunk.inputs.rep[deal]
    keep = _kept(chunk, deal, day, inbound == 1, rep, no_records_from, rng)
    deal, day, is_inbound, rep = deal[keep], day[keep], inbound[keep] == 1, rep[keep]
    second = rng.integers(9 * 3600, 17 * 3600, len(deal))
    is_late, is_complete, is_verifiable = _faults(chunk, rep, day, rng)
    recorded = _entry_moments(chunk, day, second, is_late, rng)
    occurred = chunk.window.moments(day, second)
    is_backfilled = chunk.organisation.plays("backfill")[rep] & (rng.random(len(deal)) < 0.5)
    recorded = np.where(is_backfilled, _friday_bursts(chunk, day, rep, is_backfilled), recorded)
    is_copied = chunk.organisation.plays("selective")[rep]
    evening = chunk.window.moments(
        np.minimum(chunk.closed_day[deal], 10_000), rng.integers(19 * 3600 + 300, 19 * 3600 + 2400, len(deal))
    )
    recorded = np.where(is_copied, evening, recorded)
    is_backfilled |= is_copied & (recorded - occurred > np.timedelta64(1, "D"))
    return _Written(deal, day, is_inbound, rep, occurred, recorded, is_complete, is_verifiable, is_backfilled, is_copied)


def _kept(
    chunk: Chunk, deal: Ints, day: Ints, is_inbound: Bools, rep: Ints, no_records_from: int, rng: np.random.Generator
) -> Bools:
    """Who writes nothing down: one rep at all from a day on, one rep unless the deal is won, everyone now and then."""
    silent = chunk.organisation.plays("no_records")[rep] & (day >= no_records_from)
    selective = chunk.organisation.plays("selective")[rep] & (~chunk.is_won[deal] | (chunk.closed_day[deal] - day > 10))
    forgotten = ~is_inbound & (rng.random(len(deal)) < 0.03)
    return ~silent & ~selective & ~forgotten


def _faults(chunk: Chunk, rep: Ints, day: Ints, rng: np.random.Generator) -> tuple[Bools, Bools, Bools]:
    """Good records have no fault; the others at least one: late, a field missing, a vague next step."""
    n = len(rep)
    is_worst = chunk.organisation.plays("worst_records")[rep]
    # in the last days the worst are at their worst and the others on their guard: the watch list of the export is no accident
    good_share = chunk.organisation.good_share[rep]
    good_share = np.where(
        day >= chunk.window.n_days - CLEAR_DAYS, np.where(is_worst, 0.0, np.maximum(good_share, 0.85)), good_share
    )
    is_good = rng.random(n) < good_share
    likely = np.where(is_worst, 0.85, 0.5)
    faults = rng.random((3, n)) < likely
    faults[rng.integers(0, 3, n), np.arange(n)] = True
    faults &= ~is_good
    return faults[0], ~faults[1], ~faults[2]


def _entry_moments(chunk: Chunk, day: Ints, second: Ints, is_late: Bools, rng: np.random.Generator) -> Moments:
    """Within two hours, or one to five days later during working hours."""
    n = len(day)
    soon = chunk.window.moments(day, second + rng.integers(120, TIMELY_SECONDS - 300, n))
    later = day + np.minimum(1 + rng.geometric(0.5, n) - 1, 5)
    return np.where(is_late, chunk.window.moments(later, rng.integers(9 * 3600, 18 * 3600, n)), soon)


def _friday_bursts(chunk: Chunk, day: Ints, rep: Ints, is_backfilled: Bools) -> Moments:
    """Friday evening at ten past seven, more than two hours after any contact: one record after the other in seconds."""
    weekday = (chunk.window.dates[0].astype(np.int64) + 3 + day) % 7
    friday = day + (4 - weekday) % 7
    group = rep * 100_000 + friday
    order = np.lexsort((day, group, ~is_backfilled))
    place = np.empty(len(day), dtype=np.int64)
    place[order] = np.arange(len(day)) - np.searchsorted(group[order][: is_backfilled.sum()], group[order], side="left")
    return chunk.window.moments(friday, 19 * 3600 + 600 + np.where(is_backfilled, place, 0) * 7)


def _frame(chunk: Chunk, written: _Written, rng: np.random.Generator, activity_ids: Texts) -> pl.DataFrame:
    n = len(written.deal)
    customer = chunk.inputs.customer[written.deal]
    people = chunk.customers.contact_ids[customer]
    n_people = (people != "").sum(axis=1)
    way = np.where(written.is_inbound, rng.choice(7, n, p=_WAY_SHARES[1]), rng.choice(7, n, p=_WAY_SHARES[0]))
    ways = np.array(_WAYS, dtype=object)
    return canonical(
        "activities",
        {
            "activity_id": activity_ids,
            "deal_id": chunk.deal_ids[written.deal],
            "customer_id": chunk.customers.ids[customer],
            "rep_id": chunk.organisation.rep_ids[written.rep],
            "contact_id": people[np.arange(n), (rng.random(n) * n_people).astype(np.int64)],
            "kind": ways[way, 0],
            "channel": ways[way, 1],
            "direction": np.where(written.is_inbound, "inbound", "outbound").astype(object),
            "occurred_at": written.occurred,
            "recorded_at": written.recorded,
            **_texts(chunk, written, way, rng),
        },
    )


def _texts(chunk: Chunk, written: _Written, way: Ints, rng: np.random.Generator) -> dict[str, Texts | Moments]:
    """The free fields. An incomplete record lacks one of the three required or more; a vague one has no dated next step."""
    n, line = len(written.deal), chunk.inputs.line[written.deal]
    missing = (rng.random((3, n)) < 0.45) & ~written.is_complete
    missing[rng.integers(0, 3, n), np.arange(n)] |= ~written.is_complete
    due_day = written.day + rng.integers(1, 11, n)
    due = chunk.window.moments(chunk.window.working_on_or_after(due_day), rng.choice([10, 14, 16, 18], n) * 3600)
    has_due = written.is_verifiable & ~missing[2]
    step = np.where(written.is_verifiable, _day_words(due) + draw(rng, "next_step", n), pick(rng, phrases.VAGUE_STEPS, n))
    says = rng.random(n) < np.where(written.is_inbound, 0.55, 0.25) * np.where(written.is_complete, 1.0, 0.4)
    openings = np.array([phrases.NOTE_OUT, phrases.NOTE_IN], dtype=object)
    note = openings[written.is_inbound.astype(np.int64), way] + draw_by(rng, "note", line)
    note = np.where(~written.is_complete & (rng.random(n) < 0.6), pick(rng, phrases.BARE_NOTES, n), note)
    return {
        "pain_point": where_not(draw(rng, "pain", n), missing[0]),
        "solution_fit": where_not(draw(rng, "fit", n), missing[1]),
        "next_step": where_not(step, missing[2]),
        "next_step_due_at": np.where(has_due, due, np.datetime64("NaT", "us")),
        "customer_words": where_not(draw(rng, "words", n), ~says),
        "note": np.where(written.is_copied, COPIED_NOTE, note).astype(object),
    }


def _day_words(moments: Moments) -> Texts:
    """Dates as people write them: 7月3日前."""
    days, at = np.unique(moments.astype("M8[D]"), return_inverse=True)
    words = [f"{day.month}月{day.day}日前" for day in days.tolist()]
    return np.array(words, dtype=object)[at] if words else np.zeros(0, dtype=object)


def draw(rng: np.random.Generator, kind: str, n: int) -> Texts:
    """Return n sentences of a kind."""
    pool = _pool(kind)
    return pool[rng.integers(0, len(pool), n)]


def draw_by(rng: np.random.Generator, kind: str, line: Ints) -> Texts:
    """Return one sentence per entry that fits its product line."""
    pools = np.stack([_pool(f"{kind}/{at}") for at in range(len(PRODUCT_LINES))])
    return np.asarray(pools[line, rng.integers(0, POOL, len(line))], dtype=object)


@cache
def _pool(kind: str) -> Texts:
    """Ready sentences, made once; the same for every company."""
    rng = generator(0, f"phrases/{kind}")
    name, _, line = kind.partition("/")
    return np.array([_SENTENCES[name](rng, PRODUCT_LINES[int(line or 0)]) for _ in range(POOL)], dtype=object)


def _one(rng: np.random.Generator, words: tuple[str, ...]) -> str:
    return words[int(rng.integers(0, len(words)))]


def _note(rng: np.random.Generator, line: str) -> str:
    middle = _one(rng, phrases.NOTE_MIDDLE).format(line=line, rival=_one(rng, COMPETITORS), n=rng.integers(2, 30))
    return middle + _one(rng, phrases.NOTE_END)


_SENTENCES: dict[str, Callable[[np.random.Generator, str], str]] = {
    "pain": lambda rng, _: _one(rng, phrases.PAIN_SUBJECTS) + _one(rng, phrases.PAINS),
    "fit": lambda rng, _: _one(rng, phrases.FITS),
    "next_step": lambda rng, _: _one(rng, phrases.NEXT_ACTIONS).format(goods=_one(rng, phrases.DELIVERABLES)),
    "words": lambda rng, _: _one(rng, phrases.CUSTOMER_WORDS).format(rival=_one(rng, COMPETITORS), n=rng.integers(3, 16)),
    "note": _note,
}


def good_share_by_rep(truth: pl.DataFrame) -> dict[str, float]:
    """Return the share of good records a rep, of records that were made."""
    shares = truth.group_by("rep_id").agg(pl.col("is_good").mean()).sort("rep_id")
    return {rep: round(share, 4) for rep, share in shares.iter_rows()}
