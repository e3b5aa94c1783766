"""The macros of the package: `base.*` generated from the contracts, the subjects' read from their `.sql` files.

Only the generated `base` macros name a stored table; every other macro reads `base.*` or another subject's macro. So the
same text serves the in-memory catalogue of a reader and, with another prefix, the book's own file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from graphlib import TopologicalSorter
from importlib import resources
from threading import Lock

import duckdb

from salesiq.tables import CONTRACTS, Contract

SUBJECTS = ("targets", "funnel", "quality", "customers", "forecast", "capability", "alerts")
_CREATE = re.compile(r"CREATE OR REPLACE MACRO\s+(\w+\.\w+)\s*\(", re.IGNORECASE)
_CALL = re.compile(r"\b(\w+\.\w+)\s*\(")


def base_macro(contract: Contract, prefix: str = "") -> str:
    """Return the macro that gives one canonical table as it was known at `as_of`.

    A row is seen from the moment it existed until a newer version of it was known. What is only revealed later (a decision,
    a closing) is null before its own moment. `is_hindsight` is true where the attributes were only known after `as_of`.

    >>> "WHERE existed_from <= as_of" in base_macro(CONTRACTS["reps"])
    True
    """
    later = {column: moment for moment, columns in contract.reveals.items() for column in (moment, *columns)}
    columns = ",\n    ".join(
        f"CASE WHEN {later[name]} <= as_of THEN {name} END AS {name}" if name in later else name for name in contract.columns
    )
    if contract.name == "deals":  # base/deals.sql rebuilds stage and status; it needs the stored version as it is
        columns = ",\n    ".join(contract.columns)
    name = "deal_versions" if contract.name == "deals" else contract.name
    if contract.kind == "log":
        seen = f"FROM {prefix}loads WHERE exported_at <= as_of"
        seen = f"{contract.moment} <= as_of" if contract.moment else f"load_id IN (SELECT load_id {seen})"
        return (
            f"CREATE OR REPLACE MACRO base.{name}(as_of) AS TABLE\nSELECT {columns}\nFROM {prefix}{contract.name}\nWHERE {seen}"
        )
    return (
        f"CREATE OR REPLACE MACRO base.{name}(as_of) AS TABLE\n"
        f"SELECT\n    {columns},\n"
        f"    known_from > as_of AS is_hindsight, is_gone, known_from, source_file, source_line, load_id\n"
        f"FROM {prefix}{contract.name}\n"
        f"WHERE existed_from <= as_of AND (known_to IS NULL OR known_to > as_of)"
    )


def history_macro(prefix: str = "") -> str:
    """Return the macro that gives every version of every deal that was known by `as_of`, each from `known_from` on.

    What an export said before the newest one: a pushed closing date, another amount. Stage and closing are left out, because
    a version may say them of a later moment; `base.deals` rebuilds them.
    """
    who = ("deal_id", "customer_id", "owner_id", "name")
    what = ("amount", "margin_share", "product_line", "source", "is_new_customer", "expected_close_on")
    return _history("base.deal_history", (*who, *what), f"{prefix}deals")


def customer_history_macro(prefix: str = "") -> str:
    """Return the macro that gives every version of every customer that was known by `as_of`, each from `known_from` on."""
    return _history("base.customer_history", ("customer_id", "industry", "region", "tier", "owner_id"), f"{prefix}customers")


def _history(name: str, attributes: tuple[str, ...], table: str) -> str:
    return (
        f"CREATE OR REPLACE MACRO {name}(as_of) AS TABLE\n"
        f"SELECT {', '.join(attributes)}, is_gone, known_from\n"
        f"FROM {table}\n"
        f"WHERE known_from <= as_of"
    )


@cache
def sql_files() -> dict[str, str]:
    """Return the text of every `.sql` file of the package, by its path below the package."""
    root = resources.files("salesiq")
    folders = ["book/base", *SUBJECTS]
    found = {}
    for folder in folders:
        place = root / folder
        if place.is_dir():
            for item in sorted(place.iterdir(), key=lambda entry: entry.name):
                if item.name.endswith(".sql"):
                    found[f"{folder}/{item.name}"] = item.read_text(encoding="utf-8")
    return found


@cache
def definitions(prefix: str = "") -> dict[str, str]:
    """Return every CREATE MACRO statement by the macro's name, each after those it reads.

    `prefix` names the database that holds the tables.
    """
    texts = [base_macro(contract, prefix) for contract in CONTRACTS.values()]
    texts += [history_macro(prefix), customer_history_macro(prefix)]
    for text in sql_files().values():
        starts = [match.start() for match in _CREATE.finditer(text)]
        ends = [*starts[1:], len(text)]
        texts += [text[start:end].rstrip().rstrip(";") for start, end in zip(starts, ends, strict=True)]
    found = {_name(text): text for text in texts}
    reads = {name: {read for read in _CALL.findall(text) if read in found and read != name} for name, text in found.items()}
    return {name: found[name] for name in TopologicalSorter(reads).static_order()}


def names() -> tuple[str, ...]:
    """Return the names of all macros, sorted."""
    return tuple(sorted(definitions()))


def build(con: duckdb.DuckDBPyConnection, prefix: str = "main.") -> None:
    """Create every macro on `con`."""
    for schema in ("base", *SUBJECTS):
        con.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    for statement in definitions(prefix).values():
        con.execute(statement)


class Library:
    """The macros of one engine, each created when a query first names it: binding all of them takes half a second."""

    def __init__(self, con: duckdb.DuckDBPyConnection, prefix: str) -> None:
        self.con = con
        self._prefix = prefix
        self._created: set[str] = set()
        self._lock = Lock()
        for schema in ("base", *SUBJECTS):
            con.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")

    def provide(self, query: str) -> None:
        """Create the macros that a query names, and those that they read."""
        with self._lock:
            self._create(_CALL.findall(query))

    def provide_all(self) -> None:
        """Create every macro: for a query that names one in a way of its own."""
        with self._lock:
            self._create(definitions(self._prefix))

    def _create(self, wanted: Iterable[str]) -> None:
        found = definitions(self._prefix)
        for name in wanted:
            if name in found and name not in self._created:
                self._create(read for read in _CALL.findall(found[name]) if read != name)
                self.con.execute(found[name])
                self._created.add(name)


def _name(statement: str) -> str:
    match = _CREATE.search(statement)
    if match is None:
        raise ValueError(f"no macro in: {statement[:80]}")
    return match.group(1)
