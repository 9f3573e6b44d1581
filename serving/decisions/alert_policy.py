"""When a warning is yellow, orange or red, by tier, and how long a case waits, comes back, or is closed."""

from itertools import pairwise
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from features.text import Text
from serving.alerts.kinds import RULES
from serving.decisions.fields import Strict, fault_of


def _three(value: Any) -> Any:
    if not isinstance(value, tuple) or len(value) != 3:
        raise fault_of(
            Text(
                "three thresholds are needed, yellow, orange and red, e.g. [0.3, 0.5, 0.7]",
                "需要三个阈值，依次为黄色、橙色、红色，例如 [0.3, 0.5, 0.7]",
            )
        )
    return value


Limits = Annotated[tuple[float, float, float], BeforeValidator(_three)]
"""Thresholds of yellow, orange and red; a measure at a threshold has its colour."""


class Thresholds(Strict):
    """Of one kind, by tier; ``other`` is for customers without a tier, and for tiers that are not given."""

    other: Limits
    strategic: Limits | None = None
    key: Limits | None = None
    general: Limits | None = None
    potential: Limits | None = None

    def of(self, tier: str | None) -> Limits:
        """The thresholds of a tier."""
        return getattr(self, tier, None) or self.other if tier else self.other


class Kinds(Strict):
    """Thresholds by kind of warning; a kind that is left out is not warned of."""

    churn_risk: Thresholds | None = None
    broken_rhythm: Thresholds | None = None
    shrinking_value: Thresholds | None = None
    overdue_payment: Thresholds | None = None
    late_payment_ahead: Thresholds | None = None
    order_fulfilment: Thresholds | None = None
    open_complaint: Thresholds | None = None
    quality: Thresholds | None = None
    falling_satisfaction: Thresholds | None = None

    @model_validator(mode="after")
    def _in_order(self) -> "Kinds":
        for kind, thresholds in self.given().items():
            for tier in ("other", *TIERS):
                limits = thresholds.of(tier)
                rising = all(low < high for low, high in pairwise(limits))
                falling = all(low > high for low, high in pairwise(limits))
                if not (falling if RULES[kind].falls else rising):
                    raise fault_of(
                        (_FALLING if RULES[kind].falls else _RISING).format(kind=kind, tier=tier, limits=list(limits))
                    )
        return self

    def given(self) -> dict[str, Thresholds]:
        """The kinds that are warned of, in the order of the registry."""
        return {kind: found for kind in RULES if (found := getattr(self, kind)) is not None}


TIERS = ("strategic", "key", "general", "potential")
_RISING = Text(
    "the thresholds of {kind} must rise from yellow to red; {tier} has {limits}",
    "{kind} 的阈值须从黄色到红色递增；{tier} 为 {limits}",
)
_FALLING = Text(
    "the thresholds of {kind} must fall from yellow to red; {tier} has {limits}",
    "{kind} 的阈值须从黄色到红色递减；{tier} 为 {limits}",
)


class AlertPolicy(Strict):
    """How cases go.

    A red case that nobody acknowledged moves up one level every ``escalate_after_days``. A case whose cause has been gone for
    ``expire_after_days`` is closed, and comes back as the same case within ``reopen_within_days``. A resolved one that is no
    better ``check_after_days`` later goes back to work. Days are those between the instants that scores speak for.
    ``after_scoring``: each published run of scores raises warnings by itself.
    """

    escalate_after_days: int = Field(ge=1)
    expire_after_days: int = Field(ge=0)
    reopen_within_days: int = Field(ge=0)
    check_after_days: int = Field(ge=0)
    after_scoring: bool = True
    thresholds: Kinds


def alert_section(document: dict[str, Any]) -> dict[str, Any]:
    """The section [alerts] of a playbook with its lists as tuples, which is what strict reading takes."""
    section = document.get("alerts")
    return {"alerts": _tuples(section)} if isinstance(section, dict) else {}


def _tuples(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _tuples(part) for name, part in value.items()}
    if isinstance(value, list):
        return tuple(float(part) if type(part) is int else part for part in value)
    return value
