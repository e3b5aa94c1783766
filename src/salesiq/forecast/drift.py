"""Drift: how far today's deals and their outcomes have moved from those that a model learned from."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from salesiq.book import Book, Snapshot
from salesiq.forecast.design import MOST_MISSING_SHARE
from salesiq.forecast.features import features
from salesiq.forecast.gate import LEAST_JUDGED, LEAST_WON, known_part, log_losses, spread, won_within_horizon
from salesiq.forecast.model import WinModel
from salesiq.forecast.training import choose_moments, landmarks, snapshot_of
from salesiq.i18n import Language, text

Floats = NDArray[np.float64]

PSI = {
    "column": pl.String,
    "psi": pl.Float64,
    "usual_psi": pl.Float64,
    "n_then": pl.Int64,
    "n_now": pl.Int64,
    "is_shifted": pl.Boolean,
}
#: the usual bar of credit scoring for a population that has shifted; and how seldom chance alone may reach what is flagged
LEAST_PSI, CHANCE = 0.2, 0.001
_N_BINS, _N_CATEGORIES = 10, 12
#: ids, and what is the same for every deal of a moment or only tells how long the record is
_NOT_COMPARED = frozenset(
    {
        "deal_id",
        "rep_id",
        "moment",
        "exit_days",
        "outcome",
        "days_to_quarter_end",
        "customer_n_won",
        "customer_n_lost",
        "everybody_win_share",
        "rep_win_share",
        "product_line_win_share",
        "region_win_share",
        "tier_win_share",
    }
)
_WINDOW_DAYS = 180.0
#: expected over observed wins that nobody would call wrong; a share that moved by more standard errors moved
LEVEL_RANGE, LEAST_Z = (0.8, 1.25), 3.0
_N_RESAMPLES, _SEED = 1000, 20260630


@dataclass(frozen=True)
class Drift:
    """How deals have moved since a model learned (`learned`), as of `as_of`.

    `columns`: one row per feature that was known of half of the deals then, largest shift first: `column`, `psi` (population
    stability index of today's open deals against those that the model learned from), `usual_psi` (what chance alone exceeds
    once in a thousand, given the numbers of deals), `n_then`, `n_now`, `is_shifted` (above 0.2 and above `usual_psi`).
    `won_share_then`, `won_share_now`: won among deals closed in up to 180 days before the model learned, and since, of
    `n_closed_then` and `n_closed_now`; `won_share_z`: their difference in standard errors.
    `n`, `n_won`, `n_expected`: deals at moments since the model learned whose horizon is over, those won in it, and the sum of
    what the model said; `level` = n_expected / n_won with its 95 % interval by a bootstrap over deals; `log_loss` of what it
    said. None where fewer than 100, or 15 won.
    `verdict`: steady; watch (features shifted, or the won share moved by three standard errors); drifted (the interval of
    `level` lies outside of 0.8 to 1.25: the probabilities are wrong now); unjudged (nothing moved, too little has matured).
    """

    verdict: Literal["steady", "watch", "drifted", "unjudged"]
    learned: dt.datetime
    as_of: dt.datetime
    columns: pl.DataFrame = field(compare=False)
    n_closed_then: int = 0
    n_closed_now: int = 0
    won_share_then: float | None = None
    won_share_now: float | None = None
    won_share_z: float | None = None
    n: int = 0
    n_won: int = 0
    n_expected: float | None = None
    level: float | None = None
    level_low: float | None = None
    level_high: float | None = None
    log_loss: float | None = None

    def message(self, lang: Language = "en") -> str:
        """Return the verdict in a sentence, then what moved."""
        shifted = self.columns.filter("is_shifted")["column"].to_list()
        facts: dict[str, object] = {name: _percent(getattr(self, name)) for name in ("won_share_then", "won_share_now")}
        facts |= {"n": self.n, "n_won": self.n_won, "learned": self.learned.date()}
        facts |= {name: _two_digits(getattr(self, name)) for name in ("level", "level_low", "level_high")}
        facts["n_expected"] = "–" if self.n_expected is None else f"{self.n_expected:.0f}"
        said = [text(f"registry.drift_{self.verdict}", lang, **facts)]
        if self.won_share_then is not None and self.won_share_now is not None:
            said.append(text("registry.drift_won_share", lang, **facts))
        if shifted:
            said.append(text("registry.drift_columns", lang, columns=", ".join(shifted)))
        return (" " if lang == "en" else "").join(said)

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can keep."""
        told = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "columns"}
        moments = {"learned": self.learned.isoformat(), "as_of": self.as_of.isoformat()}
        return told | moments | {"columns": self.columns.to_dicts()}


