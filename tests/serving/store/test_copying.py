"""Backup and restore: everything, of one moment, from and into either database; or nothing."""

import json
import sqlite3
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from features.errors import StorageError
from features.text import Text
from serving.alerts.cases import raise_alerts
from serving.cli import app
from serving.security.administration import create_key
from serving.store import (
    Entry,
    Filters,
    Measured,
    Reached,
    Sort,
    Store,
    add_evidence,
    invoices_of,
    list_customers,
    log_actions,
    log_outcomes,
    publish,
    reading,
    serving_run,
    store_plan,
    store_rescored,
    withdraw_plan,
)
from serving.store.copying import back_up, restore
from serving.store.database import writing
from serving.store.migrating import held_revision, revisions
from tests.serving.alerts.cases import POLICY, findings
from tests.serving.conftest import COMPANY, DEBTORS, INVOICES, ODD_ID, debts, invoice, run, score, table, write_project
from tests.serving.store.places import empty, opened, rows_of
from tests.serving.store.plan_rows import chosen
from training.registry import Signature

NOW = datetime(2026, 4, 1, 9, 30, tzinfo=UTC)
ITEM = {"place": 1, "customer_id": ODD_ID, "account_manager": None, "action": "call", "team": None, "channel": "phone"}


def fill(store: Store) -> None:
    """Something in every table."""
    publish(store, run("a"), table([score("C-9")]))
    publish(store, run("b"), table(COMPANY), debts(DEBTORS, INVOICES))
    with reading(store) as connection:
        served = serving_run(connection)
    assert served is not None
    assert store_rescored(store, served.number, None, Reached(3, NOW), [])
    entries = [Entry(f"e-{i}", "C-1", NOW, "spring", b'{"note":"\xe5\xae\xa2\\u0000"}') for i in range(3)]
    log_actions(store, entries, NOW)
    log_outcomes(store, entries[:1], NOW)
    add_evidence(store, [Measured("spring", "call", "churn", 0.1, 0.05, 40, 10)], NOW)
    made = b'{"made_at":"2026-04-01T00:00:00Z"}'
    for plan_id in ("plan-1", "plan-2"):
        items = [ITEM | {"expected_profit": 1.5}]
        store_plan(store, plan_id, "2026-04-01T00:00:00Z", made, items, [chosen(plan_id, "C-1")])
    withdraw_plan(store, NOW, "tester")
    raise_alerts(store, findings(0, {("C-1", "open_complaint"): 3}), POLICY)
    create_key(store, Signature("tester", NOW), "crm", ["read"], 30, None)  # written to the audit log as well


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "backups" / "monday.db"


def test_a_backup_comes_back_as_it_was_into_either_database(
    store: Store, file_store: Store, made_in_postgresql: Store, file: Path
) -> None:
    fill(store)
    before = rows_of(store)
    assert all(before.values()), "something in every table"
    content = back_up(store, file)
    assert content.rows == sum(map(len, before.values()))
    assert content.run is not None
    assert content.run.run_id == "b"
    assert [path.name for path in file.parent.iterdir()] == ["monday.db"]
    empty(made_in_postgresql)
    for target in (file_store, made_in_postgresql):
        publish(target, run("other"), table([score("X-1")]))
        assert restore(target, file) == content
        assert rows_of(target) == before


def test_work_goes_on_after_a_restore_with_new_numbers_and_guarded_histories(store: Store, file: Path) -> None:
    fill(store)
    back_up(store, file)
    if store.writer.dialect.name == "postgresql":
        empty(store)  # its counters begin at 1 again
    restore(store, file)
    log_actions(store, [Entry("new", "C-1", NOW, None, b"{}")], NOW)
    publish(store, run("c"), table(COMPANY))
    raise_alerts(store, findings(1, {("C-1", "open_complaint"): 3, ("C-2", "churn_risk"): 1}), POLICY)
    found = rows_of(store)
    assert sorted(row[0] for row in found["actions"]) == [1, 2, 3, 4]
    assert max(row[0] for row in found["runs"]) >= 3
    with pytest.raises(StorageError, match="append-only"), writing(store) as connection:
        connection.exec_driver_sql("DELETE FROM alert_events")


