"""Files and databases that nobody vouches for are taken apart in a child process, which has limits on memory, size and
time and hands plain Arrow files back.

A file that makes a parser blow up costs the child, not the process that holds the book.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from salesiq.errors import BookError, InputError, SalesiqError, UsageError

__all__ = ["Portion", "Sandbox"]

ANSWER_SECONDS = 600
_TOLD_AS_IS: dict[str, type[SalesiqError]] = {"BookError": BookError, "InputError": InputError, "UsageError": UsageError}


@dataclass(frozen=True)
class Portion:
    """What one step of a task gave: facts, and an Arrow file with rows where there are some."""

    facts: dict[str, Any]
    file: Path | None


class Sandbox:
    """A child process for tasks on untrusted input, and a private folder; both are made when they are first needed.

    They go when the `with` block ends, or with the object.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._folder: Path | None = None
        self._n_tasks = 0
        self._end: weakref.finalize[..., Sandbox] = weakref.finalize(self, _nothing)

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def folder(self) -> Path:
        """The private folder, for what must lie on disk while the load lasts."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="salesiq-load-"))
            weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        return self._folder

    def run(self, task: str, file: str, **given: object) -> Iterator[Portion]:
        """Yield what a task gives, step by step; `file` names the input in messages.

        Raises `InputError` where the input is refused, breaks the parser, or is beyond the limits; `BookError` where the
        disk is full.
        """
        self._start()
        self._n_tasks += 1
        number = self._n_tasks
        ask: dict[str, object] = {"task": task, "number": number, "given": given, "folder": str(self.folder)}
        while (answer := self._asked(ask, file))["more"]:
            yield Portion(answer["facts"], Path(answer["file"]) if answer["file"] else None)
            ask = {"number": number, "folder": str(self.folder)}

    def facts(self, task: str, file: str, **given: object) -> dict[str, Any]:
        """Return the facts of a task that takes one step; raises as `run`."""
        return next(self.run(task, file, **given)).facts

    def close(self) -> None:
        """Let the child go, to wait a little for another load, and remove the folder."""
        if self._process is not None:
            process, self._process = self._process, None
            self._end.detach()
            _park(process)
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def _start(self) -> None:
        if self._process is None:
            self._process = _unparked() or _started()
            self._end = weakref.finalize(self, _end, self._process)

    def _stop(self) -> None:
        self._end()
        self._process = None

    def _asked(self, ask: dict[str, object], file: str) -> dict[str, Any]:
        answer = self._answer(ask, file)
        if "error" not in answer:
            return answer
        kind = _TOLD_AS_IS.get(answer["error"], InputError)
        raise kind(answer["key"], **{"file": file} | answer["facts"])

    def _answer(self, ask: dict[str, object], file: str) -> dict[str, Any]:
        if self._process is None:
            raise InputError("load.parser_died", file=file)
        line = _exchanged(self._process, ask, ANSWER_SECONDS)
        if line:
            found: dict[str, Any] = json.loads(line)
            return found
        is_slow = self._process.poll() is None and line is None
        self._stop()
        if is_slow:
            raise InputError("load.parser_slow", file=file, seconds=ANSWER_SECONDS)
        raise InputError("load.parser_died", file=file)


def _started() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "salesiq.sandbox.serve"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"ARROW_DEFAULT_MEMORY_POOL": "system"},  # others reserve more than the child may have
    )


def _exchanged(process: subprocess.Popen[bytes], ask: dict[str, object], seconds: float) -> bytes | None:
    """Ask, and return the answer; b"" where the child is gone, None where it does not answer in time."""
    assert process.stdin is not None  # noqa: S101 - tells the type checker how the child was started
    assert process.stdout is not None  # noqa: S101 - as above
    with suppress(BrokenPipeError):
        process.stdin.write(json.dumps(ask).encode() + b"\n")
        process.stdin.flush()
    return process.stdout.readline() if select.select([process.stdout], [], [], seconds)[0] else None


def _park(process: subprocess.Popen[bytes]) -> None:
    """Keep one child that is done: the next load saves its start. It ends by itself when none comes soon."""
    if not _parked and _exchanged(process, {"park": True}, 5):
        _parked.append((os.getpid(), process))
    else:
        _end(process)


def _unparked() -> subprocess.Popen[bytes] | None:
    while _parked:
        owner, process = _parked.pop()
        if owner == os.getpid() and _exchanged(process, {"unpark": True}, 5):
            return process
        if owner == os.getpid():
            _end(process)
    return None


def _nothing() -> None:
    """Do what there is to do while no child runs."""


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with suppress(BrokenPipeError):
                stream.close()


_parked: list[tuple[int, subprocess.Popen[bytes]]] = []


@atexit.register
def _end_parked() -> None:
    while _parked:
        owner, process = _parked.pop()
        if owner == os.getpid():
            _end(process)
