"""salesiq load: exports into a book."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from salesiq.cli.options import AsJson, BookPath, Lang, Quiet, language, say, say_json, working
from salesiq.errors import UsageError


def load(
    source: Annotated[
        str,  # a Path would fold the // of an address
        typer.Argument(
            help="A folder, a file or a pattern of exports (CSV, XLSX, XLS, JSON, Parquet, ZIP, SQLite ...), the address of a "
            "database, or - for standard input."
        ),
    ],
    lang: Lang,
    book: BookPath = Path("team.duckdb"),
    mapping: Annotated[
        str | None,
        typer.Option(
            "--mapping",
            "-m",
            help="A preset (salesforce, hubspot, fxiaoke ...) or a mapping file. Default: the preset that fits.",
        ),
    ] = None,
    exported_at: Annotated[
        str | None,
        typer.Option(
            help="When the export was taken, such as 2026-01-30T18:00. Default: told by the folder's name or the rows."
        ),
    ] = None,
    max_rejects: Annotated[
        str | None,
        typer.Option(help="Refuse the load where more rows are rejected: a share such as 2% or 0.02. Default: no limit."),
    ] = None,
    allow_shrink: Annotated[
        bool, typer.Option("--allow-shrink", help="Take a full export that has lost most of its rows; else it is held back.")
    ] = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Load exports into a book: all of them or nothing. The same files again change nothing."""
    from salesiq.book import Book

    spoken = language(lang)
    with working("cli.loading", spoken, quiet=quiet or as_json, source=source) as progress:
        report = Book(book).load(
            source,
            mapping=mapping,
            exported_at=exported_at,
            progress=progress,
            max_rejects_share=_share(max_rejects),
            allow_shrink=allow_shrink,
        )
    if as_json:
        say_json(report.to_dict())
    else:
        say(report.message(spoken), quiet=quiet)


def _share(told: str | None) -> float | None:
    """Read 2% or 0.02 as a share."""
    if told is None:
        return None
    try:
        share = float(told.removesuffix("%")) / (100 if told.endswith("%") else 1)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise UsageError("cli.bad_share", option="--max-rejects", value=told)
    return share
