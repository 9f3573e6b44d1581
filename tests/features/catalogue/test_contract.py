"""Contracts that run, ended, are agreed to end, or are to come."""

import pytest

from tests.features.catalogue.ages import AS_OF, day
from tests.features.conftest import ByHand, EachByHand

CONTRACT = (
    "contracts_running",
    "contract_running_days",
    "contract_amount",
    "contract_amount_change_365d",
    "contracts_ended_365d",
    "plans_365d",
)
HEAD = "customer_id | started_at | ended_at | plan | amount\n"


def test_a_contract_runs_until_its_end_has_come(at_each: EachByHand) -> None:
    subscriptions = HEAD + "acme | 2025-01-01 | 2025-07-01 | gold | 20\n"
    agreed, last_day, ended = at_each("2025-06-30", "2025-07-01", "2025-07-02", subscriptions=subscriptions)
    assert [agreed["acme"][n] for n in CONTRACT] == [1, 180, 20, 20, 0, 1]
    assert [last_day["acme"][n] for n in CONTRACT] == [1, 181, 20, 20, 0, 1]
    assert [ended["acme"][n] for n in CONTRACT] == [0, None, 0, 0, 1, 1]


def test_contracts_without_ends_on_file_say_nothing_since_all_would_run_for_ever(at: ByHand) -> None:
    orders = "customer_id | ordered_at | amount\nacme | 2025-06-01 | 10"
    subscriptions = (
        "customer_id | started_at | plan | amount\nacme | 2015-01-01 | gold | 20\nacme | 2024-01-01 | gold | 20"
    )
    acme = at(AS_OF, orders=orders, subscriptions=subscriptions)["acme"]
    assert not set(CONTRACT) & set(acme)


def test_a_contract_counts_once_it_began_and_is_known(at_each: EachByHand) -> None:
    subscriptions = """
    customer_id | started_at | ended_at | plan | amount | known_at
    acme        | 2025-07-01 |          | gold | 20     | 2025-05-01
    acme        | 2025-05-01 |          | gold | 30     | 2025-07-02
    """
    first, second, third = at_each("2025-07-01", "2025-07-02", "2025-07-03", subscriptions=subscriptions)
    assert first == {}
    assert [second["acme"][n] for n in CONTRACT] == [1, 1, 20, 20, 0, 1]
    assert [third["acme"][n] for n in CONTRACT] == [2, 63, 50, 50, 0, 1]


@pytest.mark.parametrize(
    ("started", "ended", "then"), [(365, 364, 70), (364, None, 0), (365, 365, 0), (400, 365, 0), (400, 364, 70), (400, None, 70)]
)  # fmt: skip
def test_change_is_from_what_ran_on_the_day_365_days_ago(
    at: ByHand, started: int, ended: int | None, then: float
) -> None:
    end = "" if ended is None else day(ended)
    subscriptions = HEAD + f"acme | {day(started)} | {end} | gold | 70\nacme | {day(10)} | | gold | 5"
    acme = at(AS_OF, subscriptions=subscriptions)["acme"]
    now = 5 + (70 if ended is None else 0)
    assert (acme["contract_amount"], acme["contract_amount_change_365d"]) == (now, now - then)


def test_contracts_that_ended_within_the_year_count_and_their_plans(at: ByHand) -> None:
    subscriptions = HEAD + (
        f"acme | {day(900)} | {day(366)} | bronze | 1\n"
        f"acme | {day(800)} | {day(365)} | silver | 2\n"
        f"acme | {day(700)} | {day(364)} | gold   | 4\n"
        f"acme | {day(600)} | {day(10)}  | gold   | 8\n"
        f"acme | {day(500)} |            |        |\n"
    )
    acme = at(AS_OF, subscriptions=subscriptions)["acme"]
    # the day 365 days ago is no part of the last 365 days; a contract without a plan or a price still runs
    assert [acme[n] for n in CONTRACT] == [1, 500, 0, -(4 + 8), 3, 1]
