"""Which file feeds which table: a mapping's entries matched with the files found, or the preset that fits them best."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from salesiq.errors import InputError
from salesiq.load.headers import fits
from salesiq.load.mapping import Entry, Mapping, preset_names, read_mapping
from salesiq.load.shelf import Shelf
from salesiq.load.sources import Found, Source, matches

__all__ = ["Job", "Plan", "Shelf", "make_plan"]


@dataclass(frozen=True)
class Job:
    """One file to read for one table."""

    source: Source
    entry: Entry


@dataclass(frozen=True)
class Plan:
    """What will be read with which mapping, and which files nothing asks for."""

    mapping: Mapping
    jobs: tuple[Job, ...]
    unused: tuple[Source, ...]


def make_plan(found: Found, mapping: str | Path | Mapping | None, shelf: Shelf) -> Plan:
    """Match files and entries. Without a mapping every preset is tried by the headers, and the one that covers most
    is taken.

    Raises `InputError` where no file is matched, naming what was found and what was expected.
    """
    if mapping is None:
        return _best_plan(found, shelf)
    chosen = mapping if isinstance(mapping, Mapping) else read_mapping(mapping)
    plan = _plan(found, chosen, shelf)
    if not plan.jobs:
        expected = ", ".join(dict.fromkeys(pattern for entry in chosen.entries for pattern in entry.match))
        raise InputError("load.nothing_matches", mapping=chosen.name, found=_listed(found), expected=expected)
    return plan


def _plan(found: Found, mapping: Mapping, shelf: Shelf) -> Plan:
    jobs = tuple(
        Job(source, entry)
        for source in found.sources
        for entry in (_by_header(source, mapping, shelf) if source.is_nameless else _by_name(source, mapping))
    )
    used = {job.source for job in jobs}
    return Plan(mapping, jobs, tuple(source for source in found.sources if source not in used))


def _by_name(source: Source, mapping: Mapping) -> list[Entry]:
    return [entry for entry in mapping.entries if any(matches(source, pattern) for pattern in entry.match)]


def _by_header(source: Source, mapping: Mapping, shelf: Shelf) -> list[Entry]:
    """Return the entries of the file that standard input is: those whose headers it has most of."""
    alike: dict[tuple[str, ...], list[Entry]] = {}
    for entry in mapping.entries:
        alike.setdefault(entry.match, []).append(entry)
    marks = [sum(_n_columns(Job(source, entry), shelf) for entry in entries) for entries in alike.values()]
    best = max(marks)
    return [entry for entry in list(alike.values())[marks.index(best)] if _n_columns(Job(source, entry), shelf)] if best else []


def _best_plan(found: Found, shelf: Shelf) -> Plan:
    plans = [_plan(found, read_mapping(name), shelf) for name in (*preset_names(), "canonical")]
    marks = [_mark(plan, shelf) for plan in plans]
    best = max(marks)
    if best == (0, 0):
        raise InputError("load.no_preset_fits", found=_listed(found), presets=", ".join(plan.mapping.name for plan in plans))
    return plans[marks.index(best)]


def _mark(plan: Plan, shelf: Shelf) -> tuple[int, int]:
    """Return how many files the plan can read and how many columns it finds in them."""
    covered: set[Source] = set()
    n_columns = 0
    for job in plan.jobs:
        found = _n_columns(job, shelf)
        if found:
            covered.add(job.source)
            n_columns += found
    return len(covered), n_columns


def _n_columns(job: Job, shelf: Shelf) -> int:
    try:
        return fits(shelf.table(job.source, job.entry)[1], job.entry)
    except InputError:
        return 0  # a file that cannot be read speaks for no preset; it is refused when the chosen one needs it


def _listed(found: Found, most: int = 12) -> str:
    names = [source.name for source in found.sources] + [name for name, _ in found.unused]
    return ", ".join(names[:most]) + (f" … (+{len(names) - most})" if len(names) > most else "")
