import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import gammaincc

from features.errors import ModelError, NotEnoughDataError
from tests.training.models.timing.customers import FEATURES, SHAPE, rhythmic, seen
from tests.training.payloads import in_its_place, payloads
from training.durations import Durations
from training.models.timing.fit import Timing, agreeing_with_churn, choose, fit_timing, load_timing, save_timing
from training.models.timing.hazards import KINDS, BlendHazard, BoostedHazard, HazardModel, LogisticHazard
from training.models.timing.periods import grid_edges, person_periods

HORIZON = 30
ROWS, DURATIONS = rhythmic(2_000)
NEW, _ = rhythmic(400, seed=1)
NATIVE_FILES = {
    "trees": ["hazard_base.json", "hazard_booster.ubj"],
    "logistic": ["hazard_columns.json", "logistic.json"],
    "blend": ["hazard_base.json", "hazard_booster.ubj", "hazard_columns.json", "logistic.json"],
}
EVERY_KIND = pytest.mark.parametrize("kind", list(NATIVE_FILES))


@pytest.fixture(scope="module")
def timing() -> Timing:
    return fit_timing(ROWS, DURATIONS, FEATURES, HORIZON, 1)


@pytest.fixture(scope="module")
def candidates() -> dict[str, Timing]:
    edges = grid_edges(DURATIONS, HORIZON)
    periods = person_periods(DURATIONS, edges)
    trees = BoostedHazard.fit(ROWS, periods, FEATURES, edges, 20, 1)
    regression = LogisticHazard.fit(ROWS, periods, FEATURES, edges)
    models: list[HazardModel] = [trees, regression, BlendHazard(trees, regression)]
    return {model.kind: Timing(model, HORIZON, {model.kind: 1.5}) for model in models}


def test_survival_comes_close_to_the_truth_for_customers_that_nobody_saw(timing: Timing) -> None:
    curves = timing.curves(NEW)
    known = NEW["gap_mean_days"].notna().to_numpy()
    gap, silent = NEW["gap_mean_days"].to_numpy()[known], NEW["days_since_last_purchase"].to_numpy()[known]
    for day in (5.0, 12.0, 30.0, 45.0):
        lasts = gammaincc(SHAPE, SHAPE * (silent + day) / gap) / gammaincc(SHAPE, SHAPE * silent / gap)
        truth = 0.2 + 0.8 * lasts
        assert np.abs(curves.survival(day)[known] - truth).mean() < 0.06
        assert curves.survival(day)[known].mean() == pytest.approx(truth.mean(), abs=0.03)


def test_every_candidate_is_measured_on_held_out_customers(timing: Timing) -> None:
    assert set(timing.held_out_loss) == set(KINDS)
    assert timing.held_out_loss["logistic"] > timing.held_out_loss[timing.model.kind] > 0


@EVERY_KIND
def test_asked_along_the_intervals_a_candidate_says_what_it_says_of_each(
    candidates: dict[str, Timing], kind: str
) -> None:
    model = candidates[kind].model
    along = model.along(NEW)
    for interval in (3, 0, len(model.edges) - 2):
        each = model.log_odds(NEW, np.full(len(NEW), interval))
        np.testing.assert_allclose(along(interval), each, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("trees", "chosen"),
    [
        ([2.0, 1.0, 4.0, 1.0], "blend"),  # as good as the blend
        ([1.9, 0.6, 4.2, 0.9], "blend"),  # better by 0.1, with a standard error of 0.12
        ([1.9, 0.8, 3.9, 0.9], "trees"),  # better by 0.125, with a standard error of 0.025
        ([2.1, 1.2, 4.1, 1.1], "blend"),
    ],
)
def test_the_blend_is_chosen_unless_another_is_better_by_more_than_a_standard_error(
    trees: list[float], chosen: str
) -> None:
    losses = {"trees": np.array(trees), "logistic": np.full(4, 5.0), "blend": np.array([2.0, 1.0, 4.0, 1.0])}
    assert choose(losses, np.array(list("abcd"))) == chosen


def test_curves_begin_at_one_and_never_rise(timing: Timing) -> None:
    curves = timing.curves(NEW)
    assert (curves.cumulative_hazard[:, 0] == 0).all()
    assert (np.diff(curves.cumulative_hazard, axis=1) > 0).all()
    assert curves.end_days == 2 * HORIZON
    assert len(timing.curves(NEW.head(0))) == 0


def test_the_same_rows_and_seed_give_the_same_curves(timing: Timing) -> None:
    again = fit_timing(ROWS, DURATIONS, FEATURES, HORIZON, 1)
    assert again.held_out_loss == timing.held_out_loss
    assert (again.curves(NEW).cumulative_hazard == timing.curves(NEW).cumulative_hazard).all()


