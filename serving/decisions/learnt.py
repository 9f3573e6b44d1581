"""What the log of treatments tells of each customer, in place of what is believed of everybody.

The effects were learnt shrunk to the playbook's beliefs (`training.treatment_effects`), so that they take the belief's place where
the log is heard, and nothing changes where it is not. A risk of leaving counts those, too, who have left already and whom nothing
keeps; an action takes its share of those alone who are still here:

    r of the churn probability = learnt r · h,   h = P(here and leaves) / (P(gone already) + P(here and leaves))

What the playbook assumes of other actions is taken in the same way, or they would seem to keep those whom nothing keeps; what
campaigns measured, gone ones included, stays as it was measured.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from features.errors import ModelError
from features.project import Project
from features.sources import Facts
from features.text import Text
from serving.decisions.expected_profit import Belief, Beliefs
from serving.decisions.playbook import Playbook
from training.beside import ServingEffects
from training.replay import SNAPSHOTS
from training.treatment_effects.learn import with_attributes

Numbers = NDArray[np.float64]

NOTE = "learnt_effects"
"""Under which a kept snapshot says, in its metadata, where the effects are from."""
_COLUMN = "effect of {action}: {end}"
_HERE = "share still here"
"""Columns of a kept snapshot; no feature can have such names."""
_ENDS = ("mean", "low", "high")

LEARNT_FROM = Text(
    "learnt for each customer from {treated:,} contacts on record beside {controls:,} customers held back, shrunk to the"
    " playbook's {believed:.3g} %; nobody is kept who has left already (effects version {version})",
    "根据 {treated:,} 次有记录的联系与 {controls:,} 位对照客户逐客户学习，并向行动手册的 {believed:.3g}% 收缩；"
    "已流失的客户不计入可留住者（效果模型版本 {version}）",
)
STILL_HERE = Text("{source}, of customers who are still here", "{source}（只计尚未流失的客户）")
_NOT_THERE = Text(
    "The learnt effects of actions (version {version}) ask for features that are not computed any more: {names}. Run 'retinue"
    " train' again.",
    "已学习的行动效果（版本 {version}）所需的特征已不再计算：{names}。请重新运行“retinue train”。",
)


@dataclass(frozen=True)
class LearntBeliefs:
    """By action: the share of each customer's churn probability that it takes away (mean, low, high), and where it is from.

    Low and high hold 90 %; below zero where an action drives away. ``here`` is how much of each customer's churn probability is
    that of one who is still here: no action takes away more.
    """

    here: Numbers
    shares: Mapping[str, tuple[Numbers, Numbers, Numbers]]
    sources: Mapping[str, Text]

    def of(self, customers: slice) -> "LearntBeliefs":
        """Those of some of the customers."""
        shares = {
            action: (mean[customers], low[customers], high[customers])
            for action, (mean, low, high) in self.shares.items()
        }
        return LearntBeliefs(self.here[customers], shares, self.sources)

    def columns(self) -> dict[str, Numbers]:
        """As columns that are kept beside the features that were scored."""
        return {_HERE: self.here} | {
            name: share
            for action, shares in self.shares.items()
            for name, share in zip(_names(action), shares, strict=True)
        }

    def notes(self) -> dict[str, str]:
        """Where they are from, as it is kept beside the columns."""
        return {NOTE: json.dumps({action: list(source) for action, source in self.sources.items()}, ensure_ascii=False)}


def churn_beliefs(playbook: Playbook) -> dict[str, tuple[float, float, float]]:
    """What the playbook's own words hold actions to do to the risk of leaving: mean, low, high. Learning begins there."""
    effects = {action.id: action.effect for action in playbook.actions}
    return {id_: (one.mean, one.low, one.high) for id_, one in effects.items() if one.kind == "churn"}


