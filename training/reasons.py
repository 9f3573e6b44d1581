"""Why a customer is likely to leave or stay, in sentences with the customer's own numbers.

The model splits each customer's log-odds exactly into one contribution per feature. Contributions are added up within
groups of features that say one thing, and the strongest groups become sentences; no reader meets a feature's name.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from features.catalogue import Feature
from features.prepared import FEW_ROWS, Prepared
from features.text import LANGUAGES, Language, Text
from training.models.attributes import Attributes
from training.reason_groups import GROUPS, Group
from training.reason_groups.attributes import attribute_groups

Floats = NDArray[np.float64]

MOST_RAISING = 3
MOST_LOWERING = 2
LEAST_WEIGHT = 0.05
"""Log-odds below which a group is not worth a sentence: about one percentage point of probability."""

BLOCK_ROWS = 200_000
"""Rows at a time, so that memory does not grow with the customers by more than their reasons."""

REASONS_TYPE = pa.list_(
    pa.struct(
        [
            ("feature", pa.string()),
            ("family", pa.string()),
            ("direction", pa.string()),
            ("weight", pa.float64()),
            ("en", pa.string()),
            ("zh", pa.string()),
        ]
    )
)


class Explained(Protocol):
    """A model that splits its log-odds into contributions, see `ChurnModel`."""

    features: tuple[str, ...]

    def contributions(self, frame: pd.DataFrame) -> Floats:
        """What each feature adds to the log-odds, shape (rows, features)."""


@dataclass(frozen=True)
class _Chosen:
    """Which group explains which row, in reading order: parallel arrays, one entry a reason."""

    row: NDArray[np.int64]
    group: NDArray[np.int64]
    weight: Floats


def explain(
    model: Explained,
    frame: pd.DataFrame,
    currency: str,
    own: Sequence[Feature] = (),
    attributes: Attributes | None = None,
) -> pa.Array:
    """The reasons of each row, strongest first among those that raise the risk, then among those that lower it.

    ``own`` are the project's own features, told by their meaning and value; ``attributes`` those of a ready-made panel,
    which ``frame`` holds encoded.
    Returns one list a row of {feature, family, direction, weight, en, zh}; ``weight`` is in log-odds, ``feature`` the
    strongest of its group.
    """
    known = attribute_groups(attributes) if attributes else (*GROUPS, *map(_own_group, own))
    groups = [g for g in known if set(g.features) & set(model.features)]
    starts = range(0, max(1, len(frame)), BLOCK_ROWS)
    return pa.concat_arrays([_explain(model, frame.iloc[i : i + BLOCK_ROWS], groups, currency) for i in starts])


def _explain(model: Explained, frame: pd.DataFrame, groups: list[Group], currency: str) -> pa.Array:
    contributions = model.contributions(frame)
    members = [np.flatnonzero(np.isin(model.features, g.features)) for g in groups]
    chosen = _choose(np.column_stack([contributions[:, m].sum(axis=1) for m in members]))
    families = pa.array([g.family for g in groups], pa.string())
    parts: dict[str, pa.Array] = {
        "feature": pa.array(model.features, pa.string()).take(pa.array(_strongest(contributions, members, chosen))),
        "family": families.take(pa.array(chosen.group)),
        "direction": pa.array(["lowers", "raises"]).take(pa.array((chosen.weight > 0).astype(np.int8))),
        "weight": pa.array(chosen.weight, pa.float64()),
    }
    for language, told_in_it in _sentences(frame, groups, chosen.row, chosen.group, currency).items():
        parts[language] = told_in_it
    counts = np.bincount(chosen.row, minlength=len(frame))
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.StructArray.from_arrays(list(parts.values()), list(parts)))


def _strongest(contributions: Floats, members: list[NDArray[np.int64]], chosen: _Chosen) -> NDArray[np.int64]:
    """For each reason the number of the feature in its group that contributes most, whichever way."""
    found = np.empty(len(chosen.row), dtype=np.int64)
    for number, columns in enumerate(members):
        of_group = chosen.group == number
        found[of_group] = columns[np.abs(contributions[np.ix_(chosen.row[of_group], columns)]).argmax(axis=1)]
    return found


def _own_group(feature: Feature) -> Group:
    """A group of its own for a feature that the project defines. Braces would be read as a placeholder."""
    meaning = Text(*(words.rstrip(" .。").replace("{", "(").replace("}", ")") for words in feature.meaning))
    value = f"{{{feature.name}:decimal}}"
    known = Text("{meaning}: {value}.", "{meaning}：{value}。").format(meaning=meaning, value=value)
    bare = Text("{meaning}.", "{meaning}。").format(meaning=meaning)
    return Group(feature.name, "own", (feature.name,), bare, (("TRUE", known),))


def told(name: str, frame: pd.DataFrame, currency: str) -> dict[Language, NDArray[np.object_]]:
    """One group's sentence for every row, shape (rows,), by language."""
    group = next(g for g in GROUPS if g.name == name)
    row = np.arange(len(frame))
    sentences = _sentences(frame, [group], row, np.zeros_like(row), currency)
    return {language: made.to_numpy(zero_copy_only=False) for language, made in sentences.items()}


