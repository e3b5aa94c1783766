"""How rejected rows were read: kept with the load that rejected them, so that they can be written out and tried again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from salesiq.load.dialects import Dialect
from salesiq.load.mapping import Entry, canonical, parse_mapping
from salesiq.load.mapping import Mapping as Mapped
from salesiq.load.records import split

__all__ = ["AS_SHEET", "LEADING", "OWN_COLUMNS", "TRAILING", "Origin", "noted", "recalled"]

#: how the rows of sheets and Parquet files are written in rejects: cells between tabs
AS_SHEET = Dialect("\t", quote="", escape="")
#: what salesiq puts before a file's own columns when it writes rejected rows for their owner, and behind them
LEADING, TRAILING = ("salesiq: line", "salesiq: column", "salesiq: reason"), ("salesiq: row as it stood",)
OWN_COLUMNS = (*LEADING, *TRAILING)


@dataclass(frozen=True)
class Origin:
    """How a file was read for a table: the entry of the mapping, the file's header, and how its rows are written."""

    file: str
    entry: Entry
    header: tuple[str, ...]
    dialect: Dialect

    @property
    def own_header(self) -> tuple[str, ...]:
        """The header without the columns that salesiq itself added when the rows were sent out before."""
        return tuple(name for name in self.header if name not in OWN_COLUMNS)

    def cells(self, raw: str) -> tuple[str, ...] | None:
        """Take a rejected row apart, without salesiq's own columns; None where it has not the header's width."""
        pieces = list(split(raw, self.dialect, width=len(self.header)))
        if len(pieces) != 1 or pieces[0].reason or len(pieces[0].cells) != len(self.header):
            return None
        named = zip(self.header, pieces[0].cells, strict=True)
        return tuple(cell for name, cell in named if name not in OWN_COLUMNS)


def noted(origins: Iterable[Origin], mapping: Mapped) -> dict[str, Any]:
    """Return what the book keeps of a load: the text of its mapping, and of each file which entry read it, and how."""
    files = [
        {
            "file": origin.file,
            "table": origin.entry.table,
            "entry": mapping.entries.index(origin.entry),
            "header": list(origin.header),
            "dialect": asdict(origin.dialect),
        }
        for origin in origins
    ]
    return {"mapping": mapping.name, "text": mapping.text, "files": files}


def recalled(note: Mapping[str, Any]) -> dict[tuple[str, str], Origin]:
    """Return how a load read its files, by file and table; empty where nothing was noted."""
    if not note:
        return {}
    mapping = parse_mapping(note["text"], note["mapping"], note["mapping"]) if note["text"] else canonical()
    return {
        (item["file"], item["table"]): Origin(
            item["file"], mapping.entries[item["entry"]], tuple(item["header"]), Dialect(**item["dialect"])
        )
        for item in note["files"]
    }
