"""Pipeline: what each open deal is expected to bring by a day, in cents that add up."""

from __future__ import annotations

import datetime as dt

import polars as pl

from salesiq.book import Snapshot
from salesiq.errors import UsageError
from salesiq.targets.windows import Window

_PARTS_OF_ONE = 10**9  # probabilities in whole billionths: then every product is a whole number, whatever the order
_MONEY = pl.Decimal(38, 2)
MEASURES = ("bookings", "new_customers")


def expected_deals(snapshot: Snapshot, window: Window, measure: str, probabilities: pl.DataFrame | None) -> pl.DataFrame:
    """Return every open deal with `win_probability` (by the window's end), `is_base_rate` and `expected_amount`.

    The columns of `targets.open_deals` come first; `value_amount` is what the deal would count for the measure (its amount;
    1 for a new customer, once a customer; null for a measure that deals do not speak of). `expected_amount` = value x
    probability in cents, rounded by largest remainder so that the sum over all deals is the rounded sum. Ordered by deal_id.
    """
    deals = snapshot.run("targets.open_deals", order=("deal_id",))
    chances = with_chances(snapshot, deals, window, probabilities)
    return with_expected(chances.with_columns(_value(measure).alias("value_amount")))


def _value(measure: str) -> pl.Expr:
    if measure == "bookings":
        return pl.col("amount").cast(_MONEY)
    if measure == "new_customers":
        is_best = pl.col("win_probability").rank("ordinal", descending=True).over(pl.coalesce("customer_id", "deal_id")) == 1
        return pl.when(pl.col("is_new_customer") & is_best).then(pl.lit(1)).cast(_MONEY)
    return pl.lit(None, _MONEY)


def with_chances(snapshot: Snapshot, deals: pl.DataFrame, window: Window, probabilities: pl.DataFrame | None) -> pl.DataFrame:
    """Add `win_probability` by the window's end and `is_base_rate`: from the frame, else the base rate of the stage."""
    days = days_left(snapshot.as_of, window)
    rates = snapshot.run("targets.stage_rates", horizon_days=max(days, 0.0), order=("stage",))
    overall = rates.filter(pl.col("stage").is_null())["win_share"].first()
    by_stage = rates.filter(pl.col("stage").is_not_null()).select("stage", base_rate="win_share")
    joined = deals.join(by_stage, on="stage", how="left", maintain_order="left").join(
        _checked(probabilities), on="deal_id", how="left", maintain_order="left"
    )
    base = pl.coalesce("base_rate", pl.lit(overall, pl.Float64))
    chance = pl.coalesce("given_probability", base, pl.lit(0.0)) if days > 0 else pl.lit(0.0)
    return joined.with_columns(
        win_probability=chance, is_base_rate=pl.col("given_probability").is_null() | pl.col("is_given_base_rate")
    ).drop("base_rate", "given_probability", "is_given_base_rate")


def days_left(as_of: dt.datetime, window: Window) -> float:
    """Return the days from a moment to the window's end; negative when it is over."""
    return (dt.datetime.combine(window.end_on, dt.time.min) - as_of) / dt.timedelta(days=1)


def _checked(probabilities: pl.DataFrame | None) -> pl.DataFrame:
    schema = {"deal_id": pl.String, "given_probability": pl.Float64, "is_given_base_rate": pl.Boolean}
    if probabilities is None:
        return pl.DataFrame(schema=schema)
    for name in ("deal_id", "win_probability"):
        if name not in probabilities.columns:
            raise UsageError("targets.probability_column", column=name, found=", ".join(probabilities.columns))
    known = probabilities["is_base_rate"] if "is_base_rate" in probabilities.columns else pl.lit(value=False)
    frame = probabilities.select("deal_id", given_probability="win_probability", is_given_base_rate=known)
    wrong = frame.filter(
        ~pl.col("given_probability").is_between(0, 1).fill_null(value=False) | pl.col("deal_id").is_duplicated()
    )
    if wrong.height:
        raise UsageError("targets.probability_value", deal=wrong["deal_id"][0], value=wrong["given_probability"][0])
    return frame


def with_expected(deals: pl.DataFrame) -> pl.DataFrame:
    """Add `expected_amount` = value_amount x win_probability: cents by largest remainder, ties to the smaller deal_id.

    >>> from decimal import Decimal
    >>> rows = pl.DataFrame({"deal_id": ["A", "B", "C"], "win_probability": [1 / 3] * 3, "value_amount": [Decimal("0.50")] * 3})
    >>> with_expected(rows.with_columns(pl.col("value_amount").cast(pl.Decimal(38, 2))))["expected_amount"].to_list()
    [Decimal('0.17'), Decimal('0.17'), Decimal('0.16')]
    """
    cents = (pl.col("value_amount").fill_null(0) * 100).cast(pl.Int128)
    chance = (pl.col("win_probability") * _PARTS_OF_ONE).round().cast(pl.Int128)
    parts = deals.with_columns(_whole=cents * chance // _PARTS_OF_ONE, _rest=cents * chance % _PARTS_OF_ONE)
    total_rest = int(parts["_rest"].sum() or 0)
    n_more = (2 * total_rest + _PARTS_OF_ONE) // (2 * _PARTS_OF_ONE)  # the sum rounds half up
    place = pl.struct(-pl.col("_rest").cast(pl.Int64), pl.col("deal_id")).rank("ordinal")
    rounded = parts.with_columns(
        expected_amount=((pl.col("_whole") + (place <= n_more).cast(pl.Int128)).cast(_MONEY) / 100).cast(_MONEY)
    )
    return rounded.drop("_whole", "_rest")
