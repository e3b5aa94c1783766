"""Every planted fact is in the frames, where the truth says it is."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from salesiq import sample
from salesiq.sample.customers import credit_codes


def bookings_targets(sample_company, period: str, version: str = "v1") -> dict[str, float]:
    rows = sample_company.frames["targets"].filter(
        (pl.col("period") == period) & (pl.col("measure") == "bookings") & (pl.col("version") == version)
    )
    return {unit or rep: float(amount) for unit, rep, amount in rows.select("unit_id", "rep_id", "amount").iter_rows()}


def children_of(sample_company, unit: str) -> list[str]:
    below = sample_company.frames["org_units"].filter(pl.col("parent_unit_id") == unit)["unit_id"].to_list()
    reps = sample_company.frames["reps"].filter((pl.col("unit_id") == unit) & (pl.col("role") == "rep"))["rep_id"].to_list()
    return below or reps


def test_targets_decay_as_the_truth_says_edge_by_edge(sample_company):
    decay = sample_company.truth["target_decay"]
    targets = bookings_targets(sample_company, decay["period"])
    assert targets["U0"] == 320_000_000
    regions = children_of(sample_company, "U0")
    assert sum(targets[region] for region in regions) == 305_000_000
    cities = [city for region in regions for city in children_of(sample_company, region)]
    assert sum(targets[city] for city in cities) == 278_000_000
    for edge in decay["edges"]:
        children = sum(targets.get(child, 0) for child in children_of(sample_company, edge["unit_id"]))
        assert children == edge["children_amount"]
        assert targets[edge["unit_id"]] == edge["amount"]
        assert edge["retained_share"] == pytest.approx(children / edge["amount"], abs=1e-6)


def test_exactly_one_city_slipped_a_digit(sample_company):
    edges = sample_company.truth["target_decay"]["edges"]
    slips = [edge for edge in edges if edge["kind"] == "unit_slip"]
    assert len(slips) == 1
    assert slips[0]["retained_share"] == pytest.approx(0.1, abs=0.002)
    others = [edge["retained_share"] for edge in edges if edge["kind"] != "unit_slip"]
    assert 0.8 < min(others) <= max(others) <= 1.07
    assert {edge["kind"] for edge in edges} == {"decay", "exact", "rounding", "hedge", "not_assigned", "unit_slip"}


def test_a_level_is_missing_in_an_earlier_quarter(sample_company):
    missing = sample_company.truth["target_decay"]["missing_level"]
    targets = bookings_targets(sample_company, missing["period"])
    assert missing["unit_id"] not in targets
    assert all(targets[rep] > 0 for rep in children_of(sample_company, missing["unit_id"]) if rep in targets)
    assert sum(rep in targets for rep in children_of(sample_company, missing["unit_id"])) > 0


def test_months_sum_to_their_quarter(sample_company):
    quarter = bookings_targets(sample_company, "2026-Q2")
    months = [bookings_targets(sample_company, f"2026-{month:02d}") for month in (4, 5, 6)]
    for holder, amount in quarter.items():
        assert sum(month[holder] for month in months) == amount


def test_a_revision_lowers_a_quarter(sample_company):
    first, second = bookings_targets(sample_company, "2025-Q4"), bookings_targets(sample_company, "2025-Q4", "v2")
    assert first.keys() == second.keys()
    assert all(second[holder] == pytest.approx(0.9 * amount, rel=0.001) for holder, amount in first.items())


@pytest.mark.parametrize("quarter", ["2025-Q3", "2025-Q4", "2026-Q1", "2026-Q2"])
def test_the_company_attains_most_of_its_target(sample_company, quarter):
    start = date(int(quarter[:4]), int(quarter[-1]) * 3 - 2, 1)
    end = (start + timedelta(days=95)).replace(day=1)
    won = sample_company.frames["deals"].filter(
        (pl.col("status") == "won") & pl.col("closed_at").is_between(start, end, closed="left")
    )
    assert 0.6 < float(won["amount"].sum()) / bookings_targets(sample_company, quarter)["U0"] < 1.15


def test_the_worst_recorders_are_the_worst(sample_company):
    people = sample_company.truth["people"]
    by_design = {rep for role in ("selective", "no_records", "backfill") for rep in people["roles"][role]}
    enough = {rep for rep, n in people["last_week"]["n_records"].items() if n >= 4}
    for shares in (people["good_share"], people["last_week"]["good_share"]):
        ranked = sorted((share, rep) for rep, share in shares.items() if rep in enough - by_design)
        assert {rep for _, rep in ranked[:3]} == set(people["roles"]["worst_records"])
    assert enough >= set(people["roles"]["worst_records"])


def test_a_good_record_is_timely_complete_and_verifiable(sample_company):
    """Second computation: from the frame alone."""
    joined = sample_company.frames["activities"].join(sample_company.truth_frames["records"], on="activity_id")
    timely = (joined["recorded_at"] - joined["occurred_at"]) <= timedelta(hours=2)
    complete = joined.select(pl.all_horizontal(pl.col("pain_point", "solution_fit", "next_step").is_not_null())).to_series()
    dated = joined["next_step_due_at"].is_not_null()
    assert (timely & complete & dated).equals(joined["is_good"])
    shares = joined.group_by("rep_id").agg(pl.col("is_good").mean())
    for rep, share in shares.iter_rows():
        assert sample_company.truth["people"]["good_share"][rep] == pytest.approx(share, abs=1e-4)


def test_back_filled_records_come_in_friday_bursts(sample_company):
    joined = sample_company.frames["activities"].join(sample_company.truth_frames["records"].drop("rep_id"), on="activity_id")
    for rep in sample_company.truth["people"]["roles"]["backfill"]:
        late = joined.filter((pl.col("rep_id") == rep) & pl.col("is_backfilled")).sort("recorded_at")
        own = joined.filter(pl.col("rep_id") == rep)
        assert 0.4 < late.height / own.height < 0.6
        assert set(late["recorded_at"].dt.weekday()) == {5}
        gaps = late["recorded_at"].diff().drop_nulls().dt.total_seconds()
        assert (gaps <= 60).mean() > 0.4


def test_one_rep_records_only_wins_and_only_after_them(sample_company):
    (rep,) = sample_company.truth["people"]["roles"]["selective"]
    deals = sample_company.frames["deals"].select("deal_id", "owner_id", "status", "closed_at")
    own = sample_company.frames["activities"].filter(pl.col("rep_id") == rep).join(deals, on="deal_id")
    assert own.height > 5
    assert set(own["status"]) == {"won"}
    assert (own["recorded_at"] > own["closed_at"]).all()
    assert own["note"].n_unique() == 1
    assert deals.filter((pl.col("owner_id") == rep) & (pl.col("status") == "lost")).height > 5


def test_one_rep_signs_without_records(sample_company):
    (rep,) = sample_company.truth["people"]["roles"]["no_records"]
    since = datetime.fromisoformat(sample_company.truth["people"]["no_records_from"])
    own = sample_company.frames["activities"].filter(pl.col("rep_id") == rep)
    assert own.height > 50
    assert own["occurred_at"].max() < since
    won = sample_company.frames["deals"].filter(
        (pl.col("owner_id") == rep) & (pl.col("status") == "won") & (pl.col("closed_at") > since)
    )
    assert won.height > 0


def test_pseudo_advances_have_no_trace_of_the_customer(sample_company):
    planted = sample_company.truth["process"]["pseudo_advances"]
    owner = dict(sample_company.frames["deals"].select("deal_id", "owner_id").iter_rows())
    inbound = sample_company.frames["activities"].filter(pl.col("direction") == "inbound")
    events = set(sample_company.frames["stage_events"].select("deal_id", "entered_at").iter_rows())
    assert len(planted) > 40
    for move in planted:
        at = datetime.fromisoformat(move["entered_at"])
        near = inbound.filter(
            (pl.col("deal_id") == move["deal_id"])
            & pl.col("occurred_at").is_between(at - timedelta(days=10), at + timedelta(days=10))
        )
        assert near.height == 0
        assert (move["deal_id"], at) in events
        assert owner[move["deal_id"]] in sample_company.truth["people"]["roles"]["pseudo_advance"]
    assert sample_company.truth["process"]["pseudo_reversal_share"] > 0.4


def test_genuine_advances_have_a_trace_of_the_customer(sample_company):
    """What makes the planted ones findable: other reps' advances come with a sign from the customer within five days."""
    roles = sample_company.truth["people"]["roles"]
    without = {rep for role in ("pseudo_advance", "selective", "no_records") for rep in roles[role]}
    deals = sample_company.frames["deals"].filter(~pl.col("owner_id").is_in(list(without))).select("deal_id")
    moves = (
        sample_company.frames["stage_events"].join(deals, on="deal_id").filter(pl.col("stage").is_in(["方案报价", "商务谈判"]))
    )
    first = moves.sort("entered_at").unique("deal_id", keep="first", maintain_order=True).sort("entered_at")
    inbound = sample_company.frames["activities"].filter(pl.col("direction") == "inbound").sort("occurred_at")
    near = first.join_asof(
        inbound.select("deal_id", "occurred_at"),
        left_on="entered_at",
        right_on="occurred_at",
        by="deal_id",
        check_sortedness=False,
    )
    # Back-fillers' and late records after the export are missing, so not all.
    assert ((near["entered_at"] - near["occurred_at"]) < timedelta(days=6)).fill_null(value=False).mean() > 0.97


