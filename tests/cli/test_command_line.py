"""The command line: what it prints, where, and with which code it ends."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from salesiq.book import Book
from salesiq.cli import main

REPOSITORY = Path(__file__).resolve().parents[2]
DEALS = "deal_id,created_at,stage,status,amount\nD1,2026-01-05 09:00:00,lead,open,100\nD2,2026-01-06 09:00:00,lead,open,200\n"
VERBS = ("load", "rejects", "weekly", "train", "models", "sample", "map", "doctor")


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


@pytest.fixture
def exports(tmp_path: Path) -> Path:
    folder = tmp_path / "2026-01-30"
    folder.mkdir()
    (folder / "deals.csv").write_text(DEALS, encoding="utf-8")
    return folder


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(run: Run, verb: str) -> None:
    code, out, _ = run(verb, "--help")
    assert code == 0
    assert f"salesiq {verb}" in out
    for option in ("--lang", "--quiet", "--json", "--help"):
        assert option in out


def test_help_does_not_wait_for_heavy_libraries() -> None:
    code = "import sys; from salesiq.cli import app; print([m for m in sys.modules if m in %r])"
    heavy = ("polars", "duckdb", "pandera", "sklearn", "lightgbm", "statsmodels", "plotly", "pandas", "numpy")
    done = subprocess.run([sys.executable, "-c", code % (heavy,)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_load_then_the_same_again(run: Run, exports: Path, tmp_path: Path) -> None:
    book = tmp_path / "team.duckdb"
    code, out, _ = run("load", exports, "--book", book, "--json")
    report = json.loads(out)
    assert code == 0
    assert report["exported_at"].startswith("2026-01-30")
    assert dict(Book(book).tables().select("table_name", "n_rows").rows())["deals"] == 2
    code, out, _ = run("load", exports, "--book", book, "--json")
    assert (code, json.loads(out)["is_noop"]) == (0, True)


def test_quiet_prints_nothing(run: Run, exports: Path, tmp_path: Path) -> None:
    assert run("load", exports, "--book", tmp_path / "team.duckdb", "--quiet") == (0, "", "")


def test_errors_speak_the_language_asked_for(run: Run, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for lang, pattern in (("en", r"[A-Za-z]{4}"), ("zh", "[\u4e00-\u9fff]{3}")):
        code, out, err = run("load", tmp_path / "empty", "--book", tmp_path / "b.duckdb", "--lang", lang)
        assert (code, out) == (3, "")
        assert re.search(pattern, err)
        assert "Traceback" not in err


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["load"], 2),
        (["load", "x", "--lang", "fr"], 2),
        (["nonsense"], 2),
        (["load", "nowhere", "--book", "{tmp}/b.duckdb"], 3),
        (["load", "{tmp}/2026-01-30", "--mapping", "no_such_preset", "--book", "{tmp}/b.duckdb"], 2),
        (["load", "{tmp}/2026-01-30", "--book", "{tmp}/missing/b.duckdb"], 5),
        (["load", "{tmp}/2026-01-30", "--book", "{tmp}/2026-01-30/deals.csv"], 5),
        (["weekly", "--book", "{tmp}/none.duckdb"], 5),
        (["weekly", "--book", "{tmp}/none.duckdb", "--fail-on", "rain"], 2),
        (["map", "nowhere"], 3),
        (["sample", "--out", "{tmp}/2026-01-30/deals.csv/x"], 5),
    ],
)
def test_exit_codes(run: Run, exports: Path, arguments: list[str], code: int) -> None:
    ended, _, err = run(*[argument.format(tmp=exports.parent) for argument in arguments])
    assert ended == code, err
    assert err.strip()
    assert "Traceback" not in err


def test_a_fault_of_ours_is_a_sentence_without_control_characters(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("salesiq.cli.doctor._findings", lambda _book: 1 / 0)
    code, _, err = run("doctor")
    assert (code, "fault of ours: ZeroDivisionError" in err) == (1, True)
    monkeypatch.setattr("salesiq.cli.doctor._findings", lambda _book: {}[f"\x1b[31mred{chr(7)}"])
    assert "\x1b" not in run("doctor")[2]


def test_an_interrupted_run_ends_with_130(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_book: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("salesiq.cli.doctor._findings", interrupt)
    assert run("doctor")[0] == 130


def test_weekly_says_where_the_page_is_and_makes_it_again_to_the_byte(run: Run, exports: Path, tmp_path: Path) -> None:
    book, page = tmp_path / "team.duckdb", tmp_path / "weekly.html"
    run("load", exports, "--book", book)
    code, out, _ = run("weekly", "--book", book, "--out", page)
    assert (code, str(page) in out) == (0, True)
    first = page.read_bytes()
    run("weekly", "--book", book, "--out", page)
    assert page.read_bytes() == first


def test_weekly_of_an_empty_book_says_what_to_do(run: Run, tmp_path: Path) -> None:
    Book(tmp_path / "team.duckdb")
    code, _, err = run("weekly", "--book", tmp_path / "team.duckdb")
    assert (code, "salesiq load FOLDER" in err) == (2, True)


def test_map_proposes_what_load_can_use(run: Run, exports: Path, tmp_path: Path) -> None:
    mapping = tmp_path / "team.toml"
    assert run("map", exports, "--out", mapping)[0] == 0
    assert run("map", exports, "--out", mapping)[0] == 2
    assert run("map", exports, "--out", mapping, "--force")[0] == 0
    code, _, err = run("load", exports, "--mapping", mapping, "--book", tmp_path / "team.duckdb")
    assert code == 0, err


def test_doctor_looks_into_a_book(run: Run, exports: Path, tmp_path: Path) -> None:
    run("load", exports, "--book", tmp_path / "team.duckdb")
    code, out, _ = run("doctor", "--book", tmp_path / "team.duckdb", "--json")
    assert (code, json.loads(out)["book"]["rows"]["deals"]) == (0, 2)


def test_sample_then_load_then_weekly(run: Run, tmp_path: Path) -> None:
    folder, book, page = tmp_path / "demo", tmp_path / "demo.duckdb", tmp_path / "weekly.html"
    assert run("sample", "--out", folder, "--reps", 8, "--months", 8, "--quiet")[0] == 0
    code, _, err = run("load", folder, "--mapping", "sample", "--book", book, "--quiet")
    assert code == 0, err
    code, _, err = run("weekly", "--book", book, "--out", page, "--lang", "zh", "--quiet")
    assert code == 0, err
    assert page.stat().st_size > 100_000


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_the_makefile_names_every_target_of_the_readme() -> None:
    wanted = set(re.findall(r"^make ([a-z-]+)", (REPOSITORY / "README.md").read_text(encoding="utf-8"), re.MULTILINE))
    for target in wanted:
        done = subprocess.run(["make", "-n", target], cwd=REPOSITORY, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    assert wanted == {"report", "test"}


def test_make_report_runs_commands_that_exist(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The very lines of the Makefile, on the committed sample, into another folder."""
    monkeypatch.chdir(REPOSITORY)
    recipe = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    lines = re.findall(r"^\t@\$\(BIN\)/salesiq (.+)$", recipe, re.MULTILINE)
    assert len(lines) == 2
    for line in lines:
        words = line.replace("$(BOOK)", str(tmp_path / "b.duckdb")).replace("$(REPORT)", str(tmp_path / "r.html")).split()
        code, _, err = run(*words)
        assert code == 0, err
    assert (tmp_path / "r.html").stat().st_size > 1_000_000


