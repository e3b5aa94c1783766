"""How likely a text is, as Western, Chinese, Japanese, Korean or Cyrillic writing: what tells encodings apart.

An 8-bit encoding fits any bytes, and two encodings of Chinese fit each other's; only what the text then says can decide.
Probabilities are rough on purpose (a class of characters shares one); `recognition` damps what it concludes from them.
"""

from __future__ import annotations

import math
import re
import unicodedata
from functools import lru_cache

__all__ = ["chinese", "cyrillic", "hangul", "japanese", "western"]

_ASCII = math.log(1 / 60)
_NEVER = math.log(1e-9)
_COMMON = frozenset(
    "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所然家种事成方多经么去法"
    "学如都同现当没动面起看定天分还进好小部其些主样理心她本前开但因只从想实日军者意无力它与长把机十民第公此已工使情明性知全三又关点正业"
    "外将两高间由问很最重并物手应战向头文体政美相见被利什二等产或新己制身果加西斯月话合回特代内信表化老给世位次度门任常先海通教儿原东声"
    "提立及比员解水名真论处走义各入几口认条平系气题活尔更别打女变四神总何电数安少报才结反受目太量再感建务做接必场件计管期市直德资命山金"
    "指克许统区保至队形社便空决治展马科司五基眼书非则听白却界达光放强即像难且权思王象完设式色路记南品住告类求据程北边张该交规万取拉格望"
    "觉术领共确传师观清今切院让识候带导争运限责股份集团技贸易商食饮料连锁店超餐酒销售客户同订单额状态赢输号称创负联系话址省县镇街村城乡"
    "京沪津渝浙苏粤鲁豫冀晋陕甘宁青藏川贵云桂湘鄂赣皖闽琼辽吉黑龙江蒙疆港澳台广州深圳杭武汉昌福厦成都重庆石庄太沈阳春哈尔滨济郑兰银呼包"
    "李刘陈杨黄赵吴周徐孙朱胡郭林罗梁谢宋唐韩冯邓曹彭曾肖田董潘袁蔡蒋余杜叶魏吕丁沈姚卢姜崔钟谭陆汪范石廖贾夏付邹熊白孟秦邱侯尹薛闫段雷"
    "伟芳娜秀英敏静丽强磊军洋勇艳杰娟涛超霞鹏玲红华志俊宇欣怡晨雨泽浩然子轩博思琪婷雪梅建国文斌峰辉鑫波刚健亮飞宏兴旺盛达顺百货零批发农"
    "這個們來為國說時會對於過發後種經學現當沒動還進無與長機關點業將兩間問應戰體見產實開從樣樂東聲員處義氣題爾變總數報給結幾場計統區資許"
    "隊設記類據邊張該規萬覺術領確傳師觀讓識帶導爭運責團貿飲連鎖銷戶訂單額狀態贏輸號稱創負聯繫話省縣鎮鄉灣臺廣蘇陝寧龍馬車門養館網電務價"
    "劉陳楊黃趙吳孫鄭謝韓馮鄧蕭葉蔣餘魏呂盧鐘譚陸範賈鄒偉麗強軍艷傑濤鵬紅華誌劍飛興達順貨發農際頭隆亞聖億豐寶禮錦遠誠齊聚鴻嘉祥泰裕"
)
_PUNCTUATION = frozenset("，。、；：？！（）《》「」『』“”‘’—…·￥％　【】〈〉－～")
_LETTERS = {
    **dict(zip("éüöäèàçñóíáã", (0.2, 0.1, 0.08, 0.08, 0.06, 0.05, 0.03, 0.05, 0.06, 0.05, 0.06, 0.03), strict=True)),
    **dict(zip("êßúôõâîåøæëïûùòìœ", (0.02, 0.03, 0.02, 0.015, 0.01, *(0.01,) * 12), strict=True)),
}
_LETTERS |= dict.fromkeys("ąćęłńśźżčřšžěůőű", 0.01)
_FOLLOWED_BY = {"ñ": "aeiouáéíóú", "œ": "uids"}
_STRANGER, _SYMBOL, _MARK = 5e-4, 2e-5, 5e-3
_MIDWORD = 1e-3
_TOUCHING, _TOUCH = re.compile("[a-z](?=[^\x00-\x7f])|[^\x00-\x7f](?=[a-z])"), math.log(0.1)
_NEAR_DIGITS, _TRADEMARKS, _DASHES, _OPENING, _CLOSING = "€£¥°º½¼¾±", "®™©", "–—", "“‘«¿¡", "”…»"


def western(text: str) -> float:
    """Return the log-likelihood of a text as words of Western Europe.

    >>> western("San José") > western("San JosŽ")
    True
    """
    total = 0.0
    for place, sign in enumerate(text):
        before = text[place - 1] if place else " "
        after = text[place + 1] if place + 1 < len(text) else " "
        total += _ASCII if sign < "\x80" else math.log(_western(sign, before, after))
    return total


