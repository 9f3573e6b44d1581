"""The catalogue compiled to one SQL statement: each relation is aggregated once, for one cut-off or many."""

import re
from collections.abc import Mapping, Sequence, Set
from datetime import datetime
from zoneinfo import ZoneInfo

from features.catalogue import BY_NAME, FEATURES, RELATIONS, Feature, Relation


def active_features(columns: Mapping[str, Set[str]]) -> tuple[Feature, ...]:
    """The features that the given tables and columns support, in catalogue order.

    ``columns`` maps each given contract table to its mapped columns.
    """
    given = {f.name for f in FEATURES if f.source != "features" and _supported(f, columns)}
    return tuple(f for f in FEATURES if f.name in given or (f.source == "features" and set(inputs_of(f)) <= given))


def _supported(feature: Feature, columns: Mapping[str, Set[str]]) -> bool:
    return RELATIONS[feature.source].table in columns and all(_given(need, columns) for need in feature.needs)


def _given(need: str, columns: Mapping[str, Set[str]]) -> bool:
    """Whether one of the alternatives ("table.column|table.column") is mapped."""
    alternatives = (alternative.split(".") for alternative in need.split("|"))
    return any(column in columns.get(table, ()) for table, column in alternatives)


def inputs_of(feature: Feature) -> tuple[str, ...]:
    """The names of the features that a feature of ``source="features"`` is computed from."""
    names = {f.name for f in FEATURES}
    return tuple(word for word in dict.fromkeys(re.findall(r"[a-z]\w*", feature.sql)) if word in names)


def compile_features(
    features: Sequence[Feature],
    tables: Set[str],
    as_of: Sequence[datetime],
    timezone: ZoneInfo,
    customers: bool = False,
) -> str:
    """The SQL that computes ``features`` for every customer at every cut-off.

    Parameters: ``tables`` are the contract tables given; ``as_of`` are aware instants; with ``customers`` only those in
    the relation ``wanted_customers(customer_id)`` are computed. Result columns: customer_id, as_of (UTC), one DOUBLE
    per feature; ordered by as_of and customer_id.
    """
    computed = _with_inputs(features)
    relations = _relations(computed, tables)
    aggregated = [r for r in relations if r.aggregated]
    parts = [f"cutoffs(as_of, as_of_day) AS (VALUES {', '.join(_cutoff(a, timezone) for a in as_of)})"]
    if customers:
        parts += [_of_wanted_customers(t) for t in _tables(relations) if t in tables]
    parts += [f"{r.name} AS ({r.sql})" for r in relations]
    parts += [_aggregation(r, [f for f in computed if f.source == r.name]) for r in aggregated]
    parts.append(
        "population AS ("
        + " UNION ".join(f"SELECT as_of, customer_id FROM {r.name}_features" for r in aggregated)
        + ")"
    )
    joins = " ".join(f"LEFT JOIN {r.name}_features USING (as_of, customer_id)" for r in aggregated)
    inner = ", ".join(_filled(f) for f in computed if f.source != "features") or "0"
    parts.append(f"level AS (SELECT customer_id, as_of, {inner} FROM population {joins})")
    outer = ", ".join(f.name if f.source != "features" else f"CAST({f.sql} AS DOUBLE) AS {f.name}" for f in features)
    return f"WITH {', '.join(parts)} SELECT customer_id, as_of, {outer} FROM level ORDER BY as_of, customer_id"


def _with_inputs(features: Sequence[Feature]) -> list[Feature]:
    """The features, and those that they are computed from."""
    inputs = (BY_NAME[name] for f in features if f.source == "features" for name in inputs_of(f))
    return list({f.name: f for f in (*features, *inputs)}.values())


def _of_wanted_customers(table: str) -> str:
    """A table's rows for the wanted customers; what is paid on their invoices counts whoever paid it."""
    wanted = "customer_id IN (SELECT customer_id FROM wanted_customers)"
    if table == "payments":
        wanted = f"invoice_id IN (SELECT invoice_id FROM main.invoices WHERE {wanted})"
    return f"{table} AS (SELECT * FROM main.{table} WHERE {wanted})"


def _relations(features: Sequence[Feature], tables: Set[str]) -> list[Relation]:
    """The relations of features whose table is given, in dependency order; `profiles` brings customers without any fact."""
    wanted = {f.source for f in features if f.source != "features"} | {"profiles"}
    wanted |= {used for name in wanted for used in RELATIONS[name].uses}
    return [r for r in RELATIONS.values() if r.name in wanted and (r.table in tables or not r.aggregated)]


def _tables(relations: Sequence[Relation]) -> list[str]:
    return list(dict.fromkeys(t for r in relations for t in (r.table, *r.optional)))


def _cutoff(as_of: datetime, timezone: ZoneInfo) -> str:
    utc = as_of.astimezone(ZoneInfo("UTC")).replace(tzinfo=None)
    return f"(TIMESTAMP '{utc.isoformat(' ')}', DATE '{as_of.astimezone(timezone).date().isoformat()}')"


def _aggregation(relation: Relation, features: Sequence[Feature]) -> str:
    columns = "".join(f", {f.sql} AS {f.name}" for f in features)
    return (
        f"{relation.name}_features AS "
        f"(SELECT as_of, customer_id{columns} FROM {relation.name} GROUP BY as_of, customer_id)"
    )


def _filled(feature: Feature) -> str:
    value = feature.name if feature.empty is None else f"coalesce({feature.name}, {feature.empty})"
    return f"CAST({value} AS DOUBLE) AS {feature.name}"
