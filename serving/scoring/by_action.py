"""What if an action of the playbook were carried out: its effect on leaving, as it is believed or was learnt.

The effect is the action's, not the model's: of a customer with churn probability p, an action that takes away the share r
of it leaves p · (1 − r).
"""

from typing import Any

import numpy as np

from features.errors import nearest
from features.text import Text
from serving.decisions.expected_profit import Belief, Beliefs
from serving.decisions.playbook import Action, Playbook
from serving.problems import INVALID_REQUEST, ApiError

CAUTION = Text(
    "This is what the action is believed to do, or was learnt to do from campaigns and treatments on record, not what the"
    " model says; the range is that of the belief alone.",
    "这是对该行动效果的假设，或由活动与营销记录学得的结果，并非模型的判断；区间只反映对效果的把握。",
)
_WHERE = "body.what_if.action"


def effect_of(action_id: str, playbook: Playbook, beliefs: Beliefs, probability: float | None) -> dict[str, Any]:
    """What an action does to the churn probability of one customer, see `schemas.ActionEffect`.

    ``beliefs`` are about this customer alone. Raises ApiError: the playbook has no such action, or it is not about leaving.
    """
    known = {action.id: action for action in playbook.actions}
    action = known.get(action_id)
    if action is None:
        raise _refused(_UNKNOWN.format(name=action_id[:80], hint=nearest(action_id, known)))
    held = _on_leaving(action, beliefs)
    if held is None:
        raise _refused(_NOT_ABOUT_LEAVING.format(name=action_id, kind=action.effect.kind))
    mean, low, high = (float(np.asarray(end).reshape(-1)[0]) for end in (held.mean, held.low, held.high))
    left = [None if probability is None else float(np.clip(probability * (1 - r), 0, 1)) for r in (mean, high, low)]
    return {
        "action": action.id,
        "action_name": action.name._asdict(),
        "share": mean,
        "share_low": low,
        "share_high": high,
        "churn_probability": left[0],
        "churn_probability_low": left[1],
        "churn_probability_high": left[2],
        "source": held.source._asdict(),
    }


def _on_leaving(action: Action, beliefs: Beliefs) -> Belief | None:
    """What an action is held to do to the risk of leaving; None where nothing is said of that."""
    if action.effect.kind == "churn":
        return beliefs[action.id]
    beside = action.side_effect
    return None if beside is None else Belief(beside.mean, beside.low, beside.high, beside.source)


def _refused(finding: Text) -> ApiError:
    return ApiError(INVALID_REQUEST, _FINDINGS, findings=[(_WHERE, finding)], count=1)


def alone() -> ApiError:
    """The error of an action together with other questions: what the action does and what the model says do not add up."""
    return _refused(_ALONE)


_FINDINGS = Text("{count} thing(s) in the request need a change.", "请求中有 {count} 处需要修改。")
_UNKNOWN = Text("The playbook has no action '{name}'. {hint}", "行动手册中没有行动“{name}”。{hint}")
_NOT_ABOUT_LEAVING = Text(
    "The playbook says nothing of what '{name}' does to leaving: its effect is of kind '{kind}'.",
    "行动手册未说明“{name}”对流失的影响：其效果类型为“{kind}”。",
)
_ALONE = Text(
    "Ask for an action alone: what it does comes from the playbook, what other changes do from the model.",
    "请单独询问行动：其效果来自行动手册，而其他变化来自模型。",
)
