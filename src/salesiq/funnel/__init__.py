"""Funnel: where deals wait, for how long, and how it ends."""

from __future__ import annotations

from salesiq.funnel.dwell import dwell
from salesiq.funnel.visits import visits

__all__ = ["dwell", "visits"]
