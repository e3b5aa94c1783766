"""Funnel: where deals wait, for how long, and how it ends."""

from __future__ import annotations

from salesiq.funnel.advances import advances
from salesiq.funnel.approvals import approval_nodes, approvals
from salesiq.funnel.bridge import bridge
from salesiq.funnel.changes import changes
from salesiq.funnel.conversion import conversion
from salesiq.funnel.decompose import decompose
from salesiq.funnel.dwell import dwell
from salesiq.funnel.dwell_test import dwell_test
from salesiq.funnel.exits import exits
from salesiq.funnel.pseudo_advance_curve import pseudo_advance_curve
from salesiq.funnel.pseudo_advances import pseudo_advances
from salesiq.funnel.reversals import reversals
from salesiq.funnel.stage_flows import stage_flows
from salesiq.funnel.stuck import stuck
from salesiq.funnel.velocity import velocity
from salesiq.funnel.visits import visits
from salesiq.funnel.win_limits import win_limits
from salesiq.funnel.win_rate import win_rate

__all__ = [
    "advances",
    "approval_nodes",
    "approvals",
    "bridge",
    "changes",
    "conversion",
    "decompose",
    "dwell",
    "dwell_test",
    "exits",
    "pseudo_advance_curve",
    "pseudo_advances",
    "reversals",
    "stage_flows",
    "stuck",
    "velocity",
    "visits",
    "win_limits",
    "win_rate",
]
