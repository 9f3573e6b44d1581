"""What a feature is: a named SQL expression over one relation, with its unit, range and meaning."""

from dataclasses import dataclass
from typing import Literal

from features.text import Text

Family = Literal[
    "recency",
    "frequency",
    "monetary",
    "habit",
    "breadth",
    "returns",
    "margin",
    "payment",
    "credit",
    "service",
    "contacts",
    "contract",
    "profile",
    "calendar",
    "peers",
    "own",
]

FAMILIES: dict[Family, Text] = {
    "recency": Text("Recency", "最近购买"),
    "frequency": Text("Frequency", "购买频率"),
    "monetary": Text("Spend", "消费金额"),
    "habit": Text("Own habit and its change", "自身购买习惯及其变化"),
    "breadth": Text("Breadth of the assortment", "购买品类广度"),
    "returns": Text("Returns", "退货"),
    "margin": Text("Discounts and margin", "折扣与毛利"),
    "payment": Text("Payment behaviour", "付款行为"),
    "credit": Text("Credit", "信用"),
    "service": Text("Service and satisfaction", "服务与满意度"),
    "contacts": Text("Contacts", "客户互动"),
    "contract": Text("Contract", "合同"),
    "profile": Text("Profile", "客户概况"),
    "calendar": Text("Season", "季节"),
    "peers": Text("Place among peers", "同类客户中的位置"),
    "own": Text("Your own features", "自定义特征"),
}

NO_PURCHASE = Text("no purchase yet", "尚无购买")
NO_INVOICE = Text("no such invoice yet", "尚无此类发票")


@dataclass(frozen=True)
class Feature:
    """One column of the snapshot.

    ``sql`` is in DuckDB's dialect, over the relation ``source`` of `relations.py` at one cut-off: an aggregate where the
    relation has several rows a customer, an expression where it has one. With ``source="features"`` it is an expression
    over other features; with ``source="peers"`` the level by which a customer is placed among its peers, one whose equal
    values count as equals.
    ``empty`` is its value for a customer without any row in the relation (None: missing). ``needs`` lists optional
    contract columns ("table.column", or alternatives "table.column|table.column") without which the feature is left
    out. ``range`` is the closed interval of valid values, in ``unit``.
    """

    name: str
    family: Family
    source: str
    sql: str
    unit: str
    meaning: Text
    missing: Text | None = None
    empty: float | None = None
    needs: tuple[str, ...] = ()
    range: tuple[float | None, float | None] = (0, None)
