"""Leak evidence: how well each column of a deal tells the outcome as it stands now, and as it stood before the deal closed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from salesiq.book import Book, Snapshot, needs
from salesiq.forecast.suspects import FEWEST, LEAST_AUC, PURE_SHARE, area, column_of, pure_share, scores
from salesiq.forecast.training import snapshot_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

EVIDENCE = {"column": pl.String, "why": pl.String, "auc_now": pl.Float64, "auc_as_of": pl.Float64, "n_known": pl.Int64}
#: columns with a version of then, by the name that people know them by
ATTRIBUTES = {
    "amount": "deals.amount",
    "margin_share": "deals.margin_share",
    "customer_id": "deals.customer_id",
    "owner_id": "deals.owner_id",
    "name": "deals.name",
    "product_line": "deals.product_line",
    "source": "deals.source",
    "is_new_customer": "deals.is_new_customer",
    "expected_days": "deals.expected_close_on",
    "customer_tier": "customers.tier",
    "customer_region": "customers.region",
    "customer_industry": "customers.industry",
}
#: a version of now that is better than that of then by less may be chance; in units of AUC, and of its standard error
LEAST_DROP, LEAST_Z = 0.05, 3.0
#: what exists only once a deal is closed is named as soon as it tells more than chance
LEAST_AUC_CLOSED, LEAST_Z_CLOSED = 0.55, 4.0
_FEWEST_OF_ENDING = 20


#: reasons by which a column is looked at; a number of days is round by chance, an id has nothing but its order
_OF_ATTRIBUTES = ("missing_tells", "tells_outcome")
_ROUNDED = frozenset({"deals.amount"})


@dataclass(frozen=True)
class Seen:
    """One column of closed deals: the score it gives each deal by reason, now and as it stood before the closing.

    `then` is None where nobody was told of the deals before they closed.
    """

    name: str
    happened: Ints
    n_known: int
    now: dict[str, Floats]
    then: dict[str, Floats] | None
    is_pure: bool = False
    exists_once_closed: bool = False

    @cached_property
    def areas(self) -> dict[str, tuple[float, float | None, int]]:
        """By reason the area under the ROC curve now and then, and how many deals have a value now."""
        before = {why: area(score, self.happened) for why, score in (self.then or {}).items()}
        return {why: (area(score, self.happened), before.get(why), self.n_known) for why, score in self.now.items()}


@needs("deals")
def leak_evidence(book: Book | Snapshot) -> pl.DataFrame:
    """Return how well each column of closed deals alone tells won from lost: now, and as it was known before they closed.

    One row per `column` and `why`, as in `forecast.suspects`: missing_tells, tells_outcome, order_tells, roundness_tells;
    named or not: what `forecast.leaks` names is decided on these numbers. `auc_now` (0.5 to 1) ranks with the newest export,
    `auc_as_of` with the newest version known before each deal's closing; null where fewer than 100 deals, or 20 of either
    ending, were told of before they closed, such as in a book of one export. Where there is an `auc_as_of`, both are on those
    deals. `n_known`: deals with a value now, among those counted. Ids and `created_at` are ranked within the month in which
    deals began, because a win rate that drifts orders them honestly. `expected_close_on` counts as days from the beginning.
    What exists only once a deal is closed (days_to_close, close_month, lost_reason) has no `auc_as_of`. Columns unknown
    everywhere are left out. Ordered by column and why; empty below 100 closed deals or 20 of either ending.

    >>> leak_evidence(Book.from_frames()).columns
    ['column', 'why', 'auc_now', 'auc_as_of', 'n_known']
    """
    return evidence_of(seen_columns(snapshot_of(book, None)))


def evidence_of(columns: Iterable[Seen]) -> pl.DataFrame:
    """Return what `leak_evidence` returns, of columns that are seen already."""
    rows = [(seen.name, why, *areas) for seen in columns if seen.n_known for why, areas in seen.areas.items()]
    return pl.DataFrame(rows, schema=EVIDENCE, orient="row").sort("column", "why")


def named(columns: Iterable[Seen]) -> Iterator[tuple[str, str, float, float | None, int]]:
    """Yield the rows of `EVIDENCE` of those columns whose evidence is too good to have been known before the closing."""
    for seen in columns:
        for why in seen.now:
            told = _why(seen, why)
            if told is not None:
                yield seen.name, told, *seen.areas[why]
        if seen.is_pure:
            yield seen.name, "codes_are_outcome", *seen.areas["tells_outcome"]


def seen_columns(known: Snapshot) -> Iterator[Seen]:
    """Yield every candidate column of the deals that were closed at the snapshot's moment."""
    rows = known.run("forecast.closed_attributes", order=("deal_id",))
    if not _is_enough(rows):
        return
    told = rows.filter("is_told")
    has_then = _is_enough(told)
    compared = told if has_then else rows
    for name, shown in ATTRIBUTES.items():
        then = compared[f"then_{name}"] if has_then else None
        yield _attribute(shown, _happened(compared), compared[f"now_{name}"], then)
    for name, place in _orders(compared).items():
        # an id given before the closing cannot have been given with it
        score = {"order_tells": place}
        yield Seen(f"deals.{name}", _happened(compared), compared.height, score, score if has_then else None)
    for name, values in _once_closed(rows).items():
        score = {"tells_outcome": scores(column_of(values), _happened(rows))["tells_outcome"]}
        n_known = rows.height - values.null_count()
        yield Seen(f"deals.{name}", _happened(rows), n_known, score, None, exists_once_closed=True)


