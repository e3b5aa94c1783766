"""Funnel: where deals wait, for how long, and how it ends."""

from __future__ import annotations

from salesiq.funnel.bridge import bridge
from salesiq.funnel.changes import changes
from salesiq.funnel.dwell import dwell
from salesiq.funnel.dwell_test import dwell_test
from salesiq.funnel.exits import exits
from salesiq.funnel.stage_flows import stage_flows
from salesiq.funnel.visits import visits

__all__ = ["bridge", "changes", "dwell", "dwell_test", "exits", "stage_flows", "visits"]
