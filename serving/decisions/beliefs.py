"""What is believed of each action today: the playbook's own words, updated by what campaigns measured."""

from collections.abc import Iterable, Mapping
from contextlib import closing
from typing import Literal, NamedTuple

from features.project import Project
from features.text import Text
from serving.decisions.expected_profit import Belief as Held
from serving.decisions.playbook import Action, Playbook
from serving.store import Measured, current_evidence, open_project_store, reading
from training.experiments.learning import Belief, Evidence, updated


class CurrentBelief(NamedTuple):
    """An action's effect of one kind as it is believed now: mean, and the range that holds 90 % of the belief.

    ``kind`` as in the playbook's effect; mean, low and high may be negative where campaigns showed that an action harms.
    ``evidence`` are the campaigns behind it; without any it is what the playbook says.
    """

    kind: Literal["churn", "overdue", "spend", "win_back"]
    mean: float
    low: float
    high: float
    evidence: tuple[Evidence, ...]


def current_beliefs(playbook: Playbook, evidence: Iterable[Measured]) -> Mapping[str, CurrentBelief]:
    """The belief about each action of the playbook, by its id; evidence of other actions or kinds is passed over."""
    measured = list(evidence)
    return {action.id: _belief(action, measured) for action in playbook.actions}


LEARNT = Text(
    "the playbook's assumption, corrected by what campaigns measured ({campaigns} of them; {treated:,} treated, {controls:,}"
    " controls)",
    "行动手册的假设，并经 {campaigns} 次活动的实测修正（{treated:,} 位已处理，{controls:,} 位对照）",
)


def beliefs_of(project: Project, playbook: Playbook) -> dict[str, Held]:
    """What the project's actions are held to do today, by action: for reckoning with and for saying where it is from.

    Raises StorageError: the store cannot be read.
    """
    with closing(open_project_store(project)) as store, reading(store) as connection:
        found = current_beliefs(playbook, current_evidence(connection))
    sources = {action.id: action.effect.source for action in playbook.actions}
    return {id_: Held(one.mean, one.low, one.high, _source(one, sources[id_])) for id_, one in found.items()}


def _source(belief: CurrentBelief, written: Text) -> Text:
    if not belief.evidence:
        return written
    return LEARNT.format(
        campaigns=len(belief.evidence),
        treated=sum(one.treated for one in belief.evidence),
        controls=sum(one.controls for one in belief.evidence),
    )


def _belief(action: Action, measured: Iterable[Measured]) -> CurrentBelief:
    effect = action.effect
    mine = [
        Evidence(one.campaign, one.value, one.standard_error, one.treated, one.controls)
        for one in measured
        if (one.action, one.kind) == (action.id, effect.kind)
    ]
    if not mine:
        return CurrentBelief(effect.kind, effect.mean, effect.low, effect.high, ())
    after = updated(Belief(effect.mean, effect.low, effect.high), mine)
    return CurrentBelief(effect.kind, after.mean, after.low, after.high, after.evidence)
