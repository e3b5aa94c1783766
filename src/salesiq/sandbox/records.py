"""JSON and JSON lines: records as rows of text, read piece by piece; numbers keep the digits that the file has."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from salesiq.errors import InputError
from salesiq.sandbox.sheets import MOST_COLUMNS

__all__ = ["rows"]

LONGEST_RECORD = 10 * 1024 * 1024
_PIECE, _ROWS, _BATCH_CHARACTERS = 1024 * 1024, 50_000, 16 * 1024 * 1024
_MOST_EXPONENT = 40
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_SPACE = " \t\r\n"


def rows(path: str, suffix: str, encoding: str | None) -> Iterator[tuple[dict[str, Any], pa.RecordBatch | None]]:
    """Yield batches of records; their first column is the line (of an array: the number of the record), then one
    column a key.

    A key that is new in a later batch is a column from then on. An object in a record becomes columns with dotted
    names, a list JSON text. Raises `InputError` for NaN and Infinity, keys that stand twice, a cut file, and records
    beyond the limits.
    """
    try:
        with Path(path).open(encoding=encoding or _encoding(path), newline="") as file:
            yield from _batches(_lines(file) if _is_lines(path, suffix, file) else _Document(file).records())
    except UnicodeDecodeError as error:
        raise InputError("load.json_encoding", offset=error.start) from error
    except LookupError as error:
        raise InputError("load.json_encoding", offset=0) from error


def _encoding(path: str) -> str:
    with Path(path).open("rb") as file:
        start = file.read(4)
    return next((encoding for mark, encoding in _MARKS if start.startswith(mark)), "utf-8")


def _is_lines(path: str, suffix: str, file: IO[str]) -> bool:
    """Whether each line is a record: by the suffix, or because the first line is a whole object and more follow."""
    if suffix in (".jsonl", ".ndjson"):
        return True
    first, second = file.readline(_PIECE), file.readline(_PIECE)
    file.seek(0)
    if not (first.startswith("{") and second.startswith("{")):
        return False
    try:
        return isinstance(json.loads(first), dict)
    except ValueError:
        return False


def _decoder() -> json.JSONDecoder:
    return json.JSONDecoder(object_pairs_hook=_object, parse_float=_plain, parse_int=str, parse_constant=_no_number)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise InputError("load.json_twice", name=next(key for key in keys if keys.count(key) > 1)[:200])
    return found


def _no_number(word: str) -> None:
    raise InputError("load.json_no_number", value=word)


def _plain(digits: str) -> str:
    """Write a number without an exponent, exactly; absurd exponents stay, and are rejected as what they are."""
    if "e" not in digits and "E" not in digits:
        return digits
    value = Decimal(digits)
    exponent = value.as_tuple().exponent
    return f"{value:f}" if isinstance(exponent, int) and abs(exponent) <= _MOST_EXPONENT else digits


def _lines(file: IO[str]) -> Iterator[tuple[int, dict[str, Any] | None]]:
    """Yield (line, record) for each line, None for a blank one."""
    decoder, number = _decoder(), 0
    while line := file.readline(LONGEST_RECORD + 1):
        number += 1
        if len(line) > LONGEST_RECORD:
            raise InputError("load.json_long", line=number, most_mb=LONGEST_RECORD // 2**20)
        text = line.strip(_SPACE)
        yield number, _record(decoder, text, number) if text else None


def _record(decoder: json.JSONDecoder, text: str, line: int) -> dict[str, Any]:
    try:
        found = decoder.decode(text)
    except json.JSONDecodeError as error:
        raise InputError("load.json_broken", line=line, problem=error.msg) from error
    except InputError as error:
        error.facts.setdefault("line", line)
        raise
    if not isinstance(found, dict):
        raise InputError("load.json_no_record", line=line)
    return found


@dataclass
class _Document:
    """A file that holds one array of records, or one object with such an array in it."""

    file: IO[str]
    text: str = ""
    at: int = 0
    lines_before: int = 0
    decoder: json.JSONDecoder = field(default_factory=_decoder)

    @property
    def line(self) -> int:
        """The line at which the file is read."""
        return self.lines_before + self.text.count("\n", 0, self.at) + 1

    def records(self) -> Iterator[tuple[int, dict[str, Any] | None]]:
        """Yield (number, record)."""
        start = self._next()
        if start == "[":
            yield from self._array()
        elif start == "{":
            yield from self._object()
        else:
            raise InputError("load.json_no_list", line=self.line)
        if self._next():
            raise InputError("load.json_broken", line=self.line, problem="more text after the end")

    def _object(self) -> Iterator[tuple[int, dict[str, Any] | None]]:
        """Yield the records of the only list of objects; what stands beside it is no row."""
        self.at += 1
        seen: list[str] = []
        lists: list[str] = []
        has_list = False
        while self._next() != "}":
            key = str(self._value())
            if key in seen:
                raise InputError("load.json_twice", name=key[:200], line=self.line)
            seen.append(key)
            self._expect(":")
            if self._next() == "[":
                has_list = True
                yield from self._if_records(key, lists)
            else:
                self._value()
            if self._next() != "}":
                self._expect(",")
        self.at += 1
        if not has_list:
            raise InputError("load.json_no_list", line=self.line)

    def _if_records(self, key: str, lists: list[str]) -> Iterator[tuple[int, dict[str, Any] | None]]:
        """Yield a list's records; a list of plain values is passed over."""
        for number, value in self._elements():
            if number == 1 and isinstance(value, dict):
                lists.append(key)
                if len(lists) > 1:
                    raise InputError("load.json_lists", lists=", ".join(lists))
            if key in lists:
                yield number, self._sure(value)

    def _array(self) -> Iterator[tuple[int, dict[str, Any] | None]]:
        for number, value in self._elements():
            yield number, self._sure(value)

    def _sure(self, value: Any) -> dict[str, Any]:
        if isinstance(value, dict):
            return value
        raise InputError("load.json_no_record", line=self.line)

    def _elements(self) -> Iterator[tuple[int, Any]]:
        self.at += 1
        number = 0
        while self._next() != "]":
            if number:
                self._expect(",")
            number += 1
            yield number, self._value()
        self.at += 1

    def _next(self) -> str:
        """Return the next character that is no space, without taking it; "" at the end."""
        while True:
            while self.at < len(self.text) and self.text[self.at] in _SPACE:
                self.at += 1
            if self.at < len(self.text):
                return self.text[self.at]
            if not self._more():
                return ""

    def _expect(self, mark: str) -> None:
        found = self._next()
        if found != mark:
            raise InputError("load.json_broken" if found else "load.json_cut", line=self.line, problem=f"{mark} expected")
        self.at += 1

    def _value(self) -> Any:
        """Take one value; a longer one than the limit is refused before it is all in memory."""
        if not self._next():
            raise InputError("load.json_cut", line=self.line)
        while True:
            try:
                value, end = self.decoder.raw_decode(self.text, self.at)
            except json.JSONDecodeError as error:
                self._need_more(error)
                continue
            except InputError as error:
                error.facts.setdefault("line", self.line)
                raise
            self._refuse_long(end - self.at)
            self.at = end
            return value

    def _refuse_long(self, n_characters: int) -> None:
        if n_characters > LONGEST_RECORD:
            raise InputError("load.json_long", line=self.line, most_mb=LONGEST_RECORD // 2**20)

    def _need_more(self, error: json.JSONDecodeError) -> None:
        """Read on where the value only seems broken because its end is not read yet."""
        is_at_end = error.pos >= len(self.text) - 16 or error.msg.startswith("Unterminated")
        if not is_at_end:
            raise InputError("load.json_broken", line=self.line, problem=error.msg) from error
        self._refuse_long(len(self.text) - self.at)
        if not self._more():
            raise InputError("load.json_cut", line=self.line) from error

    def _more(self) -> bool:
        self.lines_before += self.text.count("\n", 0, self.at)
        rest = self.text[self.at :]
        piece = self.file.read(max(_PIECE, len(rest)))
        self.text, self.at = rest + piece, 0
        return bool(piece)


def _batches(records: Iterator[tuple[int, dict[str, Any] | None]]) -> Iterator[tuple[dict[str, Any], pa.RecordBatch | None]]:
    columns: dict[str, None] = {}
    numbers: list[int] = []
    waiting: list[dict[str, str | None]] = []
    size = n_blank = 0
    for number, record in records:
        if record is None:
            n_blank += 1
            continue
        row: dict[str, str | None] = {}
        _flatten(record, "", row, number)
        columns.update(dict.fromkeys(row))
        if len(columns) > MOST_COLUMNS:
            raise InputError("load.too_many_columns", n=len(columns), most=MOST_COLUMNS)
        numbers.append(number)
        waiting.append(row)
        size += sum(len(cell) for cell in row.values() if cell)
        if len(waiting) == _ROWS or size > _BATCH_CHARACTERS:
            yield {"columns": list(columns), "n_blank": n_blank}, _batch(columns, numbers, waiting)
            numbers, waiting, size, n_blank = [], [], 0, 0
    yield {"columns": list(columns), "n_blank": n_blank}, _batch(columns, numbers, waiting)


def _flatten(record: dict[str, Any], prefix: str, row: dict[str, str | None], number: int) -> None:
    for key, value in record.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            _flatten(value, f"{name}.", row, number)
        elif name in row:
            raise InputError("load.json_twice", name=name[:200], line=number)
        else:
            row[name] = _cell(value)


def _cell(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)  # true, false, and lists as JSON text


def _batch(columns: dict[str, None], numbers: list[int], waiting: list[dict[str, str | None]]) -> pa.RecordBatch:
    cells = [_array([row.get(name) for row in waiting]) for name in columns]
    names = [str(place) for place in range(len(cells))]
    return pa.RecordBatch.from_arrays([pa.array(numbers, pa.int64()), *cells], names=["line", *names])


def _array(cells: list[str | None]) -> pa.Array:
    with suppress(UnicodeEncodeError):
        return pa.array(cells, pa.large_string())
    return pa.array([_without_halves(cell) if cell else cell for cell in cells], pa.large_string())


def _without_halves(cell: str) -> str:
    """Half a surrogate pair is no character: U+FFFD, for which the row is rejected."""
    return cell.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
