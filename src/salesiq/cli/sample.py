"""salesiq sample: a made-up company, as the exports that real systems give."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from salesiq.cli.options import AsJson, Lang, Quiet, language, say, say_json, working
from salesiq.errors import BookError
from salesiq.i18n import text


def sample(
    lang: Lang,
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder to write; made where missing.")] = Path("sample"),
    reps: Annotated[int, typer.Option(min=6, max=2000, help="How many reps the company has.")] = 24,
    months: Annotated[int, typer.Option(min=6, max=60, help="How many months its history covers.")] = 18,
    seed: Annotated[int, typer.Option(help="The same seed gives the same company.")] = 7,
    scale: Annotated[
        int | None, typer.Option(min=1000, help="Instead: this many deals, with eight activities each, as Parquet.")
    ] = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Make a sample company whose facts are planted, to learn with and to test your own rules on."""
    spoken = language(lang)
    from salesiq import sample as company

    with working("cli.sampling", spoken, quiet=quiet or as_json):
        try:
            if scale is None:
                company.write_exports(company.generate(n_reps=reps, n_months=months, seed=seed), out)
            else:
                company.write_scale(out, n_deals=scale, seed=seed)
        except OSError as error:
            raise BookError("cli.page_not_written", path=out, problem=error.strerror) from error
    files = sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file())
    if as_json:
        say_json({"path": str(out.absolute()), "files": files})
    else:
        say(text("cli.sample_written", spoken, path=out.absolute(), n=len(files), folder=out), quiet=quiet)
