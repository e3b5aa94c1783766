"""Figures of the pipeline: steps that land where they should, flows as wide as their deals, names that are no markup."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import polars as pl
import pytest

from salesiq import funnel
from salesiq.book import Snapshot
from salesiq.figures import pipeline as draw
from salesiq.figures.theme import ACCENT, ACT_BAND, BAND
from salesiq.funnel.changes import PARTS
from salesiq.i18n import LANGUAGES, text


def test_changes_run_from_the_state_before_to_the_state_now():
    steps = pl.DataFrame(
        {
            "step": ["then", "new", "won", "postponed", "now"],
            "amount": [Decimal(100), Decimal(50), Decimal(-30), Decimal(0), Decimal(120)],
        },
    )
    bars, states = draw.bridge(steps, "en").data[:2]
    assert (list(bars.base), list(bars.x)) == ([100.0, 120.0], [50.0, 30.0])
    assert list(states.x) == [100.0, 120.0]
    assert bars.marker.color[0] == ACCENT


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_step_has_a_name(lang):
    names = [text(f"figures.step_{step}", lang) for step in ("then", *PARTS, "now")]
    assert len(set(names)) == len(names)


def flow(began: str, before: str | None, ended: str, now: str | None, n: int) -> dict[str, object]:
    return {"began": began, "stage_before": before, "ended": ended, "stage_now": now, "n_deals": n, "amount": Decimal(n)}


FLOWS = pl.DataFrame(
    [
        flow("open", "<b>lead</b>", "open", "<b>lead</b>", 5),
        flow("open", "<b>lead</b>", "open", "quote", 3),
        flow("open", "quote", "open", "<b>lead</b>", 2),
        flow("open", "quote", "won", None, 1),
        flow("new", None, "open", "<b>lead</b>", 4),
    ]
)


def test_flows_join_the_right_stages_and_backward_ones_are_marked():
    link, node = draw.stage_flows(FLOWS, "en").data[0].link, draw.stage_flows(FLOWS, "en").data[0].node
    ends = [(node.label[a].split("  ")[0], node.label[b].split("  ")[0]) for a, b in zip(link.source, link.target, strict=True)]
    assert ends[1:] == [
        ("&lt;b&gt;lead&lt;/b&gt;", "quote"),
        ("quote", "&lt;b&gt;lead&lt;/b&gt;"),
        ("quote", "Won"),
        ("New", "&lt;b&gt;lead&lt;/b&gt;"),
    ]
    assert list(link.value) == [5, 3, 2, 1, 4]
    assert [link.color[n] for n in (1, 2, 3)] == [BAND, ACT_BAND, BAND]
    assert not any("<" in word for word in (*node.label, *link.customdata))
    assert node.label[link.target[0]].endswith("  11")  # 5 stayed, 2 came back, 4 are new
    assert max(link.source) < min(link.target)


def test_flows_of_the_sample_company_sum_to_its_open_deals(sample_snapshot: Snapshot):
    before = sample_snapshot.earlier(sample_snapshot.as_of - dt.timedelta(days=30))
    flows = funnel.stage_flows(before, sample_snapshot)
    link = draw.stage_flows(flows, "zh", weigh="amount").data[0].link
    assert sum(link.value) == pytest.approx(float(flows["amount"].sum()))
    assert draw.stage_flows(flows.head(0), "zh").data[0].link.value == ()
