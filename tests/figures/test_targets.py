"""Figures of targets: the waterfall adds up, the slip is red, an outlier does not squeeze the others."""

from __future__ import annotations

from decimal import Decimal

import polars as pl

from salesiq import targets
from salesiq.book import Book, Snapshot
from salesiq.figures import targets as draw
from salesiq.figures.theme import ACT

UNITS = pl.DataFrame(
    [
        ("C", None, "company"),
        *((f"R{n}", "C", "region") for n in range(2)),
        *((f"S{n}", f"R{n % 2}", "city") for n in range(4)),
    ],
    schema=["unit_id", "parent_unit_id", "level"],
    orient="row",
)


def published(rep_amount: int = 2_320_000) -> pl.DataFrame:
    """The check of row 1.1: 3.2亿, 3.05亿, 2.78亿, then twelve reps at 232万."""
    reps = pl.DataFrame({"rep_id": [f"P{n:02}" for n in range(12)], "unit_id": [f"S{n % 4}" for n in range(12)]})
    rows = [
        ("C", None, 320_000_000),
        *((f"R{n}", None, 152_500_000) for n in range(2)),
        *((f"S{n}", None, 69_500_000) for n in range(4)),
        *((None, f"P{n:02}", rep_amount) for n in range(12)),
    ]
    plan = pl.DataFrame(
        [("v1", "2026", unit, rep, "bookings", Decimal(amount)) for unit, rep, amount in rows],
        schema=["version", "period", "unit_id", "rep_id", "measure", "amount"],
        orient="row",
        infer_schema_length=None,
    )
    return targets.decay(Book.from_frames(org_units=UNITS, reps=reps, targets=plan).as_of("2026-06-30"))


def test_the_published_example_loses_4_7_and_8_9_percent_and_the_slip_is_no_loss():
    steps = draw.decay_steps(published())
    assert steps["step"].to_list() == ["top", "level", "level", "level", "bottom"]
    assert steps["amount"].to_list() == [
        Decimal(320_000_000),
        Decimal(-15_000_000),
        Decimal(-27_000_000),
        Decimal(0),
        Decimal(278_000_000),
    ]
    assert [None if share is None else round(share, 3) for share in steps["share"]] == [None, -0.047, -0.089, 0.0, 0.869]
    assert steps["is_slip"].to_list() == [False, False, False, True, False]


def test_steps_add_up_for_every_plan_of_the_sample_company(sample_snapshot: Snapshot):
    found = targets.decay(sample_snapshot)
    n_plans = 0
    for _, plan in found.group_by("period", "measure", "version"):
        whole = plan.filter(pl.col("level") == "overall")
        if whole.height == 1 and whole["children_amount"][0] is not None and whole["amount"][0] is not None:
            steps = draw.decay_steps(plan)
            assert steps["amount"][:-1].sum() == steps["amount"][-1]
            n_plans += 1
    assert n_plans > 3


def test_only_the_slip_is_red():
    bars = draw.decay(published(), "zh").data[0]
    assert [colour == ACT for colour in bars.marker.color] == [False, False, True]
    clean = draw.decay(published(23_170_000), "zh").data[0]
    assert ACT not in clean.marker.color


def attained(**changes: object) -> dict[str, object]:
    row: dict[str, object] = {
        "name": "甲", "unit_id": "U", "rep_id": None, "target_amount": Decimal(100), "actual_amount": Decimal(40),
        "attainment_share": 0.4, "elapsed_share": 0.5, "projected_amount": Decimal(80),
        "projected_low_amount": Decimal(60), "projected_high_amount": Decimal(110),
    }  # fmt: skip
    return row | changes


def test_out_of_reach_is_red_only_while_the_period_lasts():
    late = attained(projected_high_amount=Decimal(99))
    over = late | {"elapsed_share": 1.0}
    assert (draw.is_out_of_reach(attained()), draw.is_out_of_reach(late)) == (False, True)
    drawn = [draw.attainment(pl.DataFrame([row]), "en") for row in (attained(), late, over)]
    reds = [any(ACT in str(trace.marker.color) for trace in figure.data) for figure in drawn]
    assert reds == [False, True, False]


def test_a_target_far_too_small_does_not_squeeze_the_others():
    wild = attained(name="乙", attainment_share=25.0, projected_amount=Decimal(3000), projected_high_amount=Decimal(9000))
    figure = draw.attainment(pl.DataFrame([attained(), wild]), "zh")
    assert figure.layout.xaxis.range[1] < 2.1
    assert "triangle-right" in [trace.marker.symbol for trace in figure.data if trace.type == "scatter"]


def test_red_flags_that_cannot_be_judged_are_not_drawn():
    row = {"unit_name": "南", "measure": "new_deals", "value": 1.0, "expected": 4.0, "low": 2.0, "high": 8.0}
    row |= {"is_flag": True, "is_plain_flag": False, "explanation": "targets.flag_fall"}
    frame = pl.DataFrame([row, row | {"low": None, "high": None}, row | {"expected": 0.0}, row | {"value": None}])
    assert draw.judged(frame).height == 1
    figure = draw.red_flags(frame, "en")
    assert list(figure.layout.yaxis.ticktext) == ["南  New deals"]
    assert [trace.marker.color for trace in figure.data if trace.mode == "markers"] == [ACT]
    assert [trace.x for trace in figure.data if trace.mode == "markers"] == [(0.25,)]
