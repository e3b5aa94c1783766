"""From what a person names (a folder, files, patterns, a database's address, standard input) to the sources of a load."""

from __future__ import annotations

import datetime as dt
import glob
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from salesiq.errors import BookError, InputError, UsageError
from salesiq.load.archives import GZIP, ZIP, unpack_gzip, unpack_zip, zip_names
from salesiq.load.databases import DATABASE, fetch, is_address, redacted, tables_of
from salesiq.load.sources import JSON, PARQUET, SHEET, TEXT, Found, Source
from salesiq.sandbox import Sandbox

__all__ = ["find_sources", "shown"]

_UNFINISHED = (".part", ".tmp", ".crdownload", ".download", ".filepart")
_READABLE = (*TEXT, *SHEET, *PARQUET, *JSON)
_DAY = re.compile(r"(?<![0-9])(20[0-9]{2})-([01][0-9])-([0-3][0-9])(?![0-9])")
_SERVER = re.compile(r"^(postgres|postgresql|mysql):/")
_PIECE, _MOST_INPUT = 1024 * 1024, 16 * 1024**3
_PASSED_OVER = ("load.database_unknown", "load.refused_book")  # in a folder; a file that was named is refused


def find_sources(source: str | Path | Sequence[str | Path], own_book: Path | None = None) -> Found:
    """Find what there is to load: the files of a folder (at any depth), of one path, of a pattern such as
    `exports/*.csv`, of a list of those, the tables of a database's address, or standard input (`-`).

    Archives are unpacked and databases listed. `own_book` is never opened. Raises `InputError` where there is nothing,
    where a named file is still being written or cannot be read, and for archives that are broken or mean harm.
    """
    finder = _Finder(own_book)
    try:
        return _found(source, finder)
    except BaseException:
        finder.sandbox.close()
        raise


def shown(source: object) -> str:
    """Return a source as messages may name it: an address without its secrets."""
    told = str(source)
    return redacted(re.sub(":/+", "://", told, count=1)) if _SERVER.match(told) or is_address(told) else told


def _found(source: str | Path | Sequence[str | Path], finder: _Finder) -> Found:
    if source == "-" or source == Path("-"):
        return _of_input(finder, sys.stdin.buffer)
    if isinstance(source, str) and is_address(source):
        return _of_address(finder, source)
    if isinstance(source, Path) and _SERVER.match(str(source)):
        return _of_address(finder, str(source).replace(":/", "://", 1))  # what Path makes of an address
    if not isinstance(source, str | Path):
        return _of_many(finder, [Path(item) for item in source])
    path = Path(source)
    if path.is_dir():
        return _of_folder(finder, path)
    if not path.exists() and glob.has_magic(str(path)):
        return _of_pattern(finder, path)
    return _of_many(finder, [path])


def _of_folder(finder: _Finder, folder: Path) -> Found:
    root = folder.resolve()
    paths = sorted(path for path in root.rglob("*") if path.is_file())
    if not paths:
        raise InputError("load.empty_folder", folder=folder)
    for path in paths:
        finder.add(path, root, is_named=False)
    return finder.found(_day_of(root.name), is_folder=True)


def _of_pattern(finder: _Finder, pattern: Path) -> Found:
    plain = list(pattern.absolute().parent.parts)
    wild = next((place for place, part in enumerate(plain) if glob.has_magic(part)), len(plain))
    root = Path(*plain[:wild]).resolve()
    found = glob.glob(str(pattern), recursive=True)  # noqa: PTH207 - Path.glob takes no absolute pattern
    paths = sorted(Path(item).absolute() for item in found if Path(item).is_file())
    if not paths:
        raise InputError("load.no_source", path=pattern)
    for path in paths:
        finder.add(root / os.path.relpath(path.parent.resolve(), root) / path.name, root, is_named=False)
    return finder.found(_day_of(root.name), is_folder=False)


def _of_many(finder: _Finder, paths: Sequence[Path]) -> Found:
    if not paths:
        raise InputError("load.no_source", path="[]")
    for path in paths:
        if not path.is_file() and not path.is_dir():
            raise InputError("load.no_source", path=path)
    whole = sorted({path.absolute() for path in paths})
    root = Path(os.path.commonpath([path if path.is_dir() else path.parent for path in whole]))
    for path in whole:
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file():
                finder.add(file, root if path.is_dir() else path.parent, is_named=file == path, shown_from=root)
    packed = len(whole) == 1 and whole[0].suffix.lower() == ZIP
    day = _day_of(whole[0].stem) if packed else None
    return finder.found(day or _day_of(root.name), is_folder=False)


def _of_address(finder: _Finder, address: str) -> Found:
    for name, path in fetch(address, finder.sandbox):
        engine, _, rest = name.partition("/")
        table = rest.rpartition("/")[2] if "/" in rest else rest
        finder.sources.append(Source(path, name, table, f"/{name}", table, f"server:{engine}"))
    return finder.found(None, is_folder=False)


