"""Attainment: how far targets are met, against the working days gone, and where the period may end."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from salesiq.book import Snapshot, needs
from salesiq.calendar import Calendar, Grain, Period
from salesiq.targets import projection
from salesiq.targets.projection import Floats, Ints, Pace
from salesiq.targets.season import LEVEL, Season, season_of
from salesiq.targets.windows import Window

HISTORY_DAYS = 180
FEWEST_DAYS = 10  # working days of history below which a pace says nothing
_GRAINS: tuple[Grain, ...] = ("quarter", "month", "year")
_MONEY = pl.Decimal(38, 2)
_COLUMNS = (
    *("period", "measure", "version", "unit_id", "rep_id", "name", "level"),
    *("target_amount", "actual_amount", "attainment_share", "elapsed_share", "pace_share"),
    *("projected_amount", "projected_low_amount", "projected_high_amount", "gap_amount"),
)
_PROJECTED = ("projected_amount", "projected_low_amount", "projected_high_amount")
_NO_REST = pl.DataFrame(
    schema={"measure": pl.String, "is_rep": pl.Boolean, "key": pl.String} | {f"rest_{name}": _MONEY for name in _PROJECTED}
)


@needs("targets", "deals")
def attainment(snapshot: Snapshot, period: str | None = None, *, calendar: Calendar | None = None) -> pl.DataFrame:
    """Return how far each unit and rep with a target is, and where the period may end.

    Reads `targets`, `deals`, `reps`, `org_units`, for receipts `receipts` and `customers`. Without `period`, each measure is
    shown for the quarter that contains the snapshot's moment; where it has no target for the quarter, for the month, else the
    year, else the newest window of its own ("2011-12-29/2012-03-30", the end not part of it) that does. Quarters and years
    begin in January. `calendar` is China's unless given.

    One row per unit and per rep with a target. Columns: `period`, `measure`, `version` (the newest), `unit_id` (a rep's own
    unit on a rep's row), `rep_id` (null for a unit), `name`, `level` ("rep" for a rep); `target_amount`; `actual_amount`,
    what came in during the period's half-open days until now; `attainment_share` = actual / target; `elapsed_share`, working
    time gone; `pace_share` = attainment / elapsed, 1 is on pace; `projected_amount`, expected at the end of the period, with
    its 80 % band `projected_low_amount` to `projected_high_amount`; `gap_amount` = actual - target, negative is still to
    come. Amounts are Decimal, in the measure's unit (CNY, or a count).

    What counts: measure "bookings", deals won, by `closed_at`, for the deal's owner; "receipts", payments by `received_on`,
    for the owner of the customer; "new_customers", each new customer's first deal won. A unit has all that its reps and the
    units below have, on the organisation as it stands at the snapshot's moment; what nobody owns counts for the top where
    there is exactly one. Deals are added in the currency that they are in.

    Projection: each rep's results are taken as a compound Poisson stream at the pace of the last 180 days (less where the
    history is shorter) in working days, rate and mean size shrunk to the company's by moments; the band is from 2,000 seeded
    draws that include the uncertainty of both and the spread of the company's weeks. A unit's draws are the sum of those
    below it, so expectations add up over the tree. A leaver's pace goes on in the unit, not for the rep. Where the measure has
    results over a year, a working day counts as much as its third of a month did in the quarters before, over two years also
    as much as its month. Assumes that the coming days are otherwise like the last 180: no trend, no pipeline.
    `projected_high_amount` is never below `projected_amount`, which is a mean and can exceed the upper limit of a rep who
    seldom sells.

    Null: shares of a zero target; `pace_share` before the first working hour; `actual_amount` and what follows from it for a
    measure other than the three; the projection where nothing came in during the last 180 days or the history is under ten
    working days and the period is not over. Ordered by period, measure, units from the top, then reps by unit; empty without
    targets. Raises UsageError for a period that cannot be read.

    >>> from decimal import Decimal
    >>> from salesiq.book import Book
    >>> plan = pl.DataFrame({"version": "v1", "period": "2026-Q1", "measure": "bookings", "unit_id": ["C"],
    ...                      "amount": [Decimal(1000)], "set_at": "2026-01-01T00:00:00"})
    >>> units = pl.DataFrame({"unit_id": ["C"], "valid_from": ["2025-01-01"]})
    >>> deals = pl.DataFrame({"deal_id": ["D1"], "status": "won", "amount": [Decimal(400)],
    ...                       "created_at": "2026-01-05T09:00:00", "closed_at": "2026-01-20T09:00:00"})
    >>> found = attainment(Book.from_frames(org_units=units, targets=plan, deals=deals).as_of("2026-01-31"))
    >>> found.select("actual_amount", "attainment_share", "gap_amount").row(0)
    (Decimal('400.00'), 0.4, Decimal('-600.00'))
    """
    clock = calendar or Calendar.china()
    periods = _current_periods(snapshot) if period is None else {Window.parse(period): None}
    parts = [
        _of_period(snapshot, name, measures, clock) for name, measures in sorted(periods.items(), key=lambda item: item[0])
    ]
    nothing = Window.parse(Period.covering(snapshot.as_of.date(), "quarter").name)
    return pl.concat(parts or [_of_period(snapshot, nothing, None, clock)])


def _current_periods(snapshot: Snapshot) -> dict[Window, list[str] | None]:
    """Return for each period that contains the moment the measures that are shown for it."""
    plan = snapshot.sql("SELECT DISTINCT measure, period FROM targets.plan(as_of := $as_of) ORDER BY ALL")
    covering = {Period.covering(snapshot.as_of.date(), grain).name: grain for grain in _GRAINS}
    found: dict[Window, list[str] | None] = {}
    for (measure,), rows in plan.group_by("measure", maintain_order=True):
        names = rows["period"].to_list()
        shown = next((name for name in covering if name in names), None) or _own_window(names, snapshot.as_of)
        if shown is not None:
            measures = found.setdefault(Window.parse(shown), [])
            if measures is not None:
                measures.append(str(measure))
    return found


def _own_window(names: list[str], as_of: dt.datetime) -> str | None:
    windows = [Window.parse(name) for name in names if "/" in name]
    newest = max((window for window in windows if window.contains(as_of.date())), default=None)
    return None if newest is None else newest.name


def _of_period(snapshot: Snapshot, period: Window, measures: list[str] | None, calendar: Calendar) -> pl.DataFrame:
    rows = snapshot.sql(
        "FROM targets.attainment(as_of := $as_of, period_name := $name, start_on := $start_on, end_on := $end_on) "
        "ORDER BY measure, rep_id IS NOT NULL, depth NULLS LAST, unit_id NULLS LAST, rep_id",
        name=period.name,
        start_on=period.start_on,
        end_on=period.end_on,
    )
    if measures is not None:
        rows = rows.filter(pl.col("measure").is_in(measures))
    elapsed = period.elapsed_share(snapshot.as_of, calendar)
    share = pl.lit(elapsed, pl.Float64)
    paced = rows.with_columns(
        elapsed_share=share,
        pace_share=pl.when(share > 0).then(pl.col("attainment_share") / share),
    )
    horizon = calendar.working_days(period.start_on, period.end_on) * (1 - elapsed)
    return _projected(snapshot, paced, horizon, period.end_on, calendar).select(_COLUMNS)


def _projected(
    snapshot: Snapshot, rows: pl.DataFrame, horizon_days: float, end_on: dt.date, calendar: Calendar
) -> pl.DataFrame:
    """Add the projection: what came in plus what the rest of the period may bring."""
    actual = pl.col("actual_amount").cast(_MONEY)
    if rows.is_empty() or horizon_days == 0:
        return rows.with_columns(actual.alias(name) for name in _PROJECTED)
    tree = _Tree(snapshot)
    rests = [
        tree.rest(pace_of, horizon_days * pace_of.season_ahead(snapshot.as_of, end_on, calendar))
        for pace_of in _paces(snapshot, calendar)
    ]
    rest = pl.concat([_NO_REST, *rests])
    keyed = rows.with_columns(is_rep=pl.col("rep_id").is_not_null(), key=pl.coalesce("rep_id", "unit_id"))
    joined = keyed.join(rest, on=["measure", "is_rep", "key"], how="left", maintain_order="left")
    return joined.with_columns((actual + pl.col(f"rest_{name}")).cast(_MONEY).alias(name) for name in _PROJECTED)


@dataclass(frozen=True)
class _OwnerPace:
    """The pace of one measure: `owners` (rep_id, unit_id, is_gone) in the order of `pace`."""

    measure: str
    owners: pl.DataFrame
    pace: Pace
    since_on: dt.date
    season: Season = LEVEL

    def season_ahead(self, as_of: dt.datetime, end_on: dt.date, calendar: Calendar) -> float:
        """Return what a working day from now to the end brings by the season, over what it brought in the history."""
        today, tomorrow = as_of.date(), as_of.date() + dt.timedelta(days=1)
        if self.season is LEVEL or end_on <= tomorrow:
            return 1.0
        ahead, before = ((tomorrow, end_on), (self.since_on, today))
        shares = [self.season.days(*span, calendar) / max(calendar.working_days(*span), 1) for span in (ahead, before)]
        return shares[0] / shares[1] if shares[0] > 0 and shares[1] > 0 else 1.0


def _paces(snapshot: Snapshot, calendar: Calendar) -> Iterator[_OwnerPace]:
    """Yield the pace of every measure with enough history, owners in the order of their ids, nobody last."""
    since = (snapshot.as_of - dt.timedelta(days=HISTORY_DAYS)).date()
    starts = snapshot.sql(
        "SELECT measure, greatest(min(happened_on), $since) AS since_on "
        "FROM targets.results(as_of := $as_of) GROUP BY measure ORDER BY measure",
        since=since,
    )
    rates = snapshot.sql(
        "FROM targets.rates(as_of := $as_of, since_on := $since, until_on := $until)",
        since=since,
        until=snapshot.as_of.date() + dt.timedelta(days=1),
    )
    weekly = snapshot.sql("FROM targets.weekly_results(as_of := $as_of, since_on := $since) ORDER BY ALL", since=since)
    reps = snapshot.sql(
        "SELECT rep_id, unit_id, hired_on, left_on IS NOT NULL AS is_gone FROM targets.standing_reps(as_of := $as_of)"
    )
    seasonal = snapshot.run("targets.seasonal_results", order=("measure", "year", "month", "third"))
    for measure, since_on in starts.iter_rows():
        owners = _owners(rates.filter(pl.col("measure") == measure), reps)
        days = _days_there(owners, since_on, snapshot.as_of, calendar)
        spread = _spread(weekly.filter(pl.col("measure") == measure), since_on, snapshot.as_of, calendar)
        n, amount, squares = (owners[name].cast(pl.Float64).to_numpy() for name in ("n", "amount", "squares"))
        pace = Pace(n, amount, squares, days, spread)
        if pace.has_history and days.max() >= FEWEST_DAYS:
            seen = seasonal.filter(pl.col("measure") == measure)
            season = season_of(seen, seen["first_on"][0], snapshot.as_of.date(), calendar)
            yield _OwnerPace(measure, owners, pace, since_on, season)


def _owners(rates: pl.DataFrame, reps: pl.DataFrame) -> pl.DataFrame:
    """Return every rep, and whoever else had results, with their results: zero where there were none."""
    counted = rates.select("rep_id", "n", "amount", "squares", found_unit_id="unit_id")
    owners = reps.join(counted, on="rep_id", how="full", coalesce=True, nulls_equal=True)
    return owners.with_columns(
        pl.coalesce("unit_id", "found_unit_id").alias("unit_id"),
        pl.col("is_gone").fill_null(value=False),
        pl.col("n", "amount", "squares").fill_null(0),
    ).sort("rep_id", nulls_last=True)


def _days_there(owners: pl.DataFrame, since_on: dt.date, as_of: dt.datetime, calendar: Calendar) -> Floats:
    """Return the working days of each owner from `since_on`, or from the day of hiring if that is later, to now."""
    begins = owners.select(start=pl.max_horizontal("hired_on", pl.lit(since_on)).cast(pl.Datetime("us")))["start"]
    ends = pl.repeat(as_of, len(begins), dtype=pl.Datetime("us"), eager=True)
    days = calendar.count_working_hours(begins, ends) / calendar.hours_per_day
    # somebody hired today was there for a moment; nobody was there for less than nothing
    return np.asarray(days.clip(lower_bound=0.01).to_numpy(), dtype=np.float64)


def _spread(weekly: pl.DataFrame, since_on: dt.date, as_of: dt.datetime, calendar: Calendar) -> float:
    """Return how much more whole weeks differ than chance; weeks without a result count too."""
    first = since_on + dt.timedelta(days=-since_on.weekday() % 7)
    n_weeks = max((as_of.date() - first).days // 7, 0)
    mondays = [first + dt.timedelta(days=7 * n) for n in range(n_weeks)]
    seen = dict(weekly.select("week_start_on", "n").iter_rows())
    counts = np.array([seen.get(monday, 0) for monday in mondays], dtype=np.float64)
    days = np.array([calendar.working_days(monday, monday + dt.timedelta(days=7)) for monday in mondays], dtype=np.float64)
    return projection.weekly_spread(counts, days)


class _Tree:
    """The units by number, and who stands below whom, as the draws are summed."""

    def __init__(self, snapshot: Snapshot) -> None:
        lines = snapshot.sql("FROM targets.lines(as_of := $as_of) ORDER BY unit_id, lead_unit_id")
        self.unit_ids = sorted(lines["unit_id"].unique().to_list())
        self._numbers = {unit_id: number for number, unit_id in enumerate(self.unit_ids)}
        pairs = [(self._numbers[unit_id], self._numbers[lead_id]) for unit_id, lead_id in lines.iter_rows()]
        self.lines: Ints = np.array(pairs, dtype=np.int64).reshape(-1, 2)

    def rest(self, found: _OwnerPace, horizon_days: float) -> pl.DataFrame:
        """Return what the horizon may bring each unit and each rep: `_NO_REST`'s columns."""
        units: Ints = np.array([self._numbers.get(unit_id, -1) for unit_id in found.owners["unit_id"]], dtype=np.int64)
        means = projection.expected(found.pace, horizon_days)
        owner_band, unit_band = projection.band(found.pace, horizon_days, units, self.lines, len(self.unit_ids))
        direct = np.zeros(len(self.unit_ids))
        np.add.at(direct, units[units >= 0], means[units >= 0])
        totals = np.zeros_like(direct)
        np.add.at(totals, self.lines[:, 1], direct[self.lines[:, 0]])
        stays = np.where(found.owners["is_gone"].to_numpy(), 0.0, 1.0)
        reps = _rest_rows(found, True, found.owners["rep_id"].to_list(), means * stays, owner_band * stays)
        return pl.concat([reps, _rest_rows(found, False, self.unit_ids, totals, unit_band)]).filter(pl.col("key").is_not_null())


def _rest_rows(found: _OwnerPace, is_rep: bool, keys: list[str], means: Floats, limits: Floats) -> pl.DataFrame:
    amounts = zip(_PROJECTED, (means, limits[0], np.maximum(limits[1], means)), strict=True)
    columns = {f"rest_{name}": pl.Series(values).round(2).cast(_MONEY) for name, values in amounts}
    keyed = {"measure": pl.repeat(found.measure, len(keys), eager=True), "key": pl.Series(keys, dtype=pl.String), **columns}
    return pl.DataFrame(keyed).with_columns(is_rep=pl.lit(is_rep)).select(_NO_REST.columns)
