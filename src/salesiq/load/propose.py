"""A first mapping for exports that nobody has mapped yet: headers by their known names, then by likeness, for a
person to check.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import polars as pl
from rapidfuzz import fuzz

from salesiq.errors import InputError
from salesiq.i18n import Language, text
from salesiq.load.amounts import UNITS
from salesiq.load.batches import Batch, Record
from salesiq.load.evidence import fit, is_identifying, pseudo_nulls
from salesiq.load.finding import find_sources
from salesiq.load.headers import normal, unit_of
from salesiq.load.known_systems import recognised
from salesiq.load.mapping import LOADABLE, Column, Entry, preset_names, read_mapping
from salesiq.load.plan import Shelf
from salesiq.load.sources import Source
from salesiq.load.values import clean
from salesiq.tables import CONTRACTS

__all__ = ["propose_mapping"]

_ALIKE = 82  # per cent, rapidfuzz ratio; below it a header is a stranger
_READABLE_SHARE = 0.8
_BY_VALUES = 40  # per cent of confidence where the header says nothing and only one column has such values
_MOST_VALUES = 30
_LEAST_NAMED, _LEAST_ROWS = 2, 5  # headers known, and rows seen, before values alone may speak
_ORDER = re.compile(r"^([0-9]{1,2})([-/.])([0-9]{1,2})[-/.]([0-9]{4})(\s+[0-9]{1,2}:[0-9]{2}(:[0-9]{2})?)?$")


@dataclass(frozen=True)
class _Match:
    """A header that seems to mean a canonical column; `share` is 100 for a known name, 0 where only the values speak for it.

    `fits` is the share of the values that can be what the column wants.
    """

    column: str
    place: int
    header: str
    alias: str
    share: int
    fits: float = 1.0

    @property
    def confidence(self) -> int:
        """Per cent: likeness of the header times the share of values that fit."""
        return round((self.share or _BY_VALUES) * self.fits)


@dataclass(frozen=True)
class _Sight:
    """One table of a file: its header and some of its rows."""

    source: Source
    sheet: str | None
    header: Record
    sample: Batch | None
    encoding: str = ""


def propose_mapping(folder: str | Path, lang: Language = "en") -> str:
    """Return the text of a mapping file for the exports in a folder.

    Files of a system that a preset knows get the preset's entries. Of the others, each file (each sheet of a workbook) is
    given to the table whose known headers it has most of; those of the package's mappings and the canonical names are known.
    Behind each column a comment says how sure the match is: likeness of the header times the share of values that fit; `?`
    asks for a look. Words that mean nothing (`-`, `Select`) are proposed as null, the order of day and month where the column
    decides it. Files that fit no table are listed as comments. Raises InputError where the folder is empty.
    """
    found = find_sources(folder)
    shelf = Shelf(found.sandbox)
    blocks = [f"# {text('load.proposal_title', lang, folder=folder)}"]
    system = recognised(found, shelf)
    if system is not None:
        facts = {"preset": system.preset, "n": len(system.sources), "n_all": len(found.sources)}
        blocks += [f"# {text('load.proposal_preset', lang, **facts)}", *system.blocks]
    for source in found.sources:
        if system is not None and source in system.sources:
            continue
        try:
            sights = list(_sights(source, shelf))
        except InputError as error:
            blocks.append(f"# {error.message(lang)}")
            continue
        blocks += [_entry(sight, lang) for sight in sights]
    return "\n\n".join(blocks) + "\n"


@cache
def _known() -> dict[str, dict[str, tuple[str, ...]]]:
    """Return the known headers of every column of every table, from all presets and the contracts."""
    names: dict[str, dict[str, dict[str, None]]] = {table: {} for table in LOADABLE}
    for preset in (*preset_names(), "canonical"):
        for entry in read_mapping(preset).entries:
            for column in entry.columns:
                names[entry.table].setdefault(column.name, {}).update(dict.fromkeys(column.headers))
    return {table: {name: tuple(headers) for name, headers in columns.items()} for table, columns in names.items()}


def forget() -> None:
    """Forget the known names and words; they are read from the presets again."""
    _known.cache_clear()
    _known_values.cache_clear()


@cache
def _known_values(table: str, column: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for preset in preset_names():
        for entry in read_mapping(preset).entries:
            for item in entry.columns:
                if entry.table == table and item.name == column:
                    found |= item.values
    return found


def _sights(source: Source, shelf: Shelf) -> Iterator[_Sight]:
    """Yield the tables of a file: the best delimiter of a text, every sheet of a workbook."""
    anything = Entry((source.name,), LOADABLE[0], ())
    looked = [(table, header) for table in shelf.tables(source, anything) if (header := _header(table.head()))]
    if not looked:
        return
    if hasattr(looked[0][0], "delimiter"):
        looked = [max(looked, key=lambda item: _n_known(item[1]))]
    for table, header in looked:
        sheet = getattr(table, "sheet", None)
        yield _Sight(source, sheet, header, next(iter(table.batches(header)), None), table.encoding)


def _n_known(record: Record) -> tuple[int, int]:
    """Count the cells that are known headers of the table that knows most of them; then all cells with text."""
    cells = {normal(cell) for cell in record.cells} | {unit_of(normal(cell))[0] for cell in record.cells}
    most = max(
        sum(1 for headers in columns.values() if any(normal(name) in cells for name in headers))
        for columns in _known().values()
    )
    return most, sum(1 for cell in record.cells if cell.strip())


def _header(head: Sequence[Record]) -> Record | None:
    """Return the record that looks most like a header: most known names, then most cells, then the first."""
    ranked = sorted(((_n_known(record), -place) for place, record in enumerate(head)), reverse=True)
    return head[-ranked[0][1]] if ranked and ranked[0][0][1] else None


def _entry(sight: _Sight, lang: Language) -> str:
    options = [(table, _matches(sight, table)) for table in LOADABLE]
    whole = [(table, found) for table, found in options if _has_required(table, found)]
    if not whole:
        headers = ", ".join(cell.strip() for cell in sight.header.cells if cell.strip())
        return "# " + _one_line(text("load.proposal_unmatched", lang, file=sight.source.name, headers=headers))
    table, found = max(whole, key=lambda option: _weight(sight.source, *option))
    return _written(sight, table, found, lang)


def _has_required(table: str, found: Sequence[_Match]) -> bool:
    """Whether the table's keys are there, in at least two headers: one known word alone is no table."""
    names = {match.column for match in found}
    return len({match.place for match in found if match.share}) > 1 and names.issuperset(CONTRACTS[table].required)


