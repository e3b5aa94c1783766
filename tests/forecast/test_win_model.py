"""The win model: on a company whose law is known, on the sample company, on noise, and on what it must not see."""

from __future__ import annotations

import datetime as dt
import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from forecast_company import END, START, made_company

from salesiq import forecast, sample
from salesiq.book import Book, Snapshot
from salesiq.errors import ModelError, UsageError
from salesiq.forecast import forward
from salesiq.forecast.calibration import fit_line
from salesiq.forecast.intervals import won_within

CUT = START + dt.timedelta(days=400)


def test_a_planted_law_is_found_and_calibrated(known_book: Book, known_model: forecast.WinModel) -> None:
    found = known_model.reliability()
    assert (found.verdict, found["verdict"]) == ("usable", "usable")
    assert found.skill_low is not None
    assert found.skill_low > 0.02
    assert found.skill_over_stage_low is not None
    assert found.skill_over_stage_low > 0.02
    assert 0.8 <= (found.calibration_slope or 0) <= 1.25
    assert found.bins["n"].sum() == found.n
    assert found.bins["n_won"].sum() == found.n_won
    said = known_model.predict(known_book.as_of(END), days=60).join(forecast.features(known_book.as_of(END)), on="deal_id")
    keen = pl.col("n_inbound") * 2 > pl.col("n_activities")
    talked = said.filter(pl.col("n_activities") >= 4)
    assert talked.filter(keen)["win_probability"].mean() > 1.5 * talked.filter(~keen)["win_probability"].mean()


def test_probabilities_grow_with_the_days_and_stay_probabilities(known_book: Book, known_model: forecast.WinModel) -> None:
    now = known_book.as_of(END)
    said = [known_model.predict(now, days)["win_probability"].to_numpy() for days in (1, 5, 10, 30, 45, 90, 400, math.inf)]
    assert all((later >= sooner).all() for sooner, later in pairwise(said))
    assert said[0].min() >= 0
    assert said[-1].max() <= 1
    assert said[-1].mean() > 3 * said[2].mean()


def test_a_prediction_asks_only_the_intervals_that_it_needs(known_book: Book, known_model: forecast.WinModel) -> None:
    rows = forecast.features(known_book.as_of(END))
    whole = known_model.hazards(rows)
    for days in (1, 5, 6, 30, 90, 91, 180, 400, math.inf):
        assert (known_model.predict_rows(rows, days)["win_probability"].to_numpy() == won_within(whole, days)).all()


def test_only_open_deals_by_id(known_book: Book, known_model: forecast.WinModel) -> None:
    now = known_book.as_of("2026-02-01")
    said = known_model.predict(now)
    opened = now.sql("SELECT deal_id FROM base.deals(as_of := $as_of) WHERE status = 'open' ORDER BY deal_id")
    assert said["deal_id"].to_list() == opened["deal_id"].to_list()
    assert said.schema == {"deal_id": pl.String, "win_probability": pl.Float64, "is_base_rate": pl.Boolean}


def test_the_sample_company_against_its_true_probabilities(sample_company: sample.Company, company_now: Snapshot) -> None:
    model = forecast.win_model(company_now)
    assert model.reliability().verdict == "usable"
    assert 0.8 <= (model.reliability().calibration_slope or 0) <= 1.25
    truth = sample_company.truth_frames["win_probabilities"].filter(pl.col("as_of") == sample.EXPORTED_AT.date())
    for days in (10, 30, 90):
        both = model.predict(company_now, days).join(truth, on="deal_id")
        said, true = both["win_probability"].to_numpy(), both[f"p_won_{days}"].to_numpy()
        _, slope = fit_line(np.log(said / (1 - said)), true)
        assert both.height > 250
        assert 0.8 <= slope <= 1.25
        assert 0.75 <= said.mean() / true.mean() <= 1.33


