"""Reliability: what a model's probabilities were worth on deals and months that it had not seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from salesiq.forecast.calibration import fit_line
from salesiq.i18n import Language, text

Floats = NDArray[np.float64]
Verdict = Literal["usable", "with_care", "no_signal"]

BIN_EDGES = (0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0)
BINS = {
    "low": pl.Float64,
    "high": pl.Float64,
    "n": pl.Int64,
    "n_won": pl.Int64,
    "mean_probability": pl.Float64,
    "won_share": pl.Float64,
    "won_share_low": pl.Float64,
    "won_share_high": pl.Float64,
}
SLOPE_RANGE = (0.8, 1.25)
#: expected over observed wins
LEVEL_RANGE = (2 / 3, 3 / 2)
_N_RESAMPLES, _SEED = 1000, 20260630


@dataclass(frozen=True)
class Reliability:
    """How far the probabilities of being won within `horizon_days` can be trusted; also readable as a mapping.

    `verdict`: usable where the whole 95 % interval of `skill` lies above 0, `calibration_slope` within 0.8 to 1.25,
    and `n_expected` within 2/3 to 3/2 of `n_won`; with_care where slope or level lie outside, or only the inner 80 % of the
    interval lies above 0; else no_signal. `reason` says why: ok, badly_scaled, off_level, uncertain, no_skill, too_little,
    nothing_known.

    `skill`, `skill_low`, `skill_high`: 1 - log-loss over that of the base rate, which knows how long deals have been open and
    in their stage, and the season, but not which stage nor anything else of the deal; 95 % interval by bootstrap over deals.
    `skill_over_stage` and its interval: the same against the base rate of the deal's own stage: what more than stage and time
    is worth. `brier`, `log_loss`, `base_log_loss`: lower is better. `auc`: chance that a won deal was ranked above another.
    `calibration_slope` 1 and `calibration_intercept` 0 mean that probabilities came true as said. `n` counts deals at
    moments, `n_deals` deals, `n_won` those of `n` won in time, `n_expected` the sum of their probabilities. `bins` has one
    row per range of probability: `low`, `high`, `n`, `n_won`, `mean_probability`, `won_share` with its 95 % Wilson interval.
    `kind` names the model: base_rate (by stage and time), logistic, trees. `leaks` names columns found to be known only
    later. Numbers are None where nothing was evaluated.

    >>> found = Reliability("no_signal", "too_little", 30.0)
    >>> found["verdict"], found.message("zh")[:6]
    ('no_signal', '已成交和输单')
    """

    verdict: Verdict
    reason: str
    horizon_days: float
    kind: str = "base_rate"
    n: int = 0
    n_deals: int = 0
    n_won: int = 0
    n_expected: float | None = None
    brier: float | None = None
    log_loss: float | None = None
    base_log_loss: float | None = None
    auc: float | None = None
    calibration_slope: float | None = None
    calibration_intercept: float | None = None
    skill: float | None = None
    skill_low: float | None = None
    skill_high: float | None = None
    skill_over_stage: float | None = None
    skill_over_stage_low: float | None = None
    skill_over_stage_high: float | None = None
    leaks: tuple[str, ...] = ()
    bins: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=BINS), compare=False)

    def __getitem__(self, name: str) -> Any:
        return getattr(self, name)

    def keys(self) -> tuple[str, ...]:
        """Return the names that can be asked for, as a mapping does."""
        return tuple(self.__dataclass_fields__)

    def message(self, lang: Language = "en") -> str:
        """Return the verdict in a sentence, then what more than the stage is worth, and the columns known only later."""
        facts = {name: _percent(self[name]) for name in self.keys() if name.startswith("skill")}
        facts["slope"] = "–" if self.calibration_slope is None else f"{self.calibration_slope:.2f}"
        facts["n_expected"] = "–" if self.n_expected is None else f"{self.n_expected:.0f}"
        said = text(f"forecast.verdict_{self.reason}", lang, n=self.n, n_won=self.n_won, **facts)
        gap = " " if lang == "en" else ""
        if self.reason in ("ok", "uncertain", "badly_scaled", "off_level"):
            said += gap + text(f"forecast.{'beyond' if (self.skill_over_stage_low or 0) > 0 else 'stage_only'}", lang, **facts)
        if self.leaks:
            said += gap + text("forecast.leaks", lang, columns=", ".join(self.leaks))
        return said

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can keep."""
        return {name: self[name] for name in self.keys() if name != "bins"} | {"bins": self.bins.to_dict(as_series=False)}

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> Reliability:
        """Return the statement that `to_dict` told."""
        return cls(**{**kept, "leaks": tuple(kept["leaks"]), "bins": pl.DataFrame(kept["bins"], schema=BINS)})