def _weight(source: Source, table: str, found: Sequence[_Match]) -> float:
    """Prefer the table with most headers found, known names before likenesses; the file's name decides between
    equals.
    """
    columns = sum(match.share / 100 for match in found) + sum(match.share == 100 for match in found)
    return columns + fuzz.ratio(table, Path(source.name).stem.casefold()) / 100


def _matches(sight: _Sight, table: str) -> list[_Match]:
    """Give each column the header that fits best. A header may be the known name of two columns; else it serves one."""
    pairs = [
        _Match(name, place, cell.strip(), alias, share)
        for name, headers in _known()[table].items()
        for place, cell in enumerate(sight.header.cells)
        if cell.strip()
        for alias, share in [_likeness(cell, headers)]
        if share >= _ALIKE
    ]
    pairs.sort(key=lambda match: (-match.share, match.place))
    taken: dict[str, _Match] = {}
    places: set[int] = set()
    for match in pairs:
        is_used = match.place in places and match.share < 100
        if match.column in taken or is_used:
            continue
        judged = _judged(sight, table, match)
        if judged.fits < _READABLE_SHARE:
            continue
        taken[match.column] = judged
        places.add(match.place)
    guess = _by_values(sight, table, taken)
    if guess is not None:
        taken[guess.column] = guess
    return [taken[name] for name in CONTRACTS[table].columns if name in taken]


def _likeness(cell: str, headers: Sequence[str]) -> tuple[str, int]:
    name = unit_of(normal(cell))[0]
    shares = [(int(fuzz.ratio(name, unit_of(normal(header))[0])), header) for header in headers]
    share, alias = max(shares)
    return alias, share


def _judged(sight: _Sight, table: str, match: _Match) -> _Match:
    """Add how many of the column's values can be what the contract wants; a likeness alone is often wrong."""
    if sight.sample is None or not sight.sample.cells.height:
        return match
    cells = sight.sample.cells[str(match.place)]
    known = _known_values(table, match.column)
    nulls = pseudo_nulls(cells, tuple(known))
    column = Column(match.column, (), formats=_formats(cells) or (), null_values=nulls, values=known)
    return replace(match, fits=fit(cells, CONTRACTS[table].columns[match.column], column))


def _by_values(sight: _Sight, table: str, found: dict[str, _Match]) -> _Match | None:
    """Find the one required column that no header names, where exactly one column of the file has such values."""
    missing = [name for name in CONTRACTS[table].required if name not in found]
    if len(missing) != 1 or len(found) < _LEAST_NAMED or sight.sample is None or sight.sample.cells.height < _LEAST_ROWS:
        return None
    taken, dtype = {match.place for match in found.values()}, CONTRACTS[table].columns[missing[0]]
    fitting = []
    for place, cell in enumerate(sight.header.cells):
        if place in taken or not cell.strip() or str(place) not in sight.sample.cells.columns:
            continue
        match = _judged(sight, table, _Match(missing[0], place, cell.strip(), "", 0))
        is_key = dtype != pl.String or is_identifying(sight.sample.cells[str(place)])
        if is_key and match.fits == 1 and sight.sample.cells[str(place)].null_count() == 0:
            fitting.append(match)
    return fitting[0] if len(fitting) == 1 else None


