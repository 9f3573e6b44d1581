"""How a case may go: its states, what people and runs do to it, and what is refused."""

from dataclasses import dataclass

from features.errors import RetinueError
from features.text import Text

STATUSES: dict[str, Text] = {
    "open": Text("Open", "待确认"),
    "acknowledged": Text("Acknowledged", "已确认"),
    "in_work": Text("In work", "处理中"),
    "resolved": Text("Resolved, to be verified", "已处理，待验证"),
    "verified": Text("Verified", "已验证"),
    "expired": Text("Expired", "已过期"),
}
LIVE = ("open", "acknowledged", "in_work", "resolved")
"""States of a case that is not closed."""

EVENTS: dict[str, Text] = {
    "raised": Text("Raised", "已发出预警"),
    "reopened": Text("The cause came back; opened again", "原因再次出现，重新打开"),
    "worsened": Text("Got worse", "加重"),
    "eased": Text("Eased", "减轻"),
    "calm": Text("The cause is gone", "原因已消失"),
    "unknown": Text("It cannot be judged any more", "已无法判断"),
    "returned": Text("The cause is there again", "原因再次出现"),
    "not_better": Text("Resolved, but no better; back to work", "处理后未见好转，退回处理"),
    "verified": Text("Better, so verified", "确已好转，验证通过"),
    "expired": Text("Closed, as the cause has been gone for long enough", "原因消失已满期限，自动关闭"),
    "escalated": Text("Red and not acknowledged; moved up a level", "红色预警未确认，上报一级"),
    "acknowledge": Text("Acknowledged", "已确认"),
    "start": Text("Work begun", "开始处理"),
    "resolve": Text("Resolved", "已处理"),
    "verify": Text("Verified", "已验证"),
    "assign": Text("Assigned", "已分派"),
    "note": Text("Note", "备注"),
}
"""All that can happen to a case; runs do the first eleven, people the others."""

RUN_EVENTS = tuple(EVENTS)[:11]


@dataclass(frozen=True)
class Move:
    """What a person does: from which states, to which (None: it stays)."""

    name: Text
    begins: tuple[str, ...]
    ends: str | None


MOVES: dict[str, Move] = {
    "acknowledge": Move(Text("Acknowledge", "确认"), ("open",), "acknowledged"),
    "start": Move(Text("Begin work", "开始处理"), ("acknowledged",), "in_work"),
    "resolve": Move(Text("Resolve", "标记已处理"), ("in_work",), "resolved"),
    "verify": Move(Text("Verify", "验证"), ("resolved",), "verified"),
    "assign": Move(Text("Assign", "分派"), LIVE, None),
    "note": Move(Text("Add a note", "添加备注"), tuple(STATUSES), None),
}


class AlertError(RetinueError):
    """A case cannot go the way that was asked for; nothing was changed."""


def status_after(what: str, status: str, is_calm: bool) -> str:
    """The state after a person's move.

    Raises AlertError: the state does not allow it, or it would verify what has not become better.
    """
    move = MOVES[what]
    if status not in move.begins:
        raise AlertError(
            _IMPOSSIBLE,
            move=move.name,
            status=STATUSES[status],
            possible=_listed([MOVES[name].name for name in next_moves(status)]),
        )
    if what == "verify" and not is_calm:
        raise AlertError(_NOT_BETTER)
    return move.ends or status


def next_moves(status: str) -> list[str]:
    """What a person can do to a case in this state."""
    return [name for name, move in MOVES.items() if status in move.begins]


def _listed(names: list[Text]) -> Text:
    return Text(", ".join(name.en for name in names), "、".join(name.zh for name in names))


_IMPOSSIBLE = Text(
    "'{move}' is not possible: the case is in the state '{status}'. Possible now: {possible}.",
    "无法“{move}”：该预警当前状态为“{status}”。现在可以：{possible}。",
)
_NOT_BETTER = Text(
    "The case cannot be verified: what it warns of is still beyond its threshold in the scores that were looked at last. It is"
    " verified by the next scores that show it better.",
    "无法验证：最近一次评分中，预警指标仍超出阈值。待之后的评分显示好转，将自动验证。",
)
