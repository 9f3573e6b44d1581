"""Examples in the description of the API (OpenAPI): of every body that is taken, and of every answer."""

from typing import Any

import orjson
from fastapi import FastAPI
from pydantic import BaseModel

from serving.action_schemas import ActionEntry, OutcomeEntry
from serving.alert_schemas import AlertCase, AlertMove
from serving.event_schemas import EVENT_EXAMPLE
from serving.plan_schemas import PlanItem
from serving.receivable_schemas import CustomerReceivables, InvoiceRisk
from serving.schemas import Lookup
from serving.score_schema import Score
from serving.scoring.by_action import CAUTION as ACTION_CAUTION
from serving.scoring.schemas import CustomerAsked, FactsAsked, FeaturesAsked
from serving.scoring.what_if import CAUTION

Examples = dict[str, Any]


def _of(model: type[BaseModel]) -> Any:
    """The example that a schema has of its own."""
    extra: Any = model.model_config["json_schema_extra"]
    return extra["examples"][0]


_RUN = {"run_id": "4f1c9a20b7de", "as_of": "2026-03-31T00:00:00Z"}
_END = {"next_cursor": None}
_SCORE: Examples = _of(Score)
_RISK = {name: _SCORE[name] for name in ("churn_probability", "churn_probability_low", "churn_probability_high")}
_RISK |= {"churn_band": _SCORE["churn_band"], "abstained_because": None, "reasons": [], "model_version": "3"}
_ACTION, _OUTCOME, _CASE, _ITEM = _of(ActionEntry), _of(OutcomeEntry), _of(AlertCase), _of(PlanItem)
_LATER_EVENT = EVENT_EXAMPLE | {"event_id": "till-3-99121", "amount": 12.0}

BODIES: dict[tuple[str, str], Examples] = {
    ("/v1/customers:lookup", "application/json"): {"ids": _of(Lookup)},
    ("/v1/score", "application/json"): {
        "features": _of(FeaturesAsked),
        "what_if": _of(CustomerAsked),
        "action": {"customer_id": "C-1042", "what_if": {"action": "personal_call"}},
        "facts": _of(FactsAsked),
    },
    ("/v1/actions", "application/json"): {
        "one": _ACTION,
        "several": [_ACTION, _ACTION | {"action_id": "crm-88214", "arm": "control", "cost": None}],
    },
    ("/v1/outcomes", "application/json"): {
        "one": _OUTCOME,
        "several": [_OUTCOME, _OUTCOME | {"outcome_id": "crm-90178", "kind": "contact", "amount": None}],
    },
    ("/v1/events", "application/json"): {"order": EVENT_EXAMPLE},
    ("/v1/events", "application/x-ndjson"): {
        "orders": "".join(orjson.dumps(event).decode() + "\n" for event in (EVENT_EXAMPLE, _LATER_EVENT))
    },
    ("/v1/alerts/{alert_id}/events", "application/json"): {"acknowledge": _of(AlertMove)},
}
"""By path and kind of body."""

_LEAVING = {"en": "no purchase for 90 days", "zh": "90 天内没有购买"}
_CALL = {"en": "Personal call", "zh": "客户经理致电"}
_DEBTOR = dict.fromkeys(CustomerReceivables.model_fields) | {
    "customer_id": "C-1042",
    "as_of": _RUN["as_of"],
    "currency": "EUR",
    "balance": 1200.0,
    "open": 1200.0,
    "overdue": 1200.0,
    "open_current": 0.0,
    "open_1_30": 1200.0,
    "open_31_60": 0.0,
    "open_61_90": 0.0,
    "open_over_90": 0.0,
    "disputed_open": 0.0,
    "unapplied": 0.0,
    "open_items": 1,
    "oldest_overdue_days": 9,
    "credit_class": "D",
    "credit_score": 31.0,
    "has_overdue_risk": False,
    "late_probability": 0.7,
}