def test_silent_customers_are_silent(sample_company):
    silent = sample_company.truth["process"]["silent_customers"]
    assert len(silent) >= 3
    open_customers = set(sample_company.frames["deals"].filter(pl.col("status") == "open")["customer_id"])
    tiers = dict(sample_company.frames["customers"].select("customer_id", "tier").iter_rows())
    for row in silent:
        since = datetime.fromisoformat(row["silent_from"])
        after = sample_company.frames["activities"].filter(
            (pl.col("customer_id") == row["customer_id"]) & (pl.col("occurred_at") >= since)
        )
        assert after.height == 0
        assert row["customer_id"] in open_customers
        assert tiers[row["customer_id"]] == "TOP50"


def test_a_region_wins_less(sample_company):
    fall = sample_company.truth["process"]["win_rate_fall"]
    cities = children_of(sample_company, fall["unit_id"])
    reps = [rep for city in cities for rep in children_of(sample_company, city)]
    closed = sample_company.frames["deals"].filter(pl.col("owner_id").is_in(reps) & (pl.col("status") != "open"))
    after = closed.filter(pl.col("closed_at") >= datetime.fromisoformat(fall["from"]))
    assert (after["status"] == "won").sum() == fall["after"]["n_won"]
    assert after.height == fall["after"]["n_won"] + fall["after"]["n_lost"]
    assert fall["after"]["win_share"] < 0.7 * fall["before"]["win_share"]


