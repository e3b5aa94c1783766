"""Explain: what speaks for a deal and what against it, in numbers that add up and in words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from salesiq.book import Snapshot, needs
from salesiq.errors import UsageError
from salesiq.forecast.features import features
from salesiq.forecast.model import WinModel
from salesiq.forecast.terms import reason_text
from salesiq.forecast.top_deals import win_model
from salesiq.i18n import Language

EXPLAINED = {
    "deal_id": pl.String,
    "win_probability": pl.Float64,
    "reason": pl.String,
    "log_odds": pl.Float64,
    "words": pl.String,
}
#: a part below this much of log odds is left to `other`
LEAST_LOG_ODDS = 0.05


@needs("deals", "stage_events")
def explain(
    snapshot: Snapshot,
    deal_ids: Sequence[str] | None = None,
    days: float = 30,
    model: WinModel | None = None,
    lang: Language = "en",
) -> pl.DataFrame:
    """Return what raises and what lowers each open deal's chance of being won within `days`, one row per deal and reason.

    Columns: `deal_id`, `win_probability` (0..1, within `days`), `reason` (such as inbound or stage_days; `other` sums what is
    too small to name), `log_odds` (> 0 speaks for the deal, < 0 against: what the columns of that reason add to the log odds of
    being won rather than staying open, midway in the days asked for, against a deal that is average in it), `words` (for a
    manager, in `lang`; null for `other`). By trees these are exact Shapley values (Lundberg 2018), by a logistic regression
    weight times distance from the mean; the parts of a deal add up to its whole distance. What a model has learned, no cause.

    `deal_ids`: by default every open deal; `model` one fitted on the snapshot. Ordered by deal, strongest reason first. Without
    signal there is one row a deal with the reason `stage`: the base rate knows no other. Raises UsageError for a deal
    that is not open.

    >>> from salesiq.book import Book
    >>> explain(Book.from_frames().as_of("2026-01-31")).columns
    ['deal_id', 'win_probability', 'reason', 'log_odds', 'words']
    """
    chosen = model or win_model(snapshot)
    rows = features(snapshot, chosen.extra)
    if deal_ids is not None:
        unknown = sorted(set(deal_ids) - set(rows["deal_id"].to_list()))
        if unknown:
            raise UsageError("forecast.not_open", deal_id=unknown[0], as_of=snapshot.as_of)
        rows = rows.filter(pl.col("deal_id").is_in(list(deal_ids)))
    if rows.is_empty():
        return pl.DataFrame(schema=EXPLAINED)
    said = chosen.predict_rows(rows, days)["win_probability"].to_list()
    names, parts = chosen.contributions(rows, days)
    told = [
        (deal_id, chance, *each, _words(*each, lang))
        for deal_id, chance, single in zip(rows["deal_id"].to_list(), said, parts.tolist(), strict=True)
        for each in _named(names, single)
    ]
    return pl.DataFrame(told, schema=EXPLAINED, orient="row")


def _named(names: Sequence[str], single: Sequence[float]) -> list[tuple[str, float]]:
    """Return the reasons worth a word, strongest first, and what is left as `other`, so that the sum stays.

    >>> _named(["inbound", "age"], [0.4, 0.01])
    [('inbound', 0.4), ('other', 0.01)]
    """
    order = sorted(zip(names, single, strict=True), key=lambda each: (-abs(each[1]), each[0]))
    told = [each for each in order if abs(each[1]) >= LEAST_LOG_ODDS]
    rest = float(np.sum([value for _, value in order[len(told) :]]))
    return [*told, ("other", rest)] if rest or not told else told


def _words(reason: str, log_odds: float, lang: Language) -> str | None:
    return None if reason == "other" else reason_text(f"{'+' if log_odds > 0 else '-'}{reason}", lang)
