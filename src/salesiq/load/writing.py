"""The write that ends a load: rows merged, log kept, sums checked, in one transaction."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from collections.abc import Mapping as Map
from dataclasses import dataclass

import polars as pl

from salesiq.book import Book, MergeCounts, Writer
from salesiq.load.mapping import Mapping
from salesiq.load.origins import noted
from salesiq.load.reading import Reading
from salesiq.load.report import FILES, LoadReport
from salesiq.load.series import check_volume, series_of
from salesiq.tables import CONTRACTS

__all__ = ["Also", "Load", "write"]

Also = Callable[[Writer, str], None]


@dataclass(frozen=True)
class Load:
    """What all rows of a load share. `also` is called within the same write, with the load's id."""

    load_id: str
    exported_at: dt.datetime
    mapping: Mapping
    file_hashes: Map[str, str]
    allow_shrink: bool = False
    also: Also | None = None


def write(book: Book, reading: Reading, load: Load) -> LoadReport:
    """Write what was read into the book and return the report; raises before anything is kept where a sum does not
    hold.
    """
    with book.write() as writer:
        for table in reading.past.tables():
            _fill_past(writer, reading, table, load)
        for table in _in_order(reading):
            _merge(writer, reading, table, load)
        for (file, table), tally in reading.tallies.items():
            tally.check(file, table)
        files = pl.DataFrame([tally.row(file, table) for (file, table), tally in reading.tallies.items()], schema=FILES)
        rejects = reading.rejects().select(pl.lit(load.load_id).alias("load_id"), pl.all())
        writer.log("loads", _loads(files, load))
        writer.log("rejects", rejects.with_columns(resolved_load_id=pl.lit(None, pl.String)))
        if rejects.height:
            writer.note(f"read:{load.load_id}", noted(reading.origins.values(), load.mapping))
        if reading.known_later:
            writer.note("known_later", {**book.notes("known_later"), **reading.known_later})
            writer.note("known_later_headers", {**book.notes("known_later_headers"), **reading.known_later_headers})
        if load.also is not None:
            load.also(writer, load.load_id)
    remarks, later = reading.remarks(), reading.known_later
    return LoadReport(load.load_id, load.mapping.name, load.exported_at, files, rejects, remarks, later, is_noop=False)


def _in_order(reading: Reading) -> list[str]:
    loaded = reading.spool.tables()
    return [name for name in CONTRACTS if name in loaded]


def _fill_past(writer: Writer, reading: Reading, table: str, load: Load) -> None:
    rows = reading.past.chained(table)
    counts = rows.group_by("source_file", maintain_order=True).len().rows()
    series = series_of(counts[0][0], table) if counts else table
    writer.merge_history(table, rows, load_id=load.load_id, exported_at=load.exported_at, series=series)
    for file, n in counts:
        reading.tallies[file, table].n_new += n


def _merge(writer: Writer, reading: Reading, table: str, load: Load) -> None:
    if CONTRACTS[table].kind == "log":  # kept by hand before salesiq did: no history, appended as they are
        _append(writer, reading, table)
        return
    by_series: dict[str, list[str]] = {}
    for file in reading.spool.files(table):
        by_series.setdefault(series_of(file, table), []).append(file)
    for series in sorted(by_series):
        _merge_series(writer, reading, table, series, by_series[series], load)


def _append(writer: Writer, reading: Reading, table: str) -> None:
    for file in reading.spool.files(table):
        for rows in reading.spool.chunks(table, file):
            writer.log(table, rows.drop("source_file", "source_line"))
            reading.tallies[file, table].n_new += rows.height


def _merge_series(writer: Writer, reading: Reading, table: str, series: str, files: list[str], load: Load) -> None:
    is_full = all(reading.scopes[file, table] == "full" for file in files)
    n_before = writer.n_rows_before(table, series, load.exported_at) if is_full else None
    if n_before is not None:
        n_rows = reading.spool.n_rows(table, files)
        if check_volume(n_rows, n_before, files[0], table, is_allowed=load.allow_shrink):
            reading.remark(files[0], table, "remark_fewer_rows", f"{n_before} → {n_rows}")
    if is_full and any(reading.n_unclear(file, table) for file in files):
        # a rejected row is not gone; which key it has is not known for sure
        is_full = False
        reading.remark(files[0], table, "remark_none_gone")
    with writer.export(
        table,
        load_id=load.load_id,
        exported_at=load.exported_at,
        series=series,
        scope="full" if is_full else "changes",
    ) as export:
        for file in files:
            for rows in reading.spool.chunks(table, file):
                export.add(rows)
    for name, counts in export.counts.items():
        _count(reading, str(name), table, counts)
    _count(reading, files[0], table, MergeCounts(n_gone=export.n_gone))


def _count(reading: Reading, file: str, table: str, counts: MergeCounts) -> None:
    tally = reading.tallies[file, table]
    tally.n_new += counts.n_new
    tally.n_changed += counts.n_changed
    tally.n_unchanged += counts.n_unchanged
    tally.n_gone += counts.n_gone


def _loads(files: pl.DataFrame, load: Load) -> pl.DataFrame:
    hashes = pl.col("source_file").replace_strict(dict(load.file_hashes), default=load.mapping.digest, return_dtype=pl.String)
    series = [series_of(file, table) for file, table in files.select("source_file", "table_name").rows()]
    return files.select(
        pl.lit(load.load_id).alias("load_id"),
        "table_name",
        "source_file",
        hashes.alias("file_hash"),
        pl.Series("series", series, dtype=pl.String),
        "encoding",
        pl.lit(load.exported_at, pl.Datetime("us")).alias("exported_at"),
        *[name for name in FILES if name.startswith("n_")],
    )
