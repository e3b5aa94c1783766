"""Statement: what a model's probabilities were worth on deals and months that it had not seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from salesiq.forecast.calibration import fit_line
from salesiq.forecast.cuts import CUTS, Judged, cuts
from salesiq.forecast.scores import BINS, auc, bins, brier, calibration_error, log_losses, skills
from salesiq.i18n import Language, text

Floats = NDArray[np.float64]
Verdict = Literal["usable", "with_care", "no_signal"]

SLOPE_RANGE = (0.8, 1.25)
#: expected over observed wins
LEVEL_RANGE = (2 / 3, 3 / 2)
#: candidates that were compared: what, and the mean log-loss of steps that they had not seen
CANDIDATES = {"candidate": pl.String, "log_loss": pl.Float64}


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
    `calibration_error` is the mean distance between said and happened over ten bins of equal count. `cuts` has the scores by
    horizon, by share of a closed deal's life, and by segment (see `forecast.cuts`), `candidates` the log-loss of what was
    compared. `kind` names the model: base_rate (by stage and time), logistic, trees, blend; `half_life_days` how fast old steps
    fade (None: they do not). `leaks` names columns found to be known only later. Numbers are None where nothing was evaluated.

    >>> found = Reliability("no_signal", "too_little", 30.0)
    >>> found["verdict"], found.message("zh")[:6]
    ('no_signal', '已成交和输单')
    """

    verdict: Verdict
    reason: str
    horizon_days: float
    kind: str = "base_rate"
    half_life_days: float | None = None
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
    calibration_error: float | None = None
    leaks: tuple[str, ...] = ()
    bins: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=BINS), compare=False)
    cuts: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=CUTS), compare=False)
    candidates: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=CANDIDATES), compare=False)

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
        frames = {name: self[name].to_dict(as_series=False) for name in FRAMES}
        return {name: self[name] for name in self.keys() if name not in FRAMES} | frames

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> Reliability:
        """Return the statement that `to_dict` told."""
        frames = {name: pl.DataFrame(kept[name], schema=schema) for name, schema in FRAMES.items()}
        return cls(**{**kept, "leaks": tuple(kept["leaks"]), **frames})


#: the parts of a statement that are tables
FRAMES = {"bins": BINS, "cuts": CUTS, "candidates": CANDIDATES}


def evaluate(judged: Judged, bases: Mapping[str, Sequence[Floats]], horizons: Sequence[Judged], **told: Any) -> Reliability:
    """Judge probabilities against what happened; one row per deal and moment.

    `bases` holds under "stage" and "time" the probabilities of base rates that know only so much; where there are several the
    best counts. `horizons` are the same forecasts for other days ahead. `told` are further fields of the statement.
    """
    happened, model = judged.happened, np.clip(judged.said, 1e-6, 1 - 1e-6)
    deals, losses = judged.rows["deal_id"].to_list(), log_losses(judged.happened, judged.said)
    base = {view: min((log_losses(happened, each) for each in bases[view]), key=np.sum) for view in ("time", "stage")}
    resampled = skills(losses, list(base.values()), deals)
    (low, inner_low, high), over = (np.quantile(each, [0.025, 0.1, 0.975]).tolist() for each in resampled.T)
    intercept, slope = fit_line(np.log(model / (1 - model)), happened)
    n_expected = float(model.sum())
    verdict, reason = _verdict(low, inner_low, slope, n_expected / happened.sum())
    return Reliability(
        verdict,
        reason,
        n=len(happened),
        n_deals=len(set(deals)),
        n_won=int(happened.sum()),
        n_expected=n_expected,
        brier=brier(happened, model),
        log_loss=float(losses.mean()),
        base_log_loss=float(base["time"].mean()),
        auc=auc(happened, model),
        calibration_slope=slope,
        calibration_intercept=intercept,
        calibration_error=calibration_error(happened, model),
        skill=float(1 - losses.sum() / base["time"].sum()),
        skill_low=low,
        skill_high=high,
        skill_over_stage=float(1 - losses.sum() / base["stage"].sum()),
        skill_over_stage_low=over[0],
        skill_over_stage_high=over[2],
        bins=bins(happened, model),
        cuts=cuts(judged, list(horizons)),
        **told,
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


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f}"
