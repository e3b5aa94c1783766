"""Pollock: how the reader of text files does on 2,290 polluted files. Run `python -m bench.pollock`; writes bench/POLLOCK.md.

The benchmark is that of "Pollock: A Data Loading Benchmark" (PVLDB 16, 2023). Its score, rebuilt from the paper: of each
file ten measures between 0 and 1 are added: success (the loader did not fail) and precision, recall and F1 of the cells of
the header, of the records and of the cells below it, each compared with the clean table as multisets; a table without
header or records counts as right there, a failed load has 0 in all. The simple score is the mean over the files, the
weighted one weighs each file by how often its pollution was seen in real files (`pollock_weights.json`).

Beside it stands what that score hides, for a record shifted by a column still scores:

- exact: header and every row equal cell by cell; flagged: header right, nothing wrong loaded, at least as many rejected
  rows as rows are missing; loud: the file was refused; silent: the rest, which is wrong data that nobody is told of.

What is measured is the reader that users have: a mapping with the nine column names, read by `Shelf`, `bind`, the table's
batches and `canonical_rows`. In the mode *given* the mapping also states encoding, delimiter, marks, the line of the
header and its rows; in the mode *automatic* it states names only, and all else is found by looking at the file.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import tarfile
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from salesiq.errors import InputError
from salesiq.load.headers import bind
from salesiq.load.mapping import Column, Entry
from salesiq.load.rows import canonical_rows
from salesiq.load.shape_keys import Shape
from salesiq.load.shelf import Shelf
from salesiq.load.sources import Source

DATA = Path("../shared/data/pollock/polluted_files.tar.xz")
PAGE = Path("bench/POLLOCK.md")
MODES = ("given", "automatic")
BARS = {"given": (5, 9.80), "automatic": (25, 9.0)}
OUTCOMES = ("exact", "flagged", "loud", "silent")
NAMES = ("DATE", "TIME", "Qty", "PRODUCTID", "Price", "ProductType", "ProductDescription", "URL", "Comments")
_COLUMNS = (
    *("contact_id", "customer_id", "rep_id", "activity_id", "deal_id"),
    *("pain_point", "next_step", "customer_words", "note"),
)
"""Canonical columns of free text that the nine are read into, so that no value is judged."""

Rows = list[tuple[str, ...]]


@dataclass(frozen=True)
class Table:
    """A table as it is, or as it was loaded; `n_rejected` rows were set aside."""

    header: tuple[str, ...]
    rows: Rows
    n_rejected: int = 0


@dataclass(frozen=True)
class Mark:
    """What became of one file in one mode."""

    file: str
    outcome: str
    score: float


def unpack(archive: Path, folder: Path) -> Path:
    """Unpack the files and return the folder that holds csv, clean and parameters."""
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    return folder / "polluted_files"


def clean_table(path: Path, n_header_lines: int) -> Table:
    """Read the clean table that belongs to a file."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = [tuple(row) for row in csv.reader(file)]
    return Table(rows[0] if n_header_lines and rows else (), rows[1:] if n_header_lines else rows)


def entry(parameters: dict[str, Any], mode: str) -> Entry:
    """Return the mapping of a file: the names of its columns, and in the mode `given` all that is known of its dialect."""
    names = parameters["column_names"] or NAMES
    if mode == "automatic" or not parameters["delimiter"]:
        return _entry(names)
    has_header = parameters["header_lines"] > 0
    shape = Shape(
        quote=parameters["quotechar"],
        escape=parameters["escapechar"],
        header=None if has_header else "none",
        header_line=parameters["preamble_lines"] + 1,
        header_rows=parameters["header_lines"] if has_header else None,
    )
    named = names if has_header else [str(place) for place in range(1, len(_COLUMNS) + 1)]
    return _entry(named, shape, parameters["delimiter"], parameters["encoding"])


def _entry(
    names: Sequence[str], shape: Shape | None = None, delimiter: str | None = None, encoding: str | None = None
) -> Entry:
    columns = tuple(Column(column, (name,)) for column, name in zip(_COLUMNS, names, strict=True))
    constants = {"occurred_at": "2018-06-30 00:00:00"}
    return Entry(("*",), "activities", columns, constants, delimiter=delimiter, encoding=encoding, shape=shape or Shape())


def loaded_table(path: Path, entry: Entry) -> Table:
    """Read a file as a load does. Raises `InputError` where the file is refused."""
    source = Source(path, path.name)
    table, head = Shelf().table(source, entry)
    binding = bind(head, entry, source.name)
    bound = sorted(binding.columns, key=lambda item: item.place)
    rows: Rows = []
    n_rejected = 0
    for batch in table.batches(binding.header):
        harvest = canonical_rows(batch, binding, entry, source.name, "UTC")
        cells = harvest.rows.select(item.column.name for item in bound)
        rows += [tuple(cell or "" for cell in row) for row in cells.rows()]
        n_rejected += harvest.rejects.height + len(batch.faults)
    is_named = entry.shape.header != "none"
    return Table(tuple(item.header for item in bound) if is_named else (), rows, n_rejected)


