"""Which cut-offs a certificate looks at, and which label windows a training has."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pandas as pd

from features.capabilities import missing
from features.contracts import TABLES
from features.errors import FactsError, NotEnoughDataError
from features.readers import quoted
from features.sources import Facts
from features.text import Text
from training.cutoffs import Schedule, schedule
from training.dataset import end_of_facts, span
from training.kinds import KINDS
from training.leakage.labels import Windows

STEP_DAYS = 30


def spread(cutoffs: Sequence[datetime], most: int) -> tuple[datetime, ...]:
    """Some of the cut-offs, evenly spread, with the first and the last; the last alone if only one is wanted."""
    if len(cutoffs) <= most:
        return tuple(cutoffs)
    if most < 2:
        return tuple(cutoffs[-1:])
    return tuple(cutoffs[round(i * (len(cutoffs) - 1) / (most - 1))] for i in range(most))


def trainable(facts: Facts, first: datetime, as_of: datetime) -> tuple[Schedule | None, list[Text]]:
    """The cut-offs of a training as of a date; where nothing can be trained None, and why if that is for want of facts."""
    if not has_labels(facts):
        return None, []
    try:
        return schedule(first, as_of, facts.project.churn.horizon_days), []
    except NotEnoughDataError as error:
        return None, [
            Text(
                "Nothing can be trained on these facts yet, so label windows were not checked. {reason}",
                "这些数据尚不能用于训练，因此未检查标签窗口。{reason}",
            ).format(reason=error.text)
        ]


def has_labels(facts: Facts) -> bool:
    """Whether the project's kind of churn can be labelled from its facts."""
    kind = KINDS.get(facts.project.churn.kind)
    return kind is not None and not missing(kind.needs, facts.columns)


def between(first: datetime, last: datetime) -> tuple[datetime, ...]:
    """Instants at steps of 30 days back from ``last``, later than ``first``; at least one."""
    steps = range(1, max(2, (last - first).days // STEP_DAYS))
    return tuple(sorted(last - timedelta(days=STEP_DAYS * n) for n in steps))


def span_of(facts: Facts) -> tuple[datetime, datetime]:
    """When the first fact happened, and the midnight after the last one, on the project's calendar.

    Raises FactsError: no table says when its facts occurred.
    """
    if has_labels(facts):
        return span(facts)[0], end_of_facts(facts)
    clocks = [(n, TABLES[n].occurred_at) for n in facts.columns if TABLES[n].occurred_at in facts.columns[n]]
    times = " UNION ALL ".join(f"SELECT {quoted(str(clock))} AS t FROM {quoted(name)}" for name, clock in clocks)
    found = facts.connection.execute(f"SELECT min(t), max(t) FROM ({times})").fetchall() if times else [(None, None)]
    if found[0][0] is None:
        raise FactsError(Text("No table says when its facts occurred.", "没有任何表说明其事实发生的时间。"))
    first, last = (pd.Timestamp(t, tz="UTC").to_pydatetime().astimezone(facts.project.timezone) for t in found[0])
    return first, last.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)


def windows_of(plan: Schedule) -> tuple[Windows, Windows]:
    """The label windows of a training: of the model that is judged, and of the model that serves."""
    judged = Text("the judged model knows nothing of its test", "被评估的模型不知道测试期的任何内容")
    served = Text("the served model knows nothing after as_of", "启用的模型不知道 as_of 之后的任何内容")
    return Windows(plan.fit, plan.test, judged), Windows(plan.labelled, plan.as_of, served)


def used(plan: Schedule, labelled: pd.DataFrame, fit: pd.DataFrame) -> Schedule:
    """The plan with the cut-offs that the rows of a training really have."""
    return Schedule(plan.as_of, _cutoffs_of(labelled, plan), _cutoffs_of(fit, plan), plan.test)


def _cutoffs_of(frame: pd.DataFrame, plan: Schedule) -> tuple[datetime, ...]:
    """Ascending, on the calendar of the plan."""
    instants = (pd.Timestamp(c).to_pydatetime() for c in sorted(frame["as_of"].unique()))
    return tuple(instant.astimezone(plan.as_of.tzinfo) for instant in instants)
