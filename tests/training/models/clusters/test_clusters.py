import doctest
import json
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import adjusted_rand_score

import training.models.clusters.choice
import training.models.clusters.drift
from features.catalogue import BY_NAME
from features.errors import ModelError, NotEnoughDataError
from tests.training.models.clusters.planted import of_one_kind, planted
from training.models.clusters.behaviour import BY_COLUMN, TRAITS, fit_behaviour
from training.models.clusters.choice import (
    STABLE,
    Candidate,
    adjusted_rand,
    candidates,
    chosen_of,
    contingency,
    jaccard,
)
from training.models.clusters.drift import cluster_drift, population_stability
from training.models.clusters.groups import AVERAGE, Group, profile, told_apart
from training.models.clusters.matching import fit_again, matched
from training.models.clusters.model import ClusterModel, fit_clusters
from training.models.clusters.partitions import KINDS, Labels

ROUNDS = 5
Base = tuple[pd.DataFrame, Labels]


@pytest.fixture(scope="module")
def base() -> Base:
    return planted(600, 1)


@pytest.fixture(scope="module")
def model(base: Base) -> ClusterModel:
    return fit_clusters(base[0], 0, datetime(2026, 1, 1, tzinfo=UTC), "abc", rounds=ROUNDS)


def test_four_planted_groups_are_found_and_come_again(base: Base, model: ClusterModel) -> None:
    frame, truth = base
    assert model.chosen.groups == 4
    assert adjusted_rand_score(truth, model.assign(frame).astype(int)) >= 0.9
    assert model.chosen.stability >= 0.9
    assert min(group.recovered for group in model.groups) >= 0.75
    assert sorted(group.recovered for group in model.groups) == sorted(model.chosen.recovered)
    assert f"mean adjusted Rand index of {model.chosen.stability:.2f}" in model.chosen.verdict().en
    assert model.metrics()["bootstrap_rand"] == model.chosen.stability


def test_groups_are_named_after_what_distinguishes_them(model: ClusterModel) -> None:
    assert [group.share for group in model.groups] == sorted((group.share for group in model.groups), reverse=True)
    names = {group.name.en for group in model.groups}
    assert len(names) == 4
    [complaining] = [g for g in model.groups if ("complaints_365d", True) in g.traits]
    assert {("purchase_days_365d", True), ("purchase_amount_mean", False)} & set(complaining.traits)
    assert complaining.share == pytest.approx(0.4, abs=0.05)
    assert "投诉多" in complaining.name.zh.split("、")
    [late] = [g for g in model.groups if ("late_share_365d", True) in g.traits]
    assert late.name.en.startswith("Pay late")


def test_one_customer_alone_gets_the_group_that_it_got_in_training(base: Base, model: ClusterModel) -> None:
    frame, _ = base
    stored = ClusterModel.from_json(model.to_json())
    together = model.assign(frame)
    alone = pd.concat([stored.assign(frame.iloc[[row]]) for row in range(0, len(frame), 7)])
    assert alone.tolist() == together.iloc[::7].tolist()
    points = model.behaviour.points(model.behaviour.traits(frame))
    one = stored.behaviour.points(stored.behaviour.traits(frame.iloc[[5]]))
    assert one.tobytes() == points[[5]].tobytes()


def test_new_customers_of_the_same_groups_are_assigned_to_them(model: ClusterModel) -> None:
    later, truth = planted(300, 99)
    assert adjusted_rand_score(truth, model.assign(later).astype(int)) >= 0.9


def test_the_order_of_the_customers_does_not_matter(base: Base, model: ClusterModel) -> None:
    shuffled = base[0].sample(frac=1, random_state=3)
    again = fit_clusters(shuffled, 0, datetime(2026, 1, 1, tzinfo=UTC), "abc", rounds=ROUNDS)
    assert again.to_json() == model.to_json()


def test_customers_of_one_kind_are_said_to_have_no_separate_groups() -> None:
    found = fit_clusters(of_one_kind(400, 2), 0, rounds=ROUNDS)
    assert found.chosen.silhouette < 0.26
    assert "cut out of a whole without gaps" in found.chosen.verdict().en
    assert found.chosen.verdict().zh.count("由连续的整体划分而成") == 1