def evaluate(
    happened: Floats,
    said: Mapping[str, Sequence[Floats]],
    deals: list[str],
    *,
    horizon_days: float,
    kind: str,
    leaks: tuple[str, ...],
) -> Reliability:
    """Judge probabilities against what happened (0 or 1); one row per deal and moment.

    `said` holds the model's probabilities under "all", and under "stage" and "time" those of base rates that know only so
    much; where there are several the best counts.
    """
    from sklearn.metrics import roc_auc_score  # two seconds to import

    model = np.clip(said["all"][0], 1e-6, 1 - 1e-6)
    losses = {view: min((_losses(happened, each) for each in found), key=np.sum) for view, found in said.items()}
    skills = _skills(losses, deals)
    (low, inner_low, high), over = (np.quantile(skills[view], [0.025, 0.1, 0.975]).tolist() for view in ("time", "stage"))
    intercept, slope = fit_line(np.log(model / (1 - model)), happened)
    n_expected = float(model.sum())
    verdict, reason = _verdict(low, inner_low, slope, n_expected / happened.sum())
    return Reliability(
        verdict,
        reason,
        horizon_days,
        kind,
        n=len(happened),
        n_deals=len(set(deals)),
        n_won=int(happened.sum()),
        n_expected=n_expected,
        brier=float(np.mean((happened - model) ** 2)),
        log_loss=float(losses["all"].mean()),
        base_log_loss=float(losses["time"].mean()),
        auc=float(roc_auc_score(happened, model)),
        calibration_slope=slope,
        calibration_intercept=intercept,
        skill=float(1 - losses["all"].sum() / losses["time"].sum()),
        skill_low=low,
        skill_high=high,
        skill_over_stage=float(1 - losses["all"].sum() / losses["stage"].sum()),
        skill_over_stage_low=over[0],
        skill_over_stage_high=over[2],
        leaks=leaks,
        bins=_bins(happened, model),
    )


def _verdict(low: float, inner_low: float, slope: float, level: float) -> tuple[Verdict, str]:
    if inner_low <= 0:
        return "no_signal", "no_skill"
    if low <= 0:
        return "with_care", "uncertain"
    if not SLOPE_RANGE[0] <= slope <= SLOPE_RANGE[1]:
        return "with_care", "badly_scaled"
    if not LEVEL_RANGE[0] <= level <= LEVEL_RANGE[1]:
        return "with_care", "off_level"
    return "usable", "ok"


def _losses(happened: Floats, said: Floats) -> Floats:
    bounded = np.clip(said, 1e-6, 1 - 1e-6)
    return np.asarray(-np.log(np.where(happened > 0, bounded, 1 - bounded)))


def _skills(losses: Mapping[str, Floats], deals: list[str]) -> dict[str, Floats]:
    # one deal stands in many rows, so whole deals are drawn
    _, place = np.unique(deals, return_inverse=True)
    per_deal = np.stack([np.bincount(place, losses[view]) for view in ("all", "stage", "time")])
    rng = np.random.default_rng(_SEED)
    n_deals = per_deal.shape[1]
    totals = np.empty((_N_RESAMPLES, 3))
    for k in range(_N_RESAMPLES):
        totals[k] = per_deal @ np.bincount(rng.integers(0, n_deals, n_deals), minlength=n_deals)
    return {"stage": 1 - totals[:, 0] / totals[:, 1], "time": 1 - totals[:, 0] / totals[:, 2]}


def _bins(happened: Floats, said: Floats) -> pl.DataFrame:
    place = np.clip(np.searchsorted(BIN_EDGES, said, side="right") - 1, 0, len(BIN_EDGES) - 2)
    rows = []
    for k in np.unique(place):
        chosen = place == k
        n, n_won = int(chosen.sum()), int(happened[chosen].sum())
        low, high = _wilson(n_won, n)
        shares = (float(said[chosen].mean()), n_won / n, low, high)
        rows.append((BIN_EDGES[k], BIN_EDGES[k + 1], n, n_won, *shares))
    return pl.DataFrame(rows, schema=BINS, orient="row")


def _wilson(n_won: int, n: int) -> tuple[float, float]:
    z = 1.959963984540054
    middle = (n_won + z * z / 2) / (n + z * z)
    half = z / (n + z * z) * (n_won * (n - n_won) / n + z * z / 4) ** 0.5
    return middle - half, middle + half


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f}"
