"""What is measured, by name, and the columns that each reads.

Nothing heavy is imported here: a child's memory starts at its parent's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Reads = dict[str, tuple[str, ...]]

_WORDS = ("pain_point", "solution_fit", "next_step", "customer_words")
_EVENTS: Reads = {"stage_events": ("deal_id", "stage", "entered_at")}
_CLOSINGS: Reads = {"deals": ("deal_id", "status", "closed_at")}
_DEALS: Reads = {"deals": ("deal_id", "owner_id", "amount", "status", "created_at", "closed_at")}
_RECORDS: Reads = {"activities": ("activity_id", "rep_id", "occurred_at", "recorded_at", "next_step_due_at", *_WORDS)}
_SEGMENTS: Reads = {
    "deals": ("deal_id", "owner_id", "customer_id", "status", "created_at", "closed_at", "amount"),
    "customers": ("customer_id", "region"),
    "reps": ("rep_id", "unit_id"),
}
_TARGETS: Reads = {"targets": ("version", "period", "unit_id", "rep_id", "measure", "amount", "set_at")}
_STEPS = ("activity_id", "deal_id", "next_step", "next_step_due_at")
_FEATURES: Reads = {
    **_EVENTS,
    "deals": (*_DEALS["deals"], "customer_id", "product_line", "source", "is_new_customer", "expected_close_on", "stage"),
    "activities": ("deal_id", "rep_id", "direction", "occurred_at", "next_step_due_at", *_WORDS[:3]),
    "customers": ("customer_id", "tier"),
}


@dataclass(frozen=True)
class Metric:
    """One measured thing: columns it reads by table, whether the report is made of it, whether it exists in pandas."""

    reads: Mapping[str, tuple[str, ...]]
    is_in_report: bool = True
    has_pandas: bool = False
    needs_model: bool = False
    largest_pandas: int = 10_000_000

    def has_pandas_at(self, n_deals: int) -> bool:
        """Whether the pandas version is run on so many deals: texts of eight million records take it many minutes."""
        return self.has_pandas and n_deals <= self.largest_pandas


METRICS: dict[str, Metric] = {
    "funnel.visits": Metric(_EVENTS | _CLOSINGS, is_in_report=False, has_pandas=True),
    "funnel.dwell": Metric(_EVENTS | _CLOSINGS, has_pandas=True),
    "funnel.dwell by region": Metric(_EVENTS | _SEGMENTS, is_in_report=False, has_pandas=True),
    "funnel.dwell_test by region": Metric(_EVENTS | _SEGMENTS, is_in_report=False),
    "funnel.exits by region": Metric(_EVENTS | _SEGMENTS, is_in_report=False),
    "funnel.conversion": Metric(_EVENTS | _CLOSINGS, is_in_report=False),
    "funnel.win_rate": Metric(_EVENTS | _SEGMENTS, is_in_report=False),
    "funnel.velocity by region": Metric(_EVENTS | _SEGMENTS, is_in_report=False),
    "funnel.decompose by region": Metric(_EVENTS | _SEGMENTS, is_in_report=False),
    "funnel.win_limits": Metric(_EVENTS | _SEGMENTS, is_in_report=False),
    "targets.decay": Metric(_TARGETS, has_pandas=True),
    "targets.decay_parts": Metric(_TARGETS, is_in_report=False),
    "targets.coverage": Metric(_TARGETS | _DEALS | _EVENTS | {"activities": _STEPS}, is_in_report=False),
    "targets.allocate": Metric(_TARGETS | _DEALS | _EVENTS | {"activities": _STEPS}, is_in_report=False),
    "targets.attainment": Metric(_TARGETS | _DEALS | _EVENTS, has_pandas=True),
    "targets.red_flags": Metric(_DEALS | _EVENTS | {"activities": ("rep_id", "occurred_at", "recorded_at")}),
    "quality.rep_scores": Metric(_RECORDS, has_pandas=True, largest_pandas=100_000),
    "quality.watch_list": Metric(_RECORDS | _DEALS | _EVENTS),
    "quality.record_score": Metric(_RECORDS, is_in_report=False, has_pandas=True, largest_pandas=100_000),
    "WinModel.fit": Metric(_FEATURES),
    "WinModel.predict": Metric(_FEATURES, is_in_report=False, needs_model=True),
    "forecast.top_deals": Metric(_FEATURES, needs_model=True),
    "weekly report": Metric(
        _FEATURES | {"activities": tuple({*_FEATURES["activities"], *_RECORDS["activities"]})} | _TARGETS, is_in_report=False
    ),
}
IN_REPORT = frozenset(name for name, metric in METRICS.items() if metric.is_in_report)
