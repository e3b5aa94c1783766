"""Watch list: whose records to look at this week, with the records behind it."""

from __future__ import annotations

import polars as pl

from salesiq.book import Snapshot, needs
from salesiq.errors import UsageError
from salesiq.quality.rep_scores import rep_scores

SCHEMA: dict[str, pl.DataType] = {
    "rank": pl.Int64(),
    "rep_id": pl.String(),
    "rep_name": pl.String(),
    "n_records": pl.Int64(),
    "mean_score": pl.Float64(),
    "shrunk_score": pl.Float64(),
    "low": pl.Float64(),
    "high": pl.Float64(),
    "company_score": pl.Float64(),
    "cause": pl.String(),
    "worst_share": pl.Float64(),
    "worst_company_share": pl.Float64(),
    "reasons": pl.List(pl.String()),
    "activity_ids": pl.List(pl.String()),
    "deal_ids": pl.List(pl.String()),
}
_N_REASONS = 3
# a mean of 3.7 records makes a week without any one of 2.5 % by chance (Poisson): below it, silence is no news
_FEWEST_EXPECTED = 3.7


@needs("activities")
def watch_list(snapshot: Snapshot, n: int = 3, days: int = 7) -> pl.DataFrame:
    """Return the top `n` people to look at in the `days` days that end at the snapshot's moment, most pressing first.

    Reads `activities`; `deals` and `reps` where loaded. Two causes, in this order:

    - `low_score`: the whole 95 % interval of the rep's shrunk score (see `rep_scores`) lies below the company's. Lowest first.
      A rep with few records has a wide interval and is not named from chance, so the list may be shorter than `n`, or empty.
    - `no_records`: open deals but no record in these days, most deals first; only where reps with open deals entered 3.7
      records or more on the mean, so that chance explains silence in less than 2.5 % (a holiday week names nobody).

    Columns: `rank` from 1, `rep_id`, `rep_name`, `n_records`, `mean_score`, `shrunk_score`, `low`, `high`, `company_score`
    (scores 0 to 100, null for no_records), `cause`, `reasons` (up to three codes of `record_score`, those whose share lies
    most above the company's first), `worst_share` (share 0 to 1 of the rep's records with the first reason) and
    `worst_company_share` (the same of all records), `activity_ids` (every record behind it, lowest score first;
    `base.activities` gives file and line), `deal_ids` (the open deals behind no_records, else empty). Reps who left are not
    named. Ties go by rep_id. Raises UsageError where `n` or `days` is less than 1.

    >>> import datetime as dt
    >>> from salesiq.book import Book
    >>> rows = pl.DataFrame([(f"{rep}-{n}", rep, dt.datetime(2026, 1, 5, n), None if rep == "R3" else "门店经常断货")
    ...     for rep in ("R1", "R2", "R3") for n in range(10)],
    ...     schema=["activity_id", "rep_id", "occurred_at", "pain_point"], orient="row")
    >>> found = watch_list(Book.from_frames(activities=rows).as_of("2026-01-10"))
    >>> found.select("rank", "rep_id", "cause", "worst_share", pl.col("reasons").list.first()).rows()
    [(1, 'R3', 'low_score', 1.0, 'no_pain_point')]
    """
    if n < 1:
        raise UsageError("quality.bad_n", n=n)
    low = _low_scores(snapshot, n, days)
    silent = _silent(snapshot, days).head(n - low.height)
    found = pl.concat([low, silent], how="diagonal").with_columns(rank=pl.int_range(1, pl.len() + 1))
    return found.select(_column(found, name, dtype) for name, dtype in SCHEMA.items())


def _column(found: pl.DataFrame, name: str, dtype: pl.DataType) -> pl.Expr:
    column = (pl.col(name) if name in found.columns else pl.lit(None)).cast(dtype).alias(name)
    return column.fill_null(pl.lit([], dtype)) if isinstance(dtype, pl.List) else column


def _low_scores(snapshot: Snapshot, n: int, days: int) -> pl.DataFrame:
    gone = snapshot.sql("SELECT rep_id FROM base.reps(as_of := $as_of) WHERE left_on <= $as_of::DATE")
    scores = rep_scores(snapshot, days).join(gone, on="rep_id", how="anti").filter(pl.col("high") < pl.col("company_score"))
    named = scores.sort("shrunk_score", "rep_id").head(n).with_columns(cause=pl.lit("low_score"))
    rep_ids = named["rep_id"].to_list()
    records = snapshot.sql(
        "SELECT rep_id, list(activity_id ORDER BY score, activity_id) AS activity_ids "
        "FROM quality.record_score(as_of := $as_of) "
        "WHERE list_contains($rep_ids, rep_id) AND entered_at > $as_of - to_days($days::INTEGER) GROUP BY rep_id",
        rep_ids=rep_ids,
        days=days,
    )
    faults = _worst_faults(snapshot.run("quality.rep_faults", days=days).filter(pl.col("rep_id").is_in(rep_ids)))
    return named.join(faults, on="rep_id", how="left", maintain_order="left").join(
        records, on="rep_id", how="left", maintain_order="left"
    )


def _worst_faults(faults: pl.DataFrame) -> pl.DataFrame:
    """Keep the reasons that stand out most from the company's: one row per rep."""
    excess = pl.col("fault_share") - pl.col("company_share")
    return (
        faults.sort(excess.round(9), "reason", descending=[True, False])
        .group_by("rep_id", maintain_order=True)
        .agg(
            reasons=pl.col("reason").head(_N_REASONS),
            worst_share=pl.col("fault_share").first(),
            worst_company_share=pl.col("company_share").first(),
        )
    )


def _silent(snapshot: Snapshot, days: int) -> pl.DataFrame:
    found = snapshot.run("quality.silent_reps", days=days).filter(pl.col("n_expected") >= _FEWEST_EXPECTED)
    ordered = found.sort(pl.col("deal_ids").list.len(), "rep_id", descending=[True, False])
    return ordered.select(
        "rep_id",
        "rep_name",
        "deal_ids",
        n_records=pl.lit(0, pl.Int64),
        cause=pl.lit("no_records"),
        reasons=pl.lit(["no_records"], pl.List(pl.String)),
    )
