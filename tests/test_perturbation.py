"""Nothing leaks: what is known after a moment moves nothing at that moment, in any base macro and any metric."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from salesiq import forecast, funnel, quality, sample, targets
from salesiq.book import Book, Snapshot
from salesiq.tables import CONTRACTS

MOMENT = dt.datetime(2026, 3, 31, 20)
EARLIER = dt.datetime(2026, 2, 10, 9)
STORED = [contract for contract in CONTRACTS.values() if contract.kind != "log"]
BASE = [f"base.{contract.name}" for contract in STORED] + [
    "base.segments",
    "base.deal_groups",
    "base.units",
    "base.stage_order",
    "base.closings",
]


def _predictions(snapshot: Snapshot) -> pl.DataFrame:
    return forecast.WinModel().fit(snapshot, until=snapshot.as_of).predict(snapshot, days=30)


METRICS: dict[str, Callable[[Snapshot], pl.DataFrame]] = {
    "funnel.visits": funnel.visits,
    "funnel.dwell": lambda snapshot: funnel.dwell(snapshot, by="region"),
    "funnel.dwell in a window": lambda snapshot: funnel.dwell(snapshot, window=(EARLIER, MOMENT), unit="working"),
    "funnel.dwell_test": lambda snapshot: funnel.dwell_test(snapshot, by="region", each=True),
    "funnel.exits": lambda snapshot: funnel.exits(snapshot, by="region"),
    "funnel.conversion": lambda snapshot: funnel.conversion(snapshot, by="region", to="win"),
    "funnel.win_rate": lambda snapshot: funnel.win_rate(snapshot, by="region"),
    "funnel.velocity": lambda snapshot: funnel.velocity(snapshot, snapshot.earlier(EARLIER), by="region"),
    "funnel.decompose": lambda snapshot: funnel.decompose(snapshot.earlier(EARLIER), snapshot, by="region", days=45),
    "funnel.win_limits": funnel.win_limits,
    "funnel.changes": lambda snapshot: funnel.changes(snapshot.earlier(EARLIER), snapshot, by="region"),
    "funnel.bridge": lambda snapshot: funnel.bridge(snapshot.earlier(EARLIER), snapshot, by="rep_id", period="2026-Q2"),
    "funnel.advances": lambda snapshot: funnel.advances(snapshot, since=EARLIER),
    "funnel.pseudo_advances": funnel.pseudo_advances,
    "funnel.reversals": funnel.reversals,
    "funnel.stuck": lambda snapshot: funnel.stuck(snapshot, by="region"),
    "funnel.approvals": funnel.approvals,
    "funnel.approval_nodes": funnel.approval_nodes,
    "funnel.stage_flows": lambda snapshot: funnel.stage_flows(snapshot.earlier(EARLIER), snapshot),
    "targets.decay": targets.decay,
    "targets.attainment": targets.attainment,
    "targets.red_flags": targets.red_flags,
    "targets.decay_parts": targets.decay_parts,
    "targets.changes": targets.changes,
    "targets.stretch": lambda snapshot: targets.stretch(snapshot, "2026-Q2"),
    "targets.coverage": lambda snapshot: targets.coverage(snapshot, "2026-Q1"),
    "targets.coverage_deals": lambda snapshot: targets.coverage_deals(snapshot, "2026-Q2"),
    "targets.path": lambda snapshot: targets.path(snapshot, "2026-Q2"),
    "targets.stale_customers": lambda snapshot: targets.stale_customers(snapshot, hours=9),
    "targets.attainment_quality": lambda snapshot: targets.attainment_quality(snapshot, "2026-Q1"),
    "targets.allocate": lambda snapshot: targets.allocate(snapshot, "2026-Q2", 300_000_000),
    "targets.alignment_pack": lambda snapshot: targets.alignment_pack(snapshot, "2026-Q2"),
    "quality.record_score": quality.record_score,
    "quality.rep_scores": quality.rep_scores,
    "quality.watch_list": quality.watch_list,
    "forecast.features": forecast.features,
    "forecast.training_frame": lambda snapshot: forecast.training_frame(snapshot, [EARLIER, "2026-01-15"], horizon_days=20),
    "forecast.leaks": forecast.leaks,
    "forecast.leak_evidence": forecast.leak_evidence,
    "forecast.WinModel": _predictions,
    "forecast.top_deals": forecast.top_deals,
    "forecast.payment_lags": forecast.payment_lags,
    "forecast.cash_in": lambda snapshot: forecast.cash_in(snapshot, by="customer_id", every="week", n_paths=80),
    "forecast.bookings": lambda snapshot: forecast.bookings(snapshot, "2026-Q2", by="unit_id", n_paths=100),
}


def _load(book: Book, frames: dict[str, pl.DataFrame], exported_at: dt.datetime) -> None:
    with book.write() as writer:
        for table, frame in frames.items():
            writer.merge(table, frame, load_id=f"{exported_at:%Y%m%d}", exported_at=exported_at)
            row = {"load_id": f"{exported_at:%Y%m%d}", "table_name": table, "source_file": table, "exported_at": exported_at}
            writer.log("loads", pl.DataFrame(row))


def _perturbed(table: str, frame: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """Deal every attribute out anew among the rows, drop some of the rows that are newer than the moment, shift the rest."""
    contract = CONTRACTS[table]
    values = [name for name in contract.columns if name not in contract.keys]
    order = rng.permutation(frame.height).tolist()
    mixed = frame.with_columns(frame.select(values)[order]) if values else frame
    if contract.moment is None:
        return mixed
    moment = pl.col(contract.moment)
    kept = mixed.with_columns(pl.Series("__dice", rng.random(frame.height))).filter(
        (moment <= MOMENT) | (pl.col("__dice") < 0.7)
    )
    later = pl.when(moment > MOMENT).then(moment.dt.offset_by("3d")).otherwise(moment)
    return kept.drop("__dice").with_columns(later.alias(contract.moment))


def _two_exports(company: sample.Company, *, is_perturbed: bool) -> Book:
    """A book of two exports: what was known at MOMENT, and the whole company later, as it was or perturbed."""
    whole = Book.from_frames(exported_at=sample.EXPORTED_AT, **company.frames).as_of(MOMENT)
    first = {c.name: whole.run(f"base.{c.name}").select(list(c.columns)) for c in STORED if c.name in company.frames}
    rng = np.random.default_rng(11)
    second = dict(company.frames)
    if is_perturbed:
        second = {table: _perturbed(table, frame, rng) for table, frame in second.items()}
    book = Book()
    _load(book, first, MOMENT)
    _load(book, second, sample.EXPORTED_AT)
    return book


@pytest.fixture(scope="module")
def books(sample_company: sample.Company) -> tuple[Book, Book]:
    return _two_exports(sample_company, is_perturbed=False), _two_exports(sample_company, is_perturbed=True)


def test_the_perturbation_is_seen_once_it_is_known(books: tuple[Book, Book]) -> None:
    """Without this the rest would prove nothing: at the second export nearly every table differs."""
    true, other = (book.as_of(sample.EXPORTED_AT) for book in books)
    same = [name for name in BASE if true.run(name).sort(pl.all()).equals(other.run(name).sort(pl.all()))]
    assert set(same) <= {"base.units", "base.stage_order", "base.org_units", "base.stages", "base.market_signals"}


@pytest.mark.parametrize("moment", [MOMENT, EARLIER], ids=["at the export", "before it"])
@pytest.mark.parametrize("macro", BASE)
def test_base_macros_do_not_move(books: tuple[Book, Book], macro: str, moment: dt.datetime) -> None:
    true, other = (book.as_of(moment).run(macro) for book in books)
    assert_frame_equal(true, other, check_row_order=False)


@pytest.mark.parametrize("name", METRICS)
def test_metrics_do_not_move(books: tuple[Book, Book], name: str) -> None:
    true, other = (METRICS[name](book.as_of(MOMENT)) for book in books)
    assert true.height > 0
    assert_frame_equal(true, other, check_exact=True)


def test_before_the_first_export_later_facts_do_not_move_what_is_no_hindsight(sample_company: sample.Company) -> None:
    """One export only: what happened after the moment is changed, the attributes of old rows (hindsight) are not."""
    frames = dict(sample_company.frames)
    frames["activities"] = frames["activities"].filter(
        (pl.col("recorded_at") <= MOMENT) | (pl.col("occurred_at").dt.day() % 2 == 0)
    )
    frames["stage_events"] = frames["stage_events"].filter(pl.col("entered_at") <= MOMENT)
    frames["deals"] = frames["deals"].filter(pl.col("created_at") <= MOMENT).with_columns(_closed_otherwise())
    frames["receipts"] = frames["receipts"].filter(pl.col("received_on") <= MOMENT.date())
    true = Book.from_frames(exported_at=sample.EXPORTED_AT, **sample_company.frames).as_of(MOMENT)
    other = Book.from_frames(exported_at=sample.EXPORTED_AT, **frames).as_of(MOMENT)
    for macro in ("base.deals", "base.activities", "base.stage_events", "base.receipts", "funnel.visits", "forecast.features"):
        left, right = (_without_source(snapshot.run(macro)) for snapshot in (true, other))
        assert_frame_equal(left, right, check_row_order=False)
    assert_frame_equal(_predictions(true), _predictions(other), check_exact=True)


def _closed_otherwise() -> list[pl.Expr]:
    is_later = pl.col("closed_at") > MOMENT
    return [
        pl.when(is_later).then(pl.lit("open")).otherwise("status").alias("status"),
        pl.when(is_later).then(pl.lit("线索")).otherwise("stage").alias("stage"),
        pl.when(is_later).then(None).otherwise("closed_at").alias("closed_at"),
        pl.when(is_later).then(None).otherwise("lost_reason").alias("lost_reason"),
    ]


def _without_source(frame: pl.DataFrame) -> pl.DataFrame:
    dropped: list[Any] = [name for name in ("source_line", "load_id", "source_file") if name in frame.columns]
    return frame.drop(dropped)
