"""What a load did: counts a file and table, every rejected row, everything a person should know, on one screen."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import polars as pl

from salesiq.i18n import Language, text

__all__ = ["FILES", "REMARKS", "LoadReport"]

FILES = {
    "source_file": pl.String,
    "table_name": pl.String,
    "encoding": pl.String,
    "n_rows_in": pl.Int64,
    "n_new": pl.Int64,
    "n_changed": pl.Int64,
    "n_unchanged": pl.Int64,
    "n_rejected": pl.Int64,
    "n_skipped": pl.Int64,
}
REMARKS = {"source_file": pl.String, "table_name": pl.String, "remark": pl.String, "detail": pl.String, "n": pl.Int64}
_MOST_LINES, _MOST_FILES = 8, 3
_ORDER = ("remark", "skipped", "unused")


@dataclass(frozen=True)
class LoadReport:
    """What a load did.

    `files` has one row per file and table; a file that feeds two tables stands there twice. `rejects` has one row per
    row that was not loaded, as the book keeps it. `remarks` says everything else: rows skipped and why, files not
    used and why, columns that came or went (`remark` is a text key). `known_later` maps "table.column" to the column
    whose moment reveals it. `is_noop` is true where every file was in the book already and nothing was written;
    `exported_at` is null then.
    """

    load_id: str
    mapping: str
    exported_at: dt.datetime | None
    files: pl.DataFrame
    rejects: pl.DataFrame
    remarks: pl.DataFrame
    known_later: dict[str, str]
    is_noop: bool

    @property
    def n_rows_in(self) -> int:
        """Rows read, over all files and tables."""
        return self._sum("n_rows_in")

    @property
    def n_loaded(self) -> int:
        """Rows that are in the book now: new, changed or equal to what it had."""
        return self.n_new + self.n_changed + self.n_unchanged

    @property
    def n_new(self) -> int:
        """Rows with a key that the book did not have."""
        return self._sum("n_new")

    @property
    def n_changed(self) -> int:
        """Rows that replaced an older version."""
        return self._sum("n_changed")

    @property
    def n_unchanged(self) -> int:
        """Rows equal to what the book had."""
        return self._sum("n_unchanged")

    @property
    def n_rejected(self) -> int:
        """Rows kept in rejects."""
        return self._sum("n_rejected")

    @property
    def n_skipped(self) -> int:
        """Rows left out for a stated reason, such as a blank line."""
        return self._sum("n_skipped")

    def _sum(self, column: str) -> int:
        return int(self.files[column].sum())

    def message(self, lang: Language = "en") -> str:
        """Return the report as text for one screen."""
        lines = [self._headline(lang), *self._table(lang)]
        lines += self._section(lang, "report_rejects", self._reject_lines(lang))
        lines += self._section(lang, "report_remarks", self._remark_lines(lang))
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values, ready for JSON: counts, files, rejects, remarks."""
        return {
            "load_id": self.load_id,
            "mapping": self.mapping,
            "exported_at": self.exported_at.isoformat() if self.exported_at else None,
            "is_noop": self.is_noop,
            "n_rows_in": self.n_rows_in,
            "n_loaded": self.n_loaded,
            "n_rejected": self.n_rejected,
            "n_skipped": self.n_skipped,
            "known_later": self.known_later,
            "files": self.files.to_dicts(),
            "rejects": self.rejects.to_dicts(),
            "remarks": self.remarks.to_dicts(),
        }

    def _headline(self, lang: Language) -> str:
        if self.is_noop:
            return text("load.report_noop", lang, mapping=self.mapping)
        shown = self.exported_at.isoformat(" ", "seconds") if self.exported_at else "—"
        return text(
            "load.report_headline",
            lang,
            n_in=f"{self.n_rows_in:,}",
            n_loaded=f"{self.n_loaded:,}",
            n_rejected=f"{self.n_rejected:,}",
            n_skipped=f"{self.n_skipped:,}",
            mapping=self.mapping,
            exported_at=shown,
        )

    def _table(self, lang: Language) -> list[str]:
        return [
            "  " + text("load.report_file", lang, **{name: _shown(value) for name, value in row.items()})
            for row in self.files.rows(named=True)
        ]

    def _section(self, lang: Language, title: str, lines: list[str]) -> list[str]:
        if not lines:
            return []
        more = [text("load.report_more", lang, n=len(lines) - _MOST_LINES)] if len(lines) > _MOST_LINES else []
        return [text(f"load.{title}", lang), *(f"  {line}" for line in [*lines[:_MOST_LINES], *more])]

    def _reject_lines(self, lang: Language) -> list[str]:
        groups = self.rejects.group_by("reason", "source_file", "source_column", maintain_order=True).agg(
            pl.len().alias("n"), pl.col("source_line").first(), pl.col("value").first()
        )
        return [
            text(
                "load.report_reject",
                lang,
                n=row["n"],
                file=row["source_file"],
                line=row["source_line"],
                column=row["source_column"] or "—",
                value=_short(row["value"]),
                reason=text(row["reason"], lang),
            )
            for row in groups.sort("n", descending=True, maintain_order=True).rows(named=True)
        ]

    def _remark_lines(self, lang: Language) -> list[str]:
        """One line per remark; files with the same remark share a line, those that were not used stand last."""
        shared = self.remarks.group_by("remark", "table_name", "detail", maintain_order=True).agg(
            pl.col("source_file"), pl.col("n").sum()
        )
        rows = sorted(shared.rows(named=True), key=lambda row: _ORDER.index(row["remark"].split("_")[0]))
        return [
            text(
                f"load.{row['remark']}",
                lang,
                file=_some(row["source_file"]),
                table=row["table_name"],
                detail=row["detail"],
                n=row["n"],
            )
            for row in rows
        ]


def _shown(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


def _short(value: str | None, most: int = 60) -> str:
    if value is None:
        return "—"
    line = " ".join(value.split())
    return line if len(line) <= most else line[: most - 1] + "…"


def _some(files: list[str]) -> str:
    more = f" … (+{len(files) - _MOST_FILES})" if len(files) > _MOST_FILES else ""
    return ", ".join(files[:_MOST_FILES]) + more
