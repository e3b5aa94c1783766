"""Reports: sections of findings, tables and figures from one snapshot, as data and as a page."""

from __future__ import annotations

from salesiq.reports.document import Column, Heading, Picture, Section, Table
from salesiq.reports.weekly import WeeklyReport, weekly

__all__ = ["Column", "Heading", "Picture", "Section", "Table", "WeeklyReport", "weekly"]
