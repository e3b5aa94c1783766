"""Workbooks that no library of the test environment writes: XLSB, ODS and the shell of an encrypted XLSX.

`files/deals.xls`, `files/deals_1904.xls` were written once with xlwt 1.3: the rows of `DEALS`, and one date.
"""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape

FILES = Path(__file__).parent / "files"
_RELATION = "http://schemas.openxmlformats.org/package/2006/relationships"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def xlsb(path: Path, rows: Sequence[Sequence[str | float]], sheet: str = "Sheet1") -> Path:
    """Write text cells and number cells as BIFF12 records ([MS-XLSB] 2.4)."""
    named = struct.pack("<II", 0, 1) + _wide("rId1") + _wide(sheet)
    book = b"".join([_record(131), _record(143), _record(156, named), _record(144), _record(132)])
    body = [_record(129), _record(148, struct.pack("<4I", 0, len(rows) - 1, 0, max(map(len, rows)) - 1)), _record(145)]
    for number, row in enumerate(rows):
        body.append(_record(0, struct.pack("<IIHBBBI", number, 0, 300, 0, 0, 0, 0)))
        body += [_cell(place, cell) for place, cell in enumerate(row)]
    body += [_record(146), _record(130)]
    target = f'<Relationship Id="rId1" Type="{_OFFICE}/worksheet" Target="worksheets/sheet1.bin"/>'
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("xl/workbook.bin", book)
        archive.writestr("xl/_rels/workbook.bin.rels", f'<Relationships xmlns="{_RELATION}">{target}</Relationships>')
        archive.writestr("xl/worksheets/sheet1.bin", b"".join(body))
    return path


def _record(kind: int, body: bytes = b"") -> bytes:
    mark = bytes([kind]) if kind < 128 else bytes([kind & 0x7F | 0x80, kind >> 7])
    size, left = b"", len(body)
    while True:
        size += bytes([left & 0x7F | (0x80 if left > 127 else 0)])
        left >>= 7
        if not left:
            return mark + size + body


def _wide(text: str) -> bytes:
    return struct.pack("<I", len(text.encode("utf-16-le")) // 2) + text.encode("utf-16-le")


def _cell(place: int, cell: str | float) -> bytes:
    head = struct.pack("<II", place, 0)
    return _record(6, head + _wide(cell)) if isinstance(cell, str) else _record(5, head + struct.pack("<d", cell))


def ods(path: Path, rows: Sequence[Sequence[str | float]]) -> Path:
    spaces = " ".join(
        f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in ("office", "table", "text")
    )
    body = "".join(f"<table:table-row>{''.join(_ods_cell(cell) for cell in row)}</table:table-row>" for row in rows)
    content = (
        f"<office:document-content {spaces}><office:body><office:spreadsheet>"
        f'<table:table table:name="Sheet1">{body}</table:table></office:spreadsheet></office:body></office:document-content>'
    )
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", content)
        archive.writestr("META-INF/manifest.xml", "<manifest/>")
    return path


def _ods_cell(cell: str | float) -> str:
    if isinstance(cell, str):
        return f'<table:table-cell office:value-type="string"><text:p>{escape(cell)}</text:p></table:table-cell>'
    return f'<table:table-cell office:value-type="float" office:value="{cell}"/>'


def encrypted(path: Path) -> Path:
    """Write what Excel wraps a workbook with a password into: an OLE file with the stream EncryptedPackage."""
    path.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600) + "EncryptedPackage".encode("utf-16-le") + bytes(600))
    return path
