"""From a number back to the rows, files and lines that it came from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import polars as pl

from salesiq.book import Snapshot
from salesiq.i18n import Language
from salesiq.reports.wording import listed, say, say_n, table_name
from salesiq.tables import CONTRACTS

__all__ = ["files_of", "lines_of", "origin_of", "where"]

_FILES_NAMED = 3


def where(file: str | None, line: int | None, record: str | None = None) -> str:
    """Return a place as text: the record, its file and line.

    >>> where("crm/商机.csv", 12, "D0007")
    'D0007 · crm/商机.csv:12'
    """
    place = None if file is None else file if line is None else f"{file}:{line}"
    return " · ".join(part for part in (record, place) if part)


def lines_of(snapshot: Snapshot, table: str, ids: Iterable[str | None]) -> dict[str, str]:
    """Return where each record of `table` with one of the `ids` (its first key) came from."""
    wanted = sorted({one for one in ids if one is not None})
    if not wanted:
        return {}
    key = CONTRACTS[table].keys[0]
    found = snapshot.sql(
        f"SELECT {key} AS record, min(source_file) AS file, min(source_line) AS line "
        f"FROM base.{_stored(table)}(as_of := $as_of) "
        f"WHERE list_contains($ids, {key}) GROUP BY {key} ORDER BY {key}",
        ids=wanted,
    )
    return {row["record"]: where(row["file"], row["line"], row["record"]) for row in found.to_dicts()}


def files_of(snapshot: Snapshot, table: str) -> pl.DataFrame:
    """Return one row per file that the visible rows of `table` came from: `source_file`, `n_rows`; largest first."""
    return snapshot.sql(
        f"SELECT coalesce(source_file, '') AS source_file, count(*) AS n_rows FROM base.{_stored(table)}(as_of := $as_of) "
        f"GROUP BY ALL ORDER BY n_rows DESC, source_file"
    )


def origin_of(snapshot: Snapshot, metric: str, tables: Sequence[str], lang: Language) -> tuple[str, ...]:
    """Return the lines that say which metric was asked, and which rows of which files it read."""
    lines = [say("origin_metric", lang, metric=metric, moment=snapshot.as_of.isoformat(sep=" ", timespec="seconds"))]
    for table in tables:
        rows = files_of(snapshot, table).to_dicts()
        if rows:
            lines.append(
                say_n(
                    "origin_table",
                    sum(row["n_rows"] for row in rows),
                    lang,
                    table=table_name(table, lang),
                    files=_named(rows, lang),
                )
            )
    return tuple(lines)


def _stored(table: str) -> str:
    # where a deal came from does not need its stage rebuilt, which takes a second of a million deals
    return "deal_versions" if table == "deals" else table


def _named(rows: list[dict[str, object]], lang: Language) -> str:
    names = [str(row["source_file"] or "?") for row in rows]
    if len(names) <= _FILES_NAMED:
        return listed(names, lang)
    return say("and_more", lang, names=listed(names[:_FILES_NAMED], lang), n=len(names) - _FILES_NAMED)
