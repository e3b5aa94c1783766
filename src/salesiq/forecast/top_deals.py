"""Top deals: which open deals are most likely to be signed in the coming days, and why."""

from __future__ import annotations

import difflib

import numpy as np
import polars as pl
from numpy.typing import NDArray

from salesiq.book import Snapshot, needs
from salesiq.errors import ModelError, UsageError
from salesiq.forecast.features import features
from salesiq.forecast.model import WinModel
from salesiq.forecast.statement import Reliability
from salesiq.i18n import Language, text

N_REASONS = 3
#: a contribution below this much of log odds is not worth a word
LEAST_CONTRIBUTION = 0.05


@needs("deals", "stage_events")
def top_deals(
    snapshot: Snapshot, days: float = 10, n: int = 3, by: str | None = "rep_id", model: WinModel | None = None
) -> pl.DataFrame:
    """Return the `n` open deals most likely to be won within `days`, for each value of `by`.

    `by` names a column of `base.segments` (rep_id, unit_id, region ...; rep and unit do too), or None for the whole company.
    `model` is by default one fitted on the snapshot's own book as of its moment, kept with the snapshot. Columns: the `by`
    column, `rank` (from 1), `deal_id`, `deal_name`, `customer_id`, `customer_name`, `stage`, `amount` (in the deal's
    currency), `win_probability` (0..1, within `days`), `reasons` (up to three codes such as +inbound or -stage_days, strongest
    first: what raises or lowers the chance against the mean deal; see `reason_text`), `is_amount_hindsight` (the amount
    was only known after the moment). Ranked by probability, then larger amount, then deal_id; deals without a `by` value
    come last, as one group. Raises ModelError where the model has no signal: no list is better than one at random;
    UsageError for an unknown `by`.

    >>> from salesiq.book import Book
    >>> try: top_deals(Book.from_frames().as_of("2026-01-31"))
    ... except ModelError as error: error.exit_code
    7
    """
    offered = snapshot.run("forecast.open_deals", order=("deal_id",))
    by = _column_of(by, offered.columns)
    chosen = model or win_model(snapshot)
    _refuse_without_signal(chosen)
    rows = features(snapshot)
    said = chosen.predict_rows(rows, days)
    group = [by] if by else []
    order = [*group, "win_probability", "amount", "deal_id"]
    falling = [*(False for _ in group), True, True, False]
    ranked = (
        offered.join(said, on="deal_id", how="inner")
        .sort(order, descending=falling, nulls_last=True)
        .with_columns(rank=(pl.int_range(1, pl.len() + 1).over(by) if by else pl.int_range(1, pl.len() + 1)))
        .filter(pl.col("rank") <= n)
    )
    explained = ranked.join(reasons(chosen, rows, ranked["deal_id"], days), on="deal_id", how="left", maintain_order="left")
    shown = ["rank", "deal_id", "deal_name", "customer_id", "customer_name", "stage", "amount", "win_probability", "reasons"]
    return explained.select(*group, *(name for name in shown if name not in group), "is_amount_hindsight")


def win_model(snapshot: Snapshot) -> WinModel:
    """Return the model fitted on what the snapshot knows, from its cache where one is there already."""
    key = "forecast.win_model"
    kept = snapshot.cache.get(key)
    if not isinstance(kept, WinModel):
        kept = WinModel().fit(snapshot)
        snapshot.cache[key] = kept
    return kept


def reasons(model: WinModel, rows: pl.DataFrame, deal_ids: pl.Series, days: float) -> pl.DataFrame:
    """Return `deal_id` and `reasons`, up to three codes, for the deals among `rows` (of `forecast.features`)."""
    asked = rows.filter(pl.col("deal_id").is_in(deal_ids.implode()))
    names, shares = model.contributions(asked, days)
    codes = [_strongest(names, single) for single in shares]
    return pl.DataFrame(
        {"deal_id": asked["deal_id"], "reasons": codes}, schema={"deal_id": pl.String, "reasons": pl.List(pl.String)}
    )


def reason_text(code: str, lang: Language = "en") -> str:
    """Return the words for a reason such as +inbound.

    >>> reason_text("+inbound"), reason_text("-stage_days", "zh")
    ('the customer has been in touch lately', '在当前阶段停留的时长')
    """
    direction = "up" if code.startswith("+") else "down"
    return text(f"forecast.reason_{code[1:]}_{direction}", lang)


def _strongest(names: tuple[str, ...], shares: NDArray[np.float64]) -> list[str]:
    order = sorted(range(len(names)), key=lambda place: (-abs(shares[place]), names[place]))
    told = [place for place in order if abs(shares[place]) >= LEAST_CONTRIBUTION]
    return [("+" if shares[place] > 0 else "-") + names[place] for place in told[:N_REASONS]]


def _refuse_without_signal(model: WinModel) -> None:
    reliability = model.reliability()
    if reliability.verdict == "no_signal":
        raise NoSignalError(reliability)


class NoSignalError(ModelError):
    """A ranking that was refused, with the reliability statement that says why."""

    def __init__(self, reliability: Reliability) -> None:
        super().__init__("forecast.no_signal")
        self.reliability = reliability

    def message(self, lang: Language = "en") -> str:
        """Return why nothing is ranked, in `lang`."""
        return text(self.key, lang, why=self.reliability.message(lang))


def _column_of(by: str | None, known: list[str]) -> str | None:
    """Return the column that `by` means: what people call rep is the column rep_id."""
    if by is None or by in known:
        return by
    if f"{by}_id" in known:
        return f"{by}_id"
    near = difflib.get_close_matches(by, known, n=1, cutoff=0.0)[0]
    raise UsageError("forecast.no_group", name=by, near=near)
