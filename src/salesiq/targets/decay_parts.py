"""Decay in parts: why a unit's children do not carry what the unit carries, to the cent."""

from __future__ import annotations

import polars as pl

from salesiq.book import Snapshot, needs
from salesiq.targets.soundness import refuse_unsound
from salesiq.targets.windows import window_name

PARTS = ("double_counted", "moved", "unit_slip", "revised", "missing_level", "rounding", "not_assigned", "hedge")


@needs("targets", "org_units")
def decay_parts(
    snapshot: Snapshot, period: str | None = None, measure: str | None = None, *, every_version: bool = True
) -> pl.DataFrame:
    """Return why each unit's children carry more or less than the unit, in parts that sum to the gap exactly.

    Reads `targets`, `org_units`, `reps`, as `decay` does, for every version of the plan (`every_version=False`: the newest
    only) on the tree of the period: that of its last day, or of the snapshot's moment where the period is not over.

    One row per unit, plan and part of its gap; a unit without a gap has one row with a null `part`. Then one per whole tree
    and part (`level` "overall"): sums over its units. Columns: `period`, `measure`, `version`, `unit_id`, `level`;
    `amount`, the unit's target; `children_amount`, the sum of its children's as the sheets count it; `gap_amount` =
    children_amount - amount; `part`; `part_amount`, negative for what the children lack because of it; then `unit_name`,
    `depth`, `is_newest` (version), `n_version` (from 1), `n_opened`, `n_closed`, `n_moved` (units below that began, ended or
    changed their parent in the period, reps hired, reps who left), `slip_factor` and `slip_child_id` as in `decay`. Amounts
    are Decimal. In `overall`, children_amount is what is left when all gaps are taken off the top's target.

    Parts, in the order in which they are taken off: `double_counted` (a unit that stands below two parents at once, or a rep
    with the same target in two units: `decay` counts them once, so its gap is smaller by this part), `moved` (a unit changed
    its parent after the version was set: its target went with it; sums to zero over the tree), `unit_slip` (the children are
    in another unit of money), `revised` (what later versions did to the gap that the first one left), and what the first
    version left as one of `missing_level` (a unit below has no target), `rounding`, `not_assigned` (the children have less)
    and `hedge` (they have more); the rules are those of `decay`.

    Null: `gap_amount` and `part_amount` of a unit without a target (part missing_level). Ordered by period, measure, version,
    depth (overall last), unit and part. Raises UsageError for a period that cannot be read, and for what `problems` finds:
    a cycle, a strange parent, repeated or negative targets.

    >>> from decimal import Decimal
    >>> from salesiq.book import Book
    >>> units = pl.DataFrame({"unit_id": ["C", "R"], "parent_unit_id": [None, "C"], "valid_from": ["2025-01-01"] * 2})
    >>> plan = pl.DataFrame({"version": ["v1", "v1", "v2", "v2"], "period": "2026-Q1", "measure": "bookings",
    ...                      "unit_id": ["C", "R"] * 2, "amount": [Decimal(n) for n in (100, 90, 100, 96)],
    ...                      "set_at": ["2026-01-01T00:00:00"] * 2 + ["2026-01-20T00:00:00"] * 2})
    >>> found = decay_parts(Book.from_frames(org_units=units, targets=plan).as_of("2026-02-01"))
    >>> found.filter(pl.col("level").is_null(), version="v2").select("gap_amount", "part", "part_amount").rows()
    [(Decimal('-4.00'), 'not_assigned', Decimal('-10.00')), (Decimal('-4.00'), 'revised', Decimal('6.00'))]
    """
    refuse_unsound(snapshot)
    return snapshot.sql(
        "FROM targets.decay_parts(as_of := $as_of) "
        "WHERE period = coalesce($period, period) AND measure = coalesce($measure, measure) AND (is_newest OR $every) "
        "ORDER BY period, measure, n_version, version, depth NULLS LAST, unit_id, part",
        period=window_name(period),
        measure=measure,
        every=every_version,
    )
