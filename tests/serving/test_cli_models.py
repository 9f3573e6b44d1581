"""`retinue models` and `retinue explain`, as a person calls them: what they print, and what they leave behind."""

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from features.errors import ModelError, NotFoundError, RetinueError, StorageError
from features.project import Project, load_project
from serving.batch import score_frame
from serving.cli import app
from serving.decisions.playbook import load_playbook
from tests.serving.kept_snapshots import keep_snapshot
from tests.training.companies import FEATURES, shop, utc
from tests.training.registered import PASSED, REFUSED, present, register, register_segments
from training.ledger import Scoring, append, ledger_file, read_ledger, writing
from training.registry import Signature, promote_version, settle
from training.replay import SNAPSHOTS, Versions, _prune, record_scoring, replay
from training.tracking import champion_churn, serving_segments

# pyarrow reads a frame's times with time zone in a way that pandas is about to change.
pytestmark = pytest.mark.filterwarnings("ignore:Series.values returning an ndarray that drops timezone")

DIGEST = "0" * 64
FIRST, SECOND = utc(2025, 8, 1), utc(2025, 8, 15)
MONDAY, TUESDAY = datetime(2025, 11, 3, 6, tzinfo=UTC), datetime(2025, 11, 4, 6, tzinfo=UTC)


def score(project: Project, as_of: datetime, published_at: datetime) -> pa.Table:
    """Score everybody as the batch does, keep the features and put the run on the ledger."""
    champion, segments = champion_churn(project), serving_segments(project)
    frame = present(project, as_of)
    named = frame.assign(name=None, account_manager=None)
    scores = score_frame(named, project, champion, segments.model, load_playbook(project))
    run_id = f"{as_of:%Y%m%d}-{champion.version}"
    kept = keep_snapshot(project, run_id, frame, scores)
    record_scoring(
        project, champion, Versions(segments.version), run_id, as_of, published_at, len(scores), DIGEST, kept
    )
    return scores


@pytest.fixture(scope="module", autouse=True)
def own_store() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        yield


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, pa.Table, pa.Table]:
    """Version 1 serves and scores on Monday, version 2 is promoted and scores on Tuesday; version 3 was refused."""
    project = shop(tmp_path_factory.mktemp("shop") / "shop", seed=1, customers=160)
    register_segments(project, FIRST)
    settle(project, register(project, FIRST), PASSED, Signature("li@office", MONDAY - timedelta(hours=1)))
    monday = score(project, utc(2025, 11, 3), MONDAY)
    second = register(project, SECOND, features=FEATURES[:4])
    settle(project, second, PASSED, Signature("li@office", TUESDAY - timedelta(hours=1)))
    tuesday = score(project, utc(2025, 11, 4), TUESDAY)
    settle(project, register(project, SECOND), REFUSED, Signature("li@office", TUESDAY))
    return project, monday, tuesday


@pytest.fixture
def project(made: tuple[Project, pa.Table, pa.Table], tmp_path: Path) -> Project:
    shutil.copytree(made[0].root, tmp_path / "shop")
    return load_project(tmp_path / "shop")


def retinue(project: Project, *arguments: str) -> str:
    """What a command prints; errors for the reader come out as they are raised."""
    done = CliRunner().invoke(app(), [*arguments, "--project", str(project.root)], catch_exceptions=True)
    if isinstance(done.exception, RetinueError):
        raise done.exception
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return f"{done.output}[exit {done.exit_code}]"


def unwrapped(told: str) -> str:
    """A text whose lines were broken to fit the terminal."""
    return " ".join(told.split())


def one(table: pa.Table, customer_id: str) -> dict[str, Any]:
    [row] = table.filter(pa.compute.equal(table["customer_id"], customer_id)).to_pylist()
    return dict(row)


