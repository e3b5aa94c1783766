"""What the slow tests of the funnel share."""

from __future__ import annotations

import pytest
from large_company import LargeCompany
from large_company import large_company as made


@pytest.fixture(scope="session")
def large_company() -> LargeCompany:
    return made(60_000)
