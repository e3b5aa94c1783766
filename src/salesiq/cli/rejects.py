"""salesiq rejects: the rows that were not loaded, as a spreadsheet for their owner, and their way back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from salesiq.cli.options import AsJson, BookPath, Lang, Quiet, language, say, say_json, working
from salesiq.errors import BookError
from salesiq.i18n import Language, text

if TYPE_CHECKING:
    from salesiq.book import Book


def rejects(
    lang: Lang,
    book: BookPath = Path("team.duckdb"),
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Write them to this .xlsx (to be mended) or .csv.")] = None,
    retry: Annotated[Path | None, typer.Option("--retry", help="Load the rows of a spreadsheet that came back mended.")] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Also copies, total rows and repeated headers, which nobody has to mend.")
    ] = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """List the rows that were not loaded, with the reason; write them as a spreadsheet; load them again once mended."""
    from salesiq.book import Book

    spoken = language(lang)
    if not book.exists():
        raise BookError("book.missing", path=book)
    opened = Book(book)
    if retry is not None:
        _retry(opened, retry, lang=spoken, quiet=quiet, as_json=as_json)
    elif out is not None:
        _write(opened, out, lang=spoken, everything=everything, quiet=quiet, as_json=as_json)
    else:
        _list(opened, lang=spoken, everything=everything, quiet=quiet, as_json=as_json)


def _retry(book: Book, file: Path, *, lang: Language, quiet: bool, as_json: bool) -> None:
    from salesiq.load import retry_rejects

    with working("cli.loading", lang, quiet=quiet or as_json, source=file) as progress:
        reports = retry_rejects(book, file, progress)
    if as_json:
        say_json([report.to_dict() for report in reports])
    else:
        say("\n\n".join(report.message(lang) for report in reports), quiet=quiet)


def _write(book: Book, out: Path, *, lang: Language, everything: bool, quiet: bool, as_json: bool) -> None:
    from salesiq.load import write_rejects

    n_rows = write_rejects(book, out, lang, everything=everything)
    if as_json:
        say_json({"path": str(out.absolute()), "n_rows": n_rows})
    else:
        say(text("cli.rejects_written", lang, n=n_rows, path=out, book=book.path), quiet=quiet)


def _list(book: Book, *, lang: Language, everything: bool, quiet: bool, as_json: bool) -> None:
    from salesiq.load import open_rejects
    from salesiq.load.telling import reject_lines

    rows = open_rejects(book, everything=everything)
    if as_json:
        say_json(rows.to_dicts())
        return
    head = text("cli.rejects_listed", lang, n=rows.height, book=book.path)
    say("\n".join([head, *(f"  {line}" for line in reject_lines(rows, lang))]), quiet=quiet)
