"""HazardModel: scikit-learn's own checks, simulations whose truth is known, and public leads that drift."""

from __future__ import annotations

import datetime as dt
import warnings
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.preprocessing import OneHotEncoder
from sklearn.utils.estimator_checks import check_estimator

from salesiq.forecast import HazardModel
from salesiq.forecast.hazards import hazard_from_dict
from salesiq.forecast.scores import calibration_error

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
DAYS = (5.0, 30.0, 90.0)


def _simulated(n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return one column, y, and the true chance of being won within DAYS: two exponential endings, observed 10 to 200 days."""
    rng = np.random.default_rng(seed)
    column = rng.normal(size=n)
    won_rate, lost_rate = 0.012 * np.exp(0.8 * column), np.full(n, 0.01)
    won, lost, observed = rng.exponential(1 / won_rate), rng.exponential(1 / lost_rate), rng.uniform(10, 200, n)
    days = np.minimum(np.minimum(won, lost), observed)
    ending = np.select([days == won, days == lost], [1, 2], 0)
    total = won_rate + lost_rate
    truth = (won_rate / total)[:, None] * (1 - np.exp(-total[:, None] * np.array(DAYS)))
    return column[:, None], np.stack([days, ending], axis=1), truth


@pytest.mark.parametrize("learner", ["auto", "logistic"])
def test_scikit_learn_finds_nothing_wrong(learner: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a check that is skipped says so by a warning
        results = check_estimator(HazardModel(learner=learner), on_fail=None)
    assert len(results) > 40
    assert [result["check_name"] for result in results if result["status"] == "failed"] == []


@pytest.mark.parametrize("learner", ["logistic", "trees", "blend"])
def test_it_finds_the_chances_that_made_the_data_although_half_is_censored(learner: str) -> None:
    columns, y, _ = _simulated(6000, seed=1)
    unseen, _, truth = _simulated(2000, seed=2)
    said = HazardModel(learner=learner, half_life_days=None).fit(columns, y).predict_won(unseen, DAYS)
    assert np.abs(said.mean(axis=0) - truth.mean(axis=0)).max() < 0.02
    assert np.abs(said - truth).mean() < 0.04
    assert (np.diff(said, axis=1) >= 0).all()


def test_an_open_case_is_not_a_lost_one() -> None:
    columns, y, truth = _simulated(6000, seed=3)
    as_lost = np.where(y == [[-1.0, 0.0]], 2.0, y)
    honest, naive = (
        HazardModel(learner="logistic").fit(columns, told).predict_won(columns, [90.0])[:, 0].mean() for told in (y, as_lost)
    )
    assert honest == pytest.approx(truth[:, 2].mean(), abs=0.02)
    assert naive < honest - 0.04


def test_equal_input_gives_an_equal_model_to_the_bit_and_text_keeps_it() -> None:
    columns, y, _ = _simulated(1500, seed=4)
    first, again = HazardModel().fit(columns, y), HazardModel().fit(columns, y)
    assert first.kind_ != "base_rate"
    assert (first.hazards(columns) == again.hazards(columns)).all()
    kept = hazard_from_dict(first.hazard_.to_dict())
    assert (kept.hazards(first._inputs(columns)) == first.hazards(columns)).all()


def test_noise_moves_nobody_far_from_the_base_rate() -> None:
    rng = np.random.default_rng(5)
    columns, y, _ = _simulated(800, seed=6)
    assert HazardModel().fit(rng.normal(size=(800, 3)), y).predict(rng.normal(size=(800, 3))).std() < 0.02
    assert HazardModel().fit(columns, y).predict(columns).std() > 0.1


def test_an_unknown_value_is_a_value_of_its_own() -> None:
    columns, y, _ = _simulated(4000, seed=7)
    tells = columns[:, 0] > 0.5
    columns[tells] = np.nan
    model = HazardModel(learner="logistic").fit(columns, y)
    assert model.predict(np.array([[np.nan]]))[0] > 1.5 * model.predict(np.array([[-0.5]]))[0]


@pytest.mark.parametrize(
    ("y", "match"),
    [
        (np.array([[-1.0, 1]] * 9), "negative days"),
        (np.array([[1.0, 3]] * 9), "none of 0"),
        (np.ones((9, 3)), "3 columns"),
    ],
)
def test_what_is_no_y_is_named(y: np.ndarray, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        HazardModel().fit(np.zeros((9, 1)), y)


def test_a_learner_that_there_is_not_and_days_of_another_length_are_named() -> None:
    with pytest.raises(ValueError, match="'forest' is not one of auto, base_rate, logistic"):
        HazardModel(learner="forest").fit(np.zeros((9, 1)), np.ones(9))
    with pytest.raises(ValueError, match=r"entered_days has shape \(3,\)"):
        HazardModel().fit(np.zeros((9, 1)), np.ones(9), entered_days=[1, 2, 3])


@pytest.mark.slow
@pytest.mark.skipif(not (DATA / "olist_funnel").exists(), reason="../shared/data is absent")
def test_leads_whose_win_rate_drifts_from_one_to_ten_per_cent() -> None:
    """Learned from what was known on 2018-04-05; a logistic on matured labels gives a log-loss of .429."""
    leads = pl.read_csv(DATA / "olist_funnel" / "olist_marketing_qualified_leads_dataset.csv")
    won = pl.read_csv(DATA / "olist_funnel" / "olist_closed_deals_dataset.csv").select("mql_id", "won_date")
    both = leads.join(won, on="mql_id", how="left").with_columns(
        pl.col("first_contact_date").str.to_datetime("%d-%m-%Y").alias("first_at"),
        pl.col("won_date").str.to_datetime("%d-%m-%Y %H:%M").alias("won_at"),
        pl.col("first_contact_date").str.to_datetime("%d-%m-%Y").dt.weekday().cast(pl.String).alias("weekday"),
    )
    until = dt.datetime(2018, 4, 5)
    known, later = both.filter(pl.col("first_at") < until).sort("first_at", "mql_id"), both.filter(pl.col("first_at") >= until)
    assert later.height / both.height == pytest.approx(0.3, abs=0.01)
    names = [pl.col("origin").fill_null("?"), "landing_page_id", "weekday"]
    encoder = OneHotEncoder(min_frequency=20, handle_unknown="infrequent_if_exist", sparse_output=False)
    columns = encoder.fit_transform(known.select(names).to_numpy())
    is_won = (known["won_at"] <= until).fill_null(value=False)
    end = known.select(pl.when(is_won).then("won_at").otherwise(until)).to_series()
    days = ((end - known["first_at"]).dt.total_seconds() / 86400).clip(1e-6).to_numpy()
    y = np.stack([days, is_won.to_numpy().astype(float)], axis=1)
    model = HazardModel(horizon_days=90).fit(columns, y, entered_days=(known["first_at"].dt.epoch("s") / 86400).to_numpy())
    said = model.predict(encoder.transform(later.select(names).to_numpy()))
    happened = ((later["won_at"] - later["first_at"]).dt.total_days() <= 90).fill_null(value=False).to_numpy()
    assert log_loss(happened, said) <= 0.31
    assert roc_auc_score(happened, said) >= 0.69
    assert model.chosen_half_life_days_ < np.inf


@pytest.mark.slow
@pytest.mark.skipif(not (DATA / "xeducation").exists(), reason="../shared/data is absent")
def test_leads_without_the_columns_that_know_the_outcome() -> None:
    """70/30 by Lead Number, whose order is the only time there is: it is taken for that of a year."""
    leads = pl.read_csv(DATA / "xeducation" / "Leads.csv", infer_schema_length=None).sort("Lead Number")
    known_later = ["Tags", "Lead Quality", "Lead Profile"]
    frame = leads.drop(["Prospect ID", "Lead Number", "Converted", *known_later])
    words = [name for name in frame.columns if frame[name].dtype == pl.String]
    n = int(0.7 * leads.height)
    encoder = OneHotEncoder(min_frequency=20, handle_unknown="infrequent_if_exist", sparse_output=False)
    texts = frame.select(pl.col(name).replace("Select", None).fill_null("?") for name in words).to_numpy()
    numbers = frame.drop(words).cast(pl.Float64).to_numpy()
    columns = np.hstack([encoder.fit(texts[:n]).transform(texts), numbers])
    happened = leads["Converted"].to_numpy().astype(float)
    y = np.stack([np.ones(n), np.where(happened[:n] > 0, 1, 2)], axis=1)
    model = HazardModel(horizon_days=5).fit(columns[:n], y, entered_days=365 * np.arange(n) / n)
    said = model.predict(columns[n:])
    assert roc_auc_score(happened[n:], said) >= 0.83
    assert calibration_error(happened[n:], said) <= 0.03
    assert model.chosen_half_life_days_ < np.inf


def test_where_nobody_stays_open_the_endings_are_told_apart() -> None:
    rng = np.random.default_rng(11)
    column = rng.normal(size=3000)
    happened = rng.random(3000) < 1 / (1 + np.exp(-1.5 * column))
    y = np.stack([np.ones(3000), np.where(happened, 1, 2)], axis=1)
    for learner in ("logistic", "trees"):
        said = HazardModel(horizon_days=5, learner=learner).fit(column[:, None], y).predict(np.array([[-1.0], [1.0]]))
        assert said == pytest.approx(1 / (1 + np.exp([1.5, -1.5])), abs=0.04)


def test_trees_keep_to_the_direction_that_they_are_given() -> None:
    columns, y, _ = _simulated(4000, seed=12)
    ladder = np.linspace(-2, 2, 41)[:, None]
    free = HazardModel(learner="trees").fit(columns, y).predict_won(ladder, DAYS)
    held = HazardModel(learner="trees", monotonic_cst=[1]).fit(columns, y).predict_won(ladder, DAYS)
    assert (np.diff(free, axis=0) < 0).any()  # left alone, trees follow the noise
    assert (np.diff(held, axis=0) >= -1e-12).all()
    with pytest.raises(ValueError, match="monotonic_cst"):
        HazardModel(monotonic_cst=[2]).fit(columns, y)
