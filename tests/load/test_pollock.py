"""A sample of the polluted files of Pollock; all of them are measured by `python -m bench.pollock` (bench/POLLOCK.md)."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # bench is no package of the product

from bench.pollock import MODES, Mark, Table, judge, outcome, score, simple, unpack

SPECIAL = ("file_", "row_more_sep_row0", "row_less_sep_row0", "row_extra_quote0_col0", "source")
KNOWN_SILENT = {
    "given": {"file_multitable_same.csv"},
    "automatic": {"file_multitable_same.csv", "file_quotation_char_0x27.csv"},
}
"""A second table that equals the first is a repeated header to the reader; a mark that only half of its cells escape."""


@pytest.fixture(scope="module")
def polluted(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unpack(shared_data / "pollock" / "polluted_files.tar.xz", tmp_path_factory.mktemp("pollock"))


def sample(folder: Path) -> list[str]:
    names = sorted(path.name for path in (folder / "csv").iterdir())
    return sorted({*names[::30], *(name for name in names if name.startswith(SPECIAL))})


@pytest.mark.parametrize("mode", MODES)
def test_nothing_is_loaded_wrong_in_silence(polluted: Path, mode: str) -> None:
    marks: list[Mark] = [judge(polluted, name, mode) for name in sample(polluted)]
    assert len(marks) >= 100
    assert {mark.file for mark in marks if mark.outcome == "silent"} <= KNOWN_SILENT[mode]
    ordinary = [mark for mark in marks if not mark.file.startswith(SPECIAL)]
    assert simple(ordinary) >= 9.9
    assert Counter(mark.outcome for mark in ordinary).keys() <= {"exact", "flagged"}


CLEAN = Table(("a", "b"), [("1", "x"), ("2", "y")])


def test_outcomes_are_told_apart() -> None:
    assert outcome(CLEAN, CLEAN) == "exact"
    assert outcome(CLEAN, Table(CLEAN.header, CLEAN.rows[:1], n_rejected=1)) == "flagged"
    assert outcome(CLEAN, Table(CLEAN.header, CLEAN.rows[:1])) == "silent"
    assert outcome(CLEAN, Table(CLEAN.header, [*CLEAN.rows[:1], ("y", "2")], n_rejected=1)) == "silent"
    assert outcome(CLEAN, Table(("a", "c"), CLEAN.rows)) == "silent"


def test_a_shifted_row_scores_nearly_as_a_right_one() -> None:
    """What the score hides: as multisets the cells of a shifted row are the same cells."""
    assert score(CLEAN, CLEAN) == 10
    assert score(CLEAN, Table(CLEAN.header, [("1", "x"), ("y", "2")])) == pytest.approx(1 + 3 + 1.5 + 3)
    assert score(Table((), []), Table((), [])) == 10
