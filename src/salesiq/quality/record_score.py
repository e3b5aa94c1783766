"""Record score: how far one activity record can be trusted and used."""

from __future__ import annotations

import polars as pl

from salesiq.book import Snapshot, needs


@needs("activities")
def record_score(snapshot: Snapshot) -> pl.DataFrame:
    """Return one row per activity record known at the snapshot's moment, scored 0 to 100 with every point explained.

    Reads `activities`. Columns: `activity_id`, `rep_id`, `score` (one decimal), its three parts in points and `reasons`, then
    `is_minimum_met` (pain point, solution fit and a next step with its time are there), `entry_hours`, `occurred_at`,
    `entered_at` (the entry, else the visit), `deal_id`, `customer_id`, `source_file`, `source_line`.

    - `timeliness`, 30 points: entered within 2 hours of the visit; less in a straight line, 0 from 24 hours on. A visit dated
      without a time of day ends with its day. Null where no entry time is known, or the entry is over 2 hours older than
      the visit: then `score` is the rest scaled to 100.
    - `completeness`, 40 points: 10 each for `pain_point`, `solution_fit`, `next_step`, `customer_words`. Filler (无, 同上,
      继续跟进, n/a, follow up), fewer than four characters, or one or two characters over and over, is not filled.
    - `verifiability`, 30 points: 15 for a next step with a time (`next_step_due_at` not before the day of the visit, or a time
      in its text: 周五, 3月5日, tomorrow), 15 for a deliverable in its text (报价, 合同, sample, demo). 0 without a next step.

    `reasons` lists what was missed, in this order; i18n has the texts as "quality.REASON": late_entry | no_entry_time |
    entered_ahead, no_pain_point, no_solution_fit, no_next_step, no_customer_words, next_step_without_time,
    next_step_without_deliverable. A field that the export does not have counts as not filled. Ordered by `activity_id`; empty
    where nothing was loaded. The weights are a convention of ours (docs/quality.md), not an estimate.

    >>> import datetime as dt
    >>> from salesiq.book import Book
    >>> visit = dt.datetime(2026, 1, 5, 10)
    >>> rows = pl.DataFrame({"activity_id": ["A1", "A2"], "occurred_at": visit, "recorded_at": visit + dt.timedelta(hours=1),
    ...     "pain_point": ["门店经常断货", "无"], "solution_fit": ["自动补货系统", "同上"],
    ...     "next_step": ["周五前提交报价", "继续跟进"], "customer_words": ["“缺货一天丢三万”", None]})
    >>> scored = record_score(Book.from_frames(activities=rows).as_of("2026-01-05"))
    >>> scored.select("score", "timeliness", "completeness", "verifiability").rows()
    [(100.0, 30.0, 40.0, 30.0), (30.0, 30.0, 0.0, 0.0)]
    >>> scored["reasons"][1].to_list()
    ['no_pain_point', 'no_solution_fit', 'no_next_step', 'no_customer_words']
    """
    return snapshot.run("quality.record_score", order=("activity_id",))
