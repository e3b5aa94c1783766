"""The sample company as its systems would have exported it on earlier evenings, and a book loaded with these exports."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from salesiq.calendar import parse_moment
from salesiq.errors import UsageError
from salesiq.sample.company import Company
from salesiq.sample.dealbook import STAGES
from salesiq.sample.revisions import Revisions, make_revisions
from salesiq.sample.window import EXPORTED_AT

if TYPE_CHECKING:
    from salesiq.book import Book

EVENING = dt.time(20, 0)
WORK_ENDS = dt.timedelta(hours=19)  # what was changed on a day is in its export where that is taken later
CONTRACT_DAYS = 365


def as_exported(company: Company, moment: dt.date | dt.datetime | str) -> dict[str, pl.DataFrame]:
    """Return the company's tables as its systems would have exported them at an earlier moment; a date means 20:00 of it.

    Rows that did not exist or had not been recorded by then are missing; status, stage, closing and everything else that comes
    later (openings, decisions, reviews, leavings) is as it stood then. Amounts are the estimates of then, which become
    the final amounts by steps of about 15 %; the expected day is that of then, which is pushed out as it passes. Both
    tell nothing of how the deal ends. At `EXPORTED_AT` these are the company's own frames. What a rep's call or an
    intervention says of an amount is the final one. Raises UsageError for a moment after the export.

    >>> from salesiq import sample
    >>> company = sample.generate(n_reps=12, n_months=6, seed=1, scale=200)
    >>> then = sample.as_exported(company, "2026-03-31")
    >>> then["deals"].height, then["deals"]["closed_at"].max().date()
    (120, datetime.date(2026, 3, 31))
    """
    return _exported(company, _evening(moment), _revisions(company))


def book_of_exports(company: Company, every_days: int = 14, path: str | Path = ":memory:") -> Book:
    """Return a book into which the company was loaded export by export, every so many days back from `EXPORTED_AT`.

    Attributes are known as of then, not in hindsight, from a deal's first export on. Exports of events hold what is new or
    changed since the one before, those of master tables all rows. The newest state is that of `Book.from_frames(**frames)`.
    Raises UsageError where `every_days` is below 1.

    >>> from salesiq import sample
    >>> company = sample.generate(n_reps=12, n_months=6, seed=1, scale=200)
    >>> book = sample.book_of_exports(company, every_days=30)
    >>> book.as_of("2026-05-31").sql("SELECT count(*) AS n, bool_or(is_hindsight) AS late FROM base.deals($as_of)").row(0)
    (175, False)
    """
    if every_days < 1:
        raise UsageError("sample.no_days", every_days=every_days)
    from salesiq.book import Book  # with the contracts it takes a second to import: `import salesiq.sample` stays light

    book = Book(path)
    with book.write() as writer:
        for moment, frames in _exports(company, every_days):
            for table, frame in frames.items():
                load_id = hashlib.sha256(f"{moment.isoformat()}/{table}/".encode() + _digest(frame)).hexdigest()[:16]
                n_new = writer.merge(table, frame, load_id=load_id, exported_at=moment).n_new
                row = {"load_id": load_id, "table_name": table, "source_file": f"exports/{moment.date()}/{table}"}
                counts = {"exported_at": moment, "n_rows_in": frame.height, "n_new": n_new}
                writer.log("loads", pl.DataFrame({**row, "file_hash": load_id, **counts}))
    return book


def _digest(frame: pl.DataFrame) -> bytes:
    return hashlib.sha256(frame.write_ipc(None).getvalue()).digest()


def _evening(moment: dt.date | dt.datetime | str) -> dt.datetime:
    parsed = parse_moment(moment)
    if parsed.time() == dt.time.max:
        parsed = dt.datetime.combine(parsed.date(), EVENING)
    if parsed > EXPORTED_AT:
        raise UsageError("sample.after_export", moment=parsed, exported_at=EXPORTED_AT)
    return parsed


def _exports(company: Company, every_days: int) -> Iterator[tuple[dt.datetime, dict[str, pl.DataFrame]]]:
    """Export after export: events that are new or have changed since the one before, all rows of the others."""
    revisions = _revisions(company)
    n_before = company.chunk.window.n_days // every_days
    before: dict[str, pl.DataFrame] = {}
    for place in range(n_before, -1, -1):
        moment = EXPORTED_AT - dt.timedelta(days=every_days * place)
        frames = _exported(company, moment, revisions)
        fresh = {table: _fresh(table, frame, before.get(table)) for table, frame in frames.items()}
        yield moment, {table: frame for table, frame in fresh.items() if frame.height}
        before = frames


def _fresh(table: str, frame: pl.DataFrame, before: pl.DataFrame | None) -> pl.DataFrame:
    from salesiq.tables import CONTRACTS  # as above

    contract = CONTRACTS[table]
    if contract.kind == "master" or before is None:
        return frame
    # texts of an event never change once it is recorded: keys and what is revealed later tell an event that is new or changed
    told = [*contract.keys, *contract.reveals, *(("status",) if table == "contracts" else ())]
    return frame.join(before.select(told), on=told, how="anti", nulls_equal=True)


def _exported(company: Company, moment: dt.datetime, revisions: Revisions) -> dict[str, pl.DataFrame]:
    frames = company.frames
    if moment == EXPORTED_AT:
        return frames
    then = {table: _known(table, frame, moment) for table, frame in frames.items()}
    then["deals"] = _deals(company, then["deals"], then["stage_events"], moment, revisions)
    then["contacts"] = then["contacts"].join(then["customers"], on="customer_id", how="semi", maintain_order="left")
    is_over = pl.col("signed_on") <= moment.date() - dt.timedelta(days=CONTRACT_DAYS)
    then["contracts"] = then["contracts"].with_columns(
        status=pl.when(is_over).then(pl.lit("已完结")).otherwise(pl.lit("执行中"))
    )
    return then


def _known(table: str, frame: pl.DataFrame, moment: dt.datetime) -> pl.DataFrame:
    """Rows that the contract says were there, without what it says came later."""
    from salesiq.tables import CONTRACTS  # as above

    contract = CONTRACTS[table]
    for name in (contract.moment, contract.recorded):
        if name is not None:
            frame = frame.filter(pl.col(name).is_null() | _is_past(frame, name, moment))
    for name, told in contract.reveals.items():
        is_past = _is_past(frame, name, moment)
        frame = frame.with_columns(pl.when(is_past).then(pl.col(column)) for column in (name, *told))
    return frame


def _is_past(frame: pl.DataFrame, name: str, moment: dt.datetime) -> pl.Expr:
    return pl.col(name) <= (moment.date() if frame.schema[name] == pl.Date else moment)


def _deals(
    company: Company, deals: pl.DataFrame, events: pl.DataFrame, moment: dt.datetime, revisions: Revisions
) -> pl.DataFrame:
    """The deals that had begun, with the stage, status and estimates of then."""
    chunk, day = company.chunk, company.chunk.window.day((moment - WORK_ENDS).date())
    told = pl.DataFrame(
        {
            "deal_id": chunk.deal_ids.tolist(),
            "amount": revisions.amounts(chunk.inputs.amount, day),
            "expected_close_on": chunk.window.days_of(revisions.expected(len(chunk.deal_ids), day)),
        }
    ).with_columns((pl.col("amount") / 100).cast(deals.schema["amount"]))
    at = events.sort("entered_at").group_by("deal_id").agg(pl.col("stage").last().alias("moved_stage"))
    joined = deals.drop("amount", "expected_close_on").join(told, on="deal_id", how="left", maintain_order="left")
    # the stage of an open deal is what was recorded of it; a deal whose first stage was not is in it nevertheless
    stage = pl.coalesce("stage", "moved_stage", pl.lit(STAGES[0]))
    status = pl.coalesce("status", pl.lit("open"))
    found = joined.join(at, on="deal_id", how="left", maintain_order="left").with_columns(stage=stage, status=status)
    return found.select(deals.columns)


def _revisions(company: Company) -> Revisions:
    expected = company.frames["deals"]["expected_close_on"].to_numpy().astype("M8[D]")
    return make_revisions(company.chunk, (expected - company.chunk.window.dates[0]).astype(np.int64))
