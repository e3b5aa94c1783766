"""The only door to DuckDB: a book of data, and snapshots of what it knew at a moment."""

from __future__ import annotations

from salesiq.book.book import Book
from salesiq.book.needs import needs
from salesiq.book.snapshot import Snapshot
from salesiq.book.writer import MergeCounts, Writer

__all__ = ["Book", "MergeCounts", "Snapshot", "Writer", "needs"]
