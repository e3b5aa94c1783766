"""Mapping files: which export feeds which canonical table, and how its columns and words are to be read.

A mapping is data. Nothing in it is run; a key that is not known is refused, so that a typing error is never passed
over. docs/loading.md describes every key.
"""

from __future__ import annotations

import codecs
import hashlib
import tomllib
from collections.abc import Iterable
from collections.abc import Mapping as Map
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path, PurePosixPath
from typing import Any

from rapidfuzz import process

from salesiq.errors import UsageError
from salesiq.load.amounts import PLAIN_STYLE, UNITS, Style
from salesiq.load.expressions import Expression, parse_expression
from salesiq.load.shape_keys import SHAPE_KEYS, Shape, read_delimiter, read_shape
from salesiq.load.value_keys import VALUE_KEYS, check_formats, read_style, read_zone
from salesiq.tables import CONTRACTS

__all__ = ["Column", "Derived", "Entry", "History", "Mapping", "Rows", "canonical", "preset_names", "read_mapping"]

LOG_TABLES = ("alerts", "interventions")
LOADABLE = tuple(name for name, contract in CONTRACTS.items() if contract.kind != "log" or name in LOG_TABLES)
SCOPES, STATES = ("full", "changes"), ("tested", "documented", "unverified")
_TOP_KEYS = ("name", "about", "status", "file", "rows")
_FILE_KEYS = (
    "match",
    "table",
    "columns",
    "derived",
    "values",
    "constants",
    "where",
    "deleted",
    "scope",
    "history",
    "null_values",
    "format",
    "unit",
    "where_not_null",
    "distinct",
    "known_later",
    "delimiter",
    "encoding",
    "sheet",
    *SHAPE_KEYS,
    *VALUE_KEYS,
)
_COLUMN_KEYS = ("header", "unit", "format", "null_values", *VALUE_KEYS)
_HISTORY_KEYS = ("from", "to", "active")


@dataclass(frozen=True)
class Column:
    """How one canonical column is read: the headers that name it, its unit, date forms, words for null, word for word
    values, how its amounts are written, and the zone of its times where it is not the company's.
    """

    name: str
    headers: tuple[str, ...]
    unit: str = "元"
    formats: tuple[str, ...] = ()
    null_values: tuple[str, ...] = ()
    values: Map[str, str] = field(default_factory=dict)
    style: Style = PLAIN_STYLE
    zone: str | None = None


@dataclass(frozen=True)
class Derived:
    """A canonical column that is calculated from the file's cells before they are read by contract."""

    column: Column
    expression: Expression


@dataclass(frozen=True)
class History:
    """Headers that say from when to when each row was true; without `end` a version ends where the next one begins."""

    start: str
    end: str | None = None
    active: str | None = None


@dataclass(frozen=True)
class Entry:
    """One `[[file]]`: the files that it matches feed one table.

    `where_not_null` names a canonical column: rows where it is empty have nothing to say here and are skipped.
    `distinct` makes one row of equal ones. `known_later` maps a column to the column whose moment reveals it. `where` keeps
    the rows for which it is true, `deleted` marks those that the source system has deleted. `scope` says whether the export is
    all that there is or what has changed. With `history` each row is a version of something, not its state today.
    """

    match: tuple[str, ...]
    table: str
    columns: tuple[Column, ...]
    constants: Map[str, str] = field(default_factory=dict)
    where_not_null: str | None = None
    distinct: bool = False
    known_later: Map[str, str] = field(default_factory=dict)
    delimiter: str | None = None
    encoding: str | None = None
    sheet: str | None = None
    shape: Shape = field(default_factory=Shape)
    derived: tuple[Derived, ...] = ()
    where: Expression | None = None
    deleted: Expression | None = None
    scope: str | None = None
    history: History | None = None
    null_values: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()

    @property
    def named(self) -> tuple[str, ...]:
        """Headers that expressions and the history name, beside those of the columns."""
        conditions = [item for item in (self.where, self.deleted) if item is not None]
        names = [name for item in (*(item.expression for item in self.derived), *conditions) for name in item.named]
        past = (self.history.start, self.history.end, self.history.active) if self.history else ()
        return tuple(dict.fromkeys((*names, *filter(None, past))))


@dataclass(frozen=True)
class Rows:
    """Rows that the mapping itself gives a table, as text by column."""

    table: str
    rows: tuple[Map[str, str], ...]


@dataclass(frozen=True)
class Mapping:
    """A whole mapping file; `digest` changes whenever what it says changes. `status` says what it was checked
    against: real exports (tested), the system's documentation (documented), or neither (unverified). `text` is the file's own,
    empty for the canonical mapping.
    """

    name: str
    entries: tuple[Entry, ...]
    rows: tuple[Rows, ...] = ()
    digest: str = ""
    status: str = ""
    about: str = ""
    text: str = ""


def preset_names() -> tuple[str, ...]:
    """Return the names of the mappings in the package, sorted.

    >>> "sample" in preset_names()
    True
    """
    folder = resources.files("salesiq.load") / "presets"
    return tuple(sorted(item.name.removesuffix(".toml") for item in folder.iterdir() if item.name.endswith(".toml")))


