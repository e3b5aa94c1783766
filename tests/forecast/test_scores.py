"""Scores: against scikit-learn and plain loops."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from salesiq import forecast
from salesiq.book import Book
from salesiq.forecast import scores


@pytest.fixture(scope="module")
def cases() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    said = rng.beta(1, 4, 4000).round(3)
    return (rng.random(4000) < said).astype(float), said


def test_the_scores_are_those_of_scikit_learn(cases: tuple[np.ndarray, np.ndarray]) -> None:
    happened, said = cases
    assert scores.brier(happened, said) == pytest.approx(brier_score_loss(happened, said))
    assert scores.log_losses(happened, said).mean() == pytest.approx(log_loss(happened, np.clip(said, 1e-6, 1 - 1e-6)))
    assert scores.auc(happened, said) == pytest.approx(roc_auc_score(happened, said))
    assert scores.auc(np.ones(3), said[:3]) is None


def test_calibration_error_is_small_where_said_is_true_and_the_shift_where_it_is_not(
    cases: tuple[np.ndarray, np.ndarray],
) -> None:
    happened, said = cases
    assert scores.calibration_error(happened, said) < 0.02
    assert scores.calibration_error(happened, said + 0.1) == pytest.approx(0.1, abs=0.02)


def test_the_interval_of_skill_covers_the_true_skill() -> None:
    """200 histories whose true skill is known (by one of a million cases); deals stand in four rows each."""

    def history(n_deals: int, seed: int) -> tuple[np.ndarray, np.ndarray, list[str]]:
        rng = np.random.default_rng(seed)
        said = np.repeat(rng.beta(1, 3, n_deals), 4)
        happened = (np.repeat(rng.random(n_deals), 4) < said).astype(float)  # a deal ends one way in all its rows
        return (
            scores.log_losses(happened, said),
            scores.log_losses(happened, np.full(len(said), 0.25)),
            [str(n // 4) for n in range(len(said))],
        )

    losses, base, _ = history(250_000, 0)
    truth = 1 - losses.sum() / base.sum()
    covered = 0
    for seed in range(1, 201):
        losses, base, deals = history(300, seed)
        low, high = np.quantile(scores.skills(losses, [base], deals, 200), [0.025, 0.975])
        covered += low <= truth <= high
    assert 0.90 <= covered / 200 <= 0.99


def test_cuts_are_parts_of_the_whole(known_model: forecast.WinModel) -> None:
    found = known_model.reliability()
    horizons = found.cuts.filter(cut="horizon")
    assert horizons["value"].to_list() == ["10", "30", "90"]
    same = horizons.row(1, named=True)
    assert (same["n"], same["n_won"], same["brier"]) == (found.n, found.n_won, pytest.approx(found.brier))
    assert horizons["n"].to_list() == sorted(horizons["n"].to_list(), reverse=True)
    life = found.cuts.filter(cut="life")
    assert life["value"].to_list() == ["0-1/4", "1/4-1/2", "1/2-2/3", "2/3-1"]
    assert 0 < life["n"].sum() <= found.n
    assert life["n_won"].sum() == found.n_won  # every win has a life


def test_the_candidates_and_the_card_tell_what_was_compared(known_model: forecast.WinModel) -> None:
    found = known_model.reliability()
    best = found.candidates.sort("log_loss")["candidate"][0]
    assert best.partition(" ")[0] == found.kind
    card = known_model.card()
    assert card["reliability"]["n_won"] == found.n_won
    assert {"column", "reason", "expected_sign"} == set(card["columns"][0])
    assert any(column["expected_sign"] == 1 for column in card["columns"])


def test_the_public_function_is_the_models_own_statement(known_book: Book, known_model: forecast.WinModel) -> None:
    assert forecast.reliability(known_book) == known_model.reliability()
