"""Coverage: what backs each target, yuan by yuan: done, open with a next step, open without, nothing."""

from __future__ import annotations

import polars as pl

from salesiq.book import Snapshot, needs
from salesiq.targets.pipeline import expected_deals
from salesiq.targets.soundness import MONEY_PROBLEMS, refuse_unsound
from salesiq.targets.windows import Window

BUCKETS = ("done_amount", "planned_amount", "unplanned_amount", "uncovered_amount")
_MONEY = pl.Decimal(38, 2)
_COLUMNS = (
    *(
        "period",
        "measure",
        "version",
        "unit_id",
        "rep_id",
        "name",
        "level",
        "depth",
        "target_amount",
        *BUCKETS,
        "covered_share",
    ),
    *("surplus_amount", "actual_amount", "planned_expected_amount", "unplanned_expected_amount", "n_deals", "n_planned"),
)
_DEAL_COLUMNS = (
    *("deal_id", "deal_name", "customer_id", "customer_name", "rep_id", "rep_name", "unit_id", "stage", "amount"),
    *("win_probability", "is_base_rate", "expected_amount", "bucket", "next_step", "next_step_due_at", "expected_close_on"),
    *("source_file", "source_line"),
)


@needs("targets", "deals")
def coverage(
    snapshot: Snapshot, period: str, measure: str = "bookings", *, probabilities: pl.DataFrame | None = None
) -> pl.DataFrame:
    """Return what backs each unit's and each rep's target: every yuan of it is in exactly one of four buckets.

    Reads `targets` (the newest version), `deals`, `stage_events` (base rates), `activities` (next steps), `reps`, `org_units`
    (the tree of the period), for receipts `receipts` and `customers`. `probabilities` is a frame of `deal_id` and
    `win_probability` by the end of the period, such as `WinModel.predict(snapshot, days=...)` of a model with skill; a deal
    without one, or without the frame every deal, takes the base rate of its stage over that horizon, known at the moment.

    One row per unit and per rep with a target. Columns: `period`, `measure`, `version`, `unit_id`, `rep_id` (null for a unit),
    `name`, `level`, `depth`, `target_amount`; then the buckets, which sum to the target exactly: `done_amount` (what came in,
    as in `attainment`), `planned_amount` (open deals by probability of being won in the period that have an owner and a next
    step with a date ahead), `unplanned_amount` (open deals that lack either), `uncovered_amount` (the rest: backed by
    nothing). Each bucket takes what the ones before it left of the target. `covered_share` = 1 - uncovered / target;
    `surplus_amount`, what is expected beyond the target; `actual_amount`, `planned_expected_amount`,
    `unplanned_expected_amount`, the buckets before the target cut them; `n_deals`, `n_planned`, open deals. A unit has all
    that its reps and units have. Amounts are Decimal (38,2); a deal's expected amount is rounded to cents by largest
    remainder over all open deals, so that deals add up to every node above them.

    Open deals speak of "bookings" (amount) and "new_customers" (one a customer); of receipts nothing open is counted. Null:
    buckets of a measure without results; shares of a zero target. A target that the actual has passed has no gap; refunds
    that make the actual negative count as nothing done. Ordered by units from the top, then reps; empty without targets.
    Raises UsageError for a period that cannot be read, a frame without the two columns or with a probability outside 0 to 1,
    and for what `problems` finds, mixed currencies included.

    >>> from decimal import Decimal
    >>> from salesiq.book import Book
    >>> plan = pl.DataFrame({"version": "v1", "period": "2026-Q1", "measure": "bookings", "unit_id": ["C"],
    ...                      "amount": [Decimal(1000)], "set_at": "2026-01-01T00:00:00"})
    >>> units = pl.DataFrame({"unit_id": ["C"], "valid_from": ["2025-01-01"]})
    >>> deals = pl.DataFrame({"deal_id": ["D1", "D2"], "status": ["won", "open"], "amount": [Decimal(400)] * 2,
    ...                       "created_at": "2026-01-05T09:00:00", "closed_at": ["2026-01-20T09:00:00", None]})
    >>> now = Book.from_frames(org_units=units, targets=plan, deals=deals).as_of("2026-01-31")
    >>> chances = pl.DataFrame({"deal_id": ["D2"], "win_probability": [0.5]})
    >>> coverage(now, "2026-Q1", probabilities=chances).select(BUCKETS).row(0)
    (Decimal('400.00'), Decimal('0.00'), Decimal('200.00'), Decimal('400.00'))
    """
    refuse_unsound(snapshot, MONEY_PROBLEMS)
    window = Window.parse(period)
    nodes = snapshot.sql(
        "FROM targets.attainment(as_of := $as_of, period_name := $name, start_on := $start_on, end_on := $end_on) "
        "WHERE measure = $measure ORDER BY rep_id IS NOT NULL, depth NULLS LAST, unit_id NULLS LAST, rep_id",
        name=window.name,
        start_on=window.start_on,
        end_on=window.end_on,
        measure=measure,
    )
    deals = expected_deals(snapshot, window, measure, probabilities)
    joined = _with_open(snapshot, window, nodes, deals)
    return joined.with_columns(_buckets()).with_columns(_shares()).select(_COLUMNS)


