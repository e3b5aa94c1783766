"""Every text that a manager may read, in English and in Chinese.

A text has a key "area.name"; its wording stands in `en/AREA.toml` and `zh/AREA.toml` beside this file. Placeholders are
those of `str.format`.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from typing import Literal

__all__ = ["LANGUAGES", "Language", "areas", "catalogue", "text"]

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = ("en", "zh")


def areas(lang: Language) -> tuple[str, ...]:
    """Return the names of the areas that have texts in `lang`, sorted."""
    folder = resources.files(__name__) / lang
    return tuple(sorted(item.name.removesuffix(".toml") for item in folder.iterdir() if item.name.endswith(".toml")))


@cache
def catalogue(lang: Language, area: str) -> dict[str, str]:
    """Return all texts of one area."""
    source = resources.files(__name__) / lang / f"{area}.toml"
    return dict(tomllib.loads(source.read_text(encoding="utf-8")))


def text(key: str, lang: Language = "en", **facts: object) -> str:
    """Return the text `key` in `lang` with `facts` filled in; an unknown key raises KeyError.

    >>> text("errors.no_macro", "zh", name="funnel.visit", near="funnel.visits")
    '没有名为 funnel.visit 的指标；最接近的是 funnel.visits。'
    """
    area, _, name = key.partition(".")
    return catalogue(lang, area)[name].format(**facts)