def test_over_several_companies_the_level_is_true() -> None:
    """One company's luck moves the level of its forecasts; over three companies it must come out."""
    biases = []
    for seed in (7, 8, 9):
        company = sample.generate(seed=seed)
        now = Book.from_frames(exported_at=sample.EXPORTED_AT, **company.frames).as_of(sample.EXPORTED_AT)
        truth = company.truth_frames["win_probabilities"].filter(pl.col("as_of") == sample.EXPORTED_AT.date())
        both = forecast.win_model(now).predict(now, 90).join(truth, on="deal_id")
        biases.append(np.mean(both["win_probability"].to_numpy() - both["p_won_90"].to_numpy()))
    assert abs(float(np.mean(biases))) < 0.03


def test_noise_has_no_signal_and_is_answered_with_the_base_rate(noise_book: Book) -> None:
    model = forecast.WinModel().fit(noise_book)
    assert model.reliability().verdict == "no_signal"
    assert model.reliability().reason == "no_skill"
    said = model.predict(noise_book.as_of(END))
    assert said["is_base_rate"].all()
    # one stage, eight bands of time: the base rate can say no more
    assert said["win_probability"].n_unique() <= 8


def test_nothing_known_after_until_moves_a_prediction() -> None:
    frames = made_company()
    changed = {
        "deals": frames["deals"].with_columns(
            amount=pl.when(pl.col("closed_at").is_null() | (pl.col("closed_at") > CUT)).then(1).otherwise("amount"),
            status=pl.when(pl.col("closed_at") > CUT).then(pl.lit("lost")).otherwise("status"),
            closed_at=pl.when(pl.col("closed_at") > CUT).then(pl.lit(CUT) + dt.timedelta(days=1)).otherwise("closed_at"),
            owner_id=pl.lit("R0"),
        ),
        "stage_events": frames["stage_events"].filter(pl.col("entered_at") <= CUT),
        "activities": frames["activities"].filter(pl.col("occurred_at") <= CUT),
    }
    said = []
    for given in (frames, changed):
        book = Book.from_frames(exported_at=END, **given)
        model = forecast.WinModel().fit(book, until=CUT)
        said.append((model.predict(book.as_of(CUT), 30), model.to_json()))
    assert said[0][0].height > 20
    assert said[0][0].equals(said[1][0])
    assert said[0][1] == said[1][1]


def test_the_same_book_gives_the_same_model_to_the_bit(known_book: Book, known_model: forecast.WinModel) -> None:
    assert forecast.WinModel().fit(known_book).to_json() == known_model.to_json()


