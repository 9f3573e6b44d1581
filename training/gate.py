"""The gate: may a newly trained model serve? JudgedRows on the same rows as the model that serves now.

Ranking does not decide. Probabilities are multiplied with money, so the gate asks what the decisions would have earned
and whether the probabilities came true; a model that only ranks as well, with probabilities that are wrong, is refused.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.text import Text
from training.evaluation.metrics import CALIBRATION_BINS, LEAST_PROBABILITY, reliability

Floats = NDArray[np.float64]

NOISE_ERRORS = 1.645
"""How many standard errors a model has to be worse before it is called worse: one side, 5 %."""
TOLERATED_MISCALIBRATION = 0.06
"""What seasons and drift do to honest probabilities from one training to the next (on CDNOW 4 points within a horizon);
noise comes on top of it. Classes that count double move a rate of one half by 17 points."""
WORSE_CALIBRATION = 0.01
"""A calibration error that is higher than that of the serving model by less than this changes no decision."""
PER_CUSTOMERS = 1_000


@dataclass(frozen=True)
class JudgedRows:
    """The rows that models are judged on, parallel arrays of shape (rows,).

    A customer has one row at each ``cutoffs`` at which it was active. ``churned`` is 0 or 1; ``value`` is the margin
    that is lost when the customer leaves, in currency.
    """

    customers: NDArray[np.object_]
    cutoffs: NDArray[np.datetime64]
    churned: NDArray[np.int64]
    value: Floats

    def __post_init__(self) -> None:
        if len({len(part) for part in (self.customers, self.cutoffs, self.churned, self.value)}) != 1:
            raise ValueError("customers, cutoffs, churned and value must have one entry a row")
        if not len(self.churned) or not np.isfinite(self.value).all():
            raise ValueError("there must be rows, each with a finite value")


@dataclass(frozen=True)
class Money:
    """What a contact costs, in currency, and the share of those about to leave whom it keeps."""

    contact_cost: float
    effect: float
    currency: str


@dataclass(frozen=True)
class Difference:
    """What was measured between two models on the same rows, a mean over the rows.

    ``measure`` is money (currency a customer), calibration_in_the_large, calibration_error (share) or log_loss (nats);
    positive is better for the model that was judged, but for the two calibrations by themselves (``against`` truth).
    """

    measure: str
    against: str
    value: float
    standard_error: float


@dataclass(frozen=True)
class Verdict:
    """Whether a model may serve, why in words, and the differences that the words rest on."""

    promote: bool
    reasons: tuple[Text, ...]
    differences: tuple[Difference, ...]

    def as_json(self) -> dict[str, Any]:
        """The verdict in plain lists, dicts, numbers and texts."""
        return {
            "promote": self.promote,
            "reasons": [reason._asdict() for reason in self.reasons],
            "differences": [asdict(difference) for difference in self.differences],
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Verdict":
        """Read what `as_json` gave."""
        return cls(
            document["promote"],
            tuple(Text(**reason) for reason in document["reasons"]),
            tuple(Difference(**difference) for difference in document["differences"]),
        )


def decide(
    judged: JudgedRows, challenger: Floats, champion: Floats | None, baselines: Mapping[str, Floats], money: Money
) -> Verdict:
    """Whether a challenger may serve, from what it, the champion and the baselines said of the same rows.

    Parameters: probabilities of leaving, each of shape (rows,); ``champion`` is None where nothing serves yet or where
    it already knew the outcomes. Refused is what is worse beyond noise: standard errors are those of paired differences,
    clustered by customer (Liang and Zeger 1986), because the rows of one customer are alike.
    """
    findings = [
        *_of_money(judged, challenger, champion, money),
        *_of_calibration(judged, challenger, champion),
        *_of_log_loss(judged, challenger, champion, baselines),
    ]
    differences = tuple(difference for difference, _ in findings)
    refusals = tuple(reason for _, reason in findings if reason is not None)
    if refusals:
        return Verdict(False, refusals, differences)
    return Verdict(True, (_praise(differences, champion is not None, money),), differences)


_Finding = tuple[Difference, Text | None]
"""What was measured, and why it forbids the model to serve, or None."""


def earned(judged: JudgedRows, probability: Floats, money: Money) -> Floats:
    """What deciding by a probability would have earned, in currency a row, shape (rows,).

    A customer is contacted when probability x effect x value exceeds the cost of the contact; it brings effect x value
    if the customer was about to leave.
    """
    contacted = probability * money.effect * judged.value > money.contact_cost
    return np.where(contacted, money.effect * judged.value * judged.churned - money.contact_cost, 0.0)


def _of_money(judged: JudgedRows, challenger: Floats, champion: Floats | None, money: Money) -> list[_Finding]:
    profit = earned(judged, challenger, money)
    alone = _difference("money", "nobody", profit, judged)
    found: list[_Finding] = [(alone, _LOSES.format(**_money(alone, money)) if _worse(alone) else None)]
    if champion is not None:
        against = _difference("money", "champion", profit - earned(judged, champion, money), judged)
        found.append((against, _EARNS_LESS.format(**_money(against, money)) if _worse(against) else None))
    return found


def _of_calibration(judged: JudgedRows, challenger: Floats, champion: Floats | None) -> list[_Finding]:
    in_the_large = _difference("calibration_in_the_large", "truth", challenger - judged.churned, judged)
    excess = abs(in_the_large.value) - NOISE_ERRORS * in_the_large.standard_error
    rates = {"predicted": float(challenger.mean()), "observed": float(judged.churned.mean())}
    level = _WRONG_LEVEL.format(gap=100 * in_the_large.value, error=100 * in_the_large.standard_error, **rates)
    found: list[_Finding] = [(in_the_large, level if excess > TOLERATED_MISCALIBRATION else None)]

    signed, noise, spread = _calibration_error(judged, challenger)
    error = Difference("calibration_error", "truth", float(signed.mean()), spread)
    above = error.value - noise - NOISE_ERRORS * spread
    wrong = _MISCALIBRATED.format(error=100 * error.value, noise=100 * (noise + NOISE_ERRORS * spread))
    found.append((error, wrong if above > TOLERATED_MISCALIBRATION else None))
    if champion is not None:
        before, *_ = _calibration_error(judged, champion)
        against = _difference("calibration_error", "champion", before - signed, judged)
        worse = -against.value - NOISE_ERRORS * against.standard_error > WORSE_CALIBRATION
        words = _WORSE_CALIBRATED.format(
            error=100 * error.value, before=100 * float(before.mean()), noise=100 * against.standard_error
        )
        found.append((against, words if worse else None))
    return found


def _of_log_loss(
    judged: JudgedRows, challenger: Floats, champion: Floats | None, baselines: Mapping[str, Floats]
) -> list[_Finding]:
    """A baseline has to be beaten by more than a standard error; the champion must not be better beyond noise."""
    losses = _log_losses(judged, challenger)
    found: list[_Finding] = []
    for name, probability in baselines.items():
        gain = _difference("log_loss", name, _log_losses(judged, probability) - losses, judged)
        words = _BASELINE.format(
            name=_BASELINE_NAMES.get(name, Text(name, name)), gain=gain.value, error=gain.standard_error
        )
        found.append((gain, None if gain.value > gain.standard_error else words))
    if champion is not None:
        gain = _difference("log_loss", "champion", _log_losses(judged, champion) - losses, judged)
        found.append((gain, _LOG_LOSS.format(loss=-gain.value, error=gain.standard_error) if _worse(gain) else None))
    return found


def _praise(differences: tuple[Difference, ...], has_champion: bool, money: Money) -> Text:
    """Why a model may serve: it is the first one, it is better, or it is equal and knows newer facts."""
    by_name = {(d.measure, d.against): d for d in differences}
    if not has_champion:
        alone = by_name["money", "nobody"]
        return _FIRST.format(**_money(alone, money)) if _earns(alone) else _FIRST_UNPAID
    earnings, loss = by_name["money", "champion"], by_name["log_loss", "champion"]
    better = any(d.value > NOISE_ERRORS * d.standard_error for d in (earnings, loss))
    words = _BETTER if better else _EQUAL
    paid = _EARNED.format(**_money(earnings, money)) if _earns(by_name["money", "nobody"]) else Text("", "")
    return words.format(money=paid, gain=loss.value, loss_error=loss.standard_error)


def _earns(difference: Difference) -> bool:
    """Whether any contact pays at all: not where values are unknown, or too low for every action."""
    return difference.value != 0 or difference.standard_error != 0


def _money(difference: Difference, money: Money) -> dict[str, Any]:
    return {
        "currency": money.currency,
        "amount": PER_CUSTOMERS * difference.value,
        "loss": -PER_CUSTOMERS * difference.value,
        "error": PER_CUSTOMERS * difference.standard_error,
        "customers": PER_CUSTOMERS,
    }


def _worse(difference: Difference) -> bool:
    return difference.value < -NOISE_ERRORS * difference.standard_error


def _difference(measure: str, against: str, per_row: Floats, judged: JudgedRows) -> Difference:
    return Difference(measure, against, float(per_row.mean()), _error_of_mean(per_row - per_row.mean(), judged))


def _error_of_mean(deviations: Floats, judged: JudgedRows) -> float:
    """Standard error of a mean over the rows, from each row's deviation from it; rows of one customer count together."""
    owner = np.unique(judged.customers, return_inverse=True)[1]
    sums = np.bincount(owner, weights=deviations)
    if len(sums) < 2:
        return float("inf")
    return float(np.sqrt(len(sums) / (len(sums) - 1) * (sums**2).sum()) / len(deviations))


