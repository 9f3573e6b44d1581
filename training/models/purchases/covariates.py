"""BG/NBD, MBG/NBD and Pareto/NBD whose customers differ by what is known of them from the beginning.

Fader & Hardie (2007), Incorporating time-invariant covariates into the Pareto/NBD and BG/NBD models: a covariate makes
purchases, and leaving, more or less frequent by the same factor for all who share it. So the distribution of rates keeps
its shape, and its scale is α·exp(-γ'z): the model is the plain one with parameters of the customer's own. The covariates z
are standardised, and the other parameters are those of a customer whose covariates lie at their means.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Protocol, Self, cast

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from features.errors import ModelError
from features.text import Text
from training.models.purchases import beta_geometric, pareto_nbd
from training.models.purchases.beta_geometric import check_repeats
from training.models.purchases.beta_geometric_mixture import BetaGeometricMixture
from training.models.purchases.bg_nbd import BgNbd
from training.models.purchases.covariate_history import CovariateHistory
from training.models.purchases.history import PurchaseHistory, checked_horizon, for_each_distinct
from training.models.purchases.maximum_likelihood import Fit, Likelihood, fit_history, parameters_from_json
from training.models.purchases.mbg_nbd import MbgNbd
from training.models.purchases.pareto_mixture import ParetoMixture
from training.models.purchases.pareto_nbd import ParetoNbd

Floats = NDArray[np.float64]

MORE_STARTS = 2
"""Starts beside the peak of the plain model, all of them without an effect of the covariates."""
MOST_LOG_CHANGE = 30.0
"""Logs of parameters change by no more than this, so that a search that goes astray overflows nowhere."""


class Mixture(Protocol):
    """What a plain model says of customers with parameters of their own; see `BetaGeometricMixture`."""

    def alive(self, history: PurchaseHistory) -> Floats: ...  # noqa: D102
    def expected(self, history: PurchaseHistory, horizon_days: float) -> Floats: ...  # noqa: D102
    def none(self, history: PurchaseHistory, horizon_days: float) -> Floats: ...  # noqa: D102
    def came(self, history: PurchaseHistory, purchases: Floats, horizon_days: float) -> Floats: ...  # noqa: D102
    def log_likelihoods(self, history: PurchaseHistory) -> tuple[Floats, Floats]: ...  # noqa: D102


@dataclass(frozen=True)
class Form:
    """A plain model, its parameters by ``names``, and those that covariates move.

    ``signs``: of the coefficients in exp(±γ'z). A scale in days becomes the smaller, the more frequent what it counts.
    """

    plain: type[BgNbd] | type[MbgNbd] | type[ParetoNbd]
    names: tuple[str, ...]
    signs: dict[str, float]
    starts: tuple[tuple[float, ...], ...]
    rough_groups: int
    mixture: Callable[..., Mixture]


@dataclass(frozen=True)
class Covariate:
    """A covariate with the mean and standard deviation by which it is standardised.

    ``coefficients`` by parameter: γ, by how much a standard deviation more moves the logarithm.
    """

    name: str
    mean: float
    standard_deviation: float
    coefficients: dict[str, float]


@dataclass(frozen=True)
class LikelihoodRatio:
    """Twice the gain of log-likelihood over the plain model, and how likely chance alone gains as much (χ²)."""

    statistic: float
    degrees_of_freedom: int
    p_value: float


@dataclass(frozen=True)
class CovariateFit(Fit["CovariateModel"]):
    """A fit with ``against_plain``, its test against the plain model of the same customers.

    ``standard_errors`` of coefficients stand under "parameter:covariate".
    """

    against_plain: LikelihoodRatio


@dataclass(frozen=True)
class CovariateModel:
    """``parameters`` by name, as in the plain model, and what moves them. It answers for a `CovariateHistory`."""

    parameters: dict[str, float]
    covariates: tuple[Covariate, ...]

    kind: ClassVar[str]
    form: ClassVar[Form]

    @classmethod
    def fit(cls, history: CovariateHistory, names: Sequence[str]) -> CovariateFit:
        """The most likely parameters and coefficients for these customers; ``names`` of the covariates in their order.

        Raises NotEnoughDataError: nobody came back, a covariate does not differ or says what others say, or the search
        finds no peak. Raises ModelError: there is not one name for each covariate.
        """
        check_repeats(history)
        mean, deviation = history.means_and_deviations(names)
        plain, moved = cls.form.plain.fit(history.plain()), tuple(cls.form.signs)
        unit = float(history.age_days.mean())
        peak = [getattr(plain.model, name) / (unit if name.endswith("_days") else 1) for name in cls.form.names]
        starts = [(*start, *[1.0] * (len(names) * len(moved))) for start in (peak, *cls.form.starts[:MORE_STARTS])]

        def made(*found: float) -> CovariateModel:
            base, ratios = found[: len(cls.form.names)], found[len(cls.form.names) :]
            gammas = np.log(ratios).reshape(len(moved), len(names)).T.tolist()
            covariates = tuple(
                Covariate(name, centre, spread, dict(zip(moved, own, strict=True)))
                for name, centre, spread, own in zip(names, mean.tolist(), deviation.tolist(), gammas, strict=True)
            )
            return cls(dict(zip(cls.form.names, base, strict=True)), covariates)

        labels = [f"{parameter}:{name}" for parameter in moved for name in names]
        numbers = [str(number) for number in range(len(labels))]
        fit = fit_history(
            made,
            lambda distinct, customers: cls._likelihood_of(distinct, customers, mean, deviation),
            history,
            starts,
            cls.form.rough_groups,
            (*cls.form.names, *numbers),
        )
        ratios = np.exp([c.coefficients[parameter] for parameter in moved for c in fit.model.covariates])
        errors = {name: fit.standard_errors[name] for name in cls.form.names}
        own = [fit.standard_errors[number] for number in numbers] / ratios  # the search was for exp(γ)
        errors |= dict(zip(labels, own.tolist(), strict=True))
        gain = max(2 * (fit.log_likelihood - plain.log_likelihood), 0.0)
        ratio = LikelihoodRatio(gain, len(labels), float(chi2.sf(gain, len(labels))))
        return CovariateFit(fit.model, errors, fit.log_likelihood, fit.customers, fit.groups, ratio)

    def log_likelihood(self, history: PurchaseHistory) -> float:
        """Sum of the customers' log-likelihoods, with times in days, comparable with the plain model's."""
        return self.log_likelihood_and_gradient(history)[0]

    def log_likelihood_and_gradient(self, history: PurchaseHistory) -> tuple[float, Floats]:
        """The log-likelihood, and its derivatives by the logarithms of the parameters, then by the coefficients.

        The coefficients of one parameter stand together, in the order of the covariates.
        """
        grouped = history.grouped()
        distinct = self._checked(grouped.distinct)
        mean, deviation = self._standard()
        gammas = [c.coefficients[parameter] for parameter in self.form.signs for c in self.covariates]
        at = np.concatenate([list(self.parameters.values()), np.exp(gammas)])
        value, gradient = self._likelihood_of(distinct, grouped.customers, mean, deviation)(at)
        return value, gradient * at

    def probability_alive(self, history: PurchaseHistory) -> Floats:
        """Probability that the customer has not left by the cut-off, from 0 to 1, shape (customers,).

        This and all that follows raise ModelError: the history has no covariates, or another number of them.
        """
        return for_each_distinct(self._checked(history), lambda distinct: self._mixture(distinct).alive(distinct))

    def expected_purchases(self, history: PurchaseHistory, horizon_days: float) -> Floats:
        """Expected purchases within ``horizon_days`` after the cut-off, shape (customers,).

        Raises ModelError: the horizon is negative or not finite.
        """
        horizon = checked_horizon(horizon_days)
        return for_each_distinct(self._checked(history), lambda some: self._mixture(some).expected(some, horizon))

    def probability_of_no_purchase(self, history: PurchaseHistory, horizon_days: float) -> Floats:
        """Probability that nothing is bought within ``horizon_days`` after the cut-off, shape (customers,).

        Raises ModelError: the horizon is negative or not finite.
        """
        horizon = checked_horizon(horizon_days)
        return for_each_distinct(self._checked(history), lambda some: self._mixture(some).none(some, horizon))

    def probability_of_at_least(self, history: PurchaseHistory, purchases: Floats, horizon_days: float) -> Floats:
        """Probability of so many purchases or more, each at least 1, within ``horizon_days``, shape (customers,).

        Raises ModelError: the horizon is negative or not finite.
        """
        horizon, alive = checked_horizon(horizon_days), self.probability_alive(history)
        return np.asarray(np.minimum(alive * self._mixture(history).came(history, purchases, horizon), 1.0))

    def to_json(self) -> dict[str, Any]:
        """The model as a dict that JSON can hold."""
        return {"kind": self.kind, **self.parameters, "covariates": [asdict(each) for each in self.covariates]}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        """The model from what `to_json` gave. Raises ModelError: it is another kind, or a number is not sound."""
        parameters = parameters_from_json(stored, cls.kind, cls.form.names)
        return cls(parameters, tuple(_covariate(each, tuple(cls.form.signs)) for each in stored.get("covariates", ())))

    def _standard(self) -> tuple[Floats, Floats]:
        return np.array([c.mean for c in self.covariates]), np.array([c.standard_deviation for c in self.covariates])

    def _mixture(self, history: PurchaseHistory) -> Mixture:
        mean, deviation = self._standard()
        z = (self._checked(history).covariates - mean) / deviation
        changes = {
            name: sign * (z @ [c.coefficients[name] for c in self.covariates]) for name, sign in self.form.signs.items()
        }
        return self.form.mixture(*_moved(self.parameters, changes))

    def _checked(self, history: PurchaseHistory) -> CovariateHistory:
        if isinstance(history, CovariateHistory) and history.covariates.shape[1] == len(self.covariates):
            return history
        raise ModelError(
            Text(
                "The model was fitted with the covariates {names}, but the history has {got} of them. Give the same "
                "ones in the same order, with CovariateHistory.with_covariates.",
                "模型拟合时使用的协变量为 {names}，而购买历史中有 {got} 个。请用 CovariateHistory.with_covariates 按相同顺序提供相同的协变量。",
            ),
            names=", ".join(c.name for c in self.covariates),
            got=history.covariates.shape[1] if isinstance(history, CovariateHistory) else 0,
        )

    @classmethod
    def _likelihood_of(cls, history: PurchaseHistory, customers: Floats, mean: Floats, deviation: Floats) -> Likelihood:
        """The log-likelihood of distinct histories, by the parameters and then exp(γ) of each parameter that moves."""
        history = cast(CovariateHistory, history)  # its groups are one, too
        z, names, signs = (history.covariates - mean) / deviation, cls.form.names, cls.form.signs

        def likelihood(parameters: Floats) -> tuple[float, Floats]:
            gammas = np.log(parameters[len(names) :]).reshape(len(signs), z.shape[1])
            changes = {name: sign * (z @ own) for (name, sign), own in zip(signs.items(), gammas, strict=True)}
            base = dict(zip(names, parameters.tolist(), strict=False))
            value, by_log = cls.form.mixture(*_moved(base, changes)).log_likelihoods(history)
            by_log = by_log * customers
            by_gamma = [sign * (by_log[names.index(name)] @ z) for name, sign in signs.items()]
            return float(customers @ value), np.concatenate([by_log.sum(axis=1), *by_gamma]) / parameters

        return likelihood


def _moved(parameters: dict[str, float], changes: dict[str, Floats]) -> list[float | Floats]:
    """The parameters of each customer, those that move by these changes of their logarithms of shape (customers,)."""
    return [
        value * np.exp(np.clip(changes[name], -MOST_LOG_CHANGE, MOST_LOG_CHANGE)) if name in changes else value
        for name, value in parameters.items()
    ]


def _beta_geometric(plain: type[BgNbd] | type[MbgNbd]) -> Form:
    """Form with coefficients of their own for a and b, as one for both would leave the mean a / (a + b) as it is."""

    def mixture(r: float, alpha: Floats, a: Floats, b: Floats) -> Mixture:
        return BetaGeometricMixture(r, alpha, a, b, plain.first_purchase_counts)

    signs = {"alpha_days": -1.0, "a": 1.0, "b": 1.0}
    names = ("r", "alpha_days", "a", "b")
    return Form(plain, names, signs, beta_geometric.STARTS, beta_geometric.ROUGH_GROUPS, mixture)


class BgNbdCovariates(CovariateModel):
    """BG/NBD; positive coefficients of ``alpha_days``: more purchases, of ``a``: leaving sooner, of ``b``: staying."""

    kind = "bg_nbd_covariates"
    form = _beta_geometric(BgNbd)


class MbgNbdCovariates(CovariateModel):
    """MBG/NBD; coefficients as in `BgNbdCovariates`."""

    kind = "mbg_nbd_covariates"
    form = _beta_geometric(MbgNbd)


class ParetoNbdCovariates(CovariateModel):
    """Pareto/NBD; positive coefficients of ``alpha_days``: more purchases, of ``beta_days``: leaving sooner."""

    kind = "pareto_nbd_covariates"
    form = Form(
        ParetoNbd,
        pareto_nbd.NAMES,
        {"alpha_days": -1.0, "beta_days": -1.0},
        pareto_nbd.STARTS,
        pareto_nbd.ROUGH_GROUPS,
        ParetoMixture,
    )


def _covariate(stored: dict[str, Any], moved: tuple[str, ...]) -> Covariate:
    """The covariate that was stored. Raises ModelError: a number is missing or not finite, or the deviation not above 0."""
    kind = "covariate"
    known = parameters_from_json({**stored, "kind": kind}, kind, ("mean", "standard_deviation"), signed=("mean",))
    own = parameters_from_json({**stored.get("coefficients", {}), "kind": kind}, kind, moved, signed=moved)
    return Covariate(str(stored.get("name")), known["mean"], known["standard_deviation"], own)
