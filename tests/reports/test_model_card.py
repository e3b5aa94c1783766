"""The model card: every number on it is the model's own, in both languages, and text of the data stays text."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest

from salesiq import forecast, reports
from salesiq.book import Book
from salesiq.errors import UsageError
from salesiq.figures import forecast as draw
from salesiq.i18n import Language

START = dt.datetime(2025, 1, 1)
HOSTILE = "<script>alert(1)</script>"


def _at(days: np.ndarray) -> list[dt.datetime]:
    return [START + dt.timedelta(days=float(day)) for day in days]


@pytest.fixture(scope="module")
def model() -> forecast.WinModel:
    """Deals of two stages, one of which is won far more often, and whose name is hostile."""
    rng = np.random.default_rng(8)
    n = 900
    began, lasted = rng.uniform(0, 400, n), rng.exponential(40, n)
    is_good = rng.random(n) < 0.5
    is_won = rng.random(n) < np.where(is_good, 0.7, 0.15)
    ended = began + lasted
    is_open = ended > 430
    ids = [f"D{k:04d}" for k in range(n)]
    deals = pl.DataFrame(
        {"deal_id": ids, "created_at": _at(began), "closed_at": _at(ended), "status": np.where(is_won, "won", "lost")}
    ).with_columns(
        status=pl.when(pl.Series(is_open)).then(pl.lit("open")).otherwise("status"),
        closed_at=pl.when(~pl.Series(is_open)).then("closed_at"),
    )
    events = pl.DataFrame({"deal_id": ids, "stage": np.where(is_good, HOSTILE, "talks"), "entered_at": _at(began)})
    book = Book.from_frames(deals=deals, stage_events=events, exported_at=START + dt.timedelta(days=430))
    return forecast.WinModel().fit(book)


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_page_tells_the_models_own_numbers(model: forecast.WinModel, lang: Language) -> None:
    page, found = reports.model_card(model, lang), model.reliability()
    assert found.verdict in ("usable", "with_care")
    assert f"{found.brier:.3f}" in page
    assert f"{found.calibration_slope:.3f}" in page
    assert page == reports.model_card(model, lang)
    assert HOSTILE not in page
    assert "alert(1)" in page  # the stage is there, as text


def test_the_figure_has_a_row_for_each_part_that_was_scored(model: forecast.WinModel) -> None:
    cuts = model.reliability().cuts
    scored = cuts.filter(pl.col("skill").is_not_null())
    figure = draw.skill(cuts, "en")
    dots = [trace for trace in figure.data if trace.mode == "markers"]
    assert [dot.x[0] for dot in dots] == scored["skill"].to_list()
    assert scored.height >= 4
    assert all("<script" not in str(name) for name in figure.layout.yaxis.ticktext)


def test_a_model_that_was_not_fitted_has_no_card() -> None:
    with pytest.raises(UsageError, match="call fit"):
        reports.model_card(forecast.WinModel())
