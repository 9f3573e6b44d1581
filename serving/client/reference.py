"""Writes ``answers.py``: what the client gives and takes as types, from the description of the API at ``/openapi.json``.

``curl http://127.0.0.1:8000/openapi.json | python -m serving.client.reference serving/client/answers.py``
"""

import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

Schema = Mapping[str, Any]

ROOTS = (
    *("Score", "LookupAnswer", "Recommendations", "ScoreAnswer", "EventsAnswer", "EventsStatus", "LogAnswer"),
    *("ActionEntry", "OutcomeEntry", "PlanSummary", "PlanItem", "AlertCase", "AlertAnswer", "AlertMove"),
    *("ReceivablesAnswer", "InvoiceRisk", "PublishedRun", "Readiness", "ProblemFinding"),
)
"""The types that the client's methods name; those that they are made of come along."""

_HEAD = '''"""What the client gives and takes, as types. Written by ``python -m serving.client.reference``: change that, not this.

Instants are texts such as 2026-03-31T00:00:00Z, days such as 2026-03-31. What each field means stands at ``/openapi.json``.
"""

from typing import Any, Literal, NotRequired, TypedDict
'''
_PLAIN = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}
_LANGUAGES = {"en", "zh"}
_LONGEST_LINE = 120


def reference(document: Schema) -> str:
    """The module of types for a description of the API (OpenAPI 3.1).

    Of two languages each may be missing, for a reader may ask for one of them.
    """
    known: Mapping[str, Schema] = document["components"]["schemas"]
    wanted = _with_parts(ROOTS, known)
    choices: dict[str, str] = {}
    classes = [_class(name, known[name], choices) for name in wanted if known[name]["properties"]]
    loose = [
        f'{name} = dict[str, Any]\n"""{known[name]["description"]}"""'
        for name in wanted
        if not known[name]["properties"]
    ]
    literals = [f"{name} = {choice}" for name, choice in sorted(choices.items())]
    return "\n\n\n".join(("\n".join((_HEAD, *literals, *loose)), *classes)) + "\n"


def _with_parts(names: Iterable[str], known: Mapping[str, Schema], found: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The names with those that their schemas refer to; parts stand before what is made of them."""
    for name in names:
        if name not in found:
            found = (*_with_parts(_referred(known[name]["properties"]), known, found), name)
    return found


def _referred(part: Any) -> list[str]:
    if isinstance(part, Mapping):
        own = [_name(part)] if "$ref" in part else []
        return own + [name for value in part.values() for name in _referred(value)]
    return [name for value in part for name in _referred(value)] if isinstance(part, list) else []


def _name(schema: Schema) -> str:
    return str(schema["$ref"]).rpartition("/")[2]


def _class(name: str, schema: Schema, choices: dict[str, str]) -> str:
    properties: Mapping[str, Schema] = schema["properties"]
    may_lack = set(properties) - set(schema.get("required", ()))
    if properties.keys() >= _LANGUAGES:
        may_lack |= _LANGUAGES
    lines = [f"class {name}(TypedDict):", f'    """{schema["description"].splitlines()[0]}"""', ""]
    for field, its in properties.items():
        type_ = _type(its, choices, (name, field))
        lines.append(f"    {field}: {f'NotRequired[{type_}]' if field in may_lack else type_}")
    return "\n".join(lines)


def _type(schema: Schema, choices: dict[str, str], place: tuple[str, str]) -> str:
    """The type of a value; a choice of several texts is named after its field, or after its ``place`` where that is taken."""
    if "$ref" in schema:
        return _name(schema)
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return " | ".join(dict.fromkeys(_type(one, choices, place) for one in schema[several]))
    if "const" in schema:
        return f"Literal[{_text(schema['const'])}]"
    if "enum" in schema:
        return _choice(schema["enum"], choices, place)
    if schema["type"] == "array":
        return f"list[{_type(schema['items'], choices, place)}]"
    if schema["type"] == "object":
        further = schema.get("additionalProperties", True)
        return f"dict[str, {'Any' if further is True else _type(further, choices, place)}]"
    return _PLAIN[schema["type"]]


def _choice(values: list[str], choices: dict[str, str], place: tuple[str, str]) -> str:
    field = "".join(part.capitalize() for part in place[1].split("_"))
    for name in (field, place[0] + field):
        if choices.setdefault(name, _literal(values, len(name))) == _literal(values, len(name)):
            return name
    raise ValueError(f"{place[0]}.{place[1]} has a name that is taken")


def _literal(values: list[str], indent: int) -> str:
    """A ``Literal`` as the formatter leaves it."""
    said = [_text(value) for value in values]
    one_line = f"Literal[{', '.join(said)}]"
    if indent + len(" = ") + len(one_line) <= _LONGEST_LINE:
        return one_line
    return "Literal[\n" + "".join(f"    {value},\n" for value in said) + "]"


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(reference(json.load(sys.stdin)), encoding="utf-8")
