"""The two moments of a weekly report and the metrics asked at them, each asked once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import polars as pl

from salesiq.book import Snapshot
from salesiq.i18n import Language

if TYPE_CHECKING:
    from salesiq.forecast import WinModel
    from salesiq.load import LoadReport

__all__ = ["Week"]


@dataclass
class Week:
    """What every section of the report is made from: the moment, the moment a week before, and the language."""

    now: Snapshot
    before: Snapshot
    lang: Language
    load_report: LoadReport | None = None
    model: WinModel | None = None
    _asked: dict[tuple[str, bool], pl.DataFrame] = field(default_factory=dict)

    def ask(self, metric: Callable[..., pl.DataFrame], *, is_before: bool = False, **arguments: Any) -> pl.DataFrame:
        """Return the metric's frame at the report's moment, or a week before; asked again, it is not computed again."""
        key = (f"{metric.__module__}.{metric.__name__}{sorted(arguments.items())}", is_before)
        if key not in self._asked:
            self._asked[key] = metric(self.before if is_before else self.now, **arguments)
        return self._asked[key]

    def missing(self, metric: Callable[..., object]) -> tuple[str, ...]:
        """Return the tables that the metric needs and that hold no row."""
        return self.now.missing(*metric.needs)  # type: ignore[attr-defined]
