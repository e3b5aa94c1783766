"""A company of two teams, small enough to look through, with names that try to break out of a page."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import polars as pl

from salesiq.book import Book

SCRIPT = "<script>alert(1)</script>"
IMAGE = '"><img src=x onerror=alert(1)>'
FORMULA = "=cmd|' /C calc'!A0"
CLOSER = "</script><!--<b>bold</b>&lt;"
HOSTILE = (SCRIPT, IMAGE, FORMULA, CLOSER)
MOMENT = dt.datetime(2026, 5, 20, 20)


def _frame(columns: str, rows: list[tuple[object, ...]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=columns.split(), orient="row", infer_schema_length=None)


def _days_ago(days: float) -> dt.datetime:
    return MOMENT - dt.timedelta(days=days)


def _events(deal: str, created: dt.datetime, stages: list[str]) -> list[tuple[object, ...]]:
    return [(deal, stage, created + dt.timedelta(days=9 * step)) for step, stage in enumerate(stages)]


def small_frames() -> dict[str, pl.DataFrame]:
    """Return the company, its plan, and twenty weeks of its work."""
    return _company() | _twenty_weeks()


def _company() -> dict[str, pl.DataFrame]:
    return {
        "org_units": _frame(
            "unit_id parent_unit_id level name",
            [("U", None, "company", "公司"), ("N", "U", "city", IMAGE), ("S", "U", "city", "南城")],
        ),
        "reps": _frame("rep_id name unit_id", [(f"P{n}", name, "N" if n < 2 else "S") for n, name in enumerate(HOSTILE)]),
        "customers": _frame("customer_id name created_at", [(f"C{n}", name, _days_ago(400)) for n, name in enumerate(HOSTILE)]),
        "stages": _frame(
            "stage position is_won is_lost standard_days",
            [
                ("线索", 1, False, False, 5.0),
                (CLOSER, 2, False, False, None),
                ("赢单", 4, True, False, None),
                ("输单", 5, False, True, None),
                ("方案", 3, False, False, 30.0),
            ],
        ),
        "targets": _frame(
            "version period unit_id rep_id measure amount set_at",
            [
                ("v1", "2026-Q2", unit, rep, "bookings", Decimal(amount), dt.datetime(2026, 3, 1))
                for unit, rep, amount in [
                    ("U", None, 4_000_000),
                    ("N", None, 2_000_000),
                    ("S", None, 1_900_000),
                    (None, "P0", 100_000),
                    (None, "P1", 100_000),
                    (None, "P2", 900_000),
                    (None, "P3", 900_000),
                ]
            ],
        ),
    }


def _twenty_weeks() -> dict[str, pl.DataFrame]:
    """Return twenty weeks in which four reps each begin a deal with their customer; the first wins, the others lose."""
    deals, events, activities = [], [], []
    for week in range(20):
        for place, hostile in enumerate(HOSTILE):
            deal, created = f"D{week:02}{place}", _days_ago(7 * week + place + 1.5)
            ended = "赢单" if place == 0 else "输单"
            stages = ["线索", "方案", ended][: 3 if week >= 3 or place < 2 else 1]
            moments = [moment for _, _, moment in _events(deal, created, stages)]
            stages = [stage for stage, moment in zip(stages, moments, strict=True) if moment <= MOMENT]
            is_closed = stages[-1] in ("赢单", "输单")
            status = {"赢单": "won", "输单": "lost"}.get(stages[-1], "open")
            closed = created + dt.timedelta(days=18) if is_closed else None
            amount = Decimal(100_000 * (place + 1) + week)
            deals.append((deal, f"C{place}", f"P{place}", hostile, amount, created, stages[-1], status, closed))
            events += _events(deal, created, stages)
            text = ("门店经常断货", "自动补货系统", "周五前提交报价") if place else (None, None, None)
            activities.append(
                (
                    f"A{week}-{place}",
                    deal,
                    f"C{place}",
                    f"P{place}",
                    created,
                    created + dt.timedelta(hours=1 + 40 * (place == 0)),
                    *text,
                )
            )
    return {
        "deals": _frame("deal_id customer_id owner_id name amount created_at stage status closed_at", deals),
        "stage_events": _frame("deal_id stage entered_at", events),
        "activities": _frame(
            "activity_id deal_id customer_id rep_id occurred_at recorded_at pain_point solution_fit next_step", activities
        ),
    }


def small_book() -> Book:
    return Book.from_frames(exported_at=MOMENT, **small_frames())
