"""What deals can be grouped by: the columns of `base.segments`."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from salesiq.book import Snapshot
from salesiq.errors import UsageError


def group_columns(snapshot: Snapshot, by: str | Sequence[str] | None, but: Sequence[str] = ()) -> list[str]:
    """Return the columns named in `by` as a list; those in `but` make no sense for this metric and are not offered.

    Raises UsageError for a column that does not exist, with the nearest that does.
    """
    names = [by] if isinstance(by, str) else list(by or ())
    if not names:
        return []
    segments = snapshot.sql("SELECT * FROM base.segments(as_of := $as_of) LIMIT 0").columns
    known = [name for name in segments if name not in ("deal_id", *but)]
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.0)[0]
            raise UsageError("funnel.no_group", name=name, near=near)
    return names
