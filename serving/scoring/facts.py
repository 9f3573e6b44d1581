"""Customers scored from facts that a request brings: the same snapshot, over an in-memory DuckDB of these facts alone."""

import tempfile
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from features.catalogue import FEATURES
from features.contracts import TABLES, Column, ColumnType
from features.errors import FactsError, ProjectError
from features.project import Project, TableSource
from features.snapshot import snapshot
from features.sources import open_facts, rejected
from features.text import Text
from serving.batch import score_frame
from serving.decisions.beliefs import beliefs_of
from serving.decisions.playbook import load_playbook
from serving.problems import INVALID_REQUEST, ApiError
from serving.scoring.ready import Floats, ReadyModel
from serving.scoring.schemas import FactsAsked
from training.models.rfm import RfmModel

NOBODY = "\x01nobody"
"""Whose facts, known only after the cut-off, keep a table from being empty; nobody can be called so in a request."""
EARLIEST, LATEST = 1900, 2200
"""Years between which facts can be scored."""
MOST_LEVELS = 1000
MOST_FINDINGS = 50
_ARROW: dict[ColumnType, pa.DataType] = {
    "id": pa.string(), "text": pa.string(), "time": pa.string(), "number": pa.float64(), "flag": pa.bool_()
}  # fmt: skip
PLACES = {feature.name: feature.name.removesuffix("_place") for feature in FEATURES if feature.source == "peers"}
"""Places among peers and the features that they place a customer by."""

Finding = tuple[str, Text]


def facts_answer(
    project: Project, model: ReadyModel, segments: RfmModel | None, kept: Path | None, asked: FactsAsked
) -> bytes:
    """The answer to a request with facts, see `schemas.ScoreAnswer`: a score for each customer in them, in order of id.

    ``kept`` is the file of features of the run that is served: places among peers are read off it.
    Raises ApiError: a table or column is unknown, or a value cannot be read; each is named.
    """
    if not EARLIEST <= asked.as_of.year <= LATEST:
        raise ApiError(INVALID_REQUEST, _FINDINGS, findings=[("body.as_of", _NO_DAY)], count=1)
    tables = _tables(project, asked)
    frame = _frame(project, tables, asked.as_of)
    _place(project, frame, kept)
    frame = frame.assign(name=None, account_manager=None)
    playbook = load_playbook(project)
    table = score_frame(frame, project, model.as_served(), segments, playbook, beliefs_of(project, playbook))
    scores = [score if asked.reasons else {**score, "reasons": []} for score in table.to_pylist()]
    days = model.champion.stored.facts.horizon_days
    told = {"as_of": asked.as_of, "churn_horizon_days": days, "scores": scores}
    return orjson.dumps(
        told | {"before": None, "changed": {}, "action_effect": None, "caution": None}, option=orjson.OPT_UTC_Z
    )


def _tables(project: Project, asked: FactsAsked) -> dict[str, pa.Table]:
    """The rows as tables of the contract's columns: all that the project maps, and what else was sent."""
    findings: list[Finding] = []
    for name in asked.facts.keys() - project.tables.keys():
        findings.append((f"body.facts.{name}", _NO_TABLE.format(tables=", ".join(project.tables))))
    tables = {}
    for name, source in project.tables.items():
        rows = asked.facts.get(name, [])
        sent = dict.fromkeys(column for row in rows for column in row)
        columns = {c.name: c for c in TABLES[name].columns if c.name in sent or c.name in source.columns}
        where = f"body.facts.{name}"
        findings += [(f"{where}.{c}", _no_column(name)) for c in sent if c not in columns]
        nobody = _row_of_nobody(columns.values(), asked.as_of)
        arrays = {}
        for column in columns.values():
            values = [*(row.get(column.name) for row in rows), nobody[column.name]]
            if column.required and any(value is None for value in values):
                findings.append((f"{where}.{column.name}", _REQUIRED))
                continue
            try:
                arrays[column.name] = pa.array(values, _ARROW[column.type])
            except (pa.ArrowInvalid, pa.ArrowTypeError):
                findings.append((f"{where}.{column.name}", _OTHER_TYPE[column.type]))
        tables[name] = pa.table(arrays)
    if findings:
        raise ApiError(INVALID_REQUEST, _FINDINGS, findings=findings[:MOST_FINDINGS], count=len(findings))
    return tables


