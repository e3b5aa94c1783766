from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from exports import DEALS, HEADER, mapping_file, workbook
from old_workbooks import ods

import salesiq.sandbox
from salesiq.book import Book
from salesiq.errors import InputError
from salesiq.load import load
from salesiq.sandbox import Sandbox

ROW: list[object] = ["D1", "甲", 5, "2026-01-03", "进行中"]


def sound(folder: Path) -> Path:
    return workbook(folder / "deals.xlsx", [list(HEADER.split(",")), ROW])


def refused(path: Path, match: str) -> bool:
    book = Book(":memory:")
    with pytest.raises(InputError, match=match) as caught:
        load(book, path, mapping_file(path.parent / "map", DEALS.replace("deals*.csv", "deals.*")), exported_at="2026-01-31")
    return caught.value.exit_code == 3 and book.loads().is_empty()


def ods_bomb(folder: Path) -> Path:
    """Write a small sheet that says: this cell, 16,384 times, in a million rows."""
    path = ods(folder / "deals.ods", [["x"]])
    wide = b'<table:table-cell table:number-columns-repeated="16384" '
    many = b'<table:table-row table:number-rows-repeated="1048576">'
    _change(path, "content.xml", ((b"<table:table-cell ", wide), (b"<table:table-row>", many)))
    return path


def xlsx_bomb(folder: Path) -> Path:
    """Write a sheet with two cells, the first and the last that there can be: all between them are empty."""
    path = workbook(folder / "deals.xlsx", [["x"], ["y"]])
    _change(path, "xl/worksheets/sheet1.xml", ((b'r="A2"', b'r="XFD1048576"'), (b'<row r="2"', b'<row r="1048576"')))
    return path


def _change(path: Path, part: str, changes: tuple[tuple[bytes, bytes], ...]) -> None:
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    for old, new in changes:
        assert old in parts[part]
        parts[part] = parts[part].replace(old, new)
    with zipfile.ZipFile(path, "w") as archive:
        for name, body in parts.items():
            archive.writestr(name, body)


@pytest.mark.fault(47)
@pytest.mark.parametrize("bomb", [ods_bomb, xlsx_bomb])
def test_a_small_file_that_makes_the_parser_take_all_memory(tmp_path: Path, bomb: Callable[[Path], Path]) -> None:
    path = bomb(tmp_path)
    assert path.stat().st_size < 20_000
    assert refused(path, "broke the program that takes it apart|needs more than 4096 MB|no complete workbook")


def test_the_next_file_finds_a_new_child(tmp_path: Path) -> None:
    with Sandbox() as sandbox:
        assert sandbox.facts("sheets", "a", path=str(sound(tmp_path)))["sheets"] == ["Sheet1"]
        assert sandbox._process is not None
        os.kill(sandbox._process.pid, signal.SIGKILL)
        with pytest.raises(InputError, match=r"a\.xlsx broke the program"):
            sandbox.facts("sheets", "a.xlsx", path=str(tmp_path / "deals.xlsx"))
        assert sandbox.facts("sheets", "a", path=str(tmp_path / "deals.xlsx"))["kind"] == "xlsx"


def test_a_parser_that_takes_too_long_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox = Sandbox()
    sandbox.facts("sheets", "a", path=str(sound(tmp_path)))
    process = sandbox._process
    assert process is not None
    os.kill(process.pid, signal.SIGSTOP)
    monkeypatch.setattr(salesiq.sandbox, "ANSWER_SECONDS", 0.2)
    with pytest.raises(InputError, match="was not read after"):
        sandbox.facts("sheets", "a", path=str(tmp_path / "deals.xlsx"))
    assert process.poll() is not None


LIMITED = """
from salesiq.sandbox.serve import limit
limit(600 * 2**20)
try:
    bytes(2**30)
except MemoryError:
    print("kept")
"""
LIGHT = """
import sys, salesiq.sandbox.serve
print([name for name in sys.modules if name.startswith("salesiq.load") or name in ("polars", "duckdb", "pyarrow")])
"""


@pytest.mark.parametrize(("program", "said"), [(LIMITED, "kept"), (LIGHT, "[]")])
def test_the_child_is_limited_in_memory_and_light(program: str, said: str) -> None:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == said


def test_texts_need_no_child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def start(self: Sandbox) -> None:
        raise AssertionError

    monkeypatch.setattr(Sandbox, "_start", start)
    (tmp_path / "deals.csv").write_text(f"{HEADER}\nD1,甲,5,2026-01-03,进行中\n", encoding="utf-8")
    assert (
        load(Book(":memory:"), tmp_path / "deals.csv", mapping_file(tmp_path / "map"), exported_at="2026-01-31").n_loaded == 1
    )


def test_a_child_waits_for_the_next_load_and_ends_by_itself(tmp_path: Path) -> None:
    first = Sandbox()
    first.facts("sheets", "a", path=str(sound(tmp_path)))
    process = first._process
    folder = first.folder
    first.close()
    assert not folder.exists()
    second = Sandbox()
    second.facts("sheets", "a", path=str(tmp_path / "deals.xlsx"))
    assert second._process is process
    second._stop()
    assert process is not None
    assert process.poll() is not None


def test_the_child_ends_with_its_parent(tmp_path: Path) -> None:
    program = (
        "import os, sys\nfrom salesiq.sandbox import Sandbox\nsandbox = Sandbox()\n"
        f"sandbox.facts('sheets', 'a', path={str(sound(tmp_path))!r})\nprint(sandbox._process.pid, flush=True)\nos._exit(9)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    pid = int(done.stdout)
    for _ in range(100):
        if is_over := not Path(f"/proc/{pid}").exists() or "Z" in Path(f"/proc/{pid}/stat").read_text().split()[2]:
            break
        time.sleep(0.1)
    assert is_over
