"""The catalogue compiled to SQL: what all cut-offs share is computed once, then one statement a cut-off.

Each relation is read once for all its features; features of features and places among peers are computed in the same
statement. DuckDB's dialect; `engines/spark.py` translates it.
"""

import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from features.catalogue import BY_NAME, FEATURES, RELATIONS, Feature, Relation

WANTED = "wanted_customers"
"""The relation (customer_id) that limits the rows, where a caller wants few customers."""

PEER_GROUP = "peer_group"

CUTOFF = "cutoff"
"""The table of one row with the cut-off of a statement that is prepared once for all of them."""


@dataclass(frozen=True)
class Step:
    """A relation that later statements read: kept as a table, or a view that is cheap to compute again."""

    name: str
    sql: str
    is_kept: bool


@dataclass(frozen=True)
class Plan:
    """Steps to take in order, and then one SELECT a cut-off: customer_id, as_of (UTC), one DOUBLE a feature."""

    steps: tuple[Step, ...]
    selects: tuple[str, ...]


def active_features(columns: Mapping[str, Set[str]]) -> tuple[Feature, ...]:
    """The features that the given tables and columns support, in catalogue order.

    ``columns`` maps each given contract table to its mapped columns.
    """
    given = {f.name for f in FEATURES if f.source in RELATIONS and _supported(f, columns)}
    return tuple(f for f in FEATURES if f.name in given or (f.source not in RELATIONS and set(inputs_of(f)) <= given))


def _supported(feature: Feature, columns: Mapping[str, Set[str]]) -> bool:
    return RELATIONS[feature.source].table in columns and all(_given(need, columns) for need in feature.needs)


def _given(need: str, columns: Mapping[str, Set[str]]) -> bool:
    """Whether one of the alternatives ("table.column|table.column") is mapped."""
    alternatives = (alternative.split(".") for alternative in need.split("|"))
    return any(column in columns.get(table, ()) for table, column in alternatives)


def inputs_of(feature: Feature) -> tuple[str, ...]:
    """The names of the features that a feature of ``source="features"`` or ``"peers"`` is computed from."""
    return tuple(word for word in dict.fromkeys(re.findall(r"[a-z]\w*", feature.sql)) if word in BY_NAME)


def compile_features(
    features: Sequence[Feature],
    columns: Mapping[str, Set[str]],
    as_of: Sequence[datetime],
    timezone: ZoneInfo,
    customers: bool = False,
    made: Mapping[str, str] | None = None,
    levels: bool = False,
) -> Plan:
    """The SQL that computes ``features`` for every customer at every cut-off.

    Parameters: ``columns`` maps the given contract tables to their mapped columns; ``as_of`` are aware instants in
    order; with ``customers`` only those in the relation ``wanted_customers(customer_id)`` are computed; ``made`` names
    the tables in which relations stand already, as they are at the last cut-off or a later one. With ``levels`` a place
    among peers is given as the level that is compared, and a last column ``peer_group`` says with whom.
    """
    made = made or {}
    relations = _relations(_with_inputs(features), columns, made)
    # a place among peers needs the peers: then the wanted customers are picked at the end
    is_limited = customers and (levels or not any(f.source == "peers" for f in features))
    tables = {t: f"{t}_of_wanted" if is_limited else t for r in relations for t in (r.table, *r.optional)}
    several = len(as_of) > 1
    steps = [Step(f"{t}_of_wanted", _of_wanted_customers(t), False) for t in tables if is_limited]
    once = _Filling(tables, as_of, 0, timezone)
    steps += [Step(r.name, _made(made[r.name], is_limited), False) for r in relations if r.name in made]
    for relation in (r for r in relations if r.kind == "once" and r.name not in made):
        readings = sum(len(re.findall(rf"\b{relation.name}\b", r.sql)) for r in relations if relation.name in r.uses)
        is_kept = several or (readings > 1 and not relation.is_projection)
        out_of_order = several and "known_at" in columns.get(relation.table, ())
        sql = relation.sql_out_of_order if relation.sql_out_of_order and out_of_order else relation.sql
        steps.append(Step(relation.name, once.fill(sql), is_kept))
    picked = f" WHERE customer_id IN (SELECT customer_id FROM {WANTED})" if customers else ""
    selects = (
        _select(features, relations, _Filling(tables, as_of, number, timezone), picked, levels)
        for number in range(len(as_of))
    )
    return Plan(tuple(steps), tuple(selects))


