"""salesiq map: a proposal of how exports map to the canonical tables."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from salesiq.cli.options import AsJson, Lang, Quiet, language, say, say_json, working
from salesiq.errors import BookError, UsageError
from salesiq.i18n import text


def propose(
    source: Annotated[Path, typer.Argument(help="A folder or a file of exports.")],
    lang: Lang,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Write the mapping here. Default: print it.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file named by --out.")] = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Propose a mapping file for exports; read it, mend it, then load with it."""
    spoken = language(lang)
    from salesiq.load import propose_mapping

    with working("cli.mapping", spoken, quiet=quiet or as_json, source=source):
        proposal = propose_mapping(source)
    if out is not None:
        _write(out, proposal, force=force)
    if as_json:
        say_json({"path": str(out.absolute()) if out else None, "mapping": proposal})
    elif out is None:
        say(proposal, quiet=quiet)
    else:
        say(text("cli.mapping_written", spoken, path=out, source=source), quiet=quiet)


def _write(out: Path, proposal: str, *, force: bool) -> None:
    if out.exists() and not force:
        raise UsageError("cli.file_exists", path=out)
    try:
        out.write_text(proposal, encoding="utf-8")
    except OSError as error:
        raise BookError("cli.page_not_written", path=out, problem=error.strerror) from error
