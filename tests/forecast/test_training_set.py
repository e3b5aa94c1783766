"""Training set: labels that have matured, groups, weights, and columns that scikit-learn's tools take as they are."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest
from forecast_company import END
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import GroupKFold

from salesiq import forecast
from salesiq.book import Book
from salesiq.errors import UsageError

MOMENTS = ["2025-06-30", "2025-12-31", "2026-05-31", "2026-06-20"]


@pytest.fixture(scope="module")
def frame(known_book: Book) -> pl.DataFrame:
    return forecast.training_frame(known_book, MOMENTS, horizon_days=30)


def test_labels_are_those_of_the_frame_and_none_is_young(frame: pl.DataFrame) -> None:
    found = forecast.training_set(frame)
    mature = frame.filter(pl.col("moment") + dt.timedelta(days=30) <= END)
    assert 0 < mature.height < frame.height
    assert found.y.tolist() == [float(label == "won") for label in mature["label"]]
    assert found.groups.tolist() == mature["deal_id"].to_list()
    assert found.X.height == mature.height
    assert not {"exit_days", "outcome", "label", "seen_days", "deal_id", "rep_id"} & set(found.X.columns)


def test_an_open_deal_is_censored_where_it_was_last_seen(frame: pl.DataFrame) -> None:
    found = forecast.training_set(frame, "ending")
    for (days, ending), row in zip(found.y.tolist(), frame.iter_rows(named=True), strict=True):
        seen = (END - row["moment"]) / dt.timedelta(days=1)
        expected = (row["exit_days"], {"won": 1.0, "lost": 2.0}[row["outcome"]]) if row["outcome"] else (seen, 0.0)
        assert (days, ending) == pytest.approx(expected)


def test_weights_halve_and_targets_share_their_columns(frame: pl.DataFrame) -> None:
    won, ending = forecast.training_set(frame, half_life_days=100), forecast.training_set(frame, "ending", None)
    age = won.entered_days.max() - won.entered_days
    assert won.weights == pytest.approx(0.5 ** (age / 100))
    assert ending.weights.tolist() == [1.0] * frame.height
    assert won.X.columns == ending.X.columns


def test_scikit_learn_takes_it_and_no_deal_is_on_both_sides(frame: pl.DataFrame) -> None:
    found = forecast.training_set(frame)
    for train, test in GroupKFold(3).split(found.X, found.y, found.groups):
        assert not set(found.groups[train]) & set(found.groups[test])
        model = HistGradientBoostingClassifier(max_iter=20).fit(
            found.X[train.tolist()].to_numpy(), found.y[train], found.weights[train]
        )
        said = model.predict_proba(found.X[test.tolist()].to_numpy())[:, 1]
        assert said[found.y[test] > 0].mean() > said[found.y[test] == 0].mean()


def test_the_estimator_takes_it(frame: pl.DataFrame) -> None:
    found = forecast.training_set(frame, "ending")
    model = forecast.HazardModel(learner="logistic").fit(found.X.to_numpy(), found.y, entered_days=found.entered_days)
    said = model.predict_won(found.X.to_numpy(), [10, 60])
    assert (np.diff(said, axis=1) >= 0).all()
    keen = found.X["n_inbound"].to_numpy() > 2
    assert said[keen].mean() > said[~keen].mean()


def test_what_cannot_be_meant_is_named(frame: pl.DataFrame) -> None:
    with pytest.raises(UsageError, match="'lost' is not one of won, ending"):
        forecast.training_set(frame, "lost")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="no column label"):
        forecast.training_set(frame.drop("label"))
