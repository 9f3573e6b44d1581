"""What follows from where a customer is heading, how likely it is to leave, and what it is worth."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.text import Text

Marks = NDArray[np.bool_]


@dataclass(frozen=True)
class Advice:
    """What to do with a customer, and why, in one sentence."""

    name: Text
    why: Text


ADVICE: dict[str, Advice] = {
    "maintain": Advice(
        Text("Maintain and extend", "维护并拓展"),
        Text(
            "The level holds: keep the service as good as it is, and offer what customers alike buy besides.",
            "采购水平稳固：保持服务质量，并推荐同类客户还在购买的品类。",
        ),
    ),
    "develop": Advice(
        Text("Develop", "培育发展"),
        Text(
            "It is growing: win a larger share while it does, and agree on terms that grow with it.",
            "正在成长：趁势争取更大份额，并约定随之增长的合作条件。",
        ),
    ),
    "analyse": Advice(
        Text("Analyse", "分析原因"),
        Text(
            "It is falling off or likely to leave: find out why before offering anything.",
            "消费下降或可能流失：先查明原因，再考虑优惠。",
        ),
    ),
    "let_go": Advice(
        Text("Let go", "放手"),
        Text(
            "It is falling off and likely to leave, and holding it would cost more than it can bring: spend no personal"
            " time on it.",
            "消费下降且可能流失，挽留成本高于其价值：不再投入人工。",
        ),
    ),
}

BY_STATE: dict[str, str] = {"rising": "develop", "peak": "maintain", "stable": "maintain", "declining": "analyse"}
"""What each state asks for when nothing threatens."""


def advise(states: Sequence[str | None], risk_is_high: Marks, is_worth_holding: Marks) -> NDArray[np.object_]:
    """The advice (`ADVICE`) for each customer; None where its state is not known.

    ``risk_is_high``: it is likely to leave; whatever its state, that has to be understood first. ``is_worth_holding``: what is
    expected of it is more than holding it costs; one that declines, is likely to leave and is not worth it is let go.
    """
    known = np.array(list(BY_STATE), dtype=object)
    given = np.array(states, dtype=object)
    by_state: NDArray[np.object_] = np.array([*BY_STATE.values(), None], dtype=object)
    place = np.full(len(given), len(known))
    for number, state in enumerate(known):
        place[given == state] = number
    advice: NDArray[np.object_] = by_state[place]
    threatened = risk_is_high & (place < len(known))
    advice[threatened] = "analyse"
    advice[threatened & (given == "declining") & ~is_worth_holding] = "let_go"
    return advice
