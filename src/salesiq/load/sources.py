"""Which files a load is asked to read, what each is called in reports, and what the folder's name says about when it
was exported.
"""

from __future__ import annotations

import datetime as dt
import fnmatch
import hashlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from salesiq.errors import InputError

__all__ = ["Found", "Source", "find_sources", "matches"]

TEXT, SHEET, PARQUET = (".csv", ".tsv", ".txt"), (".xlsx", ".xlsm"), (".parquet",)
_UNFINISHED = (".part", ".tmp", ".crdownload", ".download", ".filepart")
_DAY = re.compile(r"(?<![0-9])(20[0-9]{2})-([01][0-9])-([0-3][0-9])(?![0-9])")
_PIECE = 4 * 1024 * 1024


@dataclass(frozen=True)
class Source:
    """One file: where it is and what it is called, relative to what was loaded."""

    path: Path
    name: str

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the content."""
        _ = self._stamp  # the file must stay as it is from here on
        found = hashlib.sha256()
        with self.path.open("rb") as file:
            while piece := file.read(_PIECE):
                found.update(piece)
        return found.hexdigest()

    @cached_property
    def _stamp(self) -> tuple[int, int]:
        return self._look()

    def _look(self) -> tuple[int, int]:
        found = self.path.stat()
        return found.st_size, found.st_mtime_ns

    def check_unmoved(self) -> None:
        """Raise `InputError` where the file changed since its digest was taken: somebody is still writing it."""
        if self._look() != self._stamp:
            raise InputError("load.file_moved", file=self.name)

    @property
    def kind(self) -> str:
        """The suffix, in lower case."""
        return self.path.suffix.lower()


@dataclass(frozen=True)
class Found:
    """The files of a load that can be tables, those that cannot with the reason, and the day that the folder's name
    tells.
    """

    sources: tuple[Source, ...]
    unused: tuple[tuple[str, str], ...]
    exported_at: dt.datetime | None
    is_folder: bool


def find_sources(source: str | Path | Sequence[str | Path]) -> Found:
    """Find the files of a folder (at any depth), of one path, or of a list of paths, in the order of their names.

    Raises `InputError` where there is nothing at the path, nothing in the folder, or a named file is still being
    written.
    """
    if not isinstance(source, str | Path):
        return _of_files([Path(item) for item in source])
    path = Path(source)
    if path.is_dir():
        return _of_folder(path)
    return _of_files([path])


def _of_folder(folder: Path) -> Found:
    root = folder.resolve()
    paths = sorted(path for path in root.rglob("*") if path.is_file())
    if not paths:
        raise InputError("load.empty_folder", folder=folder)
    sources, unused = [], []
    for path in paths:
        name = path.relative_to(root).as_posix()
        reason = _why_not(path, root)
        if reason:
            unused.append((name, reason))
        else:
            sources.append(Source(path, name))
    return Found(tuple(sources), tuple(unused), _day_of(root.name), is_folder=True)


def _of_files(paths: Sequence[Path]) -> Found:
    for path in paths:
        if not path.is_file():
            raise InputError("load.no_source", path=path)
        reason = _why_not(path.absolute(), path.absolute().parent)
        if reason:
            raise InputError(f"load.refused_{reason.removeprefix('unused_')}", file=path)
    if not paths:
        raise InputError("load.no_source", path="[]")
    whole = [path.absolute() for path in paths]
    root = Path(os.path.commonpath([path.parent for path in whole]))
    sources = tuple(Source(path, path.relative_to(root).as_posix()) for path in sorted(set(whole)))
    return Found(sources, (), _day_of(root.name), is_folder=False)


def _why_not(path: Path, root: Path) -> str | None:
    if path.name.startswith("~$") or path.suffix.lower() in _UNFINISHED:
        return "unused_unfinished"
    if path.name.startswith("."):
        return "unused_hidden"
    if path.is_symlink() and not path.resolve().is_relative_to(root):
        return "unused_outside"
    if path.suffix.lower() not in (*TEXT, *SHEET, *PARQUET):
        return "unused_format"
    return None


def _day_of(name: str) -> dt.datetime | None:
    """Read the end of the day that a folder's name gives: exports/2026-01-30.

    >>> _day_of("crm 2026-01-30")
    datetime.datetime(2026, 1, 30, 23, 59, 59)
    """
    found = _DAY.search(name)
    if found is None:
        return None
    try:
        return dt.datetime(int(found[1]), int(found[2]), int(found[3]), 23, 59, 59)
    except ValueError:
        return None


def matches(source: Source, pattern: str) -> bool:
    """Whether a mapping's pattern means this file: by the path below the source, or by the end of its whole path.

    A pattern that begins with `./` only means files directly in the source.
    """
    name, pattern = source.name.casefold(), pattern.casefold()
    if pattern.startswith("./"):
        return "/" not in name and fnmatch.fnmatchcase(name, pattern[2:])
    whole = source.path.as_posix().casefold()
    return fnmatch.fnmatchcase(name, pattern) or fnmatch.fnmatchcase(whole, f"*/{pattern}")