def test_who_bought_nothing_in_a_year_has_no_group(model: ClusterModel) -> None:
    frame, _ = planted(3, 4)
    silent = frame.assign(purchase_days_365d=[0.0, 5.0, 5.0]).set_axis(["x", "y", "z"])
    numbers = model.assign(silent)
    assert numbers.isna().tolist() == [True, False, False]
    assert numbers.index.tolist() == ["x", "y", "z"]


def test_a_trait_that_stands_twice_counts_once(
    base: Base,
) -> None:
    frame, _ = base
    copied = frame.assign(contacts_365d=frame["complaints_365d"], gap_variation=5.0)
    behaviour = fit_behaviour(copied)
    assert behaviour.columns == fit_behaviour(frame).columns
    assert not {"contacts_365d", "gap_variation"} & set(behaviour.columns)
    assert np.allclose(behaviour.traits(frame).mean(axis=0), 0, atol=1e-9)
    assert np.allclose(behaviour.traits(frame).std(axis=0), 1)


def test_the_components_hold_most_of_the_variance_and_are_at_right_angles(
    base: Base,
) -> None:
    behaviour = fit_behaviour(base[0])
    traits = behaviour.traits(base[0])
    weights = np.array(behaviour.components)
    assert np.allclose(weights @ weights.T, np.eye(len(weights)))
    kept = behaviour.points(traits).var(axis=0)
    assert kept.sum() >= 0.95 * traits.var(axis=0).sum()
    assert kept[:-1].sum() < 0.95 * traits.var(axis=0).sum()
    assert (np.diff(kept) <= 1e-9).all()


def test_a_mixture_assigns_as_the_density_says() -> None:
    frame, _ = planted(400, 6)
    behaviour = fit_behaviour(frame)
    points = behaviour.points(behaviour.traits(frame))
    from sklearn.mixture import GaussianMixture

    partition = KINDS["mixture"](points, 3, 0)
    reference = GaussianMixture(3, reg_covar=1e-2, n_init=1, random_state=0).fit(points)
    assert partition.labels(points).tolist() == reference.predict(points).tolist()
    assert partition.bic == pytest.approx(reference.bic(points))


def test_few_or_equal_customers_cannot_be_grouped() -> None:
    frame, _ = planted(40, 0)
    with pytest.raises(NotEnoughDataError, match="need 50 customers who have bought in the last year"):
        fit_clusters(frame, 0)
    alike = pd.concat([frame.head(1)] * 60).assign(customer_id=[str(n) for n in range(60)])
    with pytest.raises(NotEnoughDataError, match="need 2 features in which the 60 customers differ; these have 0"):
        fit_clusters(alike, 0)
    with pytest.raises(NotEnoughDataError, match="3 customers are too few"):
        candidates(np.zeros((3, 2)), 0)


def test_a_missing_column_is_named(model: ClusterModel) -> None:
    frame, _ = planted(3, 4)
    with pytest.raises(ModelError, match=r"need the column 'complaints_365d'\. Did you mean 'complaints_90d'"):
        model.assign(frame.rename(columns={"complaints_365d": "complaints_90d"}))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"behaviour": NaN}'])
def test_anything_else_than_stored_groups_is_refused(text: str) -> None:
    with pytest.raises(ModelError, match="no stored groups of behaviour"):
        ClusterModel.from_json(text)


def test_parts_that_do_not_fit_together_are_refused(model: ClusterModel) -> None:
    stored = json.loads(model.to_json())
    stored["groups"] = stored["groups"][:-1]
    with pytest.raises(ModelError, match="do not fit together"):
        ClusterModel.from_json(json.dumps(stored))


# ---- how many ---------------------------------------------------------------------------------------------------


def one(
    kind: str, groups: int, silhouette: float, stability: float, bic: float | None = None, least: float = 0.1
) -> Candidate:
    return Candidate(kind, groups, silhouette, bic, stability, (stability,) * groups, least)


