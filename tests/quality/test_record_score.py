"""Record scores by hand, by a plain loop over the same rules, and as of a moment."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from quality_records import AS_OF, FULL, VISIT, frame, snapshot

from salesiq import quality
from salesiq.book import Book
from salesiq.i18n import LANGUAGES, text

PARTS = ("score", "timeliness", "completeness", "verifiability")
ENGLISH = {
    "pain_point": "Shelves run empty every weekend",
    "solution_fit": "Daily delivery keeps them filled",
    "next_step": "Send the sample contract by Friday",
    "customer_words": '"We lose a day of sales each time"',
}


def scored(*changes: dict) -> list[tuple[tuple, list[str]]]:
    """Score a record per change, all in one book: opening a book costs more than scoring its records."""
    rows = quality.record_score(snapshot(*({"activity_id": f"A{n:03}"} | change for n, change in enumerate(changes))))
    return [(tuple(row[part] for part in PARTS), row["reasons"]) for row in rows.iter_rows(named=True)]


def reasons_of(column: str, words: list[str]) -> dict[str, list[str]]:
    found = scored(*({column: said} for said in words))
    return {said: reasons for said, (_, reasons) in zip(words, found, strict=True)}


def after(hours: float) -> dict:
    return {"recorded_at": VISIT + dt.timedelta(hours=hours)}


BY_HAND = [
    ({}, (100.0, 30.0, 40.0, 30.0), []),
    (ENGLISH, (100.0, 30.0, 40.0, 30.0), []),
    (after(2), (100.0, 30.0, 40.0, 30.0), []),
    (after(13), (85.0, 15.0, 40.0, 30.0), ["late_entry"]),
    (after(24), (70.0, 0.0, 40.0, 30.0), ["late_entry"]),
    (after(100), (70.0, 0.0, 40.0, 30.0), ["late_entry"]),
    ({"recorded_at": None}, (100.0, None, 40.0, 30.0), ["no_entry_time"]),
    # 20 of 40 and 15 of 30 are known: 35 of 70
    (
        {"recorded_at": None, "pain_point": "无", "customer_words": None, "next_step": "周五再谈一次细节"},
        (50.0, None, 20.0, 15.0),
        ["no_entry_time", "no_pain_point", "no_customer_words", "next_step_without_deliverable"],
    ),
    (after(-1), (100.0, 30.0, 40.0, 30.0), []),
    (after(-3), (100.0, None, 40.0, 30.0), ["entered_ahead"]),
    ({"pain_point": " 。暂无，同上 "}, (90.0, 30.0, 30.0, 30.0), ["no_pain_point"]),
    ({"solution_fit": "N/A"}, (90.0, 30.0, 30.0, 30.0), ["no_solution_fit"]),
    ({"customer_words": "好好好好好好"}, (90.0, 30.0, 30.0, 30.0), ["no_customer_words"]),
    ({"next_step": "继续跟进"}, (60.0, 30.0, 30.0, 0.0), ["no_next_step"]),
    ({"next_step": None, "next_step_due_at": VISIT}, (60.0, 30.0, 30.0, 0.0), ["no_next_step"]),
    ({"next_step": "提交正式报价单"}, (85.0, 30.0, 40.0, 15.0), ["next_step_without_time"]),
    ({"next_step": "提交正式报价单", "next_step_due_at": VISIT}, (100.0, 30.0, 40.0, 30.0), []),
    (
        {"next_step": "提交正式报价单", "next_step_due_at": VISIT - dt.timedelta(days=1)},
        (85.0, 30.0, 40.0, 15.0),
        ["next_step_without_time"],
    ),
    ({"next_step": "call them again tomorrow"}, (85.0, 30.0, 40.0, 15.0), ["next_step_without_deliverable"]),
    (
        {"pain_point": None, "solution_fit": "", "next_step": "follow up", "customer_words": "...", **after(30)},
        (0.0, 0.0, 0.0, 0.0),
        ["late_entry", "no_pain_point", "no_solution_fit", "no_next_step", "no_customer_words"],
    ),
]


def test_scores_by_hand():
    found = scored(*(change for change, _, _ in BY_HAND))
    assert found == [(parts, reasons) for _, parts, reasons in BY_HAND]


def test_a_visit_without_a_time_of_day_ends_with_its_day():
    day = dt.datetime(2026, 3, 2)
    hours = [-3, 20, 25.5, 37, 48]
    rows = [{"occurred_at": day, "recorded_at": day + dt.timedelta(hours=hour)} for hour in hours]
    found = quality.record_score(snapshot(*rows))
    assert found["timeliness"].to_list() == [None, 30.0, 30.0, 15.0, 0.0]
    assert found["entry_hours"].to_list() == [None, 0.0, 1.5, 13.0, 24.0]


TIMES = """
周五提交报价|下周三提交报价|3月5日提交报价|三月五号提交报价|月底提交报价|明天提交报价|３月５日提交报价|两周内提交报价|3天后提交报价
2026-03-09 提交报价|3/9 提交报价|14:30 提交报价|下个星期五提交报价|季度末提交报价
send the quote on Friday|quote by 5 March|quote by March 5th|quote tomorrow|quote next week|quote by end of the month
quote within 3 days|quote EOD|quote in two weeks|quote at 3pm
"""
NO_TIMES = """
上周五已提交报价|上月底提交报价|上个星期五的报价|尽快提交报价|提交3个报价|quote as soon as we can|quote 1/2/3
quote for the sunny May offer
"""
DELIVERABLES = "报价|方案|合同|样品|资料|演示|报告|发货|对账|quote|proposal|contract|samples|deck|demo|report|PO"
FILLER = """
空|无|没有|暂无|同上|n/a|None|跟进|继续跟进|Follow up|follow-up!!|无，无，无|1111111|ababab|断货|？！……，。| |继续跟进。暂无
"""
STATEMENTS = "天天缺货|没有货架位置|无法按时到货|follow up was never done|None of the fridges work|价格太高"


def listed(words: str) -> list[str]:
    return [word for line in words.strip("\n").split("\n") for word in line.split("|")]


def test_times_in_words():
    found = reasons_of("next_step", listed(TIMES))
    assert {step: reasons for step, reasons in found.items() if reasons} == {}


def test_words_that_set_no_time():
    found = reasons_of("next_step", listed(NO_TIMES))
    assert found == {step: ["next_step_without_time"] for step in found}


def test_deliverables():
    found = reasons_of("next_step", [f"周五 {word} ok 给采购" for word in listed(DELIVERABLES)])
    assert {step: reasons for step, reasons in found.items() if reasons} == {}


def test_words_that_only_look_like_deliverables():
    step = "position the reporter democratically by Friday"
    assert reasons_of("next_step", [step]) == {step: ["next_step_without_deliverable"]}


def test_filler_is_not_filled():
    found = reasons_of("pain_point", listed(FILLER))
    assert found == {words: ["no_pain_point"] for words in found}


def test_statements_that_hold_filler_words_are_filled():
    found = reasons_of("pain_point", listed(STATEMENTS))
    assert {words: reasons for words, reasons in found.items() if reasons} == {}


def test_minimum_fields_are_pain_fit_and_step_with_time():
    missed = [{}, {"customer_words": None}, {"pain_point": "无"}, {"solution_fit": None}, {"next_step": "提交正式报价单"}]
    found = quality.record_score(snapshot(*missed))
    assert found["is_minimum_met"].to_list() == [True, True, False, False, False]


def test_columns_and_types():
    for found in (quality.record_score(snapshot({})), quality.record_score(Book.from_frames().as_of(AS_OF))):
        assert found.columns[:7] == ["activity_id", "rep_id", *PARTS, "reasons"]
        assert [found.schema[part] for part in PARTS] == [pl.Float64] * 4
        assert found.schema["reasons"] == pl.List(pl.String)
        assert found.schema["is_minimum_met"] == pl.Boolean
    assert found.is_empty()


def test_every_row_leads_to_its_line():
    found = quality.record_score(snapshot({}, {"pain_point": None}))
    assert found.select("activity_id", "source_file", "source_line").rows() == [
        ("A1", "frames/activities", 1),
        ("A2", "frames/activities", 2),
    ]


def test_a_record_is_seen_from_its_entry_on():
    late = {"recorded_at": dt.datetime(2026, 3, 6, 9)}
    day_before = snapshot(late, {}, as_of=dt.datetime(2026, 3, 6, 8, 59))
    assert quality.record_score(day_before)["activity_id"].to_list() == ["A2"]
    assert quality.record_score(snapshot(late, {}))["activity_id"].to_list() == ["A1", "A2"]


def test_what_is_recorded_later_changes_nothing():
    moment = dt.datetime(2026, 3, 4, 12)
    later = [{"rep_id": f"R{n}", "recorded_at": moment + dt.timedelta(hours=n + 1), "pain_point": None} for n in range(20)]
    alone, beside = snapshot({}, as_of=moment), snapshot({}, *later, as_of=moment)
    assert quality.record_score(alone).equals(quality.record_score(beside))
    assert quality.rep_scores(alone).equals(quality.rep_scores(beside))
    assert quality.watch_list(alone).equals(quality.watch_list(beside))


def test_bad_text_is_only_text():
    said = ["<script>alert(1)</script>", "=cmd|' /C calc'!A0", "'; DROP TABLE activities; --", "断货" * 25_000 + "了吗"]
    empty = ["(" * 100_000, "😀" * 50, "A" * 100_000]
    found = scored(
        *(dict.fromkeys(("pain_point", "solution_fit", "next_step", "customer_words"), words) for words in said + empty)
    )
    assert [parts[2] for parts, _ in found] == [40.0] * len(said) + [0.0] * len(empty)


def test_every_reason_has_its_texts():
    sql = Path(quality.__file__).with_name("record_score.sql").read_text(encoding="utf-8")
    codes = set(re.findall(r"THEN '(\w+)'", sql))
    assert len(codes) == 9
    assert all(text(f"quality.{code}", lang) for code in codes for lang in LANGUAGES)


# The second computation: the rules of the docstring once more, as a loop in plain Python, on words whose kind is known.
SAID = {
    "客户嫌配送太慢": True,
    "they need cold storage": True,
    "无": False,
    "  ": False,
    "同上。": False,
    "n/a": False,
    "呵呵呵呵呵": False,
    "太贵": False,
}
STEPS = {  # words: filled, time, deliverable
    "周五前提交合同初稿": (True, True, True),
    "present the demo next week": (True, True, True),
    "明天再去拜访店长": (True, True, False),
    "把样品寄给采购确认": (True, False, True),
    "再找老板当面谈谈": (True, False, False),
    "继续跟进": (False, False, False),
    "follow up": (False, False, False),
}
RECORDS = st.fixed_dictionaries(
    {
        "occurred_at": st.datetimes(VISIT, VISIT + dt.timedelta(days=2)),
        "lag_hours": st.none() | st.floats(-6, 40),
        "pain_point": st.none() | st.sampled_from(sorted(SAID)),
        "solution_fit": st.none() | st.sampled_from(sorted(SAID)),
        "customer_words": st.none() | st.sampled_from(sorted(SAID)),
        "next_step": st.none() | st.sampled_from(sorted(STEPS)),
        "due_days": st.none() | st.integers(-2, 9),
    }
)


def by_hand(record: dict) -> tuple[float, float | None, float, float]:
    filled, timed, shown = STEPS.get(record["next_step"], (False, False, False))
    timed = timed or (
        record["next_step_due_at"] is not None and record["next_step_due_at"].date() >= record["occurred_at"].date()
    )
    completeness = 10.0 * (
        sum(SAID.get(record[name], False) for name in ("pain_point", "solution_fit", "customer_words")) + filled
    )
    verifiability = (15.0 * timed + 15.0 * shown) if filled else 0.0
    timeliness = None
    if record["recorded_at"] is not None:
        ends_at = record["occurred_at"]
        if ends_at.time() == dt.time():
            ends_at += dt.timedelta(days=1)
        if record["recorded_at"] >= record["occurred_at"] - dt.timedelta(hours=2):
            late = (record["recorded_at"] - ends_at) / dt.timedelta(hours=1)
            timeliness = 30.0 if late <= 2 else 30 * (24 - late) / 22 if late < 24 else 0.0
    known = completeness + verifiability
    return (known / 0.7 if timeliness is None else known + timeliness), timeliness, completeness, verifiability


@settings(max_examples=12, deadline=None)
@given(st.lists(RECORDS, min_size=1, max_size=80))
def test_scores_agree_with_a_plain_loop(drawn: list[dict]):
    rows = []
    for number, record in enumerate(drawn):
        lag, due = record["lag_hours"], record["due_days"]
        occurred_at = record["occurred_at"]
        moments = {
            "recorded_at": None if lag is None else occurred_at + dt.timedelta(hours=lag),
            "next_step_due_at": None if due is None else occurred_at + dt.timedelta(days=due),
        }
        fields = {name: record[name] for name in record if name in FULL}
        rows.append(FULL | fields | moments | {"activity_id": f"A{number:03}"})
    found = quality.record_score(Book.from_frames(exported_at=AS_OF, activities=frame(*rows)).as_of(AS_OF))
    assert found.height == len(rows)
    for row, record in zip(found.select(PARTS).rows(), rows, strict=True):
        assert row == pytest.approx(by_hand(record), abs=0.0501)
