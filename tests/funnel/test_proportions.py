"""Proportions: published examples, statsmodels, and what the limits promise."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from salesiq.funnel.proportions import binomial_limit, difference, mid_p, wilson


@pytest.mark.parametrize(("won", "n"), [(0, 10), (3, 10), (10, 10), (81, 263), (15, 148), (1, 29)])
def test_wilson_equals_statsmodels(won: int, n: int) -> None:
    low, high = wilson(np.array([won / n]), np.array([float(n)]))
    assert (low[0], high[0]) == pytest.approx(proportion_confint(won, n, method="wilson"), abs=1e-9)


def test_no_cases_have_no_interval() -> None:
    assert np.isnan(wilson(np.array([0.5]), np.array([0.0]))).all()


@pytest.mark.parametrize(
    ("cells", "expected"),
    # Newcombe (1998), Statistics in Medicine 17, 873-890, table II, method 10, examples a to d, f and h
    [
        ((56, 70, 48, 80), (0.0524, 0.3339)),
        ((9, 10, 3, 10), (0.1705, 0.8090)),
        ((6, 7, 2, 7), (0.0582, 0.8062)),
        ((5, 56, 0, 29), (-0.0381, 0.1926)),
        ((0, 10, 0, 20), (-0.1611, 0.2775)),
        ((10, 10, 0, 20), (0.6791, 1.0)),
    ],
)
def test_differences_equal_the_published_ones(cells: tuple[int, ...], expected: tuple[float, float]) -> None:
    won, n, won_before, n_before = (np.array([float(cell)]) for cell in cells)
    low, high = difference(won / n, n, won_before / n_before, n_before)
    assert (low[0], high[0]) == pytest.approx(expected, abs=6e-5)
    theirs = confint_proportions_2indep(*cells, method="newcomb", compare="diff")
    assert (low[0], high[0]) == pytest.approx(theirs, abs=1e-9)


@pytest.mark.parametrize("level", [0.001, 0.025, 0.975, 0.999])
def test_limits_lie_within_one_deal_of_the_quantile_and_narrow_smoothly(level: float) -> None:
    n = np.arange(30, 400)
    limit = binomial_limit(0.3, n, level)
    assert (np.abs(limit * n - binom.ppf(level, n, 0.3)) <= 1).all()
    width = np.abs(limit - 0.3)
    # a plain quantile jumps by a whole deal; the interpolated one hardly moves
    assert np.diff(width).max() < 0.35 / 30


def test_mid_p_is_one_in_the_middle_and_small_far_from_it() -> None:
    found = mid_p(np.array([5, 0, 10]), np.array([10, 10, 10]), 0.5)
    assert found == pytest.approx([1.0, 2 * 0.5**10 / 2, 2 * 0.5**10 / 2])
