"""The catalogue itself: names, texts, order, fingerprint. Its values are tested in ``catalogue/``."""

import re

import pytest

from features.catalogue import BY_NAME, FAMILIES, FEATURES, RELATIONS, Feature, Relation, catalogue_hash
from features.contracts import TABLES
from features.text import Text


def test_names_are_unique_and_usable_as_columns() -> None:
    names = [f.name for f in FEATURES]
    assert len(set(names)) == len(names) == len(BY_NAME)
    assert all(name.isidentifier() and name == name.lower() for name in names)


@pytest.mark.parametrize("feature", FEATURES, ids=lambda f: f.name)
def test_a_feature_says_what_it_is(feature: Feature) -> None:
    assert feature.family in FAMILIES
    assert feature.unit
    assert _is_bilingual(feature.meaning)
    assert feature.source in {"features", "peers"} or RELATIONS[feature.source].kind in {"rows", "customer"}
    low, high = feature.range
    assert low is None or high is None or low < high
    assert (feature.empty is None) == (feature.missing is not None), "it is either never missing or says when"
    assert feature.missing is None or _is_bilingual(feature.missing)


def _is_bilingual(text: Text) -> bool:
    return bool(text.en and text.zh) and text.en.isascii() and any("一" <= c <= "鿿" for c in text.zh)


def test_meanings_are_not_said_twice() -> None:
    for meanings in ([f.meaning.en for f in FEATURES], [f.meaning.zh for f in FEATURES]):
        assert sorted(meanings) == sorted(set(meanings))


def test_families_stand_in_their_order_and_each_in_one_piece() -> None:
    families = [f.family for f in FEATURES]
    assert list(dict.fromkeys(families)) == [name for name in FAMILIES if name != "own"]
    assert families == sorted(families, key=list(FAMILIES).index)


def test_relations_come_after_those_they_use() -> None:
    names = list(RELATIONS)
    assert names == [r.name for r in RELATIONS.values()]
    assert all(names.index(used) < names.index(r.name) for r in RELATIONS.values() for used in r.uses)


@pytest.mark.parametrize("relation", RELATIONS.values(), ids=lambda r: r.name)
def test_a_relation_reads_the_tables_and_relations_that_it_names_and_no_others(relation: Relation) -> None:
    for sql in filter(None, (relation.sql, relation.sql_out_of_order)):
        tables = {name for name in re.findall(r"\{(\w+)\}", sql) if name in TABLES}
        assert tables <= {relation.table, *relation.optional}
        read = set(re.findall(r"\b(?:FROM|JOIN) (\w+)", sql)) & set(RELATIONS)
        assert read == set(relation.uses)


@pytest.mark.parametrize("relation", RELATIONS.values(), ids=lambda r: r.name)
def test_what_is_computed_once_does_not_hang_on_one_cut_off_and_the_rest_does(relation: Relation) -> None:
    of_one = re.search(r"\{(as_of|as_of_day|day|day_of_year|step)\}", relation.sql + (relation.sql_out_of_order or ""))
    assert (of_one is None) == (relation.kind == "once")


def test_the_hash_tells_features_apart_by_what_they_compute() -> None:
    assert len(catalogue_hash(FEATURES)) == 12
    assert catalogue_hash(FEATURES) == catalogue_hash(tuple(FEATURES))
    assert len({catalogue_hash((f,)) for f in FEATURES}) == len(FEATURES)
