"""The spreadsheet on which a proposed split is negotiated."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from salesiq.i18n import Language, text
from salesiq.reports.sheets import Sheet, write_workbook

__all__ = ["allocation_workbook"]

_COLUMNS = {
    "key": "col_id",
    "below_unit_id": "col_above",
    "name": "col_unit",
    "level": "col_level",
    "capacity_amount": "col_capacity",
    "pipeline_amount": "col_pipeline",
    "floor_amount": "col_floor",
    "ceiling_amount": "col_ceiling",
    "pinned_amount": "col_pinned",
    "current_amount": "col_today",
    "amount": "col_proposed",
    "agreed_amount": "col_agreed",
}


def allocation_workbook(proposal: pl.DataFrame, path: str | Path, lang: Language = "zh") -> Path:
    """Write what `targets.allocate` proposes as a spreadsheet to negotiate on, and return its path.

    One row per unit and rep: what it rests on, today's amount, the proposal, and "agreed", which starts as the proposal and
    is there to be changed. Two formulas of the sheet show for each unit the sum agreed below it and the difference, so that a
    change that breaks a sum is seen at once. Amounts are numbers; texts are never read as formulas or links.
    """

    def say(name: str) -> str:
        return text(f"alignment.{name}", lang)

    frame = proposal.with_columns(key=pl.coalesce("rep_id", "unit_id"), agreed_amount=pl.col("amount"))
    above, key, agreed = (chr(ord("A") + list(_COLUMNS).index(name)) for name in ("below_unit_id", "key", "agreed_amount"))
    below = f"SUMIF(${above}$2:${above}${{last}},{key}{{row}},${agreed}$2:${agreed}${{last}})"
    counts = f"COUNTIF(${above}$2:${above}${{last}},{key}{{row}})"
    formulas = {
        say("col_below"): f'=IF({counts}=0,"",{below})',
        say("col_difference"): f'=IF({counts}=0,"",{agreed}{{row}}-{below})',
    }
    columns = {name: say(heading) for name, heading in _COLUMNS.items()}
    return write_workbook(path, [Sheet(say("sheet_split"), frame, columns, formulas)])
