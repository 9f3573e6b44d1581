"""When the log is heard, and what is said of it: on a log made by hand, without a company behind it."""

from datetime import UTC, datetime

import numpy as np

from training.treatment_effects.learn import LEAST_CONTROLS, Prepared, learn_from
from training.treatment_effects.modifiers import Modifiers
from training.treatment_effects.report import effects_report
from training.treatment_effects.risks import CrossFitted, Risks

NOBODY = CrossFitted((), ())
BELIEF = (0.1, 0.0, 0.2)


def log(controls: int, treated: int = 600) -> Prepared:
    """Calls, after which one in ten left where one in five would have, and so many customers who were held back."""
    is_treated = np.arange(treated + controls) < treated
    left = np.where(is_treated, np.arange(treated + controls) % 10 == 0, False).astype(float)
    rows = len(left)
    return Prepared(
        as_of=datetime(2026, 1, 1, tzinfo=UTC),
        horizon_days=90,
        features=(),
        risks=Risks(NOBODY, NOBODY),
        modifiers=Modifiers({}, {}),
        values=np.ones((rows, 1)),
        hazard=np.full(rows, -np.log(0.8)),
        left=left,
        action=np.full(rows, "call", dtype=object),
        is_treated=is_treated,
    )


def test_an_action_that_nobody_was_held_back_from_stands_on_its_belief() -> None:
    learnt = learn_from(log(LEAST_CONTROLS - 1), {"call": BELIEF})
    said = learnt.evidence["call"]
    assert said.abstains is not None
    assert "600 customers were treated and 29 held back; at least 30" in said.abstains.en
    assert "对照仅 29 位" in said.abstains.zh
    assert (said.reduction, said.share_from_log) == (BELIEF, 0.0)
    assert learnt.said() == [said.abstains]
    assert learnt.metrics() == {}


def test_with_enough_held_back_the_log_is_heard_and_says_how_it_was_learnt() -> None:
    learnt = learn_from(log(LEAST_CONTROLS), {"call": BELIEF})
    mean, low, high = learnt.evidence["call"].reduction
    assert 0.1 < mean < 0.5  # between what is believed and what was seen
    assert low < mean < high
    [sentence] = learnt.said()
    assert f"'call' takes {100 * mean:.3g} %" in sentence.en
    assert "600 treated, 30 held back; believed were 10 %" in sentence.en
    assert "已处理 600 位，对照 30 位；原假设为 10%" in sentence.zh
    assert learnt.metrics()["call.reduction"] == mean
    assert learnt.parameters()["actions_learnt"] == 1
    cards = effects_report(learnt)
    assert sentence.en in cards["effects.en.md"]
    assert sentence.zh in cards["effects.zh.md"]
