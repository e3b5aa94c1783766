"""What a mapping may say about a text's marks and a table's shape; without it both are found by looking at the file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from salesiq.errors import UsageError
from salesiq.load.dialects import Given

__all__ = ["SHAPE_KEYS", "Shape", "read_delimiter", "read_shape"]

SHAPE_KEYS = ("quote", "escape", "header", "header_line", "header_rows", "second_table")
_LONGEST_DELIMITER = 8


@dataclass(frozen=True)
class Shape:
    """Settings of one `[[file]]`; None where the file is to tell.

    `header = "none"`: the file has no header line, columns are called "1", "2", ... by their place. `header_line` is the
    line where the header begins, `header_rows` how many rows it has. `second_table` says what becomes of another table
    below the first: its rows are rejected, or the file is refused.
    """

    quote: str | None = None
    escape: str | None = None
    header: str | None = None
    header_line: int | None = None
    header_rows: int | None = None
    second_table: str = "reject"

    def given(self, delimiter: str | None) -> Given:
        """Return what is known of the dialect."""
        return Given(delimiter, self.quote, self.escape)


def read_shape(item: Mapping[str, Any], place: str) -> Shape:
    """Read the keys from a `[[file]]` of the mapping at `place`. Raises `UsageError` for what they cannot mean."""
    return Shape(
        quote=_mark(item, "quote", place),
        escape=_mark(item, "escape", place),
        header=_choice(item, "header", ("none",), place),
        header_line=_count(item, "header_line", place),
        header_rows=_count(item, "header_rows", place, most=9),
        second_table=_choice(item, "second_table", ("reject", "refuse"), place) or "reject",
    )


def read_delimiter(given: Any, place: str) -> str | None:
    """Read a delimiter: one character or a few, none of them a quotation mark or a line end."""
    if given is None:
        return None
    if not isinstance(given, str) or not 0 < len(given) <= _LONGEST_DELIMITER or set(given) & set('"\r\n'):
        raise UsageError("load.mapping_kind", place=place, name="delimiter", expected="1-8 characters")
    return given


def _mark(item: Mapping[str, Any], key: str, place: str) -> str | None:
    given = item.get(key)
    if given is not None and (not isinstance(given, str) or len(given.encode()) > 1 or given in ("\r", "\n")):
        raise UsageError("load.mapping_kind", place=place, name=key, expected='one character, or ""')
    return given


def _choice(item: Mapping[str, Any], key: str, choices: tuple[str, ...], place: str) -> str | None:
    given = item.get(key)
    if given is not None and given not in choices:
        raise UsageError("load.mapping_kind", place=place, name=key, expected=" | ".join(choices))
    return given


def _count(item: Mapping[str, Any], key: str, place: str, most: int = 1_000_000) -> int | None:
    given = item.get(key)
    if given is not None and (not isinstance(given, int) or isinstance(given, bool) or not 1 <= given <= most):
        raise UsageError("load.mapping_kind", place=place, name=key, expected=f"1 ... {most}")
    return given
