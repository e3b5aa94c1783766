"""A section that has nothing to say: which tables would give it, or why a model refuses."""

from __future__ import annotations

from collections.abc import Sequence

from salesiq.i18n import Language
from salesiq.reports.document import Section
from salesiq.reports.wording import listed, named_table, say

__all__ = ["absent", "refused"]


def absent(key: str, missing: Sequence[str], lang: Language) -> Section:
    """Return the section that names the tables to load and what they would give."""
    tables = listed([named_table(table, lang) for table in missing], lang)
    finding = say("not_available", lang, tables=tables, gives=say(f"{key}_gives", lang))
    return Section(key=key, title=say(f"{key}_title", lang), finding=finding, missing=tuple(missing))


def refused(key: str, reasons: Sequence[str], lang: Language) -> Section:
    """Return the section that says honestly why there is no number."""
    return Section(
        key=key,
        title=say(f"{key}_title", lang),
        finding=say(f"{key}_refused", lang),
        leads=tuple(reasons),
    )
