"""Files beyond all measure: refused with a sentence, in bounded memory. The load runs in a process of its own, whose
peak is measured.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from exports import HEADER, export, mapping_file

from salesiq.book import Book
from salesiq.errors import InputError
from salesiq.load import load
from salesiq.load.limits import LineMeter

MB = 2**20
PROGRAM = """
import json, resource, sys
from salesiq.book import Book
from salesiq.errors import SalesiqError
from salesiq.load import load
book = Book(":memory:")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    load(book, sys.argv[1], sys.argv[2], exported_at="2026-01-31")
    told = (0, "")
except SalesiqError as error:
    told = (error.exit_code, str(error))
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps([*told, (after - before) // 1024]))
"""


def load_apart(path: Path) -> tuple[int, str, int]:
    """Load in a process of its own; return the exit code, the message, and by how many MB its memory grew."""
    command = [sys.executable, "-c", PROGRAM, str(path), str(mapping_file(path.parent / "map"))]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    code, message, grown_mb = json.loads(done.stdout.splitlines()[-1])
    return code, message, grown_mb


@pytest.mark.fault(77)
@pytest.mark.parametrize("filler", [b"\0", b"x,"])
def test_a_line_of_two_gigabytes(tmp_path: Path, filler: bytes) -> None:
    path = export(tmp_path, "D1,甲,5,2026-01-03,进行中")
    with path.open("ab") as file:
        if filler == b"\0":
            file.truncate(2 * 2**30)  # a hole: takes no room on the disk
        else:
            for _ in range(20):
                file.write(filler * MB)
    code, message, grown_mb = load_apart(path)
    assert code == 3
    assert "a line of more than 10 MB" in message
    assert grown_mb < 250


@pytest.mark.fault(77)
def test_a_million_columns(tmp_path: Path) -> None:
    export(tmp_path, "x", header=",".join(f"c{place}" for place in range(1_000_000)))
    code, message, grown_mb = load_apart(tmp_path / "deals.csv")
    assert code == 3
    assert "columns; at most 5000" in message
    assert grown_mb < 700


@pytest.mark.fault(77)
@pytest.mark.parametrize("name", ["deals.csv", "deals.jsonl"])
def test_a_cell_of_a_hundred_kilobytes(tmp_path: Path, name: str) -> None:
    path = export(tmp_path, f"D1,{'x' * 110_000},5,2026-01-03,进行中")
    with pytest.raises(InputError, match="a cell of 107 KB; at most 100 KB") as caught:
        load(Book(":memory:"), path, mapping_file(tmp_path / "map"), exported_at="2026-01-31")
    assert caught.value.exit_code == 3
    path = export(tmp_path, f"D1,{'x' * 100_000},5,2026-01-03,进行中")
    assert load(Book(":memory:"), path, mapping_file(tmp_path / "map"), exported_at="2026-01-31").n_loaded == 1


def test_the_line_meter_is_right_about_any_file() -> None:
    for text in (b"", b"abc", b"abc\n", b"a\nbcdef\ng", b"\r\rabc\r", b"a" * 50, b"\n" * 9, b"ab\r\ncdefg\r\nh"):
        longest = max((len(line) for line in text.replace(b"\r", b"\n").split(b"\n")), default=0)
        for size in (1, 2, 3, 7, 100):
            meter = LineMeter()
            for piece in _pieces(text, size):
                meter.add(piece)
            within = [line for piece in _pieces(text, size) for line in piece.replace(b"\r", b"\n").split(b"\n")]
            assert max(longest - max(map(len, within), default=0), 0) <= meter.longest or meter.longest >= longest - size
            assert meter.longest <= longest + 1
    assert HEADER


def _pieces(text: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, len(text), size):
        yield text[start : start + size]