def _with_open(snapshot: Snapshot, window: Window, nodes: pl.DataFrame, deals: pl.DataFrame) -> pl.DataFrame:
    """Add to each node what the open deals below it are expected to bring, with and without a next step."""
    lines = snapshot.sql(
        "SELECT unit_id, lead_unit_id FROM targets.period_lines(as_of := $as_of) WHERE period = $name", name=window.name
    )
    planned = pl.col("is_planned")
    sums = [
        pl.col("expected_amount").filter(planned).sum().cast(_MONEY).alias("planned_expected_amount"),
        pl.col("expected_amount").filter(~planned).sum().cast(_MONEY).alias("unplanned_expected_amount"),
        pl.len().cast(pl.Int64).alias("n_deals"),
        planned.sum().cast(pl.Int64).alias("n_planned"),
    ]
    counted = deals.filter(pl.col("value_amount").is_not_null())
    of_units = counted.join(lines, on="unit_id").group_by("lead_unit_id").agg(sums).rename({"lead_unit_id": "key"})
    of_reps = counted.filter(pl.col("rep_id").is_not_null()).group_by("rep_id").agg(sums).rename({"rep_id": "key"})
    both = pl.concat([of_units.with_columns(is_rep=pl.lit(value=False)), of_reps.with_columns(is_rep=pl.lit(value=True))])
    keyed = nodes.with_columns(key=pl.coalesce("rep_id", "unit_id"), is_rep=pl.col("rep_id").is_not_null())
    return keyed.join(both, on=["key", "is_rep"], how="left", maintain_order="left").with_columns(
        pl.col("planned_expected_amount", "unplanned_expected_amount").fill_null(0),
        pl.col("n_deals", "n_planned").fill_null(0),
    )


def _buckets() -> list[pl.Expr]:
    """Return the buckets: each takes what the ones before left of the target; what nothing backs is the last."""
    target, zero = pl.col("target_amount"), pl.lit(0, _MONEY)

    def taken(amount: pl.Expr) -> pl.Expr:
        # of a measure without results the whole row is null
        return pl.when(pl.col("actual_amount").is_not_null()).then(pl.min_horizontal(pl.max_horizontal(amount, zero), target))

    done = pl.max_horizontal(pl.col("actual_amount"), zero)
    planned = done + pl.col("planned_expected_amount")
    unplanned = planned + pl.col("unplanned_expected_amount")
    steps = [taken(done), taken(planned), taken(unplanned)]
    parts = [steps[0], steps[1] - steps[0], steps[2] - steps[1], target - steps[2]]
    surplus = (unplanned - steps[2]).cast(_MONEY).alias("surplus_amount")
    return [*(part.cast(_MONEY).alias(name) for part, name in zip(parts, BUCKETS, strict=True)), surplus]


def _shares() -> pl.Expr:
    target = pl.col("target_amount").cast(pl.Float64)
    return pl.when(target > 0).then(1 - pl.col("uncovered_amount").cast(pl.Float64) / target).alias("covered_share")


@needs("targets", "deals")
def coverage_deals(
    snapshot: Snapshot,
    period: str,
    measure: str = "bookings",
    *,
    unit_id: str | None = None,
    probabilities: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Return the open deals behind `coverage`, those below `unit_id` if one is given, with what each is expected to bring.

    One row per open deal that counts for the measure. Columns: `deal_id`, `deal_name`, `customer_id`, `customer_name`,
    `rep_id` (owner), `rep_name`, `unit_id`, `stage`, `amount`, `win_probability` by the end of the period, `is_base_rate`,
    `expected_amount` (Decimal; deals sum exactly to the amounts of `coverage`), `bucket` ("planned": an owner and a next step
    with a date ahead; else "unplanned"), `next_step`, `next_step_due_at`, `expected_close_on` (what the rep expects),
    `source_file`, `source_line`. Largest expected amount first, then deal_id. Raises UsageError as `coverage` does.

    >>> from salesiq.book import Book
    >>> coverage_deals(Book.from_frames().as_of("2026-01-31"), "2026-Q1").height
    0
    """
    refuse_unsound(snapshot, MONEY_PROBLEMS)
    window = Window.parse(period)
    deals = expected_deals(snapshot, window, measure, probabilities).filter(pl.col("value_amount").is_not_null())
    if unit_id is not None:
        below = snapshot.sql(
            "SELECT unit_id FROM targets.period_lines(as_of := $as_of) WHERE period = $name AND lead_unit_id = $unit_id",
            name=window.name,
            unit_id=unit_id,
        )
        deals = deals.filter(pl.col("unit_id").is_in(below["unit_id"].implode()))
    bucket = pl.when("is_planned").then(pl.lit("planned")).otherwise(pl.lit("unplanned"))
    return deals.with_columns(bucket=bucket).select(_DEAL_COLUMNS).sort("expected_amount", "deal_id", descending=[True, False])