def _row_of_nobody(columns: Sequence[Column] | Any, as_of: datetime) -> dict[str, Any]:
    """A fact that is not known until a day after the cut-off."""
    later = (as_of + timedelta(days=1)).isoformat()
    made: dict[ColumnType, Any] = {"id": NOBODY, "text": NOBODY, "time": later, "number": 1.0, "flag": False}
    return {column.name: made[column.type] for column in columns}


def _frame(project: Project, tables: Mapping[str, pa.Table], as_of: datetime) -> pd.DataFrame:
    """The snapshot of the customers in the tables."""
    customers = sorted({str(c) for t in tables.values() for c in t.column("customer_id").to_pylist()} - {NOBODY})
    if not customers:
        raise ApiError(INVALID_REQUEST, _NO_FACTS)
    with tempfile.TemporaryDirectory(prefix="retinue-") as folder:
        sources = {}
        for name, table in tables.items():
            pq.write_table(table, Path(folder) / f"{name}.parquet")
            sources[name] = TableSource(path=f"{name}.parquet", columns={c: c for c in table.column_names})
        settings = project.project.model_copy(update={"engine": "duckdb"})
        own = project.model_copy(update={"root": Path(folder), "tables": sources, "project": settings})
        try:
            with open_facts(own) as facts:
                findings = [
                    (f"body.facts.{name}.{fault.line - 1}.{fault.column}", fault.reason)
                    for name in sources
                    for fault in rejected(facts, name, MOST_FINDINGS)
                ]
                if findings:
                    raise ApiError(INVALID_REQUEST, _FINDINGS, findings=findings, count=len(findings))
                frame: pd.DataFrame = snapshot(facts, [as_of], customers).to_pandas()
        except (FactsError, ProjectError) as fault:
            raise ApiError(INVALID_REQUEST, fault.text) from fault
    return frame


def _place(project: Project, frame: pd.DataFrame, kept: Path | None) -> None:
    """Set each place among peers to that of the customers of the run with the same level.

    The facts of a request hold no peers. Where peers are told apart by industry and size, or no run is kept, it is missing.
    """
    customers = project.tables.get("customers")
    grouped = customers is not None and {"industry", "size"} & customers.columns.keys()
    known = {} if kept is None or grouped else _places_of(str(kept), kept.stat().st_mtime_ns)
    for place, level in PLACES.items():
        if place in frame:
            values = frame[level].to_numpy(dtype=np.float64)
            curve = known.get(place)
            frame[place] = np.interp(values, *curve) if curve else np.nan  # of NaN it is NaN


@lru_cache(maxsize=2)
def _places_of(file: str, _changed: int) -> dict[str, tuple[Floats, Floats]]:
    """For each place among peers some levels in rising order, and the places of customers who have them."""
    names = set(pq.read_schema(file).names)
    found = {}
    for place, level in PLACES.items():
        if {place, level} <= names:
            rows = pq.read_table(file, columns=[level, place]).drop_null().to_pandas().groupby(level)[place].mean()
            every = -(-len(rows) // MOST_LEVELS) or 1
            if len(rows):
                found[place] = (
                    rows.index.to_numpy(dtype=np.float64)[::every],
                    rows.to_numpy(dtype=np.float64)[::every],
                )
    return found


def _no_column(table: str) -> Text:
    return _NO_COLUMN.format(columns=", ".join(column.name for column in TABLES[table].columns))


_FINDINGS = Text("{count} thing(s) in the request need a change.", "请求中有 {count} 处需要修改。")
_NO_FACTS = Text("The facts hold no row; give at least one.", "facts 中没有任何行；请至少提供一行。")
_NO_TABLE = Text("The project has no such table; it gives {tables}.", "项目没有该表；现有 {tables}。")
_NO_COLUMN = Text("There is no such column; there are {columns}.", "没有该列；可用的有 {columns}。")
_NO_DAY = Text("It must lie between the years 1900 and 2200.", "须介于 1900 年至 2200 年之间。")
_REQUIRED = Text("It is required in every row.", "每一行都必须填写。")
_OTHER_TYPE: dict[ColumnType, Text] = {
    "id": Text("It must be text in quotes.", "必须是带引号的文本。"),
    "text": Text("It must be text in quotes.", "必须是带引号的文本。"),
    "time": Text(
        "It must be a time in quotes, such as 2026-07-01T08:30:00Z.", "必须是带引号的时间，例如 2026-07-01T08:30:00Z。"
    ),
    "number": Text("It must be a number.", "必须是数字。"),
    "flag": Text("It must be true or false.", "必须是 true 或 false。"),
}