def outcome(clean: Table, loaded: Table) -> str:
    """Tell exact, flagged and silent apart."""
    if loaded.header != clean.header:
        return "silent"
    if loaded.rows == clean.rows:
        return "exact"
    n_wrong = (Counter(loaded.rows) - Counter(clean.rows)).total()
    n_missing = (Counter(clean.rows) - Counter(loaded.rows)).total()
    return "flagged" if not n_wrong and loaded.n_rejected >= n_missing else "silent"


def score(clean: Table, loaded: Table) -> float:
    """Add the ten measures of a file that was loaded."""
    cells = [[cell for row in table.rows for cell in row] for table in (clean, loaded)]
    pairs: list[tuple[Sequence[Any], Sequence[Any]]] = [
        (clean.header, loaded.header),
        (clean.rows, loaded.rows),
        (cells[0], cells[1]),
    ]
    return 1 + sum(sum(_agreement(wanted, found)) for wanted, found in pairs)


def _agreement(wanted: Sequence[Any], found: Sequence[Any]) -> tuple[float, float, float]:
    """Return precision, recall and F1 of two multisets."""
    if not wanted:
        return 1.0, 1.0, 1.0
    n_same = (Counter(wanted) & Counter(found)).total()
    if not n_same:
        return 0.0, 0.0, 0.0
    precision, recall = n_same / len(found), n_same / len(wanted)
    return precision, recall, 2 * precision * recall / (precision + recall)


def judge(folder: Path, name: str, mode: str) -> Mark:
    """Load one file and compare it with its clean table."""
    parameters = json.loads((folder / "parameters" / f"{name}_parameters.json").read_text(encoding="utf-8"))
    clean = clean_table(folder / "clean" / name, parameters["header_lines"])
    try:
        loaded = loaded_table(folder / "csv" / name, entry(parameters, mode))
    except InputError:
        return Mark(name, "loud", 0.0)
    return Mark(name, outcome(clean, loaded), score(clean, loaded))


def measure(folder: Path, names: Iterable[str], mode: str) -> list[Mark]:
    """Judge files in one mode."""
    return [judge(folder, name, mode) for name in names]


def weighted(marks: Sequence[Mark], weights: dict[str, float]) -> float:
    """Return the score weighted by how often each pollution was seen."""
    total = sum(weights[mark.file] for mark in marks)
    return sum(weights[mark.file] * mark.score for mark in marks) / total


def simple(marks: Sequence[Mark]) -> float:
    """Return the mean score."""
    return sum(mark.score for mark in marks) / len(marks)


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory(prefix="pollock-") as space:
        folder = unpack(options.data, Path(space))
        weights = json.loads((Path(space) / "pollock_weights.json").read_text(encoding="utf-8"))
        names = sorted(path.name for path in (folder / "csv").iterdir())[:: options.every]
        found: dict[str, tuple[list[Mark], float]] = {}
        for mode in MODES:
            began = time.perf_counter()
            marks = measure(folder, names, mode)
            found[mode] = (marks, time.perf_counter() - began)
            sys.stderr.write(_line(mode, *found[mode], weights) + "\n")
            for mark in marks:
                if mark.outcome == "silent" or (options.loud and mark.outcome == "loud"):
                    sys.stderr.write(f"  {mark.outcome} {mark.file} {mark.score:.3f}\n")
    if options.every == 1:
        PAGE.write_text(page(found, weights), encoding="utf-8")


def page(found: dict[str, tuple[list[Mark], float]], weights: dict[str, float]) -> str:
    """Return the results as Markdown."""
    lines = ["# Pollock", "", _ABOUT, "", "| mode | files | " + " | ".join(OUTCOMES) + " | simple | weighted | bar | s |"]
    lines.append("|---" + "|---:" * 9 + "|")
    lines += [_line(mode, *item, weights) for mode, item in found.items()]
    for mode, (marks, _) in found.items():
        for kind in ("silent", "loud"):
            files = [mark.file for mark in marks if mark.outcome == kind]
            lines += ["", f"{mode}, {kind}: " + (", ".join(f"`{file}`" for file in files) or "none") + "."]
    return "\n".join(lines) + "\n"


_ABOUT = (
    "Made by `python -m bench.pollock`, whose docstring says what is measured and how the score is calculated. Silent is the "
    "number that matters: files that were loaded wrong without a word. The bar is at most so many silent files and at least "
    "so high a simple score."
)


def _line(mode: str, marks: list[Mark], seconds: float, weights: dict[str, float]) -> str:
    counts = Counter(mark.outcome for mark in marks)
    most, least = BARS[mode]
    scores = f"{simple(marks):.3f} | {weighted(marks, weights):.3f}"
    told = " | ".join(str(counts[kind]) for kind in OUTCOMES)
    return f"| {mode} | {len(marks)} | {told} | {scores} | ≤ {most}, ≥ {least:.2f} | {seconds:.0f} |"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.pollock")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--every", type=int, default=1, help="only every n-th file; nothing is written then")
    parser.add_argument("--loud", action="store_true", help="list the refused files too")
    return parser.parse_args()


if __name__ == "__main__":
    main()
