"""Write the reference pages that are generated: run `make docs`; a test fails where a page is behind the code."""

from __future__ import annotations

import ast
import inspect
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from salesiq import forecast, funnel, quality, targets
from salesiq.tables import CONTRACTS, Contract

HERE = Path(__file__).parent
TESTS = HERE.parent / "tests"
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


def faults_page() -> str:
    """Return the page that lists every fault that loading survives, with the tests that provoke it."""
    faults = tomllib.loads((TESTS / "faults.toml").read_text(encoding="utf-8"))
    tests = dict(_provoking())
    lines = [
        "# Faults and bad input\n",
        'What is provoked, what must become of it, the exit code, and the tests that provoke it. "Reject" means that the row',
        "goes to `rejects` with its reason and the rest loads. Generated from `tests/faults.toml` and the tests' markers.\n",
        "| # | trigger | outcome | exit | tests |",
        "|---|---|---|---|---|",
    ]
    for number, fault in faults.items():
        named = "<br>".join(f"`{name}`" for name in tests.get(int(number), [])) or "none yet"
        cells = (_cell(fault[name]) for name in ("trigger", "outcome", "exit"))
        lines.append(f"| {number} | {' | '.join(cells)} | {named} |")
    return "\n".join(lines) + "\n"


def _cell(words: str) -> str:
    return words.replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")


def _provoking() -> Iterator[tuple[int, list[str]]]:
    """Yield each fault's number with the names of the tests that carry its marker."""
    found: dict[int, list[str]] = {}
    for path in sorted(TESTS.rglob("test_*.py")):
        for test in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(test, ast.FunctionDef):
                for number in _marked(test):
                    found.setdefault(number, []).append(f"{path.relative_to(TESTS).as_posix()}::{test.name}")
    yield from found.items()


def _marked(test: ast.FunctionDef) -> Iterator[int]:
    """Yield the numbers of `@pytest.mark.fault(...)`, also where a parameter carries the marker."""
    for node in (part for decorator in test.decorator_list for part in ast.walk(decorator)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "fault":
            yield from (argument.value for argument in node.args if isinstance(argument, ast.Constant))


PAGES = {"tables.md": tables_page, "metrics.md": metrics_page, "faults.md": faults_page}


def main() -> None:
    """Write every generated page."""
    for name, page in PAGES.items():
        (HERE / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