def _choose(weights: Floats) -> _Chosen:
    """Per row the groups that raise the risk most, then those that lower it most."""
    order = np.argsort(-weights, axis=1, kind="stable")
    groups = weights.shape[1]
    falling = np.take_along_axis(weights, order, axis=1)
    place = np.arange(groups)
    raising = (place < MOST_RAISING) & (falling >= LEAST_WEIGHT)
    lowering = (place >= groups - MOST_LOWERING) & (falling <= -LEAST_WEIGHT)
    # Raising ones read from the strongest on; lowering ones too, so their columns are turned round.
    turned = np.concatenate([place[:MOST_RAISING], place[::-1][: min(MOST_LOWERING, groups)]])
    wanted = np.concatenate([raising[:, :MOST_RAISING], lowering[:, ::-1][:, : min(MOST_LOWERING, groups)]], axis=1)
    row, position = np.nonzero(wanted)
    column = turned[position]
    return _Chosen(row, order[row, column], falling[row, column])


def _sentences(
    frame: pd.DataFrame, groups: list[Group], row: NDArray[np.int64], group: NDArray[np.int64], currency: str
) -> dict[Language, pa.Array]:
    """The sentence of each pair of a row and a group (numbers of equal shape), by language."""
    if len(frame) <= FEW_ROWS:
        return _sentences_of_few(frame, groups, row, group, currency)
    columns = set(frame.columns)
    used = sorted({name for g in groups for name in _used_columns(g) if name in columns})
    customers = pa.table(
        {_ROW: np.arange(len(frame)), **{name: pa.array(frame[name], from_pandas=True) for name in used}}
    )
    pairs = pa.table({_ROW: row, "number": group, "place": np.arange(len(row))})
    with duckdb.connect() as connection:
        connection.register("customers", customers)
        connection.register("pairs", pairs)
        of_pairs = connection.sql(_query(groups, currency, columns)).to_arrow_table()["told"].combine_chunks()
    return {language: of_pairs.field(language).cast(pa.string()) for language in LANGUAGES}


def _sentences_of_few(
    frame: pd.DataFrame, groups: list[Group], row: NDArray[np.int64], group: NDArray[np.int64], currency: str
) -> dict[Language, pa.Array]:
    """The same, by a query for each group that is told, prepared once: that of all groups takes longer to be set up."""
    told: NDArray[np.object_] = np.empty(len(row), dtype=object)
    chosen = np.unique(group).tolist()
    asked = frozenset[str]().union(*(_used_columns(groups[number]) for number in chosen))
    used = sorted(asked.intersection(frame.columns))
    known = dict(zip(used, frame[used].to_numpy().T, strict=True))
    for number in chosen:
        places = np.flatnonzero(group == number)
        own = sorted(_used_columns(groups[number]) & known.keys())
        given = pa.table({_ROW: places, **{name: pa.array(known[name][row[places]], from_pandas=True) for name in own}})
        made = _prepared(groups[number], given.schema, currency).ask(given=given)
        told[places] = [sentences for (sentences,) in made]
    return {language: pa.array([one[language] for one in told], pa.string()) for language in LANGUAGES}


def _query(groups: Sequence[Group], currency: str, columns: set[str]) -> str:
    cases = " ".join(f"WHEN {number} THEN {_case(group, currency, columns)}" for number, group in enumerate(groups))
    return f"SELECT CASE number {cases} END AS told FROM pairs JOIN customers USING ({_ROW}) ORDER BY place"


