"""Every feature of the catalogue, computed by hand for one company with everything, and for others with nothing."""

import pytest

from features.catalogue import BY_NAME, FAMILIES, FEATURES
from tests.features.builders import Values, values_by_hand
from tests.features.catalogue.acme import AS_OF, EXPECTED, TABLES
from tests.features.conftest import ByHand

PLACED = {f.name for f in FEATURES if f.source == "peers"}


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Values]:
    """The features of acme, its peers, and a prospect who never did anything."""
    return values_by_hand(tmp_path_factory.mktemp("acme"), AS_OF, **TABLES)


def test_every_feature_of_the_catalogue_has_an_expected_value() -> None:
    assert sorted(EXPECTED) == sorted(BY_NAME)


@pytest.mark.parametrize("family", [f for f in FAMILIES if f != "own"])
def test_a_customer_with_everything_has_the_values_computed_by_hand(known: dict[str, Values], family: str) -> None:
    names = [f.name for f in FEATURES if f.family == family]
    assert names
    assert {n: known["acme"][n] for n in names} == {n: pytest.approx(EXPECTED[n], rel=1e-9) for n in names}


def test_a_prospect_who_never_did_anything_has_zero_counts_and_the_rest_missing(known: dict[str, Values]) -> None:
    levels = {name: value for name, value in known["prospect"].items() if name not in PLACED}
    assert levels == {f.name: f.empty for f in FEATURES if f.name not in PLACED}


def test_a_prospect_stands_among_its_peers_by_what_it_did_not_do(known: dict[str, Values]) -> None:
    echo = {name: known["echo"][name] for name in PLACED}
    assert echo == {
        "days_since_last_purchase_place": None,
        "purchase_days_365d_place": 0.5 / 4,
        "spend_365d_place": 0.5 / 4,
        "categories_365d_place": 0.5 / 4,
        "discount_share_365d_place": None,
        "days_late_mean_365d_place": None,
    }


def test_features_that_are_zero_when_nothing_happened() -> None:
    missing = {name for name in BY_NAME if name not in _ZERO}
    assert {f.name: f.empty for f in FEATURES} == dict.fromkeys(_ZERO, 0) | dict.fromkeys(missing)


_ZERO = {
    *(f"purchase_days_{window}" for window in ("30d", "90d", "180d", "365d", "total")),
    *(f"spend_{window}" for window in ("30d", "90d", "180d", "365d", "total")),
    *(f"bought_{window}" for window in ("90d", "180d", "365d", "total")),
    *("categories_90d", "categories_365d", "categories_lost_90d", "categories_change_365d"),
    *("returned_amount_90d", "returned_amount_365d", "returned_lines_365d", "margin_90d", "margin_365d"),
    *("invoices_365d", "open_balance", "open_balance_current", "overdue_balance", "oldest_overdue_days"),
    *(f"overdue_balance_{bucket}" for bucket in ("1_30d", "31_60d", "61_90d", "over_90d")),
    *("complaints_90d", "complaints_180d", "complaints_365d", "complaints_open", "late_waiting_lines"),
    *("contacts_90d", "contacts_365d", "inquiries_90d", "visits_365d", "actions_180d"),
    *("words_90d", "words_365d"),
    *(
        "contracts_running",
        "contracts_total",
        "contract_amount",
        "contract_amount_change_365d",
        "contracts_ended_365d",
        "plans_365d",
    ),
    "tier_changes_365d",
}


def test_one_purchase_has_a_recency_but_no_rhythm(at: ByHand) -> None:
    once = at(AS_OF, orders="customer_id | ordered_at | amount\nonce | 2025-06-21 | 80")["once"]
    days, money = ("30d", "90d", "180d", "365d", "total"), ("90d", "180d", "365d", "total")
    assert {name: value for name, value in once.items() if value not in (None, 0)} == {
        "days_since_last_purchase": 10,
        "days_since_first_purchase": 10,
        **{f"purchase_days_{window}": 1 for window in days},
        **{f"spend_{window}": 80 for window in days},
        **{f"bought_{window}": 80 for window in money},
        "purchase_amount_mean": 80,
        "purchase_amount_90d": 80,
        "order_line_amount_max": 80,
        "purchase_days_change_90d": 1,
        "spend_change_90d": 1,
        "purchase_amount_change_90d": 1,
        "purchase_days_trend_360d": 12 * 5.5 / 143,
        "spend_trend_360d": 12 * 5.5 / 143,
        "purchase_days_30d_of_90d": 1,
        "silence_of_relationship": 1,
        "season_sin": EXPECTED["season_sin"],
        "season_cos": EXPECTED["season_cos"],
        **{f"{name}_place": 0.5 for name in ("days_since_last_purchase", "purchase_days_365d", "spend_365d")},
    }
    returns = {"returned_amount_90d", "returned_amount_365d", "returned_lines_365d", "returned_share_365d"}
    zero = {"days_first_to_last_purchase", "purchase_days_per_year", *returns}
    assert {name for name, value in once.items() if value == 0} == zero
