"""Encodings are told by what the text then says: right, or refused with the guesses, never wrong in silence."""

from __future__ import annotations

import random
from pathlib import Path

import polars as pl
import pytest

from salesiq.errors import InputError
from salesiq.load import recognition
from salesiq.load.encoding import blocks
from salesiq.load.recognition import detect, recognise

CHINESE = (
    "上海食品有限公司 杭州便利连锁 北京科技股份有限公司 王伟 李娜 张敏 刘洋 陈静 广州贸易 武汉超市 "
    "成都餐饮集团 西安批发 客户联系 已签约 谈判中 价格太高 年度供货 重庆火锅 苏州工业园区 王晓燕 赵子轩 "
    "欧阳娜娜 诸葛亮 司马懿 呼和浩特 乌鲁木齐 哈尔滨啤酒 石家庄 厦门 慕容雪 魏璎珞 麒麟"
)
TRADITIONAL = (
    "臺北食品股份有限公司 高雄便利連鎖 國際貿易 王偉 李娜 張敏 劉洋 陳靜 臺中餐飲集團 新竹科技 客戶聯繫 談判中 "
    "價格太高 年度供貨 桃園 基隆 林志玲 蔡英文 歐陽娜娜 諸葛亮 香港中環 九龍 鴻海 華碩 統一超商 鐵觀音"
)
FRENCH = (
    "Amélie Café Zoë François Société Générale Élodie Besançon Orléans Évreux Agricole Noël Hélène Jérôme "
    "Gérard Nîmes Béziers Sète Château Thévenot Lefèvre Benoît Irène déjà reçu Genève"
)
GERMAN = (
    "Müller Köln München Düsseldorf Jürgen Straße Schröder Böhm Jäger Österreich Größe Fußball Günther Schäfer "
    "Weiß Zürich Nürnberg Lübeck Käthe Süßwaren Höfer"
)
IBERIAN = (
    "São Paulo José Córdoba Málaga Muñoz Bogotá Medellín Brasília Peña Martínez González Núñez Ávila Reykjavík "
    "Curaçao João Conceição"
)
READ = [
    *((CHINESE, codec, "gb18030") for codec in ("gb18030", "gbk")),
    (TRADITIONAL, "big5", "cp950"),
    *((words, codec, codec) for words in (FRENCH, GERMAN, IBERIAN) for codec in ("cp1252", "mac-roman")),
]
FOREIGN = [
    ("Łódź Kraków Gdańsk Wałęsa Świętokrzyski Żółty Poznań Częstochowa Jabłoński Dąbrowski", "cp1250"),
    ("Москва Иванов Петров Сидорова Общество Новосибирск Казань Компания Россия", "cp1251"),
    ("Москва Иванов Петров Сидорова Общество Новосибирск Казань Компания Россия", "koi8-r"),
    ("株式会社 東京 トヨタ ソニー 佐藤 鈴木さん カタログ ありがとう 大阪 パナソニック", "shift_jis"),
    ("삼성전자 서울특별시 김철수 부산 주식회사 현대자동차 영업부 이영희 대한민국", "euc-kr"),
    (GERMAN, "cp850"),
]


def export(folder: Path, words: list[str], codec: str) -> Path:
    path = folder / "names.csv"
    path.write_bytes(("id,name\n" + "".join(f"{place},{word}\n" for place, word in enumerate(words))).encode(codec))
    return path


def verdicts(folder: Path, words: str, codec: str, n_words: int, n_files: int = 40) -> list[str | None]:
    """What each of some random files is taken for; None where it is refused."""
    chance, found = random.Random(7), []  # noqa: S311 - test data
    for _ in range(n_files):
        chosen = chance.choices([word for word in words.split() if not word.isascii()], k=n_words)
        try:
            found.append(detect(export(folder, chosen, codec), "names.csv"))
        except InputError:
            found.append(None)
    return found


