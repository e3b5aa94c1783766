"""What many tests share: the sample company, and the folder of real data where it is present."""

from __future__ import annotations

from pathlib import Path

import pytest

from salesiq import sample
from salesiq.book import Book, Snapshot

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real exports; a test that asks for it is skipped where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip("../shared/data is absent: real exports are not in the repository")
    return SHARED_DATA


@pytest.fixture(scope="session")
def sample_company() -> sample.Company:
    return sample.generate()


@pytest.fixture(scope="session")
def sample_book(sample_company: sample.Company) -> Book:
    return Book.from_frames(exported_at=sample.EXPORTED_AT, **sample_company.frames)


@pytest.fixture(scope="session")
def sample_snapshot(sample_book: Book) -> Snapshot:
    return sample_book.as_of(sample.EXPORTED_AT)
