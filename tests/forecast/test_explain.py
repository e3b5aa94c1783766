"""Explain: the parts of a deal add up, the words follow the sign, and what cannot be explained is refused."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from forecast_company import END

from salesiq import forecast
from salesiq.book import Book
from salesiq.errors import UsageError
from salesiq.forecast.hazards import Inputs


def test_the_parts_of_a_deal_add_up_to_what_the_model_says(known_book: Book, known_model: forecast.WinModel) -> None:
    now = known_book.as_of(END)
    told = forecast.explain(now, days=5, model=known_model)
    rows = forecast.features(now)
    fitted = known_model._ready()
    hazards = fitted.hazard.hazards(Inputs.of(rows, fitted.design))[:, 0]
    odds = np.log(hazards[:, 0] / (1 - hazards.sum(axis=1)))
    sums = told.group_by("deal_id", maintain_order=True).agg(total=pl.col("log_odds").sum())
    # one interval, so parts and whole differ by one constant; a blend's mean of odds is not the odds of its mean
    gap = odds - sums["total"].to_numpy()
    assert sums["deal_id"].to_list() == rows["deal_id"].to_list()
    assert gap.std() < 0.15 * odds.std()


def test_callers_are_spoken_for_by_their_calls(known_book: Book, known_model: forecast.WinModel) -> None:
    now = known_book.as_of(END)
    rows = forecast.features(now).sort("n_inbound")
    silent, keen = rows["deal_id"][0], rows["deal_id"][-1]
    told = forecast.explain(now, [silent, keen], days=30, model=known_model)
    of_calls = told.filter(reason="inbound")
    parts = dict(zip(of_calls["deal_id"], of_calls["log_odds"], strict=True))
    assert parts.get(keen, 0.0) > parts.get(silent, 0.0)
    assert "the customer has been in touch lately" in told.filter(deal_id=keen)["words"].to_list()
    zh = known_model.explain(now, [keen], days=30, lang="zh")
    assert zh["log_odds"].to_list() == told.filter(deal_id=keen)["log_odds"].to_list()
    assert zh["words"].to_list() != told.filter(deal_id=keen)["words"].to_list()


def test_only_open_deals_are_explained(known_book: Book, known_model: forecast.WinModel) -> None:
    with pytest.raises(UsageError, match="Deal nobody is not open"):
        forecast.explain(known_book.as_of(END), ["nobody"], model=known_model)
