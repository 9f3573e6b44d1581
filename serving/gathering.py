"""What a batch knows of all customers before it scores them: features, standing, debts, and the models that serve."""

from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pandas as pd

from features.customer_names import names_query
from features.fact_index import write_fact_index
from features.progress import Progress
from features.project import Project
from features.sources import Facts
from features.text import Text
from serving.blocks import Everybody, learnt_of, rows_at, standing_of
from serving.decisions.playbook import Playbook
from serving.kept_work import KeptWork
from training.beside import (
    ServingCredit,
    ServingEffects,
    ServingLatePayment,
    ServingLifetimeValue,
    serving_credit,
    serving_effects,
    serving_late_payment,
    serving_lifetime_value,
)
from training.following import followed, moved
from training.late_payment.bills import tells_settlement
from training.loading import model_features
from training.models.clusters.registered import ServingClusters, serving_clusters
from training.models.drift import LevelShift
from training.receivables import Owed, owed
from training.replay import Versions
from training.tracking import Champion, ChampionSegments, champion_churn, serving_segments

NO_SEGMENTS = "–"
"""On the ledger, where a project has no orders to make segments of."""


@dataclass(frozen=True)
class ServingModels:
    """The models that serve; None for what was never trained."""

    champion: Champion
    segments: ChampionSegments | None
    lifetime: ServingLifetimeValue | None
    clusters: ServingClusters | None
    late: ServingLatePayment | None
    credit: ServingCredit | None
    effects: ServingEffects | None

    def versions(self, is_learnt: bool) -> Versions:
        """Their versions, for the ledger; of effects only where they were heard."""
        return Versions(
            segments=self.segments.version if self.segments else NO_SEGMENTS,
            lifetime_value=self.lifetime.version if self.lifetime else None,
            clusters=self.clusters.version if self.clusters else None,
            late_payment=self.late.version if self.late else None,
            credit=self.credit.version if self.credit else None,
            effects=self.effects.version if self.effects and is_learnt else None,
        )


def serving_models(project: Project) -> ServingModels:
    """Those of a project. Raises ModelError: no churn model serves."""
    return ServingModels(
        champion_churn(project),
        serving_segments(project) if "orders" in project.tables else None,
        serving_lifetime_value(project),
        serving_clusters(project),
        serving_late_payment(project),
        serving_credit(project),
        serving_effects(project),
    )


@dataclass(frozen=True)
class Gathered:
    """Everybody, the model with the level that it serves with, how far that was moved, and the folder of the facts for real
    time (None: the project takes no events).
    """

    everybody: Everybody
    champion: Champion
    shift: LevelShift | None
    index: Path | None


def gather(
    facts: Facts, as_of: datetime, models: ServingModels, playbook: Playbook, work: KeptWork, progress: Progress
) -> Gathered:
    """Compute what is not among the kept ``work``.

    Raises AsOfError, FactsError, ModelError (other features), NotEnoughDataError, StorageError.
    """
    progress(Text("computing features", "计算特征"), 0.15)
    stored = models.champion.stored
    model_features(stored, facts)  # refuses a model that these facts do not fit
    rows = rows_at(facts, as_of, stored, work.folder)
    shift = _shift(facts, as_of, models.champion, work)
    names = names_at(facts, as_of).set_index("customer_id")
    learnt = learnt_of(facts, rows, as_of, models.effects, playbook, stored.facts.horizon_days)
    progress(Text("value, tiers and stages", "价值、等级与生命周期"), 0.3)
    stands = work.frame("standing", lambda: standing_of(facts, rows, as_of, models.lifetime, models.clusters))
    progress(Text("receivables", "应收账款"), 0.4)
    found = _owed(facts, as_of, models.late, work) if tells_settlement(facts) else None
    index = work.folder / "facts" if facts.project.events else None
    if index is not None:
        progress(Text("facts for real time", "实时评分所需数据"), 0.45)
        write_fact_index(facts, as_of, index)
    champion = replace(models.champion, stored=moved(stored, shift))
    return Gathered(Everybody.of(rows, names, stands, learnt, found), champion, shift, index)


def _shift(facts: Facts, as_of: datetime, champion: Champion, work: KeptWork) -> LevelShift | None:
    def computed() -> dict[str, float] | None:
        shift = followed(facts, champion.stored, as_of.astimezone(facts.project.timezone)).shift
        return asdict(shift) if shift else None

    kept = work.values("level", computed)
    return LevelShift(**kept) if kept else None


def _owed(facts: Facts, as_of: datetime, late: ServingLatePayment | None, work: KeptWork) -> Owed:
    @cache
    def computed() -> Owed:
        return owed(facts, as_of, late.model if late else None)

    customers = work.frame("debtors", lambda: computed().customers)
    return Owed(as_of, customers, work.frame("invoices", lambda: computed().invoices))


def names_at(facts: Facts, as_of: datetime) -> pd.DataFrame:
    """customer_id, name and account_manager, one row a customer: of several rows the latest that holds before ``as_of``."""
    if "customers" not in facts.columns:
        return pd.DataFrame({"customer_id": [], "name": [], "account_manager": []}, dtype="object")
    instant = as_of.astimezone(UTC).replace(tzinfo=None)
    names: pd.DataFrame = facts.connection.execute(names_query("$as_of"), {"as_of": instant}).df()
    return names
