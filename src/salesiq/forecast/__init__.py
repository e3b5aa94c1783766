"""Forecast: what will be won by when, and how far that can be trusted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from salesiq.forecast.bookings import bookings
from salesiq.forecast.bookings_backtest import bookings_backtest, bookings_scores
from salesiq.forecast.features import features
from salesiq.forecast.leaks import leaks
from salesiq.forecast.model import WinModel
from salesiq.forecast.reliability import Reliability
from salesiq.forecast.simulate_wins import simulate_wins
from salesiq.forecast.suspects import suspects
from salesiq.forecast.top_deals import reason_text, top_deals, win_model
from salesiq.forecast.training import training_frame
from salesiq.forecast.wins import Wins

if TYPE_CHECKING:
    from salesiq.forecast.hazard_model import HazardModel

__all__ = [
    "HazardModel",
    "Reliability",
    "WinModel",
    "Wins",
    "bookings",
    "bookings_backtest",
    "bookings_scores",
    "features",
    "leaks",
    "reason_text",
    "simulate_wins",
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
