"""The large company is the same company: same tables, same process, made in chunks."""

from __future__ import annotations

import polars as pl
import pytest

from salesiq.sample import scale, write_scale
from salesiq.tables import CONTRACTS

TABLES = {"deals", "stage_events", "activities", "customers", "contacts", "reps", "org_units", "targets", "stages"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("scale")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scale, "CHUNK_DEALS", 2_000)
        write_scale(out, 5_000, seed=3)
    return out


def read(folder, table):
    return pl.read_parquet(folder / f"{table}.parquet")


def test_all_tables_are_written_and_keep_their_contracts(folder):
    assert {path.stem for path in folder.iterdir()} == TABLES
    for table in TABLES:
        frame = read(folder, table)
        assert CONTRACTS[table].check(frame)[1].rows() == [], table
        assert not frame.select(CONTRACTS[table].keys).is_duplicated().any(), table


def test_size_is_as_asked(folder):
    assert read(folder, "deals").height == 5_000
    assert read(folder, "activities").height / 5_000 == pytest.approx(8.0, rel=0.08)
    assert 2.5 < read(folder, "stage_events").height / 5_000 < 4


def test_chunks_join_without_a_seam(folder):
    deals = read(folder, "deals")
    assert deals["deal_id"].to_list() == [f"D{at:06d}" for at in range(1, 5_001)]
    ids = read(folder, "activities")["activity_id"]
    assert ids.n_unique() == len(ids)
    assert set(read(folder, "activities")["deal_id"]) <= set(deals["deal_id"])
    assert set(read(folder, "stage_events")["deal_id"]) == set(deals["deal_id"])
    assert set(deals["customer_id"]) <= set(read(folder, "customers")["customer_id"])


def test_the_process_is_that_of_the_small_company(folder, sample_company):
    large = read(folder, "deals")
    small = sample_company.frames["deals"]
    for status in ("open", "won", "lost"):
        assert (large["status"] == status).mean() == pytest.approx((small["status"] == status).mean(), abs=0.06)


def test_customers_were_there_before_their_deals(folder):
    known = read(folder, "customers").select("customer_id", pl.col("created_at").alias("known"))
    joined = read(folder, "deals").join(known, on="customer_id")
    assert (joined["known"] < joined["created_at"]).all()
