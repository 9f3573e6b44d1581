"""Which version serves: promoted, refused, forced, rolled back, and every step on the ledger."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from features.errors import ModelError, NotFoundError
from features.project import Project, load_project
from tests.training.companies import FEATURES, company, shop, utc
from tests.training.registered import PASSED, REFUSED, TEST, fitted, judged, register
from training.comparison import compare, judged_table
from training.evaluation.metrics import auc_gain, log_loss_gain
from training.ledger import Promotion, ledger_file, read_ledger, verify
from training.registry import (
    Signature,
    check_ledger,
    notice,
    promote_version,
    record_verdict,
    roll_back,
    settle,
)
from training.tracking import champion_as_judged, champion_churn, promote
from training.versions import files_of_version, find_version, load_version, verdict_of, versions

FIRST, SECOND = utc(2025, 8, 1), utc(2025, 8, 15)
FEWER = FEATURES[:4]


def by(minute: int) -> Signature:
    return Signature("li@office", datetime(2026, 1, 5, 9, minute, tzinfo=UTC))


@pytest.fixture(scope="module", autouse=True)
def own_store() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        yield


@pytest.fixture(scope="module")
def four(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A shop with four versions: 1 serves, 2 passed the gate but was not promoted, 3 was refused, 4 leaks."""
    project = shop(tmp_path_factory.mktemp("shop") / "shop", seed=1, customers=160)
    assert settle(project, register(project, FIRST), PASSED, by(1))
    record_verdict(project, register(project, SECOND, features=FEWER), PASSED)
    assert not settle(project, register(project, SECOND), REFUSED, by(3))
    assert not settle(project, register(project, SECOND, leaks=True, keep=False), PASSED, by(4))
    return project


@pytest.fixture
def project(four: Project, tmp_path: Path) -> Project:
    """A copy of that shop; the files of its models stay where they are."""
    shutil.copytree(four.root, tmp_path / "shop")
    return load_project(tmp_path / "shop")


def aliases(project: Project) -> dict[str, tuple[str, ...]]:
    return {version.number: version.aliases for version in versions(project) if version.aliases}


def promotions(project: Project) -> list[tuple[str, str | None, str, str]]:
    """Version, version before, how and verdict of each promotion on the ledger."""
    assert check_ledger(project) is None
    records = [entry.record for entry in read_ledger(ledger_file(project))]
    return [(r.version, r.previous_version, r.how, r.verdict) for r in records if isinstance(r, Promotion)]


def test_versions_are_read_with_all_that_is_known_of_them(project: Project) -> None:
    found = versions(project)
    assert [version.number for version in found] == ["4", "3", "2", "1"]
    assert [(version.gate, version.leakage) for version in found] == [
        ("passed", "failed"),
        ("refused", "passed"),
        ("passed", "passed"),
        ("passed", "passed"),
    ]
    first = found[-1]
    assert (first.kind, first.as_of, first.test_cutoff) == ("logistic", FIRST, TEST)
    assert first.metrics.keys() == {"logistic", "base_rate"}
    assert first.metric("auc") == champion_churn(project).stored.facts.metrics["logistic"]["auc"]
    assert first.tags["horizon_days"] == "30"
    assert first.tags["catalogue_hash"] == champion_churn(project).stored.facts.catalogue_hash
    assert first.tags["code_version"].startswith("0.")
    assert first.registered_at.tzinfo is not None


def test_a_version_that_may_serve_serves_after_its_training(project: Project) -> None:
    assert aliases(project) == {"1": ("champion",)}
    assert promotions(project) == [("1", None, "trained", "passed")]
    [entry] = read_ledger(ledger_file(project))
    assert isinstance(entry.record, Promotion)
    assert (entry.record.at, entry.record.by, entry.record.model) == (by(1).at, "li@office", "shop-churn")
    assert entry.record.reason == PASSED.reasons[0]


