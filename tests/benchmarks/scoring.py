"""What one real-time score costs: CPU time of all processes of a server per request, ours beside four others.

500 trees of depth 6 over 60 features, the same file for all, without calibration. Each server runs on one core and is
asked over 16 and 64 connections that stay open, one row a request; rounds are interleaved and the median counts. The
floor parses the request and answers a constant. Before it is measured each server must give XGBoost's own probabilities.

Run as ``python -m tests.benchmarks.scoring [--quick] [--only NAME …]``; peers are installed under ``build`` once. One that
cannot be installed or started is told and left out.
"""

import argparse
import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import psutil  # type: ignore[import-untyped]
import xgboost as xgb

from features.catalogue import BY_NAME, catalogue_hash
from features.leakage.certificate import Certificate, Checked
from features.project import Project, load_project
from tests.benchmarks.peers.scoring_servers import PEERS, Peer, environment_of, python_of
from tests.benchmarks.report import FOLDER, Result, at_most, write
from tests.benchmarks.tools.posting import post

FEATURES = ("days_since_last_purchase", *(name for name in BY_NAME if name != "days_since_last_purchase"))[:60]
TREES, DEPTH = 500, 6
TRAINING_ROWS, ROWS = 20_000, 200
CONNECTIONS = (16, 64)
ROUNDS, REQUESTS = 5, 1_000
CORE = 0
START_SECONDS = 90
TOLERANCE = 1e-6
MOST_OF_PEER = 0.5
"""Of what the cheapest peer costs, ours may cost this much."""

FLOOR = """
import orjson, uvicorn, sys
from fastapi import FastAPI, Request, Response
app = FastAPI()
@app.post("/")
async def parse(request: Request) -> Response:
    orjson.loads(await request.body())
    return Response(b'{"probability":0.5}', media_type="application/json")
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", access_log=False)
"""
OURS = """
import sys
from pathlib import Path
from serving.cli.serve import serve
serve(Path(sys.argv[2]), port=int(sys.argv[1]))
"""
PROJECT = """
[project]
name = "Benchmark"
currency = "EUR"
[tables.orders]
path = "orders.csv"
columns = { customer_id = "c", ordered_at = "t", amount = "a" }
"""


@dataclass(frozen=True)
class Server:
    """A server that runs: where it is asked, with which bodies, and what an answer says."""

    name: str
    process: psutil.Process
    address: str
    path: str
    bodies: list[bytes]
    peer: Peer | None

    def cpu_seconds(self) -> float:
        """CPU time of the process and all below it, ended children included."""
        processes = [self.process, *self.process.children(recursive=True)]
        return float(sum(sum(process.cpu_times()[:4]) for process in processes))


def trained() -> tuple[xgb.Booster, np.ndarray]:
    """Full trees on random customers, a tenth of the values missing; and the rows that are asked of them."""
    generator = np.random.default_rng(0)
    values = generator.gamma(2, 20, (TRAINING_ROWS, len(FEATURES)))
    log_odds = (values[:, :20] - 40) @ generator.normal(0, 0.02, 20)
    values[:, 1:][generator.random((TRAINING_ROWS, len(FEATURES) - 1)) < 0.1] = np.nan
    churned = generator.random(TRAINING_ROWS) < 1 / (1 + np.exp(-log_odds))
    parameters = {"objective": "binary:logistic", "max_depth": DEPTH, "eta": 0.02, "nthread": 2, "tree_method": "hist"}
    booster = xgb.train(parameters, xgb.DMatrix(values, label=churned, feature_names=list(FEATURES)), TREES)
    rows = np.round(values[:ROWS], 3)
    rows[:, 0] = np.minimum(rows[:, 0], 170)  # days of silence: everybody is a customer still
    return booster, np.nan_to_num(rows, nan=0.0)  # some peers take no null


def registered(folder: Path, booster: xgb.Booster, rows: np.ndarray) -> Project:
    """A project whose champion are these trees."""
    from training.models.calibration import Calibrator
    from training.models.churn import XGBoostChurn
    from training.models.stored import ModelFacts, StoredModel
    from training.tracking import log_churn_model, promote

    folder.mkdir()
    (folder / "retinue.toml").write_text(PROJECT)
    project = load_project(folder)
    frame = pd.DataFrame(rows, columns=list(FEATURES))
    chosen = tuple(BY_NAME[name] for name in FEATURES)
    facts = ModelFacts("xgboost", FEATURES, catalogue_hash(chosen), "2026-01-01T00:00:00+00:00", 90, 180, {})
    stored = StoredModel(facts, XGBoostChurn(booster, FEATURES), Calibrator.line(1.0, 0.0))
    checked = Checked(FEATURES, (), (), 0, 0, {}, 0)
    certificate = Certificate(datetime(2026, 1, 1, tzinfo=UTC), "benchmark", checked, (), ())
    _, version = log_churn_model(project, stored, frame, {}, {}, certificate)
    promote(project, version)
    return project


def for_peers(folder: Path, booster: xgb.Booster) -> None:
    """The trees as the peers read them."""
    import mlflow

    booster.feature_names = None
    folder.mkdir()
    booster.save_model(folder / "model.json")
    mlflow.xgboost.save_model(booster, folder / "model", pip_requirements=["xgboost-cpu"])


