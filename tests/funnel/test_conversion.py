"""Conversion: an immature cohort is no fall, mature ones are plain shares, and the projection meets what really comes."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import numpy as np
import polars as pl
import pytest
from large_company import LargeCompany

from salesiq import funnel
from salesiq.book import Book, Snapshot
from salesiq.errors import UsageError
from salesiq.funnel.conversion import _cohorts, _curve

START = dt.datetime(2025, 1, 1)
STAGES = pl.DataFrame(
    {
        "stage": ["lead", "quote", "won", "lost"],
        "position": [1, 2, 3, 4],
        "is_won": [False, False, True, False],
        "is_lost": [False, False, False, True],
    }
)
P_WIN = 0.3


def company(n: int, cut: float, seed: int, p_win: float = P_WIN, **columns: list[object]) -> tuple[Book, dt.datetime]:
    """Leads that enter over `cut` days; a share `p_win` wins after about 30 days, the rest is lost after about 20."""
    rng = np.random.default_rng(seed)
    entries, is_won = rng.uniform(0, cut, n), rng.random(n) < p_win
    stays = np.where(is_won, rng.gamma(3, 10, n), rng.gamma(2, 10, n))
    entered = [START + dt.timedelta(days=float(x)) for x in entries]
    left = [a + dt.timedelta(days=float(x)) for a, x in zip(entered, stays, strict=True)]
    ids = [f"D{i:05d}" for i in range(n)]
    stage = ["lead"] * n + np.where(is_won, "won", "lost").tolist()
    events = pl.DataFrame({"deal_id": ids * 2, "stage": stage, "entered_at": entered + left})
    deals = pl.DataFrame({"deal_id": ids, "created_at": entered, **columns})
    book = Book.from_frames(stage_events=events, deals=deals, stages=STAGES, exported_at=START + dt.timedelta(days=4000))
    return book, START + dt.timedelta(days=cut)


def moves(rows: list[tuple[str, str, float]], as_of: float, **frames: pl.DataFrame) -> Snapshot:
    dated = [(deal, stage, START + dt.timedelta(days=n)) for deal, stage, n in rows]
    events = pl.DataFrame(dated, schema=["deal_id", "stage", "entered_at"], orient="row")
    return Book.from_frames(stage_events=events, stages=STAGES, **frames).as_of(START + dt.timedelta(days=as_of))


def test_an_immature_cohort_is_projected_and_does_not_look_like_a_fall() -> None:
    book, now = company(6000, 180, 3)
    found = funnel.conversion(book.as_of(now), stages=["lead"])
    young = found.row(-1, named=True)
    assert (young["cohort"], young["is_mature"]) == ("2025-06", False)
    assert young["naive_share"] < 0.12  # what a dashboard would show
    assert young["share"] == pytest.approx(P_WIN, abs=0.04)
    assert young["low_share"] < P_WIN < young["high_share"]
    assert (found["share"] - P_WIN).abs().max() < 0.05


def test_once_all_is_decided_the_share_is_the_plain_one() -> None:
    book, now = company(800, 180, 4)
    found = funnel.conversion(book.as_of(now + dt.timedelta(days=1000)), stages=["lead"])
    assert found["is_mature"].all()
    assert found["n_open"].sum() == 0
    assert found["share"].to_list() == pytest.approx((found["n_done"] / found["n_entered"]).to_list())
    assert found["n_entered"].to_list() == (found["n_done"] + found["n_failed"]).to_list()


def test_the_projection_meets_what_came_later() -> None:
    book, now = company(12_000, 150, 5)
    then = funnel.conversion(book.as_of(now), cohort="quarter", stages=["lead"])
    later = funnel.conversion(book.as_of(now + dt.timedelta(days=1000)), cohort="quarter", stages=["lead"])
    assert then["cohort"].to_list() == later["cohort"].to_list() == ["2025-Q1", "2025-Q2"]
    assert (then["n_done"] + then["n_expected"]).to_list() == pytest.approx(later["n_done"].to_list(), rel=0.04)


def test_a_true_fall_shows_as_far_as_it_is_decided() -> None:
    rng = np.random.default_rng(6)
    n, cut = 6000, 180
    entries = rng.uniform(0, cut, n)
    is_won = rng.random(n) < np.where(entries > 90, 0.1, 0.4)
    stays = rng.gamma(2, 10, n)
    rows = [(f"D{i}", "lead", float(e)) for i, e in enumerate(entries)]
    rows += [
        (f"D{i}", "won" if w else "lost", float(e + s)) for i, (e, s, w) in enumerate(zip(entries, stays, is_won, strict=True))
    ]
    found = funnel.conversion(moves(rows, cut), stages=["lead"]).select("cohort", "share", "high_share").rows()
    assert {cohort: share for cohort, share, _ in found}["2025-02"] == pytest.approx(0.4, abs=0.05)
    assert next(high for cohort, _, high in found if cohort == "2025-05") < 0.25


def test_to_the_next_stage_every_visit_counts_and_to_a_win_every_deal_once() -> None:
    rows = [
        ("A", "lead", 0),
        ("A", "quote", 2),
        ("A", "lead", 4),
        ("A", "quote", 6),
        ("A", "won", 9),
        ("B", "lead", 1),
        ("B", "lost", 3),
    ]
    snapshot = moves(rows, 20)
    following = funnel.conversion(snapshot)
    assert following.select("stage", "n_entered", "n_done", "n_failed").rows() == [("lead", 3, 2, 1), ("quote", 2, 1, 1)]
    winning = funnel.conversion(snapshot, to="win")
    assert winning.select("stage", "n_entered", "n_done", "n_failed").rows() == [("lead", 2, 1, 1), ("quote", 1, 1, 0)]


def test_a_reopened_deal_counts_by_its_last_end() -> None:
    rows = [
        ("A", "lead", 0),
        ("A", "lost", 3),
        ("A", "lead", 40),
        ("A", "won", 45),
        ("B", "lead", 0),
        ("B", "won", 2),
        ("B", "lead", 5),
    ]
    found = funnel.conversion(moves(rows, 60), to="win").row(0, named=True)
    assert (found["cohort"], found["n_done"], found["n_failed"], found["n_open"]) == ("2025-01", 1, 0, 1)


def test_where_nothing_is_decided_nothing_is_guessed() -> None:
    found = funnel.conversion(moves([("A", "lead", 0), ("B", "lead", 1)], 5)).row(0, named=True)
    assert (found["n_open"], found["share"], found["low_share"], found["n_expected"], found["naive_share"]) == (
        2,
        None,
        None,
        None,
        0,
    )
    assert funnel.conversion(Book().as_of("2026-01-01"), by="region").columns[:4] == ["stage", "region", "cohort", "n_entered"]


def test_by_amount_a_large_deal_weighs_more_and_its_interval_is_wider() -> None:
    rows = [
        (deal, stage, n)
        for i in range(40)
        for deal, stage, n in ((f"D{i}", "lead", 0.0), (f"D{i}", "won" if i < 10 else "lost", 5.0))
    ]
    amounts = [Decimal(1000)] * 9 + [Decimal(20000)] + [Decimal(1000)] * 29 + [None]
    deals = pl.DataFrame(
        {"deal_id": [f"D{i}" for i in range(40)], "created_at": [START] * 40, "amount": amounts},
        schema_overrides={"amount": pl.Decimal(18, 2)},
    )
    found = funnel.conversion(moves(rows, 20, deals=deals)).row(0, named=True)
    assert (found["amount"], found["done_amount"]) == (Decimal("58000.00"), Decimal("29000.00"))
    assert (found["share"], found["amount_share"]) == pytest.approx((0.25, 0.5))
    assert found["amount_high_share"] - found["amount_low_share"] > 2 * (found["high_share"] - found["low_share"])


def test_a_group_with_enough_decided_deals_is_projected_by_its_own_curve() -> None:
    n, rng = 4000, np.random.default_rng(8)
    sources = rng.choice(["fair", "web"], n)
    entries = rng.uniform(0, 150, n)
    is_won = rng.random(n) < np.where(sources == "web", 0.6, 0.2)
    stays = rng.gamma(2, 12, n)
    rows = [(f"D{i}", "lead", float(e)) for i, e in enumerate(entries)]
    rows += [
        (f"D{i}", "won" if w else "lost", float(e + s)) for i, (e, s, w) in enumerate(zip(entries, stays, is_won, strict=True))
    ]
    deals = pl.DataFrame(
        {
            "deal_id": [f"D{i}" for i in range(n)],
            "created_at": [START + dt.timedelta(days=float(e)) for e in entries],
            "source": sources,
        }
    )
    found = funnel.conversion(moves(rows, 150, deals=deals), by="source", stages=["lead"])
    youngest = found.group_by("source", maintain_order=True).last()
    assert dict(youngest.select("source", "share").rows()) == pytest.approx({"fair": 0.2, "web": 0.6}, abs=0.06)


def test_what_cannot_be_meant_is_refused() -> None:
    snapshot = moves([("A", "lead", 0)], 5)
    with pytest.raises(UsageError, match="not to 'moon'"):
        funnel.conversion(snapshot, to="moon")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="nearest is lead"):
        funnel.conversion(snapshot, stages=["leed"])


@pytest.mark.slow
def test_intervals_of_young_cohorts_hold_the_true_rate() -> None:
    """1,000 companies: each cohort's interval holds the true rate at least as often as it says, the youngest more often."""
    rng, held = np.random.default_rng(31), {"2025-01": 0, "2025-05": 0}
    for _ in range(1000):
        # the statistics alone: a thousand books would only measure the database again
        cases = _simulated(rng, 700, 150)
        rows = {str(row["cohort"]): row for row in _cohorts(cases, _curve(cases))}
        for cohort in held:
            held[cohort] += rows[cohort]["low_share"] <= P_WIN <= rows[cohort]["high_share"]  # type: ignore[operator]
    assert 0.93 <= held["2025-01"] / 1000 <= 0.975
    assert held["2025-05"] / 1000 >= 0.93