def _of_input(finder: _Finder, stream: BinaryIO) -> Found:
    """Keep standard input in a file, and see by its content what it is."""
    if stream.isatty():
        raise UsageError("load.input_is_terminal")
    path = finder.sandbox.folder / "stdin"
    n_bytes = 0
    with path.open("wb") as file:
        while piece := stream.read(_PIECE):
            n_bytes += len(piece)
            if n_bytes > _MOST_INPUT:
                raise InputError("load.input_large", gb=_MOST_INPUT // 2**30)
            try:
                file.write(piece)
            except OSError as error:
                raise BookError("load.no_room", folder=path.parent, problem=error.strerror) from error
    suffix = _suffix_of(path)
    if suffix == GZIP:
        unpack_gzip(path, "stdin.gz", path.with_name("stdin-unpacked"))
        path = path.with_name("stdin-unpacked")
        suffix = _suffix_of(path)
    named = path.rename(path.with_name(f"stdin{suffix}"))
    finder.add(named, named.parent, is_named=True, is_nameless=True)
    return finder.found(None, is_folder=False)


def _suffix_of(path: Path) -> str:
    """Return the suffix that a file without a name should have."""
    with path.open("rb") as file:
        start = file.read(4096)
    marks = ((b"\x1f\x8b", GZIP), (b"PAR1", ".parquet"), (b"\xd0\xcf\x11\xe0", ".xls"), (b"SQLite format 3\x00", ".sqlite"))
    for mark, suffix in marks:
        if start.startswith(mark):
            return suffix
    if start.startswith(b"PK\x03\x04"):
        names = zip_names(path, "stdin")
        return ".xlsx" if "content.xml" in names or any(name.startswith("xl/") for name in names) else ZIP
    if start[8:12] == b"DUCK":
        return ".duckdb"
    return ".json" if start.lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n\x00").startswith((b"[", b"{")) else ".csv"


@dataclass
class _Finder:
    """Collects sources, and says of every other file why it is none."""

    own_book: Path | None
    sandbox: Sandbox = field(default_factory=Sandbox)
    sources: list[Source] = field(default_factory=list)
    unused: list[tuple[str, str]] = field(default_factory=list)
    _n_folders: int = 0

    def found(self, exported_at: dt.datetime | None, *, is_folder: bool) -> Found:
        kept = []
        for source in self.sources:
            if self._is_twin(source):
                self.unused.append((source.name, "unused_twin"))
            else:
                kept.append(source)
        return Found(tuple(kept), tuple(self.unused), exported_at, is_folder, self.sandbox)

    def add(self, path: Path, root: Path, *, is_named: bool, shown_from: Path | None = None, is_nameless: bool = False) -> None:
        """Take a file. One that a person named is refused where it cannot be a source; one of a folder is passed over."""
        name = path.relative_to(shown_from or root).as_posix()
        reason = self._why_not(path, root)
        if reason and is_named:
            raise InputError(f"load.refused_{reason.removeprefix('unused_')}", file=path)
        if reason:
            self.unused.append((name, reason))
            return
        try:
            self._take(path, name, is_nameless=is_nameless)
        except InputError as error:
            if is_named or error.key not in _PASSED_OVER:
                raise
            self.unused.append((name, "unused_book" if error.key == "load.refused_book" else "unused_format"))

    def _take(self, path: Path, name: str, *, is_nameless: bool) -> None:
        suffix = path.suffix.lower()
        if suffix == ZIP:
            self._take_zip(path, name)
        elif suffix == GZIP:
            target = self._folder() / f"unpacked{Path(path.stem).suffix.lower()}"
            unpack_gzip(path, name, target)
            self.sources.append(Source(target, name, name[: -len(GZIP)], path.as_posix()[: -len(GZIP)]))
        elif suffix in DATABASE:
            engine, tables, digest = tables_of(path, name, self.sandbox)
            for table in tables:
                place = f"{path.as_posix()}/{table}"
                self.sources.append(Source(path, f"{name}/{table}", table, place, table, engine, digest))
        else:
            self.sources.append(Source(path, name, is_nameless=is_nameless))

    def _take_zip(self, path: Path, name: str) -> None:
        for member in unpack_zip(path, name, self._folder()):
            shown = f"{name}/{member.name}"
            reason = _unreadable(PurePosixPath(member.name), _READABLE)
            if reason:
                self.unused.append((shown, reason))
            else:
                self.sources.append(Source(member.path, shown, member.name, f"{path.as_posix()}/{member.name}"))

    def _folder(self) -> Path:
        self._n_folders += 1
        folder = self.sandbox.folder / f"unpacked-{self._n_folders:04d}"
        folder.mkdir()
        return folder

    def _why_not(self, path: Path, root: Path) -> str | None:
        if self.own_book is not None and self.own_book.exists() and path.samefile(self.own_book):
            return "unused_book"
        if path.is_symlink() and not path.resolve().is_relative_to(root):
            return "unused_outside"
        inner = PurePosixPath(path.stem) if path.suffix.lower() == GZIP else PurePosixPath(path.name)
        return _unreadable(inner, (*_READABLE, ZIP, *DATABASE) if inner.name == path.name else _READABLE)

    def _is_twin(self, source: Source) -> bool:
        """Whether an archive's member lies beside it too, or in another archive: the same file twice is loaded once."""
        if not _is_member(source):
            return False
        before = self.sources[: self.sources.index(source)]
        others = [other for other in self.sources if other in before or not _is_member(other)]
        return any(
            _base(other) == _base(source) and _size(other) == _size(source) and other.digest == source.digest
            for other in others
        )


def _is_member(source: Source) -> bool:
    return source.table is None and source.inner not in ("", source.name)


def _base(source: Source) -> str:
    return PurePosixPath(source.inner or source.name).name


def _size(source: Source) -> int:
    return source.path.stat().st_size if source.table is None else -1


def _unreadable(path: PurePosixPath, suffixes: Sequence[str]) -> str | None:
    """Say by the name why a file is not read."""
    if path.name.startswith("~$") or path.suffix.lower() in _UNFINISHED:
        return "unused_unfinished"
    if any(part.startswith(".") or part == "__MACOSX" for part in path.parts[-2:]):
        return "unused_hidden"
    return None if path.suffix.lower() in suffixes else "unused_format"


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
