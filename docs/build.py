"""Write the reference pages that are generated: run `make docs`; a test fails where a page is behind the code."""

from __future__ import annotations

import inspect
from pathlib import Path
from types import ModuleType

from salesiq import forecast, funnel, quality, targets
from salesiq.tables import CONTRACTS, Contract

HERE = Path(__file__).parent
SUBJECTS: tuple[ModuleType, ...] = (targets, funnel, quality, forecast)
KINDS = {
    "master": "things that change; versions are kept",
    "event": "things that happen once",
    "log": "written by salesiq",
}


def tables_page() -> str:
    """Return the page that lists every canonical table with its grain, keys, columns, types and units."""
    head = """# Canonical tables

Generated from `src/salesiq/tables` by `make docs`. Only keys, and the moment of an event, are required; every other column
may be null. Timestamps are naive in the company's time zone, money is DECIMAL(18,2), shares run from 0 to 1, ids are text.
Stored rows also carry `existed_from`, `known_from`, `known_to`, `load_id`, `source_file` and `source_line`
(see [history](history.md)).
"""
    return head + "".join(_table(contract) for contract in CONTRACTS.values())


def _table(contract: Contract) -> str:
    facts = [f"{contract.kind}: {KINDS[contract.kind]}", f"keys: {', '.join(contract.keys)}"]
    if contract.moment:
        facts.append(f"moment: {contract.moment}")
    if contract.recorded:
        facts.append(f"recorded: {contract.recorded}")
    for moment, columns in contract.reveals.items():
        facts.append(f"not known before {moment}: {', '.join((moment, *columns))}")
    lines = [f"\n## {contract.name} ({contract.system})\n", contract.grain, "", *(f"- {fact}" for fact in facts), ""]
    lines += ["| column | type | required | meaning |", "|---|---|---|---|"]
    for name, dtype in contract.columns.items():
        required = "yes" if name in contract.required else ""
        allowed = f" One of: {', '.join(contract.allowed[name])}." if name in contract.allowed else ""
        lines.append(f"| `{name}` | {_type(dtype)} | {required} | {contract.descriptions[name]}{allowed} |")
    return "\n".join(lines) + "\n"


def _type(dtype: object) -> str:
    name = str(dtype)
    if name.startswith("Decimal"):
        return "decimal(18,2)"
    return (
        "timestamp"
        if name.startswith("Datetime")
        else {"String": "text", "Float64": "number", "Int64": "integer"}.get(name, name.lower())
    )


def metrics_page() -> str:
    """Return the page that lists every public function of the subjects with the tables it needs and its docstring."""
    lines = ["# Metrics\n", "Generated from the docstrings by `make docs`.\n"]
    for module in SUBJECTS:
        lines.append(f"## {module.__name__.removeprefix('salesiq.')}\n\n{inspect.getdoc(module)}\n")
        for name in sorted(module.__all__):
            lines.append(_metric(module, name))
    return "\n".join(lines)


def _metric(module: ModuleType, name: str) -> str:
    thing = getattr(module, name)
    signature = (
        str(inspect.signature(thing))
        .replace("salesiq.book.snapshot.", "")
        .replace("salesiq.book.book.", "")
        .replace("polars.dataframe.frame.", "pl.")
    )
    needed = getattr(thing, "needs", ())
    needs = f"Needs: {', '.join(f'`{table}`' for table in needed)}.\n\n" if needed else ""
    subject = module.__name__.removeprefix("salesiq.")
    return f"### {subject}.{name}\n\n`{name}{signature}`\n\n{needs}```text\n{inspect.getdoc(thing)}\n```\n"


PAGES = {"tables.md": tables_page, "metrics.md": metrics_page}


def main() -> None:
    """Write every generated page."""
    for name, page in PAGES.items():
        (HERE / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