def compile_statement(features: Sequence[Feature], columns: Mapping[str, Set[str]], timezone: ZoneInfo) -> str:
    """The same as one SELECT for everybody in the tables, with ``levels``, at the cut-off in the table CUTOFF (`cutoff_at`).

    It has no parameters: DuckDB keeps the plan of a prepared statement without any, and binds one with parameters anew
    each time it is executed, which takes longer than computing a few customers.
    """
    relations = _relations(_with_inputs(features), columns, {})
    filling = _FromTable({t: t for r in relations for t in (r.table, *r.optional)}, [_LONG_AGO], 0, timezone)
    once = [f"{r.name} AS ({filling.once(r)})" for r in relations if r.kind == "once"]
    return f"WITH {', '.join([*once, _select(features, relations, filling, '', True).removeprefix('WITH ')])}"


def cutoff_at(as_of: datetime, timezone: ZoneInfo) -> str:
    """SQL: the columns of the table CUTOFF at a cut-off, to select."""
    filling = _Filling({}, [as_of], 0, timezone)
    return ", ".join(
        f"CAST({filling.fill('{' + name + '}')} AS {type_}) AS {name}" for name, type_ in _OF_CUTOFF.items()
    )


def _with_inputs(features: Sequence[Feature]) -> list[Feature]:
    """The features, and those that they are computed from."""
    inputs = (BY_NAME[name] for f in features if f.source not in RELATIONS for name in inputs_of(f))
    return list({f.name: f for f in (*features, *inputs)}.values())


def _relations(features: Sequence[Feature], columns: Mapping[str, Set[str]], made: Mapping[str, str]) -> list[Relation]:
    """The relations of features, in dependency order; `profiles` brings customers without any fact."""
    wanted = {f.source for f in features if f.source in RELATIONS}
    if "customers" in columns:
        wanted.add("profiles")
    for relation in reversed(RELATIONS.values()):
        if relation.name in wanted and relation.name not in made:
            wanted.update(relation.uses)
    return [r for r in RELATIONS.values() if r.name in wanted]


def _of_wanted_customers(table: str) -> str:
    """A table's rows for the wanted customers; what is paid on their invoices counts whoever paid it."""
    wanted = f"customer_id IN (SELECT customer_id FROM {WANTED})"
    if table == "payments":
        wanted = f"invoice_id IN (SELECT invoice_id FROM invoices WHERE {wanted})"
    return f"SELECT * FROM {table} WHERE {wanted}"


def _made(table: str, is_limited: bool) -> str:
    wanted = f" WHERE customer_id IN (SELECT customer_id FROM {WANTED})" if is_limited else ""
    return f"SELECT * FROM {table}{wanted}"


def bare_relation(relation: Relation) -> str:
    """A relation that reads nothing but its own table, at a cut-off before all facts: for looking at its columns."""
    return _Filling({relation.table: relation.table}, [_LONG_AGO], 0, ZoneInfo("UTC")).fill(relation.sql)


# --- one cut-off


