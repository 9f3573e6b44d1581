from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from features.leakage.sample import sampled
from features.sources import open_facts
from features.text import Text
from tests.training.companies import company, shop, utc
from training.cutoffs import schedule
from training.dataset import span
from training.leakage import labels
from training.leakage.cutoffs import windows_of
from training.leakage.labels import Windows, check_labels, check_windows

AS_OF = utc(2025, 10, 1)
PURPOSE = Text("purged", "已隔离")


@pytest.mark.parametrize(("last", "severity"), [(utc(2025, 9, 1), "passed"), (utc(2025, 9, 1, 0, 0, 1), "failed")])
def test_a_label_window_may_touch_the_judgement_but_not_reach_into_it(last: datetime, severity: str) -> None:
    finding = check_windows(Windows((utc(2025, 8, 1), last), AS_OF, PURPOSE), 30)
    assert (finding.check, finding.severity) == ("windows", severity)
    if severity == "failed":
        assert (finding.count, finding.cutoff, finding.unit) == (1, last, "cut-offs")
        assert "1 of 2 cut-offs, 30 days each, reach beyond 2025-10-01: purged" in finding.what.en


def test_the_windows_of_every_schedule_are_purged() -> None:
    for horizon in (7, 28, 90):
        for days in (400, 1_000):
            plan = schedule(AS_OF - timedelta(days=days), AS_OF, horizon)
            assert [check_windows(w, horizon).severity for w in windows_of(plan)] == ["passed", "passed"]


def test_labels_of_a_shop_use_nothing_learnt_later(tmp_path: Path) -> None:
    project = shop(tmp_path, seed=3, customers=40)
    with open_facts(project) as facts, sampled(facts, 40) as sample:
        plan = schedule(span(facts)[0], AS_OF, 30)
        found = [check_labels(sample, windows, 30) for windows in windows_of(plan)]
    assert [f.severity for f in found] == ["passed", "passed"]
    assert all(f.count > 100 for f in found)


def test_labels_that_use_what_was_learnt_later_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    orders = [
        ("A", "2025-08-01", "10", "2025-08-01"),
        ("A", "2025-08-20", "10", "2025-11-01"),
        ("B", "2025-08-20", "10", "2025-08-20"),
    ]
    monkeypatch.setattr(labels, "evidence", _reading_late_facts)
    with open_facts(company(tmp_path, orders)) as facts, sampled(facts, 10) as sample:
        finding = check_labels(sample, Windows((utc(2025, 8, 15),), AS_OF, PURPOSE), 30)
    assert (finding.severity, finding.count, finding.example) == ("failed", 1, "A")
    assert finding.cutoff == utc(2025, 8, 15)


def _reading_late_facts(facts, cutoffs, horizon_days, known_before):  # type: ignore[no-untyped-def]
    """Labels as they would be without a look at when orders became known."""
    return _EVIDENCE(facts, cutoffs, horizon_days, datetime(2100, 1, 1, tzinfo=UTC))


_EVIDENCE = labels.evidence
