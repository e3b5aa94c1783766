"""Which encoding a text file is in, how sure that is, and a refusal where it is not sure enough."""

from __future__ import annotations

import codecs
import math
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from salesiq.errors import InputError
from salesiq.load.plausible import chinese, cyrillic, hangul, japanese, western

__all__ = ["LEAST_CONFIDENCE", "Recognised", "detect", "recognise"]

LEAST_CONFIDENCE = 0.97
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_PIECE, _LOOK = 4 * 1024 * 1024, 64 * 1024
_MOST_LINES, _MOST_CELLS, _LONGEST_CELL = 5000, 1500, 200
_NOT_ASCII_LINE = re.compile(rb"[^\n]*[\x80-\xff][^\n]*\n?")
_BETWEEN_CELLS = re.compile(rb'[\r\n\t,;"]+')
_SEPARATORS = "\r\n\t\x1c\x1d\x1e\x1f"
_DAMPING = 0.5
"""Neighbouring characters are no independent witnesses: half of what they say counts."""
_PRIORS = {"cp1250": 0.05}  # shares most bytes with cp1252, which is far commoner
_PRIOR_OF_RIVALS = 0.3
_UNDECODED, _UNDECODED_BYTE = -40.0, -6.0  # more than any reading of the same bytes costs
_LEAST_PLAUSIBLE = -9.2
"""The mean log-likelihood of a character outside ASCII below which a text says nothing in any of the languages."""

Likelihood = Callable[[str], float]
_READ: dict[str, Likelihood] = {
    "gb18030": lambda text: chinese(text, "gb18030"),
    "big5": lambda text: chinese(text, "big5"),
    "cp1252": western,
    "mac-roman": western,
}
"""Encodings that are read without being named in the mapping."""
_CODECS = {"big5": "cp950", "mac-roman": "mac-roman"}
_RIVALS: dict[str, Likelihood] = {
    "cp1250": western,
    "cp850": western,
    "cp1251": cyrillic,
    "koi8-r": cyrillic,
    "shift_jis": japanese,
    "euc-jp": japanese,
    "euc-kr": hangul,
}
"""Encodings that only a mapping can name; where one of them is likelier, the file is refused with that guess."""


@dataclass(frozen=True)
class Recognised:
    """An encoding, and how sure it is: 1 where nothing else is possible, null where a mark or the mapping says so."""

    encoding: str
    confidence: float | None


def detect(path: Path, name: str, given: str | None = None) -> str:
    """Return the encoding of a file. Raises `InputError` where it is not sure."""
    return recognise(path, name, given).encoding


def recognise(path: Path, name: str, given: str | None = None) -> Recognised:
    """Return the encoding of a file: by its mark, as the mapping says, by its zero bytes (UTF-16 and UTF-32 without a mark),
    as UTF-8 where most lines outside ASCII are that, else the likeliest by what the text then says.

    A file in which only some lines do not fit keeps the encoding of the others. Raises `InputError` with the guesses
    where none is sure enough.
    """
    with path.open("rb") as file:
        head = file.read(_LOOK)
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return Recognised(encoding, None)
    if given is not None:
        return Recognised(given, None)
    wide = _wide(head)
    if wide is not None:
        return wide
    lines = foreign_lines(path)
    if 2 * sum(1 for line in lines if _decoded(line, "utf-8") is not None) >= len(lines):
        return Recognised("utf-8", 1.0)
    return _likeliest(lines, name)


