"""One load as it is read: rows that wait to be written, rejected rows, counts a file and table, remarks."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

import polars as pl

from salesiq.errors import SalesiqError, UsageError
from salesiq.load.batches import Batch
from salesiq.load.field_history import Versions
from salesiq.load.headers import Binding, bind
from salesiq.load.mapping import Column, Rows
from salesiq.load.orders import in_order
from salesiq.load.origins import AS_SHEET, Origin
from salesiq.load.plan import Job, Shelf
from salesiq.load.repeats import key_hashes, repeated, settle, shown_key
from salesiq.load.report import REMARKS
from salesiq.load.rows import REJECT_SCHEMA, canonical_rows
from salesiq.load.series import scope_of
from salesiq.load.spool import Spool
from salesiq.load.text_files import TextTable, refuse_second_table
from salesiq.load.totals import Totals
from salesiq.load.values import parse
from salesiq.tables import CONTRACTS

__all__ = ["Reading", "Tally"]

_NOTHING_LOST = ("load.reason_summary", "load.reason_header_again", "load.reason_copy")
_PLANS = ("org_units", "reps")  # their days may lie ahead: a unit's first day, a rep's last


@dataclass
class Tally:
    """Counts of one file for one table."""

    encoding: str = ""
    n_rows_in: int = 0
    n_new: int = 0
    n_changed: int = 0
    n_unchanged: int = 0
    n_gone: int = 0
    n_rejected: int = 0
    n_skipped: int = 0

    def check(self, file: str, table: str) -> None:
        """Raise unless every row read is loaded, rejected or skipped."""
        out = self.n_new + self.n_changed + self.n_unchanged + self.n_rejected + self.n_skipped
        if out != self.n_rows_in:
            problem = f"{file} -> {table}: {self.n_rows_in} rows in, {out} accounted for"
            raise SalesiqError("errors.internal", problem=problem)

    def row(self, file: str, table: str) -> dict[str, object]:
        """Return the counts as a row of the report."""
        return {"source_file": file, "table_name": table, **vars(self)}


@dataclass
class Reading:
    """What has been read so far."""

    spool: Spool
    zone: str
    past: Versions = field(default_factory=Versions)
    tallies: dict[tuple[str, str], Tally] = field(default_factory=dict)
    scopes: dict[tuple[str, str], str] = field(default_factory=dict)
    known_later: dict[str, str] = field(default_factory=dict)
    known_later_headers: dict[str, str] = field(default_factory=dict)
    origins: dict[tuple[str, str], Origin] = field(default_factory=dict)
    newest: dt.datetime | None = None
    _opened: dict[tuple[str, str], Callable[[], Iterator[Batch]]] = field(default_factory=dict)
    _rejects: list[pl.DataFrame] = field(default_factory=list)
    _unread: dict[str, list[str]] = field(default_factory=dict)
    _remarks: Counter[tuple[str, str | None, str, str | None]] = field(default_factory=Counter)

    def remark(self, file: str, table: str | None, remark: str, detail: str | None = None, n: int = 1) -> None:
        """Note something that a person should know."""
        if n:
            self._remarks[file, table, remark, detail] += n

    def remarks(self) -> pl.DataFrame:
        """Return all remarks, in the order in which they came up."""
        return pl.DataFrame([(*key, n) for key, n in self._remarks.items()], schema=REMARKS, orient="row")

    def rejects(self) -> pl.DataFrame:
        """Return all rejected rows."""
        return pl.concat([pl.DataFrame(schema=REJECT_SCHEMA), *self._rejects])

    def read(self, job: Job, shelf: Shelf, progress: object = None) -> None:
        """Read one file for one table."""
        file, entry = job.source.name, job.entry
        table, head = shelf.table(job.source, entry)
        binding = bind(head, entry, file)
        tally = self._tally(file, entry.table)
        tally.encoding = table.encoding
        self._opened[file, entry.table] = partial(table.batches, binding.header)
        self.scopes[file, entry.table] = scope_of(entry)
        self.origins[file, entry.table] = Origin(file, entry, binding.header.cells, getattr(table, "dialect", AS_SHEET))
        self._remark_columns(job, binding)
        n_above = sum(1 for record in head if record.line < binding.header.line)
        self._skip(file, entry.table, "skipped_preamble", n_above)
        tally.n_rows_in += n_above
        before = tally.n_rejected
        n_read = 0
        ordered = in_order(table, binding, entry)
        for told in ordered.told:
            self.remark(file, entry.table, "read_date_order", told)
        totals = Totals(entry.table, self.zone)
        for batch in _ahead(ordered.batches) if isinstance(table, TextTable) else ordered.batches:
            self._take(batch, ordered.binding, Job(job.source, ordered.entry), totals)
            n_read += batch.cells.height
            if callable(progress):
                progress(file, n_read)
        refuse_second_table(table, entry, file)
        for difference in totals.differences:
            self.remark(file, entry.table, "remark_total_differs", difference)
        if tally.n_rows_in == n_above:
            self.remark(file, entry.table, "remark_no_rows")
        if isinstance(table, TextTable) and not table.has_final_newline and n_read:
            self.remark(file, entry.table, "remark_cut" if tally.n_rejected > before else "remark_open_end")
        for key, detail in getattr(table, "remarks", ()):
            self.remark(file, entry.table, key, detail)
        self.known_later |= {f"{entry.table}.{name}": moment for name, moment in entry.known_later.items()}
        headers = {bound.column.name: bound.header for bound in binding.columns}
        self.known_later_headers |= {f"{entry.table}.{name}": headers[name] for name in entry.known_later if name in headers}

    def _take(self, batch: Batch, binding: Binding, job: Job, totals: Totals) -> None:
        file, entry = job.source.name, job.entry
        tally = self._tally(file, entry.table)
        harvest = canonical_rows(batch, binding, entry, file, self.zone)
        totals.take(batch, binding, harvest)
        tally.n_rows_in += batch.cells.height + len(batch.faults) + batch.n_blank
        self._reject(file, entry.table, harvest.rejects)
        self._reject(file, entry.table, _of_faults(batch, file, entry.table))
        self._skip(file, entry.table, "skipped_blank", batch.n_blank + harvest.n_blank)
        self._skip(file, entry.table, "skipped_not_applicable", harvest.n_not_applicable)
        self._skip(file, entry.table, "skipped_where", harvest.n_left_out, entry.where.text if entry.where else None)
        self._skip(file, entry.table, "skipped_deleted", harvest.n_deleted)
        if entry.history is None:
            self._keep(entry.table, file, harvest.rows, is_distinct=entry.distinct)
        else:
            self.past.keep(entry.table, file, harvest.rows, binding.told(entry))
            self._look_for_newest(entry.table, harvest.rows, "known_from")

    def add_given(self, given: Rows, name: str) -> None:
        """Take the rows that the mapping itself gives."""
        file, contract = f"mapping:{name}", CONTRACTS[given.table]
        cells = pl.DataFrame(list(given.rows), schema=dict.fromkeys(contract.columns, pl.String))
        read = {key: parse(cells[key], dtype, Column(key, ()), self.zone) for key, dtype in contract.columns.items()}
        rows = pl.DataFrame([parsed.values.alias(key) for key, parsed in read.items()])
        wrong = [key for key, parsed in read.items() if parsed.reasons.null_count() < rows.height]
        _, failures = contract.check(rows)
        for column in (*wrong, *failures["column"].to_list()):
            raise UsageError("load.mapping_row", place=name, table=given.table, column=column)
        numbers = pl.int_range(1, rows.height + 1, dtype=pl.Int64, eager=True)
        self._tally(file, given.table).n_rows_in += rows.height
        self._tally(file, given.table).encoding = "toml"
        self.scopes[file, given.table] = "changes"
        self._keep(given.table, file, rows.with_columns(source_file=pl.lit(file), source_line=numbers), is_distinct=True)

    def settle_repeats(self) -> None:
        """Set aside copies and contradictions among the rows of each table."""
        for table in self.spool.tables():
            is_repeated = repeated(self.spool.hashes(table))
            if not is_repeated.any():
                continue
            out = settle(self.spool.select(table, is_repeated), CONTRACTS[table])
            if out.is_empty():
                continue
            places = out["place"].implode()
            self.spool.leave_out(table, pl.int_range(len(is_repeated), eager=True).is_in(places))
            self._note_repeats(table, out)
        for table in self.past.tables():
            self._note_repeats(table, self.past.settle(table).with_columns(is_distinct=pl.lit(value=False)))

    def _note_repeats(self, table: str, out: pl.DataFrame) -> None:
        meant = (pl.col("verdict") == "copy") & pl.col("is_distinct")
        for (file,), rows in out.filter(meant).group_by("source_file", maintain_order=True):
            self._skip(str(file), table, "skipped_repeated", rows.height)
        for (file,), rows in out.filter(~meant).group_by("source_file", maintain_order=True):
            self._reject(str(file), table, _of_repeats(rows, table, self._raw(str(file), table, rows["source_line"])))

    def _raw(self, file: str, table: str, lines: pl.Series) -> dict[int, str]:
        """Read rows of a file again, as they stand there; the rows of a mapping stand nowhere."""
        found: dict[int, str] = {}
        for batch in self._opened.get((file, table), lambda: iter(()))():
            places = batch.lines.is_in(lines.implode()).arg_true().to_list()
            found |= dict(zip(batch.lines.gather(places).to_list(), batch.raw(places), strict=True))
        return found

    def n_unclear(self, file: str, table: str) -> int:
        """Return how many rejected rows of a file may be rows that the book knows."""
        mine = (pl.col("source_file") == file) & (pl.col("table_name") == table)
        return self.rejects().filter(mine & ~pl.col("reason").is_in(_NOTHING_LOST)).height

    def _keep(self, table: str, file: str, rows: pl.DataFrame, *, is_distinct: bool) -> None:
        contract = CONTRACTS[table]
        self.spool.add(table, file, rows, key_hashes(rows, contract), is_distinct=is_distinct)
        self._look_for_newest(table, rows)

    def _look_for_newest(self, table: str, rows: pl.DataFrame, *also: str) -> None:
        contract = CONTRACTS[table]
        dated = () if table in _PLANS else (contract.moment, contract.recorded, *contract.reveals)
        for name in (*dated, *also):
            told = _end(rows[name]) if name else None
            if told is not None and (self.newest is None or told > self.newest):
                self.newest = told

    def _tally(self, file: str, table: str) -> Tally:
        return self.tallies.setdefault((file, table), Tally())

    def _reject(self, file: str, table: str, rejects: pl.DataFrame) -> None:
        if rejects.height:
            self._rejects.append(rejects)
            self._tally(file, table).n_rejected += rejects.height

    def _skip(self, file: str, table: str, remark: str, n: int, detail: str | None = None) -> None:
        self.remark(file, table, remark, detail, n=n)
        self._tally(file, table).n_skipped += n

    def _remark_columns(self, job: Job, binding: Binding) -> None:
        if binding.missing:
            self.remark(job.source.name, job.entry.table, "remark_column_absent", ", ".join(binding.missing))
        unread = self._unread.setdefault(job.source.name, list(binding.extra))
        self._unread[job.source.name] = [header for header in unread if header in binding.extra]

    def remark_unread(self) -> None:
        """Note the columns of each file that no table reads; called when all files are read."""
        for file, headers in self._unread.items():
            if headers:
                self.remark(file, None, "remark_column_unused", ", ".join(headers))


def _ahead(batches: Iterator[Batch]) -> Iterator[Batch]:
    """Decode the next block while this one is checked."""
    with ThreadPoolExecutor(1) as reader:
        waiting = reader.submit(next, batches, None)
        while (batch := waiting.result()) is not None:
            waiting = reader.submit(next, batches, None)
            yield batch


def _end(moments: pl.Series) -> dt.datetime | None:
    """Return the newest moment of a column; a day counts to its end."""
    newest = moments.cast(pl.Datetime("us")).max()
    if not isinstance(newest, dt.datetime):
        return None
    return newest + dt.timedelta(days=1, microseconds=-1) if moments.dtype == pl.Date else newest


def _of_faults(batch: Batch, file: str, table: str) -> pl.DataFrame:
    rows = [(table, file, fault.line, None, fault.value, f"load.{fault.reason}", fault.raw) for fault in batch.faults]
    return pl.DataFrame(rows, schema=REJECT_SCHEMA, orient="row")


def _of_repeats(rows: pl.DataFrame, table: str, raw: Mapping[int, str]) -> pl.DataFrame:
    contract = CONTRACTS[table]
    found = [
        (
            table,
            row["source_file"],
            row["source_line"],
            " | ".join(contract.keys),
            shown_key(row, contract),
            f"load.reason_{row['verdict']}",
            raw.get(row["source_line"]),
        )
        for row in rows.rows(named=True)
    ]
    return pl.DataFrame(found, schema=REJECT_SCHEMA, orient="row")
