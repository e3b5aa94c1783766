"""Exports of a system that a preset knows: the preset's own entries, as the text of a mapping to start from."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

from salesiq.errors import InputError
from salesiq.load.headers import fits
from salesiq.load.plan import Shelf, make_plan
from salesiq.load.sources import Found, Source

__all__ = ["Recognised", "recognised"]

_LEAST_COLUMNS = 3  # named by one entry, before a file counts as the system's


@dataclass(frozen=True)
class Recognised:
    """The preset that fits, the files that it reads, and its entries for them as text."""

    preset: str
    sources: frozenset[Source]
    blocks: tuple[str, ...]


def recognised(found: Found, shelf: Shelf) -> Recognised | None:
    """Return the preset whose entries name files and columns of an export, or None. One that nobody could check is none."""
    try:
        plan = make_plan(found, None, shelf)
    except InputError:
        return None
    if plan.mapping.status == "unverified" or plan.mapping.name == "canonical":
        return None
    fitting = [job for job in plan.jobs if _n_columns(job.source, job.entry, shelf) >= _LEAST_COLUMNS]
    entries = [at for at, entry in enumerate(plan.mapping.entries) if any(job.entry is entry for job in fitting)]
    if not entries:
        return None
    text = (resources.files("salesiq.load") / "presets" / f"{plan.mapping.name}.toml").read_text(encoding="utf-8")
    body = tomllib.loads(text)
    blocks = [_block("file", body["file"][at]) for at in entries]
    blocks += [_block("rows", item) for item in body.get("rows", [])]
    return Recognised(plan.mapping.name, frozenset(job.source for job in fitting), tuple(blocks))


def _n_columns(source: Source, entry: Any, shelf: Shelf) -> int:
    try:
        n_named = fits(shelf.table(source, entry)[1], entry)
    except InputError:
        return 0
    return max(n_named, _LEAST_COLUMNS) if n_named and n_named >= len(entry.columns) else n_named


def _block(kind: str, item: Mapping[str, Any]) -> str:
    return "\n".join([f"[[{kind}]]", *_lines(kind, item)])


def _lines(path: str, item: Mapping[str, Any]) -> Iterator[str]:
    """Write plain keys, then a table for each key that holds one; tables within columns and the history stay on their line."""
    tables = {key: value for key, value in item.items() if isinstance(value, dict) and key != "history"}
    for key, value in item.items():
        if key not in tables:
            yield f"{_key(key)} = {_value(value)}"
    for key, table in tables.items():
        if key == "values":
            for column, words in table.items():
                yield f"[{path}.values.{_key(column)}]"
                yield from (f"{_key(word)} = {_value(meant)}" for word, meant in words.items())
        else:
            yield f"[{path}.{_key(key)}]"
            yield from (f"{_key(name)} = {_value(value)}" for name, value in table.items())


def _key(name: str) -> str:
    return name if name.isascii() and name.replace("_", "").replace("-", "").isalnum() else _value(name)


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(key)} = {_value(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
