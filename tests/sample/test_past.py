"""Earlier exports of the sample company: what they may know, and the book that they make."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from salesiq import sample
from salesiq.book import Book
from salesiq.errors import UsageError
from salesiq.tables import CONTRACTS

THEN = dt.datetime(2026, 3, 31, 20)
EVERY = 30
LAST_BUT_ONE = sample.EXPORTED_AT - dt.timedelta(days=EVERY)


@pytest.fixture(scope="module")
def company() -> sample.Company:
    return sample.generate(n_reps=12, n_months=6, seed=1)


@pytest.fixture(scope="module")
def book(company: sample.Company) -> Book:
    return sample.book_of_exports(company, every_days=EVERY)


@pytest.fixture(scope="module")
def then(sample_company: sample.Company) -> dict[str, pl.DataFrame]:
    return sample.as_exported(sample_company, THEN)


def test_the_last_export_is_the_company_itself(sample_company: sample.Company) -> None:
    last = sample.as_exported(sample_company, sample.EXPORTED_AT)
    assert list(last) == list(sample_company.frames)
    for table, frame in sample_company.frames.items():
        assert_frame_equal(last[table], frame)


def test_the_evening_before_tells_the_same_but_for_the_last_day(sample_company: sample.Company) -> None:
    """Second way: nothing but what happened on the last day may differ; estimates end in the export's without a jump."""
    eve = sample.as_exported(sample_company, "2026-06-29")["deals"]
    both = eve.join(sample_company.frames["deals"], on="deal_id", suffix="_end")
    assert both["amount"].eq(both["amount_end"]).mean() > 0.99
    still_open = both.filter(pl.col("status_end") == "open")
    assert still_open["expected_close_on"].eq(still_open["expected_close_on_end"]).mean() > 0.96
    assert both["source"].eq(both["source_end"]).all()


def test_no_row_and_no_column_tells_of_what_came_later(then: dict[str, pl.DataFrame]) -> None:
    for table, frame in then.items():
        contract = CONTRACTS[table]
        assert frame.schema == contract.empty().schema, table
        for name in (contract.moment, contract.recorded, *contract.reveals):
            if name is not None and frame.height:
                newest = frame[name].cast(pl.Datetime("us")).max()
                assert newest is None or newest <= THEN, (table, name)
    open_deals = then["deals"].filter(pl.col("status") == "open")
    assert open_deals.height > 200
    assert open_deals.select(pl.col("closed_at", "lost_reason").count()).row(0) == (0, 0)
    assert set(open_deals["stage"]) == {"线索", "需求诊断", "方案报价", "商务谈判"}


def test_stages_of_then_match_a_plain_loop(sample_company: sample.Company, then: dict[str, pl.DataFrame]) -> None:
    stages = dict.fromkeys(then["deals"]["deal_id"], "线索")
    events = sample_company.frames["stage_events"].sort("entered_at")
    closed = dict(then["deals"].select("deal_id", "closed_at").drop_nulls().rows())
    for deal, stage, _, recorded_at in events.rows():
        if recorded_at <= THEN:
            stages[deal] = stage
    assert dict(then["deals"].select("deal_id", "stage").rows()) == stages
    assert len(closed) > 1000
    assert {stages[deal] for deal in closed} == {"赢单", "输单"}


def test_then_is_the_state_that_the_oracle_judged(sample_company: sample.Company, then: dict[str, pl.DataFrame]) -> None:
    true = sample_company.truth_frames["win_probabilities"].filter(pl.col("as_of") == THEN.date())
    assert set(then["deals"].filter(pl.col("status") == "open")["deal_id"]) == set(true["deal_id"])


def test_estimates_move_and_settle(sample_company: sample.Company, then: dict[str, pl.DataFrame]) -> None:
    both = then["deals"].join(sample_company.frames["deals"], on="deal_id", suffix="_end")
    log_error = (both["amount"].cast(float) / both["amount_end"].cast(float)).log()
    is_open = both["status"] == "open"
    # settled where the deal is closed; an estimate without bias, of the same roundness, where it is not
    assert (log_error.filter(~is_open) == 0).all()
    assert 0.05 < log_error.filter(is_open).std() < 0.4
    assert abs(log_error.filter(is_open).mean()) < 3 * log_error.filter(is_open).std() / is_open.sum() ** 0.5
    assert ((both["amount"] % 1000 == 0) == (both["amount_end"] % 1000 == 0)).all()
    overdue = both.filter(is_open).select(pl.col("expected_close_on") < THEN.date()).to_series().mean()
    assert 0.01 < overdue < 0.3