def _wide(head: bytes) -> Recognised | None:
    """Recognise UTF-16 and UTF-32 without a mark: line ends and digits have zero bytes, always on the same side."""
    for size, pairs in ((4, ("utf-32-le", "utf-32-be")), (2, ("utf-16-le", "utf-16-be"))):
        whole = head[: len(head) // size * size]
        for encoding in pairs if whole else ():
            text = _decoded(whole, encoding) or _decoded(whole[:-size], encoding) or ""
            plain = sum(1 for sign in text if " " <= sign <= "~" or sign in _SEPARATORS)
            odd = sum(1 for sign in text if not (sign.isprintable() or sign in _SEPARATORS))
            if plain * 10 >= len(text) > 0 and odd * 100 <= len(text) and head.count(0) >= plain * (size - 1):
                return Recognised(encoding, 1.0 - odd / len(text))
    return None


def foreign_lines(path: Path, most: int = _MOST_LINES) -> list[bytes]:
    """Return the first lines that hold a byte outside ASCII."""
    found: list[bytes] = []
    rest = b""
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            data = rest + piece
            cut = data.rfind(b"\n") + 1
            whole, rest = (data[:cut], data[cut:]) if cut else (b"", data)
            if not whole.isascii():
                found += _foreign(whole)
                if len(found) >= most:
                    return found[:most]
    return (found + _foreign(rest))[:most]


def _foreign(data: bytes) -> list[bytes]:
    return [] if data.isascii() else [found[0] for found in _NOT_ASCII_LINE.finditer(data)]


def _decoded(data: bytes, encoding: str) -> str | None:
    with suppress(UnicodeDecodeError):
        return data.decode(encoding)
    return None


def _likeliest(lines: Sequence[bytes], name: str) -> Recognised:
    cells = list(_distinct_cells(lines))
    found = {
        encoding: _DAMPING * _likelihood(cells, encoding, judge) + math.log(_prior(encoding))
        for encoding, judge in (_READ | _RIVALS).items()
    }
    best = max(found, key=lambda encoding: (found[encoding], encoding in _READ))
    shares = _shares(_without_twins(found, best, cells))
    confidence = shares[best]
    if best in _RIVALS or confidence < LEAST_CONFIDENCE or not _is_plausible(cells, best) or not _fits_lines(lines, best):
        raise InputError("load.unknown_encoding", file=name, guess=_guesses(shares), example=_codec(best))
    return Recognised(_codec(best), confidence)


def _prior(encoding: str) -> float:
    return _PRIORS.get(encoding, _PRIOR_OF_RIVALS) if encoding in _RIVALS else 1.0


def _codec(encoding: str) -> str:
    return _CODECS.get(encoding, encoding)


def _distinct_cells(lines: Sequence[bytes]) -> Iterator[bytes]:
    """Yield each distinct cell that is not ASCII: a name that stands in a thousand rows is one witness."""
    seen: set[bytes] = set()
    for line in lines:
        for cell in _BETWEEN_CELLS.split(line):
            if not cell.isascii() and cell not in seen:
                seen.add(cell)
                yield cell
                if len(seen) == _MOST_CELLS:
                    return


def _short(cell: bytes) -> bytes:
    return cell if len(cell) <= _LONGEST_CELL else cell[:_LONGEST_CELL]


def _text(cell: bytes, encoding: str) -> str | None:
    decoder = codecs.getincrementaldecoder(_codec(encoding))()
    with suppress(UnicodeDecodeError):
        return decoder.decode(_short(cell), final=len(cell) <= _LONGEST_CELL)
    return None


def _likelihood(cells: Sequence[bytes], encoding: str, judge: Likelihood) -> float:
    total = 0.0
    for cell in cells:
        text = _text(cell, encoding)
        total += _UNDECODED + _UNDECODED_BYTE * len(_short(cell)) if text is None else judge(text)
    return total


def _without_twins(found: dict[str, float], best: str, cells: Sequence[bytes]) -> dict[str, float]:
    """Leave out encodings that read the very same text: they contradict nothing."""
    texts = [_text(cell, best) for cell in cells]
    return {
        encoding: value
        for encoding, value in found.items()
        if encoding == best or any(_text(cell, encoding) != text for cell, text in zip(cells, texts, strict=True))
    }


def _shares(found: dict[str, float]) -> dict[str, float]:
    most = max(found.values())
    weights = {encoding: math.exp(max(-700.0, value - most)) for encoding, value in found.items()}
    total = sum(weights.values())
    return {encoding: weight / total for encoding, weight in weights.items()}


def _is_plausible(cells: Sequence[bytes], encoding: str) -> bool:
    judge = (_READ | _RIVALS)[encoding]
    texts = [text for cell in cells if (text := _text(cell, encoding)) is not None]
    foreign = ["".join(sign for sign in text if sign >= "\x80") for text in texts]
    n_foreign = sum(len(signs) for signs in foreign)
    n_ascii = sum(len(text) for text in texts) - n_foreign
    total = sum(judge(text) for text in texts) + n_ascii * math.log(60)
    return n_foreign > 0 and total / n_foreign >= _LEAST_PLAUSIBLE


def _fits_lines(lines: Sequence[bytes], encoding: str) -> bool:
    return 2 * sum(1 for line in lines if _decoded(line, _codec(encoding)) is not None) >= len(lines)


def _guesses(shares: dict[str, float], most: int = 3) -> str:
    ranked = sorted(shares.items(), key=lambda item: -item[1])[:most]
    return ", ".join(f"{_codec(encoding)} ({share:.2f})" for encoding, share in ranked if share >= 0.005)
