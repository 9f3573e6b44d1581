"""A candidate that knows how customers buy: the formulas of the purchase models, fitted to who stayed silent.

Two accounts of silence share the work. In one, a customer buys at its own steady rate until it leaves for good
(BG/NBD). In the other nobody leaves, but rates drift, so that old purchases tell less than new ones. Both say what
more age and more purchases mean beyond what was ever seen, which trees cannot.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import minimize
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from training.models.shapley import shapley_values

Floats = NDArray[np.float64]

SILENCE, AGE, PURCHASES = "days_since_last_purchase", "days_since_first_purchase", "purchase_days_total"
WINDOWS = {f"purchase_days_{days}d": float(days) for days in (30, 90, 180, 365)}
INPUTS = (SILENCE, AGE, PURCHASES, *WINDOWS)

MOST_ROWS = 50_000
"""More rows than this say no more about five parameters."""
MOST_REFERENCE_ROWS = 2_000
"""How many rows say what the inputs add for the average customer."""
LOG_BOUND = 8.0
LEAST_LOG = -300.0
"""Outcomes that are still less likely than this count as if they were that likely: their slopes would overflow."""
PRIOR_ROWS = 1.0
"""Each logarithm of a parameter is held near its start as if by one row; it matters only where the data say nothing."""
MEMORIES = (0.25, 0.5, 1.0, 2.0)
"""Half-lives tried for the drift of rates, in mean ages of the training rows."""


@dataclass(frozen=True)
class Leaving:
    """A customer buys at rate λ ~ Gamma(r, α) and may leave after each purchase (BG/NBD; Fader, Hardie & Lee 2005).

    With x purchases after the first, the last of them at t_x, the odds to have left are a / (b + x - 1) · growth^(r + x)
    with growth = (α + T) / (α + t_x); who has not left stays silent with probability (1 + h / (α + T))^-(r + x). Those
    who bought only once have odds of their own, ``once`` · growth^r, so that BG/NBD (0) and MBG/NBD (a / b) are both
    cases of it. ``horizon`` h is estimated with the rest: it sets the level. Times are in mean ages of the training rows.
    """

    NAMES: ClassVar[tuple[str, ...]] = ("r", "alpha", "a", "b", "once", "horizon")
    STARTS: ClassVar[tuple[tuple[float, ...], ...]] = ((0.5, 0.5, 0.8, 2.5, 0.5, 0.5), (1.0, 0.2, 0.1, 1.0, 0.1, 0.2))

    silence: Floats
    age: Floats
    repeats: Floats

    @classmethod
    def of(cls, inputs: Floats, unit_days: float) -> Self:
        """From inputs in the order of `INPUTS`, shape (rows, inputs)."""
        silence, age, purchases = inputs[:, :3].T
        return cls(np.minimum(silence, age) / unit_days, age / unit_days, np.maximum(purchases - 1, 0.0))

    def silent(self, parameters: Floats) -> tuple[Floats, Floats, Floats]:
        """Logs of P(silent) and P(not silent), shape (rows,); derivatives of P(silent) by ln parameters, (rows, 6)."""
        r, alpha, a, b, once, horizon = parameters.tolist()
        x, k, again = self.repeats, r + self.repeats, self.repeats >= 1
        then, now = alpha + self.age - self.silence, alpha + self.age
        growth, ahead = np.log1p(self.silence / then), np.log1p(horizon / now)
        stays = b + np.maximum(x, 1) - 1
        log_odds = np.where(again, np.log(a / stays), np.log(once)) + k * growth
        log_gone, log_here = -np.logaddexp(0, -log_odds), -np.logaddexp(0, log_odds)
        log_quiet = -k * ahead
        by_odds = np.exp(log_gone + log_here) * -np.expm1(log_quiet)
        by_quiet = np.exp(log_here + log_quiet)
        gradient = np.column_stack(
            [
                r * (by_odds * growth - by_quiet * ahead),
                alpha * k * (by_odds * (1 / now - 1 / then) + by_quiet * (1 / now - 1 / (now + horizon))),
                by_odds * again,
                -by_odds * again * b / stays,
                by_odds * ~again,
                -by_quiet * k * horizon / (now + horizon),
            ]
        )
        return np.logaddexp(log_gone, log_here + log_quiet), log_here + np.log(-np.expm1(log_quiet)), gradient


@dataclass(frozen=True)
class Drifting:
    """Nobody leaves, but rates drift: λ ~ Gamma(r + n, α + t), old purchases n and old time t discounted.

    Discounting by a half-life keeps the Gamma distribution a Gamma distribution (Smith & Miller 1986), so that silence
    has the probability (1 + h / (α + t))^-(r + n). When a purchase was is known to its window only; within one, time is
    taken as even. The first purchase is what makes a customer and does not count. Times are in mean ages.
    """

    NAMES: ClassVar[tuple[str, ...]] = ("r", "alpha", "horizon")
    STARTS: ClassVar[tuple[tuple[float, ...], ...]] = ((0.5, 0.3, 0.5), (1.0, 0.1, 0.2))

    purchases: Floats
    time: Floats

    @classmethod
    def of(cls, inputs: Floats, unit_days: float, half_life_days: float) -> Self:
        """From inputs in the order of `INPUTS`, shape (rows, inputs)."""
        age, total = inputs[:, 1], inputs[:, 2]
        decay = np.log(2) / half_life_days
        edges = [0.0, *WINDOWS.values(), np.inf]
        counts = np.column_stack([np.zeros(len(age)), inputs[:, 3:], total])
        purchases = np.zeros(len(age))
        for place, (near, far) in enumerate(pairwise(edges)):
            end = np.maximum(np.minimum(far, age), near + 1)
            weight = (np.exp(-decay * near) - np.exp(-decay * end)) / (decay * (end - near))
            is_first = (age > near) & (age <= far) if place else age <= far
            purchases += weight * np.maximum(counts[:, place + 1] - counts[:, place] - is_first, 0.0)
        return cls(purchases, -np.expm1(-decay * age) / decay / unit_days)

    def silent(self, parameters: Floats) -> tuple[Floats, Floats, Floats]:
        """Logs of P(silent) and P(not silent), shape (rows,); derivatives of P(silent) by ln parameters, (rows, 3)."""
        r, alpha, horizon = parameters.tolist()
        k, now = r + self.purchases, alpha + self.time
        ahead = np.log1p(horizon / now)
        log_quiet = -k * ahead
        quiet = np.exp(log_quiet)
        gradient = np.column_stack(
            [
                -quiet * r * ahead,
                quiet * alpha * k * (1 / now - 1 / (now + horizon)),
                -quiet * k * horizon / (now + horizon),
            ]
        )
        return log_quiet, np.log(-np.expm1(log_quiet)), gradient


class PurchaseChurn:
    """The mean of both accounts in log-odds, fitted to who stayed silent; explained by exact Shapley values.

    Fitting the formulas to the outcome, given the history, needs no customers but those who are asked about: who is
    active depends on the history alone. A missing input takes the value of the reference customer, the median one.
    """

    kind: ClassVar[str] = "purchases"

    def __init__(self, features: tuple[str, ...], parameters: dict[str, list[float]]) -> None:
        self.features = features
        self.parameters = {name: np.asarray(values, dtype=np.float64) for name, values in parameters.items()}

    @staticmethod
    def can_use(features: Sequence[str]) -> bool:
        """Whether all that the formulas need is among the features."""
        return set(INPUTS) <= set(features)

    @classmethod
    def fit(cls, frame: pd.DataFrame, churned: Floats, features: Sequence[str]) -> Self:
        """Fit by maximum likelihood, on every n-th row where there are far more rows than nine parameters need.

        Raises ValueError: a feature that the formulas need is not among ``features``.
        """
        if not cls.can_use(features):
            raise ValueError(f"purchase models need the features {INPUTS}, got {tuple(features)}")
        every = -(-len(frame) // MOST_ROWS)
        values, left = frame[list(INPUTS)].to_numpy(dtype=np.float64)[::every], churned[::every]
        reference = np.nanmedian(values, axis=0)
        inputs = np.where(np.isnan(values), reference, values)
        unit = max(float(inputs[:, 1].mean()), 1.0)
        leaving, _ = _most_likely(Leaving.of(inputs, unit), left)
        tried = [(_most_likely(Drifting.of(inputs, unit, unit * m), left), unit * m) for m in MEMORIES]
        (drifting, _), half_life = min(tried, key=lambda found: found[0][1])
        model = cls(
            tuple(features),
            {
                "reference": reference.tolist(),
                "mean_added": [0.0] * len(INPUTS),
                "unit_days": [unit],
                "half_life_days": [half_life],
                "leaving": leaving.tolist(),
                "drifting": drifting.tolist(),
            },
        )
        model.parameters["mean_added"] = model._added(inputs[:: -(-len(inputs) // MOST_REFERENCE_ROWS)]).mean(axis=0)
        return model

    def log_odds(self, frame: pd.DataFrame) -> Floats:
        """See ChurnModel."""
        return self._log_odds(self._inputs(frame))

    def contributions(self, frame: pd.DataFrame) -> Floats:
        """See ChurnModel; exact Shapley values (Shapley 1953). Features that are no input have none."""
        contributions = np.zeros((len(frame), len(self.features)))
        places = [self.features.index(name) for name in INPUTS]
        contributions[:, places] = self._added(self._inputs(frame)) - self.parameters["mean_added"]
        return contributions

    def estimates(self) -> dict[str, float]:
        """The fitted parameters by name, times in days, for people who know the models."""
        p, unit = self.parameters, float(self.parameters["unit_days"][0])
        named = {"half_life_days": float(p["half_life_days"][0])}
        for account, kind in (("leaving", Leaving), ("drifting", Drifting)):
            for name, value in zip(kind.NAMES, p[account].tolist(), strict=True):
                in_days = name in ("alpha", "horizon")
                named[f"{account}_{name}{'_days' if in_days else ''}"] = value * (unit if in_days else 1.0)
        return named

    def save(self, directory: Path) -> None:
        """See ChurnModel."""
        plain = {name: values.tolist() for name, values in self.parameters.items()}
        (directory / "purchases.json").write_text(json.dumps(plain))

    @classmethod
    def load(cls, directory: Path, features: tuple[str, ...]) -> Self:
        """See ChurnModel."""
        return cls(features, json.loads((directory / "purchases.json").read_text()))

    def _inputs(self, frame: pd.DataFrame) -> Floats:
        values = frame[list(INPUTS)].to_numpy(dtype=np.float64)
        return np.where(np.isnan(values), self.parameters["reference"], values)

    def _log_odds(self, inputs: Floats) -> Floats:
        return np.asarray((self._leaving(inputs) + self._drifting(inputs)) / 2)

    def _leaving(self, inputs: Floats) -> Floats:
        account = Leaving.of(inputs, float(self.parameters["unit_days"][0]))
        silent, not_silent, _ = account.silent(self.parameters["leaving"])
        return np.asarray(silent - not_silent)

    def _drifting(self, inputs: Floats) -> Floats:
        p = self.parameters
        account = Drifting.of(inputs, float(p["unit_days"][0]), float(p["half_life_days"][0]))
        silent, not_silent, _ = account.silent(p["drifting"])
        return np.asarray(silent - not_silent)

    def _added(self, inputs: Floats) -> Floats:
        """Shapley values against the reference; each account's over its own inputs, which are fewer than all."""
        added, reference = np.zeros(inputs.shape), self.parameters["reference"]
        for account, own in ((self._leaving, slice(0, 3)), (self._drifting, slice(1, None))):
            added[:, own] += shapley_values(_of_some(account, reference, own), inputs[:, own], reference[own]) / 2
        return added


