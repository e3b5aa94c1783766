"""Accuracy against the planted truth, and speed at scale: `python -m bench.forecast`; writes bench/FORECAST.md."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from bench import data
from bench.foresight import STEPS, foresight, noise
from bench.machine import description, load_average
from bench.rivals import RIVALS
from salesiq import Book, sample
from salesiq.forecast import WinModel, training_frame
from salesiq.forecast.calibration import fit_line
from salesiq.forecast.features import features

Floats = NDArray[np.float64]
PAGE = Path("bench/FORECAST.md")
MATURE, NEWEST = dt.date(2026, 3, 31), dt.date(2026, 6, 30)
HORIZONS = (10, 30, 90)
N_REPS, SEED, EVERY_DAYS = 100, 7, 7
SPEED_PARTS = ("frame", "score", "train")
_TITLES = ("", "Brier", "expected Brier", "above the truth's", "slope", "ECE", "slope, true", "ECE, true")
_HEAD = f"""# The win model against the planted truth, and at scale

Made by `python -m bench.forecast`: the sample company of {N_REPS} reps (seed {SEED}), loaded export by export every
{EVERY_DAYS} days (`sample.book_of_exports`). Every model learns from what was known on the evening that it is asked.

- **Brier**: against what happened within the horizon. **expected Brier**: the mean over what could have happened, by the true
  probabilities, so without the luck of one future. **above the truth's**: expected Brier over that of the true probabilities.
- **slope**: of a logistic line through the outcomes over the log odds said (1 is calibrated; — not found).
  **ECE**: mean distance of said and happened over ten bins of equal counts.
  **true**: the same against the true probabilities, without luck.
- Stage base rates, naive Bayes, logistic regression and LightGBM are as they come, on all columns of `forecast.training_frame`
  with matured labels, one model a horizon; the win model answers all horizons at once.
- The last rows are no models: they live the law itself many times, first without what is still to come (a region that loses
  its touch from 2026-05-04 on, customers who fall silent in June), then without seeing engagement, then without seeing
  skill. **What the last of them lacks, a model can hardly have**: it is about the limit, whatever is learned.
