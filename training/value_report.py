"""What every customer is worth, put together: value score, share of customer, where its spend is heading, retention."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from features.errors import NotEnoughDataError
from features.own_features import all_features
from features.progress import Progress, silent
from features.snapshot import snapshot
from features.sources import Facts
from features.text import LANGUAGES, Language, Text
from training.retention_curves import RetentionCurves, retention_curves
from training.share_of_customer import ShareOfCustomer, share_of_customer
from training.trajectory.series import monthly_series
from training.trajectory.states import trajectories
from training.value_score.criteria import CUSTOMER_CRITERIA
from training.value_score.industries import industries
from training.value_score.scorecard import Scorecard, fit_scorecard
from training.value_score.sensitivity import Sensitivity, sensitivity

TRAJECTORY_COLUMNS = ["trajectory", "trajectory_probability", "change_at", "change_from", "change_until"]
SHARE_COLUMNS = {"share_of_customer": "share_of_customer", "basis": "share_basis"}
NEVER_BOUGHT = Text("Has not bought yet.", "尚无购买记录。")


@dataclass(frozen=True)
class ValueReport:
    """Values of all customers as of an instant.

    ``customers``: one row each, in the order of their ids: customer_id, value_score (0 to 100) with points_CRITERION, which
    add up to it, and known_weight; share_of_customer (0 to 1) and share_basis; the columns of `TRAJECTORY_COLUMNS`, and
    where the trajectory is missing, why (trajectory_reason_en, trajectory_reason_zh). ``curves`` is None where no
    customer's first year is over.
    """

    customers: pd.DataFrame
    card: Scorecard
    sensitivity: list[Sensitivity]
    share: ShareOfCustomer
    curves: RetentionCurves | None

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
    features = [feature for feature in all_features(facts) if feature.name in measured]
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
    progress(Text("drawing retention curves", "绘制客户保持曲线"), 0.9)
    try:
        curves = retention_curves(facts, as_of)
    except NotEnoughDataError:
        curves = None
    return ValueReport(customers.rename_axis("customer_id").reset_index(), card, moved, share, curves)


def _of(reasons: "pd.Series[Any]", language: Language) -> np.ndarray[tuple[int, ...], np.dtype[np.object_]]:
    """The reasons in one language; there are few different ones."""
    codes, texts = pd.factorize(reasons)
    words = np.array([*(text.of(language) for text in texts), None], dtype=object)
    return np.asarray(words[codes])