def _simulated(rng: np.random.Generator, n: int, cut: float) -> pl.DataFrame:
    entries, is_won = rng.uniform(0, cut, n), rng.random(n) < P_WIN
    stays = np.where(is_won, rng.gamma(3, 10, n), rng.gamma(2, 10, n))
    is_left = entries + stays <= cut
    months = [f"{START + dt.timedelta(days=float(x)):%Y-%m}" for x in entries]
    ending = np.where(is_left, np.where(is_won, 1, 2), 0)
    frame = pl.DataFrame({"cohort": months, "days": np.where(is_left, stays, cut - entries), "ending": ending})
    return frame.with_columns(amount=pl.lit(None, pl.Decimal(18, 2)))


@pytest.mark.slow
def test_the_large_sample_company_converts_as_its_deals_truly_do(large_company: LargeCompany) -> None:
    found = funnel.conversion(large_company.snapshot, cohort="quarter")
    for stage in found["stage"].unique():
        rows = found.filter(pl.col("stage") == stage)
        expected = float((rows["n_done"] + rows["n_expected"].fill_null(0)).sum() / rows["n_entered"].sum())
        true = large_company.visits.filter(pl.col("stage") == stage)["exit"].is_in(["advanced", "won"]).mean()
        assert expected == pytest.approx(true, abs=0.02), stage