def drift(model: WinModel, book: Book | Snapshot) -> Drift:
    """Return how far the book's deals have moved since `model` learned: features, outcomes, and its own probabilities.

    Reads what `WinModel.fit` reads, at the moments that it learned from and at the book's newest (a snapshot's own). All is
    as of then. Sources: the index is that of credit scoring; its size by chance is (1/n + 1/m) chi-square with one
    degree less than there are bins (Yurdakul 2018, Statistical properties of the population stability index), n and m in deals.
    Raises UsageError before `fit`, and for a book that ends before the model learned.
    """
    model.reliability()  # says what is wrong with a model that has not learned
    known = snapshot_of(book, None)
    learned = model.until or known.as_of
    then = known.earlier(learned)
    part = known_part(known, model.max_deals, _listed(model))
    before = landmarks(part.earlier(learned), choose_moments(then, model.horizon_days, 8), model.extra)
    columns = shifts(before, features(part, model.extra))
    closed = _closed(known, learned)
    judged = _judged(model, part, learned)
    return Drift(_verdict(columns, closed, judged), learned, known.as_of, columns, **closed, **judged)


def shifts(then: pl.DataFrame, now: pl.DataFrame) -> pl.DataFrame:
    """Return the population stability index of every column that both frames of features have: see `Drift.columns`."""
    n_then, n_now = then["deal_id"].n_unique(), now["deal_id"].n_unique()
    rows = []
    for name in now.columns:
        if name in _NOT_COMPARED or name not in then.columns or not n_then or not n_now:
            continue
        if then[name].null_count() > MOST_MISSING_SHARE * then.height:  # no model reads it: see Design
            continue
        places_then, places_now, n_bins = _binned(then[name], now[name])
        if n_bins > 1:
            found = psi(places_then, places_now, n_bins)
            usual = usual_psi(n_then, n_now, n_bins)
            rows.append((name, found, usual, n_then, n_now, found > max(LEAST_PSI, usual)))
    return pl.DataFrame(rows, schema=PSI, orient="row").sort("psi", "column", descending=[True, False])


def psi(then: NDArray[np.int64], now: NDArray[np.int64], n_bins: int) -> float:
    """Return the population stability index of two samples of bins; half a case is added to each bin, so that none is empty.

    >>> psi(np.array([0, 0, 1, 1]), np.array([0, 0, 1, 1]), 2), round(psi(np.array([0] * 99), np.array([1] * 99), 2), 1)
    (0.0, 10.5)
    """
    shares = [(np.bincount(each, minlength=n_bins) + 0.5) / (len(each) + 0.5 * n_bins) for each in (then, now)]
    return float(np.sum((shares[1] - shares[0]) * np.log(shares[1] / shares[0])))


def usual_psi(n_then: int, n_now: int, n_bins: int) -> float:
    """Return what the index exceeds once in a thousand where nothing has shifted."""
    from scipy.stats import chi2  # half a second to import

    return float((1 / n_then + 1 / n_now) * chi2.ppf(1 - CHANCE, n_bins - 1))


def _binned(then: pl.Series, now: pl.Series) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
    """Return the bins of both: quantiles of then, or its most frequent values; the last one is that of the unknown."""
    if then.dtype.is_numeric() and now.dtype.is_numeric():
        known = then.cast(pl.Float64).drop_nulls().drop_nans().to_numpy()
        edges = np.unique(np.quantile(known, np.linspace(0, 1, _N_BINS + 1)[1:-1])) if len(known) else np.empty(0)
        missing = len(edges) + 1
        return _placed(then, edges, missing), _placed(now, edges, missing), missing + 1
    counts = then.cast(pl.String).drop_nulls().value_counts().sort(["count", then.name], descending=[True, False])
    usual = {value: place for place, value in enumerate(counts[then.name].head(_N_CATEGORIES))}
    coded = [
        [len(usual) + 1 if value is None else usual.get(value, len(usual)) for value in each.cast(pl.String)]
        for each in (then, now)
    ]
    return np.array(coded[0], dtype=np.int64), np.array(coded[1], dtype=np.int64), len(usual) + 2


