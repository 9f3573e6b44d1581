import doctest

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, fisher_exact

import training.migration
from features.errors import ModelError
from features.text import Text
from training.migration import ARRIVED, GONE, SCALES, Migration, alarming, migration, migrations, scale_of, wilson


def labels(**of: str | None) -> pd.Series:
    return pd.Series(of, dtype="object")


def moves(found: Migration) -> dict[tuple[str, str], int]:
    table = found.table()
    moved = table[table["customers"] > 0]
    return dict(zip(zip(moved["origin"], moved["target"], strict=True), moved["customers"], strict=True))


def tiers(*moved: tuple[str, str, int]) -> Migration:
    """So many customers from one tier to another."""
    pairs = [(a, b) for a, b, count in moved for _ in range(count)]
    return migration(SCALES["tier"], pd.Series([a for a, _ in pairs]), pd.Series([b for _, b in pairs]))


def test_every_customer_is_counted_once_with_the_new_and_the_gone() -> None:
    before = labels(a="key", b="key", c="general", d=None, e="potential")
    after = labels(a="key", b="general", c="general", d="potential", f="potential", e=None)
    assert moves(migration(SCALES["tier"], before, after)) == {
        ("key", "key"): 1,
        ("key", "general"): 1,
        ("general", "general"): 1,
        ("potential", GONE): 1,
        (ARRIVED, "potential"): 2,
    }


def test_shares_are_of_those_who_were_there_with_wilsons_interval() -> None:
    table = tiers(("key", "key", 8), ("key", "general", 2)).table()
    [stayed] = table[(table["origin"] == "key") & (table["target"] == "key")].to_dict("records")
    # Brown, Cai and DasGupta (2001): the score interval of 8 in 10
    assert (stayed["customers"], stayed["of"], stayed["share"]) == (8, 10, 0.8)
    assert (round(stayed["share_low"], 4), round(stayed["share_high"], 4)) == (0.4902, 0.9433)
    assert table.loc[table["origin"] == "strategic", "share"].isna().all()
    assert not ((table["origin"] == ARRIVED) & (table["target"] == GONE)).any()
    assert doctest.testmod(training.migration).failed == 0


def test_wilsons_interval_agrees_with_an_independent_one() -> None:
    for k, n in ((0, 7), (3, 7), (7, 7), (40, 1000)):
        low, high = wilson(np.array([k]), np.array([n]))
        reference = binomtest(k, n).proportion_ci(method="wilson")
        assert (low[0], high[0]) == pytest.approx((reference.low, reference.high))
    assert [ends.tolist() for ends in wilson(np.array([0]), np.array([0]))] == [[0], [1]]


def test_a_fall_is_a_move_to_a_lower_standing_or_out() -> None:
    found = tiers(("key", "general", 1), ("general", "key", 1))
    falls = {
        (origin, target)
        for i, origin in enumerate((*found.labels, ARRIVED))
        for j, target in enumerate((*found.labels, GONE))
        if found.falls()[i, j]
    }
    assert ("key", "general") in falls
    assert ("potential", GONE) in falls
    assert ("general", "key") not in falls
    assert ("key", "key") not in falls
    assert not any(origin == ARRIVED for origin, _ in falls)


def test_a_fall_that_became_frequent_is_alarming_by_fishers_test() -> None:
    earlier = tiers(
        ("key", "key", 190), ("key", "general", 10), ("general", "potential", 20), ("general", "general", 80)
    )
    now = tiers(("key", "key", 160), ("key", "general", 40), ("general", "potential", 21), ("general", "general", 79))
    [alarm] = alarming(now, earlier)
    assert (alarm.origin, alarm.target, alarm.customers, alarm.of) == ("key", "general", 40, 200)
    assert alarm.usual == 0.05
    assert alarm.extra == 30
    assert alarm.p_value == pytest.approx(fisher_exact([[40, 160], [10, 190]], alternative="greater").pvalue)
    assert alarm.sentence == Text(
        "40 of 200 customers in “Key” went to “General” (20%; 95 % interval 15% to 26%); 5% is usual, so these are about"
        " 30 more than that.",
        "“重点客户”的 200 位客户中有 40 位转入“一般客户”（20%；95% 区间 15% 至 26%）；通常为 5%，约多出 30 位。",
    )


def test_without_an_earlier_period_a_usual_share_is_the_measure() -> None:
    now = tiers(("strategic", "potential", 9), ("strategic", "strategic", 41))
    [alarm] = alarming(now, None, usual_share=0.05)
    assert alarm.p_value == pytest.approx(binomtest(9, 50, 0.05, alternative="greater").pvalue)
    assert alarming(now, None, usual_share=0.2) == []


