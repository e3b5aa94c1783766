"""The page of the alignment meeting: parts of the decay, what backs each target, key customers, one page a rep."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from salesiq.book import Snapshot
from salesiq.calendar import Calendar
from salesiq.errors import UsageError
from salesiq.i18n import Language
from salesiq.i18n import numbers as num
from salesiq.reports.document import Heading, Section, plain
from salesiq.reports.meeting import Meeting
from salesiq.reports.page import html_page
from salesiq.reports.sections import coverage, decay_parts, key_customers, rep_pages, result_quality
from salesiq.reports.sheets import Sheet, write_workbook
from salesiq.targets.windows import Window

__all__ = ["AlignmentReport", "alignment"]

_SECTIONS: tuple[tuple[str, str, Callable[[Meeting], Section]], ...] = (
    ("decay_parts", "parts_title", decay_parts.section),
    ("coverage", "coverage_title", coverage.section),
    ("path", "path_title", key_customers.path_section),
    ("stale", "stale_title", key_customers.stale_section),
    ("quality", "quality_title", result_quality.section),
)
_SHEETS = {
    "sheet_pack": {
        "rep_name": "col_rep",
        "target_amount": "col_target",
        "done_amount": "done_amount",
        "uncovered_amount": "uncovered_amount",
        "customer_name": "col_customer",
        "why": "col_why",
        "won_amount": "col_won",
        "open_amount": "col_open",
        "expected_amount": "col_expected",
        "path_text": "col_path",
        "since_text": "col_since",
        "risk_text": "col_risks",
        "support_text": "col_support",
    },
    "sheet_coverage": {
        "unit_id": "col_id",
        "name": "col_unit",
        "target_amount": "col_target",
        "done_amount": "done_amount",
        "planned_amount": "planned_amount",
        "unplanned_amount": "unplanned_amount",
        "uncovered_amount": "uncovered_amount",
        "covered_share": "col_covered",
    },
    "sheet_path": {
        "customer_name": "col_customer",
        "rep_name": "col_owner",
        "won_amount": "col_won",
        "expected_amount": "col_expected",
        "decision_maker": "col_decider",
        "stage": "col_stage",
        "next_step": "col_next",
        "next_step_due_at": "col_due",
    },
}


@dataclass(frozen=True)
class AlignmentReport:
    """What the alignment meeting looks at: heading, sections in order (the last ones a page a rep each)."""

    as_of: dt.datetime
    lang: Language
    heading: Heading
    sections: tuple[Section, ...]
    definitions: Section
    meeting: Meeting = field(repr=False)

    def __getitem__(self, key: str) -> Section:
        """Return the section named `key`, such as "coverage"; another name raises KeyError."""
        return {section.key: section for section in self.sections}[key]

    def to_html(self) -> str:
        """Return one HTML page that needs no network; on paper each rep begins a page. Made again, it is equal to the byte."""
        return html_page(self.heading, self.sections, self.definitions, self.lang)

    def write(self, path: str | Path) -> Path:
        """Write the page whole or not at all, and return its path."""
        place = Path(path)
        unfinished = place.with_name(place.name + ".part")
        try:
            unfinished.write_text(self.to_html(), encoding="utf-8", newline="\n")
            unfinished.replace(place)
        finally:
            unfinished.unlink(missing_ok=True)
        return place

    def write_xlsx(self, path: str | Path) -> Path:
        """Write customers, coverage and key customers as a spreadsheet: amounts are numbers, texts stay texts."""
        frames = {
            "sheet_pack": rep_pages.pack_rows(self.meeting),
            "sheet_coverage": self.meeting.coverage.with_columns(unit_id=pl.coalesce("rep_id", "unit_id")),
            "sheet_path": self.meeting.path,
        }
        sheets = [
            Sheet(self.meeting.say(name), frames[name], {one: self.meeting.say(key) for one, key in columns.items()}, {})
            for name, columns in _SHEETS.items()
        ]
        return write_workbook(path, sheets)

    def to_dict(self) -> dict[str, Any]:
        """Return findings and tables with raw values as JSON can hold them."""
        return {"as_of": self.as_of.isoformat(), "sections": [plain(section.to_dict()) for section in self.sections]}


def alignment(
    snapshot: Snapshot,
    period: str,
    *,
    lang: Language = "zh",
    since: dt.date | dt.datetime | str | None = None,
    probabilities: pl.DataFrame | None = None,
) -> AlignmentReport:
    """Return the page of the alignment meeting for a period, from what was known at the snapshot's moment.

    `since` is the moment that changes are told against, by default 30 days earlier; `probabilities` as in `targets.coverage`.
    A section that the data refuse (a cycle in the tree, several currencies) says why in place of numbers.

    >>> from salesiq.book import Book
    >>> report = alignment(Book.from_frames().as_of("2026-06-30"), "2026-Q2", lang="en")
    >>> [section.key for section in report.sections], report["coverage"].finding
    (['decay_parts', 'coverage', 'path', 'stale', 'quality'], 'No targets of this period.')
    """
    window = Window.parse(period)
    before = snapshot.earlier(since if since is not None else snapshot.as_of - dt.timedelta(days=30))
    meeting = Meeting(snapshot, window.name, lang, before.as_of, probabilities)
    told = [_told(meeting, *parts) for parts in _SECTIONS]
    pages = () if any(section.facts.get("is_refused") for section in told) else rep_pages.sections(meeting)
    made_from = meeting.say("made_from", moment=num.moment(snapshot.as_of, lang))
    definitions = Section(key="definitions", title=meeting.say("definitions_title"), finding=made_from)
    return AlignmentReport(snapshot.as_of, lang, _heading(meeting, window), (*told, *pages), definitions, meeting)


def _told(meeting: Meeting, key: str, title: str, made: Callable[[Meeting], Section]) -> Section:
    try:
        return made(meeting)
    except UsageError as error:
        finding = meeting.say("refused", problem=error.message(meeting.lang))
        return Section(key=key, title=meeting.say(title), finding=finding, is_alarm=True, facts={"is_refused": True})


def _heading(meeting: Meeting, window: Window) -> Heading:
    lang = meeting.lang
    chances = "chances_base" if meeting.probabilities is None else "chances_model"
    return Heading(
        title=meeting.say("title"),
        subtitle=meeting.say("subtitle", period=window.name, moment=num.moment(meeting.now.as_of, lang)),
        facts=(
            (meeting.say("fact_elapsed"), num.share(window.elapsed_share(meeting.now.as_of, Calendar.china()), lang)),
            (meeting.say("fact_since"), num.moment(meeting.since, lang)),
            (meeting.say("fact_chances"), meeting.say(chances)),
        ),
        warnings=(),
    )