def test_the_list_tells_which_version_serves_and_which_was_refused(project: Project) -> None:
    rows = [line.split() for line in retinue(project, "models", "list").splitlines() if " logistic " in line]
    assert [row[:4] for row in rows] == [
        ["3", "–", "2025-08-15", "logistic"],
        ["2", "champion", "2025-08-15", "logistic"],
        ["1", "previous", "2025-08-01", "logistic"],
    ]
    assert [row[7:9] for row in rows] == [["passed", "refused"], ["passed", "passed"], ["passed", "passed"]]
    assert [row[10:] for row in rows] == [["–"], ["since", "2025-11-04"], ["2025-11-03", "–"]]
    assert all(row[4] == f"{float(row[4]):.4f}" and 0.5 < float(row[4]) < 1 for row in rows)


def test_a_version_is_shown_with_metrics_parameters_verdict_and_files(project: Project) -> None:
    told = retinue(project, "models", "show", "3")
    assert "Version 3: logistic regression, knows facts before 2025-08-15." in told
    assert "calibration_error" in told
    assert "baseline: base rate" in told
    assert "Gate: refused." in told
    assert "• Its probabilities are wrong as a whole." in told
    assert "catalogue_hash" in told
    assert "model/artifacts/churn/model.json" in told
    assert "the plots are in plots" in told


def test_two_versions_are_compared_side_by_side(project: Project) -> None:
    told = retinue(project, "models", "compare", "1", "2")
    assert f"Only version 1: {FEATURES[4]}" in told
    assert "version 2 against version 1: AUC" in told
    assert "log_loss" in told


def test_promoting_and_rolling_back_say_what_serves_now(project: Project) -> None:
    with pytest.raises(ModelError, match="Version 3 was refused: Its probabilities are wrong as a whole"):
        retinue(project, "models", "promote", "3")
    with pytest.raises(ModelError, match="--force needs --reason"):
        retinue(project, "models", "promote", "3", "--force")
    told = retinue(project, "models", "promote", "3", "--force", "--reason", "a trial")
    assert "Version 3 serves from now on in the place of version 2" in told
    assert "Version 2 serves from now on" in retinue(project, "models", "rollback")
    with pytest.raises(NotFoundError, match="has no version 9"):
        retinue(project, "models", "show", "9")
    ledger = retinue(project, "models", "ledger")
    assert "version 3 serves (forced, by " in ledger
    assert "gate: refused). a trial" in ledger
    assert "run 20251103-1 published: " in ledger
    assert "✓ 6 entries; the chain of digests is unbroken." in ledger


def test_a_challenger_is_named_and_withdrawn_on_the_ledger(project: Project) -> None:
    with pytest.raises(ModelError, match="Version 3 was refused: Its probabilities are wrong as a whole"):
        retinue(project, "models", "challenge", "3")
    with pytest.raises(ModelError, match="Version 2 serves already"):
        retinue(project, "models", "challenge", "2")
    with pytest.raises(NotFoundError, match="has no version 9"):
        retinue(project, "models", "challenge", "9")
    for arguments in ((), ("1", "--none")):
        with pytest.raises(ModelError, match="Give the number of a version, or --none"):
            retinue(project, "models", "challenge", *arguments)
    before = len(read_ledger(ledger_file(project)))
    told = retinue(project, "models", "challenge", "1")
    assert "Version 1 is the challenger. A service uses it once [serve] canary_share or shadow is set" in told
    with pytest.raises(ModelError, match="is the challenger already"):
        retinue(project, "models", "challenge", "1")
    aliases = {
        row.split()[0]: row.split()[1] for row in retinue(project, "models", "list").splitlines() if " logistic " in row
    }
    assert aliases["1"].startswith("challenger")
    assert aliases["3"] == "–"
    assert "Version 1 is the challenger no more" in retinue(project, "models", "challenge", "--none")
    with pytest.raises(ModelError, match="No version is the challenger"):
        retinue(project, "models", "challenge", "--none")
    ledger = retinue(project, "models", "ledger")
    assert "version 1 is the challenger (by " in ledger
    assert "version 1 is the challenger no more (by " in ledger
    assert f"✓ {before + 2} entries; the chain of digests is unbroken." in ledger


@pytest.mark.parametrize(
    ("serve", "said"),
    [
        ("canary_share = 0.1", "answers 10% of the customers by it"),
        ("shadow = true", "compares it with the one that serves"),
    ],
)
def test_it_is_told_what_a_challenger_is_for(project: Project, serve: str, said: str) -> None:
    with (project.root / "retinue.toml").open("a", encoding="utf-8") as file:
        file.write(f"\n[serve]\n{serve}\n")
    assert said in retinue(project, "models", "challenge", "1")