def _calibration_error(judged: JudgedRows, probability: Floats) -> tuple[Floats, float, float]:
    """The calibration error a row, whose mean is the error; what noise alone would make of it, and that noise's spread.

    In each of ten bins of equal mass the gap between probability and outcome of a calibrated model is normal around
    zero, so that its size has mean s sqrt(2 / pi) and variance s^2 (1 - 2 / pi).
    """
    gaps = probability - judged.churned
    order = np.argsort(probability, kind="stable")
    signed, errors = np.empty(len(gaps)), []
    parts = [part for part in np.array_split(order, CALIBRATION_BINS) if len(part)]
    for rows, (mean, observed, _) in zip(parts, reliability(judged.churned, probability), strict=True):
        inside = np.zeros(len(gaps))
        inside[rows] = gaps[rows] - gaps[rows].mean()
        errors.append(_error_of_mean(inside, judged))
        # The gap of the bin itself, not of the row: equal probabilities on both sides of a border share their outcomes.
        signed[rows] = np.sign(mean - observed) * (gaps[rows] - gaps[rows].mean()) + abs(mean - observed)
    spreads = np.asarray(errors)
    return signed, float(spreads.sum() * np.sqrt(2 / np.pi)), float(np.sqrt((spreads**2).sum() * (1 - 2 / np.pi)))


