"""What is exported is read back as it was, and nothing in it starts a formula."""

import csv
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree
from zipfile import ZipFile

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.errors import StorageError
from features.text import Text
from serving.exports import MOST_SIGNS, harmless, starts_formula, write_csv, write_xlsx

TITLES = {
    "customer_id": Text("Customer", "客户编号"),
    "name": Text("Name", "名称"),
    "balance": Text("Balance", "余额"),
}


def read(file: Path) -> list[list[str]]:
    with file.open(encoding="utf-8-sig", newline="") as opened:
        return list(csv.reader(opened, strict=True))


def sheet(file: Path) -> list[list[tuple[str | None, str | None]]]:
    """Rows of a workbook's cells: kind ("inlineStr" is text, "b" a flag, None a number) and what is written."""
    main = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
    with ZipFile(file) as parts:
        root = ElementTree.fromstring(parts.read("xl/worksheets/sheet1.xml"))
    assert root.find(f".//{main}f") is None  # no formula anywhere
    return [
        [(cell.get("t"), "".join(cell.itertext())) for cell in row.iter(f"{main}c")] for row in root.iter(f"{main}row")
    ]


def test_a_workbook_holds_texts_as_texts_and_numbers_as_numbers_under_titles_in_the_readers_language(
    tmp_path: Path,
) -> None:
    table = pd.DataFrame(
        {
            "customer_id": ["00017", "-17", "3"],
            "name": ["=1+1", "{=SUM(A1)}", None],
            "balance": [-12.5, float("nan"), float("inf")],
        }
    )

    write_xlsx(table, TITLES, "zh", tmp_path / "list.xlsx")

    assert sheet(tmp_path / "list.xlsx") == [
        [("inlineStr", "客户编号"), ("inlineStr", "名称"), ("inlineStr", "余额")],
        [("inlineStr", "00017"), ("inlineStr", "=1+1"), (None, "-12.5")],
        [("inlineStr", "-17"), ("inlineStr", "{=SUM(A1)}")],
        [("inlineStr", "3")],
    ]
    assert [file.name for file in tmp_path.iterdir()] == ["list.xlsx"]


def test_flags_days_and_texts_longer_than_excel_holds_in_a_workbook(tmp_path: Path) -> None:
    table = pd.DataFrame(
        {
            "customer_id": [datetime(2026, 1, 2, tzinfo=UTC)],
            "name": ["https://example.org/" + "x" * MOST_SIGNS],
            "balance": [True],
        }
    )

    write_xlsx(table, TITLES, "en", tmp_path / "list.xlsx")

    day, name, flag = sheet(tmp_path / "list.xlsx")[1]
    assert day == (None, "46024")  # days from 1900, as Excel counts
    assert name == ("inlineStr", ("https://example.org/" + "x" * MOST_SIGNS)[:MOST_SIGNS])
    assert flag == ("b", "1")


def test_a_table_is_written_for_excel_with_titles_in_the_readers_language(tmp_path: Path) -> None:
    table = pd.DataFrame(
        {
            "balance": [-12.5, float("nan"), 3.0],
            "customer_id": ["00017", "-17", "3"],
            "name": ['中文, "引号"', "=HYPERLINK(1)", None],
            "secret": ["x", "y", "z"],
        }
    )

    write_csv(table, TITLES, "zh", tmp_path / "list.csv")

    assert (tmp_path / "list.csv").read_bytes().decode("utf-8") == (
        '\ufeff客户编号,名称,余额\r\n00017,"中文, ""引号""",-12.5\r\n\'-17,\'=HYPERLINK(1),\r\n3,,3.0\r\n'
    )
    assert [file.name for file in tmp_path.iterdir()] == ["list.csv"]


def test_numbers_among_texts_flags_and_days_stay_what_they_are(tmp_path: Path) -> None:
    table = pd.DataFrame(
        {"name": [-1, "-1"], "balance": [True, False], "customer_id": pd.to_datetime(["2026-01-02"] * 2)}
    )

    write_csv(table, TITLES, "en", tmp_path / "list.csv")

    assert read(tmp_path / "list.csv") == [
        ["Customer", "Name", "Balance"],
        ["2026-01-02", "-1", "True"],
        ["2026-01-02", "'-1", "False"],
    ]


@pytest.mark.parametrize(
    "text",
    [
        "=1",
        "+1",
        "-1",
        "@A1",
        "\t=1",
        "\rx",
        "\nx",
        " =1",
        "　＝1",
        "＋1",
        "－1",
        "＠A1",
        "\u200b=1",
        "\ufeff@x",
        '"=1',
        "−1",
        "\x00=1",
    ],
)
def test_what_a_spreadsheet_may_take_for_a_formula_is_shown_as_text(text: str) -> None:
    assert starts_formula(text)
    assert harmless(text) == f"'{text}"
    assert not starts_formula(harmless(text))


@pytest.mark.parametrize("text", ["", "a=1", "00123", "A-1", "王先生", "'=1", "1-2", "(5)"])
def test_other_texts_are_left_alone(text: str) -> None:
    assert harmless(text) == text


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.one_of(
            st.none(),
            st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
            st.text(st.sampled_from("=+-@＝＋－＠ \t\r\n\u3000\u200b\"',;|1a"), max_size=6),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_no_cell_that_is_read_back_starts_a_formula_and_all_texts_are_there(
    tmp_path: Path, texts: list[str | None]
) -> None:
    table = pd.DataFrame({"name": pd.Series(texts, dtype="object"), "customer_id": "1", "balance": -1.0})

    write_csv(table, TITLES, "en", tmp_path / "list.csv")

    rows = read(tmp_path / "list.csv")
    names = [row[1] for row in rows[1:]]
    assert not [name for name in names if starts_formula(name) or name.lstrip().startswith(("=", "+", "-", "@"))]
    assert [row[2] for row in rows[1:]] == ["-1.0"] * len(texts)
    assert [name if harmless(text or "") == name else None for name, text in zip(names, texts, strict=True)] == names


def test_a_place_that_cannot_be_written_is_an_error_and_leaves_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")

    with pytest.raises(StorageError):
        write_csv(pd.DataFrame({"name": ["x"]}), {"name": TITLES["name"]}, "en", tmp_path / "file" / "list.csv")

    assert (tmp_path / "file").read_text() == "old"
