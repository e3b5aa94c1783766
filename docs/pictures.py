"""Take the pictures of the weekly report that README and docs show: needs Debian's chromium and playwright.

Run `python docs/pictures.py` from the project's root, after the sample exports or the report have changed.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from salesiq.book import Book
from salesiq.i18n import LANGUAGES
from salesiq.reports import weekly

ROOT = Path(__file__).resolve().parents[1]
COLUMN = {"x": 210, "y": 0, "width": 860}
UPPER_SECTIONS = "decay"


def main() -> None:
    """Write docs/images/weekly_LANGUAGE.png: the page from its head to the end of the section on target decay."""
    book = Book(":memory:")
    report = book.load(ROOT / "data" / "sample", mapping="sample")
    newest = book.newest_export()
    if newest is None:
        raise SystemExit("data/sample gave no load")
    snapshot = book.as_of(newest)
    with sync_playwright() as started, tempfile.TemporaryDirectory() as folder:
        browser = started.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        for lang in LANGUAGES:
            made = weekly(snapshot, lang=lang, load_report=report).write(Path(folder) / f"{lang}.html")
            page.goto(made.as_uri())
            page.wait_for_function("document.documentElement.dataset.drawn !== undefined")
            ends = page.evaluate(f"document.getElementById('{UPPER_SECTIONS}').getBoundingClientRect().bottom")
            place = ROOT / "docs" / "images" / f"weekly_{lang}.png"
            page.screenshot(path=place, full_page=True, clip={**COLUMN, "height": ends})


if __name__ == "__main__":
    main()
