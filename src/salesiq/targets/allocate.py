"""Allocate: a proposal for who carries how much of a company's target, from what each can bring."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from decimal import Decimal

import numpy as np
import polars as pl

from salesiq.book import Snapshot, needs
from salesiq.calendar import Calendar
from salesiq.errors import UsageError
from salesiq.targets import splitting
from salesiq.targets.capacity import RAMP_DAYS, rep_capacity
from salesiq.targets.pipeline import expected_deals
from salesiq.targets.soundness import MONEY_PROBLEMS, refuse_unsound
from salesiq.targets.splitting import NO_CEILING, Tree
from salesiq.targets.windows import Window

Amounts = Mapping[str, Decimal | int]
PIPELINE_SHARE = 0.3
CANONICAL = ("version", "period", "unit_id", "rep_id", "measure", "amount", "set_at")
_MONEY = pl.Decimal(18, 2)
_COLUMNS = (
    *(*CANONICAL, "below_unit_id", "name", "level", "depth", "capacity_amount", "pipeline_amount", "weight_share"),
    *("floor_amount", "ceiling_amount", "pinned_amount", "current_amount", "change_amount", "change_share"),
)


@needs("org_units", "reps")
def allocate(
    snapshot: Snapshot,
    period: str,
    amount: Decimal | int,
    measure: str = "bookings",
    *,
    floors: Amounts | None = None,
    ceilings: Amounts | None = None,
    pins: Amounts | None = None,
    unit: Decimal | int = 10_000,
    pipeline_share: float = PIPELINE_SHARE,
    version: str = "proposal",
    top: str | None = None,
    probabilities: pl.DataFrame | None = None,
    ramp_days: float = RAMP_DAYS,
    calendar: Calendar | None = None,
) -> pl.DataFrame:
    """Return a split of `amount` from the top of the organisation down to every rep, in which every sum holds to the cent.

    Reads `org_units` and `reps` as they stand, `deals` (and `receipts`) of the year before, `stage_events` for the base rates
    of open deals, `targets` for today's split. `floors`, `ceilings` and `pins` map a unit_id or rep_id to an amount; `unit`
    is what amounts are rounded to. `top` is needed where the organisation has several.

    Who takes part: reps who are there and stand in the tree; not who leads others, has no results and carries no target now.
    What a rep weighs: `capacity_amount`, as in `stretch` (the own pace drawn towards everybody's, newcomers ramped), and
    `pipeline_amount`, what the rep's open deals are expected to bring in the period, scaled to the same total, in the
    proportion `pipeline_share` (0 to 1). Where nobody has either, all weigh the same. Each level is then filled from the top:
    children get a common multiple of their weights, cut at floors and ceilings (water filling).

    One row per unit and per rep. Columns: those of the table `targets` first (`version`, `period`, `unit_id`, `rep_id`,
    `measure`, `amount`, `set_at`, the snapshot's moment), so that `plan_rows` makes a version to load; `below_unit_id` (the
    unit above), `name`, `level`, `depth`, `capacity_amount`, `pipeline_amount`, `weight_share` (of the whole), what was asked
    (`floor_amount`, `ceiling_amount`, `pinned_amount`), and today's split: `current_amount` (newest version of the same
    period, else of the last period as long), `change_amount`, `change_share`. Amounts are Decimal. Amounts are multiples of
    `unit`; where a pin or the whole is none, one child a node carries the rest. A unit without reps gets nothing unless
    asked. Ordered by depth, units before reps, ids.

    Raises UsageError naming the floors, ceilings and pins that clash; for ids that are not there, amounts below zero, a unit
    of zero, several tops, and what `problems` finds.

    >>> from salesiq.book import Book
    >>> units = pl.DataFrame({"unit_id": ["C"], "valid_from": ["2025-01-01"]})
    >>> book = Book.from_frames(org_units=units, reps=pl.DataFrame({"rep_id": ["P1", "P2", "P3"], "unit_id": "C"}))
    >>> found = allocate(book.as_of("2026-01-31"), "2026-Q2", 100, pins={"P2": 50}, unit=1)
    >>> found.select("unit_id", "rep_id", "amount").rows()[1:]
    [(None, 'P1', Decimal('25.00')), (None, 'P2', Decimal('50.00')), (None, 'P3', Decimal('25.00'))]
    """
    refuse_unsound(snapshot, MONEY_PROBLEMS)
    window = Window.parse(period)
    if unit <= 0 or amount < 0:
        raise UsageError("targets.allocate_amount", amount=amount, unit=unit)
    units = _units(snapshot, top)
    weighed = _weighed(snapshot, window, measure, units, pipeline_share, probabilities, ramp_days, calendar or Calendar.china())
    people = weighed.filter(_takes_part(snapshot, measure))
    nodes = pl.concat([units, people], how="diagonal").with_columns(pl.coalesce("rep_id", "unit_id").alias("key"))
    asked = {"floor_amount": floors or {}, "ceiling_amount": ceilings or {}, "pinned_amount": pins or {}}
    nodes = _with_asked(nodes, asked)
    cents = splitting.split(_tree(nodes), _cents(amount), _cents(unit))
    split = nodes.with_columns(amount=(pl.Series(cents).cast(pl.Decimal(38, 2)) / 100).cast(_MONEY))
    return _told(_compared(snapshot, split, window, measure), window, measure, version, snapshot)


def plan_rows(proposal: pl.DataFrame, version: str | None = None) -> pl.DataFrame:
    """Return what `allocate` proposes as rows of the table `targets`, under another `version` if one is given.

    Load them with `book.write()` or as a Parquet file: the newest version counts from its `set_at` on.

    >>> from salesiq.book import Book
    >>> units = pl.DataFrame({"unit_id": ["C"], "valid_from": ["2025-01-01"]})
    >>> book = Book.from_frames(org_units=units, reps=pl.DataFrame({"rep_id": ["P1"], "unit_id": "C"}))
    >>> plan_rows(allocate(book.as_of("2026-01-31"), "2026-Q2", 100, unit=1), "v2").columns
    ['version', 'period', 'unit_id', 'rep_id', 'measure', 'amount', 'set_at']
    """
    rows = proposal.select(CANONICAL)
    return rows if version is None else rows.with_columns(version=pl.lit(version))


def _units(snapshot: Snapshot, top: str | None) -> pl.DataFrame:
    """Return the units at and below the top: unit_id, below_unit_id, name, level, depth."""
    units = snapshot.sql(
        "SELECT unit_id, parent_unit_id, name, level, depth FROM base.units(as_of := $as_of) ORDER BY depth, unit_id"
    )
    tops = units.filter(depth=0)["unit_id"].to_list()
    if top is None and len(tops) != 1:
        raise UsageError("targets.allocate_top", tops=", ".join(tops) or "-", n=len(tops))
    chosen = tops[0] if top is None else top
    if chosen not in units["unit_id"].to_list():
        raise UsageError("targets.allocate_unknown", name=chosen, near=_near(chosen, units["unit_id"].to_list()))
    below = snapshot.sql("SELECT unit_id FROM targets.lines(as_of := $as_of) WHERE lead_unit_id = $top", top=chosen)["unit_id"]
    parent = pl.when(pl.col("unit_id") != chosen).then("parent_unit_id").alias("below_unit_id")
    inside = units.filter(pl.col("unit_id").is_in(below.implode()))
    return inside.with_columns(parent, rep_id=pl.lit(None, pl.String)).drop("parent_unit_id")


def _weighed(
    snapshot: Snapshot,
    window: Window,
    measure: str,
    units: pl.DataFrame,
    pipeline_share: float,
    probabilities: pl.DataFrame | None,
    ramp_days: float,
    calendar: Calendar,
) -> pl.DataFrame:
    """Return the reps of the tree with capacity, pipeline and weight."""
    depths = units.select(below_unit_id="unit_id", unit_depth="depth")
    able = rep_capacity(snapshot, measure, window, calendar, ramp_days).rename({"unit_id": "below_unit_id"})
    able = able.filter(pl.col("left_on").is_null()).join(depths, on="below_unit_id", how="inner")
    expected = _pipeline(snapshot, window, measure, probabilities)
    joined = able.join(expected, on="rep_id", how="left").with_columns(
        pl.col("pipeline_amount").fill_null(0.0), level=pl.lit("rep"), depth=pl.col("unit_depth") + 1
    )
    return joined.with_columns(weight=_weights(joined, pipeline_share)).sort("rep_id")


def _pipeline(snapshot: Snapshot, window: Window, measure: str, probabilities: pl.DataFrame | None) -> pl.DataFrame:
    """Return what each rep's open deals are expected to bring within the window; before a later window begins, not."""
    found = expected_deals(snapshot, window, measure, probabilities)
    if snapshot.as_of.date() < window.start_on and probabilities is None:
        before = expected_deals(snapshot, Window(snapshot.as_of.date(), window.start_on, ""), measure, None)
        found = found.with_columns(pl.col("expected_amount") - before["expected_amount"])
    amount = pl.col("expected_amount").sum().cast(pl.Float64).clip(lower_bound=0.0)
    return found.filter(pl.col("rep_id").is_not_null()).group_by("rep_id").agg(pipeline_amount=amount)


