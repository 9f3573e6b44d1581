"""The customers of a batch, a block at a time: what is known of everybody is put beside the features of some."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from features.feature_rows import FeatureRows, FrameRows, Rows
from features.project import Project
from features.sources import Facts
from serving.debts import debtor_frame, debtor_table
from serving.decisions.learnt import LearntBeliefs, learnt_beliefs
from serving.decisions.playbook import Playbook
from training.beside import ServingCredit, ServingEffects, ServingLifetimeValue
from training.dataset import check_as_of
from training.models.clusters.registered import ServingClusters
from training.models.stored import StoredModel
from training.net_value import net_value
from training.panel import rows_to_score
from training.receivables import Owed
from training.standing import standing, standing_features

ROWS = 65_536
DEBT_COLUMNS = (
    *("credit_class", "credit_score", "credit_probability", "credit_loss_share", "late_probability"),
    *("credit_response", "credit_response_name"),
)
"""What a customer's score says of its debts, and what its net value is computed from."""


@dataclass(frozen=True)
class Everybody:
    """What a batch knows of all customers at once, in the order of ``rows``; None: nothing was learnt, the facts tell of no debts.

    ``owing``: the place of each customer among ``found.customers``, -1 of who has neither an invoice nor money on file.
    """

    rows: Rows
    names: pd.DataFrame
    stands: pd.DataFrame
    learnt: LearntBeliefs | None
    found: Owed | None
    owing: NDArray[np.intp]

    @classmethod
    def of(
        cls, rows: Rows, names: pd.DataFrame, stands: pd.DataFrame, learnt: LearntBeliefs | None, found: Owed | None
    ) -> "Everybody":
        """``names`` and the customers of ``found`` by customer_id, in any order."""
        customers = pd.Index(rows.customer_ids.to_pandas())
        owing = found.customers.index.get_indexer(customers) if found else np.full(len(customers), -1)
        return cls(rows, names.reindex(customers).reset_index(drop=True), stands, learnt, found, owing)


@dataclass(frozen=True)
class Block:
    """Some customers: their features as a model reads them, the same with names, standing and debts, and the debtors among them."""

    features: pd.DataFrame
    named: pd.DataFrame
    learnt: LearntBeliefs | None
    debtors: pa.Table | None


def rows_at(facts: Facts, as_of: datetime, model: StoredModel, folder: Path) -> Rows:
    """Everybody who is to be scored, with everything known: the playbook and the sentences may ask for more than a model.

    ``folder`` takes the features for the time being. Raises AsOfError, FactsError, NotEnoughDataError, StorageError.
    """
    if facts.project.churn.kind == "panel":
        return FrameRows(model.encoded(rows_to_score(facts, as_of)))
    check_as_of(facts, as_of)
    return FeatureRows(facts, as_of, folder)


def standing_of(
    facts: Facts, rows: Rows, as_of: datetime, lifetime: ServingLifetimeValue | None, clusters: ServingClusters | None
) -> pd.DataFrame:
    """Where each customer stands; nothing of a ready-made panel, whose rows are no facts."""
    if facts.project.churn.kind == "panel":
        return pd.DataFrame(index=pd.RangeIndex(len(rows.customer_ids)))
    groups = clusters.model if clusters else None
    frame = rows.columns(standing_features(groups))
    return standing(facts, frame, as_of, lifetime.model if lifetime else None, groups)


def learnt_of(
    facts: Facts, rows: Rows, as_of: datetime, effects: ServingEffects | None, playbook: Playbook, horizon_days: int
) -> LearntBeliefs | None:
    """What the log of treatments tells of each customer."""
    if effects is None:
        return None
    return learnt_beliefs(effects, playbook, facts, rows.columns(effects.model.features), as_of, horizon_days)


def blocks(everybody: Everybody, project: Project, playbook: Playbook, credit: ServingCredit | None) -> Iterator[Block]:
    """All customers in the order of their ids."""
    for start in range(0, len(everybody.rows.customer_ids), ROWS):
        yield _block(everybody, start, project, playbook, credit)


def _block(
    everybody: Everybody, start: int, project: Project, playbook: Playbook, credit: ServingCredit | None
) -> Block:
    features = everybody.rows.block(start, start + ROWS)
    these = slice(start, start + len(features))
    told = (table.iloc[these].reset_index(drop=True) for table in (everybody.names, everybody.stands))
    named = pd.concat([features, *told], axis=1)
    debtors = None
    if everybody.found is not None:
        debtors = _debtors(everybody.found, everybody.owing[these], named, playbook, credit)
        kept = [name for name in DEBT_COLUMNS if name in debtors]
        named = named.join(debtors[kept], on="customer_id")
    if "lifetime_value" in named:
        net = net_value(named, project.value.costs, project.value.horizon_days)
        named = named.assign(lifetime_value_net=net["lifetime_value_net"])
    return Block(
        features,
        named,
        everybody.learnt.of(these) if everybody.learnt else None,
        None if debtors is None or everybody.found is None else _told(debtors, everybody.found, project),
    )


def other_debtors(
    everybody: Everybody, project: Project, playbook: Playbook, credit: ServingCredit | None
) -> pa.Table | None:
    """Who has an invoice or money on file and is not among the customers that are scored."""
    found = everybody.found
    if found is None:
        return None
    is_known = np.zeros(len(found.customers), dtype=bool)
    is_known[everybody.owing[everybody.owing >= 0]] = True
    if is_known.all():
        return None
    nobody = _block(everybody, len(everybody.rows.customer_ids), project, playbook, credit).named
    others = Owed(found.as_of, found.customers[~is_known], found.invoices)
    answered = debtor_frame(others, nobody.set_index("customer_id"), playbook.policy, credit.model if credit else None)
    return _told(answered, found, project)


def _debtors(
    found: Owed, owing: NDArray[np.intp], named: pd.DataFrame, playbook: Playbook, credit: ServingCredit | None
) -> pd.DataFrame:
    """The debtors among these customers, by customer_id, with how to answer."""
    some = Owed(found.as_of, found.customers.iloc[owing[owing >= 0]], found.invoices)
    snapshot = named[owing >= 0].set_index("customer_id")
    return debtor_frame(some, snapshot, playbook.policy, credit.model if credit else None)


def _told(debtors: pd.DataFrame, found: Owed, project: Project) -> pa.Table:
    return debtor_table(debtors, found.as_of, project.project.currency)
