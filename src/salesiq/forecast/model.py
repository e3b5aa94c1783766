"""WinModel: the probability that an open deal is won within so many days, and whether it can be trusted."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from salesiq.book import Book, Snapshot
from salesiq.errors import ModelError, UsageError
from salesiq.forecast.calibration import Calibration
from salesiq.forecast.card import card_of
from salesiq.forecast.design import Design
from salesiq.forecast.extra_features import Extra, names_of
from salesiq.forecast.features import READS, features
from salesiq.forecast.fitting import Fitted, fit_all
from salesiq.forecast.hazards import Inputs, base_from_dict, hazard_from_dict
from salesiq.forecast.intervals import EDGES, N_INTERVALS, won_within
from salesiq.forecast.leaks import as_exported, declared, left_out
from salesiq.forecast.statement import Reliability
from salesiq.forecast.training import choose_moments, landmarks, snapshot_of
from salesiq.i18n import Language
from salesiq.tables import CONTRACTS

FORMAT = 3
#: past moments to learn from; a book so large that it is sampled has deals enough, and each moment costs a look at all of it
N_MOMENTS, N_MOMENTS_OF_A_SAMPLE = 24, 8
PREDICTIONS = {"deal_id": pl.String, "win_probability": pl.Float64, "is_base_rate": pl.Boolean}


@dataclass
class WinModel:
    """Probability of being won by a date, for every open deal, from a discrete-time hazard with two endings.

    `horizon_days` is the horizon at which reliability is judged; `predict` answers any. `half_life_days`: a step counts half as
    much for each that lies between its end and `until`; "auto" chooses forward in time, None weighs all alike. `max_deals`: a
    larger book is sampled by a hash of the deal's id.
    `extra`: features of your own, see `forecast.features`.
    The same book gives the same model to the bit. The maths: docs/forecast.md.

    >>> model = WinModel().fit(Book.from_frames())
    >>> model.reliability().verdict, model.reliability().reason
    ('no_signal', 'too_little')
    """

    horizon_days: float = 30.0
    half_life_days: float | str | None = "auto"
    max_deals: int = 20_000
    extra: Extra | Sequence[Extra] = ()

    def __post_init__(self) -> None:
        self.until: dt.datetime | None = None
        self._fitted: Fitted | None = None

    def fit(self, book: Book | Snapshot, until: dt.date | dt.datetime | str | None = None) -> Self:
        """Learn from what was known at `until` and nothing later, judge the result out of time, and return the model.

        `until` is by default the newest export of a book and the moment of a snapshot. Needs `deals` and their closing
        dates; `stage_events`, `activities` and `documents` give it something to learn from. Open deals are censored, not lost.
        Columns known only later are left out and named in `reliability().leaks`. Never raises for too little data: the
        verdict is then no_signal. Raises UsageError for what is no book, and for an `until` in the future.
        """
        known = snapshot_of(book, until)
        leaking = [as_exported(book, name) for name in sorted({*declared(book), *left_out(known)})]
        one_in = self._one_in(known)
        n_moments = N_MOMENTS if one_in == 1 else N_MOMENTS_OF_A_SAMPLE
        moments = choose_moments(known, self.horizon_days, n_moments)
        tables = tuple(name for name, contract in CONTRACTS.items() if contract.kind != "log") if self.extra else READS
        rows = landmarks(known if one_in == 1 else known.sample(one_in, tables), moments, self.extra)
        self.until = known.as_of
        self._fitted = fit_all(
            rows, known.as_of, horizon_days=self.horizon_days, half_life_days=self.half_life_days, leaks=tuple(leaking)
        )
        return self

    def predict(self, snapshot: Snapshot, days: float = 30) -> pl.DataFrame:
        """Return `deal_id`, `win_probability` within `days` from the snapshot's moment, `is_base_rate`; open deals only.

        `days` > 0 may be infinite; the probability never falls as `days` grow. Without signal it is the base rate by stage
        and time in it, and `is_base_rate` is true. Ordered by deal_id. Raises UsageError before `fit` and for `days` that
        are no number above 0.
        """
        return self.predict_rows(features(snapshot, self.extra), days)

    def reliability(self) -> Reliability:
        """Return the verdict with its numbers: see `Reliability`. Raises UsageError before `fit`."""
        return self._ready().reliability

    def explain(
        self, snapshot: Snapshot, deal_ids: Sequence[str] | None = None, days: float = 30, lang: Language = "en"
    ) -> pl.DataFrame:
        """Return what speaks for each open deal and what against it: `forecast.explain` with this model."""
        from salesiq.forecast.explain import explain  # it is made of this class

        return explain(snapshot, deal_ids, days, self, lang)

    def card(self) -> dict[str, Any]:
        """Return the model card (Mitchell et al. 2019) as plain data: what it learned from, how good it was, its limits.

        `reports.model_card` makes a page of it. Raises UsageError before `fit`.
        """
        return card_of(self._ready(), {"until": self.until, "half_life_days": self.half_life_days, "max_deals": self.max_deals})

    def contributions(self, rows: pl.DataFrame, days: float) -> tuple[tuple[str, ...], NDArray[np.float64]]:
        """Return names of reasons, and for rows of `forecast.features` what each adds to the log odds of winning soon."""
        fitted = self._ready()
        n_intervals = max(1, int(np.searchsorted(EDGES[1:], days, side="left")) + 1)
        single = fitted.hazard.contributions(Inputs.of(rows, fitted.design), min(n_intervals, len(EDGES) - 1))
        reasons = (*fitted.design.reasons, "stage")  # the base rate speaks for the stage
        names = tuple(dict.fromkeys(reasons))
        return names, single @ np.array([[reason == name for name in names] for reason in reasons], dtype=float)

    def to_json(self) -> str:
        """Return the fitted model as text: numbers and LightGBM's own text, nothing that runs."""
        fitted = self._ready()
        settings = {"horizon_days": self.horizon_days, "half_life_days": self.half_life_days, "max_deals": self.max_deals}
        told = {"settings": settings, "until": self.until.isoformat() if self.until else None, "extra": names_of(self.extra)}
        return json.dumps({"format": FORMAT, **told, **fitted.to_dict()}, ensure_ascii=False)

    def save(self, path: str | Path) -> None:
        """Write the model to a file, whole or not at all: JSON with the SHA-256 of its body. Raises UsageError before `fit`."""
        body = self.to_json()
        goal = Path(path)
        part = goal.with_name(f".{goal.name}.part")
        part.write_text(json.dumps({"sha256": _digest(body), "body": body}, ensure_ascii=False), encoding="utf-8")
        part.replace(goal)

    @classmethod
    def load(cls, path: str | Path, extra: Extra | Sequence[Extra] = ()) -> WinModel:
        """Return the model that `save` wrote, with the same predictions to the bit; extra features are given again.

        Raises ModelError where the file is cut, changed, of another version, or other extra features are given.
        """
        try:
            kept = json.loads(Path(path).read_text(encoding="utf-8"))
            body, digest = kept["body"], kept["sha256"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ModelError("forecast.damaged", problem=str(error)) from error
        if not isinstance(body, str) or _digest(body) != digest:
            raise ModelError("forecast.damaged", problem="sha256")
        return cls.from_json(body, extra)

    @classmethod
    def from_json(cls, kept: str, extra: Extra | Sequence[Extra] = ()) -> WinModel:
        """Return the model that `to_json` told, with the same predictions to the bit; extra features are given again.

        Raises ModelError where the text is cut, of another version, or other extra features are given.
        """
        try:
            told: dict[str, Any] = json.loads(kept)
            if told["format"] != FORMAT:
                raise ModelError("forecast.other_format", found=told["format"], expected=FORMAT)
            if tuple(told["extra"]) != names_of(extra):
                given, expected = ", ".join(names_of(extra)) or "–", ", ".join(told["extra"]) or "–"
                raise ModelError("forecast.other_extra", given=given, expected=expected)
            model = cls(**told["settings"], extra=extra)
            model.until = dt.datetime.fromisoformat(told["until"])
            model._fitted = _fitted_from(told)
        except (ValueError, KeyError, TypeError) as error:
            raise ModelError("forecast.damaged", problem=str(error)) from error
        return model

    def predict_rows(self, rows: pl.DataFrame, days: float = 30) -> pl.DataFrame:
        """Return what `predict` returns, for rows of `forecast.features` that are there already."""
        fitted = self._ready()
        if not days > 0:
            raise UsageError("forecast.bad_days", days=days)
        is_base = fitted.reliability.verdict == "no_signal"
        said = won_within(self._hazards(rows, int(np.searchsorted(EDGES[1:-1], days)) + 1), days)
        found = {"deal_id": rows["deal_id"], "win_probability": said, "is_base_rate": is_base}
        return pl.DataFrame(found, schema=PREDICTIONS) if rows.height else pl.DataFrame(schema=PREDICTIONS)

    def hazards(self, rows: pl.DataFrame) -> NDArray[np.float64]:
        """Return rows x intervals (see `intervals.EDGES`) x [won, lost] for rows of `forecast.features`.

        Calibrated; without signal those of the base rate by stage and time in it. Raises UsageError before `fit`.
        """
        return self._hazards(rows, N_INTERVALS)

    def _hazards(self, rows: pl.DataFrame, n_asked: int) -> NDArray[np.float64]:
        fitted = self._ready()
        inputs = replace(Inputs.of(rows, fitted.design), n_asked=n_asked)
        if fitted.reliability.verdict == "no_signal":
            return fitted.base.hazards(inputs)
        return fitted.calibration.apply(fitted.hazard.hazards(inputs))

    def _ready(self) -> Fitted:
        if self._fitted is None:
            raise UsageError("forecast.not_fitted")
        return self._fitted

    def _one_in(self, known: Snapshot) -> int:
        n_deals = known.sql("SELECT count(*) AS n FROM base.deals(as_of := $as_of)").item()
        return max(1, -(-int(n_deals) // self.max_deals))


def _digest(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()


def _fitted_from(told: dict[str, Any]) -> Fitted:
    return Fitted(
        Design.from_dict(told["design"]),
        base_from_dict(told["base"]),
        hazard_from_dict(told["hazard"]),
        Calibration(**told["calibration"]),
        Reliability.from_dict(told["reliability"]),
    )