def _attribute(name: str, happened: Ints, now: pl.Series, then: pl.Series | None) -> Seen:
    columns = [column_of(values) for values in (now, then) if values is not None]
    reasons = (*_OF_ATTRIBUTES, "roundness_tells") if name in _ROUNDED else _OF_ATTRIBUTES
    told = [{why: score for why, score in scores(column, happened).items() if why in reasons} for column in columns]
    is_pure = [column.numbers is None and pure_share(column.codes, happened) >= PURE_SHARE for column in columns]
    n_known = int((~columns[0].is_missing).sum())
    return Seen(
        name,
        happened,
        n_known,
        told[0],
        told[1] if then is not None else None,
        is_pure=is_pure == [True, False][: len(is_pure)],
    )


def _why(seen: Seen, why: str) -> str | None:
    auc_now, auc_then, _ = seen.areas[why]
    if seen.exists_once_closed:
        is_telling = auc_now >= LEAST_AUC_CLOSED and (auc_now - 0.5) >= LEAST_Z_CLOSED * _chance_error(seen.happened)
        return "after_closing" if is_telling else None
    if auc_then is None or seen.then is None:
        return why if auc_now >= LEAST_AUC[why] else None
    if auc_now - auc_then < LEAST_DROP or drop_z(seen.now[why], seen.then[why], seen.happened) < LEAST_Z:
        return None
    if why == "tells_outcome":
        return "known_later"
    return why if auc_now >= LEAST_AUC[why] else None


def _chance_error(happened: Ints) -> float:
    """Return the standard error of the AUC of a score that says nothing."""
    n_won, n_lost = int(happened.sum()), int((1 - happened).sum())
    return float(((n_won + n_lost + 1) / (12 * n_won * n_lost)) ** 0.5)


def _happened(rows: pl.DataFrame) -> Ints:
    return np.asarray(rows["is_won"].to_numpy(), dtype=np.int64)


def _is_enough(rows: pl.DataFrame) -> bool:
    n_won = int(rows["is_won"].sum())
    return rows.height >= FEWEST and min(n_won, rows.height - n_won) >= _FEWEST_OF_ENDING


def _orders(rows: pl.DataFrame) -> dict[str, Floats]:
    """Return the place, 0 to 1, of each deal's id and beginning among those of its month."""
    ids = pl.struct(pl.col("deal_id").str.len_chars().alias("length"), "deal_id")  # D10 comes after D9
    places = {"deal_id": ids.rank("ordinal"), "created_at": pl.col("created_at").rank("average")}
    month = pl.col("created_at").dt.truncate("1mo")
    told = rows.select((place.over(month) / pl.len().over(month)).alias(name) for name, place in places.items())
    return {name: told[name].to_numpy() for name in places if told[name].null_count() == 0}


def _once_closed(rows: pl.DataFrame) -> dict[str, pl.Series]:
    """Return what can be computed of a deal only once it is closed, and is put into training tables all the same."""
    told = rows.select(
        days_to_close=(pl.col("closed_at") - pl.col("created_at")).dt.total_days(),
        close_month=pl.col("closed_at").dt.month(),
        lost_reason="lost_reason",
    )
    return {name: told[name] for name in told.columns if told[name].null_count() < told.height}


def drop_z(now: Floats, then: Floats, happened: Ints) -> float:
    """Return by how many standard errors the AUC of `now` is above that of `then`, on the same deals.

    The variance is DeLong's for correlated curves (DeLong, DeLong and Clarke-Pearson 1988).
    """
    from scipy.stats import rankdata  # half a second to import

    won, parts = happened == 1, []
    for score in (now, then):
        turned = score if _points_up(score, happened) else -score
        ranks = rankdata(turned)
        among_won = (ranks[won] - rankdata(turned[won])) / (~won).sum()
        among_lost = 1 - (ranks[~won] - rankdata(turned[~won])) / won.sum()
        parts.append((among_won, among_lost))
    (now_won, now_lost), (then_won, then_lost) = parts
    variance = float(np.var(now_won - then_won, ddof=1) / won.sum() + np.var(now_lost - then_lost, ddof=1) / (~won).sum())
    drop = float(now_won.mean() - then_won.mean())
    return drop / variance**0.5 if variance > 0 else (np.inf if drop > 0 else 0.0)


def _points_up(score: Floats, happened: Ints) -> bool:
    from scipy.stats import rankdata

    won = happened == 1
    return float(rankdata(score)[won].mean()) >= (len(score) + 1) / 2
