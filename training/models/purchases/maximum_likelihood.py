"""Maximum likelihood over positive parameters: several starts, L-BFGS-B on logarithms, standard errors."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from features.errors import ModelError, NotEnoughDataError
from features.text import Text
from training.models.purchases.history import PurchaseHistory

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]
Likelihood = Callable[[Floats], tuple[float, Floats]]
"""From positive parameters, shape (n,), to the log-likelihood and its derivatives by those parameters, shape (n,)."""

Model = TypeVar("Model")

LOG_BOUND = 12.0
"""In scaled units parameters stay within exp(±12); the likelihood is flat out there."""
FLAT_GRADIENT = 1e-3
"""Largest slope of the log-likelihood per customer at which a search that stopped early counts as arrived.

Near the bounds rounding alone leaves slopes of 1e-4, and no line search gets any further.
"""
FLATTEST_GRADIENT = 1e-9
ROUGH_GAIN, FINE_GAIN = 1e-8, 1e-12
"""Gain of the log-likelihood per customer below which a search ends."""
HESSIAN_STEP = 1e-4
LONGEST_NEWTON_STEP = 0.1
MOST_STEPS = 500
CARRIED_GAIN = 1e-10
MOST_CARRIED_STEPS = 8


@dataclass(frozen=True)
class Fit(Generic[Model]):
    """A fitted model and how well it is known.

    ``standard_errors`` by parameter, in the parameter's unit; NaN where the data do not hold the parameter.
    ``log_likelihood`` of all ``customers``, with times in days (or amounts in currency).
    ``groups``: how many distinct rows the likelihood was computed on.
    """

    model: Model
    standard_errors: dict[str, float]
    log_likelihood: float
    customers: int
    groups: int


@dataclass(frozen=True)
class Maximum:
    """Where the likelihood is highest: parameters and standard errors, shape (n,), and its value there."""

    parameters: Floats
    standard_errors: Floats
    log_likelihood: float


def maximise(
    likelihood_of: Callable[[Indices], Likelihood],
    customers: Floats,
    starts: Sequence[Sequence[float]],
    rough_groups: int,
) -> Maximum:
    """The parameters, each above 0, under which what was observed is most likely.

    ``likelihood_of`` gives the likelihood of the groups at some positions, ``customers`` the size of each group, shape
    (groups,). From each of ``starts`` a rough search climbs the likelihood of at most ``rough_groups`` groups drawn
    evenly; a fine one then climbs that of all groups from the best peak.
    Raises NotEnoughDataError: the fine search does not arrive.
    """
    with threadpool_limits(
        1
    ):  # steps in three or four dimensions are no work for two threads, which wait for each other
        return _maximum(likelihood_of, customers, starts, rough_groups)


def _maximum(
    likelihood_of: Callable[[Indices], Likelihood],
    customers: Floats,
    starts: Sequence[Sequence[float]],
    rough_groups: int,
) -> Maximum:
    everybody = np.arange(len(customers))
    rows = everybody
    if len(customers) > rough_groups:
        rows = np.sort(np.random.default_rng(0).choice(everybody, rough_groups, replace=False))
    rough = likelihood_of(rows)
    found = [_climb(rough, np.log(start), float(customers[rows].sum()), ROUGH_GAIN) for start in starts]
    highest = min(found, key=lambda result: float(result.fun)).x
    likelihood = _remembering(likelihood_of(everybody))
    logs = None
    if len(rows) < len(everybody):
        logs = _carried_over(rough, float(customers[rows].sum()), likelihood, float(customers.sum()), highest)
    if logs is None:
        logs = _peak(likelihood, highest, float(customers.sum()))
    logs, errors = _newton(likelihood, logs, _free(logs), forward=len(rows) < len(everybody))
    parameters = np.exp(logs)
    return Maximum(parameters, errors * parameters, likelihood(parameters)[0])


def fit_history(
    make: Callable[..., Model],
    likelihood_of: Callable[[PurchaseHistory, Floats], Likelihood],
    history: PurchaseHistory,
    starts: Sequence[Sequence[float]],
    rough_groups: int,
    names: Sequence[str],
) -> Fit[Model]:
    """The most likely model for these customers, from the likelihood of distinct histories and the size of each.

    Time is counted in mean ages, so that the search takes the same way whatever the unit; of the parameters, those whose
    name ends in ``_days`` are times. Raises NotEnoughDataError: the search finds no peak.
    """
    unit = float(history.age_days.mean())
    groups, customers = history.counted()
    distinct = groups.scaled(unit)
    found = maximise(lambda rows: likelihood_of(distinct.take(rows), customers[rows]), customers, starts, rough_groups)
    in_days = np.array([unit if name.endswith("_days") else 1.0 for name in names])
    return Fit(
        model=make(*(found.parameters * in_days).tolist()),
        standard_errors=dict(zip(names, (found.standard_errors * in_days).tolist(), strict=True)),
        log_likelihood=float(found.log_likelihood - history.repeat_purchases.sum() * np.log(unit)),
        customers=len(history),
        groups=len(distinct),
    )


def parameters_from_json(
    stored: dict[str, Any], kind: str, names: Sequence[str], signed: Collection[str] = ()
) -> dict[str, float]:
    """The parameters that `to_json` wrote; those that are ``signed`` may be negative.

    Raises ModelError: another kind, or a parameter missing or not above 0.
    """
    values = {name: stored.get(name) for name in names}
    sound = all(
        isinstance(v, int | float) and np.isfinite(v) and (v > 0 or name in signed) for name, v in values.items()
    )
    if stored.get("kind") != kind or not sound:
        raise ModelError(
            Text(
                "A stored purchase model says {stored}; expected kind '{kind}' and positive numbers for {names}. "
                "Train again, or read it with the model that wrote it.",
                "存储的购买模型为 {stored}；应为类型“{kind}”，且 {names} 均为正数。请重新训练，或用写入它的模型读取。",
            ),
            stored=stored,
            kind=kind,
            names=", ".join(names),
        )
    return {name: float(stored[name]) for name in names}


def _climb(likelihood: Likelihood, start: Floats, customers: float, gain: float) -> Any:
    """SciPy's result of one search over the logarithms, per customer, until a step gains less than ``gain``."""

    def descent(logs: Floats) -> tuple[float, Floats]:
        parameters = np.exp(logs)
        value, gradient = likelihood(parameters)
        return -value / customers, -gradient * parameters / customers

    bounds = [(-LOG_BOUND, LOG_BOUND)] * len(start)
    options = {"maxiter": MOST_STEPS, "ftol": gain, "gtol": FLATTEST_GRADIENT, "maxcor": 20}
    return minimize(descent, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options)