"""


def main() -> None:
    options = argparse.ArgumentParser(prog="bench.forecast", description=__doc__)
    options.add_argument("--part", choices=SPEED_PARTS, help="measure one part of speed in this process and print it")
    options.add_argument("--without-speed", action="store_true", help="accuracy only")
    options.add_argument("--only-speed", action="store_true", help="write the part on speed anew, leave the rest of the page")
    chosen = options.parse_args()
    if chosen.part:
        from bench.forecast_speed import measure

        print(json.dumps(measure(chosen.part)))
        return
    if chosen.only_speed:
        kept = PAGE.read_text(encoding="utf-8").partition("\n## Speed")[0].rstrip()
        PAGE.write_text("\n".join([kept, *speed()]) + "\n", encoding="utf-8")
        return
    before = load_average()
    page = [_HEAD, "## Machine", *(f"- {line}" for line in description()), *accuracy()]
    if not chosen.without_speed:
        page += speed()
    page += [
        "",
        f"Load average before {before}, after {load_average()} (1 / 5 / 15 minutes); {dt.datetime.now(dt.UTC).date()}.",
    ]
    PAGE.write_text("\n".join(page) + "\n", encoding="utf-8")


def accuracy() -> list[str]:
    """Return the tables of both moments."""
    company = sample.generate(N_REPS, seed=SEED)
    book = _book(company)
    return [line for on in (MATURE, NEWEST) for line in _moment(company, book, on)]


def _book(company: sample.Company) -> Book:
    """The book of exports, made once and kept under out/bench/."""
    place = data.ROOT / f"exports-{N_REPS}-{SEED}-{EVERY_DAYS}.duckdb"
    if not place.exists():
        data.ROOT.mkdir(parents=True, exist_ok=True)
        draft = place.with_suffix(".draft")
        draft.unlink(missing_ok=True)
        sample.book_of_exports(company, every_days=EVERY_DAYS, path=draft)
        draft.rename(place)
    return Book(place)


def _moment(company: sample.Company, book: Book, on: dt.date) -> list[str]:
    moment = dt.datetime.combine(on, sample.EXPORTED_AT.time())
    truth = company.truth_frames["win_probabilities"].filter(pl.col("as_of") == on)
    snapshot = book.as_of(moment)
    now = features(snapshot)
    started = time.process_time()
    model = WinModel().fit(snapshot)
    statement = model.reliability()
    lines = ["", f"## {on}: {now.height:,} open deals", ""]
    lines.append(f"Win model: {statement.verdict}; fitted in {time.process_time() - started:.0f} CPU seconds.")
    limits, frame = foresight(company, on), training_frame(snapshot)
    for days in HORIZONS:
        rows = _labelled(frame, moment, days)
        said = {"true probabilities": truth.select("deal_id", p=f"p_won_{days}")}
        said["**WinModel**"] = model.predict_rows(now, days).select("deal_id", p="win_probability")
        said |= {name: pl.DataFrame({"deal_id": now["deal_id"], "p": rival(rows, now)}) for name, rival in RIVALS.items()}
        said |= {f"_{name}_": limit.select("deal_id", p=f"p_{days}") for name, limit in zip(STEPS, limits, strict=True)}
        happened = _happened(company, moment, days) if on == MATURE else None
        lines += _table(said, truth.select("deal_id", true=f"p_won_{days}"), happened, days, rows.height)
    return lines


def _labelled(frame: pl.DataFrame, until: dt.datetime, days: int) -> pl.DataFrame:
    """The same rows with the labels that `training_frame` gives for this horizon; only those that have one."""
    label = pl.when(pl.col("exit_days") <= days).then("outcome").otherwise(pl.lit("open"))
    return frame.filter(pl.col("moment") <= until - dt.timedelta(days=days)).with_columns(label=label)


def _happened(company: sample.Company, moment: dt.datetime, days: int) -> pl.DataFrame:
    is_won = (pl.col("status") == "won") & (pl.col("closed_at") <= moment + dt.timedelta(days=days))
    return company.frames["deals"].select("deal_id", happened=is_won.fill_null(False).cast(pl.Float64))


def _table(
    said: dict[str, pl.DataFrame], truth: pl.DataFrame, happened: pl.DataFrame | None, days: int, n_rows: int
) -> list[str]:
    lines = ["", f"### Won within {days} days ({n_rows:,} labelled training rows)", ""]
    lines += ["| " + " | ".join(_TITLES) + " |", "|---" + "|---:" * (len(_TITLES) - 1) + "|"]
    known = truth if happened is None else truth.join(happened, on="deal_id")
    best = _expected(truth["true"].to_numpy(), truth["true"].to_numpy())
    for name, frame in said.items():
        both = known.join(frame, on="deal_id", maintain_order="left")
        p, true = both["p"].to_numpy(), both["true"].to_numpy()
        expected = _expected(p, true) - (noise(both["p"]) if name.startswith("_") else 0.0)
        cells = ["", "", ""]
        if happened is not None:
            ended = both["happened"].to_numpy()
            cells = [f"{np.mean((p - ended) ** 2):.4f}", _slope(p, ended), f"{_ece(p, ended):.3f}"]
        true_cells = [_slope(p, true), f"{_ece(p, true):.3f}"]
        row = [name, cells[0], f"{expected:.4f}", f"{100 * (expected / best - 1):+.1f} %", *cells[1:], *true_cells]
        lines.append("| " + " | ".join(row) + " |")
    return lines


def _expected(p: Floats, true: Floats) -> float:
    return float(np.mean(true * (1 - p) ** 2 + (1 - true) * p**2))


def _slope(p: Floats, ended: Floats) -> str:
    bounded = np.clip(p, 1e-4, 1 - 1e-4)
    odds = np.log(bounded / (1 - bounded))
    offset, slope = fit_line(odds, ended)
    # where Newton's method did not converge, the line does not expect as many as there were, and its slope says nothing
    is_found = abs(float(np.mean(1 / (1 + np.exp(-(offset + slope * odds))) - ended))) < 1e-6
    return f"{slope:.2f}" if is_found else "—"


def _ece(p: Floats, ended: Floats, n_bins: int = 10) -> float:
    bins = np.array_split(np.argsort(p, kind="stable"), n_bins)
    return float(sum(len(rows) * abs(p[rows].mean() - ended[rows].mean()) for rows in bins) / len(p))


def speed() -> list[str]:
    """Return the table of speed; each part runs in a process of its own, so that the peak of memory is its alone."""
    data.ROOT.mkdir(parents=True, exist_ok=True)
    lines = ["", "## Speed", "", "| | wall s | CPU s | peak GB | |", "|---|---:|---:|---:|---|"]
    for part in SPEED_PARTS:
        command = [sys.executable, "-m", "bench.forecast", "--part", part]
        found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1])
        lines.append(
            f"| {found['what']} | {found['wall']:.1f} | {found['cpu']:.1f} | {found['peak_gb']:.2f} | {found['note']} |"
        )
    return lines


if __name__ == "__main__":
    main()
