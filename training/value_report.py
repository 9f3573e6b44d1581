"""What every customer is worth, put together: value score, share of customer, where its spend is heading, retention."""

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
from features.snapshot import snapshot
from features.sources import Facts
from features.text import LANGUAGES, Language, Text
from training.dataset import span
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
    add up to it, and known_weight; share_of_customer (0 to 1) and share_basis; the columns of `TRAJECTORY_COLUMNS`, and
    where the trajectory is missing, why (trajectory_reason_en, trajectory_reason_zh); advice (`ADVICE`; None: its course is
    not known). ``curves`` is None where no customer's first period is over. ``suppliers``: the score of each supplier by
    the same machinery, None where the project gives no supplies.
    """

    customers: pd.DataFrame
    card: Scorecard
    sensitivity: list[Sensitivity]
    share: ShareOfCustomer
    curves: RetentionCurves | None
    suppliers: "SupplierScores | None" = None

    @property
    def best(self) -> pd.DataFrame:
        """The customers with a score, the best first; equal ones by their ids."""
        return self.customers.dropna(subset="value_score").sort_values(
            ["value_score", "customer_id"], ascending=[False, True]
        )


def value_report(facts: Facts, as_of: datetime, progress: Progress = silent) -> ValueReport:
    """The values of everybody who is on file or bought before ``as_of`` (aware), by facts that were known then.

    Raises FactsError: the project gives no orders. NotEnoughDataError: no criterion of the score can be measured.
    """
    progress(Text("reading who buys what", "读取购买品类"), 0.05)
    share = share_of_customer(facts, as_of)
    progress(Text("computing features", "计算特征"), 0.2)
    measured = {measure.column for criterion in CUSTOMER_CRITERIA for measure in criterion.measures}
    features = [feature for feature in all_features(facts) if feature.name in measured.union(STAGE_COLUMNS)]
    frame = snapshot(facts, [as_of], features=features).to_pandas().set_index("customer_id").sort_index()
    progress(Text("scoring", "计算价值评分"), 0.5)
    settings, of_industries = facts.project.value.score, industries(facts, as_of)
    card = fit_scorecard(frame, settings)
    scores = card.score(frame, of_industries)
    moved = sensitivity(card, frame, of_industries)
    progress(Text("following each customer's spend", "判断价值走势"), 0.6)
    heading = trajectories(monthly_series(facts, as_of))
    reasons = {f"trajectory_reason_{language}": _of(heading["reason"], language) for language in LANGUAGES}
    shares = share.customers[list(SHARE_COLUMNS)].rename(columns=SHARE_COLUMNS)
    customers = scores.join([shares, heading[TRAJECTORY_COLUMNS].assign(**reasons)])
    for language in LANGUAGES:  # prospects have no series of spend
        never = ~customers.index.isin(heading.index)
        customers.loc[never, f"trajectory_reason_{language}"] = NEVER_BOUGHT.of(language)
    customers["advice"] = _advice(customers["trajectory"], frame.reindex(customers.index), facts.project.churn)
    progress(Text("drawing retention curves", "绘制客户保持曲线"), 0.9)
    first, _ = span(facts)
    unit: Unit = "quarter" if as_of - first < SHORT else "year"
    try:
        curves = retention_curves(facts, as_of, unit, unit)
    except NotEnoughDataError:
        curves = None
    suppliers = supplier_scores(facts, as_of) if "supplies" in facts.columns else None
    return ValueReport(customers.rename_axis("customer_id").reset_index(), card, moved, share, curves, suppliers)


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


def _advice(course: "pd.Series[Any]", frame: pd.DataFrame, churn: ChurnSettings) -> NDArray[np.object_]:
    """What each customer's course asks for; who is silent beyond its rhythm, or whose contracts ended, is at high risk.

    What holding it costs is not known here, so that nobody is let go.
    """
    at_risk = (life_cycle(frame, churn)["stage"] == "termination").to_numpy()
    states = [state if isinstance(state, str) else None for state in course]
    return advise(states, at_risk, np.ones(len(frame), dtype=bool))


def _of(reasons: "pd.Series[Any]", language: Language) -> np.ndarray[tuple[int, ...], np.dtype[np.object_]]:
    """The reasons in one language; there are few different ones."""
    codes, texts = pd.factorize(reasons)
    words = np.array([*(text.of(language) for text in texts), None], dtype=object)
    return np.asarray(words[codes])
