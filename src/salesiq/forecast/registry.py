"""Registry: the models of a company, kept in a folder; a new one takes over only where it is better on the newest deals."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import polars as pl

from salesiq.book import Book, Snapshot
from salesiq.errors import ModelError
from salesiq.forecast.drift import Drift, drift
from salesiq.forecast.extra_features import Extra
from salesiq.forecast.gate import Comparison, compare
from salesiq.forecast.model import WinModel
from salesiq.forecast.shelf import Kept, Shelf
from salesiq.forecast.statement import Reliability
from salesiq.forecast.training import snapshot_of
from salesiq.i18n import Language, text

Reason = Literal["first", "better", "forced", "not_better", "too_little_new", "no_signal"]
ACCEPTED = ("first", "better", "forced")
MODELS: dict[str, Any] = {
    "model_id": pl.String,
    "is_current": pl.Boolean,
    "kind": pl.String,
    "verdict": pl.String,
    "until": pl.Datetime("us"),
    "horizon_days": pl.Float64,
    "brier": pl.Float64,
    "log_loss": pl.Float64,
    "n": pl.Int64,
    "newest_export": pl.Datetime("us"),
    "version": pl.String,
    "problem": pl.String,
}


@dataclass(frozen=True)
class TrainingResult:
    """Whether a new model took over, and why.

    `reason`: first (there was none), better (on the newest period, see `Comparison`), forced; or not_better, too_little_new
    (since the current one learned too few deals have had their horizon), no_signal: then the current model stays. `model_id`
    names the new model (None where it was refused), `current_id` the one that now speaks (None where there is none).
    `reliability` is the new model's statement; None where the gate had decided before it was fitted on everything.
    """

    reason: Reason
    model_id: str | None
    current_id: str | None
    comparison: Comparison | None = None
    reliability: Reliability | None = None

    @property
    def is_accepted(self) -> bool:
        """Whether the new model is the current one now."""
        return self.reason in ACCEPTED

    def message(self, lang: Language = "en") -> str:
        """Return the decision in a sentence, with the numbers that made it."""
        facts: dict[str, object] = {"model_id": self.model_id or "–", "current_id": self.current_id or "–"}
        if self.comparison is not None:
            told = {name: value for name, value in asdict(self.comparison).items() if isinstance(value, float)}
            facts |= {name: f"{value:.4f}" for name, value in told.items()}
            facts |= {"n": self.comparison.n, "n_won": self.comparison.n_won}
            facts |= {"since": self.comparison.since.date(), "until": self.comparison.until.date()}
        said = text(f"registry.{self.reason}", lang, **facts)
        gap = " " if lang == "en" else ""
        return said if self.reliability is None else said + gap + self.reliability.message(lang)

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can keep."""
        return {
            "is_accepted": self.is_accepted,
            "reason": self.reason,
            "model_id": self.model_id,
            "current_id": self.current_id,
            "comparison": self.comparison.to_dict() if self.comparison else None,
            "reliability": self.reliability.to_dict() if self.reliability else None,
        }


