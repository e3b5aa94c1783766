"""Problems: rows of the plan or the organisation from which no honest number can be made."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from salesiq.book import Snapshot
from salesiq.errors import UsageError

PLAN_PROBLEMS = ("cycle", "unknown_parent", "repeated_target", "negative_target", "bad_period", "overlapping_periods")
MONEY_PROBLEMS = (*PLAN_PROBLEMS, "mixed_currencies")
_NAMED = 5


def problems(snapshot: Snapshot) -> pl.DataFrame:
    """Return the rows of `targets`, `org_units` and `deals` that cannot be meant like this, each with its file and line.

    One row per faulty row. Columns: `problem`, `record` (unit, rep or currency), `detail`, `source_file`, `source_line`.
    Problems: `cycle` (the unit's parents lead back to it), `unknown_parent`, `several_tops` (more than one unit without a
    parent: a warning only, a holding has several), `repeated_target` (two targets of one carrier, version, period and
    measure), `negative_target`, `bad_period`, `overlapping_periods` (two windows of one carrier cross each other; a month
    inside its quarter does not), `mixed_currencies` (deals in several: the book has no exchange rates). `decay_parts`,
    `coverage`, `path`, `allocate` and `alignment_pack` raise UsageError for what would make them wrong. Ordered by problem,
    file, line and record; empty where all is sound.

    >>> from salesiq.book import Book
    >>> units = pl.DataFrame({"unit_id": ["A", "B"], "parent_unit_id": ["B", "A"], "valid_from": ["2025-01-01"] * 2})
    >>> problems(Book.from_frames(org_units=units).as_of("2026-01-31")).select("problem", "record", "detail").rows()
    [('cycle', 'A', 'B'), ('cycle', 'B', 'A')]
    """
    return snapshot.run("targets.problems", order=("problem", "source_file", "source_line", "record", "detail"))


def refuse_unsound(snapshot: Snapshot, fatal: Sequence[str] = PLAN_PROBLEMS) -> None:
    """Raise UsageError that names the rows, where there is a problem among `fatal`; asked once a snapshot."""
    key = "targets.problems"
    found = snapshot.cache.get(key)
    if not isinstance(found, pl.DataFrame):
        found = snapshot.cache[key] = problems(snapshot)
    assert isinstance(found, pl.DataFrame)  # noqa: S101 - tells mypy what the cache holds
    wrong = found.filter(pl.col("problem").is_in(list(fatal)))
    if wrong.height:
        name = wrong["problem"][0]
        rows = wrong.filter(problem=name)
        raise UsageError(f"targets.problem_{name}", rows=_named(rows), n=rows.height)


def _named(rows: pl.DataFrame) -> str:
    """Return the first few rows as text: what, its other side, its file and line."""
    words = [
        f"{row['record']} ({row['detail']}; {row['source_file']}:{row['source_line']})" for row in rows.head(_NAMED).to_dicts()
    ]
    return "; ".join(words) + (" ..." if rows.height > _NAMED else "")
