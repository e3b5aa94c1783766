"""Funnel: where deals wait, for how long, and how it ends."""

from __future__ import annotations

from salesiq.funnel.advances import advances
from salesiq.funnel.bridge import bridge
from salesiq.funnel.changes import changes
from salesiq.funnel.dwell import dwell
from salesiq.funnel.dwell_test import dwell_test
from salesiq.funnel.exits import exits
from salesiq.funnel.pseudo_advance_curve import pseudo_advance_curve
from salesiq.funnel.pseudo_advances import pseudo_advances
from salesiq.funnel.reversals import reversals
from salesiq.funnel.stage_flows import stage_flows
from salesiq.funnel.visits import visits

__all__ = [
    "advances",
    "bridge",
    "changes",
    "dwell",
    "dwell_test",
    "exits",
    "pseudo_advance_curve",
    "pseudo_advances",
    "reversals",
    "stage_flows",
    "visits",
]