def _placed(values: pl.Series, edges: Floats, missing: int) -> NDArray[np.int64]:
    numbers = values.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    return np.where(np.isnan(numbers), missing, np.searchsorted(edges, np.nan_to_num(numbers), side="right")).astype(np.int64)


def _closed(known: Snapshot, learned: dt.datetime) -> dict[str, Any]:
    window = min((known.as_of - learned) / dt.timedelta(days=1), _WINDOW_DAYS)
    told = known.sql(
        "SELECT closed_at > $learned AS is_later, count(*) AS n, count(*) FILTER (status = 'won') AS n_won "
        "FROM base.deals(as_of := $as_of) WHERE status <> 'open' AND closed_at > $since GROUP BY 1",
        learned=learned,
        since=learned - dt.timedelta(days=window),
    )
    counts = {is_later: (n, n_won) for is_later, n, n_won in told.iter_rows()}
    (n_then, won_then), (n_now, won_now) = counts.get(False, (0, 0)), counts.get(True, (0, 0))
    found: dict[str, Any] = {"n_closed_then": n_then, "n_closed_now": n_now}
    if not n_then or not n_now:
        return found
    share_then, share_now, both = won_then / n_then, won_now / n_now, (won_then + won_now) / (n_then + n_now)
    error = (both * (1 - both) * (1 / n_then + 1 / n_now)) ** 0.5
    z = (share_now - share_then) / error if error > 0 else 0.0
    return found | {"won_share_then": share_then, "won_share_now": share_now, "won_share_z": z}


def _judged(model: WinModel, known: Snapshot, learned: dt.datetime) -> dict[str, Any]:
    newest = known.as_of - dt.timedelta(days=model.horizon_days)
    if newest < learned:
        return {}
    rows = landmarks(known, spread(learned, newest), model.extra)
    happened = won_within_horizon(rows, model.horizon_days)
    n_won = int(happened.sum())
    if len(happened) < LEAST_JUDGED or n_won < LEAST_WON:
        return {"n": len(happened), "n_won": n_won}
    said = model.predict_rows(rows, model.horizon_days)["win_probability"].to_numpy()
    low, high = _level_interval(said, happened, rows["deal_id"].to_list())
    level = {"level": float(said.sum() / n_won), "level_low": low, "level_high": high}
    loss = float(log_losses(happened, said).mean())
    return {"n": len(happened), "n_won": n_won, "n_expected": float(said.sum()), "log_loss": loss} | level


def _level_interval(said: Floats, happened: Floats, deals: list[str]) -> tuple[float, float]:
    _, place = np.unique(deals, return_inverse=True)
    sums = np.stack([np.bincount(place, said), np.bincount(place, happened)])
    rng, n_deals = np.random.default_rng(_SEED), sums.shape[1]
    levels = np.empty(_N_RESAMPLES)
    for k in range(_N_RESAMPLES):
        expected, won = sums @ np.bincount(rng.integers(0, n_deals, n_deals), minlength=n_deals)
        levels[k] = expected / max(won, 0.5)
    low, high = np.quantile(levels, [0.025, 0.975]).tolist()
    return low, high


def _verdict(
    columns: pl.DataFrame, closed: dict[str, Any], judged: dict[str, Any]
) -> Literal["steady", "watch", "drifted", "unjudged"]:
    low, high = judged.get("level_low"), judged.get("level_high")
    if low is not None and high is not None and (low > LEVEL_RANGE[1] or high < LEVEL_RANGE[0]):
        return "drifted"
    if columns["is_shifted"].any() or abs(closed.get("won_share_z") or 0.0) >= LEAST_Z:
        return "watch"
    return "unjudged" if low is None else "steady"


def _listed(model: WinModel) -> tuple[Any, ...]:
    return (model.extra,) if isinstance(model.extra, str) or callable(model.extra) else tuple(model.extra)


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.0f}"


def _two_digits(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
