"""What the tests of the forecast share: books of a company with a known law, a fitted model, the sample company's book."""

from __future__ import annotations

import pytest
from forecast_company import END, made_company

from salesiq import forecast, sample
from salesiq.book import Book, Snapshot

READ = ("deals", "stages", "stage_events", "activities", "documents", "customers", "reps", "org_units")


@pytest.fixture(scope="session")
def known_book() -> Book:
    return Book.from_frames(exported_at=END, **made_company())


@pytest.fixture(scope="session")
def known_model(known_book: Book) -> forecast.WinModel:
    return forecast.WinModel().fit(known_book)


@pytest.fixture(scope="session")
def noise_book() -> Book:
    return Book.from_frames(exported_at=END, **made_company(strength=0.0))


@pytest.fixture(scope="session")
def company_now(sample_company: sample.Company) -> Snapshot:
    frames = {name: frame for name, frame in sample_company.frames.items() if name in READ}
    return Book.from_frames(exported_at=sample.EXPORTED_AT, **frames).as_of(sample.EXPORTED_AT)
