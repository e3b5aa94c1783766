"""Loading: files found, read, settled and merged into a book, all of them or none."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from salesiq.book import Book
from salesiq.calendar import parse_moment
from salesiq.errors import InputError, UsageError
from salesiq.load.finding import find_sources, shown
from salesiq.load.mapping import Mapping
from salesiq.load.plan import Job, Shelf, make_plan
from salesiq.load.reading import Reading
from salesiq.load.report import FILES, LoadReport
from salesiq.load.sources import Found, Source
from salesiq.load.spool import Spool
from salesiq.load.telling import reject_lines
from salesiq.load.writing import Also, Load, write

__all__ = ["Progress", "load"]

Progress = Callable[[str, int], None]


def load(
    book: Book,
    source: str | Path | Sequence[str | Path],
    mapping: str | Path | Mapping | None = None,
    exported_at: dt.datetime | str | None = None,
    progress: Progress | None = None,
    *,
    max_rejects_share: float | None = None,
    allow_shrink: bool = False,
    also: Also | None = None,
) -> LoadReport:
    """Load exports into a book and say what became of every row.

    `source` is a folder (searched at any depth), a file, a pattern (`exports/*.csv`), a list of those, the address of a
    database (`postgresql://...`, `mysql://...`) or `-` for standard input. Read are CSV and TSV, XLSX, XLS, XLSB and ODS,
    Parquet, JSON and JSON lines, ZIP and GZ of them, SQLite and DuckDB files. `mapping` is
    the name of a preset, the path of a mapping file, or None to take the preset that fits the files' headers best.
    `exported_at` is the moment at which the systems gave the export; without it a date in the folder's name counts
    (the end of that day), else the newest moment that the rows tell of. `progress` is called with a file's name and
    the number of its rows read so far. A load of which more than `max_rejects_share` (0.02 is 2 %) of the rows are rejected is
    refused; so is a full export that lost most of the rows that the one before had, unless `allow_shrink`. `also` is
    called within the same write, with the writer and the load's id.

    Every row is loaded, rejected with its reason, or skipped with its reason; the sums are checked. Files whose
    content came with the same mapping (and export day, where one is given) before are passed over, and where all
    were, nothing is written. The whole load is one write: on any error the book stays as it was. Raises InputError
    for a file that is refused, UsageError for a mapping or a moment that cannot be meant, BusyError and BookError as
    `book.write()`.
    """
    try:
        with find_sources(source, own_book=book.path) as found:
            return _load(book, found, mapping, exported_at, progress, _Limits(max_rejects_share, allow_shrink), also)
    except OSError as error:  # the book's own storage errors are BookErrors by now
        place, problem = error.filename or shown(source), error.strerror or error
        raise InputError("load.unreadable", file=place, problem=problem) from error


@dataclass(frozen=True)
class _Limits:
    """Beyond which a load is refused."""

    max_rejects_share: float | None
    allow_shrink: bool


def _load(
    book: Book,
    found: Found,
    mapping: str | Path | Mapping | None,
    exported_at: dt.datetime | str | None,
    progress: Progress | None,
    limits: _Limits,
    also: Also | None,
) -> LoadReport:
    shelf = Shelf(found.sandbox)
    plan = make_plan(found, mapping, shelf)
    stated = _stated_moment(book, found, exported_at)
    hashes = {job.source: _file_hash(job.source, plan.mapping, stated) for job in plan.jobs}
    known = book.loaded_hashes()
    fresh = [job for job in plan.jobs if hashes[job.source] not in known]
    load_id = hashlib.sha256("".join(sorted({hashes[job.source] for job in fresh})).encode()).hexdigest()[:16]
    with Spool() as spool:
        reading = Reading(spool, book.zone)
        _remark_files(reading, found, plan.unused, {job.source for job in plan.jobs} - {job.source for job in fresh})
        if not fresh:
            return _noop(plan.mapping, reading)
        _read(reading, fresh, shelf, plan.mapping, progress)
        for job in fresh:
            job.source.check_unmoved()
        moment = stated or reading.newest
        if moment is None:
            _refuse_momentless(reading)
            return _nothing(plan.mapping, reading)
        _refuse_too_many(reading, limits.max_rejects_share)
        file_hashes = {source.name: digest for source, digest in hashes.items()}
        return write(book, reading, Load(load_id, moment, plan.mapping, file_hashes, limits.allow_shrink, also))


def _stated_moment(book: Book, found: Found, exported_at: dt.datetime | str | None) -> dt.datetime | None:
    if exported_at is None:
        return found.exported_at
    return parse_moment(exported_at, book.zone)


def _file_hash(source: Source, mapping: Mapping, stated: dt.datetime | None) -> str:
    """Hash what was read, how, and the export day where one is stated.

    The day belongs to it: a file that goes back to an earlier content (A, then B, then A) is news, not a repetition.
    """
    told = stated.isoformat() if stated else ""
    return hashlib.sha256(f"{source.digest} {mapping.digest} {told}".encode()).hexdigest()


def _remark_files(reading: Reading, found: Found, unmapped: Sequence[Source], known: set[Source]) -> None:
    for name, reason in found.unused:
        reading.remark(name, None, reason)
    for source in unmapped:
        reading.remark(source.name, None, "unused_unmapped")
    for source in sorted(known, key=lambda item: item.name):
        reading.remark(source.name, None, "unused_known")


def _read(reading: Reading, jobs: Sequence[Job], shelf: Shelf, mapping: Mapping, progress: Progress | None) -> None:
    for job in jobs:
        reading.read(job, shelf, progress)
    for rows in mapping.rows:
        reading.add_given(rows, mapping.name)
    if mapping.status == "unverified":
        reading.remark(f"mapping:{mapping.name}", None, "remark_unverified")
    reading.remark_unread()
    reading.settle_repeats()


def _refuse_momentless(reading: Reading) -> None:
    """Rows without any moment cannot be placed in time; only the user knows when they were exported."""
    if reading.spool.tables():
        raise UsageError("load.no_moment", tables=", ".join(reading.spool.tables()))
    rejects = reading.rejects()
    if rejects.height:
        first = rejects.row(0, named=True)
        raise InputError("load.all_rejected", n=rejects.height, file=first["source_file"], line=first["source_line"])


def _refuse_too_many(reading: Reading, most_share: float | None) -> None:
    rejects = reading.rejects()
    n_rows = sum(tally.n_rows_in - tally.n_skipped for tally in reading.tallies.values())
    if most_share is not None and rejects.height > most_share * n_rows:
        reasons = "; ".join(reject_lines(rejects, "en")[:3])
        share = rejects.height / n_rows
        raise InputError(
            "load.too_many_rejects", n=rejects.height, n_rows=n_rows, share=share, most=most_share, reasons=reasons
        )


def _noop(mapping: Mapping, reading: Reading) -> LoadReport:
    empty = pl.DataFrame(schema=FILES)
    return LoadReport("", mapping.name, None, empty, reading.rejects(), reading.remarks(), {}, is_noop=True)


def _nothing(mapping: Mapping, reading: Reading) -> LoadReport:
    """Only headers, no row: nothing is written, and nothing that the book has is touched."""
    files = pl.DataFrame([tally.row(file, table) for (file, table), tally in reading.tallies.items()], schema=FILES)
    return LoadReport("", mapping.name, None, files, reading.rejects(), reading.remarks(), {}, is_noop=False)
