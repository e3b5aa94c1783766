"""Reports that many tests read: of the small company with hostile names, and of the sample company."""

from __future__ import annotations

import pytest
from small_company import MOMENT, small_book

from salesiq.book import Snapshot
from salesiq.reports import WeeklyReport, weekly


@pytest.fixture(scope="session")
def small_snapshot() -> Snapshot:
    return small_book().as_of(MOMENT)


@pytest.fixture(scope="session", params=["zh", "en"])
def small_report(request: pytest.FixtureRequest, small_snapshot: Snapshot) -> WeeklyReport:
    return weekly(small_snapshot, lang=request.param)


@pytest.fixture(scope="session")
def sample_report(sample_snapshot: Snapshot) -> WeeklyReport:
    return weekly(sample_snapshot, lang="zh")