def _weights(people: pl.DataFrame, pipeline_share: float) -> pl.Series:
    capacity = people["capacity_amount"].fill_null(0.0).to_numpy()
    pipeline = people["pipeline_amount"].to_numpy()
    parts = [(1 - pipeline_share, capacity), (pipeline_share, pipeline)]
    known = [(share, values / values.sum()) for share, values in parts if values.sum() > 0 and share > 0]
    total = sum(share for share, _ in known)
    weights = sum((share * values for share, values in known), np.zeros(people.height)) / (total or 1.0)
    return pl.Series(weights if known else np.full(people.height, 1 / max(people.height, 1)))


def _takes_part(snapshot: Snapshot, measure: str) -> pl.Expr:
    leads = snapshot.sql("SELECT DISTINCT manager_id AS rep_id FROM base.reps(as_of := $as_of) WHERE manager_id IS NOT NULL")
    carries = snapshot.sql(
        "SELECT DISTINCT rep_id FROM targets.plan(as_of := $as_of) WHERE rep_id IS NOT NULL AND measure = $measure",
        measure=measure,
    )
    is_lead, is_carrier = (pl.col("rep_id").is_in(frame["rep_id"].implode()) for frame in (leads, carries))
    return ~is_lead | is_carrier | (pl.col("n_results") > 0)