def test_rows_beyond_the_limit_are_left_out_by_lot(timing: Timing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.models.timing.fit.MOST_VALUES", 1_000 * len(FEATURES))
    few, all_rows = fit_timing(ROWS, DURATIONS, FEATURES, HORIZON, 1).curves(NEW), timing.curves(NEW)
    assert few.survival(HORIZON).mean() == pytest.approx(all_rows.survival(HORIZON).mean(), abs=0.05)
    assert (few.cumulative_hazard != all_rows.cumulative_hazard)[:, 1:].all()


def test_cutoffs_that_were_hardly_followed_are_not_what_it_is_chosen_by() -> None:
    late = ROWS["as_of"] >= ROWS["as_of"].unique()[2]
    followed = np.where(late, 0.5, DURATIONS.followed_days)
    observed = DURATIONS.observed & (DURATIONS.days < followed)
    short = Durations(np.where(observed, DURATIONS.days, followed), observed, followed)
    assert all(np.isfinite(loss) for loss in fit_timing(ROWS, short, FEATURES, HORIZON, 1).held_out_loss.values())


def test_hardly_any_event_is_refused() -> None:
    nothing = Durations(DURATIONS.followed_days, np.zeros(len(ROWS), bool), DURATIONS.followed_days)
    with pytest.raises(NotEnoughDataError, match="0 events were seen in 2000 rows"):
        fit_timing(ROWS, nothing, FEATURES, HORIZON, 1)
    with pytest.raises(NotEnoughDataError, match="of different customers are needed"):
        fit_timing(ROWS.assign(customer_id="C1"), DURATIONS, FEATURES, HORIZON, 1)


def test_contracts_that_end_at_their_anniversaries_are_seen_to() -> None:
    generator = np.random.default_rng(6)
    running = generator.uniform(0, 365, 3_000)
    frame = pd.DataFrame(
        {
            "customer_id": np.arange(3_000).astype(str),
            "as_of": pd.Timestamp("2025-01-01", tz="UTC"),
            "contract_running_days": running,
        }
    )
    durations = seen(np.where(generator.random(3_000) < 0.6, 365 - running, np.inf), np.full(3_000, 200.0))
    curves = fit_timing(frame, durations, ["contract_running_days"], 90, 1).curves(
        pd.DataFrame({"contract_running_days": [343.0, 263.0, 10.0]})
    )
    assert curves.survival(30) == pytest.approx([0.4, 1, 1], abs=0.12)
    assert curves.survival(180) == pytest.approx([0.4, 0.4, 1], abs=0.12)
    assert curves.median_days()[:2] == pytest.approx([22, 102], abs=5)


@pytest.mark.parametrize(("kind", "survival"), [("silence", 0.3), ("contract", 0.7)])
def test_curves_agree_with_the_churn_model_at_its_horizon(timing: Timing, kind: str, survival: float) -> None:
    agreed = agreeing_with_churn(timing.curves(NEW), kind, HORIZON, np.full(len(NEW), 0.3))
    assert agreed.survival(HORIZON) == pytest.approx(np.full(len(NEW), survival))


@EVERY_KIND
def test_a_loaded_model_is_the_one_that_was_saved(kind: str, candidates: dict[str, Timing], tmp_path: Path) -> None:
    save_timing(candidates[kind], ROWS, tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted([*NATIVE_FILES[kind], "timing.json"])
    assert not any(file.read_bytes().startswith(b"\x80") for file in tmp_path.iterdir())
    loaded = load_timing(tmp_path)
    assert (loaded.model.kind, loaded.horizon_days, loaded.held_out_loss) == (kind, HORIZON, {kind: 1.5})
    assert loaded.model.features == FEATURES
    expected, found = (t.curves(NEW) for t in (candidates[kind], loaded))
    assert (found.edges_days == expected.edges_days).all()
    assert (found.cumulative_hazard == expected.cumulative_hazard).all()


@EVERY_KIND
def test_a_model_that_predicts_otherwise_than_it_did_is_refused(
    kind: str, candidates: dict[str, Timing], tmp_path: Path
) -> None:
    save_timing(candidates[kind], ROWS, tmp_path)
    file = tmp_path / ("logistic.json" if kind == "logistic" else "hazard_base.json")
    numbers = json.loads(file.read_text())
    place, key = (numbers["bias"], 0) if kind == "logistic" else (numbers, 2)
    place[key] += 0.01
    file.write_text(json.dumps(numbers))
    with pytest.raises(ModelError) as refused:
        load_timing(tmp_path)
    assert "no longer gives its own golden curves (off by " in refused.value.text.en
    assert "无法重现其基准曲线（相差 " in refused.value.text.zh


@EVERY_KIND
def test_a_missing_or_broken_file_is_refused(kind: str, candidates: dict[str, Timing], tmp_path: Path) -> None:
    save_timing(candidates[kind], ROWS, tmp_path)
    for name in [*NATIVE_FILES[kind], "timing.json"]:
        content = (tmp_path / name).read_bytes()
        for broken in (None, content[: len(content) // 2]):
            (tmp_path / name).unlink()
            if broken is not None:
                (tmp_path / name).write_bytes(broken)
            with pytest.raises(ModelError, match="cannot be read") as refused:
                load_timing(tmp_path)
            assert "无法读取" in refused.value.text.zh
            (tmp_path / name).write_bytes(content)
    load_timing(tmp_path)


@EVERY_KIND
def test_code_in_the_place_of_a_file_is_refused_and_not_run(
    kind: str, candidates: dict[str, Timing], tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    marker = tmp_path_factory.mktemp("elsewhere") / "ran"
    save_timing(candidates[kind], ROWS, tmp_path)
    for name in [*NATIVE_FILES[kind], "timing.json"]:
        for content in payloads(marker).values():
            with in_its_place(tmp_path / name, content), pytest.raises(ModelError, match="cannot be read"):
                load_timing(tmp_path)
            assert not marker.exists()


def test_a_model_without_golden_rows_is_refused(candidates: dict[str, Timing], tmp_path: Path) -> None:
    save_timing(candidates["logistic"], ROWS, tmp_path)
    document = json.loads((tmp_path / "timing.json").read_text())
    document["golden"] = {"rows": [], "cumulative_hazard": []}
    (tmp_path / "timing.json").write_text(json.dumps(document))
    with pytest.raises(ModelError, match="cannot be read: 0 golden rows"):
        load_timing(tmp_path)
