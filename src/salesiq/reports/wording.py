"""Shorthand for the texts of the weekly report."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from salesiq.i18n import Language, catalogue
from salesiq.i18n import numbers as num

__all__ = ["N_DRAWN", "clauses", "drawn_part", "joined", "listed", "money", "named_table", "say", "say_n", "table_name"]

#: people that one figure shows: more could not be told apart
N_DRAWN = 40


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


def joined(sentences: Sequence[str], lang: Language) -> str:
    """Return sentences one after the other, as the language writes them.

    >>> joined(["Won.", "Lost."], "en"), joined(["赢。", "输。"], "zh")
    ('Won. Lost.', '赢。输。')
    """
    return ("" if lang == "zh" else " ").join(sentences)


def drawn_part(caption: str, frame: pl.DataFrame, lang: Language) -> tuple[str, pl.DataFrame]:
    """Return the caption and the rows of a figure by person: where there are many, the lowest, and the caption says so."""
    if frame.height <= N_DRAWN:
        return caption, frame
    return joined([caption, say("lowest_drawn", lang, n=N_DRAWN)], lang), frame.head(N_DRAWN)


def clauses(parts: Sequence[str], lang: Language) -> str:
    """Return parts of one sentence, set off from each other."""
    return ("；" if lang == "zh" else "; ").join(parts)


def money(value: num.Number | None, currencies: Sequence[str], lang: Language) -> str:
    """Return an amount with its currency: yuan where none is told, none where there are several.

    >>> money(30_000, ["USD"], "zh"), money(30_000, [], "zh"), money(30_000, ["CNY", "USD"], "en")
    ('USD 3万', '3万元', '30K')
    """
    if not currencies or list(currencies) == ["CNY"]:
        return num.amount(value, lang, currency=True)
    words = num.amount(value, lang)
    return f"{currencies[0]} {words}" if len(currencies) == 1 else words


def named_table(table: str, lang: Language) -> str:
    """Return how a canonical table is called, with its own name.

    >>> named_table("deals", "zh"), named_table("deals", "en")
    ('商机（deals）', 'deals')
    """
    name = table_name(table, lang)
    if name == table:
        return table
    return f"{name}（{table}）" if lang == "zh" else f"{name} ({table})"


def table_name(table: str, lang: Language) -> str:
    """Return how a canonical table is called in `lang`; its own name where the catalogue does not know it."""
    return catalogue(lang, "report").get(f"table_{table}", table)