def _western(sign: str, before: str, after: str) -> float:
    in_word = before.isalpha() and after.isalpha()
    if sign.isalpha() and sign not in "ªºƒ":
        return _letter(sign, before, after)
    if sign == "’":
        return _MARK * (1 if before.isalpha() and after in "stldmvreaéèêiouhAEIOUH " else 0.05)
    if sign in _OPENING:
        return _MARK / 5 * (_MIDWORD if before.isalpha() else 1)
    if sign in _CLOSING:
        return _MARK / 5 * (_MIDWORD if after.isalpha() else 1)
    if sign in _DASHES:
        return _MARK / 2 * (0.02 if in_word else 1)
    if sign in _NEAR_DIGITS:
        return _MARK / 5 * (1 if (before + after).strip() == "" or before.isdigit() or after.isdigit() else 0.02)
    if sign in _TRADEMARKS:
        return _MARK / 10 * (_MIDWORD if after.isalpha() else 1)
    if sign == "\xa0":
        return _MARK / 5 * (0.02 if in_word else 1)
    if unicodedata.category(sign) in ("Cc", "Cn", "Co"):
        return 1e-9
    return _SYMBOL * (0.05 if in_word else 1)


def _letter(sign: str, before: str, after: str) -> float:
    weight = _LETTERS.get(sign.lower(), _STRANGER)
    if sign.isupper():
        weight *= 0.05 * (_MIDWORD if before.islower() else 1)
        return weight * (0.1 if not after.isalpha() and not before.isupper() else 1)
    if after.isalpha() and after.lower() not in _FOLLOWED_BY.get(sign, after.lower()):
        return weight * 0.05
    if not before.isalpha() and not after.isalpha():
        return weight * (0.3 if sign == "à" else 0.02)
    if before.isupper() and before >= "\x80":
        return weight * 0.05
    return weight * (0.2 if before >= "\x80" or after >= "\x80" else 1)


def chinese(text: str, encoding: str) -> float:
    """Return the log-likelihood of a text as Chinese, where the first half of the encoding's table holds everyday characters.

    >>> chinese("上海食品", "gb18030") > chinese("弢唳弤獲", "gb18030")
    True
    """
    return _mixed(text) + sum(_ASCII if sign < "\x80" else _hanzi(sign, encoding) for sign in text)


def _mixed(text: str) -> float:
    """Return what it costs that letters of two scripts touch within a word, as they do in Western words read as something
    else.
    """
    return len(_TOUCHING.findall(text)) * _TOUCH


@lru_cache(maxsize=40_000)
def _hanzi(sign: str, encoding: str) -> float:
    if sign in _COMMON:
        return math.log(0.6 / len(_COMMON))
    if sign in _PUNCTUATION:
        return math.log(0.05 / len(_PUNCTUATION))
    if "\uff01" <= sign <= "\uff5e":
        return math.log(0.01 / 94)
    if not "\u4e00" <= sign <= "\u9fff":
        return math.log(1e-7) if unicodedata.category(sign) not in ("Co", "Cn") else _NEVER
    everyday = _is_everyday(sign, encoding)
    return math.log(0.33 / 4000) if everyday else math.log(0.01 / 15_000)


def _is_everyday(sign: str, encoding: str) -> bool:
    """Whether a character stands in the first level of GB 2312 or of Big5."""
    try:
        lead = sign.encode("gb2312" if encoding == "gb18030" else encoding)[0]
    except UnicodeEncodeError:
        return False
    return 0xB0 <= lead <= 0xD7 if encoding == "gb18030" else 0xA4 <= lead <= 0xC6


def hangul(text: str) -> float:
    """Return the log-likelihood of a text as Korean."""
    return _mixed(text) + sum(
        _ASCII if sign < "\x80" else math.log(0.9 / 2350) if "\uac00" <= sign <= "\ud7a3" else math.log(1e-6) for sign in text
    )


def japanese(text: str) -> float:
    """Return the log-likelihood of a text as Japanese, which never goes far without kana."""
    return _mixed(text) + sum(_ASCII if sign < "\x80" else _kana(sign) for sign in text)


def _kana(sign: str) -> float:
    if "\u3041" <= sign <= "\u30ff":
        return math.log(0.5 / 160)
    if "\uff61" <= sign <= "\uff9f":  # half-width: what any other text seems to be made of
        return math.log(1e-5)
    return math.log(0.4 / 6000) if "\u4e00" <= sign <= "\u9fff" else math.log(1e-6)


def cyrillic(text: str) -> float:
    """Return the log-likelihood of a text as Russian and its kin."""
    total = 2 * _mixed(text)
    for place, sign in enumerate(text):
        before = text[place - 1] if place else " "
        if sign < "\x80":
            total += _ASCII
        elif "\u0410" <= sign <= "\u044f" or sign in "ёЁ":
            total += math.log(1 / 250 if sign.isupper() and not before.islower() else 1e-5 if sign.isupper() else 1 / 40)
        else:
            total += math.log(1e-6)
    return total
