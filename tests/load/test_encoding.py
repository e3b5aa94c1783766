from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from salesiq.load import encoding
from salesiq.load.encoding import blocks
from salesiq.load.recognition import detect

TEXT = "编号,名称\n1,上海食品有限公司\n2,杭州便利连锁\n"


def written(folder: Path, data: bytes) -> Path:
    path = folder / "f.csv"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("codec", "found"),
    [("utf-8", "utf-8"), ("utf-8-sig", "utf-8-sig"), ("utf-16", "utf-16"), ("gb18030", "gb18030"), ("gbk", "gb18030")],
)
def test_encodings_are_told_apart_and_decoded(tmp_path: Path, codec: str, found: str) -> None:
    path = written(tmp_path, TEXT.encode(codec))
    assert detect(path, "f.csv") == found
    assert b"".join(block.data for block in blocks(path, found)).decode() == TEXT


def test_four_byte_gb18030(tmp_path: Path) -> None:
    path = written(tmp_path, ("编号,名称\n1,𠮷野家上海餐饮管理有限公司与客户签订长期合同\n").encode("gb18030"))
    assert detect(path, "f.csv") == "gb18030"


def test_ascii_is_utf8(tmp_path: Path) -> None:
    assert detect(written(tmp_path, b"a,b\n1,2\n"), "f.csv") == "utf-8"


def test_a_stray_line_does_not_decide(tmp_path: Path) -> None:
    data = TEXT.encode() + "3,上海\n".encode("gbk")
    path = written(tmp_path, data)
    assert detect(path, "f.csv") == "utf-8"
    (block,) = blocks(path, "utf-8")
    assert block.bad == {3: data.index("上海".encode("gbk"))}


@settings(max_examples=50, deadline=None)
@given(
    st.text(alphabet=st.characters(codec="gb18030", exclude_characters="\r"), max_size=200),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "gb18030"]),
    st.integers(5, 60),
)
def test_blocks_lose_nothing(tmp_path_factory: pytest.TempPathFactory, text: str, codec: str, n_bytes: int) -> None:
    path = written(tmp_path_factory.mktemp("blocks"), text.encode(codec))
    before = encoding.BLOCK_BYTES
    try:
        encoding.BLOCK_BYTES = n_bytes
        found = list(blocks(path, codec))
    finally:
        encoding.BLOCK_BYTES = before
    assert b"".join(block.data for block in found).decode() == text
    assert all(not block.bad for block in found)
    assert all(block.data.endswith(b"\n") for block in found[:-1])
