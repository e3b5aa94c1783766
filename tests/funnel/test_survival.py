"""Survival: against plain loops, against statsmodels, and against the numbers of lifelines on fixed data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from statsmodels.duration.survfunc import CumIncidenceRight, survdiff

from salesiq.funnel.survival import chance_of, first_gap, holm, incidence, log_rank, product_limit, share_interval

Floats = NDArray[np.float64]
REFERENCE = Path(__file__).parent / "reference" / "lifelines.json"

#: (entry, length of the wait behind it, how it ended: 0 = it goes on)
histories = st.lists(st.tuples(st.integers(0, 12), st.integers(1, 15), st.integers(0, 3)), min_size=1, max_size=40).map(
    lambda rows: tuple(np.array(column, dtype=np.float64) for column in zip(*rows, strict=True))
)


def curve_by_a_plain_loop(entry: Floats, days: Floats, is_left: Any) -> dict[float, float]:
    """Who is in view at a day: entered before it (from the beginning: always), not gone before it."""
    surviving, found = 1.0, {}
    for day in sorted(set(days[is_left])):
        at_risk = sum(1 for e, d in zip(entry, days, strict=True) if (e < day or e == 0) and d >= day)
        left = sum(1 for d, gone in zip(days, is_left, strict=True) if gone and d == day)
        surviving *= 1 - left / at_risk
        found[day] = surviving
    return found


@settings(max_examples=300, deadline=None)
@given(history=histories)
def test_quantiles_and_area_equal_a_plain_loop_with_late_entries(history: tuple[Floats, Floats, Floats]) -> None:
    entry, length, ending = history
    days, is_left = entry + length, ending > 0
    found = product_limit(days, is_left, entry)
    gap = first_gap(entry, days)
    is_told = entry < gap
    entry, days, is_left = entry[is_told], days[is_told], (is_left & (days < gap))[is_told]
    if not is_left.any():
        assert found == {}
        return
    curve = curve_by_a_plain_loop(entry, days, is_left)
    for name, share in (("median_days", 0.5), ("p75_days", 0.25), ("p90_days", 0.1)):
        reached = [day for day, surviving in curve.items() if surviving < share - 1e-9]
        exactly = [day for day, surviving in curve.items() if abs(surviving - share) <= 1e-9]
        assert found[name] in {reached[0] if reached else None, *exactly}
    level, since, area = 1.0, 0.0, 0.0
    for day, surviving in [*curve.items(), (days.max(), 0.0)]:
        area, since, level = area + level * (day - since), day, surviving
    assert found["mean_days"] == pytest.approx(area, abs=1e-9)


@settings(max_examples=200, deadline=None)
@given(history=histories)
def test_a_gap_is_a_length_of_wait_that_nobody_covers(history: tuple[Floats, Floats, Floats]) -> None:
    entry, length, _ = history
    days = entry + length
    # also at whole days: where one in view leaves as the next comes, nothing tells how many would have stayed
    moments = np.arange(0.5, days.max(), 0.5)
    is_lost = ~((entry[:, None] < moments) & (days[:, None] > moments)).any(axis=0)
    expected = np.floor(moments[is_lost][0]) if is_lost.any() else np.inf
    assert first_gap(entry, days) == expected


def incidence_by_a_plain_loop(days: Floats, ending: Floats, n_endings: int) -> dict[float, list[float]]:
    waiting, shares, found = 1.0, [0.0] * n_endings, {}
    for day in sorted(set(days)):
        at_risk = sum(1 for d in days if d >= day)
        ended = [sum(1 for d, e in zip(days, ending, strict=True) if d == day and e == k + 1) for k in range(n_endings)]
        shares = [share + waiting * n / at_risk for share, n in zip(shares, ended, strict=True)]
        waiting *= 1 - sum(ended) / at_risk
        found[day] = [*shares, waiting]
    return found


@settings(max_examples=300, deadline=None)
@given(history=histories)
def test_incidence_equals_a_plain_loop_and_adds_up(history: tuple[Floats, Floats, Floats]) -> None:
    _, days, ending = history
    curves = incidence(days, ending.astype(np.int64), 3)
    for day, expected in incidence_by_a_plain_loop(days, ending, 3).items():
        shares, _ = curves.at(day)
        assert shares == pytest.approx(expected, abs=1e-12)
        assert shares.sum() == pytest.approx(1, abs=1e-12)
    assert curves.at(0.5)[0].tolist() == [0, 0, 0, 1]


def ties(seed: int, n: int = 200) -> tuple[Floats, NDArray[np.int64]]:
    rng = np.random.default_rng(seed)
    return np.ceil(rng.weibull(0.8, n) * 20), rng.choice(4, n, p=[0.3, 0.3, 0.3, 0.1])


def test_variance_of_incidence_equals_statsmodels_where_that_has_one() -> None:
    days, ending = ties(4)
    curves = incidence(days, ending, 3)
    with np.errstate(all="ignore"):
        theirs = CumIncidenceRight(days, ending)
    at = np.searchsorted(theirs.times, curves.times)
    for k in range(3):
        assert curves.shares[k] == pytest.approx(theirs.cinc[k][at], abs=1e-12)
        is_told = np.isfinite(theirs.cinc_se[k][at])
        assert is_told.sum() > 20
        assert np.sqrt(curves.variances[k])[is_told] == pytest.approx(theirs.cinc_se[k][at][is_told], abs=1e-9)


def test_without_cut_waits_the_variance_is_that_of_a_share() -> None:
    days, ending = np.arange(1.0, 41.0), np.tile([1, 2, 2, 3], 10)
    curves = incidence(days, ending, 3)
    for day in (7.0, 21.0, 40.0):
        shares, variances = curves.at(day)
        assert shares == pytest.approx([np.mean((days <= day) & (ending == k)) for k in (1, 2, 3)] + [np.mean(days > day)])
        assert variances[-1] == pytest.approx(shares[-1] * (1 - shares[-1]) / 40)
        assert variances[:-1] == pytest.approx(shares[:-1] * (1 - shares[:-1]) / 40, rel=0.03)


@pytest.mark.parametrize("n_groups", [2, 3, 5])
@pytest.mark.parametrize("has_entry", [False, True])
def test_log_rank_equals_statsmodels(n_groups: int, has_entry: bool) -> None:
    days, ending = ties(n_groups, 400)
    rng = np.random.default_rng(9)
    group, entry = rng.integers(0, n_groups, 400), np.floor(rng.uniform(0, 10, 400)) if has_entry else None
    if entry is not None:
        days = days + entry
    chi_square, degrees = log_rank(days, ending > 0, group, entry)
    # statsmodels leaves out who enters at 0; salesiq has them in view from the beginning
    theirs = survdiff(days, (ending > 0).astype(int), group, entry=None if entry is None else np.where(entry > 0, entry, -1))
    assert (chi_square, degrees) == (pytest.approx(theirs[0], rel=1e-9), n_groups - 1)
    assert chance_of(chi_square, degrees) == pytest.approx(theirs[1], rel=1e-6)


def test_log_rank_counts_no_empty_group_and_is_silent_about_one() -> None:
    days, ending = ties(8)
    group = np.arange(200) % 2
    assert log_rank(days, ending > 0, group * 3)[1] == 1
    assert np.isnan(log_rank(days, ending > 0, np.zeros(200, dtype=np.int64))[0])
    assert np.isnan(log_rank(days, np.zeros(200, dtype=bool), group)[0])


def test_holm_against_the_definition() -> None:
    chances = np.array([0.2, 0.01, 0.02, np.nan, 0.9])
    assert holm(chances) == pytest.approx([0.4, 0.04, 0.06, np.nan, 0.9], nan_ok=True)
    assert holm(np.array([])).tolist() == []


def test_a_share_of_nothing_or_all_has_the_exact_limit() -> None:
    low, high = share_interval(np.array([0.0, 1.0]), np.zeros(2), 20)
    assert low == pytest.approx([0.0, 0.025 ** (1 / 20)])
    assert high == pytest.approx([1 - 0.025 ** (1 / 20), 1.0])


@pytest.fixture(scope="module")
def reference() -> dict[str, Any]:
    return dict(json.loads(REFERENCE.read_text(encoding="utf-8")))


def test_quantiles_interval_and_area_equal_lifelines(reference: dict[str, Any]) -> None:
    data, said = reference["data"], reference["kaplan_meier"]
    days, ending = np.array(data["days"]), np.array(data["ending"])
    found = product_limit(days, ending > 0)
    for name, value in said.items():
        assert found[name] == pytest.approx(value, abs=1e-9), name


def test_late_entries_equal_lifelines(reference: dict[str, Any]) -> None:
    data = reference["data"]
    days, ending, entry = (np.array(data[name]) for name in ("days", "ending", "entry_days"))
    found = product_limit(days, ending > 0, entry)
    for name, value in reference["kaplan_meier_late_entry"].items():
        assert found[name] == pytest.approx(value, abs=1e-9), name


def test_incidence_equals_lifelines(reference: dict[str, Any]) -> None:
    data = reference["data"]
    curves = incidence(np.array(data["untied_days"]), np.array(data["ending"]), 3)
    for row in reference["aalen_johansen"]:
        shares, variances = curves.at(row["day"])
        assert shares[row["ending"] - 1] == pytest.approx(row["share"], abs=1e-9)
        assert np.sqrt(variances[row["ending"] - 1]) == pytest.approx(np.sqrt(row["variance"]), abs=1e-9)


def test_log_rank_equals_lifelines(reference: dict[str, Any]) -> None:
    data, said = reference["data"], reference["log_rank"]
    found = log_rank(np.array(data["days"]), np.array(data["ending"]) > 0, np.array(data["group"]))
    assert found == (pytest.approx(said["chi_square"], abs=1e-9), said["degrees"])
