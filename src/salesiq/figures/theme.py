"""One look for every figure: colours, type, axes of money, and text that cannot act as markup.

Greys carry the data, one blue leads the eye, vermilion marks only what somebody should act on. Blue, vermilion and the
greys are told apart with any colour vision (Okabe and Ito 2008, "Color Universal Design").
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence
from typing import Any

import plotly.graph_objects as go

from salesiq.i18n import Language
from salesiq.i18n import numbers as num

__all__ = [
    "ACCENT",
    "ACT",
    "ACT_BAND",
    "BAND",
    "CONFIG",
    "FONTS",
    "GREY",
    "INK",
    "LINE",
    "PALE",
    "amount_ticks",
    "dot",
    "figure",
    "legend_mark",
    "line",
    "numbered",
    "safe",
    "short",
]

ACCENT, ACT = "#0072B2", "#D55E00"
INK, GREY, LINE, PALE = "#22262b", "#6b7280", "#d5d9de", "#c3c9d1"
BAND, ACT_BAND = "rgba(0,114,178,0.22)", "rgba(213,94,0,0.25)"
FONTS = '"PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", "Helvetica Neue", Arial, sans-serif'

#: how every export is shown: nothing that sends data away, no toolbar, sized by its container
CONFIG: dict[str, Any] = {"showSendToCloud": False, "displaylogo": False, "displayModeBar": False, "responsive": True}

_NICE = (1, 2, 2.5, 5, 10)
#: the units of money on an axis, largest first; one axis has one unit
_UNITS: dict[Language, tuple[tuple[float, str], ...]] = {
    "zh": ((1e8, "亿"), (1e4, "万"), (1, "元")),
    "en": ((1e9, "B"), (1e6, "M"), (1e3, "K"), (1, "")),
}


def figure(traces: Iterable[Any], *, height: int, **layout: Any) -> go.Figure:
    """Return a figure in the house style; `layout` overrides it. Height in pixels, width by the container."""
    made = go.Figure(data=list(traces), layout={"template": _template(), "height": height})
    return made.update_layout(**layout)


def _template() -> dict[str, Any]:
    axis = {"showline": False, "zeroline": False, "ticks": "", "automargin": True, "fixedrange": True, "title": {"text": ""}}
    return {
        "layout": {
            "font": {"family": FONTS, "size": 13, "color": INK},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "colorway": [ACCENT, GREY, PALE, INK],
            "margin": {"l": 4, "r": 16, "t": 30, "b": 30},
            "showlegend": False,
            "hovermode": "closest",
            "dragmode": False,
            "hoverlabel": {
                "bgcolor": "white",
                "bordercolor": LINE,
                "font": {"family": FONTS, "size": 12, "color": INK},
                "align": "left",
            },
            "legend": {
                "orientation": "h",
                "x": 0,
                "xanchor": "left",
                "y": 1,
                "yanchor": "bottom",
                "font": {"size": 12, "color": GREY},
                "itemclick": False,
                "itemdoubleclick": False,
            },
            "xaxis": {**axis, "gridcolor": "#eceef1", "tickfont": {"size": 12, "color": GREY}},
            "yaxis": {**axis, "showgrid": False},
        }
    }


def safe(words: object) -> str:
    """Return text that plotly shows as it stands: labels and hovers read `<b>`, `<a href>` and entities as markup.

    >>> safe("<b>甲</b> & Co")
    '&lt;b&gt;甲&lt;/b&gt; &amp; Co'
    """
    return html.escape(str(words), quote=False)


def short(words: object, width: int = 12) -> str:
    """Return `words` cut to about `width` Latin characters (a Chinese character counts double), then made `safe`.

    >>> short("华东大区上海市分公司", 12), short("Shanghai", 12)
    ('华东大区上…', 'Shanghai')
    """
    kept, used = "", 0
    for letter in str(words):
        used += 2 if ord(letter) > 0x2E80 else 1
        if used > width:
            return safe(kept[: max(len(kept) - 1, 1)].rstrip() + "…")
        kept += letter
    return safe(kept)


def amount_ticks(low: float, high: float, lang: Language, n: int = 4) -> dict[str, Any]:
    """Return `tickvals` and `ticktext` of an axis of money: about `n` round steps, in 万 and 亿 for Chinese.

    >>> amount_ticks(0, 320_000_000, "zh")["ticktext"]
    ['0', '1亿', '2亿', '3亿']
    """
    span = max(high - low, 1e-9)
    power = 10.0 ** math.floor(math.log10(span / n))
    step = next(power * nice for nice in _NICE if power * nice >= span / n * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    values = [round(step * k, 6) for k in range(first, last + 1)]
    unit, sign = next(one for one in _UNITS[lang] if max(abs(low), abs(high)) >= one[0] or one[0] == 1)
    return {"tickmode": "array", "tickvals": values, "ticktext": [_tick(value / unit, sign) for value in values]}


def _tick(number: float, sign: str) -> str:
    """Return a tick in its unit with as many decimals as it has: ticks differ by round steps, so none is rounded."""
    if number == 0:
        return "0"
    digits = f"{abs(number):,.4f}".rstrip("0").rstrip(".")
    return (num.MINUS if number < 0 else "") + digits + sign


def legend_mark(name: str, **marker: Any) -> go.Scatter:
    """Return a trace that shows only in the legend: what a mark means."""
    return go.Scatter(x=[None], y=[None], mode="markers", name=safe(name), marker=marker, showlegend=True, hoverinfo="skip")


def numbered(names: Sequence[object], width: int) -> dict[str, Any]:
    """Return a y axis with one row per name, the first on top.

    Rows are numbered, so that two equal names stay two rows and a name is never taken for a number or a date.
    """
    return {
        "tickmode": "array",
        "tickvals": list(range(len(names))),
        "ticktext": [short(name, width) for name in names],
        "range": [len(names) - 0.5, -0.5],
    }


def line(x: Sequence[float], y: Sequence[float], colour: str, width: float) -> go.Scatter:
    """Return a line without hover: an interval, a standard, a limit."""
    return go.Scatter(x=x, y=y, mode="lines", line={"color": colour, "width": width}, hoverinfo="skip", showlegend=False)


def dot(x: float, y: float, hover: str, **marker: Any) -> go.Scatter:
    """Return one mark with the text, already `safe`, that appears when it is pointed at."""
    return go.Scatter(x=[x], y=[y], mode="markers", marker=marker, hovertext=[hover], hoverinfo="text", showlegend=False)
