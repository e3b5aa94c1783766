"""Forecast: what will be won by when, and how far that can be trusted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from salesiq.forecast.cash_backtest import cash_in_backtest, cash_in_scores
from salesiq.forecast.cash_in import cash_in
from salesiq.forecast.features import features
from salesiq.forecast.leaks import leaks
from salesiq.forecast.model import WinModel
from salesiq.forecast.payment_lags import payment_lags
from salesiq.forecast.reliability import Reliability
from salesiq.forecast.suspects import suspects
from salesiq.forecast.top_deals import reason_text, top_deals, win_model
from salesiq.forecast.training import training_frame

if TYPE_CHECKING:
    from salesiq.forecast.hazard_model import HazardModel

__all__ = [
    "HazardModel",
    "Reliability",
    "WinModel",
    "cash_in",
    "cash_in_backtest",
    "cash_in_scores",
    "features",
    "leaks",
    "payment_lags",
    "reason_text",
    "suspects",
    "top_deals",
    "training_frame",
    "win_model",
]


def __getattr__(name: str) -> object:
    """Bring the estimator on first use: scikit-learn takes two seconds to import."""
    if name == "HazardModel":
        from salesiq.forecast.hazard_model import HazardModel

        return HazardModel
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
