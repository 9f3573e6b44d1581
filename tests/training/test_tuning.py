import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import numpy as np
import optuna
import pandas as pd
import pytest

from features.errors import StorageError
from tests.training.companies import FEATURES, learnable
from training.models.churn import LOGISTIC_PARAMETERS, XGBOOST_PARAMETERS
from training.models.fitting import USUAL, _regression, _trees, churned_of, folds_of, held_out_rows
from training.models.fold_runs import log_losses
from training.models.row_weights import recency_weights
from training.models.search_space import SPACES, Kind
from training.tuning import Tuned, gain_by_customer, tune

ROWS = learnable(400)
LONG = timedelta(hours=1)


def tuned(storage: Path, trials: int, rows: pd.DataFrame = ROWS, kind: Kind = "logistic", seed: int = 1) -> Tuned:
    return tune(kind, rows, FEATURES, seed, LONG, storage, most_trials=trials)


def separable() -> pd.DataFrame:
    """Customers whose fate one number tells with certainty, so that shrinking its weight as by default is costly."""
    generator = np.random.default_rng(0)
    told = generator.normal(size=400)
    return ROWS.assign(spend_change_90d=told, churned=(told > 0).astype(int))


@pytest.mark.parametrize("kind", ["logistic", "xgboost"])
def test_the_first_trial_is_what_training_does_by_default(tmp_path: Path, kind: Kind) -> None:
    [first] = tuned(tmp_path / "trials.db", 1, kind=kind).trials
    trained = _trees(ROWS, FEATURES, 1, USUAL) if kind == "xgboost" else _regression(ROWS, FEATURES, USUAL)
    churned = churned_of(ROWS)[held_out_rows(folds_of(ROWS))]
    assert first.value == pytest.approx(float(log_losses(trained.held_out, churned).mean()), abs=1e-12)
    defaults: dict[str, object] = XGBOOST_PARAMETERS if kind == "xgboost" else {**LOGISTIC_PARAMETERS}
    assert {**defaults, **first.parameters} == {**defaults, "half_life_days": None}


def test_parameters_that_are_better_beyond_chance_are_used_and_it_is_said(tmp_path: Path) -> None:
    found = tuned(tmp_path / "trials.db", 6, separable())
    best = min((t for t in found.trials if t.value is not None), key=lambda t: t.value or 0.0)
    assert found.better
    assert found.parameters == best.parameters
    assert (found.parameters["C"] or 0) > LOGISTIC_PARAMETERS["C"]
    assert found.value == best.value == pytest.approx((found.trials[0].value or 0) - found.gain)
    assert found.gain > 3 * found.gain_error > 0
    assert found.verdict.en.startswith("Tuned parameters are used: over 6 trials")
    assert found.verdict.zh.startswith("采用调参结果：共 6 次试验")


def test_a_gain_that_may_be_chance_changes_nothing(tmp_path: Path) -> None:
    found = tuned(tmp_path / "trials.db", 6, learnable(800))
    assert 0 < found.gain < found.gain_error
    assert not found.better
    assert found.parameters == found.trials[0].parameters
    assert found.value == found.trials[0].value
    assert "may be chance" in found.verdict.en


def test_without_another_trial_the_defaults_stay(tmp_path: Path) -> None:
    found = tune("logistic", ROWS, FEATURES, 1, timedelta(0), tmp_path / "trials.db")
    assert len(found.trials) == 1
    assert (found.better, found.gain) == (False, 0.0)
    assert found.verdict.en == "The defaults stay: none of 1 trials had a lower log-loss on held-out customers."


def test_the_time_budget_ends_the_search_long_before_the_most_trials(tmp_path: Path) -> None:
    found = tune("logistic", ROWS, FEATURES, 1, timedelta(seconds=2), tmp_path / "trials.db", most_trials=100_000)
    assert 1 <= len(found.trials) < 1_000


def test_bad_trials_stop_after_the_first_fold_and_no_good_one_does(tmp_path: Path) -> None:
    found = tuned(tmp_path / "trials.db", 14, kind="xgboost", rows=learnable(800))
    stopped = [trial for trial in found.trials if trial.value is None]
    assert 0 < len(stopped) < 13
    assert all(trial.number >= 5 for trial in stopped)  # there is nothing yet to compare the first ones with