def test_what_is_rare_by_chance_alone_or_too_small_to_matter_is_no_alarm() -> None:
    assert (
        alarming(tiers(("key", "general", 3), ("key", "key", 17)), tiers(("key", "general", 1), ("key", "key", 19)))
        == []
    )
    # beyond chance, but hardly more often than before
    earlier = tiers(("key", "general", 20_000), ("key", "key", 80_000))
    now = tiers(("key", "general", 21_000), ("key", "key", 79_000))
    assert alarming(now, earlier) == []


def test_a_rise_is_never_alarming_and_the_projects_own_names_are_used() -> None:
    earlier = tiers(("general", "key", 1), ("general", "general", 99), ("key", "key", 100))
    now = tiers(("general", "key", 60), ("general", "general", 40), ("key", "general", 40), ("key", "key", 60))
    [alarm] = alarming(now, earlier, names={"key": Text("A", "A 级"), "general": Text("B", "B 级")})
    assert "in “A” went to “B”" in alarm.sentence.en


def test_customers_that_vanish_are_alarming_too() -> None:
    before = pd.Series(["champions"] * 50)
    now = migration(SCALES["segment"], before, pd.Series(["champions"] * 30))
    [alarm] = alarming(now, migration(SCALES["segment"], before, before))
    assert (alarm.target, alarm.customers) == (GONE, 20)
    assert "went to “no longer there”" in alarm.sentence.en


def test_chance_alone_seldom_alarms_however_many_moves_there_are() -> None:
    generator = np.random.default_rng(0)
    names = list(SCALES["segment"].titles)
    rates = generator.dirichlet(np.ones(len(names)), len(names))
    alarms = 0
    for _ in range(40):
        periods = []
        for _ in range(2):
            origin = generator.integers(0, len(names), 2000)
            target = (generator.random(2000)[:, None] > np.cumsum(rates[origin], axis=1)).sum(axis=1).clip(0, 10)
            periods.append(
                migration(
                    SCALES["segment"],
                    pd.Series(names).take(origin).reset_index(drop=True),
                    pd.Series(names).take(target).reset_index(drop=True),
                )
            )
        alarms += bool(alarming(periods[1], periods[0]))
    assert alarms <= 4


def test_a_label_of_another_kind_or_a_customer_twice_is_refused() -> None:
    with pytest.raises(
        ModelError, match="'gold' is none of the labels that customers move between: strategic, key, general"
    ):
        migration(SCALES["tier"], labels(a="gold"), labels(a="key"))
    twice = pd.Series(["key", "key"], index=["a", "a"])
    with pytest.raises(ValueError, match="more than one label"):
        migration(SCALES["tier"], twice, labels(a="key"))


def test_a_series_of_dates_gives_a_migration_between_each_two() -> None:
    found = migrations(SCALES["tier"], [labels(a="key"), labels(a="general"), labels(a="potential")])
    assert [moves(one) for one in found] == [{("key", "general"): 1}, {("general", "potential"): 1}]


@pytest.mark.parametrize("name", list(SCALES))
def test_every_label_has_a_standing(name: str) -> None:
    assert SCALES[name].standing.keys() == SCALES[name].titles.keys()


def test_among_groups_without_standing_only_to_be_gone_is_a_fall() -> None:
    groups = scale_of({"1": Text("Many complaints", "投诉多"), "2": Text("Pay late", "付款拖延")})
    found = migration(groups, labels(a="1", b="2", c="2"), labels(a="2", b="1"))
    assert moves(found) == {("1", "2"): 1, ("2", "1"): 1, ("2", GONE): 1}
    assert np.argwhere(found.falls()).tolist() == [[0, 2], [1, 2]]


label = st.none() | st.sampled_from(list(SCALES["stage"].titles))


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(st.integers(0, 30), label), st.dictionaries(st.integers(0, 30), label))
def test_rows_add_up_to_before_and_columns_to_after(
    before: dict[int, str | None], after: dict[int, str | None]
) -> None:
    series = [pd.Series(d, dtype="object").sort_index() for d in (before, after)]
    found = migration(SCALES["stage"], *series)
    for axis, of in ((1, series[0]), (0, series[1])):
        assert found.counts.sum(axis=axis)[:-1].tolist() == [int((of == name).sum()) for name in SCALES["stage"].titles]
    assert found.counts.sum() == len({c for s in series for c in s.dropna().index})