def _with_asked(nodes: pl.DataFrame, asked: Mapping[str, Amounts]) -> pl.DataFrame:
    keys = nodes["key"].to_list()
    for name, wanted in asked.items():
        for key, value in wanted.items():
            if key not in set(keys):
                raise UsageError("targets.allocate_unknown", name=key, near=_near(key, keys))
            if value < 0:
                raise UsageError("targets.allocate_amount", amount=value, unit=key)
        values = [Decimal(wanted[key]) if key in wanted else None for key in keys]
        nodes = nodes.with_columns(pl.Series(name, values, dtype=_MONEY))
    return nodes


def _tree(nodes: pl.DataFrame) -> Tree:
    numbers = {key: number for number, key in enumerate(nodes["key"])}
    parents = np.array([numbers.get(key, -1) for key in nodes["below_unit_id"]], dtype=np.int64)
    is_empty = nodes["rep_id"].is_null().to_numpy() & ~np.isin(np.arange(nodes.height), parents)
    floors, ceilings, pins = (_asked_cents(nodes[name]) for name in ("floor_amount", "ceiling_amount", "pinned_amount"))
    # who would sell there? a unit without people gets what was asked for it, else nothing
    ceilings = np.where(is_empty & (ceilings < 0), np.maximum(floors, 0), ceilings)
    return Tree(
        names=nodes["key"].to_list(),
        parents=parents,
        weights=nodes["weight"].fill_null(0.0).to_numpy().astype(np.float64),
        floors=np.maximum(floors, 0),
        ceilings=np.where(ceilings < 0, NO_CEILING, ceilings),
        pins=pins,
    )


def _asked_cents(amounts: pl.Series) -> splitting.Ints:
    cents = (amounts.cast(pl.Decimal(38, 2)) * 100).cast(pl.Int64).fill_null(-1)
    return np.array(cents.to_list(), dtype=np.int64)


def _cents(amount: Decimal | int) -> int:
    return int((Decimal(amount) * 100).to_integral_value())


def _near(name: str, known: list[str]) -> str:
    return next(iter(difflib.get_close_matches(name, known, n=1, cutoff=0.0)), "-")


def _compared(snapshot: Snapshot, nodes: pl.DataFrame, window: Window, measure: str) -> pl.DataFrame:
    """Add today's split: of the same period, else of the last one that is as long."""
    plan = snapshot.sql(
        "SELECT period, coalesce(rep_id, unit_id) AS key, rep_id IS NOT NULL AS is_rep, "
        "sum(amount)::DECIMAL(18, 2) AS current_amount "
        "FROM targets.plan(as_of := $as_of) WHERE measure = $measure GROUP BY ALL ORDER BY ALL",
        measure=measure,
    )
    alike = [one for one in map(Window.parse, plan["period"].unique().to_list()) if _is_alike(one, window)]
    shown = window if window in alike else max(alike, default=window)
    current = plan.filter(period=shown.name).drop("period")
    keyed = nodes.with_columns(is_rep=pl.col("rep_id").is_not_null())
    return keyed.join(current, on=["key", "is_rep"], how="left", maintain_order="left")


def _is_alike(one: Window, window: Window) -> bool:
    return (
        abs((one.end_on - one.start_on).days - (window.end_on - window.start_on).days) <= 3 and one.start_on <= window.start_on
    )


def _told(nodes: pl.DataFrame, window: Window, measure: str, version: str, snapshot: Snapshot) -> pl.DataFrame:
    change = (pl.col("amount") - pl.col("current_amount")).cast(_MONEY)
    current = pl.col("current_amount").cast(pl.Float64)
    return (
        nodes.with_columns(
            version=pl.lit(version),
            period=pl.lit(window.name),
            measure=pl.lit(measure),
            set_at=pl.lit(snapshot.as_of).cast(pl.Datetime("us")),
            change_amount=change,
            change_share=pl.when(current > 0).then(change.cast(pl.Float64) / current),
            weight_share=pl.col("weight"),
            capacity_amount=pl.col("capacity_amount").round(2).cast(_MONEY),
            pipeline_amount=pl.col("pipeline_amount").round(2).cast(_MONEY),
        )
        .sort("depth", pl.col("rep_id").is_not_null(), "key")
        .select(_COLUMNS)
    )