def _select(
    features: Sequence[Feature], relations: Sequence[Relation], filling: "_Filling", picked: str, levels: bool
) -> str:
    computed = [f for f in _with_inputs(features) if f.source in RELATIONS]
    at_cutoff = [r for r in relations if r.kind != "once"]
    has_groups = any(r.name == "profiles" for r in at_cutoff)
    parts = [f"{r.name} AS ({filling.fill(r.sql)})" for r in at_cutoff]
    parts += [_of_relation(r, [f for f in computed if f.source == r.name], has_groups) for r in at_cutoff]
    joined = " FULL JOIN ".join(
        f"{r.name}_features" + (" USING (customer_id)" if n else "") for n, r in enumerate(at_cutoff)
    )
    group = PEER_GROUP if has_groups else f"'' AS {PEER_GROUP}"
    level = ", ".join(["customer_id", group, *(_filled(f) for f in computed)])
    parts.append(f"level AS (SELECT {level} FROM {joined})")
    placed = [] if levels else [f for f in features if f.source == "peers"]
    if placed:
        parts += _places(placed)
    outer = [f"CAST({f.sql} AS DOUBLE) AS {f.name}" if levels and f.source == "peers" else _outer(f) for f in features]
    outer += [f"coalesce({PEER_GROUP}, '') AS {PEER_GROUP}"] if levels else []
    columns = ", ".join(["level.customer_id", f"{filling.as_of} AS as_of", *outer])
    joined = " JOIN places ON places.customer_id = level.customer_id" if placed else ""
    parts.append(f"snapshot AS (SELECT {columns} FROM level{joined})")
    return f"WITH {', '.join(parts)} SELECT * FROM snapshot{picked}"


def _places(features: Sequence[Feature]) -> list[str]:
    """Relations that end in `places`: for each customer the share of peers below, equals counted by half.

    Each level's peers are counted by value first, of which there are few: sorting customers costs many times as much.
    """
    levels = ", ".join(f"{f.sql} AS {f.name}" for f in features)
    shares = ", ".join(f"{f.name}_shares.share AS {f.name}_share" for f in features)
    joined = "".join(f" LEFT JOIN {f.name}_shares USING ({PEER_GROUP}, {f.name})" for f in features)
    return [
        f"compared AS (SELECT customer_id, coalesce({PEER_GROUP}, '') AS {PEER_GROUP}, {levels} FROM level)",
        *(_shares(f.name) for f in features),
        f"places AS (SELECT customer_id, {shares} FROM compared{joined})",
    ]


def shares_of(features: Sequence[Feature], levels: str) -> str:
    """SQL: feature, peer_group, level, share and upto of places among peers, from a relation of all peers' levels."""
    parts = [_shares(f.name) for f in features]
    each = (
        f"SELECT '{f.name}' AS feature, {PEER_GROUP}, {f.name} AS level, share, upto FROM {f.name}_shares"
        for f in features
    )
    return f"WITH compared AS (SELECT * FROM {levels}), {', '.join(parts)} {' UNION ALL '.join(each)}"


def _shares(name: str) -> str:
    """For each group and value of a level the share of the group that lies below, and that which lies at or below."""
    counted = (
        f"SELECT {PEER_GROUP}, {name}, CAST(count(*) AS DOUBLE) AS equals FROM compared"
        f" WHERE {name} IS NOT NULL GROUP BY {PEER_GROUP}, {name}"
    )
    everybody = f"sum(equals) OVER (PARTITION BY {PEER_GROUP})"
    share = (
        f"(sum(equals) OVER up_to - equals / 2E0) / {everybody} AS share, sum(equals) OVER up_to / {everybody} AS upto"
    )
    up_to = f"WINDOW up_to AS (PARTITION BY {PEER_GROUP} ORDER BY {name})"
    return f"{name}_shares AS (SELECT {PEER_GROUP}, {name}, {share} FROM ({counted}) AS counted {up_to})"


def _of_relation(relation: Relation, features: Sequence[Feature], has_groups: bool) -> str:
    columns = [f"{f.sql} AS {f.name}" for f in features]
    if relation.name == "profiles" and has_groups:
        columns.append(f"arg_max({PEER_GROUP}, valid_from) FILTER (WHERE holds) AS {PEER_GROUP}")
    group = " GROUP BY customer_id" if relation.kind == "rows" else ""
    return f"{relation.name}_features AS (SELECT {', '.join(['customer_id', *columns])} FROM {relation.name}{group})"


