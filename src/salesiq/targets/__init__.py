"""Targets: where they decay, how far they are met, and what falls."""

from __future__ import annotations

from salesiq.targets.attainment import attainment
from salesiq.targets.decay import decay
from salesiq.targets.red_flags import red_flags

__all__ = ["attainment", "decay", "red_flags"]
