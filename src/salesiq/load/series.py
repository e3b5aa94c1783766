"""Which exports follow each other, and what is suspicious about the next one."""

from __future__ import annotations

import re
import unicodedata
from pathlib import PurePosixPath

from salesiq.errors import InputError
from salesiq.load.mapping import Entry
from salesiq.tables import CONTRACTS

__all__ = ["check_volume", "scope_of", "series_of"]

_LEAST_SHARE, _USUAL_SHARE = 0.2, 0.8
_FEWEST = 10  # a list of a few rows may lose most of them
_COPY = re.compile(r"\(\d+\)|（\d+）|\bcopy\b|\bkopie\b|副本|拷贝|最新|\bfinal\b|\bnew\b")
_NOT_WORDS = re.compile(r"[\d\W_年月日号時时分秒]+")


def series_of(file: str, table: str) -> str:
    """Return what the exports of one kind have in common: the file's name without dates, numbers, marks of a copy.

    >>> series_of("2026-03/商机导出_2026年3月8日 (1).xlsx", "deals"), series_of("20260308.csv", "deals")
    ('商机导出', 'deals')
    """
    if file.startswith("mapping:"):
        return file
    name = unicodedata.normalize("NFKC", PurePosixPath(file).name).casefold()
    stem = name.split(".")[0]
    return " ".join(_NOT_WORDS.sub(" ", _COPY.sub(" ", stem.replace("_", " "))).split()) or table


def scope_of(entry: Entry) -> str:
    """Return what an export tells: "full" where it has all that there is, else "changes".

    Master tables are told in full, unless the mapping says otherwise or draws them from a list of other things.
    """
    if entry.scope:
        return entry.scope
    return "full" if CONTRACTS[entry.table].kind == "master" and not entry.distinct else "changes"


def check_volume(n_rows: int, n_before: int, file: str, table: str, *, is_allowed: bool) -> bool:
    """Whether a full export has notably fewer rows than the one before. Raises `InputError` where it has lost most of them
    and nobody said that this is meant.
    """
    if n_rows < _LEAST_SHARE * n_before and n_before >= _FEWEST and not is_allowed:
        raise InputError("load.shrunk", file=file, table=table, n=n_rows, n_before=n_before)
    return n_rows < _USUAL_SHARE * n_before
