"""Limits against chance: exact cases by hand, and the budget of false alarms by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from salesiq.targets.limits import count_limits, rate_limits, shared_spread, spread_beyond_chance

LEVEL = 1 / (52 * 5)
WEEK = np.full(12, 5.0)


def of_counts(before: np.ndarray, value: np.ndarray, value_days: float = 5.0, alpha: float = 0.0, level: float = LEVEL):
    return count_limits(before, WEEK, value, value_days, np.full(len(value), alpha), level, whole=True)


def test_chance_is_that_of_a_negative_binomial():
    """Twelve weeks of 20 and no spread beyond Poisson: negative binomial with 240.5 successes, by another library."""
    found = of_counts(np.full((1, 12), 20.0), np.array([11.0]))
    law = stats.nbinom(240.5, 12 / 13)
    assert found.chance[0] == pytest.approx(law.cdf(10) + law.pmf(11) / 2)
    assert found.expected[0] == pytest.approx(240.5 / 12)


def test_limits_are_the_last_values_that_chance_explains():
    before = np.array([[20.0] * 12, [3.0] * 12, [200.0] * 12])
    found = of_counts(before, np.array([20.0, 3.0, 200.0]))
    law = stats.nbinom(before.sum(axis=1) + 0.5, 12 / 13)
    for limit, is_low in ((found.low, True), (found.high, False)):
        below, outside = law.cdf(limit - 1) + law.pmf(limit) / 2, limit + (-1 if is_low else 1)
        next_below = law.cdf(outside - 1) + law.pmf(outside) / 2
        within = below > LEVEL if is_low else 1 - below > LEVEL
        beyond = next_below <= LEVEL if is_low else 1 - next_below <= LEVEL
        assert within.all()
        assert (beyond | (outside < 0)).all()


def test_no_fall_of_three_deals_can_be_seen():
    """At three deals a week a week without any is not news: the honest answer is that nothing could be flagged."""
    assert of_counts(np.full((1, 12), 3.0), np.array([0.0])).low[0] == 0


def test_short_weeks_expect_less():
    found = of_counts(np.full((1, 12), 20.0), np.array([8.0]), value_days=2.0)
    assert found.expected[0] == pytest.approx(8, abs=0.05)
    assert found.chance[0] > 0.4


def test_spread_widens_the_limits():
    before, value = np.full((1, 12), 20.0), np.array([8.0])
    assert of_counts(before, value, alpha=0.2).low[0] < of_counts(before, value).low[0]


def test_rate_is_beta_binomial():
    found = rate_limits(*(np.array([number]) for number in (60.0, 150.0, 1.0, 14.0)), LEVEL)
    law = stats.betabinom(14, 60.5, 90.5)
    assert found.chance[0] == pytest.approx(law.pmf(0) + law.pmf(1) / 2)
    assert found.expected[0] == 0.4
    nothing = rate_limits(*(np.array([number]) for number in (60.0, 150.0, 0.0, 0.0)), LEVEL)
    assert np.isnan(nothing.chance[0])
    assert nothing.expected[0] == 0.4


def alarms(n_runs: int, mean: float, spread: float, n_teams: int = 8, fall: float = 0.0) -> tuple[float, float]:
    """Return the share of weeks flagged for teams and for the company, with this share of the last week missing."""
    chance = np.random.default_rng(20)
    is_company = np.arange(n_teams + 1) == n_teams
    teams, company = [], []
    for _ in range(n_runs):
        luck = chance.gamma(1 / spread, spread, (n_teams, 13)) if spread else np.ones((n_teams, 13))
        luck[:, -1] *= 1 - fall
        counts = chance.poisson(mean * luck).astype(float)
        weeks = np.vstack([counts, counts.sum(axis=0)])
        before = weeks[:, :-1]
        alpha = shared_spread(spread_beyond_chance(before, WEEK), before.sum(axis=1), is_company, 12, LEVEL)
        found = count_limits(before, WEEK, weeks[:, -1], 5.0, alpha, LEVEL, whole=True)
        teams.append((found.chance[:-1] <= LEVEL).mean())
        company.append(found.chance[-1] <= LEVEL)
    return float(np.mean(teams)), float(np.mean(company))


@pytest.mark.parametrize(("mean", "spread"), [(20, 0.0), (20, 0.1)])
def test_budget_holds_in_small(mean, spread):
    teams, _ = alarms(400, mean, spread)
    assert teams * 52 * 5 <= 1.6  # 3,200 team-weeks: 1 a year within three standard errors


@pytest.mark.slow
@pytest.mark.parametrize("mean", [2, 5, 20, 60, 200])
@pytest.mark.parametrize("spread", [0.0, 0.05, 0.2])
def test_budget_of_false_alarms(mean, spread):
    teams, company = alarms(6000, mean, spread)
    assert teams * 52 * 5 <= 1.2
    assert company * 52 * 5 <= 1.4


def test_a_fall_of_a_third_is_found_where_the_numbers_are_large():
    teams, company = alarms(40, 200, 0.0, fall=0.33)
    assert teams > 0.9
    assert company == 1