def _peak(likelihood: Likelihood, start: Floats, customers: float) -> Floats:
    """The logarithms at the end of a fine search. Raises NotEnoughDataError: it does not arrive."""
    best = _climb(likelihood, start, customers, FINE_GAIN)
    if not best.success and np.abs(best.jac[_free(best.x)]).max(initial=0.0) > FLAT_GRADIENT:
        raise NotEnoughDataError(
            Text(
                "The search for the most likely purchase model stopped before it arrived ({message}). Expected a peak: "
                "give more customers or a longer history.",
                "寻找最可能的购买模型时，搜索未到达最大值便已停止（{message}）。似然函数应有峰值："
                "请提供更多客户或更长的历史。",
            ),
            message=best.message,
        )
    return np.asarray(best.x)


def _carried_over(
    rough: Likelihood, drawn: float, likelihood: Likelihood, customers: float, start: Floats
) -> Floats | None:
    """The logarithms at the peak for all, by Newton's method with the curvature of those who were ``drawn``.

    That is the curvature of all to a few per cent, so each step leaves a few per cent of the way. None where it is not
    curved downwards or the steps do not arrive.
    """
    if not _free(start).all():
        return None
    information = _information(rough, start, _free(start), forward=False) * customers / drawn
    if np.linalg.eigvalsh(information).min() <= 0:
        return None
    logs = start
    for _ in range(MOST_CARRIED_STEPS):
        slope = _slope(likelihood, logs)
        step = np.linalg.solve(information, slope)
        if slope @ step < CARRIED_GAIN * customers:
            return logs
        logs = logs + step
        if np.abs(step).max() > LONGEST_NEWTON_STEP or not _free(logs).all():
            return None
    return None


def _newton(
    likelihood: Likelihood, logs: Floats, free: NDArray[np.bool_], forward: bool = False
) -> tuple[Floats, Floats]:
    """One step of Newton's method towards the peak, and the standard errors of the logarithms, both of shape (n,).

    Errors are NaN for a parameter at its bound, and for all of them where the likelihood is not curved downwards in
    every direction.
    """
    errors = np.full(len(logs), np.nan)
    if not free.any():
        return logs, errors
    information = _information(likelihood, logs, free, forward)
    if np.linalg.eigvalsh(information).min() <= 0:
        return logs, errors
    covariance = np.linalg.inv(information)
    errors[free] = np.sqrt(np.diag(covariance))
    before, nearer = _slope(likelihood, logs)[free], logs.copy()
    nearer[free] += covariance @ before
    in_reach = np.abs(nearer - logs).max() < LONGEST_NEWTON_STEP and np.abs(nearer).max() <= LOG_BOUND
    if in_reach and np.abs(_slope(likelihood, nearer)[free]).max() < np.abs(before).max():
        return nearer, errors
    return logs, errors


def _information(likelihood: Likelihood, logs: Floats, free: NDArray[np.bool_], forward: bool) -> Floats:
    """How much the likelihood is curved downwards, from differences of its exact gradient; shape (free, free).

    Central differences, or forward ones at half the cost, which are right to about a ten-thousandth.
    """
    steps = HESSIAN_STEP * np.eye(len(logs))[free]
    here = _slope(likelihood, logs)
    if forward:
        curvature = np.array([(_slope(likelihood, logs + step) - here)[free] for step in steps]) / HESSIAN_STEP
    else:
        curvature = np.array(
            [(_slope(likelihood, logs + step) - _slope(likelihood, logs - step))[free] for step in steps]
        ) / (2 * HESSIAN_STEP)
    return np.asarray(-(curvature + curvature.T) / 2)


def _slope(likelihood: Likelihood, logs: Floats) -> Floats:
    """Derivatives by the logarithms, shape (n,)."""
    parameters = np.exp(logs)
    return np.asarray(likelihood(parameters)[1] * parameters)


def _free(logs: Floats) -> NDArray[np.bool_]:
    """Which logarithms lie within the bounds."""
    return np.asarray(np.abs(logs) < LOG_BOUND - 1e-6)


def _remembering(likelihood: Likelihood) -> Likelihood:
    """The same, computed once for each parameters."""
    known: dict[bytes, tuple[float, Floats]] = {}

    def remembered(parameters: Floats) -> tuple[float, Floats]:
        key = parameters.tobytes()
        if key not in known:
            known[key] = likelihood(parameters)
        return known[key]

    return remembered