def test_links_are_broken_where_the_truth_says(sample_company):
    broken, frames = sample_company.truth["broken_links"], sample_company.frames
    contracts = frames["contracts"]
    assert all(len(rows) >= 4 for rows in broken.values())
    assert set(broken["won_without_contract"]).isdisjoint(contracts["deal_id"])
    assert set(frames["deals"].filter(pl.col("deal_id").is_in(broken["won_without_contract"]))["status"]) == {"won"}
    without = contracts.filter(pl.col("deal_id").is_in(broken["contract_without_order"]))
    assert without.height == len(broken["contract_without_order"])
    assert set(without["contract_id"]).isdisjoint(frames["orders"]["contract_id"].drop_nulls())
    assert set(broken["order_without_invoice"]) <= set(frames["shipments"]["order_id"])
    assert set(broken["order_without_invoice"]).isdisjoint(frames["invoices"]["order_id"])
    early = frames["orders"].filter(pl.col("deal_id").is_in(broken["shipped_while_open"]))
    assert set(early["order_id"]) <= set(frames["shipments"]["order_id"])
    open_deals = set(frames["deals"].filter(pl.col("status") == "open")["deal_id"])
    assert set(broken["shipped_while_open"]) <= open_deals
    amounts = contracts.join(frames["deals"].select("deal_id", pl.col("amount").alias("agreed")), on="deal_id")
    differing = amounts.filter(pl.col("amount") != pl.col("agreed"))
    assert sorted(differing["deal_id"]) == broken["contract_amount_differs"]


