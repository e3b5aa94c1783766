"""Exits: against a plain loop over visits, against a known answer in a simulation, and what must be null."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest
from large_company import LargeCompany
from numpy.typing import NDArray

from salesiq import funnel
from salesiq.book import Book, Snapshot
from salesiq.errors import UsageError
from salesiq.funnel.survival import incidence, share_interval

START = dt.datetime(2025, 1, 1)
RATES = {"won": 0.012, "lost": 0.025, "advanced": 0.02}  # a day: the answer is known
ALL = sum(RATES.values())
STAGES = pl.DataFrame(
    {
        "stage": ["lead", "quote", "won", "lost"],
        "position": [1, 2, 3, 4],
        "is_won": [False, False, True, False],
        "is_lost": [False, False, False, True],
    }
)
Floats = NDArray[np.float64]


def true_share(name: str, day: float) -> float:
    return RATES[name] / ALL * (1 - np.exp(-ALL * day))


def simulated(n: int, cut: float, seed: int) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Entries over `cut` days, lengths of wait, and endings (1 advanced, 2 won, 3 lost, as in EXITS)."""
    rng = np.random.default_rng(seed)
    ending = rng.choice([2, 3, 1], n, p=[rate / ALL for rate in RATES.values()])
    return rng.uniform(0, cut, n), rng.exponential(1 / ALL, n), ending


def snapshot_of(entries: Floats, stays: Floats, ending: NDArray[np.int64], cut: float, **columns: list[str]) -> Snapshot:
    entered = [START + dt.timedelta(days=float(x)) for x in entries]
    left = [a + dt.timedelta(days=float(x)) for a, x in zip(entered, stays, strict=True)]
    ids, goal = [f"D{i:05d}" for i in range(len(stays))], {1: "quote", 2: "won", 3: "lost"}
    stage = ["lead"] * len(stays) + [goal[int(k)] for k in ending]
    events = pl.DataFrame({"deal_id": ids * 2, "stage": stage, "entered_at": entered + left})
    deals = pl.DataFrame({"deal_id": ids, "created_at": entered, **columns})
    book = Book.from_frames(stage_events=events, deals=deals, stages=STAGES, exported_at=START + dt.timedelta(days=4000))
    return book.as_of(START + dt.timedelta(days=cut))


def leads(found: pl.DataFrame, day: float) -> dict[str, dict[str, float]]:
    rows = found.filter((pl.col("stage") == "lead") & (pl.col("day") == day)).to_dicts()
    return {row["exit"]: row for row in rows}


def test_equal_to_a_plain_loop_over_the_visits() -> None:
    entries, stays, ending = simulated(150, 70, 2)
    snapshot = snapshot_of(entries, np.ceil(stays), ending, 70)
    visits = funnel.visits(snapshot).filter(pl.col("stage") == "lead")
    days, said = visits["days"].to_numpy(), visits["exit"].to_list()
    found = funnel.exits(snapshot, days=[5, 20])
    waiting, shares = 1.0, dict.fromkeys(RATES, 0.0)
    for day in sorted(set(days[days <= 20])):
        at_risk = sum(days >= day)
        ended = {name: sum(1 for d, e in zip(days, said, strict=True) if d == day and e == name) for name in RATES}
        shares = {name: share + waiting * ended[name] / at_risk for name, share in shares.items()}
        waiting *= 1 - sum(ended.values()) / at_risk
    rows = leads(found, 20)
    assert {name: rows[name]["share"] for name in RATES} == pytest.approx(shares, abs=1e-12)
    assert rows["waiting"]["share"] == pytest.approx(waiting, abs=1e-12)
    assert rows["won"]["n_exits"] == sum(1 for d, e in zip(days, said, strict=True) if d <= 20 and e == "won")
    assert (rows["won"]["n_at_risk"], rows["won"]["n_visits"]) == (sum(days >= 20), visits.height)


@pytest.mark.parametrize("cut", [60, 120])
def test_within_two_points_of_truth(cut: int) -> None:
    rows = leads(funnel.exits(snapshot_of(*simulated(20_000, cut, cut), cut), days=[30]), 30)
    for name in RATES:
        assert rows[name]["share"] == pytest.approx(true_share(name, 30), abs=0.02), name
    naive = rows["lost"]["n_exits"] / rows["lost"]["n_visits"]
    assert naive < true_share("lost", 30) - 0.02  # the plain share of those that entered is too low


