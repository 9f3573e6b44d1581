"""A request's body, read and checked: into rows that a model takes, or into findings that name each fault."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any, NamedTuple

import numpy as np
import orjson
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from features.text import Text
from serving.problems import BAD_REQUEST, INVALID_REQUEST, ApiError
from serving.score_schema import MAX_ID_LENGTH
from serving.scoring.ready import Floats, ReadyModel
from serving.scoring.schemas import CustomerAsked, FactsAsked, FeaturesAsked

Asked = FeaturesAsked | CustomerAsked | FactsAsked
FORMS: dict[str, type[FeaturesAsked] | type[CustomerAsked] | type[FactsAsked]] = {
    "features": FeaturesAsked,
    "customer_id": CustomerAsked,
    "facts": FactsAsked,
}
"""The forms of a request by the field that only they have."""
MOST_FINDINGS = 50


class Plain(NamedTuple):
    """The commonest request, one row of features and no more, as it was sent: its names and values are not checked yet."""

    row: Mapping[str, Any]
    customer_id: str | None


def read(body: bytes) -> Plain | Asked:
    """What a body asks for.

    Raises ApiError: it is no JSON; RequestValidationError: it has another form.
    """
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as fault:
        raise ApiError(BAD_REQUEST, _NO_JSON, fault=str(fault)) from None
    row = document.get("features") if isinstance(document, dict) else None
    if type(row) is dict:
        if len(document) == 1:
            return Plain(row, None)
        document["features"] = [row]
        ids = document.get("customer_ids")
        is_one = len(document) == 2 and type(ids) is list and len(ids) == 1 and type(ids[0]) is str
        if is_one and 0 < len(ids[0]) <= MAX_ID_LENGTH:
            return Plain(row, ids[0])
    return _checked(document)


def _checked(document: Any) -> Asked:
    known = [form for name, form in FORMS.items() if isinstance(document, dict) and name in document]
    if not known:
        raise ApiError(INVALID_REQUEST, _NO_FORM, forms=", ".join(FORMS))
    try:
        asked = known[0].model_validate(document)
    except ValidationError as error:
        faults = [{**fault, "loc": ("body", *fault["loc"])} for fault in error.errors(include_url=False)]
        raise RequestValidationError(faults) from None
    if isinstance(asked, FeaturesAsked) and asked.customer_ids and len(asked.customer_ids) != len(asked.features):
        count = {"ids": len(asked.customer_ids), "rows": len(asked.features)}
        raise _invalid([("body.customer_ids", _OTHER_COUNT.format(**count))])
    return asked


def row_of(model: ReadyModel, given: Mapping[str, Any], where: str = "body.features") -> list[float]:
    """The values that a model reads of a row, NaN where missing.

    Raises ApiError: a name is no feature, or a value no number; all of them at once.
    """
    row = [np.nan] * len(model.columns)
    places, known, texts = model.places, model.known, model.texts
    findings: list[tuple[str, Text]] = []
    for name, value in given.items():
        place = places.get(name)
        if place is None and name not in known:
            findings.append((f"{where}.{name}", _unknown(name, known)))
        elif value is None:
            continue
        elif name in texts:
            row[places[name]] = texts[name](value)
        elif type(value) is not float and type(value) is not int:
            findings.append((f"{where}.{name}", _NO_NUMBER))
        elif place is not None:
            row[place] = value
    if findings:
        raise _invalid(findings)
    return row


def checked_change(model: ReadyModel, change: Mapping[str, Any]) -> dict[str, float]:
    """Features that would be otherwise, as the model reads them. Raises ApiError as `row_of` does."""
    row = row_of(model, change, "body.change")
    places = model.places
    return {
        name: row[places[name]] if name in places else np.nan if value is None else float(value)
        for name, value in change.items()
    }


def rows_of(model: ReadyModel, given: Sequence[Mapping[str, Any]]) -> Floats:
    """Several rows, shape (rows, columns). Raises ApiError as `row_of` does."""
    several = len(given) > 1
    rows = [row_of(model, row, f"body.features.{n}" if several else "body.features") for n, row in enumerate(given)]
    return np.array(rows, dtype=np.float64)


def _invalid(findings: list[tuple[str, Text]]) -> ApiError:
    return ApiError(INVALID_REQUEST, _FINDINGS, findings=findings[:MOST_FINDINGS], count=len(findings))


def _unknown(name: str, known: frozenset[str]) -> Text:
    close = get_close_matches(name.lower(), known, n=1, cutoff=0.6)
    shown = name if len(name) <= 80 else f"{name[:80]}…"
    return (_UNKNOWN_NEAR if close else _UNKNOWN).format(name=shown, near="".join(close))


_NO_JSON = Text("The body is not valid JSON ({fault}).", "正文不是有效的 JSON（{fault}）。")
_NO_FORM = Text(
    "The body must be a JSON object with one of the fields {forms}.",
    "正文必须是 JSON 对象，并含有以下字段之一：{forms}。",
)
_FINDINGS = Text("{count} thing(s) in the request need a change.", "请求中有 {count} 处需要修改。")
_OTHER_COUNT = Text(
    "There are {ids} ids for {rows} rows; give one for each row.", "有 {ids} 个编号、{rows} 行；请为每一行各给一个。"
)
_NO_NUMBER = Text("It must be a number or null.", "必须是数字或 null。")
_UNKNOWN = Text(
    "There is no feature '{name}'. docs/features.md and the project file list those that there are.",
    "没有特征“{name}”。可用特征见 docs/features.md 与项目文件。",
)
_UNKNOWN_NEAR = Text("There is no feature '{name}'. Did you mean '{near}'?", "没有特征“{name}”。您是否想写“{near}”？")
