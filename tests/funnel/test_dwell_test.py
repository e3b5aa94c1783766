"""Dwell test: finds a true difference, keeps its level where there is none, and counts its comparisons."""

from __future__ import annotations

import numpy as np
import pytest
from test_dwell import company, weibull

from salesiq import funnel
from salesiq.book import Book
from salesiq.funnel.survival import chance_of, log_rank


def test_finds_the_source_that_waits_longer_and_names_it() -> None:
    rng = np.random.default_rng(2)
    sources = rng.choice(["fair", "referral", "web"], 900)
    stays = weibull(rng, 900) * np.where(sources == "web", 1.8, 1.0)
    snapshot = company(stays, rng.uniform(0, 90, 900), 90.0, source=sources.tolist())
    together = funnel.dwell_test(snapshot, by="source").row(0, named=True)
    assert (together["n_groups"], together["n_degrees"], together["n_comparisons"]) == (3, 2, 1)
    assert together["p_value"] < 1e-3
    each = funnel.dwell_test(snapshot, by="source", each=True)
    assert each["source"].to_list() == ["fair", "referral", "web"]
    assert each["adjusted_p_value"].arg_min() == 2
    assert each["n_comparisons"].to_list() == [3, 3, 3]
    assert each["adjusted_p_value"].min() == pytest.approx(3 * each["p_value"].min())


def test_a_group_that_is_alone_is_not_tested_and_does_not_count() -> None:
    rng = np.random.default_rng(3)
    snapshot = company(weibull(rng, 40), np.zeros(40), 90.0, source=["web"] * 40)
    row = funnel.dwell_test(snapshot, by="source").row(0, named=True)
    assert (row["p_value"], row["adjusted_p_value"], row["n_comparisons"], row["n_visits"]) == (None, None, 0, 40)
    assert funnel.dwell_test(Book().as_of("2026-01-01"), by="source").is_empty()


def test_deals_without_a_value_are_a_group() -> None:
    rng = np.random.default_rng(4)
    sources = [None, "web"] * 100
    found = funnel.dwell_test(company(weibull(rng, 200), np.zeros(200), 90.0, source=sources), by="source", each=True)
    assert found["source"].to_list() == ["web", None]
    assert found["chi_square"].to_list() == pytest.approx([found["chi_square"][0]] * 2)


def test_a_window_looks_at_what_waited_in_it() -> None:
    rng = np.random.default_rng(6)
    entries, sources = rng.uniform(0, 300, 1500), rng.choice(["fair", "web"], 1500)
    stays = weibull(rng, 1500) * np.where((sources == "web") & (entries > 150), 2.5, 1.0)
    snapshot = company(stays, entries, 300.0, source=sources.tolist())
    early = funnel.dwell_test(snapshot, by="source", window=("2025-01-01", "2025-05-01"))["p_value"].item()
    late = funnel.dwell_test(snapshot, by="source", window=("2025-07-01", "2025-11-01"))["p_value"].item()
    assert early > 0.01
    assert late < 1e-6


@pytest.mark.slow
def test_false_alarms_keep_the_level() -> None:
    """Without a difference, five of a hundred tests say that there is one."""
    rng = np.random.default_rng(12)
    n_found = 0
    for _ in range(2000):
        stays, entries, group = weibull(rng, 200), rng.uniform(0, 90, 200), rng.integers(0, 3, 200)
        is_left = entries + stays <= 90
        n_found += chance_of(*log_rank(np.where(is_left, stays, 90 - entries), is_left, group)) < 0.05
    assert 0.04 <= n_found / 2000 <= 0.062
