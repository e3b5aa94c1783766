"""What a load reads: files, members of archives, tables of databases; each with a name for reports and a way to be
matched by a mapping.
"""

from __future__ import annotations

import datetime as dt
import fnmatch
import hashlib
import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from types import TracebackType

from salesiq.errors import InputError
from salesiq.load.limits import LineMeter
from salesiq.sandbox import Sandbox

__all__ = ["JSON", "PARQUET", "SHEET", "TEXT", "Found", "Source", "matches"]

TEXT, SHEET, PARQUET = (".csv", ".tsv", ".txt"), (".xlsx", ".xlsm", ".xls", ".xlsb", ".ods"), (".parquet",)
JSON = (".json", ".jsonl", ".ndjson")
_PIECE = 1024 * 1024
_SUFFIX = re.compile(r"\.(csv|tsv|txt|xlsx|xlsm|xls|xlsb|ods|parquet|jsonl?|ndjson|\*)$")


@dataclass(frozen=True)
class Source:
    """One table-like thing: where its bytes are, and what it is called, relative to what was loaded.

    `inner` is its name inside the archive or database that holds it, `place` the whole path by which a person knows it.
    `table` and `engine` say which table of which kind of database it is. One that is `is_nameless` came by standard
    input: only its header can tell what it is.
    """

    path: Path
    name: str
    inner: str = ""
    place: str = ""
    table: str | None = None
    engine: str = ""
    known_digest: str = ""
    is_nameless: bool = False

    @property
    def digest(self) -> str:
        """SHA-256 of the content; of a table, of the database and the table's name."""
        if self.known_digest:
            _ = self._stamp  # the file must stay as it is from here on
            return hashlib.sha256(f"{self.known_digest} {self.table}".encode()).hexdigest()
        return self._scan[0]

    @property
    def longest_line(self) -> int:
        """Bytes of the longest line, to within a piece."""
        return self._scan[1]

    @cached_property
    def _scan(self) -> tuple[str, int]:
        """Look at every byte once."""
        _ = self._stamp  # the file must stay as it is from here on
        found, meter = hashlib.sha256(), LineMeter()
        with self.path.open("rb") as file:
            while piece := file.read(_PIECE):
                found.update(piece)
                meter.add(piece)
        return found.hexdigest(), meter.longest

    @cached_property
    def _stamp(self) -> tuple[tuple[int, int], ...]:
        return self._look()

    def _look(self) -> tuple[tuple[int, int], ...]:
        log = self.path.with_name(self.path.name + "-wal")  # SQLite keeps the newest rows there
        found = [part.stat() for part in ((self.path, log) if self.table and log.exists() else (self.path,))]
        return tuple((item.st_size, item.st_mtime_ns) for item in found)

    def check_unmoved(self) -> None:
        """Raise `InputError` where the file changed since its digest was taken: somebody is still writing it."""
        if self._look() != self._stamp:
            raise InputError("load.file_moved", file=self.name)

    @property
    def kind(self) -> str:
        """The suffix, in lower case; that of the content where the file is packed."""
        return PurePosixPath(self.inner or self.name).suffix.lower()


@dataclass(frozen=True)
class Found:
    """The sources of a load, the files that cannot be any with the reason, and the day that the folder's name tells.

    `sandbox` holds what was unpacked: leaving the `with` block removes it.
    """

    sources: tuple[Source, ...]
    unused: tuple[tuple[str, str], ...]
    exported_at: dt.datetime | None
    is_folder: bool
    sandbox: Sandbox = field(default_factory=Sandbox)

    def __enter__(self) -> Found:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.sandbox.close()


def matches(source: Source, pattern: str) -> bool:
    """Whether a mapping's pattern means this source: by the path below what is loaded, by the name inside its archive or
    database, or by the end of its whole path.

    A pattern that begins with `./` only means what lies directly in the folder, the archive or the database. A table of
    a database has no suffix, so that of the pattern does not count.

    >>> matches(Source(Path("/x/a.zip"), "a.zip/deals.csv", "deals.csv"), "./deals.csv")
    True
    """
    name, inner = source.name.casefold(), (source.inner or source.name).casefold()
    whole = (source.place or source.path.as_posix()).casefold()
    pattern = pattern.casefold()
    if source.table is not None:
        pattern = _SUFFIX.sub("", pattern)
    if pattern.startswith("./"):
        holder = name.removesuffix(inner).strip("/")
        return "/" not in inner and "/" not in holder and fnmatch.fnmatchcase(inner, pattern[2:])
    return any(fnmatch.fnmatchcase(shown, pattern) for shown in (name, inner)) or fnmatch.fnmatchcase(whole, f"*/{pattern}")
