"""The two catalogues say the same things: same areas, same keys, same placeholders, Chinese where it is promised."""

from __future__ import annotations

import re
from string import Formatter

import pytest

from salesiq.i18n import LANGUAGES, Language, areas, catalogue

CJK = re.compile(r"[\u3400-\u9fff]")

# zh texts without any Chinese character: "area.name" -> why that is right
NOT_CHINESE: dict[str, str] = {}

ALL_AREAS = sorted({area for lang in LANGUAGES for area in areas(lang)})
both = pytest.mark.parametrize("lang", LANGUAGES)
each_area = pytest.mark.parametrize("area", ALL_AREAS)


def placeholders(wording: str) -> set[str]:
    """Return the names of the fields of `wording`, those inside format specifications too."""
    names: set[str] = set()
    for _, field, spec, _ in Formatter().parse(wording):
        if field is not None:
            names |= {re.split(r"[.\[]", field)[0]} | placeholders(spec or "")
    return names


def test_there_are_catalogues():
    assert "errors" in ALL_AREAS


@both
def test_every_area_exists_in_both_languages(lang: Language):
    assert list(areas(lang)) == ALL_AREAS


@each_area
def test_same_keys(area: str):
    assert catalogue("en", area).keys() == catalogue("zh", area).keys()


@each_area
def test_same_placeholders(area: str):
    en, zh = catalogue("en", area), catalogue("zh", area)
    differing = {key: (en[key], zh[key]) for key in en.keys() & zh.keys() if placeholders(en[key]) != placeholders(zh[key])}
    assert not differing


@each_area
def test_placeholders_are_named(area: str):
    """`text()` passes facts by name only: "{}" or "{0}" would fail when a manager should read it."""
    wordings = [wording for lang in LANGUAGES for wording in catalogue(lang, area).values()]
    assert [w for w in wordings if any(not name.isidentifier() for name in placeholders(w))] == []


@both
@each_area
def test_no_text_is_empty_or_padded(lang: Language, area: str):
    texts = catalogue(lang, area)
    assert [key for key, wording in texts.items() if not isinstance(wording, str) or wording != wording.strip()] == []
    assert [key for key, wording in texts.items() if not wording] == []


@each_area
def test_zh_texts_are_chinese(area: str):
    plain = [f"{area}.{key}" for key, wording in catalogue("zh", area).items() if not CJK.search(wording)]
    assert [key for key in plain if key not in NOT_CHINESE] == []


@each_area
def test_en_texts_are_not_chinese_left_untranslated(area: str):
    untranslated = [key for key, wording in catalogue("en", area).items() if wording == catalogue("zh", area).get(key)]
    assert [key for key in untranslated if f"{area}.{key}" not in NOT_CHINESE] == []


def test_exceptions_are_still_needed():
    for key, reason in NOT_CHINESE.items():
        area, _, name = key.partition(".")
        assert reason
        assert not CJK.search(catalogue("zh", area)[name]), f"{key} is Chinese now: drop the exception"


def test_placeholders_reads_nested_fields():
    assert placeholders("{a.b} {c[0]:>{width}} {{no}}") == {"a", "c", "width"}
