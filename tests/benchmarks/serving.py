"""What a look-up costs the server, in CPU time per request, beside the least that it can cost with the same libraries.

`retinue serve` over a published run, one worker on one core, the client on another; CPU time of the server's process tree.
Rounds of the floor and of ours follow each other in turns; a ratio is taken of each pair of rounds, and shown is the median
with the range of the middle half.

- By id: the floor is a FastAPI route with a path parameter that returns constant bytes of the same size.
- 1,000 ids at once: the floor is a plain route that runs one joined SQLite statement and joins the bodies.

Metrics are always counted. With ``--key`` the server asks for an API key, each request carries it, and the line is the one for that.

Run as ``python -m tests.benchmarks.serving [--customers 1000000] [--rounds 9] [--requests 6000] [--key]``.
"""

import argparse
import asyncio
import re
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import orjson
import psutil
from sqlalchemy import delete

from features.project import load_project
from serving.schemas import MAX_LOOKUP
from serving.security.administration import create_key
from serving.store import open_project_store
from serving.store.database import writing
from serving.store.keys import API_KEYS
from tests.benchmarks.report import FOLDER, Result, at_most, write
from tests.benchmarks.tools.load import Asked, ask, request
from tests.benchmarks.tools.scored_company import customer_id, scored_company
from training.registry import Signature

CUSTOMERS, ROUNDS, REQUESTS = 1_000_000, 9, 6_000
CONNECTIONS = (16, 64)
LOOKUP_LINE, KEYED_LINE, MANY_LINE = 1.15, 1.4, 1.3
MANY_SHARE = 60
"""So many times fewer requests of 1,000 ids than of one make a round."""
STRIDE = 7_919
"""Customers asked for one after the other lie so far apart in the store."""


class Server(NamedTuple):
    """A server process that runs: where, and what it has used."""

    address: str
    process: psutil.Process

    def cpu_seconds(self) -> float:
        """CPU time of the process and all its children until now."""
        tree = [self.process, *self.process.children(recursive=True)]
        return sum(sum(one.cpu_times()[:2]) for one in tree)


class Cost(NamedTuple):
    """What rounds cost: CPU microseconds per request, and the requests a second of wall time of the median round."""

    microseconds: list[float]
    a_second: float


@contextmanager
def server(arguments: Sequence[str], core: int | None) -> Iterator[Server]:
    """A server in a process of its own on one core, until the block ends."""
    process = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        address = next(found.group() for line in process.stdout if (found := re.search(r"http://[\d.]+:\d+", line)))
        seen = psutil.Process(process.pid)
        if core is not None:
            seen.cpu_affinity([core])
        yield Server(address, seen)
    finally:
        process.terminate()
        process.wait(30)
        process.stdout.close()


def cost_of_round(which: Server, requests: Sequence[bytes], connections: int, count: int) -> tuple[float, Asked]:
    """CPU microseconds per request of one round."""
    before = which.cpu_seconds()
    asked = asyncio.run(ask(which.address, requests, connections, count))
    if asked.other:
        raise RuntimeError(f"{asked.other} of {asked.requests} answers had another status than 200")
    return (which.cpu_seconds() - before) / count * 1e6, asked


def in_turns(
    sides: dict[str, tuple[Server, Sequence[bytes]]], connections: int, count: int, rounds: int
) -> dict[str, Cost]:
    """Rounds of all sides in turns, after one that is not counted."""
    spent: dict[str, list[float]] = {name: [] for name in sides}
    speed: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(rounds + 1):
        for name, (which, requests) in sides.items():
            microseconds, asked = cost_of_round(which, requests, connections, count)
            if number:
                spent[name].append(microseconds)
                speed[name].append(asked.requests / asked.seconds)
    return {name: Cost(spent[name], statistics.median(speed[name])) for name in sides}


