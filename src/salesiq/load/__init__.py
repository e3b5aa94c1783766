"""Exports into canonical rows: files are found, decoded, bound by their headers, read by contract and merged into a
book.

Nothing is guessed and nothing is lost: each row is loaded, rejected with its reason, or skipped with its reason.
"""

from __future__ import annotations

from salesiq.load.intake import load
from salesiq.load.mapping import Mapping, preset_names, read_mapping
from salesiq.load.propose import propose_mapping
from salesiq.load.rejects_file import open_rejects, write_rejects
from salesiq.load.report import LoadReport
from salesiq.load.retry import retry_rejects

__all__ = [
    "LoadReport",
    "Mapping",
    "load",
    "open_rejects",
    "preset_names",
    "propose_mapping",
    "read_mapping",
    "retry_rejects",
    "write_rejects",
]
