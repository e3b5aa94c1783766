"""salesiq: what a sales organisation's exports say, as of a moment.

>>> import salesiq as iq
>>> book = iq.Book(":memory:")
>>> iq.funnel.dwell(book.as_of("2026-01-31")).height
0
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from salesiq import calendar, errors, figures, forecast, funnel, quality, reports, sample, tables, targets
    from salesiq.book import Book, Snapshot

__all__ = [
    "Book",
    "Snapshot",
    "calendar",
    "errors",
    "figures",
    "forecast",
    "funnel",
    "quality",
    "reports",
    "sample",
    "tables",
    "targets",
]

__version__ = "0.2.0"

_FROM_BOOK = ("Book", "Snapshot")


def __getattr__(name: str) -> Any:
    # on first use: the libraries behind some of these take seconds to import
    if name not in __all__:
        raise AttributeError(f"module 'salesiq' has no attribute {name!r}")
    return getattr(import_module("salesiq.book"), name) if name in _FROM_BOOK else import_module(f"salesiq.{name}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
