"""Alignment pack: for each rep the few customers that the target rests on, as the monthly alignment meeting asks for them."""

from __future__ import annotations

import datetime as dt

import polars as pl

from salesiq.book import Snapshot, needs
from salesiq.calendar import Calendar
from salesiq.targets.coverage import coverage
from salesiq.targets.path import KEY_TIER, with_path
from salesiq.targets.pipeline import expected_deals
from salesiq.targets.windows import Window

N_CUSTOMERS = 3
STALE_HOURS = 72.0
REASONS = ("key_tier", "most_expected", "most_won", "largest_open")
CHANGES = ("won", "lost", "new_deal", "advanced", "moved_back", "pushed", "amount_up", "amount_down", "nothing")
#: what threatens a path, and what is asked of whom because of it
SUPPORT = {
    "no_decision_maker": "open_door",
    "no_next_action": "agree_step",
    "silent": "joint_visit",
    "close_is_past": "new_date",
    "closes_later": "speed_up",
    "moved_back": "review_deal",
    "pushed": "speed_up",
}
RISKS = tuple(SUPPORT)
_COLUMNS = (
    *("period", "rep_id", "rep_name", "unit_id", "target_amount", "done_amount", "uncovered_amount", "rank", "customer_id"),
    *("customer_name", "tier", "reasons", "won_amount", "open_amount", "expected_amount", "target_share", "decision_maker"),
    *(
        "decision_maker_title",
        "deal_id",
        "deal_name",
        "stage",
        "win_probability",
        "is_base_rate",
        "expected_close_on",
        "next_step",
    ),
    *("next_step_due_at", "changes", "n_new_deals", "n_won_deals", "n_lost_deals", "won_since_amount", "open_amount_before"),
    *("idle_hours", "risks", "support"),
)


@needs("targets", "deals", "customers", "reps")
def alignment_pack(
    snapshot: Snapshot,
    period: str,
    n: int = N_CUSTOMERS,
    *,
    since: dt.date | dt.datetime | str | None = None,
    tier: str = KEY_TIER,
    probabilities: pl.DataFrame | None = None,
    calendar: Calendar | None = None,
) -> pl.DataFrame:
    """Return for each rep with a target the `n` customers that it rests on: why, the path, what changed, risks, support asked.

    Reads what `coverage` and `path` read. Changes are told since `since`, by default a month (30 days) before the snapshot.

    One row per rep and customer; a rep without such customers has one row with nulls. Customers are the rep's own (owner)
    with an open deal or something won in the period, by what was won and is expected (won + expected), key customers first
    among equals. Columns: `period`, `rep_id`, `rep_name`, `unit_id`, `target_amount`, `done_amount`, `uncovered_amount` (of
    the rep, as in `coverage` of bookings), `rank`, `customer_id`, `customer_name`, `tier`; `reasons`: "key_tier",
    "most_expected", "most_won", "largest_open" among the rep's customers; `won_amount`, `open_amount`, `expected_amount`,
    `target_share` = (won + expected) / target; the path as in `path` (`decision_maker`, `stage`, `next_step` ...);
    `changes`: "won", "lost", "new_deal", "advanced", "moved_back", "pushed" (expected close put later), "amount_up",
    "amount_down" (open amount by more than a tenth), "nothing", with `n_new_deals`, `n_won_deals`, `n_lost_deals`,
    `won_since_amount`, `open_amount_before`; `idle_hours` (working hours since the last update); `risks`: "no_decision_maker",
    "no_next_action", "silent" (72 working hours), "close_is_past", "closes_later" (than the period), "moved_back", "pushed";
    `support`, what is asked for because of them: "open_door", "agree_step", "joint_visit", "new_date", "speed_up",
    "review_deal", each once. Amounts are Decimal. Ordered by rep, rank. Raises UsageError as `coverage` does.

    >>> from salesiq.book import Book
    >>> alignment_pack(Book.from_frames().as_of("2026-01-31"), "2026-Q1").height
    0
    """
    window = Window.parse(period)
    reps = coverage(snapshot, period, probabilities=probabilities).filter(pl.col("rep_id").is_not_null())
    people = reps.select("rep_id", "name", "unit_id", "target_amount", "done_amount", "uncovered_amount")
    chosen = _chosen(snapshot, window, tier, n, probabilities)
    told = _with_changes(snapshot, chosen, since).drop("rep_name", "is_owned")
    told = _with_risks(told, snapshot, window, calendar or Calendar.china())
    target = pl.col("target_amount").cast(pl.Float64)
    worth = (pl.col("won_amount") + pl.col("expected_amount")).cast(pl.Float64)
    return (
        people.rename({"name": "rep_name"})
        .join(told, on="rep_id", how="left")
        .with_columns(period=pl.lit(window.name), target_share=pl.when(target > 0).then(worth / target))
        .select(_COLUMNS)
        .sort("rep_id", "rank")
    )