class Registry:
    """The models kept in `folder`: JSON files, each named by the hash of its body; code is never kept.

    The model with the newest place is the current one. The folder is made with the first model; its index can be deleted at any
    time and is made again from the files.

    >>> Registry("no_such_folder").models().height
    0
    """

    def __init__(self, folder: str | Path) -> None:
        self._shelf = Shelf(folder)

    @classmethod
    def beside(cls, book: str | Path) -> Registry:
        """Return the registry of a book: team.duckdb has its models in team.models."""
        return cls(Path(book).with_suffix(".models"))

    @property
    def folder(self) -> Path:
        """Where the files are."""
        return self._shelf.folder

    def models(self) -> pl.DataFrame:
        """Return one row per model file, the current one first, then from newer to older.

        Columns: `model_id`, `is_current`, `kind` (base_rate, logistic, trees ...), `verdict`, `until` (what was known then
        it learned from), `horizon_days`, `brier`, `log_loss` and `n` of its reliability statement, `newest_export` of the book,
        `version` of salesiq, `problem` (why a damaged file cannot be read; else null, and a damaged file is never current).
        """
        kept = self._shelf.read()
        current = self._current_of(kept)
        rows = [{**asdict(each), "is_current": each.model_id == current} for each in kept]
        return pl.DataFrame([[row[name] for name in MODELS] for row in rows], schema=MODELS, orient="row")

    def current_id(self) -> str | None:
        """Return the id of the current model; None where there is none."""
        return self._current_of(self._shelf.read())

    def load(self, model_id: str | None = None, extra: Extra | Sequence[Extra] = ()) -> WinModel:
        """Return a model by its id, the current one by default, whatever its age; extra features are given again.

        Raises UsageError for an id that is not here, ModelError for a file that is cut, changed, or of other extra features.
        """
        chosen = model_id if model_id is not None else self.current_id()
        if chosen is None:
            raise ModelError("registry.empty", folder=self.folder)
        return self._shelf.load(chosen, extra)

    def use(self, model_id: str) -> None:
        """Make a kept model the current one, whatever the gate says: back to one that is trusted.

        Raises UsageError for an id that is not here, ModelError for a damaged file.
        """
        self._shelf.promote(model_id)

    def train(
        self,
        book: Book | Snapshot,
        until: dt.date | dt.datetime | str | None = None,
        *,
        model: WinModel | None = None,
        current_extra: Extra | Sequence[Extra] | None = None,
        force: bool = False,
    ) -> TrainingResult:
        """Fit a model on what was known at `until` and keep it where it is better than the current one.

        `model` carries the settings (horizon, half-life, extra features). The first model is kept where it has signal. A later
        one must have a lower log-loss of "won within the horizon" on the newest period, on deals and moments that neither it (a
        twin that learned only before them) nor the current model has learned from, with the whole 80 % interval of a paired
        bootstrap over deals below 0; then it learns from everything. `force` skips the comparison, never the signal.
        `current_extra`: extra features of the current model where they are others. Raises what `WinModel.fit` raises, and
        ModelError where the current model cannot be read: `use` another one, or `force`.
        """
        known = snapshot_of(book, until)
        new = model or WinModel()
        current_id = self.current_id()
        comparison = None
        if current_id is not None and not force:
            extra = new.extra if current_extra is None else current_extra
            comparison = compare(known, new, self.load(current_id, extra), extra)
            if comparison is None or not comparison.is_better:
                return TrainingResult("not_better" if comparison else "too_little_new", None, current_id, comparison)
        new.fit(known)
        if new.reliability().verdict == "no_signal":
            return TrainingResult("no_signal", None, current_id, comparison, new.reliability())
        model_id = self._shelf.put(new, book.newest_export() if isinstance(book, Book) else None)
        reason: Reason = "first" if current_id is None else "forced" if force else "better"
        return TrainingResult(reason, model_id, model_id, comparison, new.reliability())

    def drift(self, book: Book | Snapshot, model_id: str | None = None, extra: Extra | Sequence[Extra] = ()) -> Drift:
        """Return how far the deals have moved since a kept model learned, the current one by default: see `forecast.drift`."""
        return drift(self.load(model_id, extra), book)

    def note(self, book: Book, model_id: str) -> None:
        """Write a kept model into the book's log (table `models`), once. Raises BusyError and BookError as any write does."""
        model = self.load(model_id)
        told = book.as_of(book.newest_export() or dt.datetime(1970, 1, 1)).run("base.models")
        if model_id in told["model_id"].to_list():
            return
        row = {"model_id": model_id, "kind": "win", "fitted_at": model.until, "verdict": model.reliability().verdict}
        with book.write() as writer:
            writer.log("models", pl.DataFrame(row | {"body": model.to_json()}))

    @staticmethod
    def _current_of(kept: list[Kept]) -> str | None:
        return next((each.model_id for each in kept if each.problem is None), None)
