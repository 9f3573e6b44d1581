"""Less than the whole of a score: some of its fields, or its texts in one language."""

from typing import Annotated, Any, NamedTuple

import orjson
from fastapi import Query, Request

from features.errors import nearest
from features.text import Language, Text
from serving.language import named
from serving.problems import INVALID_REQUEST, ApiError
from serving.score_schema import Score

_ONE_FIELD = f"({'|'.join(Score.model_fields)})"
FieldsQuery = Annotated[
    str | None,
    Query(
        min_length=1,
        max_length=2_000,
        description="Fields of a score to answer with, with commas between them; all without it / 只返回这些字段，以逗号分隔",
        examples=["customer_id,churn_probability,reasons"],
        # said in the description alone: our own words about an unknown field name the nearest
        json_schema_extra={"pattern": f"^{_ONE_FIELD}(,{_ONE_FIELD})*$"},
    ),
]
LanguageQuery = Annotated[
    Language | None,
    Query(
        description="Texts in this language alone; else as Accept-Language names it, and in both where it names neither"
        " / 只返回此语言的文本；未指定时按 Accept-Language，两者皆无则返回中英双语"
    ),
]


class Selection(NamedTuple):
    """What of a score is asked for. ``fields`` None: all; ``language`` None: both."""

    fields: tuple[str, ...] | None = None
    language: Language | None = None

    def of(self, body: bytes) -> bytes:
        """That part of a score's finished JSON; the bytes themselves where all is asked for."""
        if self == WHOLE:
            return body
        score = orjson.loads(body)
        if self.fields is not None:
            score = {name: score[name] for name in self.fields if name in score}
        return orjson.dumps(_in_one(score, _OTHER[self.language]) if self.language else score)


WHOLE = Selection()
_OTHER: dict[Language, Language] = {"en": "zh", "zh": "en"}


def _in_one(value: Any, other: Language) -> Any:
    """A part of a score without the ``other`` language, wherever a text stands in both."""
    if isinstance(value, dict):
        is_text = "en" in value and "zh" in value
        return {name: _in_one(part, other) for name, part in value.items() if not (is_text and name == other)}
    if isinstance(value, list):
        return [_in_one(part, other) for part in value]
    return value


def selection_of(request: Request, fields: str | None, language: Language | None) -> Selection:
    """What a request asks for. Raises ApiError: a field that a score does not have."""
    if language is None:
        accepted = header(request, b"accept-language")
        language = named(accepted.decode("latin-1")) if accepted else None
    if fields is None and language is None:
        return WHOLE
    return Selection(_known(fields) if fields is not None else None, language)


def header(request: Request, wanted: bytes) -> bytes | None:
    """One header as it came; a loop over few pairs costs less than a mapping of them all."""
    for name, value in request.scope["headers"]:
        if name == wanted:
            found: bytes = value
            return found
    return None


def _known(fields: str) -> tuple[str, ...]:
    wanted = tuple(dict.fromkeys(name.strip() for name in fields.split(",")))
    unknown = [name for name in wanted if name not in Score.model_fields]
    if unknown:
        raise ApiError(
            INVALID_REQUEST,
            Text("A score has no such field. It has: {known}.", "评分没有这样的字段。现有字段：{known}。").format(
                known=", ".join(Score.model_fields)
            ),
            findings=[("query.fields", _unknown(name)) for name in unknown],
        )
    return wanted


def _unknown(name: str) -> Text:
    return Text("There is no field '{name}'. {hint}", "没有字段“{name}”。{hint}").format(
        name=name, hint=nearest(name, Score.model_fields)
    )
