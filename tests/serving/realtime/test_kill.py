"""Server and rescoring process are killed at random moments while events come in: none acknowledged is lost, none counts twice."""

import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from features.event_log import EVENTS_FILE, open_log
from features.project import Project
from tests.serving.realtime.company import looked_up, publish, train, write_company

KILLS = 50
CUSTOMERS = [f"C{n:03}" for n in (10, 11, 12, 14, 15, 16, 17, 18)]

pytestmark = pytest.mark.filterwarnings("ignore:Series.values returning:pandas.errors.Pandas4Warning")  # pyarrow's own


class Server:
    """A real server in a process of its own, started again after each kill, at the same address."""

    def __init__(self, folder: Path, workers: int = 1) -> None:
        self._folder, self._workers, self._port = folder, workers, 0
        self.start()

    def start(self) -> None:
        code = (
            "from pathlib import Path; from serving.cli.serve import serve;"
            f" serve(Path({str(self._folder)!r}), port={self._port}, workers={self._workers})"
        )
        environment = {**os.environ, "RETINUE_LANGUAGE": "en"}
        self.process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )
        assert self.process.stdout is not None
        found = (re.search(r"http://[\d.]+:\d+", line) for line in self.process.stdout)
        self.address = next(match.group() for match in found if match)
        self._port = int(self.address.rpartition(":")[2])

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def helper(self) -> int | None:
        """The process that scores again."""
        for status in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = status.read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[1]) == self.process.pid:
                return int(status.parent.name)
        return None


class Poster(threading.Thread):
    """Sends one event after the other, each again until it is acknowledged."""

    def __init__(self, server: Server) -> None:
        super().__init__(daemon=True)
        self.server, self.over = server, threading.Event()
        self.acknowledged: dict[str, tuple[str, float]] = {}

    def run(self) -> None:
        number = 0
        while not self.over.is_set():
            number += 1
            customer, amount = CUSTOMERS[number % len(CUSTOMERS)], float(number)
            event = {"event_id": f"k-{number}", "table": "orders", "customer_id": customer, "amount": amount}
            event["ordered_at"] = datetime.now(UTC).isoformat()
            while not self._send(event):
                time.sleep(0.05)
            self.acknowledged[f"k-{number}"] = (customer, amount)
            time.sleep(0.045)

    def _send(self, event: dict[str, object]) -> bool:
        try:
            answer = httpx.post(f"{self.server.address}/v1/events", json=event, timeout=10)
        except httpx.HTTPError:
            return False
        return answer.status_code == 202


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    made = write_company(tmp_path_factory.mktemp("killed") / "company")
    train(made)
    publish(made)
    return made


@pytest.mark.slow
def test_kills_lose_no_acknowledged_event_and_count_none_twice(project: Project) -> None:
    chance = random.Random(7)
    before = {customer: looked_up(project, customer)["as_of"] for customer in CUSTOMERS}
    server = Server(project.root)
    poster = Poster(server)
    poster.start()
    killed_at_work = 0
    try:
        for number in range(KILLS):
            if number % 4 == 0:  # the others meet whatever goes on, mostly a process that starts
                killed_at_work += _wait_for_work(server)
            time.sleep(chance.uniform(0, 0.4))
            if number % 10 == 9:
                server.kill()
                server.start()
            elif (helper := server.helper()) is not None:
                os.kill(helper, signal.SIGKILL)
        poster.over.set()
        poster.join(30)
        _wait_until_level(server)
    finally:
        poster.over.set()
        server.kill()

    assert killed_at_work >= KILLS // 5
    assert len(poster.acknowledged) > KILLS
    with open_log(project.workspace / EVENTS_FILE) as log:
        sequences = [row.sequence for row in log.after(0, 1_000_000)]
        assert sequences == list(range(1, len(sequences) + 1))
        assert len(sequences) >= len(poster.acknowledged)
        rows = log.of(CUSTOMERS, [], 0, 2**62)
    assert len({row.body for row in rows}) == len(rows)  # amounts differ: none was taken twice
    for customer in CUSTOMERS:
        now = looked_up(project, customer)
        spent = sum(amount for owner, amount in poster.acknowledged.values() if owner == customer)
        assert now["as_of"] > before[customer]
        assert now["spend_365d"] == pytest.approx(spent + _spent_before(project, customer, now["as_of"]))


@pytest.mark.slow
def test_of_two_workers_one_scores_again_and_the_other_takes_over_when_it_dies(tmp_path: Path) -> None:
    project = write_company(tmp_path / "company")
    train(project)
    publish(project)
    server = Server(project.root, workers=2)
    try:
        _post_until_seen(server, "w-1")
        first = _at_work(project)
        assert len(first) == 1, "both workers' processes have the facts open"
        _post_until_seen(server, "w-2")
        assert _at_work(project) == first
        os.kill(first[0], signal.SIGKILL)
        _post_until_seen(server, "w-3")
        assert len(_at_work(project)) == 1
    finally:
        server.process.terminate()  # the workers end with it
        server.process.wait(60)
        assert server.process.stdout is not None
        server.process.stdout.close()


def _at_work(project: Project) -> list[int]:
    """The processes that have the run's facts mapped into memory."""
    facts, found = str(project.workspace / "facts"), []
    for maps in Path("/proc").glob("[0-9]*/maps"):
        try:
            if facts in maps.read_text():
                found.append(int(maps.parent.name))
        except OSError:
            continue
    return found


def _post_until_seen(server: Server, number: str) -> None:
    event = {"event_id": number, "table": "orders", "customer_id": CUSTOMERS[0], "amount": 5.0}
    event["ordered_at"] = datetime.now(UTC).isoformat()
    assert httpx.post(f"{server.address}/v1/events", json=event, timeout=120).status_code == 202
    _wait_until_level(server)


def _wait_for_work(server: Server) -> bool:
    """Wait until events come into the scores, so that a kill meets a process at work."""
    end = time.monotonic() + 20
    first: int | None = None
    while time.monotonic() < end:
        applied = int(httpx.get(f"{server.address}/v1/events/status", timeout=10).json()["applied"])
        if first is not None and applied > first:
            return True
        first = applied if first is None else first
        time.sleep(0.045)
    return False


def _wait_until_level(server: Server) -> None:
    end = time.monotonic() + 60
    while httpx.get(f"{server.address}/v1/events/status", timeout=60).json()["waiting"]:
        assert time.monotonic() < end, "events still wait"
        time.sleep(0.1)


def _spent_before(project: Project, customer: str, as_of: str) -> float:
    """What the files tell of the 365 days before an instant."""
    year = datetime.fromisoformat(as_of).timestamp() - 365 * 86_400
    spent = 0.0
    for line in (project.root / "orders.csv").read_text().splitlines()[1:]:
        owner, at, amount, _ = line.split(",")
        day = datetime.fromisoformat(at[:10]).replace(tzinfo=UTC).timestamp()
        spent += float(amount) if owner == customer and day >= year - 86_400 else 0.0
    return spent
