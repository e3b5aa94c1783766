"""salesiq weekly: the weekly report of a book."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from salesiq.cli.options import AsJson, BookPath, Lang, Quiet, language, say, say_json, working
from salesiq.errors import BookError, UsageError
from salesiq.i18n import text

RED_FLAGS_FOUND = 8


def weekly(
    lang: Lang,
    book: BookPath = Path("team.duckdb"),
    as_of: Annotated[
        str | None, typer.Option("--as-of", help="The moment, such as 2026-01-31. Default: that of the newest export.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="The page to write.")] = Path("weekly.html"),
    fail_on: Annotated[
        str | None, typer.Option("--fail-on", help="red-flags: exit with 8 where the report holds a red flag.")
    ] = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Write the weekly report as one HTML page that needs no network. The same moment again gives the same page."""
    spoken = language(lang)
    if fail_on not in (None, "red-flags"):
        raise UsageError("cli.bad_fail_on", value=fail_on)
    if not book.exists():
        raise BookError("book.missing", path=book)
    from salesiq.book import Book
    from salesiq.reports import weekly as build

    with working("cli.reporting", spoken, quiet=quiet or as_json):
        opened = Book(book)
        moment = as_of or opened.newest_export()
        if moment is None:
            raise UsageError("cli.empty_book", path=book)
        report = build(opened.as_of(moment), lang=spoken)
        try:
            report.write(out)
        except OSError as error:
            raise BookError("cli.page_not_written", path=out, problem=error.strerror) from error
    if as_json:
        say_json({"path": str(out.absolute()), **report.to_dict()})
    else:
        say(text("cli.report_written", spoken, path=out.absolute()), quiet=quiet)
    if fail_on and report.has_red_flags:
        raise typer.Exit(RED_FLAGS_FOUND)
