from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from features.catalogue import BY_NAME
from features.errors import FactsError, ProjectError
from features.project import Project, ValueSettings
from features.snapshot import snapshot
from features.sources import open_facts
from tests.features.builders import instant, write_by_hand
from training.share_of_customer import BASES, LOOK_ALIKES, ShareOfCustomer, share_of_customer

CUSTOMERS = """
customer_id | industry | size  | budget | known_at
steady      | steel    | big   | 1000   | 2025-01-01
loyal       | steel    | big   | 100    | 2025-01-01
secretive   | steel    | big   |        | 2025-01-01
prospect    | steel    | big   | 500    | 2025-01-01
sloppy      | steel    | big   | much   | 2025-01-01
to come     | steel    | big   | 500    | 2025-09-01
"""
ORDERS = """
customer_id | ordered_at | amount | category | known_at
steady      | 2025-05-01 | 300    | bolts    | 2025-05-01
steady      | 2025-05-02 | -50    | bolts    | 2025-05-02
steady      | 2024-05-31 | 900    | oil      | 2024-05-31
steady      | 2025-05-30 | 900    | oil      | 2025-06-01
loyal       | 2025-05-01 | 120    | bolts    | 2025-05-01
"""


def project_of(folder: Path, total_spend: str | None = "budget", **tables: str) -> Project:
    project = write_by_hand(folder, **tables)
    if "customers" in tables:
        columns = {k: v for k, v in project.tables["customers"].columns.items() if k != "budget"} | {
            "attributes": ["budget"]
        }
        source = project.tables["customers"].model_copy(update={"columns": columns})
        project = project.model_copy(update={"tables": {**project.tables, "customers": source}})
    return project.model_copy(update={"value": ValueSettings(total_spend=total_spend)})


def shares(project: Project, as_of: str = "2025-06-01", **options: Any) -> ShareOfCustomer:
    with open_facts(project) as facts:
        return share_of_customer(facts, instant(as_of, project), **options)


def test_with_an_estimate_it_is_what_was_spent_here_of_all_that_is_spent(tmp_path: Path) -> None:
    found = shares(project_of(tmp_path, customers=CUSTOMERS, orders=ORDERS))
    rows = found.customers
    # steady: 300 - 50 of 1,000; what lies a year and a day back, or was learnt on the day itself, does not count
    assert rows.loc[["steady", "loyal", "prospect"], "share_of_customer"].tolist() == [0.25, 1, 0]
    assert rows.loc["loyal", "exceeds_estimate"]
    assert not rows.loc["steady", "exceeds_estimate"]
    assert rows["basis"].isna().tolist() == [False, False, True, True, False]
    assert rows.index.tolist() == ["loyal", "prospect", "secretive", "sloppy", "steady"]
    assert found.unreadable == 1
    assert found.said().en == (
        "Share of customer: by an estimate of their total spend for 3 customers (1 of them spend more with us than was"
        " estimated), by the breadth of what they buy for 0, unknown for 2. Estimates that are no number above 0: 1."
    )


def test_spend_is_that_of_the_feature(tmp_path: Path) -> None:
    project = project_of(tmp_path, customers=CUSTOMERS, orders=ORDERS)
    with open_facts(project) as facts:
        as_of = instant("2025-06-01", project)
        features = snapshot(facts, [as_of], features=[BY_NAME["spend_365d"]]).to_pandas().set_index("customer_id")
        mine = share_of_customer(facts, as_of).customers["spend_365d"]
    assert features["spend_365d"].reindex(mine.index).fillna(0).tolist() == mine.tolist()
    assert mine["steady"] == 250


def neighbourhood(buyers: Sequence[str]) -> dict[str, str]:
    """Ten steel makers of whom all buy bolts, six oil, three rope and two paint; and the customers to be looked at."""
    people, orders = ["customer_id | industry | size | budget"], ["customer_id | ordered_at | amount | category"]
    for n in range(10):
        people.append(f"peer{n} | steel | big | ")
        bought = [c for c, count in (("bolts", 10), ("oil", 6), ("rope", 3), ("paint", 2)) if n < count]
        orders += [f"peer{n} | 2025-05-01 | 10 | {category}" for category in bought]
    for line in buyers:
        name, profile, categories = (part.strip() for part in line.split(":"))
        people.append(f"{name} | {profile} | ")
        orders += [f"{name} | 2025-05-01 | 10 | {category}" for category in categories.split()]
    return {"customers": "\n".join(people), "orders": "\n".join(orders)}


