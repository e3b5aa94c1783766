"""What a load did: counts a file and table, every rejected row, everything a person should know, on one screen."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import polars as pl

from salesiq.i18n import Language
from salesiq.load.telling import STATEMENTS, on_one_screen, statements

__all__ = ["FILES", "REMARKS", "LoadReport"]

FILES = {
    "source_file": pl.String,
    "table_name": pl.String,
    "encoding": pl.String,
    "n_rows_in": pl.Int64,
    "n_new": pl.Int64,
    "n_changed": pl.Int64,
    "n_unchanged": pl.Int64,
    "n_gone": pl.Int64,
    "n_rejected": pl.Int64,
    "n_skipped": pl.Int64,
}
REMARKS = {"source_file": pl.String, "table_name": pl.String, "remark": pl.String, "detail": pl.String, "n": pl.Int64}


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
    def n_gone(self) -> int:
        """Rows that the book has and a full export has no longer."""
        return self._sum("n_gone")

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
        """Return the report as text for one screen: what came, what was understood, mended, refused and left aside."""
        return on_one_screen(self, lang)

    def told(self, lang: Language = "en") -> pl.DataFrame:
        """Return everything that the report says as a frame, one row per statement, nothing left out.

        Columns: `section` (understood, mended, refused, skipped, noticed, unused), `source_file`, `table_name`, `n` (rows, or
        times), `said` (the sentence in `lang`).
        """
        return pl.DataFrame(statements(self, lang), schema=STATEMENTS, orient="row")

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
