"""Top deals: the order, the reasons, and the refusal to rank without signal."""

from __future__ import annotations

import polars as pl
import pytest
from forecast_company import END

from salesiq import forecast
from salesiq.book import Book, Snapshot
from salesiq.errors import ModelError, UsageError
from salesiq.forecast.design import CATEGORIES, TERMS

COLUMNS = [
    "rank", "deal_id", "deal_name", "customer_id", "customer_name", "stage", "amount", "win_probability", "reasons",
    "is_amount_hindsight",
]  # fmt: skip


def test_three_a_rep_the_likeliest_first(known_book: Book, known_model: forecast.WinModel) -> None:
    now = known_book.as_of(END)
    found = forecast.top_deals(now, days=10, n=3, model=known_model)
    assert found.columns == ["rep_id", *COLUMNS]
    said = known_model.predict(now, 10).join(
        now.sql("SELECT deal_id, owner_id AS rep_id, amount FROM base.deals(as_of := $as_of)"), on="deal_id"
    )
    for (rep_id,), rows in found.group_by("rep_id"):
        ranked = sorted(said.filter(rep_id=rep_id).rows(named=True), key=lambda row: (-row["win_probability"], -row["amount"]))
        assert rows["deal_id"].to_list() == [row["deal_id"] for row in ranked[:3]]
        assert rows["rank"].to_list() == list(range(1, rows.height + 1))


def test_the_whole_company_and_other_groups(known_book: Book, known_model: forecast.WinModel) -> None:
    now = known_book.as_of(END)
    whole = forecast.top_deals(now, n=5, by=None, model=known_model)
    assert whole.columns == COLUMNS
    assert whole["win_probability"].is_sorted(descending=True)
    assert whole.height == 5
    by_stage = forecast.top_deals(now, n=5, by="stage", model=known_model)
    assert by_stage.select(COLUMNS).equals(whole)
    with pytest.raises(UsageError, match="nearest column is region"):
        forecast.top_deals(now, by="regio", model=known_model)


def test_by_rep_is_by_its_column(known_book: Book, known_model: forecast.WinModel) -> None:
    now = known_book.as_of(END)
    found = forecast.top_deals(now, by="rep", model=known_model)
    assert found.equals(forecast.top_deals(now, by="rep_id", model=known_model))
    with pytest.raises(UsageError, match="repp"):
        forecast.top_deals(now, by="repp", model=known_model)


def test_reasons_tell_what_was_planted(known_book: Book, known_model: forecast.WinModel) -> None:
    whole = forecast.top_deals(known_book.as_of(END), n=5, by=None, model=known_model)
    assert whole["reasons"].list.len().max() <= 3
    # calling customers win here, and nothing else matters
    assert all("+inbound" in reasons for reasons in whole["reasons"].to_list())


def test_every_reason_has_words_in_both_languages() -> None:
    names = {term.reason for term in TERMS} | {reason for reason, _ in CATEGORIES.values()}
    words = {
        (name, sign, lang): forecast.reason_text(sign + name, lang) for name in names for sign in "+-" for lang in ("en", "zh")
    }
    assert len(words) == 4 * len(names)
    assert all(words.values())


def test_a_second_call_does_not_train_again(company_now: Snapshot, monkeypatch: pytest.MonkeyPatch) -> None:
    first = forecast.top_deals(company_now)
    monkeypatch.setattr(forecast.WinModel, "fit", lambda *_: pytest.fail("trained again"))
    assert forecast.top_deals(company_now).equals(first)
    assert first["is_amount_hindsight"].not_().all()
    assert first.group_by("rep_id").len()["len"].max() == 3


def test_without_signal_nothing_is_ranked(noise_book: Book) -> None:
    with pytest.raises(ModelError, match="not ranked: No usable signal") as refused:
        forecast.top_deals(noise_book.as_of(END))
    assert refused.value.exit_code == 7
    assert refused.value.message("zh").startswith("不对商机排序：没有可用信号")


def test_deals_without_an_owner_come_last_as_one_group(known_model: forecast.WinModel, known_book: Book) -> None:
    now = known_book.as_of(END)
    found = forecast.top_deals(now, n=2, by="unit_id", model=known_model)
    assert found["unit_id"].to_list() == [None, None]
    assert isinstance(found.schema["reasons"], pl.List)
