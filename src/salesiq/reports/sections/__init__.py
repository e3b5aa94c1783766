"""The sections of the weekly report in the order in which they are read."""

from __future__ import annotations

from salesiq.reports.sections import (
    approvals,
    attainment,
    bookings,
    cash_in,
    changes,
    decay,
    dwell,
    health_board,
    loads,
    pseudo_advances,
    record_quality,
    red_flags,
    stuck,
    top_deals,
)

__all__ = ["SECTIONS"]

SECTIONS = (
    changes.section,
    health_board.section,
    decay.section,
    attainment.section,
    dwell.section,
    stuck.section,
    approvals.section,
    pseudo_advances.section,
    red_flags.section,
    bookings.section,
    top_deals.section,
    cash_in.section,
    record_quality.section,
    loads.section,
)
