"""Figures: a metric's frame drawn, one module a subject, functions named after the metric."""

from __future__ import annotations

from salesiq.figures import forecast, forecast_bookings, funnel, pipeline, quality, targets, targets_alignment, theme

__all__ = ["forecast", "forecast_bookings", "funnel", "pipeline", "quality", "targets", "targets_alignment", "theme"]
