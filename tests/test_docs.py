"""Docs are tested: generated pages are current, every public name stands in them, every link leads somewhere."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from pathlib import Path

import pytest

import salesiq
from salesiq.tables import CONTRACTS

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("docs/*.md"), ROOT / "README.md", ROOT / "CHANGELOG.md"])


def _builder() -> object:
    spec = importlib.util.spec_from_file_location("docs_build", ROOT / "docs" / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["tables.md", "metrics.md", "faults.md"])
def test_generated_pages_are_current(name: str) -> None:
    page = _builder().PAGES[name]()  # type: ignore[attr-defined]
    assert (ROOT / "docs" / name).read_text(encoding="utf-8") == page, "run make docs"


def test_every_fault_that_loading_must_survive_is_provoked() -> None:
    faults = tomllib.loads((ROOT / "tests" / "faults.toml").read_text(encoding="utf-8"))
    provoked = dict(_builder()._provoking())  # type: ignore[attr-defined]
    assert sorted(provoked) == sorted(int(number) for number in faults)


@pytest.mark.parametrize("subject", ["targets", "funnel", "quality", "forecast"])
def test_every_public_metric_is_explained_on_its_subjects_page(subject: str) -> None:
    page = (ROOT / "docs" / f"{subject}.md").read_text(encoding="utf-8")
    module = getattr(salesiq, subject)
    assert module.__all__ == sorted(module.__all__)
    for name in module.__all__:
        assert name in page, f"{subject}.{name} is missing in docs/{subject}.md"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    broken = [link for link in links if not link.startswith("http") and not (page.parent / link).exists()]
    assert broken == []


def test_every_table_says_its_grain_and_every_column_its_meaning() -> None:
    for contract in CONTRACTS.values():
        assert contract.grain.startswith("One row per"), contract.name
        assert all(text.endswith(".") for text in contract.descriptions.values()), contract.name


def test_the_public_names_are_sorted_and_real() -> None:
    assert salesiq.__all__ == sorted(salesiq.__all__)
    for name in salesiq.__all__:
        assert getattr(salesiq, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'funel'"):
        salesiq.funel  # noqa: B018
