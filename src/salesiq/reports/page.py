"""From plain sections to one HTML page that needs no network and runs no text of the data."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import jinja2
from markupsafe import Markup
from plotly.io.json import to_json_plotly
from plotly.offline import get_plotlyjs

from salesiq.figures.theme import CONFIG
from salesiq.i18n import Language
from salesiq.reports.document import Column, Heading, Section, Table
from salesiq.reports.wording import say

__all__ = ["html_page", "rows_of", "unbroken"]

_BESIDE_NUMBER = re.compile(r"(?<=[\u3400-\u9fff]) (?=[\d\u2212+])|(?<=[\d%]) (?=[\u3400-\u9fff])")


def html_page(heading: Heading, sections: Sequence[Section], definitions: Section, lang: Language) -> str:
    """Return the page. Equal input gives equal bytes."""
    plotly_js, boot_js = get_plotlyjs(), _asset("weekly.js")
    page: str = (
        _environment()
        .get_template("weekly.html.j2")
        .render(
            lang="zh-CN" if lang == "zh" else "en",
            heading=heading,
            sections=sections,
            definitions=definitions,
            rows_of=rows_of,
            unbroken=unbroken,
            t=lambda name, **facts: say(name, lang, **facts),
            css=_own(_asset("weekly.css")),
            figures=_own(_figures(sections)),
            plotly_js=_own(plotly_js),
            boot_js=_own(boot_js),
            policy=_policy(plotly_js, boot_js),
        )
    )
    return page


def _own(markup: str) -> Markup:
    return Markup(markup)  # noqa: S704 - files of this package, and JSON in which plotly escaped every character of markup


@dataclass(frozen=True)
class _Shown:
    """One cell as the template writes it."""

    column: Column
    text: str
    note: str
    is_act: bool
    indent: int


def rows_of(table: Table) -> list[tuple[list[_Shown], str]]:
    """Return the rows of a table as text, each with where it came from."""
    shown, above = [], dict[str, Any]()
    for row in table.frame.to_dicts():
        cells = [_cell(column, row, above) for column in table.columns]
        shown.append((cells, str(row.get(table.source or "") or "")))
        above = row
    return shown


def unbroken(words: str) -> str:
    """Return a heading in which a number stays with the Chinese words around it, so that lines break between clauses.

    >>> unbroken("赢单 13 个，won 3") == "赢单\u00a013\u00a0个，won 3"
    True
    """
    return _BESIDE_NUMBER.sub("\u00a0", words)


def _cell(column: Column, row: dict[str, Any], above: dict[str, Any]) -> _Shown:
    is_repeated = column.is_merged and bool(above) and above[column.value] == row[column.value]
    value = row[column.value]
    words = "" if is_repeated else "—" if value is None else column.show(value)
    note = "" if column.note is None or is_repeated else str(row[column.note] or "")
    return _Shown(column, words, note, bool(column.act and row[column.act]), int(row[column.indent]) if column.indent else 0)


def _figures(sections: Sequence[Section]) -> str:
    """Return all figures as JSON in which no character can end a script element: plotly escapes `<`, `>` and `/`."""
    figures = {picture.key: picture.figure.to_plotly_json() for section in sections for picture in section.pictures}
    body: str = to_json_plotly({"config": CONFIG, "figures": figures}, engine="json")
    return body


def _policy(*scripts: str) -> str:
    # only the scripts of this very text run; nothing is fetched from anywhere
    hashes = " ".join(f"'sha256-{_digest(script)}'" for script in scripts)
    rules = [f"script-src {hashes}", "style-src 'unsafe-inline'", "img-src data:", "base-uri 'none'", "form-action 'none'"]
    return "; ".join(["default-src 'none'", *rules])


@cache
def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


@cache
def _asset(name: str) -> str:
    return (resources.files("salesiq.reports") / "templates" / name).read_text(encoding="utf-8")


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FunctionLoader(_asset),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
