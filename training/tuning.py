"""Search for better parameters of a candidate within a time budget; the defaults stay unless they are beaten for sure.

A trial fits the candidate with drawn parameters in the folds of `training.models.fitting`: disjoint customers, held out
at the latest cut-offs. Bad trials end after the first fold. Every trial is on record in a SQLite file as soon as it
ends, so a search that was killed goes on where it stopped, and comes to the same result as one that was not.
"""

import logging
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import numpy as np
import optuna
import pandas as pd
from numpy.typing import NDArray
from optuna.trial import TrialState
from scipy.stats import norm
from sqlalchemy.exc import SQLAlchemyError
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from features.errors import StorageError
from features.progress import Progress, silent
from features.text import Text
from training.models.fold_runs import FoldTask
from training.models.search_space import Kind, Parameters

Floats = NDArray[np.float64]
RANDOM_TRIALS = 10
"""Trials drawn at random before the sampler learns from them."""
MOST_TRIALS = 200
LEVEL = 0.05
"""Probability of taking chance for a gain, over all trials together."""


@dataclass(frozen=True)
class Trial:
    """One set of parameters and its log-loss on the held-out customers, in nats a row; None: stopped after one fold."""

    number: int
    parameters: Parameters
    value: float | None
    seconds: float = field(compare=False)


@dataclass(frozen=True)
class Tuned:
    """What to fit with. ``parameters`` are the best found only when they are ``better`` beyond chance, else the defaults.

    ``value`` is the held-out log-loss of ``parameters``; ``gain`` is how much lower that of the best trial is than that
    of the defaults, on the same rows, and ``gain_error`` its standard error over customers.
    """

    kind: Kind
    parameters: Parameters
    value: float
    better: bool
    gain: float
    gain_error: float
    verdict: Text
    trials: tuple[Trial, ...]


OnTrial = Callable[[int, Parameters, float | None, float], None]
"""Called after each trial with its number, parameters, log-loss (None: stopped after one fold) and seconds."""


def unheard(number: int, parameters: Parameters, value: float | None, seconds: float) -> None:
    """A listener to trials that does not care."""


def tune(
    kind: Kind,
    frame: pd.DataFrame,
    features: Sequence[str],
    seed: int,
    budget: timedelta,
    storage: Path,
    progress: Progress = silent,
    on_trial: OnTrial = unheard,
    categories: Collection[str] = (),
    most_trials: int = MOST_TRIALS,
) -> Tuned:
    """Search for ``budget`` or until there are ``most_trials``, and judge the best against the defaults.

    ``frame`` is a training frame as `fit_candidates` takes it; ``storage`` a SQLite file, made if it is not there. Trials
    of the same frame, features and seed that are on record there count as done. The budget is looked at between folds;
    the defaults, which are the first trial, are measured whatever it is. The same number of trials gives the same result.
    Raises StorageError: the file cannot be read or written.
    """
    task = FoldTask(kind, frame, list(features), seed, categories)
    end = time.monotonic() + budget.total_seconds()
    with _quiet_optuna(), threadpool_limits(1):
        with _errors_of(storage):
            study = _study(task, storage)
        known: dict[int, Floats] = {}
        while len(_finished(study)) < most_trials:
            number = len(_finished(study))
            if number and time.monotonic() >= end:
                break
            with _errors_of(storage):
                done = _try(study, task, number, end)
            if done is None:
                break
            known = {n: losses for n, losses in {**known, **done}.items() if n in (0, _best(study)[0].number)}
            last = _finished(study)[-1]
            on_trial(last.number, last.parameters, last.value, last.seconds)
            spent = 1 - (end - time.monotonic()) / max(budget.total_seconds(), 1e-9)
            progress(_said(task, study), min(1.0, max(spent, (number + 1) / most_trials)))
        return _judged(task, study, known)


# --- trials


def _try(study: optuna.Study, task: FoldTask, number: int, end: float) -> dict[int, Floats] | None:
    """Make the next trial; its losses by row under its number, none if it stopped early. None: the time is over."""
    # A sampler of its own for each trial, so that a search that is taken up draws what it would have drawn.
    own_seed = int(np.random.SeedSequence([task.seed, number]).generate_state(1)[0])
    study.sampler = optuna.samplers.TPESampler(seed=own_seed, n_startup_trials=RANDOM_TRIALS)
    if number == 0 and not study.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
        study.enqueue_trial(task.space.defaults)
    trial = study.ask()
    parameters = task.space.draw(trial)
    runs = task.run_all([0], parameters)
    trial.report(float(runs[0].by_round.min()), step=0)
    if number and trial.should_prune():
        study.tell(trial, state=TrialState.PRUNED)
        return {}
    if number and time.monotonic() >= end:
        study.tell(trial, state=TrialState.FAIL)
        return None
    runs += task.run_all(range(1, len(task.folds)), parameters)
    losses = task.losses(runs)
    study.tell(trial, float(losses.mean()))
    return {number: losses}


def _finished(study: optuna.Study) -> list[Trial]:
    """The trials on record, numbered without those that were interrupted."""
    stored = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))
    return [
        Trial(number, dict(trial.params), trial.value if trial.state == TrialState.COMPLETE else None, _seconds(trial))
        for number, trial in enumerate(stored)
    ]


