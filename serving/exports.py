"""A table as a file that a spreadsheet opens rightly and that can do no harm there: CSV, or an Excel workbook.

CSV: UTF-8 with a byte-order mark, by which Excel knows Chinese; commas, quotes and line ends as RFC 4180 says. A text that a
spreadsheet would take for a formula (OWASP "CSV injection") gets an apostrophe in front, which shows it as text; numbers
stay numbers, and an id keeps its leading zeros. In a workbook each cell says itself whether it is text or number, so that
nothing needs an apostrophe.
"""

import csv
import math
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from features.text import Language, Text
from features.writing import atomic_file

FORMULA_STARTS = frozenset("=+-@")
"""What a formula begins with, after normalisation: full-width ＝＋－＠ are the same for a spreadsheet in Chinese."""
CONTROLS = ("\t", "\r", "\n")
"""A cell that begins with one of these can fall apart so that a formula comes first."""
MOST_SIGNS = 32_767
"""Excel holds no longer text in a cell."""
NARROWEST, WIDEST = 8, 60
"""Characters that a column is wide; longer texts are wrapped."""


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


def write_xlsx(table: pd.DataFrame, titles: Mapping[str, Text], language: Language, target: Path) -> None:
    """Write what `write_csv` writes as an Excel workbook of one sheet; whole or not at all.

    Texts are texts whatever they begin with, and never longer than Excel holds; numbers, flags and days are what they are. Rows go
    to the disk as they are written, so a long list needs no more memory than a short one.

    Raises as `write_csv` does.
    """
    from xlsxwriter import Workbook  # takes a while to load, and only lists need it
    from xlsxwriter.exceptions import FileCreateError

    with atomic_file(target) as temporary:
        options = {"constant_memory": True, "remove_timezone": True, "tmpdir": str(temporary.parent)}
        try:
            with Workbook(str(temporary), options) as book:
                _write_sheet(book, table[list(titles)], [title.of(language) for title in titles.values()])
        except FileCreateError as fault:  # a full disk, in a wrapping of its own
            raise fault.args[0] from None


def _write_sheet(book: Any, table: pd.DataFrame, titles: Sequence[str]) -> None:
    looks = ({"bold": True, "text_wrap": True}, {"text_wrap": True}, {"num_format": "yyyy-mm-dd"})
    head, text, day = (book.add_format({**look, "valign": "top"}) for look in looks)
    sheet = book.add_worksheet()
    sheet.freeze_panes(1, 0)
    for place, title in enumerate(titles):
        sheet.set_column(place, place, _width(table.iloc[:, place], title))
        sheet.write_string(0, place, title, head)
    for row, cells in enumerate(table.itertuples(index=False, name=None), start=1):
        for place, cell in enumerate(cells):
            _write_cell(sheet, row, place, cell, text, day)


def _write_cell(sheet: Any, row: int, place: int, cell: Any, text: Any, day: Any) -> None:
    """One cell of a workbook by its own kind; what is missing or no number stays empty."""
    if isinstance(cell, str):
        sheet.write_string(row, place, cell[:MOST_SIGNS], text)
    elif pd.isna(cell):
        return
    elif isinstance(cell, bool):
        sheet.write_boolean(row, place, cell, text)
    elif isinstance(cell, int | float):
        if math.isfinite(cell):
            sheet.write_number(row, place, cell)
    elif isinstance(cell, date):
        sheet.write_datetime(row, place, cell, day)
    else:
        sheet.write_string(row, place, str(cell)[:MOST_SIGNS], text)


def _width(column: "pd.Series[Any]", title: str) -> int:
    """Characters for the longest of the first cells and the title; a Chinese one is two wide."""
    shown = [title, *(str(cell) for cell in column.head(100) if not pd.isna(cell))]
    widest = max(sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in cell) for cell in shown)
    return min(max(widest + 1, NARROWEST), WIDEST)


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