def results(what: str, costs: dict[str, Cost], line: float) -> list[Result]:
    """The figures of one job: both costs, their ratio against the line, and the range of the ratio's middle half."""
    floor, ours = costs["floor"], costs["ours"]
    # a few requests may cost less than the clock counts
    ratios = sorted(a / max(b, 1.0) for a, b in zip(ours.microseconds, floor.microseconds, strict=True))
    quarter = len(ratios) // 4
    return [
        Result(f"{what}: floor", statistics.median(floor.microseconds), "CPU µs a request"),
        Result(f"{what}: ours", statistics.median(ours.microseconds), "CPU µs a request"),
        at_most(f"{what}: ours by floor, median", statistics.median(ratios), "×", line),
        Result(f"{what}: ours by floor, lower quarter", ratios[quarter], "×"),
        Result(f"{what}: ours by floor, upper quarter", ratios[-1 - quarter], "×"),
        Result(f"{what}: ours", ours.a_second, "requests a second"),
    ]


@contextmanager
def access_key(folder: Path) -> Iterator[str]:
    """A key that may look up, which the company asks for while it lasts, without a limit that the benchmark would meet."""
    file = folder / "retinue.toml"
    before = file.read_text(encoding="utf-8")
    file.write_text(before + "\n[serve]\nrequests_per_minute = 1_000_000_000\n", encoding="utf-8")
    signed = Signature("benchmark", datetime.now(UTC))
    with closing(open_project_store(load_project(folder))) as store:
        made = create_key(store, signed, "benchmark", ["read"], 1, None)
        try:
            yield made.text
        finally:
            with writing(
                store
            ) as connection:  # as if there had never been one: a store with keys answers nobody without
                connection.execute(delete(API_KEYS))
            file.write_text(before, encoding="utf-8")


def measure(folder: Path, customers: int, rounds: int, count: int, key: str | None = None) -> list[Result]:
    """All figures over a company of so many customers, which is made in ``folder`` unless it lies there."""
    store = scored_company(folder, customers)
    ids = [customer_id(number * STRIDE % customers) for number in range(min(customers, 20_000))]
    asked_for = ids[: min(MAX_LOOKUP, customers)]
    size = _size_of_a_body(store, ids[0])
    headers = [f"Authorization: Bearer {key}"] if key else []
    cores = sorted(psutil.Process().cpu_affinity())
    psutil.Process().cpu_affinity(cores[1:] or cores)
    served = ["-c", "from serving.cli import main; main()", "serve", "--project", str(folder), "--port", "0"]
    floor = ["-m", "tests.benchmarks.tools.serve_floor", "--bytes", str(size), "--store", str(store)]
    found = [Result("customers", customers, ""), Result("body of an answer", size, "bytes")]
    try:
        with server(floor, cores[0]) as least, server(served, cores[0]) as ours:
            one = {
                name: (which, [request(which.address, f"/v1/customers/{asked}", headers=headers) for asked in ids])
                for name, which in (("floor", least), ("ours", ours))
            }
            for connections in CONNECTIONS:
                costs = in_turns(one, connections, count, rounds)
                line = KEYED_LINE if key else LOOKUP_LINE
                found += results(f"look-up, {connections} connections", costs, line)
            body = orjson.dumps({"customer_ids": asked_for})
            many = {
                name: (which, [request(which.address, path, body, headers)])
                for name, which, path in (("floor", least, "/many"), ("ours", ours, "/v1/customers:lookup"))
            }
            costs = in_turns(many, 4, max(4, count // MANY_SHARE), rounds)
            found += results(f"{len(asked_for):,} ids", costs, MANY_LINE)
    finally:
        psutil.Process().cpu_affinity(cores)
    return found


def _size_of_a_body(store: Path, customer: str) -> int:
    import sqlite3

    with sqlite3.connect(store) as connection:
        size: int = connection.execute("SELECT length(body) FROM scores WHERE customer_id = ?", (customer,)).fetchone()[
            0
        ]
    return size


def main() -> None:
    """Run the benchmark and write what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=CUSTOMERS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--requests", type=int, default=REQUESTS, help="look-ups in a round")
    parser.add_argument("--key", action="store_true", help="an API key is asked for, and each request carries it")
    given = parser.parse_args()
    folder = FOLDER.parent / f"serving-{given.customers}"
    scored_company(folder, given.customers)
    with access_key(folder) if given.key else nullcontext() as key:
        write("serving", measure(folder, given.customers, given.rounds, given.requests, key))


if __name__ == "__main__":
    main()
