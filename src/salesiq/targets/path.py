"""Path: from the target to the key customers that carry it, one by one, to the next action; and which of them fell silent."""

from __future__ import annotations

import datetime as dt

import polars as pl

from salesiq.book import Snapshot, needs
from salesiq.calendar import Calendar
from salesiq.targets.pipeline import expected_deals
from salesiq.targets.soundness import MONEY_PROBLEMS, refuse_unsound
from salesiq.targets.windows import Window

KEY_TIER = "TOP50"
#: what a path may lack, in the order in which it is told
GAPS = ("no_owner", "no_decision_maker", "no_open_deal", "no_next_action")
_MONEY = pl.Decimal(38, 2)
_COLUMNS = (
    *("rank", "customer_id", "customer_name", "tier", "rep_id", "rep_name", "won_amount", "open_amount", "expected_amount"),
    *("decision_maker", "decision_maker_title", "n_open_deals", "deal_id", "deal_name", "stage", "win_probability"),
    *("is_base_rate", "next_step", "next_step_due_at", "last_update_at", "gaps"),
)


@needs("customers", "deals")
def path(
    snapshot: Snapshot, period: str, n: int = 50, *, tier: str = KEY_TIER, probabilities: pl.DataFrame | None = None
) -> pl.DataFrame:
    """Return the period's key customers one by one: what each is expected to bring, who decides, where it stands, what is next.

    Reads `customers`, `deals`, `contacts`, `stage_events`, `activities`, `reps`. Key customers are those of `tier`; where no
    customer has that tier, the `n` with the most won and expected. `probabilities` as in `coverage`.

    One row per customer, at most `n`. Columns: `rank` (from 1, by won plus expected amount), `customer_id`, `customer_name`,
    `tier`, `rep_id` and `rep_name` (owner), `won_amount` in the period, `open_amount`, `expected_amount` (open deals by
    probability of being won in the period, as in `coverage`), `decision_maker` and `decision_maker_title` (contact with the
    buying role decision_maker; null: nobody knows who decides), `n_open_deals`; of the deal that is expected to bring most
    `deal_id`, `deal_name`, `stage`, `win_probability`, `is_base_rate`; `next_step` and `next_step_due_at`, the earliest of all
    its open deals; `last_update_at`; `gaps`, what the path lacks: "no_owner", "no_decision_maker", "no_open_deal",
    "no_next_action". Amounts are Decimal. Null: what is not known. Ordered by rank. Raises UsageError as `coverage` does.

    >>> from salesiq.book import Book
    >>> customers = pl.DataFrame({"customer_id": ["K1"], "name": ["Mart"], "tier": ["TOP50"]})
    >>> path(Book.from_frames(customers=customers).as_of("2026-01-31"), "2026-Q1").select("customer_name", "gaps").row(0)
    ('Mart', ['no_owner', 'no_decision_maker', 'no_open_deal', 'no_next_action'])
    """
    refuse_unsound(snapshot, MONEY_PROBLEMS)
    window = Window.parse(period)
    deals = expected_deals(snapshot, window, "bookings", probabilities)
    whole = with_path(key_customers(snapshot, window, tier), deals)
    worth = (pl.col("won_amount") + pl.col("expected_amount")).alias("worth")
    ranked = whole.with_columns(worth).sort("worth", "open_amount", "customer_id", descending=[True, True, False]).head(n)
    return ranked.with_columns(rank=pl.int_range(1, pl.len() + 1)).select(_COLUMNS)


