"""A scoring that was broken off, at whatever moment, is gone on with; what comes out is as if it had never been."""

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import serving.batch
import serving.blocks
import serving.gathering
from features.project import Project, load_project
from features.sources import Facts, open_facts
from features.text import Text
from serving.batch import score
from serving.decisions.playbook import load_playbook
from serving.kept_work import FOLDER, KeptWork, files_of, kept_work, settings_key, work_key
from serving.store import current_run, open_project_store, reading
from tests.serving.realtime.company import AS_OF, tell, train, write_company
from training.ledger import Scoring, ledger_file, read_ledger

pytestmark = pytest.mark.filterwarnings("ignore:Series.values returning an ndarray that drops timezone")

ROWS = 20
PARTS = {"features", "standing", "debtors", "invoices", "level"}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kept") / "company"
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        train(write_company(folder))
    return folder


@pytest.fixture
def project(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setattr(serving.blocks, "ROWS", ROWS)
    shutil.copytree(trained, tmp_path / "company")
    return load_project(tmp_path / "company")


class BrokenOff(Exception):
    """What ends a scoring."""


def break_off_at(project: Project, out: Path, call: int) -> bool:
    """Score until the so many-th report of progress; whether it came that far."""
    calls = iter(range(call))

    def progress(_: Text, share: float) -> None:
        if next(calls, None) is None and share < 1:
            raise BrokenOff

    try:
        score(project, AS_OF, out, lambda: AS_OF, progress)
    except BrokenOff:
        return True
    return False


def kept(project: Project) -> list[str]:
    """The names of the finished parts that lie in the workspace."""
    return sorted(file.stem for file in (project.workspace / FOLDER).glob("[!.]*/*"))


def served(project: Project) -> str | None:
    store = open_project_store(project)
    with reading(store) as connection:
        run = current_run(connection)
    store.close()
    return run and run.run_id


def test_a_scoring_that_is_broken_off_at_every_step_ends_as_one_that_never_was(
    project: Project, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(trained, tmp_path / "other")
    whole = score(load_project(tmp_path / "other"), AS_OF, tmp_path / "whole", lambda: AS_OF)
    assert whole.continued == 0
    scored: list[int] = []
    made = serving.batch._scores
    monkeypatch.setattr(serving.batch, "_scores", lambda *of: scored.append(len(of[0].features)) or made(*of))
    steps = 0
    while break_off_at(project, tmp_path / "out", steps):
        steps += 1
        assert served(project) is None
        assert list((tmp_path / "out").glob("*")) == []
    customers = len(whole.scores)
    assert steps > 8
    assert sum(scored) == customers  # each of them once
    assert (tmp_path / "out" / "scores.parquet").read_bytes() == (tmp_path / "whole" / "scores.parquet").read_bytes()
    assert (tmp_path / "out" / "invoices.parquet").read_bytes() == (tmp_path / "whole/invoices.parquet").read_bytes()
    assert served(project) == whole.published.run_id
    assert list((project.workspace / FOLDER).iterdir()) == []


def test_how_many_had_been_scored_is_told(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BrokenOff):
        score(project, AS_OF, tmp_path / "out", lambda: AS_OF, stopping_at_publishing)
    assert set(kept(project)) >= PARTS | {"scores-0", "scores-20", "facts"}

    def refused(*_: object, **__: object) -> None:
        raise AssertionError("computed again")

    for place, name in (
        (serving.gathering, "standing_of"),
        (serving.gathering, "owed"),
        (serving.gathering, "followed"),
        (serving.batch, "score_frame"),
    ):
        monkeypatch.setattr(place, name, refused)
    again = score(project, AS_OF, tmp_path / "out", lambda: AS_OF)
    assert again.continued == len(again.scores) > ROWS


def stopping_at_publishing(text: Text, _: float) -> None:
    if text.en == "writing and publishing":
        raise BrokenOff


def test_what_another_instant_or_other_facts_left_is_not_used_and_goes(project: Project, tmp_path: Path) -> None:
    assert break_off_at(project, tmp_path / "out", 7)
    assert kept(project)
    other = score(project, AS_OF - timedelta(days=7), tmp_path / "out", lambda: AS_OF)
    assert other.continued == 0
    assert list((project.workspace / FOLDER).iterdir()) == []


def test_what_was_made_of_a_file_that_changed_while_it_was_read_is_not_used(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(serving.batch, "open_facts", replacing_orders)
        with pytest.raises(BrokenOff):
            score(project, AS_OF, tmp_path / "out", lambda: AS_OF, stopping_at_publishing)
    assert {"features", "scores-0"} <= set(kept(project))
    assert score(project, AS_OF, tmp_path / "out", lambda: AS_OF).continued == 0


@contextmanager
def replacing_orders(project: Project, most_memory_megabytes: int | None = None) -> Iterator[Facts]:
    """Facts of which an export brings the next state as soon as they have been read."""
    with open_facts(project, most_memory_megabytes) as facts:
        with (project.root / "orders.csv").open("a") as orders:
            orders.write("C001,2025-09-30 10:00:00,500,tea\n")
        yield facts


def test_the_key_tells_of_everything_that_decides_the_outcome(project: Project) -> None:
    keys = [key(project), key(project, AS_OF + timedelta(microseconds=1)), key(project, AS_OF, "another model")]
    file = project.root / "orders.csv"
    told = file.stat()
    os.utime(file, ns=(told.st_atime_ns, told.st_mtime_ns + 1))
    keys.append(key(project))
    with (project.root / "retinue.toml").open("a") as settings:
        settings.write("\n[churn.bands]\nhigh = 0.7\nmedium = 0.3\n")
    keys.append(key(load_project(project.root)))
    bought(project, "e-1", AS_OF - timedelta(hours=1))
    keys.append(key(load_project(project.root)))
    assert len(set(keys)) == len(keys) == 6
    assert key(load_project(project.root)) == keys[-1]
    bought(project, "e-2", AS_OF)  # known too late to count
    assert key(load_project(project.root)) == keys[-1]


def bought(project: Project, event_id: str, at: datetime) -> None:
    order = {"event_id": event_id, "table": "orders", "customer_id": "new", "ordered_at": at.isoformat(), "amount": 5}
    tell(project, at, order)


def key(project: Project, as_of: datetime = AS_OF, *decisive: object) -> str | None:
    with open_facts(project) as facts:
        return work_key(facts, files_of(project), as_of, settings_key(project, load_playbook(project)), *decisive)


def test_beside_another_scoring_nothing_is_shared(project: Project, tmp_path: Path) -> None:
    with (project.workspace / "scoring.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with kept_work(project.workspace, "same") as work:
            assert work.folder.name != "same"
        assert not work.folder.exists()
        assert score(project, AS_OF, tmp_path / "out", lambda: AS_OF).continued == 0
    with kept_work(project.workspace, "same") as work:
        assert work.folder.name == "same"
    with kept_work(project.workspace, None) as work:  # a source that does not tell whether it is the same
        assert work.folder.name != "same"
    assert list((project.workspace / FOLDER).iterdir()) == []


def test_values_and_that_there_are_none_are_kept(tmp_path: Path) -> None:
    assert KeptWork(tmp_path).values("some", lambda: {"of": 0.1, "rows": 3}) == {"of": 0.1, "rows": 3}
    assert KeptWork(tmp_path).values("none", lambda: None) is None
    assert KeptWork(tmp_path).values("none", lambda: {"of": 2}) is None
    assert KeptWork(tmp_path).values("some", dict) == {"of": 0.1, "rows": 3}


KILLED = """
import os, signal, sys
from datetime import datetime
from itertools import count
from pathlib import Path
import alembic.command, mlflow.sklearn, mlflow.store.tracking.sqlalchemy_store  # once for all processes
import serving.batch, serving.blocks
from features.project import load_project
serving.blocks.ROWS = 20
project, out, as_of = load_project(Path(sys.argv[1])), Path(sys.argv[2]), datetime.fromisoformat(sys.argv[3])

def mortal(step, name, left):
    def stepped(*of):
        if next(left, None) is None:
            print("killed before", name or Path(of[1]).name, flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
        return step(*of)
    return stepped

def dies_after(steps):
    left = iter(range(steps))
    for name in ("replace", "rename"):
        setattr(Path, name, mortal(getattr(Path, name), None, left))
    for name in ("publish", "record_scoring"):
        setattr(serving.batch, name, mortal(getattr(serving.batch, name), name, left))
    print("continued", serving.batch.score(project, as_of, out, lambda: as_of).continued, flush=True)
    os._exit(0)

def parts():
    return {str(file) for file in (project.workspace / "scoring").rglob("[!.]*") if file.is_file()}

steps = 0
while True:
    before = parts()
    if not (child := os.fork()):
        dies_after(steps)
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if ended != -signal.SIGKILL:
        sys.exit(ended)
    steps = 1 if parts() > before else steps + 1  # the next has that behind it, or goes a step further
"""


@pytest.mark.slow
def test_a_scoring_that_is_killed_before_every_step_ends_as_one_that_never_was(
    project: Project, trained: Path, tmp_path: Path
) -> None:
    """A real process is killed before a file gets its name, before publishing and before the ledger: each time one step later."""
    shutil.copytree(trained, tmp_path / "other")
    whole = score(load_project(tmp_path / "other"), AS_OF, tmp_path / "whole", lambda: AS_OF)
    command = [sys.executable, "-c", KILLED, str(project.root), str(tmp_path / "out"), AS_OF.isoformat()]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stderr
    *killed, last = ended.stdout.splitlines()
    assert list(dict.fromkeys(line.removeprefix("killed before ") for line in killed)) == [
        *("features.f64", "features.arrow", "level.json", "standing.arrow", "debtors.arrow", "invoices.arrow"),
        *("index.json", "scores-0.arrow", "scores-20.arrow", "scores-40.arrow"),
        *(f"{whole.published.run_id}.parquet", whole.published.run_id),  # features for the ledger, facts for real time
        *("publish", "invoices.parquet", "scores.parquet", "record_scoring"),
    ]
    assert last == f"continued {len(whole.scores)}"
    for file in ("scores.parquet", "invoices.parquet"):
        assert (tmp_path / "out" / file).read_bytes() == (tmp_path / "whole" / file).read_bytes()
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["invoices.parquet", "scores.parquet"]
    assert served(project) == pq_run(tmp_path / "out" / "scores.parquet") == whole.published.run_id
    scorings = [entry.record for entry in read_ledger(ledger_file(project)) if isinstance(entry.record, Scoring)]
    assert [one.run_id for one in scorings] == [whole.published.run_id]
    assert list((project.workspace / FOLDER).iterdir()) == []


def pq_run(file: Path) -> str:
    return str((pq.read_metadata(file).metadata or {})[b"run_id"].decode())
