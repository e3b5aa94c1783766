"""Card: what a model is, what it learned from, how good it was, and what it must not be used for, as plain data."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from salesiq.forecast.fitting import Fitted

#: what a reader must know before using the probabilities, as keys of the catalogue `forecast.card_*`
LIMITS = ("season", "late_entry", "no_cause", "own_deals")


def card_of(fitted: Fitted, settings: Mapping[str, object]) -> dict[str, Any]:
    """Return the card of a fitted model; everything in it can be kept as JSON."""
    statement = fitted.reliability
    told = {name: value.isoformat() if isinstance(value, dt.datetime) else value for name, value in settings.items()}
    return {
        "kind": statement.kind,
        "settings": told | {"chosen_half_life_days": statement.half_life_days},
        "target": {"horizon_days": statement.horizon_days, "endings": ["won", "lost"], "censored": "open at until"},
        "columns": [
            {"column": column, "reason": reason, "expected_sign": sign}
            for column, reason, sign in zip(fitted.design.columns, fitted.design.reasons, fitted.design.signs, strict=True)
        ],
        "left_out": list(statement.leaks),
        "reliability": {name: _plain(statement[name]) for name in statement.__dataclass_fields__},
        "limits": list(LIMITS),
    }


def _plain(value: object) -> object:
    if isinstance(value, pl.DataFrame):
        return value.to_dicts()
    if isinstance(value, np.generic):
        return value.item()
    return list(value) if isinstance(value, tuple) else value
