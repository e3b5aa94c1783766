"""Shorthand for the texts of the weekly report."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from salesiq.i18n import Language, catalogue
from salesiq.i18n import numbers as num

__all__ = ["listed", "row_count", "say", "say_n", "table_name"]


def say(name: str, lang: Language, /, **facts: object) -> str:
    """Return the report's text `name`."""
    return catalogue(lang, "report")[name].format(**facts)


def say_n(name: str, n: int, lang: Language, /, **facts: object) -> str:
    """Return the text for `n` things: English says one thing in the words of `name`_one.

    >>> say_n("n_deals", 1, "en"), say_n("n_deals", 1200, "en"), say_n("n_deals", 1, "zh")
    ('1 deal', '1,200 deals', '1 个商机')
    """
    return say(f"{name}_one" if n == 1 else name, lang, n=num.count(n, lang), **facts)


def listed(words: Sequence[str], lang: Language) -> str:
    """Return words as an enumeration.

    >>> listed(["a", "b", "c"], "en"), listed(["甲", "乙"], "zh")
    ('a, b and c', '甲、乙')
    """
    if lang == "zh":
        return "、".join(words)
    return " and ".join(part for part in (", ".join(words[:-1]), words[-1] if words else "") if part)


def table_name(table: str, lang: Language) -> str:
    """Return how a canonical table is called in `lang`; its own name where the catalogue does not know it."""
    return catalogue(lang, "report").get(f"table_{table}", table)


def row_count(frame: pl.DataFrame, lang: Language) -> str:
    """Return "12 rows"."""
    return say_n("n_rows", frame.height, lang)