def test_a_ledger_that_was_changed_gives_status_one(project: Project) -> None:
    with sqlite3.connect(ledger_file(project)) as connection:
        connection.execute("DROP TRIGGER entries_are_never_changed")
        connection.execute("UPDATE entries SET body = replace(body, 'li@office', 'nobody') WHERE number = 1")
    connection.close()
    told = retinue(project, "models", "ledger")
    assert "✗ The ledger is not as it was written: entry 1 was changed." in told
    assert told.endswith("[exit 1]")


def test_without_any_version_the_list_says_what_to_do(tmp_path: Path) -> None:
    told = retinue(shop(tmp_path, seed=1, customers=3), "models", "list")
    assert "No version yet. Run 'retinue train' first." in told
    assert not (tmp_path / ".retinue").exists()


def test_every_score_of_both_days_comes_out_again_bit_for_bit(made: tuple[Project, pa.Table, pa.Table]) -> None:
    """Between the two runs another version was promoted; each day is explained by its own."""
    project, monday, tuesday = made
    for table, instant, version in ((monday, MONDAY, "1"), (tuesday, TUESDAY, "2")):
        scored = [row for row in table.to_pylist() if row["churn_probability"] is not None]
        assert len(scored) > 50
        for row in scored[:12]:
            result = replay(project, row["customer_id"], instant)
            assert result.computed is not None
            assert result.scoring.version == version == row["model_version"]
            expected = (row["churn_probability"], row["churn_probability_low"], row["churn_probability_high"])
            assert (result.computed.probability, result.computed.low, result.computed.high) == expected
            assert result.is_same
            assert result.reasons == row["reasons"]
        silent = next(row for row in table.to_pylist() if row["churn_probability"] is None)
        abstained = replay(project, silent["customer_id"], instant)
        assert (abstained.served, abstained.computed, list(abstained.reasons)) == (None, None, [])
        assert abstained.is_same


def test_after_five_weeks_of_another_champion_a_score_still_comes_out_bit_for_bit(
    project: Project, made: tuple[Project, pa.Table, pa.Table]
) -> None:
    later = score(project, utc(2025, 12, 8), datetime(2025, 12, 8, 6, tzinfo=UTC))
    assert champion_churn(project).version == "2"
    scored = [row for row in made[1].to_pylist() if row["churn_probability"] is not None]
    assert len(later) == len(made[1])
    for row in scored[:12]:
        result = replay(project, row["customer_id"], MONDAY)
        assert result.computed is not None
        assert result.scoring.version == "1"
        expected = (row["churn_probability"], row["churn_probability_low"], row["churn_probability_high"])
        assert (result.computed.probability, result.computed.low, result.computed.high) == expected
        assert result.is_same


def test_what_was_served_is_explained_with_reasons_age_and_versions(
    project: Project, made: tuple[Project, pa.Table, pa.Table]
) -> None:
    row = next(row for row in made[1].to_pylist() if row["reasons"])
    told = unwrapped(retinue(project, "explain", row["customer_id"], "--at", "2025-11-03T18:00"))
    assert f"Served: {row['churn_probability']:.1%}" in told
    assert row["reasons"][0]["en"] in told
    assert "Run 20251103-1, published 2025-11-03 06:00, speaks for 2025-11-03 (0.8 days old" in told
    assert "shop-churn version 1, segments version 1" in told
    assert "✓ Computed again from the kept features and version: the same, bit for bit." in told
    assert told.endswith("[exit 0]")


def test_before_the_first_scores_nothing_was_served(project: Project) -> None:
    with pytest.raises(NotFoundError, match="No scores had been published by 2025-11-03 05:59 UTC"):
        retinue(project, "explain", "C000", "--at", "2025-11-03T05:59")


def test_a_customer_who_was_not_scored_is_told(project: Project) -> None:
    with pytest.raises(NotFoundError, match="Customer 'nobody' was not among the"):
        retinue(project, "explain", "nobody")


