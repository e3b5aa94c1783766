from __future__ import annotations

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from salesiq.load.repeats import key_hashes, settle
from salesiq.load.spool import Spool
from salesiq.tables import CONTRACTS

STAGES = CONTRACTS["stages"]
ROW = st.tuples(st.sampled_from(["A", "a", "Ａ", "B", "b\u200b"]), st.sampled_from([1, 2]))


def frame(rows: list[tuple[str, int]]) -> pl.DataFrame:
    given_columns = {"stage": [stage for stage, _ in rows], "position": [position for _, position in rows]}
    empty = {name: [None] * len(rows) for name in STAGES.columns if name not in given_columns}
    return pl.DataFrame(given_columns | empty, schema=STAGES.columns)


def by_hand(rows: list[tuple[str, int]]) -> dict[int, str]:
    """The rule in plain words, row by row."""
    plain = [stage.replace("Ａ", "A").replace("\u200b", "") for stage, _ in rows]
    out: dict[int, str] = {}
    for place, (_, position) in enumerate(rows):
        if any(plain[other].lower() == plain[place].lower() and rows[other][1] == position for other in range(place)):
            out[place] = "copy"
    left = [place for place in range(len(rows)) if place not in out]
    for place in left:
        if sum(plain[other] == plain[place] for other in left) > 1:
            out[place] = "conflict"
    return out


@given(st.lists(ROW, min_size=1, max_size=8))
def test_copies_and_conflicts_as_by_hand(rows: list[tuple[str, int]]) -> None:
    whole = frame(rows).with_columns(place=pl.int_range(len(rows)))
    found = settle(whole, STAGES)
    assert dict(found.select("place", "verdict").rows()) == by_hand(rows)


@given(st.lists(ROW, min_size=2, max_size=8))
def test_keys_that_settle_compares_have_equal_hashes(rows: list[tuple[str, int]]) -> None:
    hashes = key_hashes(frame(rows), STAGES).to_list()
    for place, verdict in by_hand(rows).items():
        assert verdict
        assert hashes.count(hashes[place]) > 1


def test_parts_on_disk_are_as_those_in_memory(monkeypatch: object) -> None:
    import salesiq.load.spool as module

    rows = frame([(f"S{place}", place + 1) for place in range(50)])
    kept = module._MOST_BYTES
    try:
        for most in (kept, 0):
            module._MOST_BYTES = most
            with Spool() as spool:
                for start in range(0, 50, 10):
                    part = rows.slice(start, 10)
                    spool.add("stages", "f", part, key_hashes(part, STAGES), is_distinct=False)
                unwanted = pl.int_range(50, eager=True).is_in([3, 17])
                assert spool.select("stages", unwanted)["place"].to_list() == [3, 17]
                spool.leave_out("stages", unwanted)
                assert (spool.files("stages"), spool.n_rows("stages", ["f"])) == (["f"], 48)
                (left,) = spool.chunks("stages", "f")
                assert left["position"].to_list() == [n for n in range(1, 51) if n not in (4, 18)]
    finally:
        module._MOST_BYTES = kept
