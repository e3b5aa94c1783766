"""Simulated wins: each part against a law that is known, or a second computation."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest
from steady_company import END, EXPORTS, steady_book, steady_frames

from salesiq import forecast
from salesiq.book import Book, Snapshot
from salesiq.errors import UsageError
from salesiq.forecast.intervals import N_INTERVALS, won_within
from salesiq.forecast.new_wins import draw_new, gamma_around_one, learn_ages, learn_arrivals, mix_of
from salesiq.forecast.open_wins import draw_open
from salesiq.forecast.shock import PRIOR_VARIANCE, Shock, learn_shock, past_spans
from salesiq.forecast.simulate_wins import sizes_of

NOW = dt.datetime(2026, 4, 1)


@pytest.fixture(scope="module")
def steady_now() -> Snapshot:
    return steady_book(steady_frames()).as_of(END)


@pytest.fixture(scope="module")
def steady_model(steady_now: Snapshot) -> forecast.WinModel:
    return forecast.win_model(steady_now)


def test_open_deals_are_won_as_their_hazards_say() -> None:
    hazards = np.random.default_rng(1).uniform(0.0, 0.3, (3, N_INTERVALS, 2))
    n_paths = 40_000
    for days in (3, 25, 90, 300):
        drawn = draw_open(hazards, days, np.ones(n_paths), np.random.default_rng(2))
        won = np.bincount(drawn.row, minlength=3) / n_paths
        assert drawn.day.min() >= 1
        assert drawn.day.max() <= days
        assert won == pytest.approx(won_within(hazards, days), abs=4 * 0.5 / n_paths**0.5)
    # and inside the time: by each day as many as by a horizon that ends there
    by_25 = np.bincount(drawn.row[drawn.day <= 25], minlength=3) / n_paths
    assert by_25 == pytest.approx(won_within(hazards, 25), abs=4 * 0.5 / n_paths**0.5)


def test_a_shock_multiplies_the_odds() -> None:
    hazards = np.zeros((1, N_INTERVALS, 2))
    hazards[0, 0] = 0.2, 0.3
    shock = np.repeat([1.0, 2.0], 40_000)
    drawn = draw_open(hazards, 5, shock, np.random.default_rng(3))
    twice = (drawn.path >= 40_000).sum() / 40_000
    assert (drawn.path < 40_000).sum() / 40_000 == pytest.approx(0.2, abs=0.01)
    assert twice / (1 - twice) == pytest.approx(2 * 0.2 / 0.8, abs=0.02)


def test_shock_has_mean_one_and_its_variance() -> None:
    drawn = Shock(0.04, 20.0).draw(200_000, np.random.default_rng(4))
    assert drawn.mean() == pytest.approx(1, abs=0.003)
    assert drawn.var() == pytest.approx(0.04, rel=0.1)


def test_arrivals_are_recovered() -> None:
    rng = np.random.default_rng(5)
    weekly = rng.negative_binomial(10, 10 / (10 + 30), 104)  # mean 30, variance 30 + 90: dispersion 0.1
    ago = np.concatenate([7 * week + rng.uniform(0, 7, n) for week, n in enumerate(weekly)])
    began = [NOW - dt.timedelta(days=float(day)) for day in ago]
    found = learn_arrivals(pl.DataFrame({"began_at": began}), NOW, 13)
    assert found.rate == pytest.approx(30, abs=3 * found.rate_variance**0.5)
    assert 0.03 < found.dispersion < 0.25
    rates = found.draw_rates(4000, 13, rng)
    assert rates.mean() == pytest.approx(found.rate, rel=0.02)
    level = rates.mean(axis=1).var() / found.rate**2
    assert level == pytest.approx(found.rate_variance / found.rate**2 + found.drift + found.dispersion / 13, rel=0.2)


def test_recent_weeks_weigh_more() -> None:
    ago = np.concatenate([np.linspace(0.1, 90.9, 910), np.linspace(91.1, 700, 609)])  # 10 a day now, 1 a day before
    began = [NOW - dt.timedelta(days=float(day)) for day in ago]
    found = learn_arrivals(pl.DataFrame({"began_at": began}), NOW, 13)
    assert 35 < found.rate < 50  # half the weight lies on the newest 13 weeks: (70 + 7) / 2 or so
    # the rate did change: the band must know that it may again
    assert found.drift > 0.1


def test_ages_at_winning_against_a_plain_loop() -> None:
    rng = np.random.default_rng(6)
    n = 400
    began = rng.uniform(0, 700, n)
    lasted = rng.exponential(60, n)
    is_open = lasted > began
    status = np.where(is_open, "open", np.where(rng.random(n) < 0.4, "won", "lost"))
    frame = pl.DataFrame(
        {
            "began_at": [NOW - dt.timedelta(days=float(day)) for day in began],
            "closed_at": [
                None if o else NOW - dt.timedelta(days=float(b - a)) for b, a, o in zip(began, lasted, is_open, strict=True)
            ],
            "status": status,
        },
        schema_overrides={"closed_at": pl.Datetime("us")},
    )
    found = learn_ages(frame, NOW)
    still, expected = 1.0, []
    ages = [int(min(b, a)) if not o else int(b) for b, a, o in zip(began, lasted, is_open, strict=True)]
    seen = [o or b - a <= 365 for b, a, o in zip(began, lasted, is_open, strict=True)]
    entries = [int(max(b - 365, 0)) for b in began]
    for age in range(len(found.chances)):
        risk = sum(s and e <= age <= a for e, a, s in zip(entries, ages, seen, strict=True))
        won = sum(s and a == age and st == "won" for a, s, st in zip(ages, seen, status, strict=True))
        over = sum(s and a == age and st != "open" for a, s, st in zip(ages, seen, status, strict=True))
        expected.append(still * won / max(risk, 1))
        still *= 1 - over / max(risk, 1)
    assert found.chances == pytest.approx(expected)
    assert found.chances.sum() == pytest.approx(0.4, abs=0.1)


def test_new_wins_are_as_many_as_the_law_says(steady_now: Snapshot) -> None:
    """Three deals a day, 40 % won after 40 days on average: known in closed form."""
    deals = steady_now.run("forecast.bookable_deals", order=("deal_id",))
    arrivals, ages = learn_arrivals(deals, END, 13), learn_ages(deals, END)
    mix = mix_of(deals, pl.Series([], dtype=pl.String), END)
    drawn = draw_new(arrivals, ages, mix.select("n", "win_factor").to_numpy(), 91, np.ones(2000), np.random.default_rng(7))
    within = 0.4 * 3.0 * (91 - 40 * (1 - np.exp(-91 / 40)))
    assert len(drawn.path) / 2000 == pytest.approx(within, rel=0.15)
    # the number on each day grows with the days, as deals must be created first
    early, late = ((drawn.day <= 30).sum(), (drawn.day > 61).sum())
    assert early < late / 2


def test_reps_who_left_get_nothing_new() -> None:
    deals = pl.DataFrame(
        {
            "began_at": [NOW - dt.timedelta(days=9)] * 3,
            "closed_at": pl.Series([None] * 3, dtype=pl.Datetime("us")),
            "status": ["open"] * 3,
            "rep_id": ["A", "B", None],
            "unit_id": ["U", "U", None],
            "product_line": [None, None, None],
        },
        schema_overrides={"product_line": pl.String},
    )
    found = mix_of(deals, pl.Series(["B"]), NOW)
    assert found["rep_id"].to_list() == ["A", None]


def test_places_have_their_shares() -> None:
    from salesiq.forecast.new_wins import Arrivals, WinAges

    mix = np.array([[300.0, 1.0], [100.0, 1.0], [100.0, 2.0]])
    drawn = draw_new(
        Arrivals(7.0, 0.0, 0.0, 0.0), WinAges(np.array([1.0]), 1e9), mix, 14, np.ones(4000), np.random.default_rng(8)
    )
    assert len(drawn.path) / 4000 == pytest.approx(14, rel=0.03)
    assert np.bincount(drawn.row) / len(drawn.row) == pytest.approx([0.5, 1 / 6, 1 / 3], abs=0.01)


def test_common_luck_is_found_where_it_is_planted() -> None:
    """Win shares that swing together by season are seen as a shock; a steady company has less than the prior says."""
    steady = learn_shock(_one_export(steady_frames(seed=11)), 60)
    deals = steady_frames(seed=11)
    season = (deals["closed_at"].dt.ordinal_day() // 61 + deals["closed_at"].dt.year()) % 2
    lucky = pl.Series(np.random.default_rng(1).random(deals.height)) < pl.Series(np.where(season == 1, 0.65, 0.15))
    swinging = learn_shock(
        _one_export(deals.with_columns(outcome=pl.when(lucky).then(pl.lit("won")).otherwise(pl.lit("lost")))), 60
    )
    assert steady.variance < PRIOR_VARIANCE
    assert swinging.variance > 4 * steady.variance


def test_past_spans_expect_what_comes_in_a_steady_company() -> None:
    spans = past_spans(_one_export(steady_frames(seed=12, per_day=6.0)), 60)
    expected, variance, won = (sum(column) for column in zip(*spans, strict=True))
    assert len(spans) >= 8
    assert abs(won - expected) < 4 * (2 * variance) ** 0.5  # each span overlaps half of the next


def test_an_open_deal_is_worth_its_amount_and_what_amounts_do_by_the_win(steady_now: Snapshot) -> None:
    sizes = sizes_of(steady_now)
    assert sizes.growth is not None
    assert not sizes.is_hindsight
    assert sizes.growth.mean == pytest.approx(1.1, abs=0.001)
    sources = pl.DataFrame({"product_line": ["tea", "tea"], "cents": [100_000, None]})
    rows = np.array([0] * 500 + [1] * 500)
    drawn = sizes.draw(sources, rows, np.zeros(1000, dtype=np.int64), 1, np.random.default_rng(9))
    assert drawn[:500] == pytest.approx(110_000, rel=0.001)
    assert drawn[500:].mean() == pytest.approx(sizes.lines["tea"].mean, rel=0.1)


def test_before_the_first_export_amounts_of_open_deals_are_not_known() -> None:
    now = _one_export(steady_frames())
    then = now.earlier(END - dt.timedelta(days=90))
    sizes = sizes_of(then)
    assert sizes.is_hindsight
    assert sizes.growth is None
    loud = steady_frames().with_columns(amount=pl.when(pl.col("closed_at") > then.as_of).then(10**7).otherwise("amount"))
    other = _one_export(loud).earlier(then.as_of)
    model = forecast.WinModel().fit(then)
    wins, same = (forecast.simulate_wins(each, 30, model=model, n_paths=50) for each in (then, other))
    assert (wins.cents == same.cents).all()
    assert wins.cents.max() < 10**7


def test_shape_and_order_of_wins(steady_now: Snapshot, steady_model: forecast.WinModel) -> None:
    wins = forecast.simulate_wins(steady_now, 91, model=steady_model, n_paths=200)
    again = forecast.simulate_wins(steady_now, 91, model=steady_model, n_paths=200)
    assert all((getattr(wins, name) == getattr(again, name)).all() for name in ("path", "day", "cents", "source"))
    assert wins.sources.columns == ["deal_id", "customer_id", "rep_id", "unit_id", "product_line"]
    keys = list(zip(wins.path.tolist(), wins.day.tolist(), wins.source.tolist(), strict=True))
    assert keys == sorted(keys)
    assert wins.day.min() >= 1
    assert wins.day.max() <= 91
    deal_of = wins.sources["deal_id"].to_numpy()[wins.source]
    of_open = [(path, deal) for path, deal in zip(wins.path.tolist(), deal_of, strict=True) if deal is not None]
    assert len(of_open) == len(set(of_open))  # no deal is won twice in a path
    assert wins.sources.filter(pl.col("deal_id").is_null())["customer_id"].null_count() == wins.sources["deal_id"].null_count()
    other = forecast.simulate_wins(steady_now, 91, model=steady_model, n_paths=200, seed=1)
    assert len(other.path) != len(wins.path) or (other.day != wins.day).any()


def test_wins_are_as_many_as_come_in_a_steady_company(steady_now: Snapshot, steady_model: forecast.WinModel) -> None:
    """In a steady state 0.4 x 3 deals a day are won, whoever is open now."""
    wins = forecast.simulate_wins(steady_now, 91, model=steady_model, n_paths=1000)
    assert len(wins.path) / 1000 == pytest.approx(0.4 * 3 * 91, rel=0.15)


@pytest.mark.parametrize(("days", "n_paths"), [(0, 10), (1.5, 10), (True, 10), (30, 0)])
def test_numbers_that_are_no_counts_are_refused(days: int, n_paths: int) -> None:
    with pytest.raises(UsageError, match="whole number from 1"):
        forecast.simulate_wins(Book.from_frames().as_of("2026-01-31"), days, n_paths=n_paths)


def test_gamma_around_one() -> None:
    drawn = gamma_around_one(0.2, (100_000,), np.random.default_rng(10))
    assert (drawn.mean(), drawn.var()) == (pytest.approx(1, abs=0.01), pytest.approx(0.2, rel=0.05))
    assert gamma_around_one(0.0, (3,), np.random.default_rng(1)) == pytest.approx([1, 1, 1], abs=1e-4)


def _one_export(deals: pl.DataFrame) -> Snapshot:
    return steady_book(deals, EXPORTS[-1:]).as_of(END)
