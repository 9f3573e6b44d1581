"""How soon an event is seen in a look-up, by a real server over a simulated company.

Orders are sent at a steady rate by one client; of each, the time is taken from the answer to ``POST /v1/events`` until a
look-up of its customer shows the score computed with it. Held to: seen within 250 ms at 50 events a second; 200 events a
second taken for as long without loss, all of them seen at the end. The model is learnt on a small company and serves the
large one, whose size it does not depend on.

Run as ``python -m tests.benchmarks.events [CUSTOMERS] [--seconds 60]`` (1,000,000), or with ``--project FOLDER`` on a project
that was scored and takes events: orders of 50 on random customers come into its log.
"""

import argparse
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import numpy as np
import pyarrow.parquet as pq

from features.project import Project, load_project
from features.simulation.company import Company
from features.simulation.plan import planned
from features.simulation.project import write_project
from serving.batch import score
from tests.benchmarks.report import Result, at_most, write
from training.job import train

CUSTOMERS, SECONDS = 1_000_000, 60
LEARNT_FROM, MONTHS = 2_000, 24
VISIBLE_MS, PER_SECOND, SUSTAINED = 250.0, 50, 200
_LOOK_EVERY_SECONDS = 0.01
_PATIENCE_SECONDS = 120


def company(folder: Path, customers: int) -> Project:
    """A company whose records end today, with a model learnt on a small one; scored, and taking events."""
    project, as_of = trained(folder, customers)
    with (project.root / "retinue.toml").open("a", encoding="utf-8") as file:
        file.write("\n[events]\nin_files = false\n")
    project = load_project(project.root)
    score(project, as_of, project.root / "scores", lambda: datetime.now(UTC))
    return project


