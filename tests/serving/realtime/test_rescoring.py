"""From an event to the next look-up, against what a whole batch says at the same instant."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from features.project import Project, load_project
from serving.realtime.kept import KEPT
from serving.realtime.rescoring import Rescorer, Tick
from serving.store import open_project_store, roll_back
from tests.serving.realtime.company import AS_OF, NOW, looked_up, publish, tell, train, write_company

SECOND = timedelta(seconds=1)

pytestmark = pytest.mark.filterwarnings("ignore:Series.values returning:pandas.errors.Pandas4Warning")  # pyarrow's own


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a company that was trained and scored as of AS_OF."""
    project = write_company(tmp_path_factory.mktemp("trained") / "company")
    train(project)
    publish(project)
    return project.root


@pytest.fixture
def project(trained: Path, tmp_path: Path) -> Project:
    """A copy of that company of one's own."""
    shutil.copytree(trained, tmp_path / "company")
    return load_project(tmp_path / "company")


@contextmanager
def rescorer(project: Project, now: datetime = NOW) -> Iterator[Rescorer]:
    store = open_project_store(project)
    made = Rescorer(project, store, lambda: now)
    try:
        yield made
    finally:
        made.close()
        store.close()


def ticked(project: Project, now: datetime = NOW) -> Tick | None:
    with rescorer(project, now) as made:
        return made.tick()


def order(customer: str, at: datetime, amount: float = 20.0, number: int = 1, **more: Any) -> dict[str, Any]:
    told = {"event_id": f"o-{customer}-{number}", "table": "orders", "customer_id": customer}
    return told | {"ordered_at": at.isoformat(), "amount": amount} | more


def test_an_order_is_seen_in_the_next_look_up(project: Project) -> None:
    before = looked_up(project, "C010")
    tell(project, NOW - SECOND, order("C010", NOW - SECOND, 33.5))

    assert ticked(project) == Tick(events=1, customers=1)

    after = looked_up(project, "C010")
    assert after["days_since_last_purchase"] == 0.0
    assert after["spend_365d"] == pytest.approx(before["spend_365d"] + 33.5)
    assert after["as_of"] == "2025-10-03T09:30:00Z"
    assert after["customer_name"] == "Firm C010"
    assert {name: after[name] for name in KEPT} == {name: before[name] for name in KEPT}


def test_nothing_happens_when_nothing_waits(project: Project) -> None:
    assert ticked(project) is None
    tell(project, NOW, order("C010", NOW))
    assert ticked(project, NOW + SECOND) == Tick(1, 1)
    assert ticked(project, NOW + SECOND) is None


def test_a_score_computed_again_is_what_a_batch_over_files_and_events_gives_at_that_instant(project: Project) -> None:
    at = NOW - SECOND
    tell(
        project,
        at,
        order("C010", at, 33.5, category="tea"),
        order("C011", at - timedelta(days=9), -12.25),
        order("NEW", at, 99.0),
        {"event_id": "c-1", "table": "customers", "customer_id": "NEW", "name": "Newcomer", "industry": "retail"},
        {"event_id": "r-1", "table": "invoices", "customer_id": "C012", "invoice_id": "R-77", "amount": 80.0}
        | {"issued_at": "2025-09-02T08:00:00Z", "due_at": "2025-09-20T22:00:00Z"},
        {"event_id": "p-1", "table": "payments", "customer_id": "C014", "invoice_id": "R-77", "amount": 30.0}
        | {"paid_at": at.isoformat()},
        {"event_id": "p-2", "table": "payments", "customer_id": "C015", "invoice_id": "R-C015", "amount": 100.0}
        | {"paid_at": at.isoformat()},
        {"event_id": "p-3", "table": "payments", "customer_id": "C016", "invoice_id": "R-C017", "amount": 100.0}
        | {"paid_at": at.isoformat()},
        {"event_id": "i-1", "table": "interactions", "customer_id": "C018", "kind": "complaint", "at": at.isoformat()},
    )
    assert ticked(project) == Tick(events=9, customers=9)
    touched = ("C010", "C011", "C012", "C014", "C015", "C016", "C017", "C018", "NEW")
    again = {customer: looked_up(project, customer) for customer in touched}

    publish(project, NOW)

    for customer in touched:
        whole = looked_up(project, customer)
        told_by_both = [name for name in whole if name not in KEPT]
        assert {name: again[customer][name] for name in told_by_both} == {name: whole[name] for name in told_by_both}


