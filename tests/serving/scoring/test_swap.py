"""The champion is changed under load, and promoting is killed at any moment: nobody is answered wrongly."""

import asyncio
import json
import os
import random
import shutil
import signal
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import pytest

from features.project import Project, load_project
from tests.benchmarks.tools.posting import post
from tests.serving.conftest import serving
from tests.serving.scoring.conftest import BY, rows_of
from tests.serving.scoring.test_score_api import until_ready
from training.ledger import Promotion, Service, ledger_file, read_ledger, verify
from training.mlflow_store import CHAMPION, aliases
from training.registry import check_ledger, notice, promote_version

pytestmark = [
    pytest.mark.slow,
    # pyarrow reads a frame's times with time zone in a way that pandas is about to change.
    pytest.mark.filterwarnings("ignore:Series.values returning an ndarray that drops timezone"),
]

CONNECTIONS = 64
CHANGES = ("2", "3", "1", "2", "1", "3")
KILLS = 24


def expected_of(address: str, rows: list[dict[str, float | None]]) -> list[float | None]:
    answer = httpx.post(f"{address}/v1/score", json={"features": rows}, timeout=30)
    return [score["churn_probability"] for score in answer.json()["scores"]]


def serves(address: str, version: str) -> None:
    """Wait until a version answers."""
    row = {"days_since_last_purchase": 12, "purchase_days_total": 9}
    for _ in range(300):
        answer = httpx.post(f"{address}/v1/score", json={"features": row}, timeout=30)
        if answer.json()["scores"][0]["model_version"] == version:
            return
        time.sleep(0.05)
    raise AssertionError(f"version {version} came not into service within 15 seconds")


def test_under_load_of_64_connections_every_answer_is_that_of_one_version(three: Project, tmp_path: Path) -> None:
    shutil.copytree(three.root, tmp_path / "shop")
    project = load_project(tmp_path / "shop")
    rows = rows_of(project)
    with serving(project.root) as address:
        with httpx.Client(base_url=address, timeout=30) as client:
            until_ready(client)
        of_version = {"1": expected_of(address, rows)}
        for version in ("2", "3"):
            promote_version(project, version, BY)
            serves(address, version)
            of_version[version] = expected_of(address, rows)
        promote_version(project, "1", BY)
        serves(address, "1")
        pairs = [(a, b) for a, b in zip(of_version["1"], of_version["2"], strict=True) if a is not None]
        assert (
            np.min([abs(a - b) for a, b in pairs if b is not None]) > 1e-9
        )  # else an answer would not tell whose it is

        def change() -> None:
            for version in CHANGES:
                promote_version(project, version, BY)
                serves(address, version)

        with ThreadPoolExecutor(1) as pool:
            changing = pool.submit(change)
            bodies = [json.dumps({"features": row}).encode() for row in rows]
            answers = asyncio.run(post(address, "/v1/score", bodies, CONNECTIONS, lambda _: not changing.done()))
            changing.result()
    assert Counter(answer.status for answer in answers) == {200: len(answers)}
    assert len(answers) > 20 * CONNECTIONS
    seen: Counter[str] = Counter()
    for answer in answers:
        [score] = json.loads(answer.body)["scores"]
        seen[score["model_version"]] += 1
        expected = of_version[score["model_version"]][answer.request]
        if expected is None:
            assert score["churn_probability"] is None
        else:  # alone or among others a tree adds up its leaves in float32 in the same order
            assert score["churn_probability"] == pytest.approx(expected, abs=1e-9)
    assert set(seen) == {"1", "2", "3"}
    told = [e.record.version for e in read_ledger(ledger_file(project)) if isinstance(e.record, Service)]
    assert told == ["1", "2", "3", "1", *CHANGES]


def test_a_promotion_that_is_killed_at_any_moment_leaves_one_whole_version_serving(
    three: Project, tmp_path: Path
) -> None:
    shutil.copytree(three.root, tmp_path / "shop")
    project = load_project(tmp_path / "shop")
    generator, before = random.Random(7), "2"
    longest = _promoted_for(project, before, None)  # how long one takes by itself
    assert aliases(project, "churn")[CHAMPION] == before
    outcomes = Counter[bool]()
    for _ in range(KILLS):
        wanted = generator.choice([version for version in ("1", "2", "3") if version != before])
        _promoted_for(project, wanted, generator.uniform(0.02, 1.0) * longest)
        serving_now = aliases(project, "churn")[CHAMPION]
        assert serving_now in (before, wanted)
        assert verify(ledger_file(project)) is None
        notice(project, BY)  # what any next command does
        last = [e.record for e in read_ledger(ledger_file(project)) if isinstance(e.record, Promotion)][-1]
        assert last.version == serving_now
        assert check_ledger(project) is None
        outcomes[serving_now == wanted] += 1
        before = serving_now
    assert min(outcomes[True], outcomes[False]) >= 2  # killed early and late


def _promoted_for(project: Project, version: str, seconds: float | None) -> float:
    """Promote in a process of its own that is killed after so many seconds; how long it lasted."""
    begin = time.monotonic()
    child = os.fork()
    if child == 0:  # nothing of pytest may run here: neither its reports nor its clean-up
        try:
            promote_version(project, version, BY)
        finally:
            os._exit(0)
    if seconds is not None:
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return time.monotonic() - begin
