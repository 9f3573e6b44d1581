"""Every notebook runs from top to bottom."""

import subprocess
import sys
from pathlib import Path

import pytest

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.py"))


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_notebook_runs_and_shows_what_it_promises(notebook: Path, tmp_path: Path) -> None:
    ended = subprocess.run([sys.executable, notebook], cwd=tmp_path, capture_output=True, text=True, check=False)

    assert ended.returncode == 0, ended.stderr
    assert "位活跃客户" in ended.stdout
    assert "current_gap_ratio" in ended.stdout
    assert not list(tmp_path.iterdir())