def test_the_same_number_of_trials_gives_the_same_result_and_another_seed_another(tmp_path: Path) -> None:
    first, again, other = (tuned(tmp_path / name, 4, seed=seed) for name, seed in (("a", 1), ("b", 1), ("c", 2)))
    assert first == again
    assert first.trials[1].parameters != other.trials[1].parameters


def test_a_search_that_is_taken_up_comes_to_the_result_of_one_that_was_not_interrupted(tmp_path: Path) -> None:
    tuned(tmp_path / "in_parts", 3, separable())
    heard: list[int] = []
    later = tune(
        "logistic",
        separable(),
        FEATURES,
        1,
        LONG,
        tmp_path / "in_parts",
        on_trial=lambda number, *_: heard.append(number),
        most_trials=6,
    )
    assert later == tuned(tmp_path / "at_once", 6, separable())
    assert heard == [3, 4, 5]


def test_trials_of_other_data_do_not_count(tmp_path: Path) -> None:
    tuned(tmp_path / "trials.db", 3)
    one_changed = ROWS.assign(spend_365d=ROWS["spend_365d"].where(ROWS.index != 7, 1.0))
    assert len(tuned(tmp_path / "trials.db", 1, one_changed).trials) == 1
    assert len(tuned(tmp_path / "trials.db", 1).trials) == 3


KILLED = """
import sys
from datetime import timedelta
from pathlib import Path
from tests.training.test_tuning import FEATURES, separable
from training.tuning import tune
tune("logistic", separable(), FEATURES, 1, timedelta(hours=1), Path(sys.argv[1]), most_trials=10_000,
     on_trial=lambda number, *_: print(number, flush=True))
"""


@pytest.mark.slow
def test_a_search_that_is_killed_goes_on_where_it_stopped(tmp_path: Path) -> None:
    storage = tmp_path / "trials.db"
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(storage)],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "OMP_WAIT_POLICY": "PASSIVE"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    with process.stdout:
        while process.stdout.readline().strip() != "2":
            assert process.poll() is None
        process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL

    found = tuned(storage, 7, separable())

    assert found.trials == tuned(tmp_path / "at_once", 7, separable()).trials
    [study] = optuna.get_all_study_summaries(f"sqlite:///{storage}")
    assert study.n_trials <= 8  # at most the one that was killed came to nothing


@pytest.mark.parametrize("damage", ["garbage", "folder"])
def test_trials_that_cannot_be_kept_are_told_with_their_place(tmp_path: Path, damage: str) -> None:
    storage = tmp_path / "trials.db"
    if damage == "garbage":
        storage.write_text("not a database, but long enough to be taken for one. " * 40)
    else:
        storage.mkdir()
    with pytest.raises(StorageError, match="trials of the tuning cannot be kept in") as told:
        tuned(storage, 1)
    assert str(storage) in told.value.text.zh


def test_a_row_counts_half_after_each_half_life() -> None:
    as_of = pd.to_datetime(["2025-01-01", "2025-04-01", "2025-06-30"], utc=True)
    assert recency_weights(pd.DataFrame({"as_of": as_of}), 90) == pytest.approx([0.25, 0.5, 1])
    assert recency_weights(pd.DataFrame({"as_of": as_of}), None) is None


def test_the_error_of_a_gain_is_that_over_customers_however_often_each_was_looked_at() -> None:
    gains = np.array([0.1, -0.2, 0.4, 0.3])
    once = gain_by_customer(gains, np.array(["A", "B", "C", "D"]))
    assert once == pytest.approx((0.15, gains.std(ddof=1) / 2))
    assert gain_by_customer(np.repeat(gains, 5), np.repeat(["A", "B", "C", "D"], 5)) == pytest.approx(once)


def test_the_defaults_lie_in_the_space_that_is_searched() -> None:
    for space in SPACES.values():
        for name, (low, high) in {**space.ranges, **space.shares, **space.depths}.items():
            assert low <= (space.defaults[name] or 0) <= high
