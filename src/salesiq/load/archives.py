"""ZIP and GZ: members unpacked into a private folder, within limits that the archive's own directory cannot talk away."""

from __future__ import annotations

import gzip
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from salesiq.errors import BookError, InputError

__all__ = ["GZIP", "ZIP", "Member", "unpack_gzip", "unpack_zip", "zip_names"]

ZIP, GZIP = ".zip", ".gz"
MOST_BYTES, MOST_RATIO, LEAST_PACKED, MOST_MEMBERS = 16 * 1024**3, 200, 65_536, 2_000
_MOST_DIRECTORY = 16 * 1024 * 1024
_NESTED = (".zip", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar", ".tar")
_PIECE = 1024 * 1024
_END, _END_BYTES, _LONGEST_COMMENT = b"PK\x05\x06", 22, 65_535
_DRIVE = re.compile(r"^[A-Za-z]:")


@dataclass(frozen=True)
class Member:
    """A file of an archive: its name in there, and where it was unpacked to."""

    name: str
    path: Path


def unpack_zip(path: Path, name: str, folder: Path) -> list[Member]:
    """Unpack the files of a ZIP archive. Raises `InputError` for one that is damaged, encrypted, a bomb, holds another
    archive, or names places outside; nothing of it is used then.
    """
    try:
        with zipfile.ZipFile(_checked(path, name)) as archive:
            items = [item for item in archive.infolist() if not item.is_dir()]
            _check_directory(items, path, name)
            for item in items:
                _check_member(item, name)
            return list(_unpacked(archive, items, path, name, folder))
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, struct.error) as error:
        raise InputError("load.archive_broken", file=name) from error


def zip_names(path: Path, name: str) -> list[str]:
    """Return the names of a ZIP's members. Raises `InputError` where it is damaged."""
    try:
        with zipfile.ZipFile(_checked(path, name)) as archive:
            return archive.namelist()
    except (zipfile.BadZipFile, struct.error) as error:
        raise InputError("load.archive_broken", file=name) from error


def unpack_gzip(path: Path, name: str, target: Path) -> None:
    """Unpack a GZ file. Raises `InputError` where it is cut, damaged, or grows beyond all measure."""
    try:
        with gzip.open(path) as packed:
            _copy(packed, target, _most(path), path, name)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError("load.archive_cut", file=name) from error


def _checked(path: Path, name: str) -> Path:
    """Look at the end record before the directory is read: a directory of a gigabyte would be read into memory whole."""
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(size - _END_BYTES - _LONGEST_COMMENT, 0))
        tail = file.read()
    place = tail.rfind(_END)
    if place < 0 or len(tail) - place < _END_BYTES:
        raise InputError("load.archive_broken", file=name)
    (directory_bytes,) = struct.unpack_from("<I", tail, place + 12)
    if directory_bytes > _MOST_DIRECTORY:
        raise InputError("load.archive_many", file=name, most=MOST_MEMBERS)
    return path


def _check_directory(items: list[zipfile.ZipInfo], path: Path, name: str) -> None:
    if len(items) > MOST_MEMBERS:
        raise InputError("load.archive_many", file=name, most=MOST_MEMBERS)
    full = sum(item.file_size for item in items)
    if full > _most(path):
        raise _bomb(path, name, full)


def _check_member(item: zipfile.ZipInfo, name: str) -> None:
    shown = item.filename[:200]
    inner = PurePosixPath(item.filename)
    is_link = stat.S_ISLNK(item.external_attr >> 16)
    if inner.is_absolute() or ".." in inner.parts or "\\" in item.filename or _DRIVE.match(item.filename) or is_link:
        raise InputError("load.archive_outside", file=name, member=shown)
    if item.flag_bits & 0x1:
        raise InputError("load.archive_encrypted", file=name, member=shown)
    if inner.suffix.lower() in _NESTED:
        raise InputError("load.archive_nested", file=name, member=shown)


def _unpacked(archive: zipfile.ZipFile, items: list[zipfile.ZipInfo], path: Path, name: str, folder: Path) -> Iterator[Member]:
    left = _most(path)
    for number, item in enumerate(items):
        target = folder / f"{number:04d}{_plain_suffix(item.filename)}"
        with archive.open(item) as packed:
            left -= _copy(packed, target, left, path, name)
        yield Member(item.filename, target)


def _plain_suffix(name: str) -> str:
    suffix = PurePosixPath(name).suffix.lower()
    return suffix if re.fullmatch(r"\.[a-z0-9]{1,8}", suffix) else ""


def _copy(packed: IO[bytes] | gzip.GzipFile, target: Path, most: int, path: Path, name: str) -> int:
    """Write what comes out, and stop where it is more than may be: the sizes in a directory may lie."""
    n_bytes = 0
    with target.open("wb") as file:
        while piece := packed.read(_PIECE):
            n_bytes += len(piece)
            if n_bytes > most:
                raise _bomb(path, name, n_bytes)
            try:
                file.write(piece)
            except OSError as error:
                raise BookError("load.no_room", folder=target.parent, problem=error.strerror) from error
    return n_bytes


def _most(path: Path) -> int:
    return min(MOST_BYTES, MOST_RATIO * max(path.stat().st_size, LEAST_PACKED))


def _bomb(path: Path, name: str, full: int) -> InputError:
    return InputError("load.archive_bomb", file=name, full_mb=full // 2**20, packed_kb=path.stat().st_size // 1024)