def test_of_stable_divisions_the_best_fitting_is_taken() -> None:
    found = (
        one("kmeans", 2, 0.52, 0.99),
        one("kmeans", 4, 0.55, STABLE),
        one("kmeans", 5, 0.6, 0.79),
        one("kmeans", 6, 0.2, 0.9),
    )
    assert chosen_of(found).groups == 4
    assert chosen_of(found).verdict().en.endswith("of 0.80: they can be relied on.")


def test_where_nothing_is_separate_the_most_groups_that_come_again_are_taken() -> None:
    found = (one("kmeans", 2, 0.3, 0.99), one("kmeans", 5, 0.2, 0.85), one("kmeans", 6, 0.25, 0.7))
    assert chosen_of(found).groups == 5
    assert "customers on both sides of one are much alike" in chosen_of(found).verdict().en


def test_kind_and_number_stay_while_they_are_stable_and_nothing_separate_appears() -> None:
    found = (one("kmeans", 4, 0.3, 0.82), one("kmeans", 6, 0.2, 0.95), one("kmeans", 7, 0.2, 0.7))
    assert chosen_of(found).groups == 6
    assert chosen_of(found, before=found[0]).groups == 4
    assert chosen_of(found, before=found[2]).groups == 6
    assert chosen_of((*found, one("kmeans", 3, 0.6, 0.9)), before=found[0]).groups == 3


def test_where_none_is_stable_what_was_taken_before_stays_unless_another_is_clearly_more_so() -> None:
    found = (one("kmeans", 2, 0.3, 0.75), one("kmeans", 5, 0.3, 0.66), one("kmeans", 8, 0.3, 0.6))
    assert chosen_of(found, found[1]).groups == 5
    assert chosen_of(found, found[2]).groups == 2


def test_where_none_is_stable_the_nearest_to_it_is_taken_and_doubted() -> None:
    found = (one("kmeans", 2, 0.2, 0.6), one("kmeans", 3, 0.9, 0.56), one("mixture", 6, 0.9, 0.3, -9.0))
    assert chosen_of(found).groups == 2
    assert "use them to describe, not to decide" in chosen_of(found).verdict().en


def test_mixtures_are_compared_by_bic_and_tiny_groups_are_avoided() -> None:
    mixtures = (
        one("mixture", 3, 0.5, 0.9, 100.0),
        one("mixture", 4, 0.4, 0.9, 50.0),
        one("mixture", 5, 0.4, 0.9, 10.0, 0.01),
    )
    assert chosen_of(mixtures).groups == 4
    assert chosen_of((*mixtures, one("kmeans", 6, 0.45, 0.9))).groups == 6
    assert chosen_of((*mixtures, one("kmeans", 6, 0.45, 0.5))).groups == 4


def test_similarities_of_two_divisions_by_hand() -> None:
    mine, other = np.array([0, 0, 0, 1, 1]), np.array([1, 1, 0, 0, 0])
    together = contingency(mine, other, 2, 2)
    assert together.tolist() == [[1, 2], [2, 0]]
    assert jaccard(together).tolist() == [[1 / 5, 2 / 3], [2 / 3, 0.0]]
    generator = np.random.default_rng(0)
    for _ in range(20):
        a, b = generator.integers(0, 3, 30), generator.integers(0, 4, 30)
        assert adjusted_rand(contingency(a, b, 3, 4)) == pytest.approx(adjusted_rand_score(a, b))
    for module in (training.models.clusters.choice, training.models.clusters.drift):
        assert doctest.testmod(module).failed == 0


# ---- names over time --------------------------------------------------------------------------------------------


def test_numbers_and_names_stay_when_the_same_groups_are_found_in_another_order(model: ClusterModel) -> None:
    frame, _ = planted(300, 8)
    numbers = (7, 5, 9, 6)
    turned = replace(
        model, groups=tuple(replace(g, number=n) for g, n in zip(model.groups, numbers, strict=True)), next_number=11
    )
    later = fit_again(frame, turned, 5)
    assert later.next_number == 11
    agreed = later.assign(frame) == turned.assign(frame)
    assert agreed.mean() > 0.95
    assert {group.number for group in later.groups} == {5, 6, 7, 9}
    assert {g.number: g.name for g in later.groups} == {g.number: g.name for g in turned.groups}


