"""Backup and restore of the log of events: nothing that was acknowledged is lost, and no log takes another's place."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from features.errors import StorageError
from features.event_log import EVENTS_FILE, Received, open_log
from features.project import Project
from serving.cli import app
from serving.store import Store, open_project_store, publish, reading, serving_run
from serving.store.copying import Content, back_up, restore
from tests.serving.conftest import COMPANY, run, serving, table
from tests.serving.realtime.company import tell, write_company
from tests.serving.store.places import rows_of

NOW = datetime(2025, 10, 3, 9, 30, tzinfo=UTC)
LATER = datetime(2025, 10, 4, 9, 30, tzinfo=UTC)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return write_company(tmp_path / "company", customers=5)


@pytest.fixture
def elsewhere(tmp_path: Path) -> Project:
    return write_company(tmp_path / "elsewhere", customers=5)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "backups" / "monday.db"


def event(number: int, **changes: Any) -> dict[str, Any]:
    told = {"event_id": f"e-{number}", "table": "orders", "customer_id": "C010", "amount": 80.0 + number}
    return told | {"ordered_at": "2025-09-30T08:30:00+02:00"} | changes


def log_of(project: Project) -> Path:
    return project.workspace / EVENTS_FILE


def logged(project: Project) -> list[Received]:
    with open_log(log_of(project)) as log:
        return log.after(0, 1_000_000)


@contextmanager
def store_of(project: Project) -> Iterator[Store]:
    with closing(open_project_store(project)) as store:
        yield store


def backed_up(project: Project, file: Path) -> Content:
    with store_of(project) as store:
        return back_up(store, file, events=log_of(project))


def restored(project: Project, file: Path) -> Content:
    with store_of(project) as store:
        return restore(store, file, events=log_of(project))


@pytest.mark.slow
def test_a_backup_while_events_arrive_holds_all_that_were_acknowledged_before_it(
    project: Project, elsewhere: Project, file: Path
) -> None:
    acknowledged: list[dict[str, Any]] = []
    over = threading.Event()
    with serving(project.root) as address, httpx.Client(base_url=address, timeout=30) as client:

        def send() -> None:
            while not over.is_set():
                told = event(len(acknowledged))
                assert client.post("/v1/events", json=told).status_code == 202
                acknowledged.append(told)

        sender = threading.Thread(target=send)
        sender.start()
        before: list[tuple[int, int | None]] = []
        for _ in range(5):
            while len(acknowledged) < 20 * (len(before) + 1):
                assert sender.is_alive()
                over.wait(0.005)
            before.append((len(acknowledged), backed_up(project, file).events))
        over.set()
        sender.join()

    assert all(held is not None and held >= known for known, held in before)
    known, held = before[-1]
    assert restored(elsewhere, file).events == held
    assert logged(elsewhere) == logged(project)[:held]
    again = tell(elsewhere, LATER, *acknowledged[:known], event(known - 1, amount=1.0))
    assert [one.outcome for one in again] == ["duplicate"] * known + ["conflict"]
    assert [path.name for path in file.parent.iterdir()] == ["monday.db"]


def test_what_came_in_since_the_backup_stays_in_the_log_and_what_is_missing_is_added(
    project: Project, elsewhere: Project, file: Path
) -> None:
    tell(project, NOW, event(1), event(2, customer_id="客户", amount=-0.0))
    backed_up(project, file)
    tell(project, LATER, event(3))
    newer = logged(project)

    assert restored(project, file).events == 2
    assert logged(project) == newer
    restored(elsewhere, file)
    assert logged(elsewhere) == newer[:2]
    backed_up(project, file)
    restored(elsewhere, file)
    restored(elsewhere, file)
    assert logged(elsewhere) == newer
    with pytest.raises(sqlite3.DatabaseError, match="append-only"), sqlite3.connect(log_of(elsewhere)) as connection:
        connection.execute("DELETE FROM events")


def test_a_store_in_either_database_takes_the_log_along(
    store: Store, project: Project, elsewhere: Project, file: Path
) -> None:
    tell(project, NOW, event(1))
    publish(store, run("a"), table(COMPANY))
    content = back_up(store, file, events=log_of(project))
    assert restore(store, file, events=log_of(elsewhere)) == content
    assert content.events == 1
    assert logged(elsewhere) == logged(project)


def test_another_log_is_not_replaced_and_the_store_stays_as_well(
    project: Project, elsewhere: Project, file: Path
) -> None:
    tell(project, NOW, event(1), event(2))
    with store_of(project) as store:
        publish(store, run("a"), table(COMPANY))
    backed_up(project, file)
    tell(elsewhere, NOW, event(1), event(2, amount=1.0))
    kept = logged(elsewhere)
    with store_of(elsewhere) as store:
        publish(store, run("b"), table(COMPANY[:1]))
        rows = rows_of(store)

        with pytest.raises(StorageError, match=r"different events at place 2.*move that file") as refused:
            restore(store, file, events=log_of(elsewhere))

        assert "第 2 位的事件不同" in refused.value.text.zh
        assert rows_of(store) == rows
    assert logged(elsewhere) == kept


def test_a_restore_that_breaks_off_adds_no_event(project: Project, elsewhere: Project, file: Path) -> None:
    tell(project, NOW, event(1))
    with store_of(project) as store:
        publish(store, run("a"), table(COMPANY))
    backed_up(project, file)

    def breaks(step: object, done: float) -> None:
        if done > 0.5:
            raise KeyboardInterrupt

    with store_of(elsewhere) as store, pytest.raises(KeyboardInterrupt):
        restore(store, file, breaks, log_of(elsewhere))
    assert not log_of(elsewhere).exists()


def test_a_backup_without_a_log_leaves_the_log_alone(project: Project, elsewhere: Project, file: Path) -> None:
    with store_of(project) as store:
        publish(store, run("a"), table(COMPANY))
    assert backed_up(project, file).events is None
    assert not log_of(project).exists()
    tell(elsewhere, NOW, event(7))
    kept = logged(elsewhere)

    assert restored(elsewhere, file).events is None

    assert logged(elsewhere) == kept
    with store_of(elsewhere) as store, reading(store) as connection:
        served = serving_run(connection)
    assert served is not None
    assert served.run_id == "a"


def test_a_log_that_cannot_be_read_leaves_no_half_backup(project: Project, file: Path) -> None:
    log_of(project).parent.mkdir(parents=True, exist_ok=True)
    log_of(project).write_bytes(b"no log of events" * 100)
    with pytest.raises(StorageError, match="cannot be copied"):
        backed_up(project, file)
    assert list(file.parent.iterdir()) == []
    with pytest.raises(StorageError, match="or the log of events; nothing was written"):
        backed_up(project, log_of(project))


def test_the_commands_take_the_log_along_and_say_so(
    project: Project, elsewhere: Project, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell(project, NOW, event(1), event(2))
    made = CliRunner().invoke(app(), ["backup", str(file), "--project", str(project.root)])
    assert made.exit_code == 0, made.output
    assert "and 2 events" in " ".join(made.stdout.split())
    asked = CliRunner().invoke(app(), ["restore", str(file), "--project", str(elsewhere.root)], input="y\n")
    assert asked.exit_code == 0, asked.output
    assert asked.stdout.count("and 2 events") == 2, "what the backup holds is told before and after"
    assert logged(elsewhere) == logged(project)
