"""A project's own features: written in its file, computed in the same pass, explained when they cannot be."""

from datetime import datetime
from pathlib import Path

import pytest

from features.errors import ProjectError
from features.own_features import RESERVED, all_features
from features.project import Project, load_project
from features.snapshot import snapshot
from features.sources import open_facts
from tests.features.builders import Values, by_customer, instant, write_by_hand

ORDERS = """
customer_id | ordered_at | amount | delivered_at | channel
acme        | 2025-01-10 | 1500   | 2025-02-01   | shop
acme        | 2025-05-20 |  200   | 2025-07-03   | web
acme        | 2025-06-01 | 1200   | 2025-06-10   | web
acme        | 2025-07-01 | 9000   |              | web
bolt        | 2025-06-25 |   50   |              | shop
"""
INVOICES = """
invoice_id | customer_id | issued_at  | due_at     | amount | settled_at | disputed
i          | acme        | 2025-05-01 | 2025-05-31 | 300    | 2025-07-10 | true
j          | acme        | 2025-04-01 | 2025-04-30 | 200    | 2025-05-10 | true
"""
AS_OF = "2025-07-01"


def own(sql: str, table: str = "orders", **more: object) -> dict[str, object]:
    return {"table": table, "sql": sql, "unit": "orders", "meaning": "as tested", **more}


def with_own(project: Project, **features: dict[str, object]) -> Project:
    return Project.model_validate({**project.model_dump(), "features": features})


def values(folder: Path, as_of: str = AS_OF, **features: dict[str, object]) -> dict[str, Values]:
    project = with_own(write_by_hand(folder, orders=ORDERS, invoices=INVOICES), **features)
    with open_facts(project) as facts:
        return by_customer(snapshot(facts, [instant(as_of, project)]))


def fault(folder: Path, **features: dict[str, object]) -> ProjectError:
    project = with_own(write_by_hand(folder, orders=ORDERS), **features)
    with open_facts(project) as facts, pytest.raises(ProjectError) as raised:
        all_features(facts)
    return raised.value


def test_an_own_feature_counts_what_was_known_and_stands_beside_the_catalogue(tmp_path: Path) -> None:
    made = values(tmp_path, big=own("count(*) FILTER (WHERE amount >= 1000 AND age_days <= 90)"))
    assert {c: v["big"] for c, v in made.items()} == {"acme": 1, "bolt": 0}
    assert made["acme"]["spend_total"] == 2900


def test_a_customer_without_a_row_has_what_empty_says_or_nothing(tmp_path: Path) -> None:
    made = values(
        tmp_path,
        without=own("count(*)", "invoices"),
        with_empty=own("count(*)", "invoices", empty=0),
    )
    assert [made["bolt"][n] for n in ("without", "with_empty")] == [None, 0]
    assert made["acme"]["without"] == 2


def test_what_is_learnt_of_a_fact_later_is_empty_until_then(tmp_path: Path) -> None:
    features = {
        "delivered": own("count(delivered_at)"),
        "settled": own("count(settled_at)", "invoices"),
        "settled_days": own("count(settled_day)", "invoices"),
        "disputes": own("count(*) FILTER (WHERE disputed)", "invoices"),
    }
    july = values(tmp_path, "2025-07-01", **features)["acme"]
    assert [july[n] for n in features] == [2, 1, 1, 1]
    later = values(tmp_path, "2025-07-11", **features)["acme"]
    assert [later[n] for n in features] == [3, 2, 2, 2]


def test_age_and_the_day_of_the_cut_off_are_at_hand(tmp_path: Path) -> None:
    made = values(
        tmp_path, youngest=own("min(age_days)"), weekday=own("max(date_diff('day', DATE '2025-06-30', today))")
    )
    assert [made["acme"][n] for n in ("youngest", "weekday")] == [30, 1]


def test_one_customer_alone_has_the_same_value(tmp_path: Path) -> None:
    project = with_own(write_by_hand(tmp_path, orders=ORDERS), web=own("count(*) FILTER (WHERE channel = 'web')"))
    with open_facts(project) as facts:
        moment = [instant(AS_OF, project)]
        everybody = by_customer(snapshot(facts, moment))
        features = [f for f in all_features(facts) if f.name == "web"]
        assert by_customer(snapshot(facts, moment, ["acme"], features)) == {"acme": {"web": everybody["acme"]["web"]}}


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("count(*) FILTER (WHERE amuont > 5)", "amuont"),
        ("amount", "must be an aggregate"),
        ("count(*) FILTER (WHERE ordered_at > now())", "the time at which it runs"),
        ("sum(random())", "chance"),
        ("max(channel)", "gives VARCHAR; a feature is a number"),
        ("count(*)) FROM orders --", "cannot be computed"),
    ],
)
def test_an_expression_that_cannot_be_is_explained(tmp_path: Path, sql: str, said: str) -> None:
    error = fault(tmp_path, mine=own(sql))
    assert "[features.mine] sql" in str(error)
    assert said in str(error)


def test_the_columns_to_choose_from_are_named(tmp_path: Path) -> None:
    said = str(fault(tmp_path, mine=own("sum(amuont)")))
    assert "age_days" in said
    assert "amount" in said


@pytest.mark.parametrize("name", RESERVED)
def test_a_name_that_means_something_else_is_refused(tmp_path: Path, name: str) -> None:
    assert f"[features.{name}]: this name means something else" in str(fault(tmp_path, **{name: own("count(*)")}))


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    said = str(fault(tmp_path, mine=own("sum(x)"), spend_total=own("count(*)"), none=own("count(*)", "payments")))
    assert "[features.mine]" in said
    assert "[features.spend_total]: the catalogue has a feature of this name" in said
    assert "[features.none] table: the project gives no table 'payments'" in said


def test_the_project_file_takes_own_features_and_refuses_slips(tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text("c,d,a\nx,2025-01-01,5\n", encoding="utf-8")
    base = """
[project]
name = "T"
currency = "EUR"
[tables.orders]
path = "orders.csv"
columns = { customer_id = "c", ordered_at = "d", amount = "a" }
[features.big]
table = "orders"
sql = "count(*) FILTER (WHERE amount > 1000)"
unit = "orders"
"""
    file = tmp_path / "retinue.toml"
    file.write_text(base + 'meaning = { en = "Big orders", zh = "大额订单" }\n', encoding="utf-8")
    project = load_project(file)
    assert project.features["big"].text == ("Big orders", "大额订单")
    with open_facts(project) as facts:
        table = snapshot(facts, [datetime(2025, 2, 1, tzinfo=project.timezone)])
        assert table["big"].to_pylist() == [0]
    file.write_text(base + 'meening = "Big"\n', encoding="utf-8")
    with pytest.raises(ProjectError, match="meaning"):
        load_project(file)
    file.write_text(base.replace("big", '"Big Orders"') + 'meaning = "Big"\n', encoding="utf-8")
    with pytest.raises(ProjectError, match="Big Orders"):
        load_project(file)
