"""Which encoding a text file is in, and its content as UTF-8, block by block, with nothing replaced in silence."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from salesiq.errors import InputError

__all__ = ["Block", "blocks", "detect"]

BLOCK_BYTES = 16 * 1024 * 1024
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_OUTSIDE_ASCII = re.compile(r"[^\x00-\x7f]")
_NOT_ASCII_BYTE = re.compile(rb"[\x80-\xff]")


@dataclass(frozen=True)
class Block:
    """Whole lines of a file, in UTF-8. `bad` maps a line of the block (from 0) to the offset of its first undecodable
    byte.
    """

    data: bytes
    bad: dict[int, int]


def detect(path: Path, name: str, given: str | None = None) -> str:
    """Return the encoding of a file: by its mark, as the mapping says, or because only one of UTF-8 and GB18030 fits.

    A file in which only some lines do not fit keeps the encoding of the others. Raises `InputError` where neither
    fits: an 8-bit encoding fits everything, so only the mapping can name it.
    """
    with path.open("rb") as file:
        start = file.read(4)
    for mark, encoding in _MARKS:
        if start.startswith(mark):
            return encoding
    if given is not None:
        return given
    return "utf-8" if _is_utf8(path) else _by_most_lines(path, name)


def _is_utf8(path: Path) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with path.open("rb") as file:
            while piece := file.read(BLOCK_BYTES):
                decoder.decode(piece)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _is_common_chinese(text: str) -> bool:
    """Whether the text's characters outside ASCII are nearly all of the everyday set (GB 2312)."""
    strange = _OUTSIDE_ASCII.findall(text)
    common = sum(1 for character in strange if _in_gb2312(character))
    return bool(strange) and common >= 0.9 * len(strange)


def _in_gb2312(character: str) -> bool:
    try:
        return len(character.encode("gb2312")) == 2
    except UnicodeEncodeError:
        return False


def _foreign_lines(path: Path, most: int = 5000) -> list[bytes]:
    found: list[bytes] = []
    with path.open("rb") as file:
        for line in file:
            if _NOT_ASCII_BYTE.search(line):
                found.append(line)
                if len(found) == most:
                    break
    return found


def _by_most_lines(path: Path, name: str) -> str:
    """Take the encoding that at least half of the lines outside ASCII fit; what they say in GB18030 must be everyday
    Chinese.
    """
    lines = _foreign_lines(path)
    as_utf8 = _decoded(lines, "utf-8")
    if 2 * len(as_utf8) >= len(lines):
        return "utf-8"
    as_gb18030 = _decoded(lines, "gb18030")
    if 2 * len(as_gb18030) >= len(lines) and _is_common_chinese("".join(as_gb18030)):
        return "gb18030"
    raise InputError("load.unknown_encoding", file=name, guess=_guess(path))


def _decoded(lines: Sequence[bytes], encoding: str) -> list[str]:
    found = []
    for line in lines:
        with suppress(UnicodeDecodeError):
            found.append(line.decode(encoding))
    return found


def _guess(path: Path) -> str:
    import charset_normalizer  # only needed for this message

    best = charset_normalizer.from_bytes(b"".join(_foreign_lines(path, 500))).best()
    return best.encoding if best else "?"


def blocks(path: Path, encoding: str) -> Iterator[Block]:
    """Yield the file in blocks of whole lines, in UTF-8, without its mark."""
    if encoding in ("utf-8", "utf-8-sig"):
        yield from _utf8_blocks(path, encoding)
    elif encoding.startswith(("utf-16", "utf-32")):
        yield from _wide_blocks(path, encoding)
    else:
        yield from _byte_blocks(path, encoding)


def _pieces(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield (offset, bytes) that end at a line end, except for the last."""
    offset, rest = 0, b""
    with path.open("rb") as file:
        while piece := file.read(BLOCK_BYTES):
            data = rest + piece
            cut = data.rfind(b"\n") + 1
            if not cut:
                rest = data
                continue
            yield offset, data[:cut]
            offset, rest = offset + cut, data[cut:]
    if rest:
        yield offset, rest


def _utf8_blocks(path: Path, encoding: str) -> Iterator[Block]:
    for offset, data in _pieces(path):
        mark = len(codecs.BOM_UTF8) if encoding == "utf-8-sig" and offset == 0 else 0
        try:
            data.decode("utf-8")
            yield Block(data[mark:], {})
        except UnicodeDecodeError:
            yield _line_by_line(data[mark:], offset + mark, "utf-8")


def _byte_blocks(path: Path, encoding: str) -> Iterator[Block]:
    for offset, data in _pieces(path):
        try:
            yield Block(data.decode(encoding).encode(), {})
        except UnicodeDecodeError:
            yield _line_by_line(data, offset, encoding)


def _line_by_line(data: bytes, offset: int, encoding: str) -> Block:
    """Decode what can be decoded; a line that cannot is kept readable, and its number noted so that its row is
    rejected.
    """
    lines, bad = [], {}
    for index, line in enumerate(data.splitlines(keepends=True) if b"\n" not in data else data.split(b"\n")):
        try:
            lines.append(line.decode(encoding))
        except UnicodeDecodeError as error:
            bad[index] = offset + error.start
            lines.append(line.decode(encoding, errors="backslashreplace"))
        offset += len(line) + (1 if b"\n" in data else 0)
    return Block(("\n" if b"\n" in data else "").join(lines).encode(), bad)


def _wide_blocks(path: Path, encoding: str) -> Iterator[Block]:
    decoder = codecs.getincrementaldecoder(encoding)(errors="replace")  # what it replaces is rejected as U+FFFD
    rest = ""
    with path.open("rb") as file:
        while piece := file.read(BLOCK_BYTES):
            text = rest + decoder.decode(piece)
            cut = text.rfind("\n") + 1
            rest = text[cut:]
            if cut:
                yield Block(text[:cut].encode(), {})
    if last := rest + decoder.decode(b"", final=True):
        yield Block(last.encode(), {})
