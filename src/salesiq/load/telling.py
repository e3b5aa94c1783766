"""A load report in sentences: every statement as a row, and the whole on one screen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import polars as pl
from rich.cells import cell_len

from salesiq.i18n import Language, text

if TYPE_CHECKING:
    from salesiq.load.report import LoadReport

__all__ = ["STATEMENTS", "on_one_screen", "reject_lines", "statements"]

STATEMENTS = {"section": pl.String, "source_file": pl.String, "table_name": pl.String, "n": pl.Int64, "said": pl.String}
_SECTIONS = {
    "read": "understood",
    "mended": "mended",
    "reason": "refused",
    "skipped": "skipped",
    "remark": "noticed",
    "unused": "unused",
}
"""What a text key of the area `load` begins with, and the section that it belongs to, in the order of the page."""
_COUNTS = ("n_rows_in", "n_new", "n_changed", "n_unchanged", "n_gone", "n_rejected", "n_skipped")
_MOST_LINES, _MOST_TABLES, _MOST_FILES, _LONGEST_VALUE = 6, 16, 3, 60


def statements(report: LoadReport, lang: Language) -> list[tuple[str, str, str | None, int, str]]:
    """Return (section, file, table, n, sentence) for every remark and every group of rejects, in the order of the page."""
    found = [_of_remark(row, [row["source_file"]], lang) for row in report.remarks.rows(named=True)]
    found += [
        ("refused", row["source_file"], row["table_name"], row["n"], _of_rejects(row, lang))
        for row in _groups(report.rejects).rows(named=True)
    ]
    order = list(_SECTIONS.values())
    return sorted(found, key=lambda item: order.index(item[0]))


def on_one_screen(report: LoadReport, lang: Language) -> str:
    """Return the report as text: a headline, a table of what came, and a few lines a section."""
    if report.is_noop:
        lines = [text("load.report_noop", lang, mapping=report.mapping)]
    else:
        lines = [_headline(report, lang), *_came(report.files, lang)]
    for section in _SECTIONS.values():
        lines += _section(section, list(dict.fromkeys(_sentences(report, section, lang))), lang)
    return "\n".join(lines)


def reject_lines(rejects: pl.DataFrame, lang: Language) -> list[str]:
    """Return one sentence per kind of fault, file and column of rejected rows, most rows first."""
    return [_of_rejects(row, lang) for row in _groups(rejects).rows(named=True)]


def _headline(report: LoadReport, lang: Language) -> str:
    return text(
        "load.report_headline",
        lang,
        n_in=f"{report.n_rows_in:,}",
        n_loaded=f"{report.n_loaded:,}",
        n_rejected=f"{report.n_rejected:,}",
        n_skipped=f"{report.n_skipped:,}",
        mapping=report.mapping,
        exported_at=report.exported_at.isoformat(" ", "seconds") if report.exported_at else "—",
    )


def _came(files: pl.DataFrame, lang: Language) -> Iterator[str]:
    """Yield the table of files: columns in which all is 0 are left out; of many files the eventful and the largest stay."""
    shown, rest = _eventful(files)
    counts = [name for name in _COUNTS if name in files.columns and (name == "n_rows_in" or files[name].sum())]
    head = [text(f"load.report_column_{name}", lang) for name in ("source_file", "table_name", "encoding", *counts)]
    rows = [
        [row["source_file"], row["table_name"], row["encoding"], *(f"{row[name]:,}" if row[name] else "" for name in counts)]
        for row in shown.rows(named=True)
    ]
    yield from _aligned([head, *rows], n_words=3)
    if rest.height:
        yield "  " + text("load.report_more_files", lang, n=rest.height, n_rows=f"{rest['n_rows_in'].sum():,}")


def _eventful(files: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    if files.height <= _MOST_TABLES:
        return files, files.clear()
    ranked = files.with_row_index("place").sort(
        pl.col("n_rejected") > 0, pl.col("n_changed") > 0, "n_rows_in", descending=True, maintain_order=True
    )
    kept = ranked.head(_MOST_TABLES)["place"]
    is_kept = pl.int_range(files.height, dtype=pl.UInt32, eager=True).is_in(kept.implode())
    return files.filter(is_kept), files.filter(~is_kept)


def _aligned(rows: Sequence[Sequence[str]], n_words: int) -> Iterator[str]:
    """Yield rows in columns as wide as a terminal shows them, where a Chinese character takes two places."""
    widths = [max(cell_len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [
            cell + " " * (width - cell_len(cell)) if place < n_words else " " * (width - cell_len(cell)) + cell
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield ("  " + "  ".join(cells)).rstrip()


def _section(name: str, lines: list[str], lang: Language) -> list[str]:
    if not lines:
        return []
    more = [text("load.report_more", lang, n=len(lines) - _MOST_LINES)] if len(lines) > _MOST_LINES else []
    return [text(f"load.report_{name}", lang), *(f"  {line}" for line in [*lines[:_MOST_LINES], *more])]


def _sentences(report: LoadReport, section: str, lang: Language) -> Iterator[str]:
    """Yield one sentence per kind of remark; files of which the same is said share it."""
    if section == "refused":
        yield from reject_lines(report.rejects, lang)
        return
    shared = report.remarks.group_by("remark", "table_name", "detail", maintain_order=True).agg(
        pl.col("source_file"), pl.col("n").sum()
    )
    for row in shared.rows(named=True):
        told = _of_remark(row, row["source_file"], lang)
        if told[0] == section:
            yield told[-1]


def _of_remark(row: dict[str, object], files: list[str], lang: Language) -> tuple[str, str, str | None, int, str]:
    key, table, n = str(row["remark"]), row["table_name"], row["n"]
    said = text(f"load.{key}", lang, file=_some(files), table=table, detail=row["detail"], n=n)
    named = None if table is None else str(table)
    return _SECTIONS[key.split("_", maxsplit=1)[0]], files[0], named, int(str(n)), said


def _groups(rejects: pl.DataFrame) -> pl.DataFrame:
    groups = rejects.group_by("reason", "source_file", "table_name", "source_column", maintain_order=True)
    counted = groups.agg(pl.len().alias("n"), pl.col("source_line").first(), pl.col("value").first())
    return counted.sort("n", descending=True, maintain_order=True)


def _of_rejects(row: dict[str, object], lang: Language) -> str:
    return text(
        "load.report_reject",
        lang,
        n=row["n"],
        file=row["source_file"],
        line=row["source_line"],
        column=row["source_column"] or "—",
        value=_short(row["value"]),
        reason=text(str(row["reason"]), lang),
    )


def _short(value: object) -> str:
    line = "—" if value is None else " ".join(str(value).split())
    return line if len(line) <= _LONGEST_VALUE else line[: _LONGEST_VALUE - 1] + "…"


def _some(files: list[str]) -> str:
    more = f" … (+{len(files) - _MOST_FILES})" if len(files) > _MOST_FILES else ""
    return ", ".join(files[:_MOST_FILES]) + more