def trained(folder: Path, customers: int) -> tuple[Project, datetime]:
    """A company whose records end today, with a model learnt on a small one; and the instant of its end."""
    today = datetime.now(UTC).astimezone(ZoneInfo("Europe/Berlin")).date()
    start = date(today.year - MONTHS // 12, today.month, 1)
    small = folder / "small"
    write_project(folder / "small", planned(1, LEARNT_FROM, start, today, Company(), ()))
    as_of = datetime(today.year, today.month, today.day, tzinfo=ZoneInfo("Europe/Berlin"))
    train(load_project(small), as_of)
    if customers != LEARNT_FROM:
        large = folder / "large"
        write_project(folder / "large", planned(2, customers, start, today, Company(), ()))
        shutil.rmtree(small / "facts")
        shutil.move(large / "facts", small / "facts")
    return load_project(small), as_of


@contextmanager
def server(project: Project) -> Iterator[str]:
    """The address of a real server over the project."""
    code = f"from pathlib import Path; from serving.cli.serve import serve; serve(Path({str(project.root)!r}), port=0)"
    environment = {**os.environ, "RETINUE_LANGUAGE": "en"}
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stdout is not None
            found = (re.search(r"http://[\d.]+:\d+", line) for line in process.stdout)
            yield next(match.group() for match in found if match)
        finally:
            process.terminate()


class Load:
    """Orders sent at a rate, each of another customer, and when each was acknowledged and first seen in a look-up."""

    def __init__(self, address: str, customers: Iterator[str]) -> None:
        self.address, self.customers = address, customers
        self.sent_at: dict[str, datetime] = {}
        self.acknowledged: dict[str, float] = {}
        self.seen: dict[str, float] = {}
        self.sent_seconds = 0.0
        self._lock = threading.Lock()
        self._over = threading.Event()

    def run(self, per_second: int, seconds: int, *, look: bool) -> None:
        """Send for so many seconds; with ``look`` each customer is looked up until the event shows."""
        looker = threading.Thread(target=self._look)
        if look:
            looker.start()
        begin = time.perf_counter()
        with httpx.Client(base_url=self.address, timeout=30) as client:
            for number in range(per_second * seconds):
                time.sleep(max(0.0, begin + number / per_second - time.perf_counter()))
                self._send(client, next(self.customers))
        self.sent_seconds = time.perf_counter() - begin
        self._over.set()
        if look:
            looker.join()

    def _send(self, client: httpx.Client, customer: str) -> None:
        event = {"event_id": str(uuid.uuid4()), "table": "orders", "customer_id": customer, "amount": 50.0}
        self.sent_at[customer] = datetime.now(UTC)
        answer = client.post("/v1/events", json=event | {"ordered_at": self.sent_at[customer].isoformat()})
        at = time.perf_counter()
        assert answer.status_code == 202, answer.text
        with self._lock:
            self.acknowledged[customer] = at

    def _look(self) -> None:
        """Look up everybody who is waited for, until the score is of an instant after the event was sent."""
        with httpx.Client(base_url=self.address, timeout=30) as client:
            while True:
                over = self._over.is_set()
                with self._lock:
                    waiting = [customer for customer in self.acknowledged if customer not in self.seen]
                if not waiting and over:
                    return
                time.sleep(_LOOK_EVERY_SECONDS)
                found = client.post("/v1/customers:lookup", json={"customer_ids": waiting[:1000]}) if waiting else None
                now = time.perf_counter()
                for body in found.json()["customers"] if found else ():
                    if datetime.fromisoformat(body["as_of"]) >= self.sent_at[body["customer_id"]]:
                        self.seen[body["customer_id"]] = now
                assert all(now - self.acknowledged[c] < _PATIENCE_SECONDS for c in waiting), "an event was never seen"


def level(address: str) -> tuple[int, float]:
    """Wait until no event waits; gives the last sequence and the seconds that it took."""
    begin = time.perf_counter()
    while (status := httpx.get(f"{address}/v1/events/status", timeout=30).json())["waiting"]:
        assert time.perf_counter() - begin < _PATIENCE_SECONDS, status
        time.sleep(0.02)
    return int(status["sequence"]), time.perf_counter() - begin


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser()
    parser.add_argument("customers", nargs="?", type=int, default=CUSTOMERS)
    parser.add_argument("--seconds", type=int, default=SECONDS)
    parser.add_argument("--project", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="retinue-events-") as folder:
        project = load_project(given.project) if given.project else company(Path(folder), given.customers)
        write("events", measured(project, given.seconds))


def measured(project: Project, seconds: int) -> list[Result]:
    """The figures of a company that was scored."""
    everybody = pq.read_table(project.root / "scores" / "scores.parquet", columns=["customer_id"])[
        "customer_id"
    ].to_pylist()
    needed = (PER_SECOND + SUSTAINED) * seconds + 50
    customers = iter(random.Random(1).sample(everybody, min(len(everybody), needed)))
    with server(project) as address:
        Load(address, customers).run(5, 4, look=True)  # the models are loaded, the statements prepared
        steady = Load(address, customers)
        steady.run(PER_SECOND, seconds, look=True)
        before, _ = level(address)
        heavy = Load(address, customers)
        heavy.run(SUSTAINED, seconds, look=False)
        after, behind = level(address)
    delays = np.array([1e3 * (steady.seen[customer] - at) for customer, at in steady.acknowledged.items()])
    lost = SUSTAINED * seconds - (after - before)
    rate = f"{PER_SECOND} events/s"
    return [
        Result(f"{rate}: answer to visible, median", float(np.quantile(delays, 0.5)), "ms"),
        at_most(f"{rate}: answer to visible, 95 %", float(np.quantile(delays, 0.95)), "ms", VISIBLE_MS),
        Result(f"{rate}: answer to visible, 99 %", float(np.quantile(delays, 0.99)), "ms"),
        Result(f"{rate}: answer to visible, longest", float(delays.max()), "ms"),
        Result(f"{SUSTAINED} events/s asked: sent", SUSTAINED * seconds / heavy.sent_seconds, "events/s"),
        at_most(f"{SUSTAINED} events/s: lost", float(lost), "events", 0.0),
        Result(f"{SUSTAINED} events/s: until all were in the scores", behind, "s"),
    ]


if __name__ == "__main__":
    main()
