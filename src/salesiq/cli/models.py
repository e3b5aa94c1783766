"""salesiq train and salesiq models: a model for the book, and those that are kept beside it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from salesiq.cli.options import AsJson, BookPath, Lang, Quiet, language, say, say_json, working
from salesiq.errors import BookError, BusyError, ModelError, UsageError
from salesiq.i18n import Language, text

if TYPE_CHECKING:
    from salesiq.book import Book
    from salesiq.forecast import Registry, TrainingResult

ModelsPath = Annotated[
    Path | None, typer.Option("--models", help="The folder of models. Default: beside the book, team.models for team.duckdb.")
]


def train(
    lang: Lang,
    book: BookPath = Path("team.duckdb"),
    until: Annotated[
        str | None,
        typer.Option("--until", help="Learn from what was known then, such as 2026-01-31. Default: the newest export."),
    ] = None,
    horizon: Annotated[
        float, typer.Option("--horizon", min=1, max=365, help="Days within which a win counts when models are compared.")
    ] = 30.0,
    models: ModelsPath = None,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Replace the current model without a comparison; a model without signal is refused all the same."
        ),
    ] = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Train a model; it takes over only where it is better on the newest deals than the current one. Else exit code 7."""
    spoken = language(lang)
    opened, registry = _opened(book, models)
    if opened.newest_export() is None:
        raise UsageError("cli.empty_book", path=book)
    from salesiq.forecast import WinModel

    with working("registry.training", spoken, quiet=quiet or as_json):
        result = registry.train(opened, until, model=WinModel(horizon_days=horizon), force=force)
    if result.is_accepted:
        _note(opened, registry, result)
    if as_json:
        say_json({"folder": str(registry.folder.absolute()), "message": result.message(spoken), **result.to_dict()})
    elif result.is_accepted:
        say(result.message(spoken), quiet=quiet)
    else:
        typer.echo(result.message(spoken), err=True)
    if not result.is_accepted:
        raise typer.Exit(ModelError.exit_code)


def models(
    lang: Lang,
    book: BookPath = Path("team.duckdb"),
    models: ModelsPath = None,
    use: Annotated[str | None, typer.Option("--use", help="Make this model the current one, such as last year's.")] = None,
    drift: Annotated[
        bool, typer.Option("--drift", help="Say how far deals have moved since the current model learned.")
    ] = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """List the models that are kept for a book, the current one first; go back to an older one; look for drift."""
    spoken = language(lang)
    opened, registry = _opened(book, models)
    if use is not None:
        registry.use(use)
    told = registry.drift(opened) if drift else None
    if as_json:
        rows = registry.models().to_dicts()
        say_json({"folder": str(registry.folder.absolute()), "models": rows, "drift": told.to_dict() if told else None})
        return
    lines = [text("registry.used", spoken, model_id=use)] if use is not None else []
    lines += _listed(registry, book, spoken) + ([told.message(spoken)] if told else [])
    # a file that somebody else wrote may hold control characters
    say("\n".join("".join(char for char in line if char.isprintable()) for line in lines), quiet=quiet)


def _opened(path: Path, folder: Path | None) -> tuple[Book, Registry]:
    if not path.exists():
        raise BookError("book.missing", path=path)
    from salesiq.book import Book
    from salesiq.forecast import Registry

    return Book(path), Registry(folder) if folder is not None else Registry.beside(path)


def _listed(registry: Registry, book: Path, lang: Language) -> list[str]:
    rows = registry.models().to_dicts()
    if not rows:
        return [text("registry.models_none", lang, folder=registry.folder, book=book)]
    lines = [text("registry.models_head", lang, folder=registry.folder)]
    for row in rows:
        facts = {name: f"{row[name]:.4f}" if isinstance(row[name], float) else "–" for name in ("log_loss", "brier")}
        if row["problem"] is not None:
            lines.append(text("registry.models_damaged", lang, **row))
            continue
        told = {
            **row,
            **facts,
            "mark": "*" if row["is_current"] else " ",
            "verdict": text(f"registry.verdict_{row['verdict']}", lang),
        }
        lines.append(text("registry.models_row", lang, **told | {"horizon_days": f"{row['horizon_days']:g}"}))
    return lines


def _note(book: Book, registry: Registry, result: TrainingResult) -> None:
    """Write the model into the book's log; a book that is busy or read-only goes without: the file is what counts."""
    try:
        registry.note(book, str(result.model_id))
    except (BusyError, BookError):
        return