@contextmanager
def started(
    name: str, command: Sequence[str], folder: Path, environment: dict[str, str], log: Path
) -> Iterator[psutil.Process]:
    """A process pinned to the core, in a group of its own that ends with the block."""
    pinned = ["taskset", "-c", str(CORE), *command]
    with log.open("wb") as output:
        process = subprocess.Popen(
            pinned, cwd=folder, env=environment, stdout=output, stderr=output, start_new_session=True
        )
    try:
        yield psutil.Process(process.pid)
    finally:
        children = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
        process.terminate()
        _, left = psutil.wait_procs(children, timeout=10)
        for child in left:
            child.kill()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def answers_rightly(server: Server, expected: np.ndarray) -> str | None:
    """Why a server cannot be measured: it did not start, or gives other probabilities; None when all are right."""
    fault = "it did not start"
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.process.is_running():
        try:
            answer = httpx.post(f"{server.address}{server.path}", content=server.bodies[0], headers=JSON, timeout=10)
            if answer.status_code == 200:
                break
            fault = answer.text[:300]
        except httpx.HTTPError:
            pass
        time.sleep(0.5)
    else:
        return fault
    for body, probability in zip(server.bodies, expected, strict=True):
        answer = httpx.post(f"{server.address}{server.path}", content=body, headers=JSON, timeout=10)
        said = probability_of(server, answer.json())
        if not abs(said - probability) <= TOLERANCE:
            return f"it says {said}, XGBoost {probability}"
    return None


JSON = {"Content-Type": "application/json"}


def probability_of(server: Server, answer: Any) -> float:
    """The probability that an answer tells."""
    if server.peer:
        return float(server.peer.probability(answer))
    return float(answer["scores"][0]["churn_probability"])


def measured(servers: Sequence[Server], rounds: int, requests: int) -> dict[tuple[str, int], float]:
    """CPU milliseconds per request by server and connections: the median of interleaved rounds."""
    found: dict[tuple[str, int], list[float]] = {}
    for number in range(rounds + 1):
        for connections in CONNECTIONS:
            for server in servers:
                before = server.cpu_seconds()
                answers = asyncio.run(
                    post(server.address, server.path, server.bodies, connections, lambda n: n < requests, keep=False)
                )
                if any(answer.status != 200 for answer in answers):
                    raise SystemExit(f"{server.name} failed: {answers[0]}")
                if number:  # the first round warms up
                    spent = (server.cpu_seconds() - before) / requests * 1000
                    found.setdefault((server.name, connections), []).append(spent)
    return {key: statistics.median(values) for key, values in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer rounds and requests")
    parser.add_argument("--only", nargs="*", choices=list(PEERS), default=list(PEERS), help="the peers to measure")
    given = parser.parse_args()
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    os.sched_setaffinity(0, set(range(os.cpu_count() or 1)) - {CORE} or {CORE})
    booster, rows = trained()
    expected = booster.predict(xgb.DMatrix(rows, feature_names=list(FEATURES)))
    with tempfile.TemporaryDirectory(prefix="retinue-") as place, ExitStack() as running:
        folder = Path(place)
        project = registered(folder / "project", booster, rows)
        for_peers(folder / "peers", booster)
        servers = [*_own(folder, project, rows, running)]
        servers += [s for name in given.only if (s := _peer(name, folder / "peers", rows, running))]
        right = servers[:2]
        if fault := answers_rightly(servers[1], expected):
            raise SystemExit(f"our own service cannot be measured: {fault}")
        for server in servers[2:]:
            fault = answers_rightly(server, expected)
            if fault is None:
                right.append(server)
            else:
                log = (folder / "peers" / f"{server.name}.log").read_text(errors="replace")
                print(f"{server.name} is left out: {fault}\n{log[-500:]}")
        figures = measured(right, 2 if given.quick else ROUNDS, 500 if given.quick else REQUESTS)
    write("scoring", results(figures))


def _own(folder: Path, project: Project, rows: np.ndarray, running: ExitStack) -> Iterator[Server]:
    """The floor, and our service."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2]), "OMP_NUM_THREADS": "1"}
    bodies = [json.dumps({"features": dict(zip(FEATURES, row, strict=True))}).encode() for row in rows.tolist()]
    for name, code, path in (("floor", FLOOR, "/"), ("retinue", OURS, "/v1/score")):
        port = free_port()
        command = [sys.executable, "-c", code, str(port), str(project.root)]
        process = running.enter_context(started(name, command, folder, environment, folder / f"{name}.log"))
        yield Server(name, process, f"http://127.0.0.1:{port}", path, bodies, None)


def _peer(name: str, folder: Path, rows: np.ndarray, running: ExitStack) -> Server | None:
    """A peer that was started; None where its environment cannot be made."""
    python = python_of(name, FOLDER.parent)
    if python is None:
        return None
    peer, port = PEERS[name], free_port()
    for file, content in peer.files.items():
        (folder / file).write_text(content)
    environment = environment_of(folder, python)
    environment |= {"MLSERVER_HTTP_PORT": str(port), "MLSERVER_GRPC_PORT": str(free_port())}
    command = peer.command(python, port)
    process = running.enter_context(started(name, command, folder, environment, folder / f"{name}.log"))
    bodies = [json.dumps(peer.body(row)).encode() for row in rows.tolist()]
    return Server(name, process, f"http://127.0.0.1:{port}", peer.path, bodies, peer)


def results(figures: dict[tuple[str, int], float]) -> list[Result]:
    """Each server's CPU time, and ours against floor and cheapest peer."""
    found = [
        Result(f"{name}, {connections} connections: CPU per request", value, "ms")
        for (name, connections), value in sorted(figures.items(), key=lambda item: (item[0][1], item[1]))
    ]
    for connections in CONNECTIONS:
        ours = figures["retinue", connections]
        peers = [value for (name, n), value in figures.items() if n == connections and name in PEERS]
        found.append(
            Result(f"retinue over the floor, {connections} connections", ours / figures["floor", connections], "×")
        )
        if peers:
            what = f"retinue over the cheapest peer, {connections} connections"
            found.append(at_most(what, ours / min(peers), "×", MOST_OF_PEER))
    return found


if __name__ == "__main__":
    main()