@pytest.mark.parametrize("kind", ["logistic", "trees", "blend"])
def test_a_stored_model_predicts_the_same_to_the_bit(known_book: Book, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    choose = forward.choose
    monkeypatch.setattr(forward, "choose", lambda task, _, half_lives: choose(task, kind, half_lives))
    model = forecast.WinModel().fit(known_book)
    assert model.reliability().kind == kind
    again = forecast.WinModel.from_json(model.to_json())
    now = known_book.as_of(END)
    assert again.predict(now, 17).equals(model.predict(now, 17))
    assert again.reliability() == model.reliability()
    assert again.reliability().bins.equals(model.reliability().bins)
    assert forecast.top_deals(now, model=again).equals(forecast.top_deals(now, model=model))


def test_a_cut_or_foreign_model_is_refused(known_model: forecast.WinModel) -> None:
    kept = known_model.to_json()
    with pytest.raises(ModelError, match="cannot be read"):
        forecast.WinModel.from_json(kept[: len(kept) // 2])
    with pytest.raises(ModelError, match="format 99"):
        forecast.WinModel.from_json(kept.replace('"format": 3', '"format": 99'))


def test_open_deals_are_not_lost_deals() -> None:
    """Constant hazards, 0.01 a day of winning; a deal whose 30 days are not over must not count as not won."""
    rng = np.random.default_rng(5)
    n = 1500
    began, lasted, is_won = rng.uniform(60, 100, n), rng.exponential(50, n), rng.random(n) < 0.5
    is_open = began + lasted > 100
    status = np.where(is_open, "open", np.where(is_won, "won", "lost"))
    deals = pl.DataFrame(
        {
            "deal_id": [f"D{i:05d}" for i in range(n)],
            "status": status,
            "created_at": [START + dt.timedelta(days=float(day)) for day in began],
            "closed_at": [START + dt.timedelta(days=float(day)) if day <= 100 else None for day in began + lasted],
        }
    )
    now = Book.from_frames(deals=deals, exported_at=START + dt.timedelta(days=100)).as_of(START + dt.timedelta(days=100))
    said = forecast.WinModel().fit(now).predict(now, 30)["win_probability"]
    true = 0.5 * (1 - math.exp(-30 / 50))
    was_open = (began < 85) & (began + lasted > 85)  # the classic wrong label: won within 30 days of day 85, as day 100 saw it
    naive = float(np.mean((is_won & (began + lasted <= 100))[was_open]))
    assert float(said.mean()) == pytest.approx(true, abs=0.03)
    assert abs(naive - true) > 0.04


def test_too_little_history_says_so_and_gives_the_base_rate() -> None:
    book = Book.from_frames(exported_at=END, **made_company(40))
    model = forecast.WinModel().fit(book)
    assert (model.reliability().verdict, model.reliability().reason) == ("no_signal", "too_little")
    assert model.reliability().skill is None
    assert "太少" in model.reliability().message("zh")
    assert model.predict(book.as_of(END))["is_base_rate"].all()


def test_an_empty_book_gives_an_empty_frame_with_the_right_columns() -> None:
    book = Book.from_frames()
    said = forecast.WinModel().fit(book).predict(book.as_of("2026-01-31"))
    assert said.height == 0
    assert said.columns == ["deal_id", "win_probability", "is_base_rate"]


def test_what_cannot_be_meant_is_refused(known_book: Book, known_model: forecast.WinModel) -> None:
    with pytest.raises(UsageError, match="call fit"):
        forecast.WinModel().predict(known_book.as_of(END))
    with pytest.raises(UsageError, match="above 0"):
        known_model.predict(known_book.as_of(END), days=0)
    with pytest.raises(UsageError, match="not from str"):
        forecast.WinModel().fit("team.duckdb")  # type: ignore[arg-type]
    with pytest.raises(UsageError):
        forecast.WinModel().fit(known_book.as_of("2025-06-30"), until="2025-12-31")


def _keen(now: Snapshot) -> pl.DataFrame:
    told = now.sql(
        "SELECT deal_id, count(*) FILTER (direction = 'inbound') AS n_calls FROM base.activities(as_of := $as_of) GROUP BY 1"
    )
    return told.filter(pl.col("deal_id").is_not_null())


def test_a_saved_model_predicts_the_same_and_wants_its_own_extra_features(known_book: Book, tmp_path: Path) -> None:
    model = forecast.WinModel(extra=_keen).fit(known_book)
    model.save(tmp_path / "model.json")
    now = known_book.as_of(END)
    again = forecast.WinModel.load(tmp_path / "model.json", extra=_keen)
    assert again.predict(now, 17).equals(model.predict(now, 17))
    assert "n_calls" in model.contributions(forecast.features(now, _keen), 30)[0]
    with pytest.raises(ModelError, match="_keen"):
        forecast.WinModel.load(tmp_path / "model.json")


def test_a_saved_model_that_was_cut_or_changed_is_refused(known_model: forecast.WinModel, tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    known_model.save(path)
    whole = path.read_text(encoding="utf-8")
    for damaged in (whole[:-20], whole.replace("0.", "1.", 1), "[]", ""):
        path.write_text(damaged, encoding="utf-8")
        with pytest.raises(ModelError, match="cannot be read") as refused:
            forecast.WinModel.load(path)
        assert refused.value.exit_code == 7
