"""Warnings of the run that is published: the one function that the command line and the batch call."""

from contextlib import closing

import orjson
import pandas as pd
from sqlalchemy import select

from features.progress import Progress, silent
from features.project import Project
from features.sources import open_facts
from features.text import Text
from serving.alerts.cases import Findings, Raised, raise_alerts
from serving.alerts.grading import grade
from serving.alerts.measures import alert_features, alert_rhythms, measures
from serving.alerts.words import findings
from serving.decisions.playbook import load_playbook
from serving.problems import nothing_published
from serving.receivable_schemas import CustomerReceivables
from serving.schemas import PublishedRun
from serving.score_schema import Score
from serving.store import Store, current_run, open_project_store, reading
from serving.store.tables import CURRENT, DEBTORS, SCORES


def raise_for_published(project: Project, progress: Progress = silent) -> Raised:
    """Bring the project's warnings to the run that is published; the same run again changes nothing.

    Raises FactsError, StorageError, ProjectError; AsOfError: warnings of a later run stand already; ApiError: nothing was
    published.
    """
    playbook = load_playbook(project)
    policy, retaining = playbook.warnings, frozenset(a.id for a in playbook.actions if a.effect.kind == "churn")
    with closing(open_project_store(project)) as store:
        progress(Text("reading the scores", "读取评分"), 0.0)
        run, scores, debtors = _published(store)
        with open_facts(project) as facts:
            progress(Text("computing features", "计算特征"), 0.2)
            dated = facts.project.churn.kind != "panel"
            features = alert_features(facts, run.as_of) if dated else scores[[]]
            progress(Text("judging each customer's own rhythm", "判断各客户的购买节奏"), 0.5)
            rhythm = alert_rhythms(facts, run.as_of) if dated else scores[[]]
        progress(Text("raising warnings", "发出预警"), 0.8)
        measured = measures(scores, features, rhythm, debtors)
        graded = grade(measured, policy)
        found = findings(measured, graded, project.project.currency, retaining)
        raised = raise_alerts(store, Findings(run.run_id, run.as_of, graded, found), policy)
    progress(Text("done", "完成"), 1.0)
    return raised


def _published(store: Store) -> tuple[PublishedRun, pd.DataFrame, pd.DataFrame]:
    """The run, its scores and its debtors, by customer_id."""
    with reading(store) as connection:
        run = current_run(connection)
        if run is None:
            raise nothing_published()
        served = select(CURRENT.c.run).scalar_subquery()
        frames = [
            pd.DataFrame(
                map(orjson.loads, connection.scalars(select(table.c.body).where(table.c.run == served))), columns=names
            )
            for table, names in ((SCORES, list(Score.model_fields)), (DEBTORS, list(CustomerReceivables.model_fields)))
        ]
    scores, debtors = (frame.set_index("customer_id") for frame in frames)
    scores["trajectory_since"] = pd.to_datetime(scores["trajectory_since"])
    return run, scores, debtors
