"""Which purchase model forecasts these customers best: each fitted on an earlier day, and judged on what came after it.

Beside the models stand forecasts that need none. The model that is chosen is fitted again on all that is known.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from features.errors import NotEnoughDataError
from features.text import Text
from training.models.purchases.amount_followed import AmountFollowed
from training.models.purchases.bg_nbd import BgNbd
from training.models.purchases.followed import Followed, Outcome
from training.models.purchases.history import checked_horizon
from training.models.purchases.mbg_cnbd import MbgCnbd2
from training.models.purchases.mbg_nbd import MbgNbd
from training.models.purchases.model import PurchaseModel
from training.models.purchases.naive import NobodyReturns, OwnRate
from training.models.purchases.pareto_nbd import ParetoNbd
from training.models.purchases.purchase_days import Known, PurchaseDays
from training.models.purchases.residual import Residual

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]
Fitted = BgNbd | MbgNbd | ParetoNbd | MbgCnbd2
Kind = type[BgNbd] | type[MbgNbd] | type[ParetoNbd] | type[MbgCnbd2]

KINDS: tuple[Kind, ...] = (BgNbd, MbgNbd, ParetoNbd, MbgCnbd2)

EARLIER = (0.5,)
"""Shares of the known time at which a model is asked what it would have said, to follow what came."""
EARLIER_FOR_TREES = (0.45, 0.5, 0.55, 0.6, 0.65, 0.7)
JUDGED_SHARE = 1 / 3
"""The last third of the known time is what models are judged on, where the horizon is not shorter."""
LEAST_EXPECTED = 1e-3
BEYOND_CHANCE = 2.0
"""Standard errors of the mean difference by which a residual must be better."""


class Forecast(Protocol):
    """A fitted candidate."""

    def expected_purchases(self, known: Known, horizon_days: float) -> Floats:
        """Expected purchases within ``horizon_days`` days after the cut-off, shape (customers,)."""
        ...

    def probability_alive(self, known: Known) -> Floats:
        """Probability that the customer has not left by the cut-off, from 0 to 1, shape (customers,)."""
        ...


class Fits:
    """The purchase models of these customers as of any day, each fitted once."""

    def __init__(self, days: PurchaseDays) -> None:
        self.days = days
        self._models: dict[tuple[Kind, float], Fitted] = {}

    def model(self, kind: Kind, last_day: float) -> Fitted:
        """The model as fitted on what is known at the end of a day. Raises NotEnoughDataError: nobody had come back."""
        if (kind, last_day) not in self._models:
            self._models[kind, last_day] = kind.fit(self.days.known(last_day).history).model
        return self._models[kind, last_day]


Candidate = Callable[[Fits, float, int], Forecast]
"""Fits on what is known at the end of a day, with a seed."""


@dataclass(frozen=True)
class ByHistory:
    """A purchase model as a forecast: it looks at the history alone."""

    model: PurchaseModel

    def expected_purchases(self, known: Known, horizon_days: float) -> Floats:
        """See Forecast."""
        return self.model.expected_purchases(known.history, horizon_days)

    def probability_alive(self, known: Known) -> Floats:
        """See Forecast."""
        return self.model.probability_alive(known.history)


@dataclass(frozen=True)
class Errors:
    """How far forecasts lie from what came. ``total_error``: share of all purchases that was said too much (below 0: too
    little). ``auc`` is of ranking who buys again; NaN, as is the correlation, where nothing can be ranked.
    """

    total_error: float
    mae: float
    rmse: float
    correlation: float
    auc: float
    deviance: float

    def as_dict(self) -> dict[str, float]:
        """The figures by name."""
        return asdict(self)


@dataclass(frozen=True)
class Choice:
    """The forecast that was ``chosen``, fitted on all that is known; how each candidate did in the ``judged_days``."""

    chosen: str
    forecast: Forecast
    errors: dict[str, Errors]
    judged_days: float


def _plain(kind: Kind, fits: Fits, last_day: float, seed: int) -> ByHistory:
    return ByHistory(fits.model(kind, last_day))


def _naive(model: PurchaseModel, fits: Fits, last_day: float, seed: int) -> ByHistory:
    return ByHistory(model)


def _followed(kind: Kind, fits: Fits, last_day: float, seed: int) -> ByHistory:
    outcomes = [outcome for _, outcome in _past(kind, fits, last_day, EARLIER)]
    return ByHistory(Followed.fit(fits.model(kind, last_day), outcomes))


def _amount_followed(kind: Kind, fits: Fits, last_day: float, seed: int) -> AmountFollowed[PurchaseModel]:
    model: PurchaseModel = fits.model(kind, last_day)
    return AmountFollowed.fit(model, _past(kind, fits, last_day, EARLIER), fits.days.known(last_day))


def _residual(kind: Kind, fits: Fits, last_day: float, seed: int) -> Residual[PurchaseModel]:
    model: PurchaseModel = fits.model(kind, last_day)
    past = _past(kind, fits, last_day, EARLIER_FOR_TREES)
    if not past:
        raise NotEnoughDataError(
            Text(
                "No customer had come back by any of the earlier days that trees learn from. Give a longer history.",
                "在树模型用于学习的各个较早日期之前，均无客户再次购买。请提供更长的历史。",
            )
        )
    return Residual.fit(model, past, seed)


NAIVE: dict[str, Candidate] = {
    "nobody_returns": partial(_naive, NobodyReturns()),
    "own_rate": partial(_naive, OwnRate()),
}
MODELS: dict[str, Candidate] = {kind.kind: partial(_plain, kind) for kind in KINDS}
FOLLOWED: dict[str, Candidate] = {f"{kind.kind}_followed": partial(_followed, kind) for kind in KINDS}
AMOUNTS: dict[str, Candidate] = {f"{kind.kind}_amounts": partial(_amount_followed, kind) for kind in KINDS}
LEARNT: dict[str, Candidate] = {f"{kind.kind}_residual": partial(_residual, kind) for kind in KINDS}
CANDIDATES = {**NAIVE, **MODELS, **FOLLOWED, **AMOUNTS, **LEARNT}


def choose(fits: Fits, last_day: float, horizon_days: float, among: Indices | None = None, seed: int = 0) -> Choice:
    """The candidate that does best in the last part of what is known at the end of ``last_day``, and how all did.

    That part is one horizon long, or a third of the known time where the horizon is longer. ``among``: the customers
    whose forecasts count, all of them when none are named. Nothing after ``last_day`` is looked at.

    As the level is followed anyway, the model is chosen that ranks best who buys again. It follows, with or
    without amounts, where that lessens the Poisson deviance, and trees are set on it where that is less beyond chance. Naive forecasts are never chosen.
    Raises NotEnoughDataError: nobody bought before the part that is judged, or nothing was bought again in it.
    """
    days = fits.days
    known_days = last_day - float(days.day.min(initial=last_day))
    judged_days = float(np.floor(min(checked_horizon(horizon_days), JUDGED_SHARE * known_days)))
    start = last_day - judged_days
    known = days.known(start)
    rows = np.arange(len(known)) if among is None else np.flatnonzero(np.isin(known.customers, among))
    came = days.purchases(start, last_day)[known.customers][rows]
    if not came.any():
        raise NotEnoughDataError(
            Text(
                "None of {customers} customers bought again in the last {days:.0f} days; purchase models cannot be judged. "
                "Give a longer history.",
                "{customers} 位客户在最近 {days:.0f} 天内均未再次购买，无法评判购买模型。请提供更长的历史。",
            ),
            customers=len(rows),
            days=judged_days,
        )

    def said(name: str) -> Floats:
        return CANDIDATES[name](fits, start, seed).expected_purchases(known, judged_days)[rows]

    expected = {name: said(name) for name in (*NAIVE, *MODELS, *FOLLOWED, *AMOUNTS)}
    base = max(MODELS, key=lambda name: errors_of(expected[name], came).auc)
    trees = f"{base}_residual"
    with suppress(NotEnoughDataError):
        expected[trees] = said(trees)
    errors = {name: errors_of(what, came) for name, what in expected.items()}
    chosen = min((base, f"{base}_followed", f"{base}_amounts"), key=lambda name: errors[name].deviance)
    if trees in expected and _better_beyond_chance(expected[trees], expected[chosen], came):
        chosen = trees
    return Choice(chosen, CANDIDATES[chosen](fits, last_day, seed), errors, judged_days)


def errors_of(expected: Floats, came: Floats) -> Errors:
    """How far expected purchases lie from what came, both of shape (customers,)."""
    ranked = 0 < (came > 0).sum() < len(came) and np.ptp(expected) > 0
    return Errors(
        total_error=float(expected.sum() / came.sum() - 1) if came.any() else np.nan,
        mae=float(np.abs(expected - came).mean()),
        rmse=float(np.sqrt(((expected - came) ** 2).mean())),
        correlation=float(np.corrcoef(expected, came)[0, 1]) if ranked and np.ptp(came) > 0 else np.nan,
        auc=float(roc_auc_score(came > 0, expected)) if ranked else np.nan,
        deviance=float(_deviances(expected, came).mean()),
    )


def _deviances(expected: Floats, came: Floats) -> Floats:
    """Twice the log-likelihood that Poisson counts with these means lack; none is held below a thousandth."""
    mean = np.maximum(expected, LEAST_EXPECTED)
    return np.asarray(2 * (came * np.log(np.where(came > 0, came, 1.0) / mean) - came + mean))


def _better_beyond_chance(said: Floats, other: Floats, came: Floats) -> bool:
    """Whether deviances are less by more than chance among these customers explains, and squared errors are no larger.

    Squared errors hang on a few heavy buyers, too few to tell chance from merit.
    """
    gain = _deviances(other, came) - _deviances(said, came)
    less = gain.mean() > BEYOND_CHANCE * gain.std() / np.sqrt(len(gain))
    return bool(less and ((said - came) ** 2).mean() <= ((other - came) ** 2).mean())


def _past(kind: Kind, fits: Fits, last_day: float, shares: tuple[float, ...]) -> list[tuple[Known, Outcome]]:
    """What the model, fitted on earlier days, said of the time from then until ``last_day``, and what came.

    Days on which too little was known for a model are left out.
    """
    begin, past = float(fits.days.day.min()), []
    for share in shares:
        with suppress(NotEnoughDataError):
            past.append(_outcome(kind, fits, np.floor(begin + share * (last_day - begin)), last_day))
    return past


def _outcome(kind: Kind, fits: Fits, day: float, until: float) -> tuple[Known, Outcome]:
    known = fits.days.known(day)
    expected = fits.model(kind, day).expected_purchases(known.history, until - day)
    return known, Outcome(expected, fits.days.purchases(day, until)[known.customers], until - day)