def with_path(customers: pl.DataFrame, deals: pl.DataFrame) -> pl.DataFrame:
    """Add to each customer what its open deals are expected to bring, its leading deal, its next step, and the gaps."""
    owned = deals.filter(pl.col("customer_id").is_not_null())
    leading = owned.sort("expected_amount", "amount", "deal_id", descending=[True, True, False], nulls_last=True)
    best = leading.unique("customer_id", keep="first", maintain_order=True).select(
        "customer_id", "deal_id", "deal_name", "stage", "win_probability", "is_base_rate", "expected_close_on"
    )
    expected = owned.group_by("customer_id").agg(pl.col("expected_amount").sum().cast(_MONEY))
    steps = owned.filter(pl.col("next_step_due_at").is_not_null()).sort("next_step_due_at", "deal_id")
    step = steps.unique("customer_id", keep="first", maintain_order=True).select("customer_id", "next_step", "next_step_due_at")
    for part in (expected, best, step):
        customers = customers.join(part, on="customer_id", how="left", maintain_order="left")
    return customers.with_columns(pl.col("expected_amount").fill_null(0)).with_columns(gaps=_gaps())


def key_customers(snapshot: Snapshot, window: Window, tier: str) -> pl.DataFrame:
    """Return the customers of `tier`, all where nobody has that tier; ordered by customer_id."""
    found = snapshot.run(
        "targets.key_customers",
        since_on=window.start_on,
        until_on=window.end_on,
        tier_name=tier,
        order=("customer_id",),
    )
    named = found.filter("is_named")
    return named if named.height else found


def _gaps() -> pl.Expr:
    lacks = {
        "no_owner": ~pl.col("is_owned"),
        "no_decision_maker": pl.col("n_decision_makers") == 0,
        "no_open_deal": pl.col("n_open_deals") == 0,
        "no_next_action": pl.col("next_step_due_at").is_null(),
    }
    return pl.concat_list(pl.when(lacks[name]).then(pl.lit(name)) for name in GAPS).list.drop_nulls()


@needs("customers", "deals")
def stale_customers(
    snapshot: Snapshot, hours: float = 72, *, tier: str = KEY_TIER, calendar: Calendar | None = None
) -> pl.DataFrame:
    """Return the key customers that nobody has updated for `hours` working hours, each with the rep and the rep's supervisor.

    Reads `customers`, `deals`, `activities`, `stage_events`, `reps`. An update is an activity, a stage event, or a deal opened
    or closed. Working hours are those of the calendar's clock (09:00 to 18:00, China's days, unless another is given): 72 are
    eight working days. Key customers are those of `tier`, all customers with an open deal where nobody has that tier.

    One row per silent customer. Columns: `customer_id`, `customer_name`, `tier`, `rep_id`, `rep_name`, `manager_id`,
    `manager_name`, `last_update_at` (null: never), `idle_hours` (working hours since; null: never), `n_open_deals`,
    `open_amount` (Decimal). Never updated first, then the longest silence, then customer_id.

    >>> from salesiq.book import Book
    >>> customers = pl.DataFrame({"customer_id": ["K1"], "tier": ["TOP50"]})
    >>> talks = pl.DataFrame({"activity_id": ["A1"], "customer_id": ["K1"], "occurred_at": ["2026-06-01T09:00:00"]})
    >>> book = Book.from_frames(customers=customers, activities=talks)
    >>> stale_customers(book.as_of("2026-06-10T18:00:00")).height, stale_customers(book.as_of("2026-06-11T09:30:00")).height
    (0, 1)
    """
    day = snapshot.as_of.date()
    found = key_customers(snapshot, Window(day, day + dt.timedelta(days=1), str(day)), tier)
    watched = found.filter(pl.col("is_named") | (pl.col("n_open_deals") > 0))
    clock = calendar or Calendar.china()
    now = pl.repeat(snapshot.as_of, watched.height, dtype=pl.Datetime("us"), eager=True)
    silent = watched.with_columns(idle_hours=clock.count_working_hours(watched["last_update_at"].cast(pl.Datetime("us")), now))
    return (
        silent.filter(pl.col("idle_hours").is_null() | (pl.col("idle_hours") > hours))
        .sort("idle_hours", "customer_id", descending=[True, False], nulls_last=False)
        .select(
            *("customer_id", "customer_name", "tier", "rep_id", "rep_name", "manager_id", "manager_name"),
            *("last_update_at", "idle_hours", "n_open_deals", "open_amount"),
        )
    )