def _seconds(trial: optuna.trial.FrozenTrial) -> float:
    return trial.duration.total_seconds() if trial.duration else 0.0


def _best(study: optuna.Study) -> tuple[Trial, float]:
    """The trial with the lowest log-loss, and that log-loss; the earliest of equal ones."""
    return min(((t, t.value) for t in _finished(study) if t.value is not None), key=lambda found: found[1])


def _study(task: FoldTask, storage: Path) -> optuna.Study:
    storage.parent.mkdir(parents=True, exist_ok=True)
    study = optuna.create_study(
        storage=optuna.storages.RDBStorage(f"sqlite:///{storage}"),
        study_name=f"{task.kind}-{task.fingerprint()}",
        pruner=optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=0),
        load_if_exists=True,
    )
    for left in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        study.tell(left.number, state=TrialState.FAIL)  # a search that was killed left it behind
    return study


@contextmanager
def _quiet_optuna() -> Iterator[None]:
    """Optuna logs every study to the terminal; progress says it in the reader's language."""
    logger = logging.getLogger("optuna")
    before = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(before)


@contextmanager
def _errors_of(storage: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, SQLAlchemyError, optuna.exceptions.StorageInternalError) as fault:
        raise StorageError(
            Text(
                "The trials of the tuning cannot be kept in {path}: {fault}. Make room or permit writing there; a file that"
                " is damaged can be deleted, its trials are then made again.",
                "无法将调参试验保存到 {path}：{fault}。请腾出空间或开放写入权限；文件若已损坏，可将其删除，试验会重新进行。",
            ),
            path=storage,
            fault=fault,
        ) from fault


# --- the verdict

BETTER = Text(
    "Tuned parameters are used: over {trials} trials the best log-loss on held-out customers is {gain:.5f} lower than with"
    " the defaults, {times:.1f} standard errors ({wanted:.1f} were needed).",
    "采用调参结果：共 {trials} 次试验，最佳参数在留出客户上的对数损失比默认参数低 {gain:.5f}，为标准误的 {times:.1f} 倍"
    "（要求 {wanted:.1f} 倍）。",
)
NO_BETTER = Text(
    "The defaults stay: over {trials} trials the best log-loss on held-out customers is {gain:.5f} lower than with them,"
    " which may be chance ({times:.1f} standard errors, {wanted:.1f} were needed).",
    "保留默认参数：共 {trials} 次试验，最佳参数在留出客户上的对数损失仅低 {gain:.5f}，可能出于偶然（为标准误的"
    " {times:.1f} 倍，要求 {wanted:.1f} 倍）。",
)
NO_GAIN = Text(
    "The defaults stay: none of {trials} trials had a lower log-loss on held-out customers.",
    "保留默认参数：{trials} 次试验中，没有任何参数在留出客户上的对数损失更低。",
)


def _judged(task: FoldTask, study: optuna.Study, known: dict[int, Floats]) -> Tuned:
    trials = tuple(_finished(study))
    default, (best, value) = trials[0], _best(study)
    if best == default:
        said = NO_GAIN.format(trials=len(trials))
        return Tuned(task.kind, default.parameters, value, False, 0.0, 0.0, said, trials)
    before, after = (_losses_of(task, trial, known) for trial in (default, best))
    customers = task.frame["customer_id"].to_numpy()[task.held_out]
    gain, error = gain_by_customer(before - after, customers)
    # The best of many is better than it looks by chance alone: each trial may take only its part of the level.
    wanted = float(norm.isf(LEVEL / (len(trials) - 1)))
    better = gain > wanted * error
    said = (BETTER if better else NO_BETTER).format(
        trials=len(trials), gain=gain, times=gain / error if error else 0.0, wanted=wanted
    )
    chosen, its_value = (best, value) if better else (default, float(before.mean()))
    return Tuned(task.kind, chosen.parameters, its_value, better, gain, error, said, trials)


def _losses_of(task: FoldTask, trial: Trial, known: dict[int, Floats]) -> Floats:
    """The losses by row of a trial; made again if an earlier call of the search had made the trial."""
    if trial.number in known:
        return known[trial.number]
    return task.losses(task.run_all(range(len(task.folds)), trial.parameters))


def gain_by_customer(gains: Floats, customers: NDArray[np.object_]) -> tuple[float, float]:
    """The mean of gains by row, and its standard error when the rows of a customer may go together (by clusters)."""
    _, place = np.unique(customers.astype(str), return_inverse=True)
    mean = float(gains.mean())
    apart = np.bincount(place, weights=gains - mean)
    many = len(apart)
    return mean, float(np.sqrt(many / max(many - 1, 1) * (apart**2).sum()) / len(gains))


def _said(task: FoldTask, study: optuna.Study) -> Text:
    return Text(
        "tuning {kind}: {n} trials, best log-loss {value:.4f}", "调参 {kind}：已试 {n} 次，最佳对数损失 {value:.4f}"
    ).format(kind=task.kind, n=len(_finished(study)), value=_best(study)[1])
