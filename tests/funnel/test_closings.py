"""What is counted on closed deals: win rates by period, velocity and its parts, team or chance, limits by rep."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom
from statsmodels.stats.proportion import proportion_confint

from salesiq import funnel, sample
from salesiq.book import Book, Snapshot
from salesiq.errors import UsageError
from salesiq.funnel.decompose import _split
from salesiq.funnel.velocity import FACTORS, _with_parts
from salesiq.funnel.win_limits import _with_limits

START = dt.datetime(2025, 1, 1)
Row = tuple[str, float, float | None, int | None]  # status, created and closed in days, amount


def day(n: float) -> dt.datetime:
    return START + dt.timedelta(days=n)


def book_of(rows: Sequence[Row], **columns: Sequence[object]) -> Book:
    schema = {
        "deal_id": pl.String,
        "status": pl.String,
        "created_at": pl.Datetime("us"),
        "closed_at": pl.Datetime("us"),
        "amount": pl.Decimal(18, 2),
    }
    told = [
        (
            f"D{i:05d}",
            status,
            day(created),
            None if closed is None else day(closed),
            None if amount is None else Decimal(amount),
        )
        for i, (status, created, closed, amount) in enumerate(rows)
    ]
    deals = pl.DataFrame(told, schema=schema, orient="row").with_columns(
        pl.Series(name, values) for name, values in columns.items()
    )
    return Book.from_frames(deals=deals, exported_at=day(4000))


def closed(n_won: int, n_lost: int, at: float, amount: int | None = 100) -> list[Row]:
    return [("won", at - 10, at, amount)] * n_won + [("lost", at - 10, at, amount)] * n_lost


# win_rate


def test_win_rates_and_their_changes_by_month() -> None:
    rows = closed(30, 30, 10) + closed(12, 48, 40) + closed(5, 0, 70 + 365) + closed(20, 20, 375)
    found = funnel.win_rate(book_of(rows).as_of(day(380)))
    assert found.select("starts_on", "n_won", "n_closed").rows() == [
        (dt.date(2025, 1, 1), 30, 60),
        (dt.date(2025, 2, 1), 12, 60),
        (dt.date(2026, 1, 1), 20, 40),
    ]
    february = found.row(1, named=True)
    assert (february["low_share"], february["high_share"]) == pytest.approx(proportion_confint(12, 60, method="wilson"))
    assert (february["change_share"], february["is_fall"]) == (pytest.approx(-0.3), True)
    later = found.row(2, named=True)
    assert (later["change_share"], later["year_change_share"], later["is_complete"]) == (None, 0.0, False)


def test_win_rates_by_amount_leave_out_what_has_none() -> None:
    rows = [*closed(1, 1, 10, 100), ("won", 0, 10, 300), ("lost", 0, 10, None), ("lost", 0, 10, -50)]
    found = funnel.win_rate(book_of(rows).as_of(day(31)), grain="year").row(0, named=True)
    assert (found["won_amount"], found["closed_amount"]) == (Decimal("400.00"), Decimal("500.00"))
    assert (found["share"], found["amount_share"]) == pytest.approx((0.4, 0.8))
    alike = 500**2 / (100**2 + 100**2 + 300**2)
    assert found["amount_low_share"] == pytest.approx(proportion_confint(0.8 * alike, alike, method="wilson")[0])
    no_amount = funnel.win_rate(book_of(closed(1, 1, 10, None)).as_of(day(31))).row(0, named=True)
    assert (no_amount["share"], no_amount["amount_share"], no_amount["amount_high_share"]) == (0.5, None, None)


def test_win_rates_by_group_compare_each_group_with_itself() -> None:
    rows = closed(10, 10, 10) + closed(5, 15, 10) + closed(10, 10, 40) + closed(5, 15, 40)
    found = funnel.win_rate(book_of(rows, source=["a"] * 20 + ["b"] * 20 + ["a"] * 20 + ["b"] * 20).as_of(day(60)), by="source")
    assert found.select("source", "share", "change_share").rows() == [
        ("a", 0.5, None),
        ("a", 0.5, 0.0),
        ("b", 0.25, None),
        ("b", 0.25, 0.0),
    ]
    with pytest.raises(UsageError, match="choose month, quarter, year"):
        funnel.win_rate(book_of(rows).as_of(day(60)), grain="decade")  # type: ignore[arg-type]


def test_without_closed_deals_there_is_no_rate_of_zero() -> None:
    assert funnel.win_rate(book_of([("open", 0, None, 5)]).as_of(day(60))).is_empty()
    assert funnel.win_rate(Book().as_of("2026-01-01"), by="region").columns[:3] == ["region", "starts_on", "is_complete"]


# velocity


def test_velocity_by_hand() -> None:
    rows = [("open", 0, None, 7)] * 12 + closed(3, 6, 80, 600) + closed(5, 0, 5, 9999)
    found = funnel.velocity(book_of(rows).as_of(day(90)), days=30).row(0, named=True)
    assert [found[name] for name in ("n_open", "win_share", "mean_won_amount", "cycle_days")] == pytest.approx(
        [12, 1 / 3, 600, 10]
    )
    assert found["velocity_amount"] == pytest.approx(12 / 3 * 600 / 10)
    assert (found["change_amount"], found["n_closed_before"], found["win_share_part"]) == (None, None, None)


factors = st.tuples(st.integers(1, 500), st.floats(0.01, 1), st.floats(1, 1e7), st.floats(0.1, 500))


@settings(max_examples=100, deadline=None, derandomize=True)
@given(before=factors, after=factors)
def test_parts_of_velocity_sum_to_its_change(before: tuple[float, ...], after: tuple[float, ...]) -> None:
    speeds = [n * share * amount / cycle for n, share, amount, cycle in (before, after)]
    row = {f"{name}_before": value for name, value in zip(FACTORS, before, strict=True)} | dict(
        zip(FACTORS, after, strict=True)
    )
    row |= {"velocity_amount_before": speeds[0], "velocity_amount": speeds[1], "n_closed": 9, "n_closed_before": 9}
    found = _with_parts(pl.DataFrame([row]), []).row(0, named=True)
    parts = [found[f"{name}_part"] for name in FACTORS]
    assert sum(parts) == pytest.approx(found["change_amount"], rel=1e-9, abs=1e-9 * max(speeds))
    ups = [np.sign(now - then) for now, then in zip(after, before, strict=True)]
    ups[3] = -ups[3]
    assert all(part * up >= 0 for part, up in zip(parts, ups, strict=True))


def test_velocity_of_two_moments_and_its_parts() -> None:
    rows = [("open", 5, None, 1)] * 3 + [("open", 150, None, 1)] * 2
    book = book_of(rows + closed(2, 2, 95, 100) + closed(3, 1, 195, 400))
    found = funnel.velocity(book.as_of(day(200)), book.as_of(day(100)), days=50).row(0, named=True)
    assert (found["velocity_amount_before"], found["velocity_amount"]) == pytest.approx(
        (3 * 0.5 * 100 / 10, 5 * 0.75 * 400 / 10)
    )
    parts = {name: found[f"{name}_part"] for name in FACTORS}
    assert sum(parts.values()) == pytest.approx(135)
    mean = 135 / np.log(150 / 15)
    assert parts == pytest.approx(
        {"n_open": mean * np.log(5 / 3), "win_share": mean * np.log(1.5), "mean_won_amount": mean * np.log(4), "cycle_days": 0}
    )


def test_only_the_factor_that_moved_has_a_part() -> None:
    rows = [("open", 0, None, 1)] * 4 + closed(5, 5, 90, 100) + closed(5, 5, 190, 300)
    book = book_of(rows)
    found = funnel.velocity(book.as_of(day(200)), book.as_of(day(100)), days=50).row(0, named=True)
    # those that were to close later were open at the first moment
    assert (found["n_open"], found["n_open_before"]) == (4, 4)
    assert found["mean_won_amount_part"] == pytest.approx(found["change_amount"])
    assert [found[f"{name}_part"] for name in ("n_open", "win_share", "cycle_days")] == pytest.approx([0, 0, 0])


def test_a_group_that_won_nothing_has_no_velocity_and_no_parts() -> None:
    rows = [("open", 0, None, 1), *closed(0, 3, 190), *closed(2, 2, 90)]
    book = book_of(rows, source=["a"] * 8)
    found = funnel.velocity(book.as_of(day(200)), book.as_of(day(100)), by="source", days=50).row(0, named=True)
    assert (found["win_share"], found["mean_won_amount"], found["velocity_amount"], found["change_amount"]) == (
        0,
        None,
        None,
        None,
    )
    assert (found["win_share_part"], found["n_closed"], found["n_closed_before"]) == (None, 3, 4)
    with pytest.raises(UsageError, match="does not lie before"):
        funnel.velocity(book.as_of(day(100)), book.as_of(day(200)))


# decompose

cells = st.lists(st.tuples(*[st.integers(0, 12)] * 4), min_size=1, max_size=5)


def two_moments(kinds: Sequence[tuple[int, ...]]) -> tuple[Snapshot, Snapshot]:
    """Kinds of deals with won and lost before and after."""
    rows: list[Row] = []
    sources: list[str] = []
    for at, (won0, lost0, won1, lost1) in enumerate(kinds):
        mine = closed(won0, lost0, 90) + closed(won1, lost1, 190)
        rows, sources = rows + mine, sources + [f"K{at}"] * len(mine)
    book = book_of(rows, source=pl.Series(sources, dtype=pl.String))
    return book.as_of(day(100)), book.as_of(day(200))


@settings(max_examples=200, deadline=None, derandomize=True)
@given(kinds=cells)
def test_mix_rate_and_chance_sum_to_the_change_and_equal_a_plain_loop(kinds: list[tuple[int, ...]]) -> None:
    n0, n1 = sum(k[0] + k[1] for k in kinds), sum(k[2] + k[3] for k in kinds)
    row: dict[str, Any] = _split(_counted(kinds))
    if not n0 or not n1:
        assert "change_share" not in row
        return
    assert row["mix_share"] + row["rate_share"] + row["chance_share"] == pytest.approx(row["change_share"], abs=1e-12)
    mix = 0.0
    for won0, lost0, won1, lost1 in kinds:
        m0, m1 = won0 + lost0, won1 + lost1
        if m0 + m1:
            p0, p1 = won0 / m0 if m0 else won1 / m1, won1 / m1 if m1 else won0 / m0
            mix += (m1 / n1 - m0 / n0) * (p0 + p1) / 2
    assert row["mix_share"] == pytest.approx(mix, abs=1e-12)
    assert abs(row["rate_share"]) <= abs(row["rate_share"] + row["chance_share"]) + 1e-15


def _counted(kinds: Sequence[tuple[int, ...]]) -> pl.DataFrame:
    rows = [(won0, won0 + lost0, won1, won1 + lost1) for won0, lost0, won1, lost1 in kinds]
    return pl.DataFrame(rows, schema=["n_won_before", "n_closed_before", "n_won", "n_closed"], orient="row")


def test_the_book_is_counted_by_kind_and_moment() -> None:
    kinds = [(5, 3, 2, 6), (0, 0, 4, 1), (2, 2, 0, 0)]
    found = funnel.decompose(*two_moments(kinds), days=50).row(0, named=True)
    expected = _split(_counted(kinds))
    assert {name: found[name] for name in expected} == pytest.approx(expected)
    assert funnel.decompose(*two_moments([(0, 0, 0, 0)]), days=50).is_empty()
    assert funnel.decompose(*two_moments([(1, 1, 0, 0)]), days=50)["change_share"].to_list() == [None]


def test_a_pure_change_of_mix_is_mix_and_a_large_true_fall_is_rate() -> None:
    mix = funnel.decompose(*two_moments([(80, 20, 40, 10), (20, 80, 30, 120)]), days=50).row(0, named=True)
    assert (mix["change_share"], mix["mix_share"], mix["rate_share"]) == pytest.approx((-0.15, -0.15, 0), abs=1e-12)
    fall = funnel.decompose(*two_moments([(400, 400, 200, 600)]), days=50).row(0, named=True)
    assert fall["mix_share"] == pytest.approx(0, abs=1e-12)
    assert fall["rate_share"] < 0.9 * fall["change_share"] < 0
    assert fall["p_value"] < 1e-6
    small = funnel.decompose(*two_moments([(10, 10, 9, 11)]), days=50).row(0, named=True)
    assert (small["rate_share"], small["chance_share"]) == (0.0, pytest.approx(-0.05))


def test_spans_that_overlap_are_refused() -> None:
    early, late = two_moments([(1, 1, 1, 1)])
    with pytest.raises(UsageError, match="overlap"):
        funnel.decompose(early, late, days=101)
    with pytest.raises(UsageError, match="overlap"):
        funnel.decompose(late, early, days=10)


def test_where_nothing_changed_p_values_are_level_and_most_changes_are_chance() -> None:
    rng = np.random.default_rng(5)
    found = [
        _split(
            pl.DataFrame(
                {"n_won_before": rng.binomial(n0, p), "n_closed_before": n0, "n_won": rng.binomial(n1, p), "n_closed": n1}
            )
        )
        for _ in range(1500)
        for n0, n1, p in [(np.array([60, 40, 20]), np.array([30, 50, 40]), np.array([0.5, 0.3, 0.1]))]
    ]
    p_values = np.array([row["p_value"] for row in found], dtype=np.float64)
    assert 0.035 <= (p_values < 0.05).mean() <= 0.065
    assert np.mean([row["rate_share"] == 0 for row in found]) == pytest.approx(0.68, abs=0.04)


def test_the_region_that_truly_wins_less_is_told_from_the_others(sample_company: Any, sample_book: Book) -> None:
    fall = sample_company.truth["process"]["win_rate_fall"]
    moment = dt.datetime.fromisoformat(fall["from"])
    cities = sample_company.frames["org_units"].filter(pl.col("parent_unit_id") == fall["unit_id"])["unit_id"].to_list()
    n_days = (sample.EXPORTED_AT - moment).days
    found = funnel.decompose(
        sample_book.as_of(moment), sample_book.as_of(sample.EXPORTED_AT), by="unit_id", mix="tier", days=n_days
    )
    inside = found.filter(pl.col("unit_id").is_in(cities))
    outside = found.filter(~pl.col("unit_id").is_in(cities) & pl.col("rate_share").is_not_null())
    assert inside["n_won"].sum() == fall["after"]["n_won"]
    weighted = (inside["rate_share"] * inside["n_closed"]).sum() / inside["n_closed"].sum()
    assert weighted < -0.05
    assert weighted < (outside["rate_share"] * outside["n_closed"]).sum() / outside["n_closed"].sum() - 0.05


# win_limits


def test_limits_are_those_of_the_binomial_distribution_around_the_rate_of_all() -> None:
    rows = closed(30, 70, 190) + closed(2, 48, 190) + closed(18, 32, 190)
    found = funnel.win_limits(book_of(rows, owner_id=["A"] * 100 + ["B"] * 50 + ["C"] * 50).as_of(day(200)))
    assert found["rep_id"].to_list() == ["A", "B", "C"]
    assert found["usual_share"].unique().to_list() == [0.25]
    assert found["finding"].to_list() == ["usual", "very_low", "usual"]
    for row in found.to_dicts():
        for name, level in (("low_95_share", 0.025), ("high_998_share", 0.999)):
            assert abs(row[name] * row["n_closed"] - binom.ppf(level, row["n_closed"], 0.25)) <= 1


def test_within_a_team_a_rep_is_compared_with_the_team() -> None:
    rows = closed(40, 10, 190) + closed(10, 40, 190)
    snapshot = book_of(rows, owner_id=["A"] * 50 + ["B"] * 50, source=["web"] * 50 + ["fair"] * 50).as_of(day(200))
    assert funnel.win_limits(snapshot)["finding"].to_list() == ["very_high", "very_low"]
    apart = funnel.win_limits(snapshot, within="source")
    assert apart.select("source", "rep_id", "finding").rows() == [("fair", "B", "usual"), ("web", "A", "usual")]


def test_older_closings_do_not_count_and_nothing_closed_gives_no_row() -> None:
    snapshot = book_of(closed(5, 5, 10), owner_id=["A"] * 10).as_of(day(200))
    assert funnel.win_limits(snapshot, days=100).is_empty()
    assert funnel.win_limits(snapshot, days=200)["n_closed"].to_list() == [10]
    with pytest.raises(UsageError, match="0 days are too few"):
        funnel.win_limits(snapshot, days=0)


def test_equal_reps_stand_outside_as_rarely_as_the_limits_say() -> None:
    rng = np.random.default_rng(4)
    n = rng.integers(5, 200, 20_000)
    won = rng.binomial(n, 0.3)
    found = _with_limits(pl.DataFrame({"n_won": won, "n_closed": n, "share": won / n, "usual_share": 0.3}))
    outside = found["finding"].value_counts()
    counts = dict(outside.rows())
    assert 0.03 <= 1 - counts["usual"] / 20_000 <= 0.055
    assert 0.0008 <= (counts["very_low"] + counts["very_high"]) / 20_000 <= 0.0035