def test_promoting_moves_the_aliases_and_goes_on_the_ledger(project: Project) -> None:
    promotion = promote_version(project, "2", by(5))
    assert (promotion.version, promotion.previous_version, promotion.how) == ("2", "1", "by hand")
    assert aliases(project) == {"1": ("previous",), "2": ("champion",)}
    assert champion_churn(project).version == "2"
    assert promotions(project)[1:] == [("2", "1", "by hand", "passed")]


def test_a_version_that_the_gate_refused_does_not_serve_and_says_why(project: Project) -> None:
    with pytest.raises(ModelError) as refused:
        promote_version(project, "3", by(5))
    assert "Version 3 was refused: Its probabilities are wrong as a whole. It earns less." in refused.value.text.en
    assert "版本 3 未获准：概率整体偏离。赚得少。" in refused.value.text.zh
    assert aliases(project)["1"] == ("champion",)
    assert len(promotions(project)) == 1


def test_a_version_that_leaks_does_not_serve_though_the_gate_let_it_pass(project: Project) -> None:
    with pytest.raises(ModelError, match="Version 4 was refused: its leakage certificate failed"):
        promote_version(project, "4", by(5))


@pytest.mark.parametrize(("number", "verdict"), [("3", "refused"), ("4", "passed")])
def test_who_forces_a_refused_version_stands_on_the_ledger_with_the_reason(
    project: Project, number: str, verdict: str
) -> None:
    promote_version(project, number, by(5), "pilot agreed with sales")
    assert champion_churn(project).version == number
    assert promotions(project)[-1] == (number, "1", "forced", verdict)
    record = read_ledger(ledger_file(project))[-1].record
    assert isinstance(record, Promotion)
    assert (record.by, record.reason.en, record.reason.zh) == ("li@office", *["pilot agreed with sales"] * 2)


def test_a_version_that_serves_is_not_promoted_again(project: Project) -> None:
    with pytest.raises(ModelError, match="Version 1 serves already; nothing was changed"):
        promote_version(project, "1", by(5))
    assert len(promotions(project)) == 1


def test_rolling_back_returns_to_the_version_before_and_can_be_undone(project: Project) -> None:
    promote_version(project, "2", by(5))
    assert roll_back(project, by(6)).version == "1"
    assert aliases(project) == {"1": ("champion",), "2": ("previous",)}
    assert roll_back(project, by(7)).version == "2"
    assert champion_churn(project).version == "2"
    assert promotions(project)[2:] == [("1", "2", "rolled back", "passed"), ("2", "1", "rolled back", "passed")]


def test_without_an_earlier_version_there_is_nothing_to_roll_back_to(project: Project, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError) as refused:
        roll_back(project, by(5))
    assert "no earlier version to return to: only one version has served" in refused.value.text.en
    assert "只有一个版本投入过服务" in refused.value.text.zh
    new = company(tmp_path / "new", [("A", "2025-01-01", "10")])
    with pytest.raises(NotFoundError, match="no version has served"):
        roll_back(new, by(5))
    assert not new.workspace.exists()


def test_an_unknown_version_is_told_with_those_that_there_are(project: Project, tmp_path: Path) -> None:
    for ask in (lambda: find_version(project, "9"), lambda: load_version(project, "shop-churn", "9")):
        with pytest.raises(NotFoundError, match=r"'shop-churn' has no version 9; there are: 1, 2, 3, 4\."):
            ask()
    with pytest.raises(NotFoundError, match=r"'tiny-churn' has no version yet\. Run 'retinue train' first"):
        find_version(company(tmp_path / "new", [("A", "2025-01-01", "10")]), "1")


def test_an_alias_that_was_set_in_mlflow_itself_is_noticed_once(project: Project) -> None:
    promote(project, "3")
    noticed = notice(project, by(5))
    assert noticed is not None
    assert (noticed.version, noticed.previous_version, noticed.how, noticed.verdict) == ("3", "1", "noticed", "refused")
    assert notice(project, by(6)) is None
    assert roll_back(project, by(7)).version == "1"
    assert [how for *_, how, _ in promotions(project)] == ["trained", "noticed", "rolled back"]


