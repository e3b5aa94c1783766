"""Advances: every move forward with what shows that the customer took part in it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from salesiq.book import Snapshot, needs
from salesiq.calendar import Calendar
from salesiq.errors import UsageError


@dataclass(frozen=True)
class Demand:
    """What counts as evidence, and how many pieces a move needs."""

    kinds: tuple[str, ...]
    n_pieces: int = 1


#: what each strictness asks for, from the mildest
STRICTNESS: Mapping[int, Demand] = {
    1: Demand(("inbound", "opened", "order", "began", "meeting", "rep")),
    2: Demand(("inbound", "opened", "order", "began", "meeting")),
    3: Demand(("inbound", "opened", "order", "began")),
    4: Demand(("inbound", "opened", "order")),
    5: Demand(("inbound", "opened", "order"), n_pieces=2),
}
DEFAULT_STRICTNESS, K_WORKING_DAYS = 3, 5
#: of a rep whose moves have a record less often than this, a missing record says nothing
MIN_RECORD_SHARE = 0.5
MOVE = ("deal_id", "moved_at", "move")
SCHEMA: dict[str, pl.DataType] = {
    "deal_id": pl.String(),
    "move": pl.String(),
    "stage_before": pl.String(),
    "stage": pl.String(),
    "rep_id": pl.String(),
    "moved_at": pl.Datetime("us"),
    "verdict": pl.String(),
    "n_evidence": pl.Int64(),
    "evidence_ids": pl.List(pl.String),
    "other_ids": pl.List(pl.String),
    "record_share": pl.Float64(),
    "left_at": pl.Datetime("us"),
    "exit": pl.String(),
}


@needs("stage_events", "activities")
def advances(
    snapshot: Snapshot,
    *,
    strictness: int = DEFAULT_STRICTNESS,
    k_working_days: int = K_WORKING_DAYS,
    since: dt.date | dt.datetime | str | None = None,
    min_record_share: float = MIN_RECORD_SHARE,
    calendar: Calendar | None = None,
) -> pl.DataFrame:
    """Return every move forward with the evidence around it and a verdict, one row per move, newest first.

    A move is the entry into a later stage that does not end the deal. With `since`, updates of open deals count too: changes
    of the amount or the expected day that exports told between `since` and the snapshot's moment (see `changes`).

    Evidence is what happened on the deal on the day of the move or within `k_working_days` working days before or after it
    (`calendar`, by default China's). What counts depends on `strictness`: 1 any record, also the rep's own; 2 a customer
    who acted (inbound), an opened document, an order or contract, a meeting, the beginning of the deal (somebody asked for
    something); 3 (default) as 2, but a meeting only where the customer's part in it was recorded; 4 as 3 without the beginning;
    5 two pieces of 4. Records of a customer that name no deal count for all deals of the customer.

    Verdicts: `real` (enough evidence); `pending` (not enough yet, and the window is not over); `unrecorded` (no evidence, but
    the rep wrote nothing down on any deal in the window, or has any record at all around fewer than `min_record_share` of the
    moves: a missing record of somebody who does not keep records says nothing, see quality.watch_list); `pseudo` (none of
    these).

    Columns: `deal_id`, `move` ("stage", or the part of `changes`), `stage_before` (null for updates), `stage`, `rep_id` (owner
    as known at the snapshot's moment), `moved_at`, `verdict`, `n_evidence` (pieces that count), `evidence_ids` (their ids, by
    time, as "table:id"), `other_ids` (records in the window that do not count), `record_share` (of the rep's moves, those with
    any record; 0 to 1), `left_at` and `exit` of the stay that began (null while it goes on, and for updates). Raises
    UsageError for a strictness that does not exist, and for fewer than 0 working days.

    >>> from salesiq.book import Book
    >>> day = lambda n: dt.datetime(2026, 3, n, 10)
    >>> events = pl.DataFrame({"deal_id": ["D1", "D1", "D2", "D2"], "stage": ["lead", "quote"] * 2,
    ...                        "entered_at": [day(2), day(18), day(2), day(18)]})
    >>> notes = pl.DataFrame({"activity_id": ["A1", "A2"], "deal_id": ["D1", "D2"], "direction": ["inbound", "outbound"],
    ...                       "occurred_at": [day(17), day(17)]})
    >>> book = Book.from_frames(stage_events=events, activities=notes)
    >>> advances(book.as_of("2026-03-31")).sort("deal_id").select("deal_id", "verdict", "evidence_ids", "other_ids").rows()
    [('D1', 'real', ['activities:A1'], []), ('D2', 'pseudo', [], ['activities:A2'])]
    """
    if strictness not in STRICTNESS:
        raise UsageError("funnel.bad_strictness", strictness=strictness, lowest=min(STRICTNESS), highest=max(STRICTNESS))
    if k_working_days < 0:
        raise UsageError("funnel.bad_window_days", days=k_working_days)
    demand, clock = STRICTNESS[strictness], (calendar or Calendar.china()).frame().select("day", "n_before")
    moves = _dated(_moves(snapshot, since), "moved_at", clock)
    moves = _with_evidence(moves, _around(snapshot, moves, k_working_days, clock), demand)
    moves = _with_records(snapshot, moves, k_working_days, clock)
    now = _dated(pl.DataFrame({"now": [snapshot.as_of]}, schema={"now": pl.Datetime("us")}), "now", clock)["now_worked"].item()
    is_silent = ~pl.col("is_rep_heard") | (pl.col("record_share") < min_record_share)
    verdict = (
        pl.when(pl.col("n_evidence") >= demand.n_pieces)
        .then(pl.lit("real"))
        .when(now - pl.col("moved_at_worked") <= k_working_days)
        .then(pl.lit("pending"))
        .when(is_silent & (pl.col("n_evidence") == 0))
        .then(pl.lit("unrecorded"))
        .otherwise(pl.lit("pseudo"))
    )
    found = moves.with_columns(verdict=verdict).select(pl.col(name).cast(dtype) for name, dtype in SCHEMA.items())
    return found.sort("moved_at", "deal_id", "move", descending=[True, False, False])


def _dated(rows: pl.DataFrame, moment: str, clock: pl.DataFrame) -> pl.DataFrame:
    """Add the working days from 2000 to before the day of `moment`; null for days that no calendar tells of."""
    name = f"{moment}_worked"
    return rows.join(clock.rename({"n_before": name}), left_on=pl.col(moment).dt.date(), right_on="day", how="left")


def _moves(snapshot: Snapshot, since: dt.date | dt.datetime | str | None) -> pl.DataFrame:
    moves = snapshot.run("funnel.forward_moves").with_columns(move=pl.lit("stage"))
    if since is None:
        return moves
    updates = snapshot.run("funnel.deal_updates", since=snapshot.earlier(since).as_of).rename({"part": "move"})
    return pl.concat([moves, updates], how="diagonal")


def _around(snapshot: Snapshot, moves: pl.DataFrame, k: int, clock: pl.DataFrame) -> pl.DataFrame:
    """Return one row per move and piece of evidence within `k` working days of it, in the order of time."""
    evidence = snapshot.run("funnel.deal_evidence").join(moves.select("deal_id").unique(), on="deal_id", how="semi")
    pairs = moves.select(*MOVE, "moved_at_worked").join(_dated(evidence, "happened_at", clock), on="deal_id")
    near = pairs.filter((pl.col("happened_at_worked") - pl.col("moved_at_worked")).abs() <= k)
    return near.sort("happened_at", "evidence_table", "evidence_id")


def _with_evidence(moves: pl.DataFrame, around: pl.DataFrame, demand: Demand) -> pl.DataFrame:
    """Add what happened around each move: `n_evidence`, `evidence_ids`, `other_ids`, `is_recorded`."""
    is_evidence = pl.col("kind").is_in(demand.kinds)
    name = pl.concat_str("evidence_table", pl.lit(":"), "evidence_id")
    behind = around.group_by(MOVE, maintain_order=True).agg(
        n_evidence=is_evidence.sum().cast(pl.Int64),
        evidence_ids=name.filter(is_evidence),
        other_ids=name.filter(~is_evidence),
        is_recorded=(pl.col("evidence_table") == "activities").any(),
    )
    nothing = pl.lit([], pl.List(pl.String))
    return moves.join(behind, on=MOVE, how="left").with_columns(
        pl.col("n_evidence").fill_null(0),
        pl.col("evidence_ids").fill_null(nothing),
        pl.col("other_ids").fill_null(nothing),
        pl.col("is_recorded").fill_null(False),
    )


def _with_records(snapshot: Snapshot, moves: pl.DataFrame, k: int, clock: pl.DataFrame) -> pl.DataFrame:
    """Add the rep's `record_share`, and whether the rep wrote down anything, on any deal, within `k` working days."""
    days = snapshot.sql(
        "SELECT DISTINCT rep_id, occurred_at::DATE AS noted_on FROM base.activities(as_of := $as_of) WHERE rep_id IS NOT NULL"
    )
    noted = _dated(days, "noted_on", clock).select("rep_id", noted=pl.col("noted_on_worked")).drop_nulls().sort("noted")
    near = moves.sort("moved_at_worked").join_asof(
        noted,
        left_on="moved_at_worked",
        right_on="noted",
        by="rep_id",
        strategy="nearest",
        coalesce=False,
        check_sortedness=False,  # both were sorted above; of groups polars cannot check it, and warns
    )
    is_heard = (pl.col("noted") - pl.col("moved_at_worked")).abs() <= k
    return near.with_columns(
        is_rep_heard=is_heard.fill_null(False) | pl.col("rep_id").is_null(),
        record_share=pl.col("is_recorded").mean().over("rep_id"),
    )