def _filled(feature: Feature) -> str:
    value = feature.name if feature.empty is None else f"coalesce({feature.name}, {feature.empty})"
    return f"CAST({value} AS DOUBLE) AS {feature.name}"


def _outer(feature: Feature) -> str:
    if feature.source in RELATIONS:
        return feature.name
    sql = f"places.{feature.name}_share" if feature.source == "peers" else feature.sql
    return f"CAST({sql} AS DOUBLE) AS {feature.name}"


# --- what stands in the SQL's braces


class _Filling:
    """The values of one cut-off, written into the SQL of relations."""

    def __init__(self, tables: Mapping[str, str], as_of: Sequence[datetime], number: int, timezone: ZoneInfo) -> None:
        instants = [_utc(a) for a in as_of]
        day = as_of[number].astimezone(timezone).date()
        self._instants = instants
        self.as_of = instants[number]
        self._values = {
            **tables,
            "as_of": self.as_of,
            "as_of_day": f"DATE '{day.isoformat()}'",
            "day": str(day.toordinal() - _EPOCH),
            "day_of_year": str(day.timetuple().tm_yday),
            "step": str(number),
            "steps": str(len(instants)),
            "each_step": ", ".join(f"({n})" for n in range(len(instants))),
            "end": instants[-1],
        }

    def fill(self, sql: str) -> str:
        return _BRACES.sub(lambda m: self._passed(m[2]) if m[1] == "passed" else self._values[m[1]], sql)

    def _passed(self, instant: str) -> str:
        """How many cut-offs lie at or before an instant; the last one does not, for facts that any cut-off knows."""
        passed = [f"CAST({instant} >= {c} AS INTEGER)" for c in self._instants[:-1]]
        groups = (
            " + ".join(passed[n : n + 30]) for n in range(0, len(passed), 30)
        )  # a sum of all is too deep to parse
        return "(" + " + ".join([*(f"({group})" for group in groups), "0"]) + ")"


_OF_CUTOFF = {"as_of": "TIMESTAMP", "as_of_day": "DATE", "day": "INTEGER", "day_of_year": "INTEGER"}
_IN_LAMBDA, _CARRIER = "day", "purchase_days"
"""A lambda cannot hold a subquery: what stands in one is a column of the relation that is read there."""


class _FromTable(_Filling):
    """The values of one cut-off as they stand in the table CUTOFF."""

    def __init__(self, tables: Mapping[str, str], as_of: Sequence[datetime], number: int, timezone: ZoneInfo) -> None:
        super().__init__(tables, as_of, number, timezone)
        self._values |= {name: f"(SELECT {name} FROM {CUTOFF})" for name in _OF_CUTOFF}
        self.as_of = self._values["end"] = self._values["as_of"]
        self._values[_IN_LAMBDA] = _IN_LAMBDA

    def once(self, relation: Relation) -> str:
        """A relation that is computed once, with the column that lambdas read."""
        sql = self.fill(relation.sql)
        carried = f"(SELECT {_IN_LAMBDA} FROM {CUTOFF}) AS {_IN_LAMBDA}"
        return f"SELECT *, {carried} FROM ({sql}) AS made" if relation.name == _CARRIER else sql


_BRACES = re.compile(r"\{(\w+)(?:\[(\w+)\])?\}")
_EPOCH = datetime(1970, 1, 1).toordinal()
_LONG_AGO = datetime(1800, 1, 1, tzinfo=UTC)


def _utc(as_of: datetime) -> str:
    return f"TIMESTAMP '{as_of.astimezone(UTC).replace(tzinfo=None).isoformat(' ')}'"
