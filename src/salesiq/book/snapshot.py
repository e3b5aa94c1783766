"""What a book knew at one moment: the only thing a metric ever takes."""

from __future__ import annotations

import datetime as dt
import difflib
import json
import re
from collections.abc import Hashable, Sequence
from typing import Any

import duckdb
import polars as pl

from salesiq.book import macros
from salesiq.book.perturbing import perturbed
from salesiq.book.sampling import sampled
from salesiq.book.storage import is_damage, unreadable
from salesiq.calendar import parse_moment
from salesiq.errors import UsageError

_AS_OF = re.compile(r"\$as_of\b")


class Snapshot:
    """A book as of a moment; immutable, also while the book is loaded anew.

    `as_of` is the moment, naive in the company's time zone: everything known up to and including it is seen.
    """

    def __init__(self, library: macros.Library, as_of: dt.datetime, zone: str) -> None:
        self._library = library
        self.as_of = as_of
        self.zone = zone
        #: what metrics keep for the next call, such as a fitted model; never part of a result
        self.cache: dict[Hashable, object] = {}

    def __repr__(self) -> str:
        return f"Snapshot(as_of={self.as_of.isoformat(sep=' ')!r})"

    def earlier(self, moment: dt.date | dt.datetime | str) -> Snapshot:
        """Return what the same book knew at an earlier moment (or at this one); a later one raises UsageError."""
        parsed = parse_moment(moment, self.zone)
        if parsed > self.as_of:
            raise UsageError("book.not_earlier", moment=parsed, as_of=self.as_of)
        return Snapshot(self._library, parsed, self.zone)

    def sample(self, one_in: int, tables: Sequence[str]) -> Snapshot:
        """Return this moment in a small book of its own: one deal in `one_in` with all that names it, in the named tables.

        Rows of tables that name no deal come along whole; tables that are not named are empty. What asks a large book many
        times, such as training, reads it once this way.

        >>> from salesiq.book import Book
        >>> book = Book.from_frames(deals=pl.DataFrame({"deal_id": [f"D{n}" for n in range(100)]}))
        >>> 0 < book.as_of("2026-01-31").sample(4, ["deals"]).run("base.deals").height < 100
        True
        """
        return Snapshot(sampled(self._library.con, self.zone, one_in, tables), self.as_of, self.zone)

    def perturbed(self, at: dt.date | dt.datetime | str, seed: int = 0, kept: Sequence[str] = ("stages",)) -> Snapshot:
        """Return this moment in a book of its own that knew the same at `at`, and knows everything later otherwise.

        Ask it and this one `earlier(at)`: what differs looks ahead. Attributes that an export only told after `at` are changed
        too, also of rows that existed then (`is_hindsight`). `kept` names tables that are settings rather than facts. The same
        seed gives the same book. Raises UsageError for an `at` later than this moment.
        """
        moment = self.earlier(at).as_of
        return Snapshot(perturbed(self._library.con, self.zone, moment, seed, kept), self.as_of, self.zone)

    def sql(self, query: str, **params: object) -> pl.DataFrame:
        """Run a query of your own. `$as_of` is bound by itself; bind other values as `$name` with `name=value`.

        Money comes back as Decimal. Raises UsageError where the query does not run, with DuckDB's reason.
        """
        bound = {**params, **({"as_of": self.as_of} if _AS_OF.search(query) else {})}
        self._library.provide(query)
        try:
            try:
                return self._ask(query, bound)
            except duckdb.CatalogException:  # it may name a macro with spaces or quotation marks
                self._library.provide_all()
                return self._ask(query, bound)
        except duckdb.Error as error:
            if is_damage(error):
                raise unreadable(error, "") from error
            raise UsageError("book.query_failed", problem=str(error).strip(), query=query.strip()) from error

    def _ask(self, query: str, bound: dict[str, object]) -> pl.DataFrame:
        cursor = self._library.con.cursor()
        try:
            found: pl.DataFrame = cursor.sql(query, params=bound).pl() if bound else cursor.sql(query).pl()
        finally:
            cursor.close()
        return found

    def run(self, macro: str, *, order: Sequence[str] = (), **arguments: object) -> pl.DataFrame:
        """Run a macro at this moment, ordered by the columns named in `order` (nulls last).

        >>> from salesiq.book import Book
        >>> Book.from_frames().as_of("2026-01-31").run("base.reps").height
        0
        """
        if macro not in macros.names():
            near = difflib.get_close_matches(macro, macros.names(), n=1, cutoff=0.0)[0]
            raise UsageError("errors.no_macro", name=macro, near=near)
        passed = "".join(f", {name} := ${name}" for name in arguments)
        ordered = f" ORDER BY {', '.join(f'{column} NULLS LAST' for column in order)}" if order else ""
        return self.sql(f"FROM {macro}(as_of := $as_of{passed}){ordered}", **arguments)

    def notes(self, name: str) -> Any:
        """Return the note kept under `name` (see `Writer.note`), or an empty dict; notes have no moment."""
        found = self.sql("SELECT body FROM book.main.notes WHERE name = $name", name=name)
        return json.loads(found.item()) if found.height else {}

    def missing(self, *tables: str) -> tuple[str, ...]:
        """Return those of the named canonical tables that hold no row yet at this moment."""
        return tuple(name for name in tables if not self._has_rows(name))

    def _has_rows(self, table: str) -> bool:
        stored = "deal_versions" if table == "deals" else table  # whether there is a deal does not need its stage rebuilt
        return not self.sql(f"SELECT 1 AS one FROM base.{stored}(as_of := $as_of) LIMIT 1").is_empty()
