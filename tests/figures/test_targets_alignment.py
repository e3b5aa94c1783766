from __future__ import annotations

import pytest

from salesiq import targets
from salesiq.book import Book
from salesiq.figures import targets_alignment as draw
from salesiq.figures.theme import ACT


@pytest.fixture(scope="module")
def may(sample_book: Book):
    return sample_book.as_of("2026-05-15T18:00:00")


def test_every_bar_is_the_whole_target(may):
    frame = targets.coverage(may, "2026-Q2")
    made = draw.coverage(frame, "en")
    assert len(made.data) == 4
    for parts in zip(*(bar.x for bar in made.data), strict=True):
        assert sum(parts) == pytest.approx(1)
    assert len(made.data[0].x) == frame.height
    assert draw.coverage(frame.clear(), "zh").data[0].x in ([], ())


def test_the_bridge_ends_at_what_the_sheets_carry(may):
    frame = targets.decay_parts(may, "2026-Q2", "bookings", every_version=False)
    made = draw.decay_parts(frame, "zh")
    changes, states = made.data
    whole = frame.filter(level="overall").row(0, named=True)
    assert list(states.x) == [float(whole["amount"]), float(whole["children_amount"])]
    assert list(changes.marker.color).count(ACT) == 1  # the slip is the one thing to act on


def test_a_pin_is_an_open_dot(may):
    frame = targets.allocate(may, "2026-Q3", 300_000_000, pins={"R004": 5_000_000})
    made = draw.allocation(frame, "en")
    opened = [trace for trace in made.data if getattr(trace.marker, "symbol", None) == "circle-open"]
    assert [list(trace.x) for trace in opened] == [[5_000_000.0]]
