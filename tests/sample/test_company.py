"""The company is consistent, keeps every contract, and is the same company each time."""

from __future__ import annotations

import subprocess
import sys
from datetime import datetime

import polars as pl
import pytest

from salesiq import sample
from salesiq.errors import UsageError
from salesiq.tables import CONTRACTS

WRITTEN_BY_SALESIQ = {"loads", "rejects", "models"}
STAGES = ["线索", "需求诊断", "方案报价", "商务谈判", "赢单", "输单"]


def test_there_is_a_frame_for_every_table(sample_company):
    assert set(sample_company.frames) == set(CONTRACTS) - WRITTEN_BY_SALESIQ


@pytest.mark.parametrize("table", sorted(set(CONTRACTS) - WRITTEN_BY_SALESIQ))
def test_every_frame_keeps_its_contract(sample_company, table):
    frame, contract = sample_company.frames[table], CONTRACTS[table]
    good, failures = contract.check(frame)
    assert failures.rows() == []
    assert good.height == frame.height > 0
    assert dict(frame.schema) == dict(contract.columns)
    assert not frame.select(contract.keys).is_duplicated().any()


def test_size_is_that_of_a_small_company(sample_company):
    active = sample_company.frames["reps"].filter((pl.col("role") == "rep") & pl.col("left_on").is_null())
    assert active.height == 24
    assert 1800 <= sample_company.frames["deals"].height <= 2600
    assert 10_000 <= sample_company.frames["activities"].height <= 14_000


@pytest.mark.parametrize(
    ("table", "column", "parent", "key"),
    [
        ("deals", "customer_id", "customers", "customer_id"),
        ("deals", "owner_id", "reps", "rep_id"),
        ("customers", "owner_id", "reps", "rep_id"),
        ("contacts", "customer_id", "customers", "customer_id"),
        ("stage_events", "deal_id", "deals", "deal_id"),
        ("stage_events", "stage", "stages", "stage"),
        ("activities", "deal_id", "deals", "deal_id"),
        ("activities", "contact_id", "contacts", "contact_id"),
        ("activities", "rep_id", "reps", "rep_id"),
        ("approvals", "approver_id", "reps", "rep_id"),
        ("documents", "deal_id", "deals", "deal_id"),
        ("forecast_calls", "deal_id", "deals", "deal_id"),
        ("orders", "contract_id", "contracts", "contract_id"),
        ("shipments", "order_id", "orders", "order_id"),
        ("invoices", "order_id", "orders", "order_id"),
        ("invoices", "contract_id", "contracts", "contract_id"),
        ("receipts", "invoice_id", "invoices", "invoice_id"),
        ("targets", "unit_id", "org_units", "unit_id"),
        ("targets", "rep_id", "reps", "rep_id"),
        ("scenario_scores", "scenario_id", "scenarios", "scenario_id"),
        ("scenario_scores", "rater_id", "reps", "rep_id"),
        ("proposals", "deal_id", "deals", "deal_id"),
        ("interventions", "alert_id", "alerts", "alert_id"),
        ("reps", "unit_id", "org_units", "unit_id"),
        ("reps", "manager_id", "reps", "rep_id"),
    ],
)
def test_every_reference_is_met(sample_company, table, column, parent, key):
    used = sample_company.frames[table][column].drop_nulls()
    assert len(used) > 0
    assert set(used) - set(sample_company.frames[parent][key]) == set()


def test_a_contact_works_for_the_customer_of_its_activity(sample_company):
    contacts = sample_company.frames["contacts"].select("contact_id", pl.col("customer_id").alias("employer"))
    joined = sample_company.frames["activities"].join(contacts, on="contact_id")
    assert joined.filter(pl.col("employer") != pl.col("customer_id")).height == 0


def test_the_org_tree_leads_to_the_company(sample_company):
    parent = dict(sample_company.frames["org_units"].select("unit_id", "parent_unit_id").iter_rows())
    for unit in parent:
        seen = []
        at: str | None = unit
        while at is not None:
            assert at not in seen
            seen.append(at)
            at = parent[at]
        assert seen[-1] == "U0"


def test_deals_begin_in_the_first_stage_and_end_as_they_say(sample_company):
    events = sample_company.frames["stage_events"].sort("deal_id", "entered_at")
    assert not events.select("deal_id", "entered_at").is_duplicated().any()
    ends = events.group_by("deal_id", maintain_order=True).agg(
        first_stage=pl.col("stage").first(),
        first_at=pl.col("entered_at").first(),
        last_stage=pl.col("stage").last(),
        last_at=pl.col("entered_at").last(),
    )
    deals = sample_company.frames["deals"].join(ends, on="deal_id", how="left")
    assert (deals["first_stage"] == STAGES[0]).all()
    assert (deals["first_at"] == deals["created_at"]).all()
    assert (deals["last_stage"] == deals["stage"]).all()
    status = deals["stage"].replace_strict({"赢单": "won", "输单": "lost"}, default="open")
    assert (status == deals["status"]).all()
    closed = deals.filter(pl.col("status") != "open")
    assert (closed["last_at"] == closed["closed_at"]).all()
    assert deals.filter(pl.col("status") == "open")["closed_at"].null_count() == deals.height - closed.height


