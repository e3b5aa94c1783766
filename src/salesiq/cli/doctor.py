"""salesiq doctor: what is here, what is missing, what the book holds."""

from __future__ import annotations

import platform
from importlib import metadata
from pathlib import Path
from typing import Annotated

import typer

from salesiq.cli.options import AsJson, Lang, Quiet, language, say, say_json
from salesiq.i18n import Language, text

PACKAGES = (
    "salesiq",
    "duckdb",
    "polars",
    "pyarrow",
    "scikit-learn",
    "lightgbm",
    "statsmodels",
    "plotly",
    "pandera",
    "chinesecalendar",
)


def doctor(
    lang: Lang,
    book: Annotated[Path | None, typer.Option("--book", "-b", help="Look into this book, too.", envvar="SALESIQ_BOOK")] = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Say which versions run here, which years the calendar only guesses, and what the book holds."""
    findings = _findings(book)
    if as_json:
        say_json(findings)
    else:
        say(_told(findings, language(lang)), quiet=quiet)


def _findings(book: Path | None) -> dict[str, object]:
    from salesiq.calendar import Calendar

    guessed = Calendar.china().guessed_years
    findings: dict[str, object] = {
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in PACKAGES},
        "calendar_known_until": min(year for year in guessed if year > 2010) - 1,
    }
    return findings | ({"book": _look_into(book)} if book is not None else {})


def _look_into(path: Path) -> dict[str, object]:
    from salesiq.book import Book
    from salesiq.errors import BookError

    if not path.exists():
        raise BookError("book.missing", path=path)
    book = Book(path)
    rows = book.tables()
    return {
        "path": str(path),
        "zone": book.zone,
        "newest_export": book.newest_export(),
        "rows": {name: n_rows for name, _, n_rows in rows.rows() if n_rows},
        "n_rejected": book.rejects().height,
    }


def _told(findings: dict[str, object], lang: Language) -> str:
    lines = [
        f"Python {findings['python']}",
        ", ".join(f"{name} {metadata.version(name)}" for name in PACKAGES),
        text("cli.calendar_until", lang, year=findings["calendar_known_until"]),
    ]
    book = findings.get("book")
    if isinstance(book, dict):
        rows = ", ".join(f"{name} {n_rows:,}" for name, n_rows in book["rows"].items())
        lines.append(
            text("cli.book_holds", lang, rows=rows or "—", **{k: book[k] for k in ("path", "newest_export", "n_rejected")})
        )
    return "\n".join(lines)
