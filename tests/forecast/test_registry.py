"""Registry: files that are whole or refused, a gate that opens for better models only, a folder that nobody leads out of."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from forecast_company import END, START, made_company

from salesiq import forecast
from salesiq.book import Book, Snapshot
from salesiq.errors import BookError, ModelError, UsageError
from salesiq.forecast.gate import log_losses, resampled_means
from salesiq.forecast.model import FORMAT

SETTINGS = {"max_deals": 900}  # looks at half of the deals from 8 moments: the same law, a third of the time


def _small(horizon_days: float = 30.0) -> forecast.WinModel:
    """A model of nothing: enough to be a file."""
    return forecast.WinModel(horizon_days).fit(Book.from_frames())


def _filled(folder: Path, n: int = 3) -> forecast.Registry:
    registry = forecast.Registry(folder)
    for k in range(n):
        registry._shelf.put(_small(10.0 * (k + 1)), dt.datetime(2026, 1, 1 + k))
    return registry


@pytest.fixture(scope="module")
def wrong_model() -> forecast.WinModel:
    """A model of a company where those who call lose."""
    book = Book.from_frames(exported_at=END, **made_company(strength=-1.5))
    return forecast.WinModel(**SETTINGS).fit(book, START + dt.timedelta(days=330))


@pytest.fixture(scope="module")
def taken_over(
    known_book: Book, wrong_model: forecast.WinModel, tmp_path_factory: pytest.TempPathFactory
) -> tuple[forecast.Registry, forecast.TrainingResult]:
    registry = forecast.Registry(tmp_path_factory.mktemp("models"))
    registry._shelf.put(wrong_model, END)
    result = registry.train(known_book, START + dt.timedelta(days=470), model=forecast.WinModel(**SETTINGS))
    return registry, result


def test_a_better_model_takes_over_and_says_by_how_much(
    taken_over: tuple[forecast.Registry, forecast.TrainingResult], wrong_model: forecast.WinModel
) -> None:
    registry, result = taken_over
    assert (result.reason, result.is_accepted) == ("better", True)
    assert registry.current_id() == result.model_id
    found = result.comparison
    assert found is not None
    assert found.high < 0
    assert found.low <= found.difference <= found.high
    assert found.difference == pytest.approx(found.log_loss - found.current_log_loss)
    assert found.since > (wrong_model.until or END)
    assert found.until == START + dt.timedelta(days=440)
    assert f"{found.log_loss:.4f}" in result.message("en")
    assert "新模型" in result.message("zh")
    assert json.dumps(result.to_dict())


def test_the_comparison_is_what_scikit_learn_says_of_the_same_rows(
    taken_over: tuple[forecast.Registry, forecast.TrainingResult], known_book: Book, wrong_model: forecast.WinModel
) -> None:
    """A second computation, from the public training frame at the same moments."""
    from sklearn.metrics import brier_score_loss, log_loss

    from salesiq.forecast.gate import READS, spread

    found = taken_over[1].comparison
    assert found is not None
    until = START + dt.timedelta(days=470)
    part = known_book.as_of(until).sample(2, READS)
    rows = forecast.training_frame(part, spread(found.since, found.until), 30)
    assert rows["label"].null_count() == 0
    happened = (rows["label"] == "won").to_numpy()
    said = wrong_model.predict_rows(rows.drop("label"), 30)["win_probability"].to_numpy()
    assert (found.n, found.n_won) == (rows.height, int(happened.sum()))
    assert found.current_log_loss == pytest.approx(log_loss(happened, said))
    assert found.current_brier == pytest.approx(brier_score_loss(happened, said))


def test_a_worse_model_is_refused_and_the_current_one_stays(
    taken_over: tuple[forecast.Registry, forecast.TrainingResult], known_book: Book
) -> None:
    registry, first = taken_over
    forgetful = forecast.WinModel(half_life_days=1.0, **SETTINGS)
    result = registry.train(known_book, START + dt.timedelta(days=540), model=forgetful)
    assert (result.reason, result.model_id, result.current_id) == ("not_better", None, first.model_id)
    assert result.comparison is not None
    assert result.comparison.high >= 0
    assert registry.current_id() == first.model_id
    assert str(first.model_id) in result.message("en")


def test_too_little_since_the_current_model_learned_keeps_it(
    taken_over: tuple[forecast.Registry, forecast.TrainingResult], known_book: Book
) -> None:
    registry, first = taken_over
    result = registry.train(known_book, START + dt.timedelta(days=490), model=forecast.WinModel(**SETTINGS))
    assert (result.reason, result.comparison, result.current_id) == ("too_little_new", None, first.model_id)


def test_an_old_model_can_be_loaded_scored_and_used_again(
    taken_over: tuple[forecast.Registry, forecast.TrainingResult], known_book: Book, wrong_model: forecast.WinModel
) -> None:
    registry, result = taken_over
    now = known_book.as_of(END)
    old = registry.models().filter(~pl.col("is_current"))["model_id"].item()
    assert registry.load(old).predict(now, 17).equals(wrong_model.predict(now, 17))
    assert forecast.WinModel.load(registry.folder / f"{old}.json").predict(now, 17).equals(wrong_model.predict(now, 17))
    registry.use(old)
    assert registry.current_id() == old
    registry.use(str(result.model_id))
    assert registry.current_id() == result.model_id
    assert registry.models().height == 2


def test_a_model_without_signal_is_refused_even_by_force(tmp_path: Path) -> None:
    registry = forecast.Registry(tmp_path / "models")
    book = Book.from_frames()
    for force in (False, True):
        result = registry.train(book, force=force)
        assert (result.reason, result.model_id, result.current_id) == ("no_signal", None, None)
    assert not (tmp_path / "models").exists()
    with pytest.raises(ModelError, match="no model in") as refused:
        registry.load()
    assert refused.value.exit_code == 7


def test_the_index_is_made_again_from_the_files(tmp_path: Path) -> None:
    registry = _filled(tmp_path)
    told = registry.models()
    assert told["horizon_days"].to_list() == [30.0, 20.0, 10.0]
    assert told["is_current"].to_list() == [True, False, False]
    for damaged in (None, "", "[" * 100_000, '{"files": {}, "models": []}', '{"files": 3}'):
        if damaged is None:
            (tmp_path / "index.json").unlink()
        else:
            (tmp_path / "index.json").write_text(damaged, encoding="utf-8")
        assert registry.models().equals(told)


def test_the_same_model_again_is_the_same_file(tmp_path: Path) -> None:
    registry = _filled(tmp_path)
    first = registry.models()["model_id"].to_list()[-1]
    assert registry._shelf.put(_small(10.0), None) == first
    assert registry.current_id() == first
    assert registry.models().height == 3


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: whole[:-30],
        lambda whole: "",
        lambda whole: "[" * 100_000,
        lambda whole: "[1, 2]",
        lambda whole: whole.replace("no_signal", "usable", 1),
        lambda whole: whole.replace('"sequence": 3', '"sequence": 9'),
        lambda whole: json.dumps({**json.loads(whole), "body": 3}),
        lambda whole: json.dumps({**json.loads(whole), "about": None}),
    ],
)
def test_a_damaged_file_is_refused_and_never_current(tmp_path: Path, damage: object) -> None:
    registry = _filled(tmp_path)
    newest, second, _ = registry.models()["model_id"].to_list()
    path = tmp_path / f"{newest}.json"
    path.write_text(damage(path.read_text(encoding="utf-8")), encoding="utf-8")  # type: ignore[operator]
    with pytest.raises(ModelError, match="cannot be read") as refused:
        registry.load(newest)
    assert refused.value.exit_code == 7
    told = registry.models()
    assert told.filter(model_id=newest)["problem"].null_count() == 0
    assert registry.current_id() == second


def test_a_file_that_is_no_text_is_damaged(tmp_path: Path) -> None:
    registry = _filled(tmp_path, 1)
    (model_id,) = registry.models()["model_id"]
    (tmp_path / f"{model_id}.json").write_bytes(b"\xff\xfe\x00" * 50)
    with pytest.raises(ModelError, match="cannot be read"):
        registry.load(model_id)
    assert registry.current_id() is None


def test_a_body_that_is_whole_but_says_nonsense_is_refused(tmp_path: Path) -> None:
    """Somebody who writes hashes, too, still gets a sentence and no traceback."""
    import hashlib

    nonsense = json.dumps({"format": FORMAT, "extra": [], "settings": {"horizon_days": 1}, "until": 5})
    for body in ("3", "null", nonsense, "[" * 9999):
        digest = hashlib.sha256(body.encode()).hexdigest()
        about = {"sequence": 1, "version": "0", "newest_export": None}
        sealed = hashlib.sha256(json.dumps(about, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
        whole = {"sha256": digest, "about": about, "about_sha256": sealed, "body": body}
        (tmp_path / f"{digest[:16]}.json").write_text(json.dumps(whole), encoding="utf-8")
        registry = forecast.Registry(tmp_path)
        with pytest.raises(ModelError, match="cannot be read"):
            registry.load(digest[:16])
        assert registry.current_id() is None


@pytest.mark.parametrize("model_id", ["", "../secret", "/etc/passwd", "0" * 15, "0" * 17, "G" * 16, "0" * 16 + "\n", "index"])
def test_an_id_names_a_file_of_the_folder_or_nothing(tmp_path: Path, model_id: str) -> None:
    registry = _filled(tmp_path / "models", 1)
    (tmp_path / "secret.json").write_text("{}", encoding="utf-8")
    for ask in (registry.load, registry.use):
        with pytest.raises(UsageError, match="no model id"):
            ask(model_id)
    with pytest.raises(UsageError, match="There is no model 0000"):
        registry.load("0" * 16)


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    registry = _filled(tmp_path / "models", 1)
    (model_id,) = registry.models()["model_id"]
    path = registry.folder / f"{model_id}.json"
    path.rename(tmp_path / "elsewhere.json")
    path.symlink_to(tmp_path / "elsewhere.json")
    with pytest.raises(ModelError, match="leads out"):
        registry.load(model_id)
    assert registry.current_id() is None


def test_a_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("", encoding="utf-8")
    with pytest.raises(BookError, match="cannot be written"):
        forecast.Registry(tmp_path / "models")._shelf.put(_small(), None)
    assert forecast.Registry(tmp_path / "models").models().is_empty()


def test_a_crash_while_writing_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = _filled(tmp_path, 2)
    told = registry.models()

    def _full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", _full)
    with pytest.raises(BookError, match="No space left"):
        registry._shelf.put(_small(90.0), None)
    monkeypatch.undo()
    assert registry.models().equals(told)
    assert not list(tmp_path.glob("*.part"))


def test_the_models_of_a_book_lie_beside_it() -> None:
    assert forecast.Registry.beside("data/team.duckdb").folder == Path("data/team.models")


def test_extra_features_are_asked_for_again(tmp_path: Path) -> None:
    def _ones(now: Snapshot) -> pl.DataFrame:
        return now.sql("SELECT deal_id, 1.0 AS one FROM base.deals(as_of := $as_of)")

    registry = forecast.Registry(tmp_path)
    model_id = registry._shelf.put(forecast.WinModel(extra=_ones).fit(Book.from_frames()), None)
    with pytest.raises(ModelError, match="_ones"):
        registry.load(model_id)
    assert registry.load(model_id, _ones).extra is _ones
    registry.use(model_id)


def test_a_model_is_written_into_the_log_of_the_book_once(tmp_path: Path) -> None:
    registry = _filled(tmp_path, 1)
    book = Book.from_frames(exported_at=END, deals=made_company(40)["deals"])
    for _ in range(2):
        registry.note(book, str(registry.current_id()))
    logged = book.as_of(END).run("base.models")
    assert logged.select("model_id", "kind", "verdict").rows() == [(registry.current_id(), "win", "no_signal")]
    assert forecast.WinModel.from_json(logged["body"].item()).horizon_days == 10.0


def test_the_interval_of_the_gate_covers_the_true_difference() -> None:
    """Two forecasters whose expected losses are known; deals come in groups of rows that share their fate."""
    rng = np.random.default_rng(8)
    covered, n_times = 0, 120
    truth = 0.3 * np.log(0.3 / 0.4) + 0.7 * np.log(0.7 / 0.6)  # one always says .4, the other the true .3
    for _ in range(n_times):
        happened = np.repeat((rng.random(150) < 0.3).astype(float), 4)
        deals = [f"D{k // 4}" for k in range(600)]
        difference = log_losses(happened, np.full(600, 0.4)) - log_losses(happened, np.full(600, 0.3))
        low, high = np.quantile(resampled_means(difference, deals), [0.1, 0.9])
        covered += low <= truth <= high
    assert 0.7 <= covered / n_times <= 0.9
