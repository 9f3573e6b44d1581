import os
import subprocess
import sys
from pathlib import Path

import pytest

from features.errors import StorageError
from features.writing import atomic_file, atomic_folder

KILLED = """
import os, signal, sys
from pathlib import Path
from features.writing import atomic_file
with atomic_file(Path(sys.argv[1])) as temporary:
    temporary.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def test_a_file_is_the_old_one_until_the_new_one_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "scores"
    target.write_text("old")

    def write_half() -> None:
        with atomic_file(target) as temporary:
            temporary.write_text("half")
            raise KeyError

    with pytest.raises(KeyError):
        write_half()
    assert (target.read_text(), names(tmp_path)) == ("old", ["scores"])
    with atomic_file(target) as temporary:
        temporary.write_text("new")
        assert target.read_text() == "old"
    assert (target.read_text(), names(tmp_path)) == ("new", ["scores"])


def test_what_a_killed_process_left_goes_with_the_next_write_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "scores"
    subprocess.run([sys.executable, "-c", KILLED, target], check=False)
    [left] = names(tmp_path)
    assert left.startswith(".scores.")
    running, foreign = tmp_path / f".scores.{os.getpid()}.x", tmp_path / ".scores.backup"
    running.touch()
    foreign.touch()

    with atomic_file(target) as temporary:
        temporary.write_text("new")

    assert names(tmp_path) == sorted([running.name, foreign.name, "scores"])


def test_a_folder_that_holds_something_is_refused(tmp_path: Path) -> None:
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "mine").touch()
    with pytest.raises(StorageError, match="not empty"), atomic_folder(tmp_path / "demo"):
        pass
    assert names(tmp_path / "demo") == ["mine"]
