"""Forecast: what will be won by when, and how far that can be trusted."""

from __future__ import annotations

from salesiq.forecast.features import features
from salesiq.forecast.leaks import leaks
from salesiq.forecast.model import WinModel
from salesiq.forecast.reliability import Reliability
from salesiq.forecast.top_deals import reason_text, top_deals, win_model
from salesiq.forecast.training import training_frame

__all__ = ["Reliability", "WinModel", "features", "leaks", "reason_text", "top_deals", "training_frame", "win_model"]