def test_features_that_were_removed_are_told_with_what_the_ledger_still_has(project: Project) -> None:
    (project.workspace / SNAPSHOTS / "20251104-2.parquet").unlink()
    with pytest.raises(NotFoundError) as refused:
        retinue(project, "explain", "C000")
    assert "The features scored by run 20251104-2 were removed" in refused.value.text.en
    assert "as of 2025-11-04, version 2" in refused.value.text.en
    assert "已被清除" in refused.value.text.zh


def test_features_that_were_changed_prove_nothing(project: Project) -> None:
    file = project.workspace / SNAPSHOTS / "20251104-2.parquet"
    table = pq.read_table(file)
    at = table.schema.get_field_index("served_probability")
    pq.write_table(table.set_column(at, "served_probability", pa.array([0.5] * table.num_rows)), file)
    with pytest.raises(StorageError) as refused:
        retinue(project, "explain", "C000")
    assert "The features kept of run 20251104-2 were changed since" in refused.value.text.en
    assert "不能作为依据" in refused.value.text.zh


def test_a_score_that_does_not_come_out_again_gives_status_one(project: Project) -> None:
    """A run that claims to come from version 1 but was scored by version 2."""
    promoted = champion_churn(project)
    assert promoted.version == "2"
    frame = present(project, utc(2025, 11, 5))
    named = frame.assign(name=None, account_manager=None)
    scores = score_frame(named, project, promoted, serving_segments(project).model, load_playbook(project))
    kept = keep_snapshot(project, "claimed", frame, scores)
    promote_version(project, "1", Signature("li@office", TUESDAY + timedelta(days=1)))
    at = TUESDAY + timedelta(days=1)
    record_scoring(
        project, champion_churn(project), Versions("1"), "claimed", utc(2025, 11, 5), at, len(scores), DIGEST, kept
    )
    customer = next(row["customer_id"] for row in scores.to_pylist() if row["churn_probability"] is not None)
    told = retinue(project, "explain", customer, "--at", "2025-11-05T12:00")
    assert "✗ Computed again from the kept features and version it is different: served 0." in told
    assert told.endswith("[exit 1]")


def test_a_version_made_anew_under_the_same_number_is_not_taken_for_the_old_one(project: Project) -> None:
    last = read_ledger(ledger_file(project))[-1].record
    assert isinstance(last, Scoring)
    with writing(ledger_file(project)) as book:
        append(book, replace(last, at=last.at + timedelta(days=1), model_run_id="another run"))
    with pytest.raises(ModelError, match="Version 2 of 'shop-churn' is not the one that scored"):
        retinue(project, "explain", "C001")


def test_only_the_newest_snapshots_are_kept(project: Project) -> None:
    folder = project.workspace / SNAPSHOTS
    os.utime(folder / "20251103-1.parquet", (1, 1))
    _prune(folder, 1)
    assert [file.name for file in folder.iterdir()] == ["20251104-2.parquet"]


def test_features_of_other_customers_than_the_scores_are_refused(project: Project) -> None:
    scores = pa.table({"customer_id": ["A"]})
    frame = present(project, utc(2025, 11, 3))
    with pytest.raises(ValueError, match="same customers in the same order"):
        keep_snapshot(project, "wrong", frame, scores)
    assert not (project.workspace / SNAPSHOTS / "wrong.parquet").exists()


@pytest.mark.slow
def test_the_commands_speak_chinese_and_fail_without_a_traceback(project: Project) -> None:
    environment = {**os.environ, "RETINUE_LANGUAGE": "zh", "NO_COLOR": "1"}

    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-c", "from serving.cli import main; main()", *arguments, "-p", str(project.root)]
        return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)

    told = run("models", "ledger")
    assert told.returncode == 0, told.stderr
    assert "摘要链完整" in told.stdout
    assert "投入服务（训练后启用" in told.stdout
    refused = run("models", "promote", "3")
    assert refused.returncode == 2
    assert "版本 3 未获准：概率整体偏离。赚得少。" in refused.stderr
    assert "Traceback" not in refused.stderr
