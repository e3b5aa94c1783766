"""Which canonical tables a metric needs, said once, beside the metric."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from salesiq.tables import CONTRACTS

Metric = TypeVar("Metric", bound=Callable[..., object])


def needs(*tables: str) -> Callable[[Metric], Metric]:
    """Mark a metric with the tables without which it has nothing to say; reports and docs read them from `.needs`.

    >>> @needs("deals")
    ... def n_deals(snapshot): return snapshot.sql("SELECT count(*) FROM base.deals(as_of := $as_of)").item()
    >>> n_deals.needs
    ('deals',)
    """
    unknown = set(tables) - set(CONTRACTS)
    if unknown:
        raise ValueError(f"no canonical table named {sorted(unknown)}")

    def mark(metric: Metric) -> Metric:
        metric.needs = tables  # type: ignore[attr-defined]
        return metric

    return mark
