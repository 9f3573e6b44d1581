"""Tiers of today from one pass over the orders: the same as from a snapshot at every look, and only by what was known."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.errors import ModelError
from features.project import Project, load_project
from features.snapshot import snapshot
from features.sources import Facts, open_facts
from tests.training.companies import company, shop_orders, utc
from training.tier_looks import looks_of, scores_at_looks, tiers_at_looks, today_tiers
from training.tiers import tier_history, tier_scores

AS_OF = utc(2026, 3, 15, 7)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A shop with returns, orders known late, some of them after others, and a customer who only ever returned."""
    orders = [(c, d, a, d) for c, d, a in shop_orders(2, 60)]
    orders += [
        (c, d.replace("2025", "2024"), f"{float(a) * 2:.2f}", d.replace("2025", "2024"))
        for c, d, a in shop_orders(3, 40)
    ]
    late = [(c, d, a, "2025-11-20 10:00:00") for c, d, a, _ in orders[::17] if d < "2025-11"]
    returns = [(c, d, f"-{a}", "2026-01-31 23:30:00") for c, d, a, _ in orders[::11]]
    kept = [order for n, order in enumerate(orders) if n % 17 or order[1] >= "2025-11"]
    only = [
        ("R", "2025-06-01 00:00:00", "-5", "2025-06-01 00:00:00"),
        ("Z", "2026-03-15 15:00:00", "9", "2026-03-15 15:00:00"),
    ]
    return company(tmp_path_factory.mktemp("shop"), [*kept, *late, *returns, *only], timezone="Asia/Shanghai")


@pytest.fixture(scope="module")
def facts(project: Project) -> Iterator[Facts]:
    with open_facts(project) as opened:
        yield opened


def test_spend_at_every_look_is_what_a_snapshot_says_there(facts: Facts) -> None:
    looks = looks_of(facts, AS_OF)
    assert len(looks) > 12
    seen = scores_at_looks(facts, looks)
    frame = tier_scores(snapshot(facts, looks).to_pandas(), facts.project.tiers)
    wide = frame.pivot(index="as_of", columns="customer_id", values="score")
    assert sorted(set(wide.columns) - set(seen.customers)) == ["R"]  # it never bought
    assert "Z" not in seen.customers  # its order came at the very instant
    expected = wide[seen.customers].to_numpy()
    assert np.isnan(expected).any()
    assert (expected < 0).any() or (expected > 0).any()
    np.testing.assert_allclose(seen.scores, expected, rtol=0, atol=1e-9, equal_nan=True)


def test_todays_tiers_are_the_last_ones_of_the_whole_history(facts: Facts) -> None:
    history = tier_history(
        tier_scores(snapshot(facts, looks_of(facts, AS_OF)).to_pandas(), facts.project.tiers),
        facts.project.tiers,
        facts.project.timezone,
    )
    last = history.rows[history.rows["as_of"] == AS_OF].set_index("customer_id")
    found = today_tiers(facts, AS_OF)
    assert found.index.tolist() == last.index.tolist()
    assert found["tier"].tolist() == last["tier"].tolist()
    assert found["tier_move"].tolist() == last["move"].tolist()
    assert found["tier_move"].notna().any()
    assert set(found["tier"]) == {"strategic", "key", "general", "potential"}


def test_only_the_looks_that_are_asked_for_have_rows(facts: Facts) -> None:
    looks = looks_of(facts, AS_OF)
    some = tiers_at_looks(facts, AS_OF, shown=looks[-2:])
    everything = tiers_at_looks(facts, AS_OF).rows
    assert sorted(set(some.rows["as_of"])) == looks[-2:]
    pd.testing.assert_frame_equal(
        some.rows, everything[everything["as_of"] >= looks[-2]].reset_index(drop=True), check_dtype=False
    )


def test_tiers_by_a_margin_that_no_order_carries_are_refused(project: Project) -> None:
    text = (project.root / "retinue.toml").read_text(encoding="utf-8")
    (project.root / "margin.toml").write_text(f'{text}\n[tiers]\nby = "margin"\n', encoding="utf-8")
    with (
        open_facts(load_project(project.root / "margin.toml")) as opened,
        pytest.raises(ModelError, match="margin_365d"),
    ):
        today_tiers(opened, AS_OF)


def test_where_nobody_has_bought_there_are_no_tiers(tmp_path: Path) -> None:
    with open_facts(company(tmp_path, [("A", "2026-01-01", "10")])) as opened:
        assert today_tiers(opened, utc(2025, 1, 1)).empty
