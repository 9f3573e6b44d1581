"""Who moved between two runs and why, by hand."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from serving.changes import changes_since
from serving.scores_file import ScoresFile
from tests.serving.conftest import ABSTAINED, AS_OF, score, table

LATER = AS_OF + timedelta(days=7)


def reason(feature: str, weight: float) -> dict[str, Any]:
    return {
        "feature": feature,
        "family": "recency",
        "direction": "raises" if weight > 0 else "lowers",
        "weight": weight,
        "en": f"{feature} says so.",
        "zh": f"{feature}如此显示。",
    }


def risk(customer: str, band: str | None, probability: float | None, *reasons: dict[str, Any], **more: Any) -> Any:
    told = {"churn_band": band, "churn_probability": probability, "reasons": list(reasons)}
    return score(customer, **told, **more)


def write(file: Path, *rows: dict[str, Any]) -> Path:
    writer = ScoresFile(file, rows[0]["as_of"])
    writer.add(table(list(rows)))
    writer.finish()
    return file


def test_who_moved_is_told_with_what_weighs_more_than_before(tmp_path: Path) -> None:
    before = write(
        tmp_path / "before.parquet",
        risk("UP", "low", 0.1, reason("habit", -0.9), reason("silence", 0.2), value_at_stake=100.0),
        risk("BACK", "high", 0.9, reason("silence", 1.5), reason("price", 0.4), value_at_stake=10.0),
        risk("LOST-HABIT", "low", 0.2, reason("habit", -0.9), value_at_stake=50.0),
        risk("SAME", "high", 0.8, reason("silence", 1.0)),
        risk("LEFT", "medium", 0.3, reason("silence", 1.0), value_at_stake=1.0),
        risk("GONE", "high", 0.9, reason("silence", 1.0), value_at_stake=1000.0),
    )
    now = {"as_of": LATER}
    after = write(
        tmp_path / "after.parquet",
        risk("UP", "high", 0.8, reason("silence", 1.4), reason("habit", -0.6), value_at_stake=200.0, **now),
        risk("BACK", "medium", 0.4, reason("silence", 0.3), reason("price", 0.5), value_at_stake=10.0, **now),
        risk("LOST-HABIT", "medium", 0.5, reason("silence", 0.1), value_at_stake=50.0, **now),
        risk("SAME", "high", 0.7, reason("price", 1.0), **now),
        score("GONE", value_at_stake=1000.0, **ABSTAINED, **now),
        risk("NEW", "low", 0.1, reason("habit", -0.2), value_at_stake=7.0, **now),
    )
    found = changes_since(before, after, tmp_path / "changes.parquet")
    assert found is not None
    assert found.moves == {"higher": 2, "lower": 1, "abstained": 1, "new": 1, "no_longer": 1}
    assert list(found.moves) == ["higher", "lower", "abstained", "new", "no_longer"]
    assert found.before == AS_OF
    rows = {row["customer_id"]: row for row in pq.read_table(found.file).to_pylist()}
    assert list(rows) == ["GONE", "UP", "LOST-HABIT", "BACK", "NEW", "LEFT"]  # by the money that is on the move
    assert rows["UP"]["why"] == {"en": "silence says so.", "zh": "silence如此显示。"}
    assert (rows["UP"]["churn_band_before"], rows["UP"]["churn_band"]) == ("low", "high")
    assert rows["LOST-HABIT"]["why"] == {"en": "No longer: habit says so.", "zh": "不再适用：habit如此显示。"}
    assert rows["BACK"]["why"] == {"en": "silence says so.", "zh": "silence如此显示。"}  # it weighs less than it did
    assert rows["GONE"]["why"] == ABSTAINED["abstained_because"]
    assert rows["NEW"]["why"]["en"] == "habit says so."
    assert (rows["LEFT"]["move"], rows["LEFT"]["why"], rows["LEFT"]["churn_probability"]) == ("no_longer", None, None)


def test_the_same_run_and_another_file_tell_of_no_changes(tmp_path: Path) -> None:
    scores = write(tmp_path / "scores.parquet", risk("A", "low", 0.1))
    other = tmp_path / "other.parquet"
    other.write_bytes(b"PAR1 no scores")
    for before in (scores, other, tmp_path / "none.parquet"):
        assert changes_since(before, scores, tmp_path / "changes.parquet") is None
    assert not (tmp_path / "changes.parquet").exists()