def test_the_five_shares_of_a_day_sum_to_one_and_stand_in_order() -> None:
    found = funnel.exits(snapshot_of(*simulated(200, 60, 1), 60), days=[30, 7])
    assert found["day"].unique(maintain_order=True).to_list() == [7, 30]
    assert found["exit"].to_list()[:5] == ["advanced", "won", "lost", "regressed", "waiting"]
    sums = found.group_by("stage", "day").agg(pl.col("share").sum())["share"].drop_nulls()
    assert sums.to_list() == pytest.approx([1.0] * len(sums))


def test_beyond_the_longest_wait_the_share_is_null_unless_all_have_ended() -> None:
    entries, stays, ending = np.zeros(4), np.array([2.0, 3.0, 50.0, 50.0]), np.array([2, 3, 2, 2])
    found = leads(funnel.exits(snapshot_of(entries, stays, ending, 10), days=[11]), 11)
    assert {row["share"] for row in found.values()} == {None}
    assert found["won"]["n_exits"] == 1
    ended = leads(funnel.exits(snapshot_of(entries, stays, ending, 60), days=[55]), 55)
    assert (ended["won"]["share"], ended["lost"]["share"], ended["waiting"]["share"]) == pytest.approx((0.75, 0.25, 0.0))


def test_groups_stand_side_by_side() -> None:
    entries, stays, ending = simulated(2000, 100, 4)
    sources = np.where(ending == 2, "web", "fair").tolist()
    found = funnel.exits(snapshot_of(entries, stays, ending, 100, source=sources), by="source", days=[30])
    won = found.filter((pl.col("stage") == "lead") & (pl.col("exit") == "won"))
    assert won.select("source", pl.col("share") > 0).rows() == [("fair", False), ("web", True)]


def test_a_day_below_zero_and_an_unknown_stage_are_refused() -> None:
    snapshot = snapshot_of(*simulated(5, 60, 1), 60)
    with pytest.raises(UsageError, match="Day -1 lies before"):
        funnel.exits(snapshot, days=[7, -1])
    with pytest.raises(UsageError, match="no stage leed; the nearest is lead"):
        funnel.exits(snapshot, stages=["leed"])


def test_an_empty_book_gives_an_empty_frame_with_every_column() -> None:
    found = funnel.exits(Book().as_of("2026-01-01"), by="region")
    assert found.columns[:6] == ["stage", "region", "day", "exit", "share", "low_share"]
    assert found.is_empty()


@pytest.mark.slow
@pytest.mark.parametrize("day", [7.0, 30.0, 90.0])
def test_intervals_cover_what_they_say(day: float) -> None:
    """2,000 companies of 400 deals: each 95 % interval holds the true incidence in 93 to 97 % of them."""
    held = dict.fromkeys(RATES, 0)
    for seed in range(2000):
        entries, stays, ending = simulated(400, 150, seed)
        is_left = entries + stays <= 150
        days = np.where(is_left, stays, 150 - entries)
        shares, variances = incidence(days, np.where(is_left, ending, 0), 4).at(day)
        low, high = share_interval(shares, variances, float((days >= day).sum()))
        for at, name in enumerate(["advanced", "won", "lost"]):
            held[name] += bool(low[at] <= true_share(name, day) <= high[at])
    assert all(0.93 <= n / 2000 <= 0.97 for n in held.values()), held


@pytest.mark.slow
def test_the_large_sample_company_is_within_two_points_at_thirty_days(large_company: LargeCompany) -> None:
    found = funnel.exits(large_company.snapshot, days=[30])
    for stage in found["stage"].unique():
        truth = large_company.visits.filter(pl.col("stage") == stage)
        for row in found.filter((pl.col("stage") == stage) & (pl.col("exit") != "waiting")).to_dicts():
            true = ((truth["days"] <= 30) & (truth["exit"] == row["exit"])).mean()
            assert row["share"] == pytest.approx(true, abs=0.02), (stage, row["exit"])
