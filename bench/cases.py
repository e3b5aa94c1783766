"""How each measured thing is run on a snapshot, and the numbers by which its result is compared with that of pandas."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl

from salesiq import forecast, funnel, quality, targets
from salesiq.book import Snapshot
from salesiq.forecast import WinModel

Result = pl.DataFrame | WinModel | str


def rep_sums(frame: pl.DataFrame) -> dict[str, float]:
    return {
        "n_reps": frame.height,
        "n_records": float(frame["n_records"].sum()),
        "shrunk_score": float(frame["shrunk_score"].sum()),
    }


def dwell_rows(frame: pl.DataFrame) -> dict[str, float]:
    names = ("n_visits", "n_open", "median_days", "median_low_days", "median_high_days", "p75_days", "p90_days", "mean_days")
    return {f"{row['stage']} {name}": row[name] for row in frame.to_dicts() for name in names}


def region_rows(frame: pl.DataFrame) -> dict[str, float]:
    names = ("n_visits", "n_open", "median_days", "p90_days", "mean_days")
    return {f"{row['stage']} {row['region']} {name}": row[name] for row in frame.to_dicts() for name in names}


def visit_sums(frame: pl.DataFrame) -> dict[str, float]:
    exits = {f"n_{word}": height for word, height in frame["exit"].value_counts().rows()}
    return {"n": frame.height, "days": float(frame["days"].sum()), **exits}


def attainment_sums(frame: pl.DataFrame) -> dict[str, float]:
    bookings = frame.filter(pl.col("measure") == "bookings")
    reps = bookings.filter(pl.col("rep_id").is_not_null())
    of_reps, of_all = float(reps["actual_amount"].sum()), float(bookings["actual_amount"].sum())
    return {"n": frame.height, "reps": of_reps, "units": of_all - of_reps}


def score_sums(frame: pl.DataFrame) -> dict[str, float]:
    return {"n": frame.height, "score": float(frame["score"].sum()), "timeliness": float(frame["timeliness"].sum())}


def _weekly(snapshot: Snapshot, model: WinModel | None) -> str:
    from salesiq.reports import weekly  # figures are imported here only: the metrics do without

    return weekly(snapshot, lang="en", model=model).to_html()


RUNS: dict[str, Callable[[Snapshot, WinModel | None], Result]] = {
    "funnel.visits": lambda now, _: funnel.visits(now),
    "funnel.dwell": lambda now, _: funnel.dwell(now),
    "funnel.dwell by region": lambda now, _: funnel.dwell(now, by="region"),
    "funnel.dwell_test by region": lambda now, _: funnel.dwell_test(now, by="region"),
    "funnel.exits by region": lambda now, _: funnel.exits(now, by="region"),
    "funnel.conversion": lambda now, _: funnel.conversion(now),
    "funnel.win_rate": lambda now, _: funnel.win_rate(now),
    "funnel.velocity by region": lambda now, _: funnel.velocity(now, now.earlier("2026-03-31"), by="region"),
    "funnel.decompose by region": lambda now, _: funnel.decompose(now.earlier("2026-03-31"), now, by="region"),
    "funnel.win_limits": lambda now, _: funnel.win_limits(now),
    "targets.decay": lambda now, _: targets.decay(now),
    "targets.decay_parts": lambda now, _: targets.decay_parts(now),
    "targets.coverage": lambda now, _: targets.coverage(now, "2026-Q2"),
    "targets.allocate": lambda now, _: targets.allocate(now, "2026-Q3", 300_000_000),
    "targets.attainment": lambda now, _: targets.attainment(now),
    "targets.red_flags": lambda now, _: targets.red_flags(now),
    "quality.rep_scores": lambda now, _: quality.rep_scores(now),
    "quality.watch_list": lambda now, _: quality.watch_list(now),
    "quality.record_score": lambda now, _: quality.record_score(now),
    "WinModel.fit": lambda now, _: WinModel().fit(now),
    "WinModel.predict": lambda now, model: model.predict(now, 10) if model else "",
    "forecast.top_deals": lambda now, model: forecast.top_deals(now, model=model),
    "weekly report": _weekly,
}
#: the numbers by which a result is compared with that of pandas
DIGESTS: dict[str, Callable[[Any], dict[str, float]]] = {
    "funnel.visits": visit_sums,
    "funnel.dwell": dwell_rows,
    "funnel.dwell by region": region_rows,
    "targets.attainment": attainment_sums,
    "quality.rep_scores": rep_sums,
    "quality.record_score": score_sums,
}