def _chosen(snapshot: Snapshot, window: Window, tier: str, n: int, probabilities: pl.DataFrame | None) -> pl.DataFrame:
    """Return each rep's first customers by worth, with the path and the reasons."""
    customers = snapshot.run(
        "targets.key_customers", since_on=window.start_on, until_on=window.end_on, tier_name=tier, order=("customer_id",)
    ).filter("is_owned")
    whole = with_path(customers, expected_deals(snapshot, window, "bookings", probabilities))
    active = whole.filter((pl.col("n_open_deals") > 0) | (pl.col("won_amount") > 0))
    worth = pl.col("won_amount") + pl.col("expected_amount")
    ranked = active.with_columns(worth=worth, reasons=_reasons()).sort(
        "rep_id", "worth", "is_named", "open_amount", "customer_id", descending=[False, True, True, True, False]
    )
    return ranked.with_columns(rank=pl.int_range(1, pl.len() + 1).over("rep_id")).filter(pl.col("rank") <= n)


def _reasons() -> pl.Expr:
    def is_most(name: str) -> pl.Expr:
        return (pl.col(name) == pl.col(name).max().over("rep_id")) & (pl.col(name) > 0)

    why = {
        "key_tier": pl.col("is_named"),
        "most_expected": is_most("expected_amount"),
        "most_won": is_most("won_amount"),
        "largest_open": is_most("open_amount"),
    }
    return _codes(why)


def _with_changes(snapshot: Snapshot, customers: pl.DataFrame, since: dt.date | dt.datetime | str | None) -> pl.DataFrame:
    before = snapshot.earlier(since if since is not None else snapshot.as_of - dt.timedelta(days=30))
    changes = snapshot.run("targets.customer_changes", before_at=before.as_of, order=("customer_id",))
    joined = customers.join(changes, on="customer_id", how="left", maintain_order="left")
    now, then = (pl.col(name).cast(pl.Float64) for name in ("open_amount", "open_amount_before"))
    told = {
        "won": pl.col("n_won_deals") > 0,
        "lost": pl.col("n_lost_deals") > 0,
        "new_deal": pl.col("n_new_deals") > 0,
        "advanced": pl.col("n_advanced") > 0,
        "moved_back": pl.col("n_moved_back") > 0,
        "pushed": pl.col("n_pushed") > 0,
        "amount_up": now > 1.1 * then,
        "amount_down": now < 0.9 * then,
    }
    nothing = ~pl.any_horizontal(*(one.fill_null(value=False) for one in told.values()))
    return joined.with_columns(changes=_codes(told | {"nothing": nothing}))


def _with_risks(customers: pl.DataFrame, snapshot: Snapshot, window: Window, calendar: Calendar) -> pl.DataFrame:
    now = pl.repeat(snapshot.as_of, customers.height, dtype=pl.Datetime("us"), eager=True)
    idle = calendar.count_working_hours(customers["last_update_at"].cast(pl.Datetime("us")), now)
    timed = customers.with_columns(idle_hours=idle)
    is_open = pl.col("n_open_deals") > 0
    threats = {
        "no_decision_maker": pl.col("n_decision_makers") == 0,
        "no_next_action": is_open & pl.col("next_step_due_at").is_null(),
        "silent": is_open & (pl.col("idle_hours").is_null() | (pl.col("idle_hours") > STALE_HOURS)),
        "close_is_past": is_open & (pl.col("expected_close_on") < snapshot.as_of.date()),
        "closes_later": is_open & (pl.col("expected_close_on") >= window.end_on),
        "moved_back": pl.col("n_moved_back") > 0,
        "pushed": pl.col("n_pushed") > 0,
    }
    risky = timed.with_columns(risks=_codes(threats))
    asked = pl.col("risks").list.eval(pl.element().replace_strict(SUPPORT, return_dtype=pl.String))
    return risky.with_columns(support=asked.list.unique(maintain_order=True))


def _codes(rules: dict[str, pl.Expr]) -> pl.Expr:
    return pl.concat_list(pl.when(rule).then(pl.lit(name)) for name, rule in rules.items()).list.drop_nulls()