def test_without_an_estimate_it_is_the_share_of_usual_categories_that_it_buys(tmp_path: Path) -> None:
    tables = neighbourhood(["narrow: steel | big: bolts cement", "nothing yet: steel | big:"])
    found = shares(project_of(tmp_path, None, **tables))
    narrow = found.customers.loc["narrow"].to_dict()
    # bolts, oil and rope are bought by three tenths of the ten others or more
    assert (narrow["basis"], narrow["usual_categories"], narrow["look_alikes"]) == ("breadth", 3, 10)
    assert narrow["share_of_customer"] == pytest.approx(1 / 3)
    assert found.customers.loc["nothing yet", "share_of_customer"] == 0
    candidates = found.candidates[found.candidates["customer_id"] == "narrow"]
    assert candidates[["rank", "category", "look_alike_share"]].to_numpy().tolist() == [
        [1, "oil", 0.6],
        [2, "rope", 0.3],
    ]


def test_a_customer_is_none_of_its_own_look_alikes(tmp_path: Path) -> None:
    found = shares(project_of(tmp_path, None, **neighbourhood(["narrow: steel | big: bolts"])))
    # of the ten others of peer2 (nine peers and narrow) two buy rope, and that is not usual
    assert found.customers.loc["peer2", "usual_categories"] == 2
    assert found.customers.loc["peer3", "usual_categories"] == 3
    assert found.candidates.query("customer_id == 'peer3'")["look_alike_share"].tolist() == [0.6, 0.3][1:]


def test_where_few_are_alike_the_wider_group_is_asked(tmp_path: Path) -> None:
    tables = neighbourhood(["small: steel | tiny: oil", "baker: food | tiny: bolts", "unknown: | : rope"])
    found = shares(project_of(tmp_path, None, **tables)).customers
    assert found.loc[["peer0", "small", "baker", "unknown"], "look_alikes_by"].tolist() == [
        "industry",
        "industry",
        "everybody",
        "everybody",
    ]
    assert found.loc[["small", "baker"], "look_alikes"].tolist() == [10, 12]


def test_of_too_few_customers_nothing_is_said(tmp_path: Path) -> None:
    found = shares(project_of(tmp_path, None, orders=ORDERS))
    assert found.customers["share_of_customer"].isna().all()
    assert found.customers["look_alikes_by"].isna().all()
    assert found.candidates.empty


def test_no_more_candidates_are_listed_than_asked_for(tmp_path: Path) -> None:
    tables = neighbourhood(["new: steel | big:"])
    found = shares(project_of(tmp_path, None, **tables), most_candidates=2, usual_share=0.2)
    assert found.candidates.query("customer_id == 'new'")["category"].tolist() == ["bolts", "oil"]


def test_an_attribute_that_is_not_there_is_refused_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="Did you mean 'budget'"):
        shares(project_of(tmp_path, "budgt", customers=CUSTOMERS, orders=ORDERS))


def test_without_orders_the_error_says_what_to_add(tmp_path: Path) -> None:
    invoices = "invoice_id | customer_id | issued_at | due_at | amount\n1 | A | 2025-01-01 | 2025-02-01 | 5"
    with pytest.raises(FactsError, match=r"Add \[tables.orders\]"):
        shares(project_of(tmp_path, None, invoices=invoices))


def test_every_basis_and_group_that_is_given_can_be_said(tmp_path: Path) -> None:
    tables = neighbourhood(["small: steel | tiny: oil", "baker: food | tiny: bolts"])
    found = shares(project_of(tmp_path, None, **tables)).customers
    assert set(found["basis"]) <= set(BASES)
    assert set(found["look_alikes_by"]) <= set(LOOK_ALIKES)
