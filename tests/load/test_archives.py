from __future__ import annotations

import gzip
import io
import os
import stat
import struct
import tempfile
import zipfile
from pathlib import Path

import polars as pl
import pytest
from exports import HEADER, export, mapping_file, workbook

from salesiq.book import Book
from salesiq.errors import InputError
from salesiq.load import LoadReport, load
from salesiq.load.finding import find_sources

ROW = "D1,甲,5,2026-01-03,进行中"
CSV = f"{HEADER}\n{ROW}\n".encode()


def zipped(path: Path, members: dict[str, bytes], mode: int = zipfile.ZIP_DEFLATED) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", mode) as archive:
        for name, body in members.items():
            archive.writestr(name, body)
    return path


def load_it(path: Path) -> tuple[Book, LoadReport]:
    book = Book(":memory:")
    return book, load(book, path, mapping_file(path.parent.parent / "map"), exported_at="2026-01-31")


def refused(path: Path, match: str) -> bool:
    before = set(Path(tempfile.gettempdir()).glob("salesiq-load-*"))
    with pytest.raises(InputError, match=match) as caught:
        load_it(path)
    stayed = set(Path(tempfile.gettempdir()).glob("salesiq-load-*")) - before  # what was unpacked must not
    return caught.value.exit_code == 3 and not stayed


@pytest.fixture
def inbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    return tmp_path / "in"


def test_members_are_sources_with_the_archive_in_their_name(inbox: Path) -> None:
    path = zipped(inbox / "export.zip", {"crm/deals.csv": CSV, "readme.md": b"x", "__MACOSX/._deals.csv": b"x", "a/": b""})
    book, report = load_it(path)
    assert report.files["source_file"].to_list() == ["export.zip/crm/deals.csv"]
    assert report.n_loaded == 1
    unused = report.remarks.filter(pl.col("remark").str.starts_with("unused")).select("source_file", "remark").rows()
    assert unused == [("export.zip/readme.md", "unused_format"), ("export.zip/__MACOSX/._deals.csv", "unused_hidden")]
    assert not list(Path(tempfile.gettempdir()).glob("salesiq-load-*"))
    assert load(book, path, mapping_file(inbox.parent / "map"), exported_at="2026-01-31").is_noop


def test_the_day_in_an_archives_name_is_its_moment(inbox: Path) -> None:
    path = zipped(inbox / "crm 2026-01-30.zip", {"deals.csv": CSV})
    report = load(Book(":memory:"), path, mapping_file(inbox.parent / "map"))
    assert str(report.exported_at) == "2026-01-30 23:59:59"


def test_every_kind_of_file_can_be_packed(inbox: Path) -> None:
    xlsx = workbook(inbox.parent / "x.xlsx", [HEADER.split(","), ROW.split(",")]).read_bytes()
    frame = io.BytesIO()
    pl.DataFrame([ROW.split(",")], schema=HEADER.split(","), orient="row").write_parquet(frame)
    members = {"a.xlsx": xlsx, "b.parquet": frame.getvalue(), "c.json": b'[{"a": 1}]', "d.csv": CSV}
    found = find_sources(zipped(inbox / "all.zip", members))
    assert [source.kind for source in found.sources] == [".xlsx", ".parquet", ".json", ".csv"]
    mapping = mapping_file(inbox.parent / "map", _any_of("*.xlsx", "*.parquet", "*.csv"))
    report = load(Book(":memory:"), inbox, mapping, exported_at="2026-01-31")
    assert report.files["encoding"].to_list() == ["xlsx", "parquet", "utf-8"]
    assert report.n_rows_in == 3


def _any_of(*patterns: str) -> str:
    from exports import DEALS

    return DEALS.replace('"deals*.csv"', str(list(patterns)).replace("'", '"'))


@pytest.mark.parametrize("name", ["deals.csv.gz", "deals.xlsx.gz", "deals.jsonl.gz"])
def test_gz_goes_by_the_name_of_what_is_in_it(inbox: Path, name: str) -> None:
    inbox.mkdir()
    body = {"csv": CSV, "jsonl": b'{"a": 1}\n'}.get(name.split(".")[1])
    if body is None:
        body = workbook(inbox.parent / "x.xlsx", [HEADER.split(","), ROW.split(",")]).read_bytes()
    (inbox / name).write_bytes(gzip.compress(body))
    (source,) = find_sources(inbox).sources
    assert (source.name, source.kind) == (name, Path(name.removesuffix(".gz")).suffix)
    if "jsonl" not in name:
        mapping = mapping_file(inbox.parent / "map", _any_of("deals.csv", "deals.xlsx"))
        assert load(Book(":memory:"), inbox, mapping, exported_at="2026-01-31").n_loaded == 1


def test_a_file_beside_the_archive_it_is_in_is_loaded_once(inbox: Path) -> None:
    zipped(inbox / "Export.zip", {"Export/deals.csv": CSV, "Export/deals2.csv": CSV.replace(b"D1", b"D2")})
    zipped(inbox / "again.zip", {"deals2.csv": CSV.replace(b"D1", b"D2")})
    export(inbox, ROW)
    _, report = load_it(inbox)
    assert report.files["source_file"].to_list() == ["Export.zip/Export/deals2.csv", "deals.csv"]
    assert (report.n_loaded, report.n_rejected) == (2, 0)
    twins = report.remarks.filter(remark="unused_twin")["source_file"].to_list()
    assert twins == ["Export.zip/Export/deals.csv", "again.zip/deals2.csv"]


