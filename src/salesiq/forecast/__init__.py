"""Forecast: what will be won by when, and how far that can be trusted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from salesiq.forecast.bookings import bookings
from salesiq.forecast.bookings_backtest import bookings_backtest, bookings_scores
from salesiq.forecast.cash_backtest import cash_in_backtest, cash_in_scores
from salesiq.forecast.cash_in import cash_in
from salesiq.forecast.drift import Drift, drift
from salesiq.forecast.explain import explain
from salesiq.forecast.features import features
from salesiq.forecast.leak_evidence import leak_evidence
from salesiq.forecast.leak_test import leak_test, perturbed
from salesiq.forecast.leaks import leaks
from salesiq.forecast.model import WinModel
from salesiq.forecast.payment_lags import payment_lags
from salesiq.forecast.registry import Registry, TrainingResult
from salesiq.forecast.reliability import reliability
from salesiq.forecast.simulate_wins import simulate_wins
from salesiq.forecast.statement import Reliability
from salesiq.forecast.suspects import suspects
from salesiq.forecast.terms import reason_text
from salesiq.forecast.top_deals import top_deals, win_model
from salesiq.forecast.training import training_frame
from salesiq.forecast.training_set import TrainingSet, training_set
from salesiq.forecast.wins import Wins

if TYPE_CHECKING:
    from salesiq.forecast.hazard_model import HazardModel

__all__ = [
    "Drift",
    "HazardModel",
    "Registry",
    "Reliability",
    "TrainingResult",
    "TrainingSet",
    "WinModel",
    "Wins",
    "bookings",
    "bookings_backtest",
    "bookings_scores",
    "cash_in",
    "cash_in_backtest",
    "cash_in_scores",
    "drift",
    "explain",
    "features",
    "leak_evidence",
    "leak_test",
    "leaks",
    "payment_lags",
    "perturbed",
    "reason_text",
    "reliability",
    "simulate_wins",
    "suspects",
    "top_deals",
    "training_frame",
    "training_set",
    "win_model",
]


def __getattr__(name: str) -> object:
    """Bring the estimator on first use: scikit-learn takes two seconds to import."""
    if name == "HazardModel":
        from salesiq.forecast.hazard_model import HazardModel

        return HazardModel
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
