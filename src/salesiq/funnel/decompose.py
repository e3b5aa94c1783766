"""Decompose: whether a team's change of win rate is its mix of deals, its winning, or chance."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import ndtr

from salesiq.book import Snapshot, needs
from salesiq.errors import UsageError
from salesiq.funnel.groups import group_columns
from salesiq.funnel.proportions import Z

Floats = NDArray[np.float64]

_COUNTS = """
SELECT {groups}, count(*) FILTER (is_won) AS n_won, count(*) AS n_closed
FROM funnel.closed_deals(as_of := $as_of) WHERE closed_at > $since
GROUP BY ALL
"""
_NUMBERS = ("n_won_before", "n_closed_before", "n_won", "n_closed")
SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "n_won_before": pl.Int64,
    "n_closed_before": pl.Int64,
    "share_before": pl.Float64,
    "n_won": pl.Int64,
    "n_closed": pl.Int64,
    "share": pl.Float64,
    "change_share": pl.Float64,
    "mix_share": pl.Float64,
    "rate_share": pl.Float64,
    "chance_share": pl.Float64,
    "p_value": pl.Float64,
    "rate_low_share": pl.Float64,
    "rate_high_share": pl.Float64,
}


@needs("deals")
def decompose(
    before: Snapshot,
    after: Snapshot,
    by: str | Sequence[str] | None = None,
    *,
    mix: str | Sequence[str] = "source",
    days: int = 90,
) -> pl.DataFrame:
    """Return each team's change of win rate from one moment to another, split into mix, rate and chance, which sum to it.

    Compared are the deals that closed in the `days` up to `before` and in the `days` up to `after`; the two spans must not
    overlap. `by` names what a team is (columns of `base.segments`; without it the whole company), `mix` what kinds of deals are
    told apart. One row per team with a closed deal at either moment.

    Columns: the `by` columns, `n_won_before`, `n_closed_before`, `share_before`, `n_won`, `n_closed`, `share`; `change_share` =
    share - share_before, negative is a fall; `mix_share`, what other kinds of deals alone would have done; `rate_share`, what
    winning more or less of the same kinds did, beyond chance; `chance_share`, what of it chance explains; mix_share +
    rate_share + chance_share = change_share. `p_value`: how often chance alone moves the rates as far; `rate_low_share` to
    `rate_high_share`: 95 % interval of the effect of the rates, of which rate_share + chance_share is the plain estimate.

    Null where nothing closed at one of the moments. Raises UsageError for an unknown group, for `days` below 1, and where the
    spans overlap or stand in the wrong order.

    Method: mix = sum of (w1 - w0)(p0 + p1)/2 and rates = sum of (w0 + w1)/2 (p1 - p0) over kinds with share w of the deals
    and win rate p (Kitagawa 1955); a kind that closed at one moment only moves the mix. Of the effect R of the rates with
    variance V (binomial, with the rate of both moments together) the part max(0, 1 - V/R²) R counts as true and the rest as
    chance (the positive part of James and Stein 1961): a change within its own standard error is all chance. Assumes
    independent deals.

    >>> import datetime as dt
    >>> from salesiq.book import Book
    >>> closed_at = [dt.datetime(2026, 1 + n // 600, 9) for n in range(1200)]
    >>> status = ["won" if n % (3 if n < 600 else 6) == 0 else "lost" for n in range(1200)]
    >>> deals = pl.DataFrame({"deal_id": [f"D{n}" for n in range(1200)], "status": status, "closed_at": closed_at,
    ...     "created_at": closed_at})
    >>> book = Book.from_frames(deals=deals)
    >>> found = decompose(book.as_of("2026-01-31"), book.as_of("2026-02-28"), days=28)
    >>> found.select(pl.col("change_share", "mix_share", "rate_share", "chance_share").round(4)).row(0)
    (-0.1667, 0.0, -0.1629, -0.0038)
    """
    if days < 1:
        raise UsageError("funnel.bad_days", days=days)
    if before.as_of > after.as_of - dt.timedelta(days=days):
        raise UsageError("funnel.not_apart", before=before.as_of, after=after.as_of, days=days)
    teams, kinds = group_columns(after, by, but=("stage", "status")), group_columns(after, mix, but=("stage", "status"))
    groups = list(dict.fromkeys([*teams, *kinds]))
    now, then = (_counts(snapshot, groups, days) for snapshot in (after, before))
    then = then.rename({"n_won": "n_won_before", "n_closed": "n_closed_before"})
    cells = now.join(then, on=groups, how="full", coalesce=True, nulls_equal=True)
    cells = cells.with_columns(pl.col(_NUMBERS).fill_null(0)).sort(*groups, nulls_last=True)
    rows = [{**dict(zip(teams, key, strict=True)), **_split(part)} for key, part in _teams(cells, teams)]
    return pl.DataFrame(rows, schema={**{name: cells.schema[name] for name in teams}, **SCHEMA})


def _counts(snapshot: Snapshot, groups: Sequence[str], days: int) -> pl.DataFrame:
    return snapshot.sql(_COUNTS.format(groups=", ".join(groups)), since=snapshot.as_of - dt.timedelta(days=days))


def _teams(cells: pl.DataFrame, teams: Sequence[str]) -> list[tuple[tuple[object, ...], pl.DataFrame]]:
    if not teams:
        return [((), cells)] if cells.height else []
    return list(cells.partition_by(teams, as_dict=True, maintain_order=True).items())


def _split(part: pl.DataFrame) -> dict[str, object]:
    won0, n0, won1, n1 = (part[name].cast(pl.Float64).to_numpy() for name in _NUMBERS)
    counts: dict[str, object] = {name: int(part[name].sum()) for name in _NUMBERS}
    if not n0.sum() or not n1.sum():
        return {**counts, "share_before": _rate(won0.sum(), n0.sum()), "share": _rate(won1.sum(), n1.sum())}
    share0, share1 = won0.sum() / n0.sum(), won1.sum() / n1.sum()
    weight0, weight1 = n0 / n0.sum(), n1 / n1.sum()
    rate0 = np.divide(won0, n0, out=np.divide(won1, n1, out=np.zeros(len(n1)), where=n1 > 0), where=n0 > 0)
    rate1 = np.divide(won1, n1, out=rate0.copy(), where=n1 > 0)
    change = share1 - share0
    of_rates = float((((weight0 + weight1) / 2) * (rate1 - rate0)).sum())
    variance = _variance(won0 + won1, n0, n1, (weight0 + weight1) / 2)
    true = max(0.0, 1 - variance / of_rates**2) * of_rates if of_rates else 0.0
    error = float(np.sqrt(variance))
    return {
        **counts,
        "share_before": share0,
        "share": share1,
        "change_share": change,
        "mix_share": change - of_rates,
        "rate_share": true,
        "chance_share": of_rates - true,
        "p_value": float(2 * ndtr(-abs(of_rates) / error)) if error else None,
        "rate_low_share": of_rates - Z * error,
        "rate_high_share": of_rates + Z * error,
    }


def _rate(n_won: float, n: float) -> float | None:
    return float(n_won / n) if n else None


def _variance(won: Floats, n0: Floats, n1: Floats, weight: Floats) -> float:
    """Return the variance of the effect of the rates where they have not changed; a kind seen at one moment only has none."""
    is_both = (n0 > 0) & (n1 > 0)
    won, n0, n1, weight = won[is_both], n0[is_both], n1[is_both], weight[is_both]
    rate = (won + 0.5) / (n0 + n1 + 1)  # so that a kind of which none or all was won is not without doubt
    return float((weight**2 * rate * (1 - rate) * (1 / n0 + 1 / n1)).sum())
