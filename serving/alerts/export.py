"""The list of cases for people: cells of a table, a page and an Excel workbook in both languages, and a CSV file that no spreadsheet runs."""

import csv
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any

import orjson
import pandas as pd
from sqlalchemy import Connection

from features.project import Project
from features.text import Language, Text
from features.writing import atomic_file
from serving.alerts.kinds import COLOURS, trend_of
from serving.alerts.moves import STATUSES
from serving.exports import write_xlsx
from serving.store.alerts import AlertFilters, AlertPosition, list_cases
from training.card.blocks import Block, Paragraph, Section, Table, same
from training.card.html import html

MOST_ROWS = 200
_AT_ONCE = 1_000

PAGES: dict[Language, str] = {"en": "alerts.en.html", "zh": "alerts.zh.html"}
BOOKS: dict[Language, str] = {"en": "alerts.en.xlsx", "zh": "alerts.zh.xlsx"}
SHORT = (0, 1, 2, 3)
"""Places of the columns that a terminal has room for."""

TITLE = Text("{company}: warnings", "{company}：客户预警")
SHOWN = Text("The first {shown} of {all:,}.", "共 {all:,} 条，以下为前 {shown} 条。")
NONE = Text("There is no such warning.", "没有符合条件的预警。")
CUSTOMER_ID = Text("customer id", "客户编号")
NOBODY = Text("nobody yet", "未分派")
COLUMNS = (
    Text("colour", "级别"),
    Text("customer", "客户"),
    Text("warning", "预警"),
    Text("why", "原因"),
    Text("what to do", "建议措施"),
    Text("trend", "走势"),
    Text("owner", "负责人"),
    Text("state", "状态"),
)
FIELDS = (
    *(
        "alert_id",
        "customer_id",
        "customer_name",
        "kind",
        "colour",
        "status",
        "owner",
        "level",
        "value",
        "unit",
        "trend",
    ),
    *("trend_since", "opened_at", "as_of", "cause_en", "cause_zh", "proposal_en", "proposal_zh"),
)


def all_cases(connection: Connection, filters: AlertFilters) -> list[dict[str, Any]]:
    """All cases that pass the filters, the gravest first, as the API gives them."""
    found: list[dict[str, Any]] = []
    after: AlertPosition | None = None
    while True:
        page = list_cases(connection, filters, after, _AT_ONCE)
        found += map(orjson.loads, page.bodies)
        if page.last is None:
            return found
        after = page.last


def cells(case: dict[str, Any], zone: tzinfo) -> tuple[Text, ...]:
    """The cells of a case under `COLUMNS`; days are on the calendar of ``zone``."""
    since = datetime.fromisoformat(case["trend_since"]).astimezone(zone)
    name = case["customer_name"]
    return (
        COLOURS[case["colour"]],
        same(f"{case['customer_id']} {name}" if name else case["customer_id"]),
        Text(**case["kind_name"]),
        Text(**case["cause"]),
        Text(**case["proposal"]),
        trend_of(case["trend"], f"{since:%Y-%m-%d}"),
        same(case["owner"]) if case["owner"] else NOBODY,
        STATUSES[case["status"]],
    )


def write_cases(cases: list[dict[str, Any]], project: Project, out: Path) -> None:
    """Write the page and the workbook in both languages and the CSV file, each at once. Raises StorageError."""
    title = TITLE.format(company=project.project.name)
    body: list[Block] = (
        [Table(COLUMNS, [cells(case, project.timezone) for case in cases[:MOST_ROWS]], len(COLUMNS))]
        if cases
        else [Paragraph(NONE)]
    )
    if len(cases) > MOST_ROWS:
        body = [Paragraph(SHOWN.format(shown=MOST_ROWS, all=len(cases))), *body]
    out.mkdir(parents=True, exist_ok=True)
    for language, file in PAGES.items():
        with atomic_file(out / file) as temporary:
            temporary.write_text(html(title, [], [Section(title, body)], {}, language), encoding="utf-8")
        write_xlsx(_sheet(cases, project.timezone, language), _titles(), language, out / BOOKS[language])
    with atomic_file(out / "alerts.csv") as temporary, temporary.open("w", encoding="utf-8-sig", newline="") as file_:
        writer = csv.writer(file_)
        writer.writerow(FIELDS)
        writer.writerows([plain(_flat(case)[field]) for field in FIELDS] for case in cases)


def _titles() -> dict[str, Text]:
    """The columns of the workbook: those of the page, with id and name of the customer apart."""
    colour, customer, *rest = COLUMNS
    titles = [colour, CUSTOMER_ID, customer, *rest]
    return dict(zip((title.en for title in titles), titles, strict=True))


def _sheet(cases: list[dict[str, Any]], zone: tzinfo, language: Language) -> pd.DataFrame:
    rows = [
        [colour.of(language), case["customer_id"], case["customer_name"], *(cell.of(language) for cell in rest)]
        for case in cases
        for colour, _, *rest in [cells(case, zone)]
    ]
    return pd.DataFrame(rows, columns=list(_titles()))


def _flat(case: dict[str, Any]) -> dict[str, Any]:
    return case | {
        f"{name}_{language}": case[name][language] for name in ("cause", "proposal") for language in ("en", "zh")
    }


def plain(value: Any) -> Any:
    """A value that no spreadsheet takes for a formula: texts that begin like one get an apostrophe before them."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value
