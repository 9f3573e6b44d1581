"""Made-up company names that look like company names. Any likeness to a real company is an accident."""

from collections.abc import Mapping

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

_HEADS = (
    *("Al", "An", "Bar", "Ber", "Bran", "Cor", "Dal", "Dor", "El", "Fal", "Fen", "Gar", "Hal", "Han", "Hel", "Hol"),
    *("Jan", "Kal", "Kar", "Kel", "Kra", "Lan", "Lor", "Mar", "Mel", "Mor", "Nor", "Ober", "Pal", "Pel", "Ran", "Ros"),
    *("Sal", "Sol", "Ster", "Tal", "Tor", "Ul", "Val", "Wal", "Wen", "Zel"),
)
_MIDDLES = tuple(consonant + vowel for consonant in "bdfglmnrst" for vowel in "aeio")
_TAILS = (
    *("ck", "dt", "ff", "hn", "kt", "ld", "lk", "ll", "lm", "lt", "mm", "nd", "ng"),
    *("nn", "nt", "nz", "rd", "rg", "rk", "rn", "rs", "rt", "ss", "st", "th", "tz"),
)
_TRADES = {
    "machinery": ("Maschinenbau", "Engineering", "Antriebstechnik"),
    "building trade": ("Bau", "Construction", "Hochbau"),
    "food processing": ("Foods", "Lebensmittel", "Feinkost"),
    "electronics": ("Elektronik", "Systems", "Electronics"),
    "furniture": ("Möbel", "Interiors", "Holzwerk"),
    "public utilities": ("Stadtwerke", "Utilities", "Energie"),
}
_FORMS = {
    "Germany North": ("GmbH", "GmbH & Co. KG", "AG"),
    "Germany South": ("GmbH", "GmbH & Co. KG", "KG"),
    "Benelux": ("B.V.", "N.V.", "B.V."),
    "France": ("SARL", "S.A.", "SAS"),
    "Poland": ("Sp. z o.o.", "S.A.", "Sp. k."),
}
_CITIES = ("苏州", "杭州", "宁波", "青岛", "东莞", "佛山", "无锡", "常州", "厦门", "成都", "武汉", "长沙")
_FIRST = tuple("华盛恒金鸿瑞永新嘉东天宏")
_SECOND = tuple("达源泰信隆辉康诚丰腾安利")
_CHINESE_TRADES = {
    "machinery": "机械设备",
    "building trade": "建筑工程",
    "food processing": "食品",
    "electronics": "电子科技",
    "furniture": "家具",
    "public utilities": "能源服务",
}

Words = NDArray[np.object_]


def company_names(rng: Generator, region: Words, industry: Words) -> Words:
    """One name for each customer, fitting its region and industry; Chinese customers have Chinese names."""
    return np.where(region == "China", _chinese(rng, industry), _european(rng, region, industry))


def _european(rng: Generator, region: Words, industry: Words) -> Words:
    count = len(region)
    stem = _drawn(rng, _HEADS, count) + _drawn(rng, _MIDDLES, count) + _drawn(rng, _TAILS, count)
    name: Words = stem + " " + _of_kind(rng, _TRADES, industry) + " " + _of_kind(rng, _FORMS, region)
    return name


def _chinese(rng: Generator, industry: Words) -> Words:
    count = len(industry)
    stem = _drawn(rng, _CITIES, count) + _drawn(rng, _FIRST, count) + _drawn(rng, _SECOND, count)
    trade = _of_kind(rng, {kind: (word,) for kind, word in _CHINESE_TRADES.items()}, industry)
    name: Words = stem + trade + "有限公司"
    return name


def _drawn(rng: Generator, words: tuple[str, ...], count: int) -> Words:
    return np.array(words, dtype=object)[rng.integers(0, len(words), count)]


def _of_kind(rng: Generator, words: Mapping[str, tuple[str, ...]], kind: Words) -> Words:
    """For each entry of ``kind`` one of its words; an empty text for a kind without words."""
    chosen = np.full(len(kind), "", dtype=object)
    draw = rng.random(len(kind))
    for name, options in words.items():
        here = kind == name
        chosen[here] = np.array(options, dtype=object)[(draw[here] * len(options)).astype(int)]
    return chosen
