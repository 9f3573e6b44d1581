"""What every customer is worth, put together: value score, lifetime value, share of customer, course of spend, retention."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.errors import NotEnoughDataError
from features.own_features import all_features
from features.progress import Progress, silent
from features.project import ChurnSettings
from features.score_settings import ValueScoreSettings
from features.snapshot import snapshot
from features.sources import Facts
from features.text import LANGUAGES, Language, Text
from training.dataset import span
from training.expected_value import NEEDED, ExpectedValue, ServingModels, expected_value, is_by_contracts
from training.life_cycle import MEASURED as STAGE_COLUMNS
from training.life_cycle import life_cycle
from training.retention_curves import RetentionCurves, Unit, retention_curves
from training.share_of_customer import ShareOfCustomer, share_of_customer
from training.trajectory.advice import advise
from training.trajectory.series import monthly_series
from training.trajectory.states import trajectories
from training.value_score.criteria import CUSTOMER_CRITERIA
from training.value_score.industries import industries
from training.value_score.scorecard import Scorecard, fit_scorecard
from training.value_score.sensitivity import Sensitivity, sensitivity
from training.value_score.suppliers import supplier_frame

TRAJECTORY_COLUMNS = ["trajectory", "trajectory_probability", "change_at", "change_from", "change_until"]
SHARE_COLUMNS = {"share_of_customer": "share_of_customer", "basis": "share_basis"}
NEVER_BOUGHT = Text("Has not bought yet.", "尚无购买记录。")

WITHOUT_ORDERS = Text(
    "Share of customer, the course of spend and retention curves are told from orders, and the project has none.",
    "客户份额、消费走势和客户保持曲线需要 orders 表，而项目中没有。",
)
NO_SCORE = Text(
    "There is no value score: contracts alone measure none of its criteria; invoices with payments would (payment"
    " reliability), and so would a feature of your own called strategic_weight.",
    "没有价值评分：仅凭合同无法衡量任何评分指标；提供发票与付款（付款可靠性），或名为 strategic_weight 的自定义特征，即可评分。",
)

SHORT = timedelta(days=3 * 365)
"""Facts that reach back less far make too few yearly cohorts to see anything."""


@dataclass(frozen=True)
class SupplierScores:
    """Suppliers, the best first: supplier_id, value_score (0 to 100) with points_CRITERION and known_weight, purchases_365d."""

    table: pd.DataFrame
    card: Scorecard


@dataclass(frozen=True)
class ValueReport:
    """Values of all customers as of an instant.

    ``customers``: one row each, in the order of their ids: customer_id, value_score (0 to 100) with points_CRITERION, which
    add up to it, and known_weight; the columns of `ExpectedValue.customers`; share_of_customer (0 to 1) and share_basis;
    the columns of `TRAJECTORY_COLUMNS`, and where the trajectory is missing, why (trajectory_reason_en,
    trajectory_reason_zh); advice (`ADVICE`; None: its course is not known). Without orders only the first two of these.
    ``card`` is None, and there are no scores, where no criterion can be measured. ``share`` is None without orders,
    ``curves`` also where no customer's first period is over. ``suppliers``: the score of each supplier by the same
    machinery, None where the project gives no supplies. ``told``: what could not be told, and why.
    """

    customers: pd.DataFrame
    expected: ExpectedValue
    card: Scorecard | None
    sensitivity: list[Sensitivity]
    share: ShareOfCustomer | None
    curves: RetentionCurves | None
    suppliers: "SupplierScores | None" = None
    told: tuple[Text, ...] = ()

    @property
    def best(self) -> pd.DataFrame:
        """The customers with a score, the best first; equal ones by their ids."""
        if self.card is None:
            return self.customers[:0]
        return self.customers.dropna(subset="value_score").sort_values(
            ["value_score", "customer_id"], ascending=[False, True]
        )


def value_report(
    facts: Facts, as_of: datetime, progress: Progress = silent, serving: ServingModels | None = None
) -> ValueReport:
    """The values of everybody who is on file or bought before ``as_of`` (aware), by facts that were known then.

    Raises FactsError: the project gives neither orders nor contracts that end. NotEnoughDataError: no criterion of the
    score can be measured, and there are no contracts either. ModelError: a model that serves does not fit the facts.
    """
    by_contracts = is_by_contracts(facts)
    progress(Text("computing features", "计算特征"), 0.05)
    frame = _frame(facts, as_of)
    progress(Text("scoring", "计算价值评分"), 0.2)
    card = _card(frame, facts.project.value.score, by_contracts)
    of_industries = industries(facts, as_of)
    moved = sensitivity(card, frame, of_industries) if card else []
    progress(Text("learning what customers will bring", "学习客户未来的贡献"), 0.3)
    expected = expected_value(facts, frame, as_of, serving or ServingModels())
    parts = [card.score(frame, of_industries) if card else frame[[]], expected.customers]
    share = curves = None
    if not by_contracts:
        progress(Text("reading who buys what", "读取购买品类"), 0.7)
        share = share_of_customer(facts, as_of)
        parts.append(share.customers[list(SHARE_COLUMNS)].rename(columns=SHARE_COLUMNS).reindex(frame.index))
        progress(Text("following each customer's spend", "判断价值走势"), 0.8)
        parts.append(_courses(facts, frame, as_of, expected))
        progress(Text("drawing retention curves", "绘制客户保持曲线"), 0.9)
        curves = _curves(facts, as_of)
    suppliers = supplier_scores(facts, as_of) if "supplies" in facts.columns else None
    customers = pd.concat(parts, axis=1).rename_axis("customer_id").reset_index()
    told = (*(() if card else (NO_SCORE,)), *((WITHOUT_ORDERS,) if by_contracts else ()))
    return ValueReport(customers, expected, card, moved, share, curves, suppliers, told)


def supplier_scores(facts: Facts, as_of: datetime) -> SupplierScores | None:
    """The suppliers of the 365 days before ``as_of`` (aware), rated by their deliveries; None where nothing can be measured.

    Raises FactsError: the project gives no supplies. ProjectError: the judgements of [value.suppliers] contradict each other.
    """
    frame = supplier_frame(facts, as_of)
    try:
        card = fit_scorecard(frame, facts.project.value.suppliers)
    except NotEnoughDataError:
        return None
    scored = card.score(frame).assign(purchases_365d=frame["purchases_365d"]).reset_index()
    ranked = scored.sort_values(["value_score", "supplier_id"], ascending=[False, True], na_position="last")
    return SupplierScores(ranked.reset_index(drop=True), card)


def _frame(facts: Facts, as_of: datetime) -> pd.DataFrame:
    """The features that values are told from, one row a customer by customer_id."""
    measured = {measure.column for criterion in CUSTOMER_CRITERIA for measure in criterion.measures}
    wanted = measured | {*STAGE_COLUMNS} | NEEDED
    features = [feature for feature in all_features(facts) if feature.name in wanted]
    frame: pd.DataFrame = snapshot(facts, [as_of], features=features).to_pandas().set_index("customer_id").sort_index()
    return frame


def _card(frame: pd.DataFrame, settings: ValueScoreSettings, by_contracts: bool) -> Scorecard | None:
    """The scorecard; None where contracts tell of customers, and no criterion of the score can be measured."""
    try:
        return fit_scorecard(frame, settings)
    except NotEnoughDataError:
        if not by_contracts:
            raise
        return None


def _courses(facts: Facts, frame: pd.DataFrame, as_of: datetime, expected: ExpectedValue) -> pd.DataFrame:
    """Where the spend of each customer is heading, why that is not told, and the advice that follows."""
    heading = trajectories(monthly_series(facts, as_of))
    reasons = {f"trajectory_reason_{language}": _of(heading["reason"], language) for language in LANGUAGES}
    courses = heading[TRAJECTORY_COLUMNS].assign(**reasons).reindex(frame.index)
    never = ~frame.index.isin(heading.index)  # prospects have no series of spend
    for language in LANGUAGES:
        courses.loc[never, f"trajectory_reason_{language}"] = NEVER_BOUGHT.of(language)
    courses["advice"] = _advice(courses["trajectory"], frame, facts.project.churn, expected)
    return courses


def _curves(facts: Facts, as_of: datetime) -> RetentionCurves | None:
    first, _ = span(facts)
    unit: Unit = "quarter" if as_of - first < SHORT else "year"
    try:
        return retention_curves(facts, as_of, unit, unit)
    except NotEnoughDataError:
        return None


def _advice(
    course: "pd.Series[Any]", frame: pd.DataFrame, churn: ChurnSettings, expected: ExpectedValue
) -> NDArray[np.object_]:
    """What each customer's course asks for; who is silent beyond its rhythm, or whose contracts ended, is at high risk.

    Not worth holding is who is expected to leave nothing after its costs; nobody, where that is not known.
    """
    at_risk = (life_cycle(frame, churn)["stage"] == "termination").to_numpy()
    states = [state if isinstance(state, str) else None for state in course]
    is_worth = np.ones(len(frame), dtype=bool)
    if expected.is_known:
        is_worth = ~(expected.customers[expected.net].reindex(frame.index) <= 0).to_numpy()
    return advise(states, at_risk, is_worth)


def _of(reasons: "pd.Series[Any]", language: Language) -> np.ndarray[tuple[int, ...], np.dtype[np.object_]]:
    """The reasons in one language; there are few different ones."""
    codes, texts = pd.factorize(reasons)
    words = np.array([*(text.of(language) for text in texts), None], dtype=object)
    return np.asarray(words[codes])
