"""Targets: where they decay, how far they are met, and what falls."""

from __future__ import annotations

from salesiq.targets.alignment_pack import alignment_pack
from salesiq.targets.allocate import allocate, plan_rows
from salesiq.targets.attainment import attainment
from salesiq.targets.attainment_quality import attainment_quality
from salesiq.targets.changes import changes
from salesiq.targets.coverage import coverage, coverage_deals
from salesiq.targets.decay import decay
from salesiq.targets.decay_parts import decay_parts
from salesiq.targets.path import path, stale_customers
from salesiq.targets.red_flags import red_flags
from salesiq.targets.soundness import problems
from salesiq.targets.stretch import stretch

__all__ = [
    "alignment_pack",
    "allocate",
    "attainment",
    "attainment_quality",
    "changes",
    "coverage",
    "coverage_deals",
    "decay",
    "decay_parts",
    "path",
    "plan_rows",
    "problems",
    "red_flags",
    "stale_customers",
    "stretch",
]
