"""What Retinue can do with the tables and columns that are given, and what each further one would add."""

from collections.abc import Mapping
from dataclasses import dataclass

from features.text import Text

Needs = tuple[str, ...]


@dataclass(frozen=True)
class Capability:
    """Something that Retinue does. It needs one of ``ways``, each a set of ``table`` or ``table.column``."""

    id: str
    name: Text
    ways: tuple[Needs, ...]

    def lacking(self, columns: Mapping[str, frozenset[str]]) -> Needs:
        """What would switch it on with the least to add; empty when it is on."""
        return min((missing(way, columns) for way in self.ways), key=len)


CAPABILITIES: tuple[Capability, ...] = (
    Capability(
        "churn_risk",
        Text("churn risk with reasons", "流失风险及原因"),
        (("orders",), ("subscriptions.ended_at",), ("panel.label",)),
    ),
    Capability("segments", Text("segments and value", "客户分群与价值"), (("orders",),)),
    Capability("recommendations", Text("recommended actions", "挽留建议"), (("orders",), ("subscriptions.amount",))),
    Capability("margin", Text("value from real margins", "按实际毛利计算价值"), (("orders.margin",),)),
    Capability("breadth", Text("breadth of the assortment", "购买品类广度"), (("orders.category",),)),
    Capability("discounts", Text("discount sensitivity", "折扣敏感度"), (("orders.discount",),)),
    Capability("delivery", Text("late deliveries", "交货延迟"), (("orders.promised_at", "orders.delivered_at"),)),
    Capability(
        "payment",
        Text("payment behaviour and overdue balance", "付款行为与逾期余额"),
        (("invoices.settled_at",), ("invoices", "payments.invoice_id")),
    ),
    Capability("disputes", Text("disputed invoices", "有争议的发票"), (("invoices.disputed",),)),
    Capability("complaints", Text("complaints and contacts", "投诉与互动"), (("interactions",),)),
    Capability("open_complaints", Text("open complaints", "未关闭的投诉"), (("interactions.closed_at",),)),
    Capability("satisfaction", Text("satisfaction scores", "满意度评分"), (("interactions.score",),)),
    Capability("names", Text("customer names in lists", "清单中显示客户名称"), (("customers.name",),)),
    Capability("owners", Text("lists per account manager", "按客户经理分列清单"), (("customers.account_manager",),)),
)


def missing(needs: Needs, columns: Mapping[str, frozenset[str]]) -> Needs:
    """Those of ``needs`` that the project does not give."""
    return tuple(need for need in needs if not _is_given(need, columns))


def _is_given(need: str, columns: Mapping[str, frozenset[str]]) -> bool:
    table, _, column = need.partition(".")
    return table in columns and (not column or column in columns[table])
