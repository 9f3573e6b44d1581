"""A project's own features: written in its project file, checked against its tables, computed with the catalogue's."""

import re

import duckdb

from features.catalogue import BY_NAME, RELATIONS, Feature
from features.compiler import active_features, bare_relation
from features.errors import ProjectError, nearest
from features.project import OwnFeature, Project
from features.sources import Facts
from features.text import LANGUAGES, Text

NO_ROW = Text("no such row, or nothing to compute from", "没有此类记录，或无可计算的内容")

RESERVED = (
    *("customer_id", "as_of", "name", "account_manager", "churned", "segment", "value_at_stake"),
    *("value_score", "share_of_customer", "trajectory", "tier", "lifecycle_stage", "cluster", "loyalty_index"),
    *("expected_purchases", "expected_revenue", "lifetime_value", "lifetime_value_low", "lifetime_value_high"),
    *("churn_probability", "churn_probability_low", "churn_probability_high", "churn_band"),
)
"""Names that stand for something else wherever features stand: beside a customer, a label, a score."""

_CLOCKS = re.compile(r"\b(now|today|current_\w+|random|uuid\w*)\s*\(|\bcurrent_(date|time|timestamp)\b", re.IGNORECASE)
_NUMBERS = re.compile(r"U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|FLOAT|DOUBLE|DECIMAL|BOOLEAN")


def all_features(facts: Facts) -> tuple[Feature, ...]:
    """The features that the project's tables support, in catalogue order, and then its own.

    Raises ProjectError: an own feature cannot be computed; all faults at once.
    """
    own = own_features(facts.project)
    faults = [fault for feature in own for fault in _faults(facts, feature)]
    if faults:
        lines = Text(*("\n".join(f"  - {fault.of(language)}" for fault in faults) for language in LANGUAGES))
        raise ProjectError(
            Text("Own features need a change:\n{faults}", "自定义特征需要修改：\n{faults}"), faults=lines
        )
    return (*active_features(facts.columns), *own)


def own_features(project: Project) -> tuple[Feature, ...]:
    """The features that the project file defines, unchecked."""
    return tuple(_feature(name, own) for name, own in project.features.items())


def _feature(name: str, own: OwnFeature) -> Feature:
    return Feature(
        name, "own", f"own_{own.table}", own.sql, own.unit, own.text,
        missing=NO_ROW if own.empty is None else None, empty=own.empty, range=(None, None),
    )  # fmt: skip


def _faults(facts: Facts, feature: Feature) -> list[Text]:
    """What keeps a feature from being computed; its expression is bound to the table it names, not run."""
    table = RELATIONS[feature.source].table
    place = {"name": feature.name, "table": table, "sql": feature.sql}
    if feature.name in BY_NAME:
        return [_TAKEN.format(**place)]
    if feature.name in RESERVED:
        return [_RESERVED.format(**place, names=", ".join(RESERVED))]
    if table not in facts.columns:
        return [_NO_TABLE.format(**place, tables=", ".join(sorted(facts.columns)), hint=nearest(table, facts.columns))]
    if _CLOCKS.search(feature.sql):
        return [_CLOCK.format(**place)]
    relation = bare_relation(RELATIONS[feature.source])
    try:
        computed = f"SELECT customer_id, ({feature.sql}\n) AS value FROM ({relation}) GROUP BY customer_id"
        type_ = str(facts.connection.sql(computed).types[1])
    except duckdb.Error as fault:
        columns = ", ".join(facts.connection.sql(f"SELECT * FROM ({relation}) LIMIT 0").columns)
        return [_DOES_NOT_BIND.format(**place, fault=str(fault).split("\n")[0].strip(), columns=columns)]
    return [] if _NUMBERS.match(type_) else [_NO_NUMBER.format(**place, type=type_)]


_TAKEN = Text(
    "[features.{name}]: the catalogue has a feature of this name; choose another.",
    "[features.{name}]：特征目录中已有同名特征；请改用其他名称。",
)
_RESERVED = Text(
    "[features.{name}]: this name means something else beside features, as do the others of {names}; choose another.",
    "[features.{name}]：该名称已另有含义（保留名称：{names}）；请改用其他名称。",
)
_NO_TABLE = Text(
    "[features.{name}] table: the project gives no table '{table}' (it gives {tables}). {hint}",
    "[features.{name}] table：项目没有数据表“{table}”（现有 {tables}）。{hint}",
)
_CLOCK = Text(
    "[features.{name}] sql: '{sql}' asks for the time at which it runs or for chance; a feature is computed as of a"
    " cut-off, whose day is in the column today, and ages are in age_days.",
    "[features.{name}] sql：“{sql}”使用了运行时间或随机数；特征按截止时点计算，请使用列 today（截止日）和 age_days（距今天数）。",
)
_DOES_NOT_BIND = Text(
    "[features.{name}] sql: '{sql}' cannot be computed: {fault} It must be an aggregate, as count(*) FILTER (WHERE"
    " age_days <= 90), over the columns {columns}.",
    "[features.{name}] sql：无法计算“{sql}”：{fault} 表达式须为聚合，如 count(*) FILTER (WHERE age_days <= 90)，可用的列：{columns}。",
)
_NO_NUMBER = Text(
    "[features.{name}] sql: '{sql}' gives {type}; a feature is a number. Count, add up, or compare.",
    "[features.{name}] sql：“{sql}”的结果是 {type}；特征必须是数值。请计数、求和或比较。",
)