def test_a_ledger_that_was_cut_off_or_taken_away_is_noticed(project: Project) -> None:
    before = ledger_file(project).read_bytes()
    promote_version(project, "2", by(5))
    for name in ("ledger.db-wal", "ledger.db-shm"):
        (project.workspace / name).unlink(missing_ok=True)
    ledger_file(project).write_bytes(before)
    assert verify(ledger_file(project)) is None  # the chain alone cannot tell
    fault = check_ledger(project)
    assert fault is not None
    assert fault.en == "entry 2, by which version 2 served, is no longer there or was changed"
    ledger_file(project).unlink()
    assert check_ledger(project) is not None


def test_the_verdict_of_the_gate_is_kept_whole(project: Project) -> None:
    assert verdict_of(project, find_version(project, "3")) == REFUSED
    assert find_version(project, "3").tags["gate"] == "refused"


def test_a_version_that_the_gate_never_saw_may_be_promoted_and_is_marked(project: Project) -> None:
    number = register(project, FIRST, keep=False)
    assert find_version(project, number).gate == "unjudged"
    assert verdict_of(project, find_version(project, number)) is None
    promote_version(project, number, by(5))
    assert promotions(project)[-1] == ("5", "1", "by hand", "unjudged")
    assert aliases(project) == {"1": ("previous",), "5": ("champion",)}


def test_the_files_of_a_version_are_listed_with_their_size(project: Project) -> None:
    files = files_of_version(project, find_version(project, "3"))
    assert files.keys() >= {"gate.json", "leakage.json", "judged/rows.parquet", "model/artifacts/churn/model.json"}
    assert all(size > 0 for size in files.values())


def test_two_versions_are_compared_on_the_same_rows(project: Project) -> None:
    compared = compare(project, "1", "2")
    assert (compared.only_first, compared.only_second) == ((FEATURES[4],), ())
    paired = compared.paired
    assert paired is not None
    stored, test = fitted(project, FIRST)
    other, _ = fitted(project, SECOND, FEWER)
    churned = test["churned"].to_numpy()
    said = stored.probability(test), other.probability(test)
    assert paired.rows == len(test)
    assert (paired.auc_gain, paired.auc_error) == pytest.approx(auc_gain(churned, said[1], said[0]))
    assert (paired.log_loss_gain, paired.log_loss_error) == pytest.approx(log_loss_gain(churned, said[1], said[0]))


def test_a_version_that_kept_no_rows_is_compared_without_a_paired_difference(project: Project) -> None:
    assert compare(project, "1", "4").paired is None
    same = compare(project, "3", "4")
    assert (same.only_first, same.only_second) == ((), ())


def test_the_champion_as_it_was_judged_says_the_same_of_the_same_rows(project: Project) -> None:
    stored, test = fitted(project, FIRST)
    kept = champion_as_judged(project)
    assert kept is not None
    said = kept.probability(test)
    assert said.tolist() == stored.probability(test).tolist()
    assert judged_table(judged(test), {"logistic": said})["said_by_logistic"].to_pylist() == said.tolist()
    promote_version(project, "4", by(5), "kept no judged model")
    assert champion_as_judged(project) is None


PROMOTE = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from features.errors import ModelError
from features.project import load_project
from training.registry import Signature, promote_version
project = load_project(Path(sys.argv[1]))
for number in range(4):
    try:
        promote_version(project, "21"[number % 2], Signature(sys.argv[2], datetime.now(UTC)))
    except ModelError as error:
        assert "serves already" in str(error), error
"""


@pytest.mark.slow
def test_two_commands_that_promote_at_once_leave_one_story(project: Project) -> None:
    command = [sys.executable, "-c", PROMOTE, str(project.root)]
    running = [subprocess.Popen([*command, name], stderr=subprocess.PIPE, text=True) for name in ("one", "other")]
    for process in running:
        _, told = process.communicate()
        assert process.returncode == 0, told
    story = promotions(project)
    assert len(story) > 4
    assert story[-1][0] == champion_churn(project).version
    assert all(after[1] == before[0] for before, after in pairwise(story))
    assert by(1).at + timedelta(days=1) < read_ledger(ledger_file(project))[-1].record.at
