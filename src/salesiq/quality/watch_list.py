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
    "n_score_records": pl.Int64(),
    "score_activity_ids": pl.List(pl.String()),
    "deal_ids": pl.List(pl.String()),
}
_N_REASONS = 3
# a mean of 3.7 records makes a week without any one of 2.5 % by chance (Poisson): below it, silence is no news
_FEWEST_EXPECTED = 3.7


@needs("activities")
def watch_list(snapshot: Snapshot, n: int = 3, days: int = 7, score_days: int = 28) -> pl.DataFrame:
    """Return the top `n` people to look at in the `days` days that end at the snapshot's moment, most pressing first.

    Reads `activities`; `deals` and `reps` where loaded. Two causes, in this order:

    - `low_score`: the whole 95 % interval of the rep's shrunk score over `score_days` (see `rep_scores`) lies below the
      company's, and so does the mean of this week's records. Lowest first. A week's handful of records tells nobody apart,
      so the score looks back further; who mended this week is not named. A rep with few records has a wide interval and is
      not named from chance, so the list may be shorter than `n`, or empty.
    - `no_records`: open deals but no record in these days, from people who have been silent for `score_days` or who entered 3.7
      or more a week before. Only where reps with open deals entered 3.7 or more on the mean, so that chance explains
      silence in less than 2.5 % (a holiday week names nobody). The longest silent first, then most deals.

    Columns: `rank` from 1, `rep_id`, `rep_name`; of this week `n_records`, `mean_score` (0 to 100); of the `score_days`
    `shrunk_score`, `low`, `high`, `company_score`, `n_score_records`, `score_activity_ids` (scores are null for no_records);
    `cause`; of this week `reasons` (up to three codes of `record_score`, those whose share lies most above the company's
    first), `worst_share` (share 0 to 1 of the rep's records with the first reason), `worst_company_share` (the same of all
    records), `activity_ids` (lowest score first; `base.activities` gives file and line); `deal_ids` (the open deals behind
    no_records, else empty). Reps who left are not named. Ties go by rep_id. Raises UsageError where `n`, `days` or
    `score_days` is less than 1, or `score_days` less than `days`.

    >>> import datetime as dt
    >>> from salesiq.book import Book
    >>> rows = pl.DataFrame([(f"{rep}-{n}", rep, dt.datetime(2026, 1, 5, n), None if rep == "R3" else "门店经常断货")
    ...     for rep in ("R1", "R2", "R3") for n in range(10)],
    ...     schema=["activity_id", "rep_id", "occurred_at", "pain_point"], orient="row")
    >>> found = watch_list(Book.from_frames(activities=rows).as_of("2026-01-10"))
    >>> found.select("rank", "rep_id", "cause", "worst_share", pl.col("reasons").list.first()).rows()
    [(1, 'R3', 'low_score', 1.0, 'no_pain_point')]
    """
    _check(n, days, score_days)
    low = _low_scores(snapshot, days, score_days).head(n)
    silent = _silent(snapshot, days, score_days).head(n - low.height)
    found = pl.concat([_behind(snapshot, low, days, score_days), silent], how="diagonal")
    found = found.with_columns(rank=pl.int_range(1, pl.len() + 1))
    return found.select(_column(found, name, dtype) for name, dtype in SCHEMA.items())


def _check(n: int, days: int, score_days: int) -> None:
    if n < 1:
        raise UsageError("quality.bad_n", n=n)
    if days < 1 or score_days < days:
        raise UsageError("quality.bad_days", days=days if days < 1 else score_days, fewest=max(days, 1))


def _column(found: pl.DataFrame, name: str, dtype: pl.DataType) -> pl.Expr:
    column = (pl.col(name) if name in found.columns else pl.lit(None)).cast(dtype).alias(name)
    return column.fill_null(pl.lit([], dtype)) if isinstance(dtype, pl.List) else column


def _low_scores(snapshot: Snapshot, days: int, score_days: int) -> pl.DataFrame:
    gone = snapshot.sql("SELECT rep_id FROM base.reps(as_of := $as_of) WHERE left_on <= $as_of::DATE")
    week = rep_scores(snapshot, days).select("rep_id", "n_records", "mean_score")
    scores = rep_scores(snapshot, score_days).drop("mean_score").rename({"n_records": "n_score_records"})
    is_low = (pl.col("high") < pl.col("company_score")) & (pl.col("mean_score") < pl.col("company_score"))
    found = scores.join(gone, on="rep_id", how="anti").join(week, on="rep_id").filter(is_low)
    return found.sort("shrunk_score", "rep_id").with_columns(cause=pl.lit("low_score"))


def _behind(snapshot: Snapshot, named: pl.DataFrame, days: int, score_days: int) -> pl.DataFrame:
    """Add the faults and the records behind each name."""
    rep_ids = named["rep_id"].to_list()
    records = snapshot.sql(
        "SELECT rep_id, list(activity_id ORDER BY score, activity_id) AS score_activity_ids, "
        "list(activity_id ORDER BY score, activity_id) FILTER (entered_at > $as_of - to_days($days::INTEGER)) AS activity_ids "
        "FROM quality.record_score(as_of := $as_of) "
        "WHERE list_contains($rep_ids, rep_id) AND entered_at > $as_of - to_days($score_days::INTEGER) GROUP BY rep_id",
        rep_ids=rep_ids,
        days=days,
        score_days=score_days,
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


def _silent(snapshot: Snapshot, days: int, score_days: int) -> pl.DataFrame:
    found = snapshot.run("quality.silent_reps", days=days, score_days=score_days)
    # where no days lie before, nobody can have written in them
    usual = pl.col("n_before") * days / max(score_days - days, 1)
    is_news = ((pl.col("n_before") == 0) & ~pl.col("is_new")) | (usual >= _FEWEST_EXPECTED)
    named = found.filter((pl.col("n_company") >= _FEWEST_EXPECTED) & is_news)
    order = [(pl.col("n_before") > 0), -pl.col("deal_ids").list.len().cast(pl.Int64), pl.col("rep_id")]
    return named.sort(order).select(
        "rep_id",
        "rep_name",
        "deal_ids",
        n_records=pl.lit(0, pl.Int64),
        cause=pl.lit("no_records"),
        reasons=pl.lit(["no_records"], pl.List(pl.String)),
        n_score_records="n_before",
    )
