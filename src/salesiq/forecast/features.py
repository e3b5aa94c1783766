"""Features: what could be known of every open deal at a moment."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from salesiq.book import Snapshot, needs
from salesiq.forecast.extra_features import Extra, with_extra

#: every table that the macro reads: what a sample to learn from must hold
READS = (
    "deals",
    "stage_events",
    "stages",
    "activities",
    "documents",
    "customers",
    "contacts",
    "contracts",
    "orders",
    "shipments",
    "invoices",
    "receipts",
    "credit_ratings",
    "interventions",
)
#: the columns of the macro, in its order
COLUMNS = (
    "deal_id",
    "rep_id",
    "stage",
    "stage_position",
    "age_days",
    "stage_days",
    "stage_rank",
    "n_visits",
    "n_moves_back",
    "n_pushes",
    "push_days",
    "n_amount_changes",
    "amount_growth",
    "n_activities_14",
    "n_activities_30",
    "n_activities_90",
    "n_activities",
    "n_inbound",
    "n_inbound_14",
    "n_inbound_30",
    "days_since_activity",
    "days_since_inbound",
    "gap_ratio",
    "gap_spread",
    "n_unanswered",
    "n_documents",
    "n_documents_opened",
    "is_newest_opened",
    "n_evidence_30",
    "days_since_evidence",
    "is_stage_evidenced",
    "n_contacts",
    "n_roles",
    "has_decision_maker",
    "complete_share",
    "prompt_share",
    "is_next_step_ahead",
    "is_next_step_overdue",
    "n_steps_due",
    "kept_share",
    "rep_win_share",
    "product_line_win_share",
    "region_win_share",
    "tier_win_share",
    "everybody_win_share",
    "region_win_share_90",
    "rep_win_share_90",
    "everybody_win_share_90",
    "n_interventions",
    "days_to_quarter_end",
    "customer_n_won",
    "customer_n_lost",
    "customer_n_orders_365",
    "customer_days_since_order",
    "customer_n_overdue_invoices",
    "customer_paid_late_days",
    "is_customer_downgraded",
    "amount",
    "tier",
    "region",
    "is_new_customer",
    "source",
    "product_line",
    "days_to_expected_close",
)


@needs("deals", "stage_events")
def features(snapshot: Snapshot, extra: Extra | Sequence[Extra] = ()) -> pl.DataFrame:
    """Return one row per deal open at the snapshot's moment, with what was known of it then and nothing later.

    Reads `deals` (their history too), `stage_events`, `activities`, `documents`, `customers`, `contacts`, and of ERP and
    finance `contracts`, `orders`, `invoices`, `receipts`, `credit_ratings`, and `interventions`; a table that is absent leaves
    its columns at 0 or null. The columns are told in `features.sql`; times are calendar days >= 0, shares 0..1. Attributes that
    the book only learned after the moment (amount, tier, source ...: `is_hindsight`) are null. Ordered by deal_id; empty
    where nothing is open.

    `extra` adds features of your own: queries over the macros (`$as_of` is bound), or functions that take a snapshot and
    return a frame, with `deal_id`, once each, and columns of numbers, booleans or text. A deal that an extra does not name has
    nulls there. A function may ask the snapshot anything, and nothing else: then it is as blind to the future as the rest.
    Raises UsageError for an extra without `deal_id`, with a deal twice, or with a column that is there already.

    >>> import datetime as dt
    >>> from salesiq.book import Book
    >>> events = pl.DataFrame({"deal_id": ["D1"], "stage": ["lead"], "entered_at": [dt.datetime(2026, 1, 5)]})
    >>> deals = pl.DataFrame({"deal_id": ["D1"], "created_at": [dt.datetime(2026, 1, 5)], "status": ["open"]})
    >>> found = features(Book.from_frames(deals=deals, stage_events=events).as_of(dt.datetime(2026, 1, 9)))
    >>> found.select("deal_id", "stage", "stage_days", "n_inbound_14", "days_since_inbound").row(0)
    ('D1', 'lead', 4.0, 0, None)
    """
    return with_extra(snapshot.run("forecast.features", order=("deal_id",)), snapshot, extra)
