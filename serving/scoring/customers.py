"""A customer of the run that is served, scored again as it is and as it would be."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import numpy as np
import orjson
import pandas as pd
import pyarrow.compute as pc
import pyarrow.parquet as pq

from features.errors import NotFoundError
from features.project import Project
from features.text import Text
from serving.batch import score_frame
from serving.decisions.beliefs import beliefs_of
from serving.decisions.learnt import is_kept_effect, kept_beliefs_of, with_learnt
from serving.decisions.playbook import load_playbook
from serving.problems import CUSTOMER_NOT_FOUND, ApiError, nothing_published
from serving.schemas import PublishedRun
from serving.score_schema import SCORES_SCHEMA
from serving.scoring.asking import checked_change
from serving.scoring.by_action import CAUTION as ACTION_CAUTION
from serving.scoring.by_action import alone, effect_of
from serving.scoring.ready import ReadyModel
from serving.scoring.schemas import CustomerAsked
from serving.scoring.what_if import CAUTION, changes_of
from serving.store import Store, current_run, find_customer, reading
from training.models.rfm import RfmModel
from training.replay import ABSTAINED, SERVED, SNAPSHOTS


def customer_answer(
    project: Project, store: Store, model: ReadyModel, segments: RfmModel | None, asked: CustomerAsked
) -> bytes:
    """The answer to a question about one customer, see `schemas.ScoreAnswer`.

    Raises ApiError: nothing is published, a name or a value is wrong; NotFoundError: the customer is not in the run, or the
    features of the run were not kept.
    """
    run, stored, row = _known(project, store, asked.customer_id)
    action = asked.what_if.action
    if action is not None and (asked.what_if.numbers or asked.change):
        raise alone()
    changed = changes_of(asked.what_if.numbers, row) | checked_change(model, asked.change)
    frame = _frame(run, stored, pd.DataFrame([row, row | changed]))
    playbook = load_playbook(project)
    learnt = kept_beliefs_of(project, run.run_id, [asked.customer_id])
    beliefs = with_learnt(beliefs_of(project, playbook), playbook, learnt)
    table = score_frame(frame, project, model.as_served(), segments, playbook, beliefs)
    before, after = table.to_pylist()
    if not asked.reasons:
        before["reasons"] = after["reasons"] = []
    effect = effect_of(action, playbook, beliefs, before["churn_probability"]) if action is not None else None
    caution = ACTION_CAUTION if effect else CAUTION if changed else None
    answer = {
        "as_of": run.as_of,
        "churn_horizon_days": model.champion.stored.facts.horizon_days,
        "scores": [after],
        "before": before,
        "changed": changed,
        "action_effect": effect,
        "caution": caution._asdict() if caution else None,
    }
    return orjson.dumps(answer, option=orjson.OPT_UTC_Z)


def _known(project: Project, store: Store, customer_id: str) -> tuple[PublishedRun, dict[str, Any], dict[str, float]]:
    """The run that is served, the customer's score in it, and the features that were scored."""
    with reading(store) as connection:
        run = current_run(connection)
        found = find_customer(connection, customer_id)
    if run is None:
        raise nothing_published()
    if found is None:
        raise ApiError(CUSTOMER_NOT_FOUND, _NOT_FOUND, customer=customer_id[:80])
    file = project.workspace / SNAPSHOTS / f"{run.run_id}.parquet"
    if not file.is_file():
        raise NotFoundError(_NOT_KEPT, run=run.run_id)
    row = pq.read_table(file, filters=pc.field("customer_id") == customer_id).to_pylist()[0]
    features = {
        name: np.nan if value is None else value
        for name, value in row.items()
        if name not in (*SERVED.values(), ABSTAINED, "customer_id") and not is_kept_effect(name)
    }
    return run, orjson.loads(found.body), features


def _frame(run: PublishedRun, stored: Mapping[str, Any], rows: pd.DataFrame) -> pd.DataFrame:
    """The rows as the batch scores them: what is not made of features stays as it is in the run."""
    standing: dict[str, Any] = {"name": stored["customer_name"], "account_manager": stored["account_manager"]}
    standing |= {name: stored[name] for name in _STANDING if stored.get(name) is not None}
    if "trajectory_since" in standing:
        standing["trajectory_since"] = date.fromisoformat(standing["trajectory_since"])
    further = {name: pd.Series([value] * len(rows), rows.index) for name, value in standing.items()}
    return rows.assign(customer_id=stored["customer_id"], as_of=pd.Timestamp(run.as_of), **further)


_STANDING = (
    *SCORES_SCHEMA.names[
        SCORES_SCHEMA.get_field_index("expected_purchases") : SCORES_SCHEMA.get_field_index("currency")
    ],
)
"""What a batch says of a customer beside its risk and the action: where it stands and what it owes."""

_NOT_FOUND = Text(
    "There is no customer '{customer}' in the current scores. Check the id; upper and lower case differ.",
    "当前评分中没有客户“{customer}”。请检查编号；大小写有区别。",
)
_NOT_KEPT = Text(
    "The features of run {run} are no longer kept, so nothing can be computed from them. Run 'retinue score'.",
    "批次 {run} 的特征已不再保留，无法据此计算。请运行“retinue score”。",
)
