"""The content of a text file as UTF-8, block by block, with nothing replaced in silence."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Block", "ahead", "blocks", "start"]

BLOCK_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True)
class Block:
    """Whole lines of a file, in UTF-8. `bad` maps a line of the block (from 0) to the offset of its first undecodable
    byte.
    """

    data: bytes
    bad: dict[int, int]


def start(path: Path, encoding: str, n_bytes: int) -> str:
    """Return the first lines of a file, as far as they stand whole in its first bytes."""
    with path.open("rb") as file:
        data = file.read(n_bytes)
        is_whole = not file.read(1)
    text = codecs.getincrementaldecoder(encoding)(errors="replace").decode(data, final=is_whole)
    cut = len(text) if is_whole else max(text.rfind("\n"), text.rfind("\r")) + 1
    return text[:cut] if cut else text


def blocks(path: Path, encoding: str) -> Iterator[Block]:
    """Yield the file in blocks of whole lines, in UTF-8, without its mark."""
    if encoding in ("utf-8", "utf-8-sig"):
        yield from _utf8_blocks(path, encoding)
    elif encoding.startswith(("utf-16", "utf-32")):
        yield from _wide_blocks(path, encoding)
    else:
        yield from _byte_blocks(path, encoding)


def ahead(given: Iterator[Block]) -> Iterator[Block]:
    """Yield the blocks while the next one is read and decoded in a thread; one block waits at most."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="decode") as pool:
        following = pool.submit(next, given, None)
        while (block := following.result()) is not None:
            following = pool.submit(next, given, None)
            yield block


def _pieces(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield (offset, bytes) that end at a line end, except for the last."""
    offset, rest = 0, b""
    with path.open("rb") as file:
        while piece := file.read(BLOCK_BYTES):
            data = rest + piece
            cut = data.rfind(b"\n") + 1 or data.rfind(b"\r", 0, -1) + 1  # the last may be the first half of \r\n
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
            if not data.isascii():
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
            cut = text.rfind("\n") + 1 or text.rfind("\r", 0, -1) + 1
            rest = text[cut:]
            if cut:
                yield Block(text[:cut].encode(), {})
    if last := rest + decoder.decode(b"", final=True):
        yield Block(last.encode(), {})
