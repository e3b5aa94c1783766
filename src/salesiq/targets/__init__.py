"""Targets: where they decay, how far they are met, and what falls."""

from __future__ import annotations

from salesiq.targets.attainment import attainment
from salesiq.targets.decay import decay
from salesiq.targets.decay_parts import decay_parts
from salesiq.targets.red_flags import red_flags
from salesiq.targets.soundness import problems

__all__ = ["attainment", "decay", "decay_parts", "problems", "red_flags"]
