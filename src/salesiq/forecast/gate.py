"""The gate: whether a new model is better than the current one on the newest deals, which neither has learned from."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from salesiq.book import Snapshot
from salesiq.forecast.extra_features import Extra
from salesiq.forecast.features import READS
from salesiq.forecast.model import WinModel
from salesiq.forecast.training import landmarks
from salesiq.tables import CONTRACTS

Floats = NDArray[np.float64]

#: the newest period is at most so many days, looked at from so many moments, none of them nearer than a day to the next
LONGEST_DAYS, N_MOMENTS = 150.0, 8
#: below this a period decides nothing
LEAST_JUDGED, LEAST_WON = 100, 15
#: the ends of the 80 % interval, as reliability's
INNER = (0.1, 0.9)
_N_RESAMPLES, _SEED = 1000, 20260630


@dataclass(frozen=True)
class Comparison:
    """What two models were worth on the same deals and moments, `since` to `until`, by log-loss (lower is better).

    `n` deals at moments, `n_deals` deals, `n_won` of `n` won within the horizon. `difference` is the new model's mean log-loss
    less the current one's, `low` and `high` its 80 % interval by a bootstrap over deals: below 0 the new one is better.
    """

    since: dt.datetime
    until: dt.datetime
    n: int
    n_deals: int
    n_won: int
    log_loss: float
    current_log_loss: float
    brier: float
    current_brier: float
    difference: float
    low: float
    high: float

    @property
    def is_better(self) -> bool:
        """Whether the new model is better by more than chance: the whole interval lies below 0."""
        return self.high < 0

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can keep."""
        return asdict(self) | {"since": self.since.isoformat(), "until": self.until.isoformat(), "is_better": self.is_better}


def compare(
    known: Snapshot, new: WinModel, current: WinModel, current_extra: Extra | Sequence[Extra] = ()
) -> Comparison | None:
    """Fit a twin of `new` up to the start of the newest period and judge it beside `current` on that period.

    The period ends one horizon before the snapshot's moment, so that every label is known, and begins half way between that and
    the moment up to which `current` learned: the first half is what the twin may learn and the other did not. None where too
    little has happened since: fewer than 100 deals at moments, or 15 won.
    """
    newest = known.as_of - dt.timedelta(days=new.horizon_days)
    learned = current.until or newest
    if learned >= newest:
        return None
    since = max(learned + (newest - learned) / 2, newest - dt.timedelta(days=LONGEST_DAYS))
    seen = known_part(known, new.max_deals, (*_listed(new.extra), *_listed(current_extra)))
    moments = spread(since, newest)
    rows = landmarks(seen, moments, new.extra)
    happened = won_within_horizon(rows, new.horizon_days)
    n_won = int(happened.sum())
    if len(happened) < LEAST_JUDGED or not LEAST_WON <= n_won < len(happened):
        return None
    twin = replace(new).fit(known.earlier(since))
    same = rows if current_extra is new.extra else landmarks(seen, moments, current_extra)
    said = [model.predict_rows(each, new.horizon_days) for model, each in ((twin, rows), (current, same))]
    chances = [frame["win_probability"].to_numpy() for frame in said]
    return _judged(happened, chances, rows["deal_id"].to_list(), (since, newest))


def _judged(happened: Floats, chances: list[Floats], deals: list[str], period: tuple[dt.datetime, dt.datetime]) -> Comparison:
    new, current = (log_losses(happened, each) for each in chances)
    low, high = np.quantile(resampled_means(new - current, deals), INNER).tolist()
    briers = [float(np.mean((happened - each) ** 2)) for each in chances]
    return Comparison(
        *period,
        n=len(happened),
        n_deals=len(set(deals)),
        n_won=int(happened.sum()),
        log_loss=float(new.mean()),
        current_log_loss=float(current.mean()),
        brier=briers[0],
        current_brier=briers[1],
        difference=float((new - current).mean()),
        low=low,
        high=high,
    )


def spread(since: dt.datetime, until: dt.datetime) -> list[dt.datetime]:
    """Return up to eight moments from `since` to `until`, evenly spaced, at least a day apart.

    >>> [len(spread(dt.datetime(2026, 1, 1), end)) for end in (dt.datetime(2026, 1, 4), dt.datetime(2026, 5, 1))]
    [4, 8]
    """
    n = max(1, min(N_MOMENTS, 1 + (until - since) // dt.timedelta(days=1)))
    return [until - (until - since) * k / max(n - 1, 1) for k in reversed(range(n))]


def won_within_horizon(rows: pl.DataFrame, horizon_days: float) -> Floats:
    """Return 1 for rows of `training.landmarks` won within the horizon and 0 for the others; their horizon must be over."""
    is_won = (rows["outcome"] == "won") & (rows["exit_days"] <= horizon_days)
    return np.asarray(is_won.fill_null(value=False).to_numpy(), dtype=float)


def log_losses(happened: Floats, said: Floats) -> Floats:
    """Return the log-loss of each probability."""
    bounded = np.clip(said, 1e-6, 1 - 1e-6)
    return np.asarray(-np.log(np.where(happened > 0, bounded, 1 - bounded)))


def resampled_means(values: Floats, deals: list[str]) -> Floats:
    """Return means of `values` over resamples of whole deals, because one deal stands in many rows."""
    _, place = np.unique(deals, return_inverse=True)
    sums, counts = np.bincount(place, values), np.bincount(place)
    rng = np.random.default_rng(_SEED)
    found = np.empty(_N_RESAMPLES)
    for k in range(_N_RESAMPLES):
        drawn = np.bincount(rng.integers(0, len(sums), len(sums)), minlength=len(sums))
        found[k] = (drawn @ sums) / (drawn @ counts)
    return found


def known_part(known: Snapshot, max_deals: int, extra: Sequence[Extra]) -> Snapshot:
    """Return the snapshot, or a sample of it where it has more deals than a model looks at."""
    n_deals = int(known.sql("SELECT count(*) AS n FROM base.deals(as_of := $as_of)").item())
    one_in = max(1, -(-n_deals // max_deals))
    tables = tuple(name for name, contract in CONTRACTS.items() if contract.kind != "log") if extra else READS
    return known if one_in == 1 else known.sample(one_in, tables)


def _listed(extra: Extra | Sequence[Extra]) -> tuple[Extra, ...]:
    return (extra,) if isinstance(extra, str) or callable(extra) else tuple(extra)
