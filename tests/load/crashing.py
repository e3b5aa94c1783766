"""A server of loads that are killed: it imports everything once and forks a child for each load.

`python crashing.py [unprotected]` reads lines `BOOK\\tSOURCE\\tDAY\\tSECONDS`, kills the child after so many
seconds, if any are told, and prints how it ended. It must not start a thread before it forks.
"""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb
import polars  # noqa: F401 -- imported once, not in each child

import salesiq.load
from salesiq.book import Book, Writer


@contextmanager
def in_place(book: Book) -> Iterator[Writer]:
    """Write the book's own file, without a copy and without a transaction: what the crash test must catch."""
    book._open().close()
    con = duckdb.connect(str(book.path))
    yield Writer(con)
    con.close()


def main() -> None:
    if "unprotected" in sys.argv:
        Book.write = in_place  # type: ignore[method-assign]
    for line in sys.stdin:
        path, source, day, seconds = line.rstrip("\n").split("\t")
        child = os.fork()
        if not child:
            try:
                salesiq.load.load(Book(path), source, "canonical", day)
            except Exception:  # noqa: BLE001 -- a child must never go on as a second server
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        if seconds:
            time.sleep(float(seconds))
            os.kill(child, signal.SIGKILL)  # one that is done already is there until it is waited for
        _, status = os.waitpid(child, 0)
        print(status, flush=True)


if __name__ == "__main__":
    main()
