"""The page in Debian's chromium, wide and narrow: no error, nothing over another, every chart drawn."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from small_company import HOSTILE, MOMENT, small_book

from salesiq.book import Snapshot
from salesiq.reports import weekly

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install playwright")

CHROMIUM = shutil.which("chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--no-first-run"]
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed: apt install chromium"),
]

# boxes that follow each other must not overlap, and no text of a chart may lie over another
_OVERLAPS = """() => {
  const found = [];
  const boxes = elements => [...elements].map(e => e.getBoundingClientRect()).filter(box => box.height);
  const below = (name, all) => all.forEach((box, n) => {
    if (n && box.top < all[n - 1].bottom - 1) found.push(name + ' ' + n);
  });
  below('main', boxes(document.querySelectorAll('main > header, main > section, main > footer')));
  document.querySelectorAll('main > section').forEach(section => below(section.id, boxes(section.children)));
  document.querySelectorAll('.chart').forEach(chart => {
    const edge = chart.getBoundingClientRect();
    const texts = [...chart.querySelectorAll('.ytick text, .xtick text, .annotation text, .legendtext')]
      .map(e => [chart.id + ': ' + e.textContent, e.getBoundingClientRect()]).filter(([, box]) => box.width);
    texts.forEach(([name, box], n) => {
      if (box.left < edge.left - 1 || box.right > edge.right + 1) found.push(name + ' is cut off');
      texts.slice(n + 1).forEach(([other, next]) => {
        const across = Math.min(box.right, next.right) - Math.max(box.left, next.left);
        const down = Math.min(box.bottom, next.bottom) - Math.max(box.top, next.top);
        if (across > 2 && down > 4) found.push(name + ' over ' + other);
      });
    });
  });
  return found;
}"""
_MARKS = """() => [...document.querySelectorAll('.chart')].map(chart => [
  chart.id,
  [...chart.querySelectorAll('.scatterlayer path.point, .barlayer path, .scatterlayer path.js-line')]
    .filter(mark => { const box = mark.getBoundingClientRect(); return box.width + box.height > 2; }).length,
])"""


@pytest.fixture(scope="module")
def chromium() -> Iterator[object]:
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def pages(sample_snapshot: Snapshot, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    reports = {"zh": weekly(sample_snapshot, lang="zh"), "en": weekly(sample_snapshot, lang="en")}
    reports["hostile"] = weekly(small_book().as_of(MOMENT), lang="en")
    # in the middle of a quarter there is something to project
    reports["midway"] = weekly(sample_snapshot.earlier("2026-05-20"), lang="zh")
    return {name: report.write(folder / f"{name}.html") for name, report in reports.items()}


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("name", ["zh", "en", "midway", "hostile"])
def test_the_page_is_whole(chromium, pages: dict[str, Path], name: str, width: int):  # type: ignore[no-untyped-def]
    page = chromium.new_page(viewport={"width": width, "height": 900})
    problems: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: problems.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("dialog", lambda dialog: (problems.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(pages[name].as_uri())
    page.wait_for_function("document.documentElement.dataset.drawn !== undefined", timeout=60_000)
    assert problems == []
    assert asked == [pages[name].as_uri()]
    assert page.evaluate("document.scrollingElement.scrollWidth <= innerWidth")
    assert page.evaluate(_OVERLAPS) == []
    marks = dict(page.evaluate(_MARKS))
    assert len(marks) >= 4
    assert [chart for chart, n in marks.items() if n == 0] == []
    # unfolded, it still fits
    page.evaluate("document.querySelectorAll('details').forEach(details => { details.open = true; })")
    assert page.evaluate("document.scrollingElement.scrollWidth <= innerWidth")
    page.close()


def test_names_are_shown_as_they_stand_in_tables_and_charts(chromium, pages: dict[str, Path]):  # type: ignore[no-untyped-def]
    page = chromium.new_page(viewport={"width": 1280, "height": 900})
    page.goto(pages["hostile"].as_uri())
    page.wait_for_function("document.documentElement.dataset.drawn !== undefined", timeout=60_000)
    shown = page.evaluate("document.querySelector('main').textContent")
    assert all(name in shown for name in HOSTILE)
    ticks = page.evaluate("[...document.querySelectorAll('#chart-rep-scores .ytick text')].map(e => e.textContent)")
    assert "<script>alert(1…" in [tick.replace("\u00a0", " ") for tick in ticks]
    assert page.evaluate("document.querySelectorAll('.chart a, .chart b, img, main script').length") == 0
    page.close()


def test_on_a4_charts_fit_between_the_margins_and_come_back(chromium, pages: dict[str, Path]):  # type: ignore[no-untyped-def]
    page = chromium.new_page(viewport={"width": 1280, "height": 900})
    page.goto(pages["zh"].as_uri())
    page.wait_for_function("document.documentElement.dataset.drawn !== undefined", timeout=60_000)
    widths = "[...document.querySelectorAll('.chart > div svg')].map(drawing => drawing.getBoundingClientRect().width)"
    page.evaluate("window.addEventListener('beforeprint', () => { window.onPaper = %s; })" % widths)  # noqa: UP031 - braces of JavaScript
    paper = page.pdf(format="A4", prefer_css_page_size=True)
    assert 3 <= paper.count(b"/Type /Page\n") <= 16
    on_paper = page.evaluate("window.onPaper")
    assert on_paper
    assert max(on_paper) <= (210 - 2 * 14) / 25.4 * 96  # A4 without its margins, in pixels
    page.wait_for_function(f"Math.min(...{widths}) > 700")
    page.close()
