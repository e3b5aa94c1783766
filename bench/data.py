"""The sample company at scale, made once a size and kept under out/bench/, which is never committed."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

ROOT = Path("out/bench")
SEED = 7


@dataclass(frozen=True)
class Place:
    """Where the data of one size are: a folder of Parquet exports, the book made of them, a fitted model.

    `part` "funnel" is the same company without its activities and contacts, so that ten million deals fit.
    """

    n_deals: int
    part: str = "all"

    @property
    def _name(self) -> str:
        return str(self.n_deals) if self.part == "all" else f"{self.n_deals}-{self.part}"

    @property
    def exports(self) -> Path:
        return ROOT / self._name

    @property
    def book(self) -> Path:
        return ROOT / f"{self._name}.duckdb"

    @property
    def model(self) -> Path:
        return ROOT / f"{self._name}.model.json"

    def table(self, name: str) -> Path:
        return self.exports / f"{name}.parquet"


def write_exports(place: Place) -> None:
    """Write the exports where they are not there yet; a run that is cut short leaves nothing behind that looks whole."""
    if place.exports.exists():
        return
    from salesiq.sample import write_scale  # only the process that makes the data needs numpy and polars

    draft = place.exports.with_suffix(".draft")
    shutil.rmtree(draft, ignore_errors=True)
    if place.part == "funnel":
        write_scale(draft, place.n_deals, seed=SEED, n_activities_per_deal=2)
        for name in ("activities", "contacts"):
            (draft / f"{name}.parquet").unlink()
    else:
        write_scale(draft, place.n_deals, seed=SEED)
    draft.rename(place.exports)
