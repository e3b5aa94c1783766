"""Reports: sections of findings, tables and figures from one snapshot, as data and as a page."""

from __future__ import annotations

from salesiq.reports.alignment import AlignmentReport, alignment
from salesiq.reports.document import Column, Heading, Picture, Section, Table
from salesiq.reports.model_card import model_card
from salesiq.reports.negotiation import allocation_workbook
from salesiq.reports.weekly import WeeklyReport, weekly

__all__ = [
    "AlignmentReport",
    "Column",
    "Heading",
    "Picture",
    "Section",
    "Table",
    "WeeklyReport",
    "alignment",
    "allocation_workbook",
    "model_card",
    "weekly",
]
