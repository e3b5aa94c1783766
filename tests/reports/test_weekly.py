"""The page is read as a browser reads it: what it holds, what it must not hold, and that it is made again to the byte."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import json
import re
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from page_tree import Element, read
from small_company import HOSTILE, MOMENT, small_book, small_frames

from salesiq.book import Book, Snapshot
from salesiq.i18n import LANGUAGES, Language, catalogue, text
from salesiq.reports import WeeklyReport, weekly
from salesiq.reports.wording import N_DRAWN, drawn_part

ORDER = [
    "changes",
    "health_board",
    "decay",
    "attainment",
    "dwell",
    "stuck",
    "approvals",
    "pseudo_advances",
    "red_flags",
    "bookings",
    "top_deals",
    "cash_in",
    "record_quality",
    "loads",
]
CJK = re.compile(r"[\u3400-\u9fff]")


@pytest.fixture(scope="session")
def page(small_report: WeeklyReport) -> Element:
    return read(small_report.to_html())


@pytest.fixture(scope="session")
def empty_page() -> Element:
    return read(weekly(Book.from_frames().as_of("2026-06-30"), lang="en").to_html())


def test_sections_stand_in_order_and_open_with_a_finding(page: Element, small_report: WeeklyReport):
    sections = page.all("section")
    assert [section.attributes["id"] for section in sections] == ORDER
    for shown, told in zip(sections, small_report.sections, strict=True):
        (heading,) = shown.all("h2")
        assert heading.text.replace("\u00a0", " ") == told.finding
        assert len(told.finding) > 8
        assert told.finding != told.title


def test_each_table_shows_every_row_and_number_column_of_the_summary(page: Element, small_report: WeeklyReport):
    tables = [table for section in small_report.sections for table in section.tables]
    assert len(tables) > 8
    for table in tables:
        shown = page.by_id(f"table-{table.key}")
        (body,) = shown.all("tbody")
        assert len(body.all("tr")) == table.frame.height
        n_numbers = sum(column.is_number for column in table.columns)
        assert sum("number" in cell.attributes["class"] for cell in body.all("td")) == n_numbers * table.frame.height


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_section_without_tables_says_which_to_load_and_what_they_give(lang: Language):
    report = weekly(Book.from_frames().as_of("2026-06-30"), lang=lang)
    needed = {"decay": "org_units", "attainment": "targets", "dwell": "stage_events", "top_deals": "deals", "changes": "deals"}
    needed |= {"stuck": "stage_events", "approvals": "approvals", "pseudo_advances": "activities"}
    needed |= {"cash_in": "invoices"}
    for key, table in needed.items():
        section = report[key]
        assert table in section.missing
        assert table in section.finding
        assert catalogue(lang, "report")[f"{key}_gives"] in section.finding
        assert (section.tables, section.pictures) == ((), ())


def test_a_page_without_data_has_no_empty_chart(empty_page: Element):
    assert [element for element in empty_page.walk() if "data-figure" in element.attributes] == []
    assert [section.attributes["id"] for section in empty_page.all("section")] == ORDER


def test_hostile_names_stay_text(page: Element):
    scripts = page.all("script")
    assert [script.attributes.get("type", "") for script in scripts] == ["application/json", "", ""]
    assert page.all("img") == []
    words = page.shown
    for name in HOSTILE:
        assert name in words
    assert not any(name.startswith("on") for element in page.walk() for name in element.attributes)


def test_hostile_names_cannot_end_the_script_of_the_figures(small_report: WeeklyReport):
    (figures,) = [script.text for script in read(small_report.to_html()).all("script") if script.attributes.get("type")]
    assert "<" not in figures
    drawn = json.dumps(json.loads(figures)["figures"], ensure_ascii=False)
    assert "&lt;script&gt;" in drawn  # the name is there, as text that plotly shows as it stands
    assert "<script>" not in drawn


def test_only_the_scripts_of_the_page_itself_may_run(page: Element):
    policy = next(meta.attributes["content"] for meta in page.all("meta") if meta.attributes.get("http-equiv"))
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'"
    runnable = [script.text for script in page.all("script") if not script.attributes.get("type")]
    hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in runnable]
    assert rules["script-src"] == " ".join(f"'sha256-{one}'" for one in hashes)


def test_plotly_is_there_once_and_nothing_is_fetched(page: Element):
    assert sum(script.text.count("* plotly.js v") for script in page.all("script")) == 1
    links = [
        value for element in page.walk() for name, value in element.attributes.items() if name in ("src", "href", "action")
    ]
    assert links
    assert [link for link in links if not link.startswith("#")] == []
    assert page.all("link") == []


def test_made_again_it_is_equal_to_the_byte():
    first, second = (weekly(small_book().as_of(MOMENT), lang="zh").to_html() for _ in range(2))
    assert first == second


def test_a_later_load_changes_nothing(small_snapshot: Snapshot):
    book, frames, later = small_book(), small_frames(), MOMENT + dt.timedelta(days=5)
    closed = frames["deals"].with_columns(status=pl.lit("lost"), closed_at=pl.lit(later), amount=pl.col("amount") * 2)
    moved = frames["stage_events"].head(30).with_columns(entered_at=pl.lit(MOMENT + dt.timedelta(days=3)))
    told = frames["activities"].head(30).with_columns(activity_id=pl.concat_str(pl.lit("later"), "activity_id"))
    planned = frames["targets"].with_columns(version=pl.lit("v2"), amount=pl.col("amount") * 3, set_at=pl.lit(later))
    with book.write() as writer:
        for table, rows in {"deals": closed, "stage_events": moved, "activities": told, "targets": planned}.items():
            writer.merge(table, rows, load_id="later", exported_at=later)
    assert weekly(book.as_of(later), lang="en")["changes"].finding != weekly(small_snapshot, lang="en")["changes"].finding
    assert weekly(book.as_of(MOMENT), lang="en").to_html() == weekly(small_snapshot, lang="en").to_html()


@pytest.mark.parametrize("lang", LANGUAGES)
def test_no_wording_of_the_other_language(lang: Language, sample_snapshot: Snapshot):
    shown = read(weekly(sample_snapshot, lang=lang).to_html()).shown
    other: Language = "en" if lang == "zh" else "zh"
    areas = ("report", "figures", "targets", "quality")
    wordings = [
        re.split(r"[{}]", wording)[0].strip()
        for area in areas
        for name, wording in catalogue(other, area).items()
        if wording != catalogue(lang, area)[name] and not name.startswith(("col_", "table_", "level_"))
    ]
    least = 4 if other == "zh" else 12  # shorter beginnings are words that names of the data may hold too
    assert [wording for wording in wordings if len(wording) >= least and wording in shown] == []


def test_every_deal_named_leads_to_its_file_and_line(page: Element, small_report: WeeklyReport):
    won = next(table for table in small_report["changes"].tables if table.key == "changes-won")
    (places,) = [block for block in page.by_id("changes").all("details") if block.attributes.get("class") == "where"]
    for row in won.frame.to_dicts():
        assert f"{row['deal_id']} · frames/deals:{row['source_line']}" in places.shown


def test_the_slip_is_red_and_says_what_to_do(page: Element, small_report: WeeklyReport):
    decay = page.by_id("decay")
    assert [cell.text for cell in decay.all("td") if " act" in cell.attributes.get("class", "")] != []
    (todo,) = [block for block in decay.all("div") if block.attributes.get("class") == "todo"]
    assert "×10" in todo.text
    assert small_report["decay"].is_alarm


def test_slipped_targets_are_no_attainment(small_report: WeeklyReport):
    section = small_report["attainment"]
    assert [picture.key for picture in section.pictures] == ["attainment"]
    drawn = section.pictures[0].figure.layout.yaxis.ticktext
    assert len(drawn) == 2  # the reps of the unit whose targets slipped are left out
    assert section.tables[0].frame.height == 4
    assert HOSTILE[0] in section.notes[0]


def test_a_model_without_signal_is_said_to_have_none(small_report: WeeklyReport):
    section = small_report["top_deals"]
    assert section.finding == text("report.top_deals_refused", small_report.lang)
    assert section.leads
    assert (section.tables, section.pictures, section.missing) == ((), (), ())


def test_to_dict_keeps_amounts_exact_and_is_json(small_report: WeeklyReport):
    told = json.loads(json.dumps(small_report.to_dict(), ensure_ascii=False, allow_nan=False))
    assert [section["key"] for section in told["sections"]] == ORDER
    bridge = told["sections"][0]["facts"]["bridge"]
    open_now = sum(deal["amount"] for deal in small_frames()["deals"].filter(pl.col("status") == "open").to_dicts())
    assert Decimal(bridge[-1]["amount"]) == open_now


def test_old_data_and_guessed_holidays_are_said():
    book = Book.from_frames(exported_at=MOMENT, **small_frames())
    fresh, stale = (weekly(book.as_of(moment), lang="en").heading.warnings for moment in (MOMENT, "2026-05-29"))
    assert fresh == ()
    assert len(stale) == 1
    assert "9 days old" in stale[0]
    before = weekly(book.as_of("2026-04-01"), lang="en").heading.warnings
    assert before == (text("report.warn_no_export", "en"),)


def test_write_replaces_the_page_whole(small_report: WeeklyReport, tmp_path: Path):
    place = tmp_path / "weekly.html"
    place.write_text("last week's page")
    assert small_report.write(place) == place
    assert place.read_bytes() == small_report.to_html().encode()
    assert [file.name for file in tmp_path.iterdir()] == ["weekly.html"]


def test_a_page_that_cannot_be_written_leaves_the_old_one(
    small_report: WeeklyReport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    place = tmp_path / "weekly.html"
    place.write_text("last week's page")

    def full(*_: object, **__: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="No space left"):
        small_report.write(place)
    assert place.read_bytes() == b"last week's page"


def test_headings_of_chinese_pages_are_chinese(sample_report: WeeklyReport):
    page = read(sample_report.to_html())
    for heading in [*page.all("h1"), *page.all("h2"), *page.all("th"), *page.all("summary")]:
        assert CJK.search(heading.text) or heading.attributes.get("scope") == "row", heading.text


def test_a_figure_of_many_people_shows_the_lowest_and_says_so():
    frame = pl.DataFrame({"rep_id": [f"P{n}" for n in range(N_DRAWN + 1)]})
    caption, drawn = drawn_part("Dots.", frame, "en")
    assert caption == f"Dots. The figure shows the {N_DRAWN} lowest."
    assert drawn.height == N_DRAWN
    assert drawn_part("Dots.", drawn, "en")[0] == "Dots."