def _formats(cells: pl.Series) -> tuple[str, ...] | None:
    """Decide day or month first by the whole column; None where nothing decides it, or where years come first."""
    if cells.dtype != pl.String:
        return None
    found = [match for value in clean(cells).drop_nulls().head(5000) if (match := _ORDER.match(value))]
    if not found:
        return None
    first, second = max(int(match[1]) for match in found), max(int(match[3]) for match in found)
    if (first > 12) == (second > 12):
        return None
    mark = found[0][2]
    day = f"%d{mark}%m{mark}%Y" if first > 12 else f"%m{mark}%d{mark}%Y"
    return tuple(dict.fromkeys(day + _clock(match[5]) for match in found))


def _clock(shown: str | None) -> str:
    if not shown:
        return ""
    return " %H:%M:%S" if shown.count(":") == 2 else " %H:%M"


def _written(sight: _Sight, table: str, found: Sequence[_Match], lang: Language) -> str:
    lines = ["[[file]]", f"match = {_quoted(sight.source.name.replace('[', '[[]'))}", f'table = "{table}"']
    if sight.sheet is not None:
        lines.append(f"sheet = {_quoted(sight.sheet)}")
    if sight.encoding not in ("utf-8", "xlsx", "parquet", ""):
        lines.append(f"# {_one_line(text('load.proposal_encoding', lang, encoding=sight.encoding))}")
    lines.append("[file.columns]")
    lines += [f"{match.column} = {_spec(sight, table, match)}  # {_sure(match, lang)}" for match in found]
    for match in found:
        lines += _values(sight, table, match)
    return "\n".join(lines)


def _spec(sight: _Sight, table: str, match: _Match) -> str:
    parts = []
    unit = unit_of(normal(match.header))[1]
    if unit is not None and UNITS[unit] and CONTRACTS[table].columns[match.column] == pl.Decimal:
        parts.append(f"unit = {_quoted(unit)}")
    dtype = CONTRACTS[table].columns[match.column]
    formats = _formats(sight.sample.cells[str(match.place)]) if sight.sample and dtype.is_temporal() else None
    if formats:
        parts.append(f"format = {json.dumps(formats)}")
    nulls = _nulls(sight, table, match)
    if nulls:
        parts.append(f"null_values = {json.dumps(nulls, ensure_ascii=False)}")
    header = _quoted(match.header)
    return f"{{ header = {header}, {', '.join(parts)} }}" if parts else header


def _nulls(sight: _Sight, table: str, match: _Match) -> tuple[str, ...]:
    if sight.sample is None or match.column in CONTRACTS[table].required:
        return ()
    return pseudo_nulls(sight.sample.cells[str(match.place)], tuple(_known_values(table, match.column)))


def _sure(match: _Match, lang: Language) -> str:
    if match.share == 100:
        said = text("load.proposal_exact", lang)
    elif match.share:
        said = text("load.proposal_near", lang, alias=match.alias, share=match.share)
    else:
        said = text("load.proposal_by_values", lang)
    return _one_line(text("load.proposal_confidence", lang, said=said, confidence=match.confidence))


def _values(sight: _Sight, table: str, match: _Match) -> list[str]:
    """Translate the words that the presets know; list the others of a column that only allows certain words."""
    known, allowed = _known_values(table, match.column), CONTRACTS[table].allowed.get(match.column)
    if not (known or allowed) or sight.sample is None or sight.sample.cells[str(match.place)].dtype != pl.String:
        return []
    words = clean(sight.sample.cells[str(match.place)]).drop_nulls().unique().sort().head(_MOST_VALUES).to_list()
    lines = [f"{_quoted(word)} = {_quoted(known[word])}" for word in words if word in known]
    if allowed:
        strangers = [word for word in words if word not in known and word not in allowed]
        lines += [f"# ? {_one_line(_quoted(word))} = {' | '.join(allowed)}" for word in strangers]
    return [f"[file.values.{match.column}]", *lines] if lines else []


def _quoted(words: str) -> str:
    return json.dumps(words, ensure_ascii=False).replace("\x7f", "\\u007f")


def _one_line(words: str) -> str:
    return re.sub(r"[\x00-\x1f\x7f\u2028\u2029]", " ", words)
