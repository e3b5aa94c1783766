"""Plan: targets of units and reps."""

from __future__ import annotations

from salesiq.tables.fields import Moment, Money, Table, field, key


class Targets(Table):
    """One row per target of a unit or of a rep for a period and measure, in one version of the plan."""

    version: str = key("Version of the plan.")
    period: str = key("2026, 2026-Q2 or 2026-04.")
    unit_id: str = field("Unit that carries it; null where a rep does.")
    rep_id: str = field("Rep who carries it; null where a unit does.")
    measure: str = key("What is counted: bookings, receipts, new_customers or the company's own word.")
    amount: Money = field("Target in the company's currency, or a count.")
    set_at: Moment = field("When it was set.")
