"""Cases and histories as finished JSON, in the order of the contract (`serving.alert_schemas`)."""

from collections.abc import Mapping
from typing import Any

import orjson

from serving.alert_schemas import AlertCase
from serving.alerts.kinds import COLOURS, RULES
from serving.alerts.moves import EVENTS

_COLOURS = (None, *COLOURS)


def case_body(row: Mapping[str, Any]) -> bytes:
    """The AlertCase of a row of the store."""
    said, rule = orjson.loads(row["said"]), RULES[row["kind"]]
    found = {**row, **said, "kind_name": rule.name._asdict(), "unit": rule.unit, "colour": _COLOURS[row["rank"]]}
    return orjson.dumps({name: found[name] for name in AlertCase.model_fields})


def answer_body(case: Mapping[str, Any], history: list[Any]) -> bytes:
    """The AlertAnswer of a case and its history."""
    return b'{"alert":%b,"history":[%b]}' % (case["body"], b",".join(event_body(event) for event in history))


def event_body(row: Mapping[str, Any]) -> bytes:
    """The AlertEvent of a row of a history."""
    told = {
        "event_id": row["event_id"],
        "at": row["at"],
        "by": row["made_by"],
        "what": row["what"],
        "what_name": EVENTS[row["what"]]._asdict(),
        "status": row["status"],
        "colour": _COLOURS[row["rank"]],
        "level": row["level"],
        "owner": row["owner"],
        "value": row["value"],
        "note": row["note"],
    }
    return orjson.dumps(told)