def _of_some(account: Callable[[Floats], Floats], reference: Floats, own: slice) -> Callable[[Floats], Floats]:
    """The account as a function of its own inputs, the others being the reference's."""

    def of(inputs: Floats) -> Floats:
        whole = np.tile(reference, (len(inputs), 1))
        whole[:, own] = inputs
        return account(whole)

    return of


def _most_likely(account: Leaving | Drifting, churned: Floats) -> tuple[Floats, float]:
    """The parameters under which the outcomes are most likely, and their mean loss with the prior, in nats a row."""

    def loss(logs: Floats, start: Floats) -> tuple[float, Floats]:
        *likely, gradient = account.silent(np.exp(logs))
        silent, not_silent = (np.maximum(log, LEAST_LOG) for log in likely)
        rows = len(churned)
        nats = -float(churned @ silent + (1 - churned) @ not_silent)
        slope = (1 - churned) * np.exp(-not_silent) - churned * np.exp(-silent)
        prior = logs - start
        held = PRIOR_ROWS / 2 * float(prior @ prior)
        return (nats + held) / rows, np.asarray((slope @ gradient + PRIOR_ROWS * prior) / rows)

    bounds = [(-LOG_BOUND, LOG_BOUND)] * len(account.NAMES)
    with threadpool_limits(1):  # steps in five dimensions: threads would wait for each other, twenty times as long
        found = [
            minimize(loss, np.log(start), args=(np.log(start),), jac=True, method="L-BFGS-B", bounds=bounds)
            for start in account.STARTS
        ]
    best = min(found, key=lambda result: float(result.fun))
    return np.exp(best.x), float(best.fun)