def test_at_the_instant_of_the_run_a_customer_scored_again_is_the_same_to_the_last_bit(project: Project) -> None:
    from features.event_log import EVENTS_FILE, open_log
    from serving.realtime.served import ServedModels
    from serving.store import bodies_of, reading, serving_run

    everybody = [f"C{n:03}" for n in range(60)]
    store = open_project_store(project)
    with reading(store) as connection:
        run = serving_run(connection)
        assert run is not None
        bodies = bodies_of(connection, run.number, everybody)
    store.close()
    with open_log(project.workspace / EVENTS_FILE) as log:
        served = ServedModels(project, run.run_id, log)
        rows = served.score(everybody, 0, run.as_of, bodies).to_pylist()
        served.close()
    import orjson

    said = {row["customer_id"]: orjson.dumps(row, option=orjson.OPT_UTC_Z) for row in rows}
    assert len(said) >= 50
    assert said == bodies


def test_an_order_dated_ahead_counts_when_it_comes(project: Project) -> None:
    tell(project, NOW, order("C010", NOW + timedelta(hours=2)))
    ticked(project, NOW + SECOND)
    before = looked_up(project, "C010")
    assert before["days_since_last_purchase"] > 0

    assert ticked(project, NOW + timedelta(hours=1)) is None
    assert ticked(project, NOW + timedelta(hours=3)) == Tick(events=0, customers=1)

    after = looked_up(project, "C010")
    assert after["days_since_last_purchase"] == 0


def test_an_invoice_that_files_hold_already_does_not_count_twice(project: Project) -> None:
    told = {"table": "invoices", "customer_id": "C011", "amount": 1000.0, "issued_at": "2025-08-01T07:00:00Z"}
    told["due_at"] = "2025-08-30T22:00:00Z"
    before = looked_up(project, "C011")
    tell(
        project, NOW, told | {"event_id": "a", "invoice_id": "R-C011"}, told | {"event_id": "b", "invoice_id": "R-C012"}
    )
    ticked(project, NOW + SECOND)
    after = looked_up(project, "C011")
    assert after["overdue_balance"] == before["overdue_balance"]


def test_a_new_run_knows_what_came_before_it_and_gets_what_came_after(project: Project) -> None:
    first = NOW - timedelta(hours=1)
    tell(project, first, order("C010", first, 33.0))
    ticked(project, first + SECOND)
    tell(project, NOW, order("C010", NOW, 7.0, number=2))
    publish(project, first + SECOND)
    between = looked_up(project, "C010")

    assert ticked(project, NOW + SECOND) == Tick(1, 1)

    after = looked_up(project, "C010")
    assert after["spend_365d"] == pytest.approx(between["spend_365d"] + 7.0)


def test_after_a_return_to_the_run_before_events_are_applied_to_it_again(project: Project) -> None:
    publish(project, AS_OF + timedelta(days=1))
    tell(project, NOW, order("C010", NOW))
    assert ticked(project, NOW + SECOND) == Tick(1, 1)
    store = open_project_store(project)
    roll_back(store)
    store.close()

    assert ticked(project, NOW + SECOND) == Tick(1, 1)

    after = looked_up(project, "C010")
    assert after["days_since_last_purchase"] == 0


def test_where_files_will_hold_the_events_a_later_run_counts_them_once(trained: Path, tmp_path: Path) -> None:
    shutil.copytree(trained, tmp_path / "company")
    file = tmp_path / "company" / "retinue.toml"
    file.write_text(file.read_text().replace("in_files = false", "in_files = true"))
    project = load_project(file)
    publish(project)
    tell(project, NOW, order("C010", NOW, 33.0))
    ticked(project, NOW + SECOND)
    once = looked_up(project, "C010")

    with (project.root / "orders.csv").open("a") as orders:  # the export of the next day, with the same order
        orders.write(f"C010,{NOW.astimezone(project.timezone):%Y-%m-%d %H:%M:%S},33.0,tea\n")
    publish(project, NOW + timedelta(minutes=5))
    assert ticked(project, NOW + timedelta(minutes=6)) is None
    again = looked_up(project, "C010")
    assert again["spend_365d"] == pytest.approx(once["spend_365d"])

    publish(project, AS_OF)  # an earlier run over the same files: the order is an event again
    ticked(project, NOW + timedelta(minutes=6))
    last = looked_up(project, "C010")
    assert last["spend_365d"] == pytest.approx(once["spend_365d"])


def test_instants_have_their_zone(project: Project) -> None:
    tell(project, datetime(2025, 10, 3, 9, 0, tzinfo=UTC), order("C010", datetime(2025, 10, 2, 23, tzinfo=UTC)))
    ticked(project)
    after = looked_up(project, "C010")
    assert after["days_since_last_purchase"] == 0  # the 3rd of October in Berlin