def test_a_group_that_is_new_gets_a_number_that_was_never_used(model: ClusterModel) -> None:
    frame, _ = planted(600, 8)
    two = replace(
        model,
        next_number=3,
        groups=model.groups[:2],
        partition=replace(model.partition, centres=model.partition.centres[:2], offsets=model.partition.offsets[:2],
                          factors=model.partition.factors and model.partition.factors[:2]),
    )  # fmt: skip
    later = matched(model, two, frame)
    assert [group.number for group in later.groups if group.number <= 2] != []
    assert {group.number for group in later.groups} - {1, 2} <= {3, 4, 5}
    assert len({group.number for group in later.groups}) == 4


def test_where_the_old_groups_cannot_be_assigned_all_numbers_are_new(model: ClusterModel) -> None:
    frame, _ = planted(200, 8)
    other = fit_clusters(frame.drop(columns="complaints_365d"), 0, rounds=2)
    later = matched(other, model, frame.drop(columns="complaints_365d"))
    assert min(group.number for group in later.groups) == 5


def test_groups_with_the_same_traits_are_told_apart_by_further_ones() -> None:
    columns = ("purchase_days_365d", "complaints_365d", "contacts_365d")
    alike = [Group(n, 0.5, (1.0, 0.1, c), 1.0, 0.9, (("purchase_days_365d", True),)) for n, c in ((1, 0.4), (2, -0.4))]
    assert [g.name.en for g in told_apart(alike, columns)] == [
        "Frequent orders, many contacts",
        "Frequent orders, few contacts",
    ]
    assert Group(1, 1.0, (0.0,), 1.0, 0.9, ()).name.zh == AVERAGE.zh


# ---- profile and drift -------------------------------------------------------------------------------------------


def test_the_profile_gives_medians_shares_and_spend_of_each_group_beside_all(base: Base, model: ClusterModel) -> None:
    frame, _ = base
    table = profile(frame, model.assign(frame), model.groups, model.behaviour.columns)
    assert table["customers"].tolist()[-1] == len(frame) == table["customers"].iloc[:-1].sum()
    assert table["spend_share"].iloc[:-1].sum() == pytest.approx(1)
    assert table["group"].isna().tolist() == [False] * 4 + [True]
    first = frame[model.assign(frame) == 1]
    assert table["purchase_days_365d"].iloc[0] == first["purchase_days_365d"].median()
    assert table["complaints_365d"].iloc[-1] == frame["complaints_365d"].median()


def test_the_same_customers_have_not_drifted(model: ClusterModel) -> None:
    drift = cluster_drift(model, planted(600, 77)[0])
    assert not drift.has_drifted
    assert drift.psi < drift.psi_by_chance < 0.1
    assert drift.sentences[0].en == "The groups are as they were."


def test_a_group_that_shrinks_and_one_that_changes_are_noticed(model: ClusterModel) -> None:
    frame, truth = planted(600, 78)
    fewer = frame[(truth != 0) | (np.arange(600) % 5 == 0)]
    drift = cluster_drift(model, fewer)
    assert drift.has_drifted
    assert drift.psi > 0.25
    assert "have changed much" in drift.sentences[0].en
    assert "明显变化" in drift.sentences[0].zh
    younger = cluster_drift(model, frame.assign(days_since_first_purchase=380))
    assert younger.psi < 0.1
    assert younger.has_drifted
    assert len(younger.sentences) == 4
    assert "they now lean towards “short relationship”" in younger.sentences[0].en


def test_a_group_that_vanishes_has_a_finite_stability_index() -> None:
    index = population_stability(np.array([0.5, 0.5]), np.array([1.0, 0.0]))
    assert 0.25 < index < 10


def test_traits_are_features_of_the_catalogue_with_words_of_their_own() -> None:
    assert set(BY_COLUMN) <= BY_NAME.keys()
    words = [word for trait in TRAITS for word in (trait.high, trait.low)]
    assert len({word.en for word in words}) == len({word.zh for word in words}) == len(words)