def _log_losses(judged: JudgedRows, probability: Floats) -> Floats:
    truth = np.where(judged.churned == 1, probability, 1 - probability)
    return np.asarray(-np.log(np.maximum(truth, LEAST_PROBABILITY)))


_LOSES = Text(
    "Deciding by it loses money: {currency} {loss:,.0f} ± {error:,.0f} per {customers:,} customers, against contacting nobody.",
    "按它决策会亏钱：与谁都不联系相比，每 {customers:,} 位客户亏 {currency} {loss:,.0f} ± {error:,.0f}。",
)
_EARNS_LESS = Text(
    "Deciding by it earns less than deciding by the serving model: {currency} {loss:,.0f} ± {error:,.0f} less per"
    " {customers:,} customers.",
    "按它决策比按当前模型决策赚得少：每 {customers:,} 位客户少 {currency} {loss:,.0f} ± {error:,.0f}。",
)
_WRONG_LEVEL = Text(
    "Its probabilities are wrong as a whole: {predicted:.1%} on average, while {observed:.1%} left (off by {gap:+.1f} ±"
    " {error:.1f} percentage points). Were classes re-weighted without calibrating again?",
    "概率整体偏离：平均预测 {predicted:.1%}，实际流失 {observed:.1%}（相差 {gap:+.1f} ± {error:.1f} 个百分点）。"
    "是否对类别加权后没有重新校准？",
)
_MISCALIBRATED = Text(
    "Its probabilities do not come true: calibration error {error:.1f} percentage points, of which noise explains at most"
    " {noise:.1f}.",
    "概率与实际不符：校准误差 {error:.1f} 个百分点，其中噪声最多能解释 {noise:.1f} 个百分点。",
)
_WORSE_CALIBRATED = Text(
    "Its calibration error is {error:.1f} percentage points, that of the serving model {before:.1f} (± {noise:.1f} for the"
    " difference).",
    "校准误差为 {error:.1f} 个百分点，当前模型为 {before:.1f} 个百分点（差值 ± {noise:.1f}）。",
)
_BASELINE = Text(
    "It does not beat a baseline, {name}: its log-loss is {gain:+.4f} ± {error:.4f} nats a customer better; more than one"
    " standard error is needed.",
    "未能优于基线（{name}）：每位客户的对数损失改善 {gain:+.4f} ± {error:.4f} 奈特，需超过一个标准误。",
)
_LOG_LOSS = Text(
    "Its log-loss is higher than that of the serving model by {loss:.4f} ± {error:.4f} nats a customer.",
    "对数损失高于当前模型：每位客户高 {loss:.4f} ± {error:.4f} 奈特。",
)
_FIRST = Text(
    "It beats the baselines, its probabilities come true, and deciding by it earns {currency} {amount:,.0f} ± {error:,.0f}"
    " per {customers:,} customers. There was no serving model to compare it with.",
    "优于各基线，概率与实际相符，按它决策每 {customers:,} 位客户可得 {currency} {amount:,.0f} ± {error:,.0f}。"
    "没有可供比较的当前模型。",
)
_FIRST_UNPAID = Text(
    "It beats the baselines, and its probabilities come true; at the values that are known, no contact pays. There was no"
    " serving model to compare it with.",
    "优于各基线，概率与实际相符；按已知的客户价值，没有值得进行的联系。没有可供比较的当前模型。",
)
_EARNED = Text(
    "{currency} {amount:+,.0f} ± {error:,.0f} per {customers:,} customers, ",
    "每 {customers:,} 位客户 {currency} {amount:+,.0f} ± {error:,.0f}，",
)
_BETTER = Text(
    "It is better than the serving model: {money}log-loss lower by {gain:.4f} ± {loss_error:.4f} nats a customer.",
    "优于当前模型：{money}每位客户的对数损失降低 {gain:.4f} ± {loss_error:.4f} 奈特。",
)
_EQUAL = Text(
    "It equals the serving model within noise ({money}log-loss lower by {gain:.4f} ± {loss_error:.4f} nats a customer) and"
    " knows newer facts.",
    "与当前模型在噪声范围内相当（{money}每位客户的对数损失降低 {gain:.4f} ± {loss_error:.4f} 奈特），且使用了更新的数据。",
)

_BASELINE_NAMES: dict[str, Text] = {
    "base_rate": Text("base rate", "总体流失率"),
    "recency": Text("recency alone", "仅用最近购买时间"),
    "number_of_purchases": Text("number of purchases alone", "仅用购买次数"),
    "own_rhythm": Text("silence against the own rhythm alone", "仅用沉默时间与自身节奏之比"),
    "contract_age": Text("age of the contract alone", "仅用合同已生效时间"),
    "best_attribute": Text("the best attribute alone", "仅用最佳属性"),
}
