"""What a leakage certificate holds: what was checked, what was found, and what it cannot show. Plain data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from features.text import Text

Severity = Literal["failed", "warning", "passed"]
Unit = Literal["customers", "rows", "cut-offs"]

UNITS: dict[Unit, Text] = {
    "customers": Text("customers", "位客户"),
    "rows": Text("rows", "行"),
    "cut-offs": Text("cut-offs", "个截止时间"),
}

CHECKS: dict[str, Text] = {
    "truncation": Text("truncation: the future is deleted", "截断：删除未来"),
    "shift": Text("future shift: the future comes later", "未来平移：未来推后"),
    "shuffle": Text("future shuffle: the future's values change places", "未来打乱：未来的值互换"),
    "edge": Text("edge: the future falls on the very cut-off", "边界：未来恰好落在截止时刻"),
    "together": Text("many cut-offs at once give what one gives", "多个截止时间同算与单算一致"),
    "windows": Text("label windows end before the judgement begins", "标签窗口在评估开始前结束"),
    "labels": Text("labels use nothing learnt later", "标签不使用之后才获知的信息"),
    "predictive": Text("suspiciously predictive single features", "预测力可疑的单个特征"),
    "one_sided": Text("values with which nearly everybody leaves", "几乎人人流失的取值"),
    "clocks": Text("clocks: when facts occurred and became known", "时钟：事实发生与获知的时间"),
    "entry_order": Text("facts entered later than they are dated", "录入晚于所记日期的事实"),
}
"""Every check by its id, in the order of the report."""


@dataclass(frozen=True)
class Finding:
    """What one check says of one subject: a feature, a table, or a table's column; empty: all that were checked.

    ``count`` is the number of ``unit`` concerned, ``example`` one of the customers. ``cutoff`` is None where the check
    does not look at one cut-off; ``next_step`` is None where nothing is to be done.
    """

    check: str
    subject: str
    severity: Severity
    what: Text
    next_step: Text | None = None
    cutoff: datetime | None = None
    count: int = 0
    unit: Unit = "customers"
    example: str = ""

    def as_json(self) -> dict[str, Any]:
        """The finding in plain dicts, numbers and texts; times in ISO form."""
        return {
            **vars(self),
            "what": self.what._asdict(),
            "next_step": self.next_step and self.next_step._asdict(),
            "cutoff": self.cutoff and self.cutoff.isoformat(),
        }


@dataclass(frozen=True)
class Checked:
    """What was looked at.

    ``probes`` are further cut-offs that coincide with facts. ``customers`` of the ``of_customers`` whom the company has
    were looked at, with ``facts`` rows of each table; ``comparisons`` counts features x cut-offs x checks.
    """

    features: tuple[str, ...]
    cutoffs: tuple[datetime, ...]
    probes: tuple[datetime, ...]
    customers: int
    of_customers: int
    facts: Mapping[str, int]
    comparisons: int


@dataclass(frozen=True)
class Certificate:
    """The result of all checks. ``as_of`` is the end of what the labels know."""

    as_of: datetime
    catalogue_hash: str
    checked: Checked
    findings: tuple[Finding, ...]
    limits: tuple[Text, ...]

    @property
    def passed(self) -> bool:
        """Whether no check failed; warnings do not fail a certificate."""
        return not self.of("failed")

    @property
    def verdict(self) -> Literal["passed", "failed"]:
        """``passed`` or ``failed``."""
        return "passed" if self.passed else "failed"

    def of(self, severity: Severity) -> tuple[Finding, ...]:
        """The findings of one severity."""
        return tuple(f for f in self.findings if f.severity == severity)

    def as_json(self) -> dict[str, Any]:
        """The certificate in plain lists, dicts, numbers and texts; times in ISO form."""
        checked = self.checked
        return {
            "verdict": self.verdict,
            "as_of": self.as_of.isoformat(),
            "catalogue_hash": self.catalogue_hash,
            "checked": {
                **vars(checked),
                "features": list(checked.features),
                "cutoffs": [c.isoformat() for c in checked.cutoffs],
                "probes": [p.isoformat() for p in checked.probes],
                "facts": dict(checked.facts),
            },
            "findings": [f.as_json() for f in self.findings],
            "limits": [limit._asdict() for limit in self.limits],
        }


def in_order(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Failures first, then warnings, then what passed; each in the order of the checks, worst count first."""
    severities: tuple[Severity, ...] = ("failed", "warning", "passed")
    checks = list(CHECKS)
    return tuple(sorted(findings, key=lambda f: (severities.index(f.severity), checks.index(f.check), -f.count)))