def test_rejected_rows_go_out_and_come_back(run: Run, exports: Path, tmp_path: Path) -> None:
    import openpyxl

    with (exports / "deals.csv").open("a", encoding="utf-8") as file:
        file.write("D3,2026-01-07 09:00:00,lead,open,many\n")
    book = tmp_path / "team.duckdb"
    run("load", exports, "--mapping", "canonical", "--book", book)
    code, out, _ = run("rejects", "--book", book)
    assert code == 0
    assert "1 rejected rows wait" in out
    assert "not a plain amount: deals.csv, line 4, column amount: many" in out
    assert run("rejects", "--book", book, "--out", tmp_path / "back.xlsx")[0] == 0
    workbook = openpyxl.load_workbook(tmp_path / "back.xlsx")
    sheet = workbook["1 deals"]
    column = next(cell.column_letter for cell in sheet[1] if cell.value == "amount")
    sheet[f"{column}2"] = "300"
    workbook.save(tmp_path / "back.xlsx")
    code, out, _ = run("rejects", "--book", book, "--retry", tmp_path / "back.xlsx", "--json")
    assert (code, [load["n_loaded"] for load in json.loads(out)]) == (0, [1])
    assert json.loads(run("rejects", "--book", book, "--json")[1]) == []


@pytest.mark.parametrize("share", ["10%", "0.1"])
def test_a_load_beyond_the_limit_of_rejects_is_refused_and_leaves_the_book(
    run: Run, exports: Path, tmp_path: Path, share: str
) -> None:
    with (exports / "deals.csv").open("a", encoding="utf-8") as file:
        file.write("D3,2026-01-07 09:00:00,lead,open,many\n")
    book = tmp_path / "team.duckdb"
    code, _, err = run("load", exports, "--mapping", "canonical", "--book", book, "--max-rejects", share)
    assert code == 3
    assert "not a plain amount" in err
    assert Book(book).loads().is_empty()
    assert run("load", exports, "--mapping", "canonical", "--book", book, "--max-rejects", "50%")[0] == 0


def test_a_share_that_is_none_is_named(run: Run, exports: Path) -> None:
    code, _, err = run("load", exports, "--max-rejects", "many")
    assert (code, "--max-rejects many" in err) == (2, True)