def read_mapping(mapping: str | Path) -> Mapping:
    """Read a mapping: the name of a preset, `canonical`, or the path of a TOML file. Raises `UsageError` for what it
    cannot mean.

    >>> read_mapping("canonical").entries[0].table
    'org_units'
    """
    if mapping == "canonical":
        return canonical()
    path = Path(mapping)
    if str(mapping) in preset_names():
        text = (resources.files("salesiq.load") / "presets" / f"{mapping}.toml").read_text(encoding="utf-8")
    elif path.is_file():
        text = path.read_text(encoding="utf-8-sig")
    else:
        known = ", ".join(("canonical", *preset_names()))
        raise UsageError("load.no_mapping_file", mapping=mapping, known=known)
    return parse_mapping(text, str(mapping) if not path.suffix else path.stem, str(mapping))


def parse_mapping(text: str, name: str, place: str) -> Mapping:
    """Read the text of a mapping; `place` names it in messages."""
    try:
        body = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError("load.mapping_syntax", place=place, problem=error) from error
    _only(body, _TOP_KEYS, place, "")
    entries = tuple(_entry(item, place) for item in _list_of_tables(body, "file", place))
    rows = tuple(_rows(_list_of_tables(body, "rows", place), place))
    if not entries:
        raise UsageError("load.mapping_empty", place=place)
    digest = hashlib.sha256(text.encode()).hexdigest()
    status = _one_of(body.get("status", ""), ("", *STATES), place, "status")
    return Mapping(str(body.get("name", name)), entries, rows, digest, status, str(body.get("about", "")), text)


def canonical() -> Mapping:
    """Return the mapping of clean files: TABLE.parquet, .csv or .xlsx with the canonical column names as headers."""
    entries = []
    for table in LOADABLE:
        columns = tuple(Column(name, (name,)) for name in CONTRACTS[table].columns)
        entries.append(Entry((f"./{table}.*",), table, columns))
    return Mapping("canonical", tuple(entries), (), "canonical")


def _entry(item: Map[str, Any], place: str) -> Entry:
    _only(item, _FILE_KEYS, place, "[[file]] ")
    match = _texts(item.get("match", ()), place, "match")
    table = str(item.get("table", ""))
    if not match:
        raise UsageError("load.mapping_key_missing", place=place, name="match", where="[[file]]")
    _check_patterns(match, place)
    _check_table(table, place)
    return Entry(
        match=match,
        table=table,
        columns=_columns(item, table, place),
        constants=_constants(item.get("constants", {}), table, place),
        where_not_null=_column_name(item.get("where_not_null"), table, place),
        distinct=_flag(item.get("distinct", False), place),
        known_later={
            _known(key, table, place): _known(value, table, place) for key, value in _table(item, "known_later", place).items()
        },
        delimiter=read_delimiter(item.get("delimiter"), place),
        shape=read_shape(item, place),
        encoding=_encoding(item.get("encoding"), place),
        sheet=None if item.get("sheet") is None else str(item["sheet"]),
        derived=_derived(item, table, place),
        where=_condition(item, "where", place),
        deleted=_condition(item, "deleted", place),
        scope=None if item.get("scope") is None else _one_of(item["scope"], SCOPES, place, "scope"),
        history=_history(item.get("history"), table, place),
        null_values=_texts(item.get("null_values", ()), place, "null_values"),
        formats=_texts(item.get("format", ()), place, "format"),
    )


def _derived(item: Map[str, Any], table: str, place: str) -> tuple[Derived, ...]:
    given = _table(item, "derived", place)
    for name in given:
        if name in item.get("columns", {}):
            raise UsageError("load.mapping_twice", place=place, table=table, column=name)
    return tuple(
        Derived(_column(name, {"header": []}, item, place), parse_expression(text, place, f"derived.{name}"))
        for name, text in given.items()
    )


def _condition(item: Map[str, Any], key: str, place: str) -> Expression | None:
    return None if item.get(key) is None else parse_expression(item[key], place, key, kind="truth")


def _history(given: Any, table: str, place: str) -> History | None:
    if given is None:
        return None
    if not isinstance(given, dict) or not all(isinstance(value, str) for value in given.values()):
        raise UsageError("load.mapping_kind", place=place, name="history", expected='{ from = "header", ... }')
    _only(given, _HISTORY_KEYS, place, "history ")
    if "from" not in given:
        raise UsageError("load.mapping_key_missing", place=place, name="from", where="history")
    if CONTRACTS[table].kind != "master":
        raise UsageError("load.mapping_history", place=place, table=table)
    return History(given["from"], given.get("to"), given.get("active"))


def _one_of(given: Any, choices: tuple[str, ...], place: str, name: str) -> str:
    if given not in choices:
        raise UsageError("load.mapping_kind", place=place, name=name, expected=" | ".join(filter(None, choices)))
    return str(given)


def _table(item: Map[str, Any], key: str, place: str) -> Map[str, Any]:
    given = item.get(key, {})
    if not isinstance(given, dict):
        raise UsageError("load.mapping_kind", place=place, name=key, expected=f"[file.{key}]")
    return given


