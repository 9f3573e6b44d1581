"""What an account manager sees in lists, in every order and page by page."""

from typing import Any

import pytest

from serving.plan_schemas import PlanItem
from serving.store import (
    SORT_COLUMNS,
    Filters,
    PlanFilters,
    Position,
    Sort,
    Store,
    count_customers,
    held_plan,
    list_contacts,
    list_customers,
    plan_words,
    publish,
    reading,
)
from serving.store.alerts import AlertFilters, count_cases, list_cases, owners
from serving.store.tables import SCORES
from tests.serving.conftest import ABSTAINED, NO_STANDING, run, score, table
from tests.serving.security.company import ANNA, fill

VALUES = [
    ("C-1", ANNA, 3.0),
    ("C-2", "Jonas", 9.0),
    ("C-3", ANNA, None),
    ("C-4", None, 1.0),
    ("C-5", ANNA, 3.0),
    ("C-6", ANNA, -2.0),
]


def customer(customer_id: str, manager: str | None, value: float | None) -> dict[str, Any]:
    """A customer whose values in all sort columns are ``value``."""
    values = dict.fromkeys(set(SORT_COLUMNS) - {"customer_id"}, value)
    probability = None if value is None else (value + 3) / 20
    rest = ABSTAINED | NO_STANDING if value is None else {}
    return score(customer_id, account_manager=manager, **rest | values | {"churn_probability": probability})


@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("column", SORT_COLUMNS)
def test_a_list_of_own_customers_is_whole_and_in_order_page_by_page(
    store: Store, column: str, descending: bool
) -> None:
    publish(store, run(), table([customer(*values) for values in VALUES]))
    filters = Filters(account_manager=ANNA)
    seen: list[bytes] = []
    after: Position | None = None
    with reading(store) as connection:
        while True:
            page = list_customers(connection, "run-1", filters, Sort(column, descending), after, 1)
            seen += page.bodies
            after = page.last
            if after is None:
                break
        assert count_customers(connection, "run-1", filters) == len(seen) == 4
    own = [(value, customer_id) for customer_id, manager, value in VALUES if manager == ANNA]
    if column == "customer_id":
        expected = sorted((customer_id for _, customer_id in own), reverse=descending)
    else:
        known = sorted([pair for pair in own if pair[0] is not None], reverse=descending)
        expected = [customer_id for _, customer_id in known] + ["C-3"]
    assert [body.split(b'"')[3].decode() for body in seen] == expected


def test_own_customers_are_found_by_the_index_of_account_managers(file_store: Store) -> None:
    store = file_store
    publish(store, run(), table([customer(*values) for values in VALUES]))
    with reading(store) as connection:
        cursor = connection.connection.cursor()
        statement = "SELECT body FROM scores WHERE run = 1 AND account_manager = 'x' ORDER BY coalesce(value_score, value_score)"
        plan = cursor.execute(f"EXPLAIN QUERY PLAN {statement}").fetchall()
    assert any("scores_by_account_manager" in row[3] for row in plan)


def test_warnings_follow_the_customer_and_not_who_works_on_them(tmp_path: Any) -> None:
    store = fill(tmp_path)
    with reading(store) as connection:
        own = AlertFilters(account_manager=ANNA)
        assert [b'"C-1"' in body for body in list_cases(connection, own, None, 50).bodies] == [True]
        assert count_cases(connection, own) == {3: 1}
        assert owners(connection, "nobody") == []
        assert owners(connection, ANNA) == owners(connection) == ["Anna"]
    store.close()


def test_a_customer_leaves_the_plan_of_a_manager_together_with_the_manager(tmp_path: Any) -> None:
    store = fill(tmp_path)
    with store.writer.begin() as connection:  # Jonas's customer is Anna's in newer scores; the plan is older
        connection.execute(SCORES.update().where(SCORES.c.customer_id == "C-2").values(account_manager=ANNA))
    with reading(store) as connection:
        plan = held_plan(connection)
        assert plan is not None
        for manager, places in ((ANNA, [1, 2]), ("Jonas", []), (None, [1, 2])):
            page = list_contacts(connection, plan, PlanFilters(), 0, 50, manager)
            assert [PlanItem.model_validate_json(body).place for body in page.bodies] == places
        assert plan_words(connection, plan, "account_manager", "Jonas") == []
    store.close()


def test_scores_that_an_earlier_retinue_published_are_nobodys(store: Store) -> None:
    publish(store, run(), table([customer(*values) for values in VALUES]))
    with store.writer.begin() as connection:
        connection.execute(SCORES.update().values(account_manager=None))  # as a column that was added later is
    with reading(store) as connection:
        filters = Filters(account_manager=ANNA)
        sort = Sort("customer_id", False)
        assert list_customers(connection, "run-1", filters, sort, None, 10).bodies == []
