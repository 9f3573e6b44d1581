"""A table as a CSV file that a spreadsheet opens rightly and that can do no harm there.

UTF-8 with a byte-order mark, by which Excel knows Chinese; commas, quotes and line ends as RFC 4180 says. A text that a
spreadsheet would take for a formula (OWASP "CSV injection") gets an apostrophe in front, which shows it as text; numbers
stay numbers, and an id keeps its leading zeros.
"""

import csv
import unicodedata
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from features.text import Language, Text
from features.writing import atomic_file

FORMULA_STARTS = frozenset("=+-@")
"""What a formula begins with, after normalisation: full-width ＝＋－＠ are the same for a spreadsheet in Chinese."""
CONTROLS = ("\t", "\r", "\n")
"""A cell that begins with one of these can fall apart so that a formula comes first."""


def write_csv(table: pd.DataFrame, titles: Mapping[str, Text], language: Language, target: Path) -> None:
    """Write the columns of ``table`` that have a title, in the titles' order and in one language; whole or not at all.

    Texts are made harmless by `harmless`; numbers, dates and flags are written as they are; what is missing is empty.

    Raises StorageError: the place cannot be written. KeyError: a title is for a column that is not there.
    """
    shown = table[list(titles)].copy()
    for name in shown.columns:
        if not (pd.api.types.is_numeric_dtype(shown[name]) or pd.api.types.is_datetime64_any_dtype(shown[name])):
            shown[name] = shown[name].map(_cell, na_action="ignore")
    shown.columns = pd.Index([harmless(title.of(language)) for title in titles.values()])
    with atomic_file(target) as temporary:
        shown.to_csv(
            temporary, index=False, encoding="utf-8-sig", lineterminator="\r\n", quoting=csv.QUOTE_MINIMAL, na_rep=""
        )


def harmless(text: str) -> str:
    """The text itself, or with an apostrophe in front where a spreadsheet might take it for a formula.

    Blanks, invisible signs and quotation marks in front of the formula do not hide it. A text that is a plain number, such
    as an id of -17, is not spared: ids stay text.

    >>> harmless("=1+1"), harmless(" @SUM(A1)"), harmless("＝1"), harmless("00123"), harmless("A-1")
    ("'=1+1", "' @SUM(A1)", "'＝1", '00123', 'A-1')
    """
    return f"'{text}" if starts_formula(text) else text


def starts_formula(text: str) -> bool:
    """Whether a spreadsheet might take the text for a formula."""
    if text.startswith(CONTROLS):
        return True
    plain = unicodedata.normalize("NFKC", text)
    first = next((sign for sign in plain if not _unseen(sign)), "")
    return first in FORMULA_STARTS or first == "−"


def _unseen(sign: str) -> bool:
    """Whether a spreadsheet may drop the sign at a cell's beginning: blanks, controls, marks of format, quotation marks."""
    return sign.isspace() or unicodedata.category(sign) in ("Cc", "Cf", "Zs") or sign == '"'


def _cell(value: object) -> object:
    """A value of a column that is not all numbers, as it is written."""
    return value if isinstance(value, bool | int | float) else harmless(str(value))
