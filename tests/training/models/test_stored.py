import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from features.errors import ModelError
from tests.training.companies import FEATURES, learnable
from tests.training.payloads import in_its_place, payloads
from training.models.calibration import Calibrator
from training.models.churn import BlendChurn, ChurnModel, LogisticChurn, XGBoostChurn
from training.models.stored import GOLDEN_ROWS, ModelFacts, StoredModel, load_model, save_model

ROWS = learnable(800)
NATIVE_FILES = {
    "xgboost": ["booster.ubj"],
    "logistic": ["logistic.json"],
    "blend": ["booster.ubj", "logistic.json"],
}
EVERY_KIND = pytest.mark.parametrize("kind", list(NATIVE_FILES))


def stored_model(kind: str, rounds: int = 20) -> StoredModel:
    churned = ROWS["churned"].to_numpy(dtype=np.float64)
    trees = XGBoostChurn.fit(ROWS, churned, FEATURES, rounds, 1)
    regression = LogisticChurn.fit(ROWS, churned, FEATURES)
    models: dict[str, ChurnModel] = {"xgboost": trees, "logistic": regression, "blend": BlendChurn(trees, regression)}
    facts = ModelFacts(kind, FEATURES, "abc", "2025-05-01T00:00:00+00:00", 30, 60, {kind: {"auc": 0.75}})
    return StoredModel(facts, models[kind], Calibrator.line(0.9, 0.1, 0.2))


@pytest.fixture
def saved(kind: str, tmp_path: Path) -> Path:
    save_model(stored_model(kind), ROWS, tmp_path)
    return tmp_path


def edit(file: Path, change: Callable[[Any], None]) -> None:
    document = json.loads(file.read_text())
    change(document)
    file.write_text(json.dumps(document))


def refusal(directory: Path) -> ModelError:
    with pytest.raises(ModelError) as refused:
        load_model(directory)
    assert "Train again with 'retinue train'." in refused.value.text.en
    assert "请用“retinue train”重新训练" in refused.value.text.zh
    return refused.value


@EVERY_KIND
def test_a_loaded_model_is_the_one_that_was_saved(kind: str, saved: Path) -> None:
    original, loaded = stored_model(kind), load_model(saved)
    assert loaded.facts == original.facts
    assert loaded.calibrator == original.calibrator
    assert (loaded.probability(ROWS) == original.probability(ROWS)).all()


@EVERY_KIND
def test_the_files_are_native_and_hold_no_pickle(kind: str, saved: Path) -> None:
    assert sorted(file.name for file in saved.iterdir()) == sorted(["model.json", *NATIVE_FILES[kind]])
    assert not any(file.read_bytes().startswith(b"\x80") for file in saved.iterdir())


@EVERY_KIND
def test_golden_rows_keep_what_is_missing(kind: str, saved: Path) -> None:
    golden = json.loads((saved / "model.json").read_text())["golden"]
    missing = ROWS["gap_mean_days"].head(GOLDEN_ROWS).isna()
    assert 0 < missing.sum() < GOLDEN_ROWS
    assert [row[FEATURES.index("gap_mean_days")] is None for row in golden["rows"]] == missing.tolist()
    assert golden["probabilities"] == stored_model(kind).probability(ROWS.head(GOLDEN_ROWS)).tolist()


@EVERY_KIND
def test_a_model_that_predicts_otherwise_than_it_did_is_refused(kind: str, saved: Path) -> None:
    if kind == "xgboost":
        stored_model(kind, rounds=19).model.save(saved)
    else:
        edit(saved / "logistic.json", lambda d: d["weight"].__setitem__(0, d["weight"][0] + 0.01))
    error = refusal(saved)
    assert "no longer gives its own golden predictions (off by " in error.text.en
    assert "无法重现其基准预测（相差 " in error.text.zh


@EVERY_KIND
def test_a_tampered_calibrator_is_refused(kind: str, saved: Path) -> None:
    edit(saved / "model.json", lambda d: d["calibrator"].update(heights=[-0.7, 1.1]))
    assert "golden predictions" in refusal(saved).text.en


@pytest.mark.parametrize("kind", ["logistic"])
def test_a_model_that_predicts_no_number_is_refused(saved: Path) -> None:
    edit(saved / "logistic.json", lambda d: d["weight"].__setitem__(0, float("nan")))
    assert "golden predictions" in refusal(saved).text.en


@pytest.mark.parametrize("kind", ["logistic"])
@pytest.mark.parametrize("part", ["facts", "calibrator", "golden"])
def test_a_document_without_one_of_its_parts_is_refused(saved: Path, part: str) -> None:
    edit(saved / "model.json", lambda d: d.pop(part))
    assert "cannot be read" in refusal(saved).text.en


@pytest.mark.parametrize("kind", ["logistic"])
def test_a_model_without_golden_rows_is_refused(saved: Path) -> None:
    edit(saved / "model.json", lambda d: d["golden"].update(rows=[], probabilities=[]))
    assert "cannot be read: 0 golden rows" in refusal(saved).text.en


@EVERY_KIND
def test_a_missing_or_broken_file_is_refused(kind: str, saved: Path) -> None:
    native = saved / NATIVE_FILES[kind][-1]
    content = native.read_bytes()
    native.write_bytes(content[: len(content) // 2])
    assert "cannot be read" in refusal(saved).text.en
    native.unlink()
    assert "无法读取" in refusal(saved).text.zh
    native.write_bytes(b"[1, 2]")
    refusal(saved)
    native.write_bytes(content)
    load_model(saved)
    (saved / "model.json").write_text("{")
    refusal(saved)


@EVERY_KIND
def test_code_in_the_place_of_a_file_is_refused_and_not_run(
    kind: str, saved: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    marker = tmp_path_factory.mktemp("elsewhere") / "ran"
    for file in sorted(saved.iterdir()):
        for content in payloads(marker).values():
            with in_its_place(file, content):
                refusal(saved)
            assert not marker.exists()
    load_model(saved)
