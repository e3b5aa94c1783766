"""salesiq train and salesiq models: what they print, what they keep, and the codes that schedules rely on."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import polars as pl
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "forecast"))
from forecast_company import END, made_company

from salesiq.book import Book
from salesiq.cli import main
from salesiq.forecast import Registry, WinModel


class Run:
    """One run of the command line in this process: its code, output and errors."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch, self._capsys = monkeypatch, capsys

    def __call__(self, *arguments: object) -> tuple[int, str, str]:
        self._monkeypatch.setattr(sys, "argv", ["salesiq", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = self._capsys.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.delenv("SALESIQ_DEBUG", raising=False)
    monkeypatch.setenv("SALESIQ_LANG", "en")
    return Run(monkeypatch, capsys)


def _book(path: Path, n: int) -> Path:
    book = Book(path)
    with book.write() as writer:
        for table, frame in made_company(n).items():
            writer.merge(table, frame, load_id="a", exported_at=END)
        row = {"load_id": "a", "table_name": "deals", "source_file": "deals.csv", "exported_at": END}
        writer.log("loads", pl.DataFrame(row))
    return path


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _book(tmp_path_factory.mktemp("team") / "team.duckdb", 700)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    return _book(tmp_path / "team.duckdb", 30)


def test_train_keeps_the_first_model_beside_the_book_and_the_second_only_where_it_is_better(run: Run, team: Path) -> None:
    code, out, err = run("train", "--book", team, "--until", "2026-06-01", "--json")
    assert code == 0, err
    told = json.loads(out)
    assert (told["reason"], told["is_accepted"], told["folder"]) == ("first", True, str(team.with_suffix(".models")))
    logged = Book(team).as_of("2026-06-25").run("base.models")
    assert logged["model_id"].to_list() == [told["model_id"]]
    code, out, err = run("train", "--book", team, "--lang", "zh")
    assert (code, out) == (7, "")
    assert f"继续使用现有模型 {told['model_id']}" in err
    code, out, _ = run("models", "--book", team)
    assert (code, f"* {told['model_id']}" in out, "usable" in out) == (0, True, True)
    code, out, _ = run("models", "--book", team, "--drift", "--json")
    assert (code, json.loads(out)["drift"]["learned"][:10]) == (0, "2026-06-01")
    assert json.loads(out)["models"][0]["model_id"] == told["model_id"]


def test_a_model_without_signal_ends_with_7_and_says_why(run: Run, small: Path) -> None:
    code, out, err = run("train", "--book", small)
    assert (code, out) == (7, "")
    assert "cannot tell deals apart" in err
    assert "too few won and lost deals" in err
    code, out, _ = run("train", "--book", small, "--force", "--json")
    assert (code, json.loads(out)["reason"]) == (7, "no_signal")
    code, out, _ = run("models", "--book", small)
    assert (code, "No models in" in out) == (0, True)
    code, _, err = run("models", "--book", small, "--drift")
    assert (code, "salesiq train" in err) == (7, True)


def test_models_goes_back_and_refuses_what_is_damaged_or_not_there(run: Run, small: Path, tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    old, new = (Registry(folder)._shelf.put(WinModel(days).fit(Book.from_frames()), None) for days in (10.0, 20.0))
    code, out, _ = run("models", "--book", small, "--models", folder)
    assert (code, f"* {new}" in out, f"  {old}" in out) == (0, True, True)
    code, out, _ = run("models", "--book", small, "--models", folder, "--use", old, "--lang", "zh")
    assert (code, f"* {old}" in out, "没有可用信号" in out) == (0, True, True)
    (folder / f"{new}.json").write_text("{", encoding="utf-8")
    code, _, err = run("models", "--book", small, "--models", folder, "--use", new)
    assert (code, "cannot be read" in err, "Traceback" in err) == (7, True, False)
    code, out, _ = run("models", "--book", small, "--models", folder)
    assert (code, f"! {new}" in out) == (0, True)
    assert run("models", "--book", small, "--models", folder, "--use", "../../etc/passwd")[0] == 2
    assert run("models", "--book", small, "--models", folder, "--use", "0" * 16)[0] == 2


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["train", "--book", "{tmp}/none.duckdb"], 5),
        (["models", "--book", "{tmp}/none.duckdb"], 5),
        (["train", "--book", "{tmp}/team.duckdb", "--until", "3026-01-01"], 2),
        (["train", "--book", "{tmp}/team.duckdb", "--until", "soon"], 2),
        (["train", "--book", "{tmp}/team.duckdb", "--horizon", "0"], 2),
    ],
)
def test_exit_codes(run: Run, small: Path, arguments: list[str], code: int) -> None:
    ended, _, err = run(*[argument.format(tmp=small.parent) for argument in arguments])
    assert ended == code, err
    assert err.strip()
    assert "Traceback" not in err


def test_an_empty_book_says_what_to_load(run: Run, tmp_path: Path) -> None:
    Book(tmp_path / "team.duckdb")
    code, _, err = run("train", "--book", tmp_path / "team.duckdb")
    assert (code, "salesiq load FOLDER" in err) == (2, True)
