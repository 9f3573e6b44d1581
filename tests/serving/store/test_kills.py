"""``kill -9`` while a run is published, again and again: never a mixed run, and the next one needs no repair."""

import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from sqlalchemy import func, select

from serving.store import (
    Filters,
    Sort,
    Store,
    current_run,
    find_customers,
    invoices_of,
    list_customers,
    publish,
    reading,
)
from serving.store.tables import DEBTORS, INVOICES, RUNS, SCORES
from tests.serving.conftest import COMPANY, run, score, table
from tests.serving.store.places import written

KILLS, CUSTOMERS = 25, 300

# Forks children that publish one run after the other, and kills each at a random moment, until there were as many kills as
# asked for and a few runs were published between them. What a run holds tells its id.
MOTHER = """
import os, random, signal, sys, time
from serving.store import open_store, publish
from tests.serving.conftest import debtor, debts, invoice, run, score, table
from tests.serving.store.places import read

kills, customers = int(sys.argv[3]), int(sys.argv[4])
told, tell = os.pipe()
os.set_blocking(told, False)

def publish_on(place, values):
    store = open_store(read(place))
    for value in values:
        scores = table([score(f"C-{i}", expected_profit=float(value)) for i in range(customers)])
        owed = debts(
            [debtor(f"C-{i}", balance=float(value)) for i in range(customers)],
            [invoice(f"R-{i}", f"C-{i}", amount=float(value)) for i in range(customers)],
        )
        publish(store, run(str(value)), scores.to_batches(100), owed)
        os.write(tell, b".")
    store.close()

def published():
    try:
        return len(os.read(told, 10_000))
    except BlockingIOError:
        return 0

publish_on(sys.argv[2], [0])  # elsewhere: what loads slowly is loaded once, before there are children
published()
began = time.monotonic()
if os.fork() == 0:
    publish_on(sys.argv[1], [1])
    os._exit(0)
os.wait()
once = time.monotonic() - began
chance = random.Random(20260401)
killed = runs = 0
while killed < kills or runs < 5:
    child = os.fork()
    if child == 0:
        first = 1000 * (killed + 1)
        publish_on(sys.argv[1], range(first, first + 1000))
    time.sleep(chance.uniform(0, 3 * once))
    os.kill(child, signal.SIGKILL)
    _, how = os.waitpid(child, 0)
    assert os.WTERMSIG(how) == signal.SIGKILL, how  # it did not end by itself
    killed += 1
    runs += published()
"""


def values_served(store: Store) -> tuple[float, set[float], int]:
    """What the run's id says, what its rows say, and how many customers the list has, all in one transaction."""
    with reading(store) as connection:
        current = current_run(connection)
        assert current is not None
        page = list_customers(connection, current.run_id, Filters(), Sort("customer_id", False), None, 2 * CUSTOMERS)
        found = find_customers(connection, [f"C-{i}" for i in range(0, CUSTOMERS, 100)])
        some = found.bodies.values() if found else ()
        rows = connection.scalar(
            select(func.count())
            .select_from(SCORES)
            .join(RUNS, RUNS.c.number == SCORES.c.run)
            .where(RUNS.c.run_id == current.run_id)
        )
        invoices = invoices_of(connection, "C-7")
    values = {json.loads(body)["expected_profit"] for body in [*page.bodies, *some]}
    values |= {json.loads(body)["amount"] for body in invoices}
    assert rows == len(page.bodies) == current.rows
    return float(current.run_id), values, len(page.bodies)


@pytest.mark.slow
def test_no_kill_leaves_a_mixed_run_or_anything_to_repair(store: Store, tmp_path: Path) -> None:
    publish(store, run("0"), table([_row(i) for i in range(CUSTOMERS)]))
    seen: set[float] = set()
    mixed: list[object] = []
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            try:
                told, values, rows = values_served(store)
            except Exception as fault:
                mixed.append(fault)
                return
            seen.add(told)
            if values != {told} or rows != CUSTOMERS:
                mixed.append((told, values, rows))

    watcher = threading.Thread(target=watch)
    watcher.start()
    arguments = [written(store.place), str(tmp_path / "elsewhere.db"), str(KILLS), str(CUSTOMERS)]
    try:
        subprocess.run(
            [sys.executable, "-c", MOTHER, *arguments], cwd=Path(__file__).parents[3], check=True, timeout=300
        )
    finally:
        done.set()
        watcher.join()
    assert mixed == []
    assert len(seen) > 1, "runs were published between the kills"
    publish(store, run("last"), table(COMPANY))
    with reading(store) as connection:
        kept = set(connection.scalars(select(RUNS.c.number)))
        assert len(kept) == 2
        for rows in (SCORES, DEBTORS, INVOICES):
            assert set(connection.scalars(select(rows.c.run).distinct())) <= kept
        current = current_run(connection)
        assert current is not None
        assert (current.run_id, current.rows) == ("last", len(COMPANY))
        if store.reader.dialect.name == "sqlite":
            assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"


def _row(number: int) -> dict[str, object]:
    return score(f"C-{number}", expected_profit=0.0)
