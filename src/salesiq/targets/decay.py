"""Decay: what becomes of a target between the company and the rep."""

from __future__ import annotations

import polars as pl

from salesiq.book import Snapshot, needs
from salesiq.calendar import Period


@needs("targets", "org_units")
def decay(snapshot: Snapshot, period: str | None = None, measure: str | None = None) -> pl.DataFrame:
    """Return what each unit's target keeps on its way to the unit's children, and what the whole tree keeps.

    Reads `targets`, `org_units` (the tree as it stands at the snapshot's moment) and `reps` (a rep's target hangs below the
    rep's unit). Of each period and measure the newest version counts, by `set_at`, then by its text. `period` ("2026-Q1") and
    `measure` ("bookings") narrow the answer; without them all come.

    One row per unit with something below it that carries a target, and one per whole tree with `level` "overall", its top as
    `unit_id`. Columns: `period`, `measure`, `version`, `unit_id`, `level`; `amount`, the unit's own target;
    `children_amount`, the sum of its children's; `gap_amount` = children_amount - amount, negative for what is lost on the
    way down; `retained_share` = children_amount / amount; `cumulative_share`, the product of the retained shares from the top
    to here; `finding`; then `unit_name`, `depth` (null for overall), `n_children`, `n_blank` (units and present reps below
    without a target), `slip_factor` and `slip_child_id`. Amounts are Decimal, in the measure's unit (CNY, or a count).

    The overall row compares the top's target with what is left at the bottom: the lowest level of each branch that is in the
    right unit of money. A child without a target of its own counts in its parent's sum with the targets next below it.

    Findings: `unit_slip` (the children are in another unit of money: times 10, 100, 1000, 10^4 or 10^8, up or down, they come
    within 20 % of the target while most of the unit has one; or one child alone, named in `slip_child_id`, does not look like
    its siblings and closes the gap once moved), `missing_level` (the unit has no target while its children have; or a unit
    below has none and the gap is as large as a sibling's target; overall: nothing stands below; never for a measure in which
    reps alone have targets), `rounding` (the gap is less than the number of children times the step of all their amounts, the
    largest of 1, 5, 10, 50 ... that divides each, as where each was rounded off, and at most 1 % of the target),
    `not_assigned` (the children have less), `hedge` (they have more), null where the sums agree.

    Null: `amount`, `gap_amount` and the shares where the unit has no target, shares where it is zero or a level above has
    none. A unit that `org_units` does not know, or that stands in a cycle, is a top of its own. A rep whose unit is unknown
    stands below nobody and is not seen here. Ordered by period, measure, depth and unit, the overall row last; empty where no
    target was set. Raises UsageError for a period that cannot be read.

    >>> from decimal import Decimal
    >>> from salesiq.book import Book
    >>> units = pl.DataFrame({"unit_id": ["C", "R"], "parent_unit_id": [None, "C"], "valid_from": ["2025-01-01"] * 2})
    >>> plan = pl.DataFrame({"version": "v1", "period": "2026-Q1", "measure": "bookings", "unit_id": ["C", "R"],
    ...                      "amount": [Decimal("320000000"), Decimal("305000000")], "set_at": "2026-01-01T00:00:00"})
    >>> found = decay(Book.from_frames(org_units=units, targets=plan).as_of("2026-02-01"))
    >>> found.select("unit_id", "gap_amount", pl.col("retained_share").round(3), "finding").row(0)
    ('C', Decimal('-15000000.00'), 0.953, 'not_assigned')
    """
    if period is not None:
        period = Period.parse(period).name
    return snapshot.sql(
        "FROM targets.decay(as_of := $as_of) "
        "WHERE period = coalesce($period, period) AND measure = coalesce($measure, measure) "
        "ORDER BY period, measure, version, depth NULLS LAST, unit_id",
        period=period,
        measure=measure,
    )
