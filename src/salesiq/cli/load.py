"""salesiq load: exports into a book."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from salesiq.cli.options import AsJson, BookPath, Lang, Quiet, language, say, say_json, working


def load(
    source: Annotated[Path, typer.Argument(help="A folder or a file of exports (CSV, XLSX, Parquet).")],
    lang: Lang,
    book: BookPath = Path("team.duckdb"),
    mapping: Annotated[
        str | None,
        typer.Option("--mapping", "-m", help="A preset (sample, maven) or a mapping file. Default: the preset that fits."),
    ] = None,
    exported_at: Annotated[
        str | None,
        typer.Option(
            help="When the export was taken, such as 2026-01-30T18:00. Default: told by the folder's name or the rows."
        ),
    ] = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Load exports into a book: all of them or nothing. The same files again change nothing."""
    from salesiq.book import Book

    spoken = language(lang)
    with working("cli.loading", spoken, quiet=quiet or as_json, source=source):
        report = Book(book).load(source, mapping=mapping, exported_at=exported_at)
    if as_json:
        say_json(report.to_dict())
    else:
        say(report.message(spoken), quiet=quiet)