def test_credit_fell_two_grades_where_a_proposal_is_open(sample_company):
    ratings = sample_company.frames["credit_ratings"].sort("customer_id", "rated_on")
    proposals = set(sample_company.frames["deals"].filter(pl.col("stage") == "方案报价")["customer_id"])
    recent = sample_company.frames["orders"].filter(pl.col("ordered_at") > sample.EXPORTED_AT - timedelta(days=92))[
        "customer_id"
    ]
    planted = sample_company.truth["credit_downgrades"]
    assert len(planted) == 5
    for row in planted:
        last = ratings.filter(pl.col("customer_id") == row["customer_id"]).tail(2)
        before, after = last["rating"].to_list()
        assert ord(after) - ord(before) == 2
        assert str(last["rated_on"][-1]) == row["rated_on"]
        assert row["customer_id"] in proposals
        assert row["customer_id"] not in set(recent)


def test_scores_are_ability_less_difficulty_less_severity(sample_company):
    """Second computation: a plain least-squares fit on the scores of the old hands gives the planted effects back."""
    truth = sample_company.truth["capability"]
    veterans = sample_company.frames["reps"].filter(pl.col("hired_on") < date(2025, 1, 1))["rep_id"].to_list()
    scores = sample_company.frames["scenario_scores"].filter(pl.col("rep_id").is_in(veterans))
    parts = [("rep_id", truth["ability"], 1), ("scenario_id", truth["difficulty"], -1), ("rater_id", truth["severity"], -1)]
    names = [sorted(scores[column].unique()) for column, _, _ in parts]
    design = np.hstack(
        [
            scores.select([(pl.col(column) == name).cast(pl.Float64).alias(name) for name in group]).to_numpy()
            for (column, _, _), group in zip(parts, names, strict=True)
        ]
    )
    found = np.linalg.lstsq(design, scores["score"].to_numpy(), rcond=None)[0]
    at = 0
    for (_, planted, sign), group in zip(parts, names, strict=True):
        estimated, true = found[at : at + len(group)], np.array([sign * planted[name] for name in group])
        assert np.corrcoef(estimated, true)[0, 1] > 0.9
        at += len(group)
    hardest = sorted(truth["difficulty"], key=truth["difficulty"].get, reverse=True)[:3]
    assert sorted(hardest) == sorted(truth["weak_scenarios"])


def test_reps_forecast_with_the_optimism_they_were_given(sample_company):
    calls = sample_company.frames["forecast_calls"].group_by("rep_id").agg(sure=(pl.col("category") == "commit").mean())
    share = dict(calls.iter_rows())
    roles = sample_company.truth["people"]["roles"]
    assert share[roles["optimist"][0]] > max(0.2, share[roles["sandbagger"][0]] + 0.2)


def test_hostile_names_belong_to_customers_with_a_deal_in_negotiation(sample_company):
    names = dict(sample_company.frames["customers"].select("customer_id", "name").iter_rows())
    late = set(sample_company.frames["deals"].filter(pl.col("stage") == "商务谈判")["customer_id"])
    planted = sample_company.truth["hostile_names"]
    assert set(planted.values()) == {"<script>alert(1)</script>", "=cmd|' /C calc'!A0"}
    assert all(names[customer] == name and customer in late for customer, name in planted.items())


def test_credit_codes_carry_a_right_check_sign():
    signs = "0123456789ABCDEFGHJKLMNPQRTUWXY"
    for code in credit_codes(np.random.default_rng(5), 200):
        total = sum(signs.index(sign) * 3**at for at, sign in enumerate(code[:17]))
        assert (total + signs.index(code[17])) % 31 == 0
