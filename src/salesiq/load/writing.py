"""The write that ends a load: rows merged, log kept, sums checked, in one transaction."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping as Map

import polars as pl

from salesiq.book import Book, Writer
from salesiq.load.mapping import Mapping
from salesiq.load.reading import Reading
from salesiq.load.report import FILES, LoadReport
from salesiq.tables import CONTRACTS

__all__ = ["write"]


def write(
    book: Book, reading: Reading, mapping: Mapping, file_hashes: Map[str, str], load_id: str, exported_at: dt.datetime
) -> LoadReport:
    """Write what was read into the book and return the report; raises before anything is kept where a sum does not
    hold.
    """
    with book.write() as writer:
        for table in reading.past.tables():
            _fill_past(writer, reading, table, load_id)
        for table in _in_order(reading):
            _merge(writer, reading, table, load_id, exported_at)
        for (file, table), tally in reading.tallies.items():
            tally.check(file, table)
        files = pl.DataFrame([tally.row(file, table) for (file, table), tally in reading.tallies.items()], schema=FILES)
        rejects = reading.rejects().select(pl.lit(load_id).alias("load_id"), pl.all())
        writer.log("loads", _loads(files, file_hashes, mapping, load_id, exported_at))
        writer.log("rejects", rejects)
        if reading.known_later:
            writer.note("known_later", {**book.notes("known_later"), **reading.known_later})
            writer.note("known_later_headers", {**book.notes("known_later_headers"), **reading.known_later_headers})
    return LoadReport(load_id, mapping.name, exported_at, files, rejects, reading.remarks(), reading.known_later, is_noop=False)


def _in_order(reading: Reading) -> list[str]:
    loaded = reading.spool.tables()
    return [name for name in CONTRACTS if name in loaded]


def _fill_past(writer: Writer, reading: Reading, table: str, load_id: str) -> None:
    rows = reading.past.chained(table)
    writer.insert_history(table, rows, load_id=load_id)
    for file, n in rows.group_by("source_file").len().rows():
        reading.tallies[file, table].n_new += n


def _merge(writer: Writer, reading: Reading, table: str, load_id: str, exported_at: dt.datetime) -> None:
    for file, rows in reading.spool.chunks(table):
        if rows.is_empty():
            continue
        tally = reading.tallies[file, table]
        if CONTRACTS[table].kind == "log":  # kept by hand before salesiq did: no history, appended as they are
            writer.log(table, rows.drop("source_file", "source_line"))
            tally.n_new += rows.height
            continue
        counts = writer.merge(table, rows, load_id=load_id, exported_at=exported_at)
        tally.n_new += counts.n_new
        tally.n_changed += counts.n_changed
        tally.n_unchanged += counts.n_unchanged


def _loads(
    files: pl.DataFrame, file_hashes: Map[str, str], mapping: Mapping, load_id: str, exported_at: dt.datetime
) -> pl.DataFrame:
    return files.select(
        pl.lit(load_id).alias("load_id"),
        "table_name",
        "source_file",
        pl.col("source_file")
        .replace_strict(dict(file_hashes), default=mapping.digest, return_dtype=pl.String)
        .alias("file_hash"),
        "encoding",
        pl.lit(exported_at, pl.Datetime("us")).alias("exported_at"),
        *[name for name in FILES if name.startswith("n_")],
    )
