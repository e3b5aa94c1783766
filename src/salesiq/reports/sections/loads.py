"""What was loaded, what was rejected and why."""

from __future__ import annotations

import polars as pl

from salesiq.i18n import Language, catalogue
from salesiq.i18n import numbers as num
from salesiq.reports.document import Column, Section, Table
from salesiq.reports.trace import where
from salesiq.reports.week import Week
from salesiq.reports.wording import joined, say, say_n, table_name

__all__ = ["section"]

N_REJECTS = 40

_LOADS = """
SELECT source_file, table_name, encoding, exported_at, n_rows_in, n_new + n_changed + n_unchanged AS n_loaded,
    n_rejected, n_skipped
FROM base.loads(as_of := $as_of)
-- of a file that was loaded again and again, the newest time
QUALIFY row_number() OVER (PARTITION BY source_file, table_name ORDER BY exported_at DESC, load_id DESC) = 1
ORDER BY source_file, table_name
"""
_REJECTS = """
SELECT rejects.source_file, source_line, source_column, value, reason
FROM base.rejects(as_of := $as_of) AS rejects
SEMI JOIN base.loads(as_of := $as_of) AS loads USING (load_id)
ORDER BY rejects.source_file, source_line, source_column
"""


def section(week: Week) -> Section:
    """Return the files of the book as they were known, and every row that is not in it."""
    lang = week.lang
    files, rejects = week.now.sql(_LOADS), week.now.sql(_REJECTS)
    return Section(
        key="loads",
        title=say("loads_title", lang),
        finding=_finding(files, rejects, lang),
        notes=(*_remarks(week), say("loads_note" if files.height else "loads_none_note", lang)),
        tables=tuple(table for table in (_rejects(rejects, lang), _files(files, lang)) if table.frame.height),
        facts={"n_rows_in": files["n_rows_in"].sum(), "n_loaded": files["n_loaded"].sum(), "n_rejected": rejects.height},
    )


def _finding(files: pl.DataFrame, rejects: pl.DataFrame, lang: Language) -> str:
    if files.is_empty():
        return say("loads_none", lang)
    facts = {
        "files": say_n("n_files", files["source_file"].n_unique(), lang),
        "rows": say_n("n_rows", int(files["n_rows_in"].sum()), lang),
        "rejected": say_n("n_rows", rejects.height, lang),
    }
    return say("loads_finding" if rejects.height else "loads_finding_clean", lang, **facts)


def _remarks(week: Week) -> tuple[str, ...]:
    if week.load_report is None:
        return ()
    return (say_n("loads_this_run", week.load_report.n_rows_in, week.lang, new=num.count(week.load_report.n_new, week.lang)),)


def _files(files: pl.DataFrame, lang: Language) -> Table:
    counts = [
        ("col_rows_in", "n_rows_in"),
        ("col_loaded", "n_loaded"),
        ("col_rejected", "n_rejected"),
        ("col_skipped", "n_skipped"),
    ]
    columns = [
        Column(say("col_file", lang), "source_file", note="encoding"),
        Column(say("col_table", lang), "table_name", lambda name: table_name(name, lang)),
        *(Column(say(title, lang), name, lambda value: num.count(value, lang), is_number=True) for title, name in counts),
    ]
    return Table("loads-files", files, tuple(columns), fold=say_n("loads_files", files.height, lang), is_wide=True)


def _rejects(rejects: pl.DataFrame, lang: Language) -> Table:
    rows = rejects.head(N_REJECTS)
    frame = rows.with_columns(
        place=pl.Series([where(row["source_file"], row["source_line"]) for row in rows.to_dicts()], dtype=pl.String),
        why=pl.Series([_reason(reason, lang) for reason in rows["reason"]], dtype=pl.String),
        found=pl.Series([_short(value) for value in rows["value"]], dtype=pl.String),
    )
    columns = (
        Column(say("col_place", lang), "place"),
        Column(say("col_column", lang), "source_column"),
        Column(say("col_value", lang), "found"),
        Column(say("col_reason", lang), "why"),
    )
    caption = say_n("loads_rejected", rejects.height, lang)
    if rejects.height > N_REJECTS:
        caption = joined([caption, say("first_shown", lang, n=N_REJECTS)], lang)
    return Table("loads-rejects", frame, columns, caption=caption, is_wide=True)


def _reason(key: str | None, lang: Language) -> str:
    area, _, name = (key or "").partition(".")
    try:
        return catalogue(lang, area).get(name, key or "—")
    except FileNotFoundError:  # a book of another version may hold a reason that has no text here
        return key or "—"


def _short(value: str | None, most: int = 60) -> str | None:
    line = None if value is None else " ".join(value.split())
    return line if line is None or len(line) <= most else line[: most - 1] + "…"
