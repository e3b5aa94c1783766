"""Drift: nothing is flagged where nothing moved, and what moved is named: a column, the won share, the probabilities."""

from __future__ import annotations

import datetime as dt
import json

import numpy as np
import polars as pl
import pytest
from forecast_company import END, START, made_company

from salesiq import forecast
from salesiq.book import Book
from salesiq.errors import UsageError
from salesiq.forecast.drift import psi, shifts, usual_psi

LEARNED, TODAY = START + dt.timedelta(days=330), START + dt.timedelta(days=480)


@pytest.fixture(scope="module")
def model(known_book: Book) -> forecast.WinModel:
    return forecast.WinModel(max_deals=900).fit(known_book, LEARNED)


def _deals(n: int, rng: np.random.Generator, **columns: object) -> pl.DataFrame:
    noise = {f"c{k}": rng.normal(size=n) for k in range(20)} | {f"t{k}": rng.choice(list("abcde"), n) for k in range(20)}
    return pl.DataFrame({"deal_id": [f"D{k}" for k in range(n)], **noise, **columns})


def test_equal_populations_are_not_flagged_however_few_they_are() -> None:
    rng = np.random.default_rng(1)
    flagged = [shifts(_deals(600, rng), _deals(n, rng))["is_shifted"].sum() for n in (30, 60, 300)]
    assert sum(flagged) <= 1  # 120 looks, each flagged once in a thousand
    # the bar of credit scoring alone would cry wolf at 30 deals
    alone = shifts(_deals(600, rng), _deals(30, rng))
    assert (alone["psi"] > 0.2).sum() > 5


def test_the_size_of_the_index_by_chance_is_that_of_the_simulation() -> None:
    rng = np.random.default_rng(2)
    drawn = [psi(rng.integers(0, 10, 800), rng.integers(0, 10, 400), 10) for _ in range(4000)]
    assert np.quantile(drawn, 0.999) == pytest.approx(usual_psi(800, 400, 10), rel=0.2)


def test_what_moved_is_named_with_its_index() -> None:
    rng = np.random.default_rng(3)
    then = _deals(800, rng, size=rng.normal(0, 1, 800), source=rng.choice(["web", "fair"], 800), gone=rng.normal(0, 1, 800))
    now = _deals(
        400, rng, size=rng.normal(1, 1, 400), source=["referral"] * 400, gone=np.where(rng.random(400) < 0.5, 1, np.nan)
    )
    found = shifts(then, now.with_columns(pl.col("gone").fill_nan(None)))
    assert set(found.filter("is_shifted")["column"]) == {"size", "source", "gone"}
    # a plain loop over deciles, as the textbooks have it
    edges = np.quantile(then["size"].to_numpy(), np.linspace(0.1, 0.9, 9))
    parts = [np.bincount(np.searchsorted(edges, frame["size"].to_numpy(), side="right"), minlength=10) for frame in (then, now)]
    expected = sum((b - a) * np.log(b / a) for a, b in zip(parts[0] / 800, parts[1] / 400, strict=True))
    assert found.filter(column="size")["psi"].item() == pytest.approx(expected, rel=0.05)  # half a case in each bin


def test_a_company_that_goes_on_as_before_keeps_its_probabilities(known_book: Book, model: forecast.WinModel) -> None:
    found = forecast.drift(model, known_book.as_of(TODAY))
    assert found.verdict in ("steady", "watch")
    assert found.level_low is not None
    assert found.level_high is not None
    assert found.level == pytest.approx(1, abs=0.15)
    assert found.level_low <= (found.level or 0) <= found.level_high
    assert abs(found.won_share_z or 9) < 3
    assert (found.learned, found.as_of) == (LEARNED, TODAY)
    counts = known_book.as_of(TODAY).sql(
        "SELECT count(*) FILTER (closed_at > $learned) AS n_now, "
        "count(*) FILTER (closed_at BETWEEN $since AND $learned) AS n_then "
        "FROM base.deals(as_of := $as_of) WHERE status <> 'open'",
        learned=LEARNED,
        since=LEARNED - dt.timedelta(days=150),
    )
    assert counts.row(0) == (found.n_closed_now, found.n_closed_then)
    assert json.dumps(found.to_dict())


def test_a_market_that_turned_is_seen_in_the_won_share_and_in_the_probabilities(model: forecast.WinModel) -> None:
    frames = made_company()
    turned = (pl.col("closed_at") > LEARNED) & pl.Series(np.random.default_rng(9).random(1800) < 0.6)
    deals = frames["deals"].with_columns(status=pl.when(turned).then(pl.lit("lost")).otherwise("status"))
    book = Book.from_frames(exported_at=END, **frames | {"deals": deals})
    found = forecast.drift(model, book.as_of(TODAY))
    assert found.verdict == "drifted"
    assert (found.level_low or 0) > 1.25
    assert (found.won_share_z or 0) < -3
    assert f"{found.level:.2f}" in found.message("en")
    assert "已漂移" in found.message("zh")
    assert f"{found.n_won} 次" in found.message("zh")


def test_a_model_of_today_is_not_judged_yet(known_book: Book, model: forecast.WinModel) -> None:
    found = forecast.drift(model, known_book.as_of(LEARNED))
    assert found.verdict in ("unjudged", "watch")
    assert (found.n, found.level, found.won_share_now) == (0, None, None)
    with pytest.raises(UsageError, match="later"):
        forecast.drift(model, known_book.as_of(LEARNED - dt.timedelta(days=9)))


def test_a_model_that_has_not_learned_has_no_drift(known_book: Book) -> None:
    with pytest.raises(UsageError, match="call fit"):
        forecast.drift(forecast.WinModel(), known_book)