def learnt_beliefs(
    serving: ServingEffects | None,
    playbook: Playbook,
    facts: Facts,
    frame: pd.DataFrame,
    as_of: datetime,
    horizon_days: int,
) -> LearntBeliefs | None:
    """What was learnt of the customers of ``frame`` (snapshot at ``as_of``); None where nothing was.

    Effects on another horizon than the churn probability's, and those of a project that logs no treatments any more, say nothing.
    Raises ModelError: the effects ask for features that are not there.
    """
    if serving is None or "treatments" not in facts.columns or serving.model.horizon_days != horizon_days:
        return None
    learnt, wanted = serving.model, churn_beliefs(playbook)
    heard = [action for action, said in learnt.evidence.items() if action in wanted and not said.abstains]
    if not heard:
        return None
    if missing := [name for name in learnt.features if name not in frame]:
        raise ModelError(_NOT_THERE, version=serving.version, names=", ".join(missing))
    expected = learnt.expected(with_attributes(facts, frame, as_of))
    here = expected.leaves / (expected.gone + expected.leaves)
    place = {action: expected.actions.index(action) for action in heard}
    told = (expected.reduction, expected.reduction_low, expected.reduction_high)
    return LearntBeliefs(
        here,
        {action: (told[0][:, k] * here, told[1][:, k] * here, told[2][:, k] * here) for action, k in place.items()},
        {action: _source(serving, action) for action in heard},
    )


def _source(serving: ServingEffects, action: str) -> Text:
    said = serving.model.evidence[action]
    return LEARNT_FROM.format(
        treated=said.treated, controls=said.controls, believed=100 * said.belief[0], version=serving.version
    )


def with_learnt(beliefs: Beliefs, playbook: Playbook, learnt: LearntBeliefs | None) -> Beliefs:
    """The beliefs with those that were learnt in their place; the same where nothing was, of nobody or of a customer."""
    if learnt is None:
        return beliefs
    found = dict(beliefs)
    for action in playbook.actions:
        held = beliefs[action.id]
        if action.id in learnt.shares:
            mean, low, high = (
                np.where(np.isnan(share), belief, share)
                for share, belief in zip(learnt.shares[action.id], (held.mean, held.low, held.high), strict=True)
            )
            found[action.id] = Belief(mean, low, high, learnt.sources[action.id])
        elif action.effect.kind == "churn" and held.source == action.effect.source:
            mean, low, high = (end * np.nan_to_num(learnt.here, nan=1.0) for end in (held.mean, held.low, held.high))
            found[action.id] = Belief(mean, low, high, STILL_HERE.format(source=held.source))
    return found


def kept_beliefs(kept: pa.Table) -> LearntBeliefs | None:
    """What a scoring kept beside its features, so that a plan reckons as the scores did; None where nothing was learnt."""
    note = (kept.schema.metadata or {}).get(NOTE.encode())
    if note is None:
        return None
    sources = {action: Text(*source) for action, source in json.loads(note).items()}
    shares = {action: tuple(kept[name].to_numpy() for name in _names(action)) for action in sources}
    here = kept[_HERE].to_numpy()
    return LearntBeliefs(here, {action: (mean, low, high) for action, (mean, low, high) in shares.items()}, sources)


def keeps_effects(project: Project, run_id: str) -> bool:
    """Whether a scoring kept effects that were learnt."""
    return _schema_with_effects(_snapshot_of(project, run_id)) is not None


def kept_beliefs_of(project: Project, run_id: str, customers: Sequence[str]) -> LearntBeliefs | None:
    """What a scoring kept of these customers, in their order (NaN: it did not know the customer); None where nothing was."""
    file = _snapshot_of(project, run_id)
    schema = _schema_with_effects(file)
    if schema is None:
        return None
    names = ["customer_id", *filter(is_kept_effect, schema.names)]
    rows = pq.read_table(file, columns=names, filters=pc.field("customer_id").isin(list(customers)))
    known = rows.to_pandas().set_index("customer_id").reindex(list(customers))
    return kept_beliefs(pa.Table.from_pandas(known, preserve_index=False).replace_schema_metadata(schema.metadata))


def _snapshot_of(project: Project, run_id: str) -> Path:
    return project.workspace / SNAPSHOTS / f"{run_id}.parquet"


def _schema_with_effects(file: Path) -> pa.Schema | None:
    """The schema of a kept snapshot; None: it is not there any more, or keeps no effects."""
    schema = pq.read_schema(file) if file.is_file() else None
    return schema if schema is not None and NOTE.encode() in (schema.metadata or {}) else None


def is_kept_effect(name: str) -> bool:
    """Whether a kept snapshot's column is about effects, rather than a feature."""
    return name == _HERE or name.startswith(_COLUMN.partition("{")[0])


def _names(action: str) -> list[str]:
    return [_COLUMN.format(action=action, end=end) for end in _ENDS]