ANSWERS: Examples = {
    "CustomerPage": {**_RUN, "customers": [_SCORE], **_END},
    "LookupAnswer": {"customers": [_SCORE], "not_found": ["C-7"]},
    "ScoreAnswer": {
        "as_of": None,
        "churn_horizon_days": 90,
        "scores": [{"customer_id": None, **_RISK}],
        "before": None,
        "changed": {},
        "action_effect": None,
        "caution": None,
    },
    "Recommendations": {
        "customer_id": "C-1042",
        "as_of": _RUN["as_of"],
        **{
            name: _SCORE[name]
            for name in (
                *("recommended_action", "recommended_action_name", "accompanying_action", "accompanying_action_name"),
                *("why", "action_cost", "expected_profit", "expected_profit_low", "expected_profit_high", "currency"),
                *("assumption", "alternatives"),
            )
        },
        "planned": _ITEM,
    },
    "PlanPage": {
        "plan": {
            "plan_id": "9d20c4",
            **_RUN,
            "made_at": "2026-03-31T05:00:00Z",
            "period_days": 7,
            "currency": "EUR",
            "customers": 1392,
            "contacts": 120,
            "controls": 70,
            "resting": 31,
            "expected_profit": 21800.0,
            "expected_profit_low": 4100.0,
            "expected_profit_high": 43900.0,
            "most_possible_profit": 21812.5,
            "limits": [
                {
                    "name": {"en": "Hours of sales", "zh": "销售工时"},
                    "unit": {"en": "hours", "zh": "小时"},
                    "used": 40.0,
                    "at_most": 40.0,
                    "at_least": None,
                    "shadow_price": 310.0,
                    "sentence": {"en": "One more hour would bring 310 EUR.", "zh": "多 1 小时可带来 310 欧元。"},
                }
            ],
        },
        "contacts": [_ITEM],
        **_END,
    },
    "AlertPage": {"alerts": [_CASE], **_END},
    "AlertAnswer": {
        "alert": _CASE,
        "history": [
            {
                "event_id": "run-4f1c9a20b7de",
                "at": "2026-03-17T00:00:00Z",
                "by": "retinue",
                "what": "raised",
                "what_name": {"en": "Raised", "zh": "发出"},
                "status": "open",
                "colour": "orange",
                "level": 0,
                "owner": "M. Okafor",
                "value": 2.0,
                "note": None,
            }
        ],
    },
    "PublishedRun": {
        **_RUN,
        "published_at": "2026-03-31T02:30:00Z",
        "model_version": "3",
        "model_metrics": {"auc": 0.904, "calibration_error": 0.015},
        "rows": 1392,
        "summary": {
            "customers": 1392,
            "abstained": 40,
            "leaving": _LEAVING,
            "by_segment": {"loyal": 900, "at_risk": 492},
            "by_churn_band": {"low": 1100, "medium": 180, "high": 72},
            "by_tier": {},
            "tier_names": {},
            "by_lifecycle_stage": {},
            "by_trajectory": {},
            "lifetime_value": 391000.0,
            "by_action": {"personal_call": 120},
            "action_names": {"personal_call": _CALL},
            "high_risk_value_at_stake": 61000.0,
            "expected_profit": 21800.0,
            "currency": "EUR",
            "churn_horizon_days": 90,
            "value_horizon_days": 365,
        },
    },
    "LogAnswer": {"added": 1, "repeated": 0, "ids": ["crm-88213"]},
    "ActionPage": {"actions": [_ACTION], **_END},
    "EventsAnswer": {
        "accepted": 1,
        "duplicate": 0,
        "rejected": 1,
        "sequence": 99120,
        "rejections": [
            {
                "line": 2,
                "event_id": "till-3-99121",
                "problem": "invalid",
                "reason": {
                    "en": "ordered_at: got 2026-07-01, expected an instant with its zone.",
                    "zh": "ordered_at：收到 2026-07-01，应为带时区的时刻。",
                },
            }
        ],
    },
    "EventsStatus": {
        "sequence": 99120,
        "applied": 99118,
        "waiting": 2,
        "lag_ms": 41.5,
        "rescored_as_of": "2026-07-01T08:30:01Z",
    },
    "ReceivablesAnswer": {"customer": _DEBTOR, "invoices": [_of(InvoiceRisk)]},
    "InvoicePage": {**_RUN, "invoices": [_of(InvoiceRisk)], **_END},
    "Health": {"status": "ok"},
    "Readiness": {
        "status": "ok",
        **_RUN,
        "age_seconds": 26400,
        "is_stale": False,
        "models": {"champion": "3", "challenger": None, "refused": []},
    },
}
"""By the name of the answer's schema; those of `Score` and of problems stand with them."""
_CAUTIOUS = {
    "as_of": _RUN["as_of"],
    "churn_horizon_days": 90,
    "scores": [_SCORE],
    "before": _SCORE,
    "changed": {"days_to_pay_mean_365d": 60.0},
    "action_effect": None,
    "caution": CAUTION._asdict(),
}
_BY_ACTION = _CAUTIOUS | {
    "changed": {},
    "action_effect": {
        "action": "personal_call",
        "action_name": _CALL,
        "share": 0.08,
        "share_low": 0.02,
        "share_high": 0.16,
        "churn_probability": 0.65,
        "churn_probability_low": 0.6,
        "churn_probability_high": 0.7,
        "source": {"en": "assumption, not measured here", "zh": "假设，未在此实测"},
    },
    "caution": ACTION_CAUTION._asdict(),
}
FURTHER: Examples = {"ScoreAnswer": {"what_if": _CAUTIOUS, "action": _BY_ACTION}}


def describe_examples(app: FastAPI) -> None:
    """Let the description of every operation show what it takes and what it answers."""
    plain = app.openapi
    shown: dict[str, Any] = {}

    def described() -> dict[str, Any]:
        if not shown:
            document = plain()
            for path, operations in document["paths"].items():
                for operation in operations.values():
                    _show(path, operation)
            shown.update(document)
        return shown

    app.openapi = described  # type: ignore[method-assign]


def _show(path: str, operation: dict[str, Any]) -> None:
    for kind, taken in operation.get("requestBody", {}).get("content", {}).items():
        taken["examples"] = _named(BODIES[path, kind])
    for status, answer in operation["responses"].items():
        told = answer.get("content", {}).get("application/json")
        name = told["schema"].get("$ref", "").rpartition("/")[2] if told else ""
        if status < "300" and name in ANSWERS:
            told["examples"] = _named({"answer": ANSWERS[name], **FURTHER.get(name, {})})


def _named(examples: Examples) -> dict[str, Any]:
    return {name: {"value": value} for name, value in examples.items()}
