"""Terms: what the features say, as numbers that a model can weigh, each with the words and the direction that people know."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from salesiq.i18n import Language, text


@dataclass(frozen=True)
class Term:
    """One number made of the features; `reason` is what a manager calls it, `reads` the attributes that it needs.

    `sign` is the direction in which the trade knows that it moves the chance of winning: 1 up, -1 down, 0 where nobody does.
    """

    name: str
    reason: str
    value: Callable[[], pl.Expr]
    sign: int = 0
    reads: tuple[str, ...] = ()


def _log(column: str) -> Callable[[], pl.Expr]:
    return lambda: pl.col(column).cast(pl.Float64).log1p()


def _recency(column: str, days: float) -> Callable[[], pl.Expr]:
    # 1 for today, towards 0 for long ago; never is 0
    return lambda: (-pl.col(column) / days).exp().fill_null(0.0)


def _flag(column: str) -> Callable[[], pl.Expr]:
    return lambda: pl.col(column).cast(pl.Float64)


def _log_odds(column: str) -> pl.Expr:
    share = pl.col(column).clip(0.01, 0.99)
    return (share / (1 - share)).log()


def _closing() -> pl.Expr:
    return pl.col("days_to_expected_close")


def _against_everybody(column: str) -> Callable[[], pl.Expr]:
    # of the same moment: early in a history few deals have had time to be won
    return lambda: _log_odds(column) - _log_odds("everybody_win_share")


def _lately(column: str) -> Callable[[], pl.Expr]:
    return lambda: _log_odds(column) - _log_odds("everybody_win_share_90")


def _inbound_rate() -> pl.Expr:
    # the customer's contacts a month over the whole life of the deal, held low where the life is short
    return (30 * pl.col("n_inbound") / (pl.col("age_days") + 20)).log1p()


def _in_early_stages(value: Callable[[], pl.Expr]) -> Callable[[], pl.Expr]:
    # who is good is good at every step: the more steps lie ahead, the more it tells
    return lambda: value() / pl.col("stage_position").clip(lower_bound=1)


def _customer_record() -> pl.Expr:
    # shrunk as the rep's record is; a share, because a sampled book holds only a part of a customer's deals
    n_won, n_lost = pl.col("customer_n_won"), pl.col("customer_n_lost")
    share = ((n_won + 10 * pl.col("everybody_win_share")) / (n_won + n_lost + 10)).clip(0.01, 0.99)
    return (share / (1 - share)).log() - _log_odds("everybody_win_share")


TERMS = (
    Term("log_stage_days", "stage_days", _log("stage_days")),
    Term("new_in_stage", "stage_days", _recency("stage_days", 7)),
    Term("log_age_days", "age", _log("age_days")),
    Term("age_days", "age", lambda: pl.col("age_days").clip(0, 720) / 30),
    Term("moves_back", "moves_back", lambda: pl.col("n_moves_back").clip(0, 3).cast(pl.Float64), -1),
    Term("log_visits", "moves", _log("n_visits")),
    Term("log_activities_14", "activity", _log("n_activities_14")),
    Term("log_activities_30", "activity", _log("n_activities_30")),
    Term("log_activities_90", "activity", _log("n_activities_90")),
    Term("activity_recency", "activity", _recency("days_since_activity", 14), 1),
    Term("few_inbound_14", "inbound", lambda: pl.col("n_inbound_14").clip(0, 3).cast(pl.Float64), 1),
    Term("log_inbound_14", "inbound", _log("n_inbound_14"), 1),
    Term("log_inbound_30", "inbound", _log("n_inbound_30"), 1),
    Term("inbound_recency", "inbound", _recency("days_since_inbound", 14), 1),
    Term("inbound_rate", "inbound", _inbound_rate, 1),
    Term("inbound_rate_early", "inbound", _in_early_stages(_inbound_rate), 1),
    Term("log_documents", "documents", _log("n_documents")),
    Term("log_documents_opened", "opened", _log("n_documents_opened"), 1),
    Term("newest_opened", "opened", _flag("is_newest_opened"), 1),
    Term("complete_share", "record", lambda: pl.col("complete_share").fill_null(0.0)),
    Term("next_step_ahead", "next_step", _flag("is_next_step_ahead"), 1),
    Term("next_step_overdue", "overdue", _flag("is_next_step_overdue"), -1),
    Term("rep_record", "rep", _against_everybody("rep_win_share"), 1),
    Term("rep_record_early", "rep", _in_early_stages(_against_everybody("rep_win_share")), 1),
    Term("rep_lately", "rep", _lately("rep_win_share_90"), 1),
    Term("log_interventions", "intervention", _log("n_interventions")),
    Term("log_amount", "amount", _log("amount"), reads=("amount",)),
    Term("new_customer", "new_customer", _flag("is_new_customer"), reads=("is_new_customer",)),
    Term("closing_soon", "expected_close", lambda: _closing().clip(-90, 90) / 30.0, reads=("expected_close_on",)),
    Term("closing_overdue", "expected_close", lambda: (_closing() < 0).cast(pl.Float64), -1, ("expected_close_on",)),
    Term("stage_rank", "stage_days", _flag("stage_rank")),
    Term("log_pushes", "pushes", _log("n_pushes"), -1, ("expected_close_on",)),
    Term("log_push_days", "pushes", _log("push_days"), -1, ("expected_close_on",)),
    Term("log_amount_changes", "amount_changes", _log("n_amount_changes"), reads=("amount",)),
    Term("amount_growth", "amount_changes", lambda: pl.col("amount_growth").clip(-2, 2), reads=("amount",)),
    Term("log_gap_ratio", "rhythm", lambda: pl.col("gap_ratio").clip(0, 20).log1p(), -1),
    Term("gap_spread", "rhythm", lambda: pl.col("gap_spread").clip(0, 3)),
    Term("log_unanswered", "unanswered", _log("n_unanswered"), -1),
    Term("log_evidence_30", "evidence", _log("n_evidence_30"), 1),
    Term("evidence_recency", "evidence", _recency("days_since_evidence", 14), 1),
    Term("stage_evidenced", "evidence", _flag("is_stage_evidenced"), 1),
    Term("log_contacts", "contacts", _log("n_contacts"), 1),
    Term("roles", "contacts", lambda: pl.col("n_roles").clip(0, 4).cast(pl.Float64), 1),
    Term("decision_maker", "decision_maker", _flag("has_decision_maker"), 1),
    Term("prompt_share", "record", _flag("prompt_share")),
    Term("kept_share", "kept", _flag("kept_share"), 1),
    Term("product_line_record", "product_line", _against_everybody("product_line_win_share"), 1, ("product_line",)),
    Term("region_record", "region", _against_everybody("region_win_share"), 1, ("region",)),
    Term("region_lately", "region", _lately("region_win_share_90"), 1, ("region",)),
    Term("tier_record", "tier", _against_everybody("tier_win_share"), 1, ("tier",)),
    Term("tier_record_early", "tier", _in_early_stages(_against_everybody("tier_win_share")), 1, ("tier",)),
    Term("customer_record", "customer_record", _customer_record, 1),
    Term("log_customer_orders", "customer_orders", _log("customer_n_orders_365"), 1),
    Term("customer_order_recency", "customer_orders", _recency("customer_days_since_order", 90), 1),
    Term("log_overdue_invoices", "overdue_invoices", _log("customer_n_overdue_invoices"), -1),
    Term("paid_late_days", "paid_late", lambda: pl.col("customer_paid_late_days").clip(-30, 90) / 30),
    Term("customer_downgraded", "downgraded", _flag("is_customer_downgraded"), -1),
)
#: features that are words, one 0-1 column a value: their reason, and the attributes that they need
CATEGORIES: dict[str, tuple[str, tuple[str, ...]]] = {
    "stage": ("stage", ()),
    "tier": ("tier", ("tier",)),
    "source": ("source", ("source",)),
    "product_line": ("product_line", ("product_line",)),
}
#: every reason that a built-in term gives
REASONS = frozenset(term.reason for term in TERMS) | {reason for reason, _ in CATEGORIES.values()}


def reason_text(code: str, lang: Language = "en") -> str:
    """Return the words for a reason such as +inbound; an extra feature is called by the name of its column.

    >>> reason_text("+inbound"), reason_text("-n_trials")
    ('the customer has been in touch lately', 'n_trials speaks against it')
    """
    direction, reason = ("up" if code.startswith("+") else "down"), code[1:]
    if reason in REASONS:
        return text(f"forecast.reason_{reason}_{direction}", lang)
    return text(f"forecast.reason_extra_{direction}", lang, column=reason)