def test_a_backup_is_of_one_moment_while_others_publish(store: Store, file: Path) -> None:
    def value(number: int) -> None:
        rows = [score(f"C-{i}", expected_profit=float(number)) for i in range(50)]
        publish(store, run(str(number)), table(rows), debts([], [invoice("R-1", "C-1", amount=float(number))]))

    value(0)
    done = threading.Event()

    def go_on() -> None:
        number = 0
        while not done.is_set():
            value(number := number + 1)

    publisher = threading.Thread(target=go_on)
    publisher.start()
    held = []
    try:
        for _ in range(4):
            content = back_up(store, file)
            assert content.run is not None
            with opened(file) as copy, reading(copy) as connection:
                page = list_customers(connection, content.run.run_id, Filters(), Sort("customer_id", False), None, 99)
                [bill] = invoices_of(connection, "C-1")
            amounts = {json.loads(body)["expected_profit"] for body in page.bodies} | {json.loads(bill)["amount"]}
            held.append((amounts, content.run.run_id))
    finally:
        done.set()
        publisher.join()
    assert [amounts for amounts, _ in held] == [{float(run_id)} for _, run_id in held]


def test_a_restore_that_breaks_off_changes_nothing(store: Store, file: Path) -> None:
    fill(store)
    back_up(store, file)
    publish(store, run("later"), table(COMPANY))
    before = rows_of(store)

    def breaks(step: Text, done: float) -> None:
        if done > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        restore(store, file, breaks)
    assert rows_of(store) == before
    with pytest.raises(StorageError, match="append-only"), writing(store) as connection:
        connection.exec_driver_sql("DELETE FROM alert_events")


def damage(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[4096:12288] = b"\xa5" * 8192
    file.write_bytes(content)


def orphan(file: Path) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("INSERT INTO debtors VALUES (77, 'C-1', x'00')")


def strange(file: Path) -> None:
    file.unlink()
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE other (a)")


def newer(file: Path) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (damage, "no whole backup"),
        (orphan, "no whole backup"),
        (strange, "no whole backup"),
        (newer, "newer Retinue"),
        (lambda file: file.write_text("id,name\n" * 9), "no whole backup"),
        (lambda file: file.unlink(), "no file"),
    ],
)
def test_what_is_no_whole_backup_is_refused_and_the_store_stays(
    file_store: Store, file: Path, change: object, words: str
) -> None:
    fill(file_store)
    before = rows_of(file_store)
    back_up(file_store, file)
    assert callable(change)
    change(file)
    with pytest.raises(StorageError, match=words):
        restore(file_store, file)
    assert rows_of(file_store) == before


SINCE = ("actions", "outcomes", "api_keys", "audit", "rescored", "plan_chosen", "plan_withdrawals")


def test_a_backup_of_an_earlier_revision_is_brought_up_to_date_in_a_copy(file_store: Store, file: Path) -> None:
    fill(file_store)
    before = rows_of(file_store)
    back_up(file_store, file)
    with sqlite3.connect(file) as connection:  # as before there were revisions, and before anything was logged
        connection.execute("DROP INDEX scores_by_account_manager")
        for name in ("account_manager", "rescored_as_of"):
            connection.execute(f"ALTER TABLE scores DROP COLUMN {name}")
        for name in ("alembic_version", *SINCE):
            connection.execute(f"DROP TABLE {name}")
    kept = file.read_bytes()
    restore(file_store, file)
    assert rows_of(file_store) == before | {name: [] for name in SINCE}
    assert file.read_bytes() == kept
    with reading(file_store) as connection_:
        assert held_revision(connection_) == revisions()[-1]


def test_the_store_itself_is_never_overwritten(file_store: Store) -> None:
    assert isinstance(file_store.place, Path)
    fill(file_store)
    with pytest.raises(StorageError, match="is the store itself"):
        back_up(file_store, file_store.place)
    assert rows_of(file_store)["scores"]


def test_the_commands_ask_before_they_replace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(write_project(tmp_path)) as store:
        publish(store, run("a"), table(COMPANY))
        before = rows_of(store)

    monkeypatch.chdir(tmp_path)

    def retinue(*arguments: str, typed: str = "") -> Result:
        return CliRunner().invoke(app(), arguments, input=typed)

    made = retinue("backup", "b.db")
    assert made.exit_code == 0, made.output
    assert "with the scores of run a as of 2026-03-31" in made.stdout
    with opened(write_project(tmp_path)) as store:
        publish(store, run("b"), table([score("X-1")]))
    refused = retinue("restore", "b.db", typed="n\n")
    assert refused.exit_code == 1
    assert "Replace the store by the backup?" in refused.stdout
    assert "run b" in refused.stdout
    done = retinue("restore", "b.db", "--yes")
    assert done.exit_code == 0, done.output
    with opened(write_project(tmp_path)) as store:
        assert rows_of(store) == before
