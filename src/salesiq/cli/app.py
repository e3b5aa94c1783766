"""The program: its verbs, and what becomes of an error."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType
from typing import NoReturn

import typer

from salesiq.cli import doctor, load, mapping, models, rejects, sample, weekly
from salesiq.cli.options import language_of
from salesiq.errors import SalesiqError
from salesiq.i18n import text

app = typer.Typer(
    name="salesiq",
    help="What a sales organisation's exports say, as of a moment. Nothing leaves this machine.",
    epilog="A first look: salesiq sample --out demo; salesiq load demo --mapping sample --book demo.duckdb; "
    "salesiq weekly --book demo.duckdb",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("load")(load.load)
app.command("rejects")(rejects.rejects)
app.command("weekly")(weekly.weekly)
app.command("train")(models.train)
app.command("models")(models.models)
app.command("sample")(sample.sample)
app.command("map")(mapping.propose)
app.command("doctor")(doctor.doctor)


def main() -> NoReturn:
    """Run the command line and exit with its code."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        app()
    except SalesiqError as error:
        _say(error.message(language_of(sys.argv)))
        sys.exit(error.exit_code)
    except MemoryError:
        _say(text("cli.no_memory", language_of(sys.argv)))
        sys.exit(1)
    except Exception as error:  # the last resort: a fault of ours still reads as a sentence
        if os.environ.get("SALESIQ_DEBUG"):
            raise
        problem = f"{type(error).__name__}: {error}"
        _say(text("errors.internal", language_of(sys.argv), problem=problem))
        sys.exit(1)
    sys.exit(0)


def _say(message: str) -> None:
    # control characters of a file's content must not reach the terminal
    print("".join(char for char in message if char == "\n" or char.isprintable()), file=sys.stderr)


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