@pytest.mark.parametrize(("words", "codec", "expected"), READ)
def test_a_few_names_are_enough_and_none_is_read_wrong(tmp_path: Path, words: str, codec: str, expected: str) -> None:
    few, many = (verdicts(tmp_path, words, codec, n_words) for n_words in (3, 30))
    assert set(few) <= {expected, None}
    assert set(many) == {expected}


@pytest.mark.parametrize(("words", "codec"), FOREIGN)
def test_what_is_none_of_them_is_refused_with_a_guess(tmp_path: Path, words: str, codec: str) -> None:
    assert set(verdicts(tmp_path, words, codec, 30)) == {None}
    with pytest.raises(InputError, match=codec):
        detect(export(tmp_path, words.split(), codec), "names.csv")


def test_confidence_is_that_of_the_decision(tmp_path: Path) -> None:
    sure = recognise(export(tmp_path, FRENCH.split(), "mac-roman"), "names.csv")
    assert sure.encoding == "mac-roman"
    assert sure.confidence is not None
    assert sure.confidence > 0.999
    with pytest.raises(InputError, match=r"Likeliest: .*\(0\.[0-9]+\)") as refused:
        recognise(export(tmp_path, ["ab£"], "cp850"), "names.csv")
    assert refused.value.exit_code == 3


def test_stated_confidence_is_kept_on_supported_encodings(tmp_path: Path) -> None:
    taken = [
        (found, expected)
        for words, codec, expected in READ
        for n_words in (1, 2, 5)
        for found in verdicts(tmp_path, words, codec, n_words, n_files=20)
        if found is not None
    ]
    n_right = sum(found == expected for found, expected in taken)
    assert len(taken) >= 200
    assert n_right >= recognition.LEAST_CONFIDENCE * len(taken)


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("words", [CHINESE, FRENCH, "plain ascii words"])
def test_wide_encodings_without_a_mark(tmp_path: Path, words: str, codec: str) -> None:
    path = export(tmp_path, words.split(), codec)
    assert detect(path, "names.csv") == codec
    text = b"".join(block.data for block in blocks(path, codec)).decode()
    assert all(word in text for word in words.split())


@pytest.mark.parametrize("codec", ["utf-16", "utf-32", "utf-8-sig"])
def test_a_mark_decides(tmp_path: Path, codec: str) -> None:
    path = export(tmp_path, CHINESE.split(), codec)
    assert recognise(path, "names.csv").confidence is None
    assert b"".join(block.data for block in blocks(path, detect(path, "names.csv"))).decode().startswith("id,name")


def test_nul_bytes_do_not_make_utf16(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"id,name\n1,a\x00b\n2,\x00\x00c\n" * 20)
    assert detect(path, "a.csv") == "utf-8"


def test_the_mapping_has_the_last_word(tmp_path: Path) -> None:
    path = export(tmp_path, ["Łódź"], "cp1250")
    assert recognise(path, "names.csv", "cp1250") == recognition.Recognised("cp1250", None)


def test_names_below_a_long_plain_head_are_seen(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"1,plain\n" * 700_000 + "2,上海食品有限公司\n3,杭州便利连锁\n".encode("gb18030"))
    assert detect(path, "a.csv") == "gb18030"


def test_every_accent_of_the_mac_roman_export_is_right(shared_data: Path) -> None:
    path = shared_data / "aws_saas_sales" / "sales_pipeline.csv"
    found = recognise(path, path.name)
    assert (found.encoding, found.confidence is not None and found.confidence > 0.999) == ("mac-roman", True)
    text = b"".join(block.data for block in blocks(path, found.encoding)).decode()
    counts = pl.Series(["São", "San José", "Brasília", "Córdoba", "Malmö", "Bogotá", "Medellín", "Reykjavík"])
    assert [text.count(word) for word in counts] == [133, 38, 28, 24, 23, 22, 18, 4]
    assert sum(sign >= "\x80" for sign in text) == 290
