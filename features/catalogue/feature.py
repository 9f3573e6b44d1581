"""What a feature is: a named SQL aggregate over one relation, with its unit, range and meaning."""

from dataclasses import dataclass
from typing import Literal

from features.text import Text

Family = Literal["recency", "frequency", "monetary", "habit", "breadth", "payment", "service"]

FAMILIES: dict[Family, Text] = {
    "recency": Text("Recency", "最近购买"),
    "frequency": Text("Frequency", "购买频率"),
    "monetary": Text("Spend", "消费金额"),
    "habit": Text("Own habit and its change", "自身购买习惯及其变化"),
    "breadth": Text("Breadth of the assortment", "购买品类广度"),
    "payment": Text("Payment behaviour", "付款行为"),
    "service": Text("Service and complaints", "服务与投诉"),
}

NO_PURCHASE = Text("no purchase yet", "尚无购买")
NO_INVOICE = Text("no such invoice yet", "尚无此类发票")


@dataclass(frozen=True)
class Feature:
    """One column of the snapshot.

    ``sql`` is an aggregate (DuckDB dialect) over the relation ``source`` of `relations.py`, computed per customer and
    cut-off; with ``source="features"`` it is an expression over other features. ``empty`` is its value for a customer
    without any row in the relation (None: missing). ``needs`` lists optional contract columns ("table.column", or
    alternatives "table.column|table.column") without which the feature is left out. ``range`` is the closed interval of valid values, in ``unit``.
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