def _columns(item: Map[str, Any], table: str, place: str) -> tuple[Column, ...]:
    values = _table(item, "values", place)
    given, derived = _table(item, "columns", place), _table(item, "derived", place)
    for name in (*given, *derived, *values):
        _known(name, table, place)
    for name in values:
        if name not in given and name not in derived:
            raise UsageError("load.mapping_values_alone", place=place, table=table, column=name)
    return tuple(_column(name, spec, item, place) for name, spec in given.items())


def _column(name: str, spec: Any, item: Map[str, Any], place: str) -> Column:
    spec = spec if isinstance(spec, dict) else {"header": spec}
    _only(spec, _COLUMN_KEYS, place, f"columns.{name} ")
    unit = str(spec.get("unit", item.get("unit", "元")))
    if unit not in UNITS:
        raise UsageError("load.mapping_unit", place=place, unit=unit, known=", ".join(filter(None, UNITS)))
    return Column(
        name,
        _texts(spec.get("header", name), place, f"columns.{name}"),
        unit,
        check_formats(_texts(spec.get("format", item.get("format", ())), place, "format"), place),
        _texts(spec.get("null_values", item.get("null_values", ())), place, "null_values"),
        _words(item, name, place),
        read_style(spec, item, place),
        read_zone(spec, item, place),
    )


def _words(item: Map[str, Any], name: str, place: str) -> dict[str, str]:
    given = _table(item, "values", place).get(name, {})
    if not isinstance(given, dict) or any(isinstance(value, list | dict) for value in given.values()):
        raise UsageError("load.mapping_kind", place=place, name=f"values.{name}", expected='"word" = "word"')
    return {str(key): _plain_text(value) for key, value in given.items()}


def _rows(items: Iterable[Map[str, Any]], place: str) -> Iterable[Rows]:
    by_table: dict[str, list[Map[str, str]]] = {}
    for item in items:
        table = str(item.get("table", ""))
        _check_table(table, place)
        cells = {key: value for key, value in item.items() if key != "table"}
        by_table.setdefault(table, []).append(_constants(cells, table, place))
    return [Rows(table, tuple(rows)) for table, rows in by_table.items()]


def _list_of_tables(body: Map[str, Any], key: str, place: str) -> list[Map[str, Any]]:
    items = body.get(key, [])
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise UsageError("load.mapping_kind", place=place, name=key, expected=f"[[{key}]]")
    return items


def _constants(given: Map[str, Any], table: str, place: str) -> dict[str, str]:
    if not isinstance(given, dict) or any(isinstance(value, list | dict) for value in given.values()):
        raise UsageError("load.mapping_kind", place=place, name="constants", expected="text, number or date")
    return {_known(key, table, place): _plain_text(value) for key, value in given.items()}


def _plain_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _texts(given: Any, place: str, key: str) -> tuple[str, ...]:
    items = [given] if isinstance(given, str) else given
    if not isinstance(items, list | tuple) or not all(isinstance(item, str) for item in items):
        raise UsageError("load.mapping_kind", place=place, name=key, expected='"text" or ["text", ...]')
    return tuple(items)


def _flag(given: Any, place: str) -> bool:
    if not isinstance(given, bool):
        raise UsageError("load.mapping_kind", place=place, name="distinct", expected="true or false")
    return given


def _only(given: Map[str, Any], known: tuple[str, ...], place: str, where: str) -> None:
    for key in given:
        if key not in known:
            near = process.extractOne(key, known)
            raise UsageError("load.mapping_key", place=place, name=f"{where}{key}", near=near[0] if near else "-")


def _check_table(table: str, place: str) -> None:
    if table not in LOADABLE:
        near = process.extractOne(table, LOADABLE)
        raise UsageError("load.mapping_table", place=place, table=table, near=near[0] if near else "-")


def _known(column: str, table: str, place: str) -> str:
    columns = tuple(CONTRACTS[table].columns)
    if column not in columns:
        near = process.extractOne(str(column), columns)
        raise UsageError("load.mapping_column", place=place, table=table, column=column, near=near[0] if near else "-")
    return column


def _column_name(given: Any, table: str, place: str) -> str | None:
    return None if given is None else _known(given, table, place)


def _check_patterns(match: tuple[str, ...], place: str) -> None:
    """A mapping may only reach files below the folder that is loaded."""
    for pattern in match:
        path = PurePosixPath(pattern)
        if path.is_absolute() or ".." in path.parts or "\\" in pattern:
            raise UsageError("load.mapping_outside", place=place, match=pattern)


def _encoding(given: Any, place: str) -> str | None:
    if given is None:
        return None
    try:
        found = codecs.lookup(str(given))
    except LookupError as error:
        raise UsageError("load.mapping_encoding", place=place, encoding=given) from error
    if not getattr(found, "_is_text_encoding", False):  # "zip", "rot13" ... are codecs too
        raise UsageError("load.mapping_encoding", place=place, encoding=given)
    return found.name
