"""The weekly report: every section as plain data, and one page made from them."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from salesiq.book import Snapshot
from salesiq.i18n import Language
from salesiq.reports.document import Heading, Section, plain
from salesiq.reports.heading import heading_of
from salesiq.reports.page import html_page
from salesiq.reports.sections import SECTIONS, definitions
from salesiq.reports.week import Week

if TYPE_CHECKING:
    from salesiq.forecast import WinModel
    from salesiq.load import LoadReport

__all__ = ["WeeklyReport", "weekly"]


@dataclass(frozen=True)
class WeeklyReport:
    """What the weekly report says: its heading, its sections in order, and the definitions of its words."""

    as_of: dt.datetime
    lang: Language
    heading: Heading
    sections: tuple[Section, ...]
    definitions: Section

    def __getitem__(self, key: str) -> Section:
        """Return the section named `key`, such as "decay"; another name raises KeyError."""
        return {section.key: section for section in self.sections}[key]

    def to_html(self) -> str:
        """Return the report as one HTML page that needs no network. Made again, it is equal to the byte."""
        return html_page(self.heading, self.sections, self.definitions, self.lang)

    @property
    def has_red_flags(self) -> bool:
        """Whether something fell that chance does not explain."""
        return bool(self["red_flags"].facts.get("n_flags"))

    def write(self, path: str | Path) -> Path:
        """Write the page whole or not at all, and return its path; an older page stays until the new one is complete."""
        place = Path(path)
        unfinished = place.with_name(place.name + ".part")
        try:
            # newline: the hashes of the page's own scripts are of this very text, on every system
            unfinished.write_text(self.to_html(), encoding="utf-8", newline="\n")
            unfinished.replace(place)
        finally:
            unfinished.unlink(missing_ok=True)
        return place

    def to_dict(self) -> dict[str, Any]:
        """Return findings, tables with raw values and missing tables as JSON can hold them; amounts are text."""
        return {
            "as_of": self.as_of.isoformat(),
            "lang": self.lang,
            "title": self.heading.title,
            "facts": dict(self.heading.facts),
            "warnings": list(self.heading.warnings),
            "sections": [plain(section.to_dict()) for section in self.sections],
        }


def weekly(
    snapshot: Snapshot,
    *,
    lang: Language = "zh",
    previous: Snapshot | None = None,
    load_report: LoadReport | None = None,
    model: WinModel | None = None,
) -> WeeklyReport:
    """Return the weekly report of a snapshot: what changed, who is on course, where targets and records fail, what will be won.

    Everything comes from the snapshot, so that a report for last March can be made again. `previous` is the snapshot that
    changes are told against, by default seven days earlier; `load_report` adds what the load of this run did, `model` spares
    the fitting of a win model. A section whose
    tables are empty names them and says what they would give (`Section.missing`); a model without skill is said to have
    none.

    >>> from salesiq.book import Book
    >>> report = weekly(Book.from_frames().as_of("2026-06-30"), lang="en")
    >>> report["dwell"].missing, report["dwell"].finding[:14]
    (('stage_events',), 'Not available:')
    """
    before = previous or snapshot.earlier(snapshot.as_of - dt.timedelta(days=7))
    week = Week(snapshot, before, lang, load_report, model)
    sections = tuple(section(week) for section in SECTIONS)
    return WeeklyReport(snapshot.as_of, lang, heading_of(week), sections, definitions.section(week))