def test_estimates_do_not_tell_the_end() -> None:
    """Of deals of one stage, those still open at the export, those won and those lost were planned alike by the same age."""
    company = sample.generate(n_reps=60, n_months=18, seed=5)
    then, now = sample.as_exported(company, THEN)["deals"], company.frames["deals"]
    both = then.filter(pl.col("status") == "open").join(now.select("deal_id", end="status", last="amount"), on="deal_id")
    ahead = (both["expected_close_on"] - THEN.date()).dt.total_days().to_numpy().astype(float)
    age = ((THEN - both["created_at"]).dt.total_seconds() / 86400).to_numpy()
    stages = both["stage"].to_dummies().to_numpy().astype(float)
    ends = both["end"].to_dummies().to_numpy().astype(float)[:, 1:]
    known = np.column_stack([stages, age, age**2, np.minimum(age, 100), np.log1p(age)])
    # the ends add nothing to a regression of the plan on what is known: F statistic, 2 and about 800 degrees of freedom
    rest = [ahead - x @ np.linalg.lstsq(x, ahead, rcond=None)[0] for x in (known, np.column_stack([known, ends]))]
    squares = [float(part @ part) for part in rest]
    f = (squares[0] - squares[1]) / 2 / (squares[1] / (len(ahead) - known.shape[1] - 2))
    assert len(ahead) > 600
    assert f < 4.6  # 1 % of chance


def test_a_book_of_exports_ends_where_the_frames_end(company: sample.Company, book: Book) -> None:
    now = book.as_of(sample.EXPORTED_AT)
    at_once = Book.from_frames(exported_at=sample.EXPORTED_AT, **company.frames).as_of(sample.EXPORTED_AT)
    for table, frame in company.frames.items():
        query = f"SELECT {', '.join(frame.columns)} FROM base.{table}($as_of)"
        told = [snapshot.sql(query).sort(frame.columns) for snapshot in (now, at_once)]
        assert told[0].height > 0 or table == "receipts", table  # of a deal won before, none is paid yet
        assert_frame_equal(*told)


@pytest.mark.parametrize("n_back", [1, 3])
def test_the_past_is_what_was_exported(company: sample.Company, book: Book, n_back: int) -> None:
    moment = sample.EXPORTED_AT - dt.timedelta(days=EVERY * n_back)
    told = book.as_of(moment).run("base.deals", order=("deal_id",))
    exported = sample.as_exported(company, moment)["deals"].sort("deal_id")
    assert not told["is_hindsight"].any()
    assert_frame_equal(told.select(exported.columns), exported)
    activities = book.as_of(moment).run("base.activities", order=("activity_id",))
    assert activities["activity_id"].to_list() == sorted(sample.as_exported(company, moment)["activities"]["activity_id"])


def test_between_exports_the_last_one_speaks(company: sample.Company, book: Book) -> None:
    between = LAST_BUT_ONE + dt.timedelta(days=EVERY - 1)
    told = book.as_of(between).run("base.deals", order=("deal_id",)).filter(~pl.col("is_hindsight"))
    exported = sample.as_exported(company, LAST_BUT_ONE)["deals"].sort("deal_id")
    assert_frame_equal(
        told.select("deal_id", "amount", "expected_close_on"), exported[["deal_id", "amount", "expected_close_on"]]
    )
    # what closed since is known from its stage event, and nothing that closed later
    closed = told.filter(pl.col("status") != "open")["closed_at"]
    assert LAST_BUT_ONE + dt.timedelta(days=15) < closed.max() <= between


def test_pushes_and_changes_are_history(book: Book) -> None:
    revised = book.as_of(sample.EXPORTED_AT).run("forecast.deal_revisions", order=("deal_id",))
    assert revised["n_pushes"].sum() > 30
    assert revised["n_amount_changes"].sum() > 30


def test_only_the_past_is_told(sample_company: sample.Company) -> None:
    with pytest.raises(UsageError, match="2026-06-30 20:00"):
        sample.as_exported(sample_company, "2026-07-01")
    with pytest.raises(UsageError, match="every_days"):
        sample.book_of_exports(sample_company, every_days=0)


def test_the_same_company_tells_the_same_past(then: dict[str, pl.DataFrame]) -> None:
    again = sample.as_exported(sample.generate(), THEN)
    for table, frame in then.items():
        assert_frame_equal(again[table], frame)