def test_maven_is_not_loaded_twice(shared_data: Path) -> None:
    found = find_sources(shared_data / "maven_crm")
    assert {"/" in source.name for source in found.sources} == {False}
    assert sum(reason == "unused_twin" for _, reason in found.unused) == 5


@pytest.mark.fault(69)
@pytest.mark.parametrize("name", ["../deals.csv", "/etc/deals.csv", "a/../../deals.csv", "..\\deals.csv", "C:/deals.csv"])
def test_members_that_would_be_written_outside(inbox: Path, name: str) -> None:
    assert refused(zipped(inbox / "a.zip", {"ok.csv": CSV, name: CSV}), "outside the archive's folder")


@pytest.mark.fault(69)
def test_a_link_in_an_archive(inbox: Path) -> None:
    path = zipped(inbox / "a.zip", {})
    with zipfile.ZipFile(path, "a") as archive:
        item = zipfile.ZipInfo("deals.csv")
        item.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(item, "/etc/passwd")
    assert refused(path, "which is a link")


@pytest.mark.fault(69)
def test_a_link_out_of_the_folder_is_not_followed(inbox: Path) -> None:
    outside = export(inbox.parent / "outside", ROW)
    export(inbox, ROW.replace("D1", "D2"), name="deals2.csv")
    (inbox / "deals.csv").symlink_to(outside)
    _, report = load_it(inbox)
    assert report.files["source_file"].to_list() == ["deals2.csv"]
    assert report.remarks.filter(remark="unused_outside")["source_file"].to_list() == ["deals.csv"]


@pytest.mark.fault(47)
def test_a_bomb_is_seen_in_the_directory(inbox: Path) -> None:
    path = zipped(inbox / "a.zip", {"deals.csv": bytes(60 * 2**20)})
    assert path.stat().st_size < 100_000
    assert refused(path, "would grow from 5. KB to 60 MB")


@pytest.mark.fault(47)
def test_a_directory_that_lies_about_sizes(inbox: Path) -> None:
    path = zipped(inbox / "a.zip", {"deals.csv": bytes(60 * 2**20)})
    true, false = struct.pack("<I", 60 * 2**20), struct.pack("<I", 1000)
    body = path.read_bytes()
    assert body.count(true) == 2
    path.write_bytes(body.replace(true, false))
    assert refused(path, "no sound ZIP archive")


@pytest.mark.fault(47)
def test_a_gz_bomb_is_stopped_while_it_grows(inbox: Path) -> None:
    inbox.mkdir()
    (inbox / "deals.csv.gz").write_bytes(gzip.compress(bytes(60 * 2**20)))
    assert refused(inbox / "deals.csv.gz", "would grow from 5. KB to 1. MB or more")


@pytest.mark.fault(47)
def test_an_archive_with_too_many_files(inbox: Path) -> None:
    assert refused(zipped(inbox / "a.zip", {f"{number}.csv": b"" for number in range(2001)}), "more than 2000 files")
    assert refused(zipped(inbox / "b.zip", {f"{number:0250d}.csv": b"" for number in range(60_000)}), "more than 2000 files")


def test_an_archive_in_an_archive(inbox: Path) -> None:
    inner = zipped(inbox.parent / "inner.zip", {"deals.csv": CSV}).read_bytes()
    assert refused(zipped(inbox / "a.zip", {"x/inner.zip": inner}), r"another archive, x/inner\.zip")


def test_an_encrypted_archive(inbox: Path) -> None:
    path = zipped(inbox / "a.zip", {"deals.csv": CSV})
    body = bytearray(path.read_bytes())
    body[6] |= 1
    body[body.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(body)
    assert refused(path, "protected by a password")


@pytest.mark.fault(49)
def test_a_cut_or_damaged_archive(inbox: Path) -> None:
    whole = zipped(inbox / "a.zip", {"deals.csv": os.urandom(5000)}, zipfile.ZIP_STORED).read_bytes()
    for part in (whole[:-30], whole[:100], whole[:1000] + b"x" + whole[1001:], b"no archive"):
        (inbox / "a.zip").write_bytes(part)
        assert refused(inbox / "a.zip", "no sound ZIP archive")


@pytest.mark.fault(49)
def test_a_cut_or_damaged_gz(inbox: Path) -> None:
    inbox.mkdir()
    whole = gzip.compress(CSV * 50)
    for part in (whole[:-1], whole[:-9], whole[:20], whole[:12] + b"\xff" + whole[13:], b"no gz"):
        (inbox / "deals.csv.gz").write_bytes(part)
        assert refused(inbox, "no complete GZ file")


@pytest.mark.fault(6)
def test_an_empty_file_in_an_archive(inbox: Path) -> None:
    assert refused(zipped(inbox / "a.zip", {"deals.csv": b""}), "is empty")
