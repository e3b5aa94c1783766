"""The child: reads tasks as lines of JSON, does them step by step, answers in lines of JSON.

Heavy libraries are imported by the task that needs them; `salesiq.load` never is.
"""

from __future__ import annotations

import errno
import itertools
import json
import os
import resource
import select
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from salesiq.errors import SalesiqError

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["main"]

PARKED_SECONDS = 20
MOST_MEMORY = 4 * 1024**3
MOST_FILE_BYTES = 16 * 1024**3
Step = tuple[dict[str, Any], "pa.RecordBatch | pa.Table | None"]
_TASKS = {
    "sheets": "sheets.names",
    "sheet": "sheets.rows",
    "parquet": "parquet.rows",
    "json": "records.rows",
    "database": "database.tables",
    "database_rows": "database.rows",
    "server": "server.rows",
}


def main() -> None:
    """Serve until the parent closes its end, or leaves the child without work for a while."""
    limit()
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints is no answer
    running: dict[int, Iterator[Step]] = {}
    while line := sys.stdin.buffer.readline():
        ask = json.loads(line)
        if "number" in ask:
            answer = _answer(ask, running, Path(ask["folder"]))
        else:
            running.clear()
            answer = {"more": False}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
        if "park" in ask and not select.select([sys.stdin], [], [], PARKED_SECONDS)[0]:
            return


def limit(memory: int = MOST_MEMORY) -> None:
    """Bound what this process may take; a crash leaves no core."""
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_FSIZE, (MOST_FILE_BYTES, MOST_FILE_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _answer(ask: dict[str, Any], running: dict[int, Iterator[Step]], folder: Path) -> dict[str, Any]:
    number = ask["number"]
    try:
        if "task" in ask:
            running[number] = _task(ask["task"])(**ask["given"])
        step = next(running[number], None)
        if step is None:
            del running[number]
            return {"more": False}
        return {"more": True, "facts": step[0], "file": None if step[1] is None else _written(step[1], folder)}
    except SalesiqError as error:
        facts = {name: str(fact) for name, fact in error.facts.items()}
        return {"error": type(error).__name__, "key": error.key, "facts": facts}
    except MemoryError:
        return _refused("load.parser_memory", memory_mb=MOST_MEMORY // 2**20)
    except RecursionError:
        return _refused("load.parser_depth")
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return _refused("load.no_room", "BookError", folder=str(folder), problem=os.strerror(error.errno))
        return _refused("load.parser_failed", problem=type(error).__name__)
    except Exception as error:  # noqa: BLE001 - whatever a parser throws at a hostile file, the load only hears that it is refused
        return _refused("load.parser_failed", problem=type(error).__name__)


def _refused(key: str, kind: str = "InputError", **facts: object) -> dict[str, Any]:
    return {"error": kind, "key": key, "facts": facts}


def _task(name: str) -> Callable[..., Iterator[Step]]:
    module, function = _TASKS[name].split(".")
    found: Callable[..., Iterator[Step]] = getattr(import_module(f"salesiq.sandbox.{module}"), function)
    return found


def _written(rows: pa.RecordBatch | pa.Table, folder: Path) -> str:
    import pyarrow as pa  # not needed by every task

    path = folder / f"{next(_numbers):06d}.arrow"
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, rows.schema) as writer:
        writer.write(rows)
    return str(path)


_numbers = itertools.count()

if __name__ == "__main__":
    main()
