"""What `retinue score` does about warnings after its scores are published."""

from contextlib import closing
from datetime import timedelta
from importlib.resources import files
from pathlib import Path

import pytest

from features.project import load_project
from serving.cli.scoring import warn
from serving.store import STORE_FILE, Run, open_store, publish
from tests.serving.alerts.test_run import AS_OF, cases, company
from tests.serving.conftest import score, table


def said(capsys: pytest.CaptureFixture[str]) -> str:
    return " ".join(capsys.readouterr().out.split())


def test_warnings_are_raised_and_counted_by_colour(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project = company(tmp_path)
    warn(project, quiet=True)
    told = said(capsys)
    assert "Warnings: 4 new, 0 back" in told
    assert "Warnings that stand: 2 red, 2 orange, 0 yellow." in told
    assert len(cases(project)) == 4
    warn(project, quiet=True)
    assert "nothing was changed. Warnings that stand: 2 red, 2 orange, 0 yellow." in said(capsys)


def test_scores_of_an_earlier_day_change_no_warning_and_stay_published(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = company(tmp_path)
    warn(project, quiet=True)
    before = cases(project)
    with closing(open_store(project.workspace / STORE_FILE)) as store:
        day = AS_OF - timedelta(days=30)
        publish(store, Run("run-0", day, AS_OF, "3", {}), table([score("A", churn_probability=0.99, as_of=day)]))
    capsys.readouterr()
    warn(project, quiet=True)
    assert "are older and cannot change them" in said(capsys)
    assert cases(project) == before


def test_a_playbook_may_leave_warnings_to_their_own_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    company(tmp_path)
    built_in = (files("serving.decisions") / "playbooks" / "trade.toml").read_text("utf-8")
    assert built_in.count("after_scoring = true") == 1
    (tmp_path / "ours.toml").write_text(built_in.replace("after_scoring = true", "after_scoring = false"))
    file = tmp_path / "retinue.toml"
    file.write_text(file.read_text().replace('built_in = "trade"', 'path = "ours.toml"'))
    project = load_project(tmp_path)
    warn(project, quiet=True)
    assert said(capsys) == ""
    assert cases(project) == {}