def test_stages_move_one_step_at_a_time(sample_company):
    order = {stage: at for at, stage in enumerate(STAGES, start=1)}
    moves = (
        sample_company.frames["stage_events"]
        .sort("deal_id", "entered_at")
        .with_columns(at=pl.col("stage").replace_strict(order))
    )
    steps = moves.select(step=pl.col("at") - pl.col("at").shift().over("deal_id"), at="at").drop_nulls()
    assert set(steps.filter(pl.col("at") < 6)["step"]) == {1, -1}


def test_nothing_is_recorded_before_it_happens_or_known_after_the_export(sample_company):
    for table, contract in CONTRACTS.items():
        if table in WRITTEN_BY_SALESIQ or contract.kind == "master":
            continue
        frame = sample_company.frames[table]
        known = [column for column in (contract.moment, contract.recorded, *contract.reveals) if column]
        for column in known:
            assert frame[column].cast(pl.Datetime).max() <= sample.EXPORTED_AT, (table, column)
        if contract.recorded:
            assert (frame[contract.recorded] >= frame[contract.moment]).all(), table


def test_customers_were_there_before_their_deals(sample_company):
    customers = sample_company.frames["customers"].select("customer_id", pl.col("created_at").alias("known"))
    deals = sample_company.frames["deals"].join(customers, on="customer_id")
    assert (deals["known"] < deals["created_at"]).all()


def test_activities_lie_within_the_life_of_their_deal(sample_company):
    deals = sample_company.frames["deals"].select("deal_id", "created_at", "closed_at")
    joined = sample_company.frames["activities"].join(deals, on="deal_id")
    assert (joined["occurred_at"] > joined["created_at"]).all()
    assert joined.filter(pl.col("occurred_at") > pl.col("closed_at")).height == 0


def test_contracts_come_from_won_deals_after_the_win(sample_company):
    deals = sample_company.frames["deals"].select("deal_id", "status", "closed_at")
    joined = sample_company.frames["contracts"].join(deals, on="deal_id", how="left")
    assert set(joined["status_right"]) == {"won"}
    assert (joined["signed_on"] >= joined["closed_at"].dt.date()).all()


@pytest.mark.parametrize(
    ("child", "key", "parent"), [("orders", "contract_id", "contracts"), ("receipts", "invoice_id", "invoices")]
)
def test_parts_never_exceed_the_whole(sample_company, child, key, parent):
    parts = sample_company.frames[child].drop_nulls(key).group_by(key).agg(pl.col("amount").sum().alias("parts"))
    joined = sample_company.frames[parent].join(parts, on=key)
    assert joined.height > 200
    assert (joined["parts"] <= joined["amount"]).all()


def test_work_rests_on_sundays_and_at_spring_festival(sample_company):
    activities = sample_company.frames["activities"]
    assert activities.filter(pl.col("occurred_at").dt.weekday() == 7).height < activities.height * 0.01
    festival = pl.col("occurred_at").is_between(datetime(2026, 2, 15), datetime(2026, 2, 24), closed="left")
    assert activities.filter(festival).height == 0


def test_the_same_seed_makes_the_same_company_and_another_seed_another():
    first, again, other = (sample.generate(n_reps=12, n_months=6, seed=seed, scale=200) for seed in (3, 3, 4))
    for table, frame in first.frames.items():
        assert frame.equals(again.frames[table]), table
    assert first.truth == again.truth
    assert not first.frames["activities"].equals(other.frames["activities"])
    assert not first.frames["deals"].equals(other.frames["deals"])


@pytest.mark.parametrize("size", [{"n_reps": 5}, {"n_months": 5}, {"n_months": 61}, {"scale": 99}])
def test_a_size_too_small_for_the_planted_facts_is_refused(size):
    with pytest.raises(UsageError, match="at least 6 reps, 6 to 60 months and 100 deals"):
        sample.generate(**size)


@pytest.mark.parametrize("n_reps", [6, 12, 130])
def test_other_sizes_keep_the_contracts(n_reps):
    made = sample.generate(n_reps=n_reps, n_months=6, seed=1)
    for table in ("deals", "targets", "org_units", "activities"):
        assert CONTRACTS[table].check(made.frames[table])[1].rows() == []
    assert made.frames["deals"]["owner_id"].n_unique() >= n_reps * 0.9


def test_importing_the_sample_is_light():
    heavy = "{'pandera', 'sklearn', 'lightgbm', 'statsmodels', 'plotly', 'pandas', 'duckdb', 'xlsxwriter'}"
    code = f"import sys, salesiq.sample; print(sorted(set(sys.modules) & {heavy}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
