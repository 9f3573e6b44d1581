"""A full disk or a killed run: what served before serves on, and nothing half-made is left in the way."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from serving.store import STORE_FILE, current_run, open_store, reading
from tests.whole.company import AS_OF, command, environment, files_below, orders, retinue, write_company

LATER = "2026-01-08"

needs_small_disk = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("unshare") is None, reason="needs root to make a small disk"
)

# The disk is mounted for that process alone, and goes when it ends.
SMALL_DISK = """
mkdir -p "$1" && mount -t tmpfs -o size="$2" tmpfs "$1" || exit 77
[ -z "$3" ] || cp -r "$3"/. "$1"
shift 3; "$@"; code=$?
cp -r "$0"/. "$KEEP" 2>/dev/null; exit $code
"""


def on_small_disk(disk: Path, size: str, content: Path, *arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    """Run a command with ``disk`` mounted at a size and filled with ``content``; what is left is copied to kept."""
    kept = disk.with_name("kept")
    kept.mkdir()
    script = SMALL_DISK.replace('"$0"', f'"{disk}"')
    ended = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, "sh", str(disk), size, str(content), *map(str, arguments)],
        env={**environment(), "KEEP": str(kept)},
        capture_output=True,
        text=True,
    )
    if ended.returncode == 77 or "unshare" in ended.stderr:
        pytest.skip("this machine does not let us make a small disk")
    return ended


@needs_small_disk
def test_a_disk_without_room_is_refused_before_the_work_begins(shop: Path, tmp_path: Path) -> None:
    before = files_below(shop)

    told = on_small_disk(
        tmp_path / "disk", "8m", shop, *command("train", "--project", tmp_path / "disk", "--as-of", AS_OF)
    )

    assert told.returncode == 2
    assert "MB free" in told.stderr
    assert files_below(tmp_path / "kept") == before


# The check for room is switched off, so that the disk really runs full while the job writes.
TRAIN = """
import sys
from pathlib import Path
from datetime import datetime, UTC
import training.job
from features.errors import RetinueError
from features.project import load_project
training.job.WORKSPACE_MEGABYTES = 0
try:
    training.job.train(load_project(Path(sys.argv[1])), datetime(2026, 1, 1, tzinfo=UTC))
except RetinueError as error:
    sys.exit(error.text.en)
"""

SCORE = """
import sys
from pathlib import Path
from datetime import datetime, UTC
import serving.batch
from features.errors import RetinueError
from features.project import load_project
serving.batch.WORKSPACE_MEGABYTES = serving.batch.BYTES_PER_CUSTOMER = 0
folder = Path(sys.argv[1])
full = folder / "filler"
try:
    with full.open("wb") as file:
        while True:
            file.write(b"0" * 4096)
            file.flush()
except OSError:
    pass
try:
    serving.batch.score(load_project(folder), datetime(2026, 1, 8, tzinfo=UTC), folder / "out", lambda: datetime.now(UTC))
except RetinueError as error:
    full.unlink()
    sys.exit(error.text.en)
"""


@needs_small_disk
def test_a_disk_that_runs_full_in_training_promotes_nothing(tmp_path: Path) -> None:
    folder = write_company(tmp_path / "shop", orders())

    told = on_small_disk(tmp_path / "disk", "600k", folder, sys.executable, "-c", TRAIN, tmp_path / "disk")

    assert told.returncode == 1
    assert "is full" in told.stderr
    assert set(files_below(tmp_path / "kept")) == {"orders.csv", "retinue.toml"}
    again = retinue("train", "--project", tmp_path / "kept", "--as-of", AS_OF)
    assert again.returncode == 0, again.stderr


@needs_small_disk
def test_a_disk_that_runs_full_in_scoring_keeps_the_file_and_the_store(shop: Path, tmp_path: Path) -> None:
    before = files_below(shop)

    told = on_small_disk(tmp_path / "disk", "30m", shop, sys.executable, "-c", SCORE, tmp_path / "disk")

    assert told.returncode == 1
    assert "is full" in told.stderr
    after = files_below(tmp_path / "kept")
    assert after["out/scores.parquet"] == before["out/scores.parquet"]
    assert served(tmp_path / "kept") == served(shop)
    assert [name for name in after if name.startswith("out/")] == ["out/scores.parquet"]


def served(folder: Path) -> str:
    """The run that the store of a project serves."""
    store = open_store(folder / ".retinue" / STORE_FILE)
    with reading(store) as connection:
        run = current_run(connection)
    store.close()
    assert run is not None
    return run.run_id


def kill_after(seconds: float, *arguments: str | Path) -> bool:
    """Start a command and kill it without warning; whether it was still running."""
    process = subprocess.Popen(
        command(*arguments), env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    time.sleep(seconds)
    running = process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    return running


@pytest.mark.slow
def test_a_training_that_is_killed_leaves_the_champion_as_it_was(shop: Path, tmp_path: Path) -> None:
    shutil.copytree(shop, tmp_path / "shop")
    arguments = ("train", "--project", tmp_path / "shop", "--as-of", LATER)
    first = pq.read_table(shop / "out" / "scores.parquet")
    killed = [kill_after(seconds, *arguments) for seconds in (2.0, 4.0, 6.0, 8.0)]
    assert any(killed)

    scored = retinue("score", "--project", tmp_path / "shop", "--as-of", AS_OF, "--out", tmp_path / "out")

    assert scored.returncode == 0, scored.stderr
    versions = set(pq.read_table(tmp_path / "out" / "scores.parquet")["model_version"].to_pylist())
    assert len(versions) == 1
    if versions == {"1"}:
        assert pq.read_table(tmp_path / "out" / "scores.parquet").equals(first)
    finished = retinue(*arguments)
    assert finished.returncode == 0, finished.stderr


@pytest.mark.slow
def test_a_scoring_that_is_killed_leaves_whole_files_and_a_whole_run(shop: Path, tmp_path: Path) -> None:
    shutil.copytree(shop, tmp_path / "shop")
    folder, file = tmp_path / "shop", tmp_path / "shop" / "out" / "scores.parquet"
    old_file, old_run = file.read_bytes(), served(folder)
    arguments = ("score", "--project", folder, "--as-of", LATER, "--out", folder / "out")
    killed = [kill_after(seconds, *arguments) for seconds in (1.5, 2.5, 3.0, 3.5, 4.0)]
    assert any(killed)

    now_file, now_run = pq.read_table(file), served(folder)
    assert file.read_bytes() == old_file or len(set(now_file["as_of"].to_pylist())) == 1
    assert now_run == old_run or now_run.startswith("20260107")
    again = retinue(*arguments)
    assert again.returncode == 0, again.stderr
    assert served(folder).startswith("20260107")
    names = sorted(p.name for p in (folder / "out").iterdir())
    assert names == ["changes.parquet", "scores.parquet"]  # nor what the killed ones had begun