@lru_cache(maxsize=500)
def _prepared(group: Group, schema: pa.Schema, currency: str) -> Prepared:
    # without ORDER BY, which would take as long as the sentence: DuckDB keeps the order of what it reads
    told = f"SELECT {_case(group, currency, set(schema.names))} FROM given"
    return Prepared(told, {"given": schema})


@lru_cache(maxsize=1_000)
def _used_columns(group: Group) -> frozenset[str]:
    return frozenset(name for when, text in group.sentences for name in _columns_of(when, text))


def _case(group: Group, currency: str, columns: set[str]) -> str:
    """SQL that picks, in all languages, the first of the group's sentences whose condition holds and whose numbers are all there."""
    usable = [(when, text) for when, text in group.sentences if _columns_of(when, text) <= columns]
    whens = " ".join(f"WHEN {_and_known(when, text)} THEN {_in_all(text, currency)}" for when, text in usable)
    meaning = _by_language({language: _literal(group.meaning.of(language)) for language in LANGUAGES})
    return f"CASE {whens} ELSE {meaning} END" if usable else meaning


def _in_all(text: Text, currency: str) -> str:
    return _by_language({language: _sentence_sql(text, language, currency) for language in LANGUAGES})


def _by_language(sentences: Mapping[Language, str]) -> str:
    return "{" + ", ".join(f"'{language}': {sql}" for language, sql in sentences.items()) + "}"


_ROW = "row_of_frame"
_QUOTED = re.compile(r'"((?:[^"]|"")+)"')
_PLACEHOLDER = re.compile(r"{([^{}:]+):(\w+)}")


def _and_known(when: str, text: Text) -> str:
    numbers = dict.fromkeys(inner for inner, _ in _PLACEHOLDER.findall(text.en))
    return " AND ".join([f"({when})", *(f"({number}) IS NOT NULL" for number in numbers)])


def _columns_of(when: str, text: Text) -> set[str]:
    sql = when + " " + " ".join(inner for inner, _ in _PLACEHOLDER.findall(text.en))
    names = {name.replace('""', '"') for name in _QUOTED.findall(sql)}
    return names | set(re.findall(r"[a-z]\w*", _QUOTED.sub("", sql))) - {"greatest", "least", "isnan"}


def _sentence_sql(text: Text, language: Language, currency: str) -> str:
    """A sentence with ``{expression:unit}`` placeholders as an SQL concatenation."""
    parts, end = [], 0
    template = text.of(language)
    for match in _PLACEHOLDER.finditer(template):
        parts.append(_literal(template[end : match.start()]))
        parts.append(_UNITS[match[2]](match[1], language, currency))
        end = match.end()
    parts.append(_literal(template[end:]))
    return f"concat({', '.join(parts)})"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _days(sql: str, language: Language, _: str) -> str:
    number = f"format('{{:,}}', round({sql})::BIGINT)"
    if language == "zh":
        return f"concat({number}, ' 天')"
    return f"concat({number}, CASE WHEN round({sql}) = 1 THEN ' day' ELSE ' days' END)"


def _count(sql: str, _: Language, __: str) -> str:
    return f"format('{{:,}}', round({sql})::BIGINT)"


def _money(sql: str, _: Language, currency: str) -> str:
    return f"concat('{currency} ', format('{{:,}}', round({sql})::BIGINT))"


def _percent(sql: str, _: Language, __: str) -> str:
    return f"concat(round(100 * ({sql}))::BIGINT, ' %')"


def _decimal(sql: str, _: Language, __: str) -> str:
    return f"printf('%.1f', round(({sql})::DOUBLE, 1) + 0)"  # + 0: a rounded -0.0 has no sign


def _number(sql: str, _: Language, __: str) -> str:
    """As people write it: whole numbers without decimals, others with two."""
    return (
        f"CASE WHEN ({sql}) = round({sql}) THEN format('{{:,}}', ({sql})::BIGINT) ELSE format('{{:,.2f}}', {sql}) END"
    )


_UNITS = {"days": _days, "count": _count, "money": _money, "percent": _percent, "decimal": _decimal, "number": _number}
