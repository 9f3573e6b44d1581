"""Warnings of the run that is published: the one function that the command line and the batch call."""

from contextlib import closing
from typing import Any

import numpy as np
import orjson
import pandas as pd
from sqlalchemy import Connection, Table, select

from features.progress import Progress, silent
from features.project import Project
from features.sources import open_facts
from features.text import Text
from serving.alerts.cases import Findings, Raised, raise_alerts
from serving.alerts.grading import Graded, grade
from serving.alerts.measures import (
    CUSTOMER,
    OF_DEBTS,
    OF_SCORES,
    TOLD_OF_DEBTS,
    TOLD_OF_SCORES,
    alert_features,
    alert_rhythms,
    measures,
)
from serving.alerts.words import findings
from serving.decisions.playbook import load_playbook
from serving.problems import nothing_published
from serving.schemas import PublishedRun
from serving.store import current_run, open_project_store, reading
from serving.store.dialects import is_one_of
from serving.store.tables import CURRENT, DEBTORS, SCORES

_ROWS_AT_ONCE = 5_000


def raise_for_published(project: Project, progress: Progress = silent) -> Raised:
    """Bring the project's warnings to the run that is published; the same run again changes nothing.

    Raises FactsError, StorageError, ProjectError; AsOfError: warnings of a later run stand already; ApiError: nothing was
    published.
    """
    playbook = load_playbook(project)
    policy, retaining = playbook.warnings, frozenset(a.id for a in playbook.actions if a.effect.kind == "churn")
    with closing(open_project_store(project)) as store:
        with reading(store) as connection:  # all of it from one run, whatever is published meanwhile
            progress(Text("reading the scores", "读取评分"), 0.0)
            run, number = _published(connection)
            scores = _fields(connection, SCORES, number, OF_SCORES)
            debtors = _fields(connection, DEBTORS, number, OF_DEBTS)
            with open_facts(project) as facts:
                progress(Text("computing features", "计算特征"), 0.2)
                dated = facts.project.churn.kind != "panel"
                features = alert_features(facts, run.as_of) if dated else scores[[]]
                progress(Text("judging each customer's own rhythm", "判断各客户的购买节奏"), 0.5)
                rhythm = alert_rhythms(facts, run.as_of) if dated else scores[[]]
            progress(Text("raising warnings", "发出预警"), 0.8)
            measured = measures(scores, features, rhythm, debtors)
            graded = grade(measured, policy)
            found = _findings(connection, number, measured, graded, project.project.currency, retaining)
        raised = raise_alerts(store, Findings(run.run_id, run.as_of, graded, found), policy)
    progress(Text("done", "完成"), 1.0)
    return raised


def _published(connection: Connection) -> tuple[PublishedRun, int]:
    """The run that is served, and its number in the store."""
    run = current_run(connection)
    number = connection.scalar(select(CURRENT.c.run))
    if run is None or number is None:
        raise nothing_published()
    return run, int(number)


def _fields(
    connection: Connection, table: Table, number: int, names: tuple[str, ...], customers: list[str] | None = None
) -> pd.DataFrame:
    """Some fields of a run's scores or debtors, by customer_id; None: of all. A million bodies do not fit into memory."""
    asked = select(table.c.customer_id, table.c.body).where(table.c.run == number)
    if customers is not None:
        asked = asked.where(is_one_of(connection, table.c.customer_id, customers))
    found: list[str] = []
    values: list[tuple[Any, ...]] = []
    for customer, body in connection.execute(asked.execution_options(yield_per=_ROWS_AT_ONCE)):
        found.append(customer)
        values.append(tuple(map(orjson.loads(body).get, names)))
    return pd.DataFrame(values, pd.Index(found, name=CUSTOMER, dtype="object"), list(names))


def _findings(
    connection: Connection,
    number: int,
    measured: pd.DataFrame,
    graded: Graded,
    currency: str,
    retaining: frozenset[str],
) -> pd.DataFrame:
    """What is said of those who have a colour; only theirs are the names and sentences read."""
    rows = np.flatnonzero((graded.ranks > 0).any(axis=1))
    those = [str(customer) for customer in measured.index[rows]]
    told = [
        _fields(connection, table, number, names, those)
        for table, names in ((SCORES, TOLD_OF_SCORES), (DEBTORS, TOLD_OF_DEBTS))
    ]
    frame = measured.iloc[rows]
    for texts in told:
        frame = frame.join(texts[[name for name in texts if name not in frame]])
    frame = frame.assign(trajectory_since=pd.to_datetime(frame["trajectory_since"]))
    some = Graded(graded.customers[rows], graded.kinds, graded.ranks[rows], graded.values[rows])
    return findings(frame, some, currency, retaining)
