"""A data scientist's own frames as canonical rows."""

from __future__ import annotations

import datetime as dt
import difflib
from collections.abc import Mapping
from typing import Any

import polars as pl
import polars.exceptions

from salesiq.errors import UsageError
from salesiq.tables import CONTRACTS, Contract

HISTORY = ("known_from", "known_to")
_PASSED_THROUGH = (*HISTORY, "source_file", "source_line")


def canonical(table: str, frame: Any, zone: str) -> pl.DataFrame:
    """Return a polars or pandas frame as typed rows of `table` that keep its contract, with their row number as source.

    Raises UsageError for a table or column the contracts do not know, a required column that is missing, a value that does
    not fit its type, and rows that break the contract or repeat a key.
    """
    contract = CONTRACTS.get(table)
    if contract is None or contract.kind == "log":
        near = difflib.get_close_matches(table, CONTRACTS, n=1, cutoff=0.0)[0]
        raise UsageError("book.no_table", table=table, near=near)
    rows = frame if isinstance(frame, pl.DataFrame) else pl.from_pandas(frame)
    _check_columns(contract, rows.columns)
    typed = rows.with_columns(_typed(contract, rows, name, zone) for name in rows.columns)
    whole = typed.select(
        (pl.col(name) if name in rows.columns else pl.lit(None)).cast(dtype).alias(name)
        for name, dtype in contract.columns.items()
    )
    _check_rows(contract, whole, has_history="known_from" in rows.columns)
    kept = [name for name in _PASSED_THROUGH if name in rows.columns]
    source = [pl.lit(f"frames/{table}").alias("source_file"), pl.int_range(1, pl.len() + 1).alias("source_line")]
    return whole.with_columns([column for column in source if column.meta.output_name() not in kept]).with_columns(
        typed.get_column(name) for name in kept
    )


def newest_moment(frames: Mapping[str, pl.DataFrame]) -> dt.datetime | None:
    """Return the newest moment that any row tells of, leaving out plans; None where no row has one."""
    moments: list[dt.datetime] = []
    for table, frame in frames.items():
        contract = CONTRACTS[table]
        told = [contract.moment, contract.recorded, *contract.reveals]
        for name in told:
            if name is not None and name in frame.columns and table != "org_units":
                newest = frame.get_column(name).cast(pl.Datetime("us")).max()
                if isinstance(newest, dt.datetime):
                    is_day = frame.schema[name] == pl.Date
                    moments.append(newest + dt.timedelta(days=1, microseconds=-1) if is_day else newest)
    return max(moments, default=None)


def _check_columns(contract: Contract, given: list[str]) -> None:
    for name in given:
        if name not in contract.columns and name not in _PASSED_THROUGH:
            near = difflib.get_close_matches(name, contract.columns, n=1, cutoff=0.0)[0]
            raise UsageError("book.no_column", table=contract.name, column=name, near=near)
    for name in contract.required:
        if name not in given:
            raise UsageError("book.column_missing", table=contract.name, column=name)


def _typed(contract: Contract, rows: pl.DataFrame, name: str, zone: str) -> pl.Expr:
    wanted = contract.columns.get(name, pl.Datetime("us") if name in HISTORY else None)
    column = pl.col(name)
    if wanted is None or rows.schema[name] == wanted:
        return column
    try:
        return pl.lit(_cast(rows.get_column(name), wanted, zone)).alias(name)
    except polars.exceptions.PolarsError as error:
        problem = str(error).strip().split("\n")[0]
        raise UsageError("book.bad_type", table=contract.name, column=name, wanted=wanted, problem=problem) from error


def _cast(values: pl.Series, wanted: pl.DataType, zone: str) -> pl.Series:
    dtype = values.dtype
    if dtype == pl.String and wanted == pl.Date:
        return values.str.to_date()
    if dtype == pl.String and isinstance(wanted, pl.Datetime):
        return values.str.to_datetime(time_unit="us")
    if isinstance(dtype, pl.Datetime) and dtype.time_zone is not None:
        values = values.dt.convert_time_zone(zone).dt.replace_time_zone(None)
    if dtype.is_float() and wanted.is_decimal():
        values = values.fill_nan(None).round(2)
    return values.cast(wanted)


def _check_rows(contract: Contract, rows: pl.DataFrame, *, has_history: bool) -> None:
    _, failures = contract.check(rows)
    if not failures.is_empty():
        row, column, value, check = failures.row(0)
        raise UsageError("book.bad_row", table=contract.name, row=row + 1, column=column, value=value, check=check)
    if not has_history:
        repeated = rows.select(contract.keys).filter(pl.struct(contract.keys).is_duplicated())
        if not repeated.is_empty():
            raise UsageError("book.repeated_key", table=contract.name, keys=repeated.row(0))
