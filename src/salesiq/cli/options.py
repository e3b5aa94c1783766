"""Options that verbs share, and how they speak to the terminal."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from salesiq.i18n import LANGUAGES, Language, text


def _language(value: str) -> str:
    if value not in LANGUAGES:
        raise typer.BadParameter(f"{value!r} is not one of {', '.join(LANGUAGES)}")
    return value


def default_language() -> Language:
    """Return zh where the environment speaks Chinese, else en; SALESIQ_LANG decides over it."""
    told = os.environ.get("SALESIQ_LANG") or os.environ.get("LC_ALL") or os.environ.get("LANG") or ""
    return "zh" if told.lower().startswith("zh") else "en"


def language_of(arguments: Sequence[str]) -> Language:
    """Return the language that `--lang` asks for on a command line, else the environment's.

    >>> language_of(["salesiq", "load", "x", "--lang=zh"])
    'zh'
    """
    for position, argument in enumerate(arguments):
        name, _, value = argument.partition("=")
        if name == "--lang":
            asked = value or (arguments[position + 1] if position + 1 < len(arguments) else "")
            return "zh" if asked == "zh" else "en"
    return default_language()


BookPath = Annotated[Path, typer.Option("--book", "-b", help="The book: a DuckDB file.", envvar="SALESIQ_BOOK")]
Lang = Annotated[
    str,
    typer.Option(
        "--lang", help="zh or en.", default_factory=default_language, show_default="the environment's", callback=_language
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON, for scripts.")]


def language(value: str) -> Language:
    """Return a checked option as a language."""
    return "zh" if value == "zh" else "en"


def say(message: str, *, quiet: bool) -> None:
    """Print a line for people, on standard output."""
    if not quiet:
        typer.echo(message)


def say_json(result: object) -> None:
    """Print a result for scripts: one JSON document on standard output, dates and Decimals as text."""
    typer.echo(json.dumps(result, ensure_ascii=False, default=str, indent=2))


@contextmanager
def working(key: str, lang: Language, *, quiet: bool, **facts: object) -> Iterator[Callable[[str, int], None]]:
    """Show that work goes on, on a terminal's standard error; nothing in a scheduler's log.

    Yields what to call with a file's name and the number of its rows read so far.
    """
    if quiet or not sys.stderr.isatty():
        yield _unseen
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.status import Status

    said = escape(text(key, lang, **facts))
    with Status(said, console=Console(stderr=True)) as status:
        yield lambda file, n_rows: status.update(f"{said} {escape(file)}: {n_rows:,}")


def _unseen(_file: str, _n_rows: int) -> None:
    """Nobody watches."""
