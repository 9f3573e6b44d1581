"""From the scores of a run to the plan of a period: read, made, written to files and into the store."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from features.errors import NotFoundError, StorageError
from features.progress import Progress, silent
from features.project import Project
from features.text import Text
from features.writing import atomic_file, require_space
from serving.decisions.beliefs import beliefs_of
from serving.decisions.expected_profit import Beliefs
from serving.decisions.learnt import kept_beliefs, with_learnt
from serving.decisions.next_best_action import LOST_VALUE
from serving.decisions.plan import Plan, make_plan
from serving.decisions.playbook import Playbook, load_playbook
from serving.decisions.portfolios import YEAR_BEFORE, Portfolios, portfolios
from serving.plan_schemas import PlanItem, PlanLimit, PlanSummary
from serving.score_schema import SCORES_SCHEMA, BilingualText
from serving.scores_file import run_id_of
from serving.store import (
    ACTIONS,
    logged_bodies,
    open_project_store,
    reading,
    store_plan,
    would_have_been,
)
from serving.store.plan_history import iso
from serving.year_before import year_before
from training.experiments.assignment import CONTROL, TREATED
from training.replay import kept_features
from training.value import value_if_back

Floats = NDArray[np.float64]

PLAN_FILE, PORTFOLIOS_FILE = "plan.parquet", "portfolios.parquet"
MEGABYTES = 20
LAST_ACTION = "days_since_last_action"
"""The feature that knows when a customer was last treated, where the project's facts tell."""
ANY = "any"


@dataclass(frozen=True)
class Planned:
    """A plan that was made: the plan itself, what is told of it, its contacts as they are stored, and its file.

    ``portfolios`` are those of the account managers, None where no customer has one; the churn rate looks ``churn_days`` ahead.
    """

    plan: Plan
    summary: PlanSummary
    items: list[dict[str, Any]]
    file: Path
    playbook: Playbook
    beliefs: Beliefs
    portfolios: Portfolios | None
    churn_days: int


def plan(
    project: Project,
    scores_file: Path,
    out: Path,
    clock: Callable[[], datetime],
    budget: float | None = None,
    campaign: str | None = None,
    progress: Progress = silent,
) -> Planned:
    """Make the plan of one period from the scores in ``scores_file``; write it into ``out``, and publish it.

    The files are ``plan.parquet`` and, where customers have account managers, ``portfolios.parquet``.

    ``budget`` (currency for the period) takes the place of the playbook's. A plan of a ``campaign`` leaves its controls alone.
    Controls who would have been in the plan are logged beside it in the store; of a campaign's plan those in it are, too.
    ``clock`` says when the plan is made. File and store change only when everything has succeeded.
    Raises NotFoundError: there are no scores, or their features were removed. AllocationError: no plan keeps all limits.
    ProjectError, StorageError.
    """
    for place in (out, project.workspace):
        require_space(place, MEGABYTES)
    progress(Text("reading scores and features", "读取评分与特征"), 0.0)
    scores, run_id = _scores(scores_file)
    kept = kept_features(project, run_id)
    frame = _with_features(scores, kept)
    frame[LOST_VALUE] = np.where(frame["churn_probability"].isna(), value_if_back(frame, project), np.nan)
    playbook = _with_budget(load_playbook(project), budget)
    learnt = kept_beliefs(kept) if kept is not None else None
    beliefs = with_learnt(beliefs_of(project, playbook), playbook, learnt)
    progress(Text("weighing {n:,} customers", "评估 {n:,} 位客户").format(n=len(frame)), 0.3)
    as_of = scores["as_of"][0].as_py()
    currency = scores["currency"][0].as_py()
    days_since = _days_since(project, frame, as_of, playbook)
    made = make_plan(frame, playbook, beliefs, as_of, currency, project.value.margin_share, days_since, campaign)
    progress(Text("portfolios of the account managers", "客户经理的客户组合"), 0.7)
    held, churn_days = _portfolios(project, frame, made), int(frame["churn_horizon_days"].max())
    progress(Text("writing and publishing", "写入并发布"), 0.8)
    items = [_item(row, currency) for row in _rows(made.items)]
    summary = _summary(made, run_id, clock())
    file = out / PLAN_FILE
    with ExitStack() as files, closing(open_project_store(project)) as store:
        pq.write_table(pa.Table.from_pylist(items, _file_schema()), files.enter_context(atomic_file(file)))
        if held:
            pq.write_table(
                _portfolio_file(held, as_of, churn_days, currency),
                files.enter_context(atomic_file(out / PORTFOLIOS_FILE)),
            )
        at = as_of.astimezone(UTC).isoformat().replace("+00:00", "Z")
        chosen = chosen_rows(made, summary.plan_id, summary.made_at)
        store_plan(store, summary.plan_id, at, summary.model_dump_json().encode(), items, chosen)
    if held is None:
        (out / PORTFOLIOS_FILE).unlink(missing_ok=True)  # of an earlier plan
    progress(Text("done", "完成"), 1.0)
    return Planned(made, summary, items, file, playbook, beliefs, held, churn_days)


def _portfolios(project: Project, frame: pd.DataFrame, made: Plan) -> Portfolios | None:
    """The account managers' portfolios; the year before is read only where somebody has an account manager."""
    before = year_before(project, made.as_of) if frame["account_manager"].notna().any() else None
    known = frame if before is None else frame.assign(**{YEAR_BEFORE: frame["customer_id"].map(before)})
    return portfolios(known, made.items["customer_id"])


def _portfolio_file(held: Portfolios, as_of: datetime, churn_days: int, currency: str) -> pa.Table:
    """The portfolios with what their numbers are told by: day, horizon of the churn rate, currency."""
    table = held.table.assign(as_of=pd.Timestamp(as_of), churn_horizon_days=churn_days, currency=currency)
    return pa.Table.from_pandas(table, preserve_index=False).replace_schema_metadata(None)


def _scores(file: Path) -> tuple[pa.Table, str]:
    if not file.is_file():
        raise NotFoundError(
            Text(
                "There are no scores at {file}. Run 'retinue score' first, or name its file with --scores.",
                "{file} 处没有评分。请先运行“retinue score”，或用 --scores 指定其文件。",
            ),
            file=file,
        )
    try:
        table, run_id = pq.read_table(file), run_id_of(file)
    except (pa.ArrowInvalid, OSError) as fault:
        raise StorageError(
            Text("The scores {file} cannot be read: {fault}.", "无法读取评分 {file}：{fault}。"), file=file, fault=fault
        ) from None
    if table.schema.names != SCORES_SCHEMA.names or not table.num_rows or run_id is None:
        raise StorageError(
            Text(
                "The file {file} holds no scores of this Retinue ({columns} columns, {rows} rows). Run 'retinue score' again.",
                "文件 {file} 不是当前版本 Retinue 的评分（{columns} 列，{rows} 行）。请重新运行“retinue score”。",
            ),
            file=file,
            columns=table.num_columns,
            rows=table.num_rows,
        )
    return table, run_id


def _with_features(scores: pa.Table, features: pa.Table | None) -> pd.DataFrame:
    """Scores and the features that they were made from, side by side."""
    if features is None:
        raise NotFoundError(
            Text(
                "The features behind these scores are no longer kept. Run 'retinue score' again, then plan from its file.",
                "这些评分所用的特征已不再保存。请重新运行“retinue score”，再据其文件制定计划。",
            )
        )
    others = [name for name in features.column_names if name not in scores.column_names]
    told: pd.DataFrame = scores.drop_columns(["reasons", "alternatives"]).to_pandas()
    joined: pd.DataFrame = pd.concat([told, features.select(others).to_pandas()], axis=1)
    return joined


def _with_budget(playbook: Playbook, budget: float | None) -> Playbook:
    if budget is None:
        return playbook
    return playbook.model_copy(update={"plan": playbook.plan.model_copy(update={"budget": budget})})


def chosen_rows(made: Plan, plan_id: str, made_at: datetime) -> list[dict[str, Any]]:
    """Whom the plan chose, as its history keeps them: controls, and in a campaign those who are treated, too."""
    of_plan = {
        "plan_id": plan_id,
        "campaign": made.campaign,
        "as_of": iso(made.as_of),
        "made_at": iso(made_at),
        "propensity": made.propensity,
    }
    columns = ["customer_id", "action", "accompanying_action", "expected_profit"]
    arms = [(CONTROL, made.would_be), *([(TREATED, made.items)] if made.campaign is not None else [])]
    return [
        {**of_plan, "arm": arm, **dict(zip(columns, row, strict=True))}
        for arm, items in arms
        for row in items[columns].itertuples(index=False, name=None)
    ]


def _days_since(project: Project, frame: pd.DataFrame, as_of: datetime, playbook: Playbook) -> dict[str, Floats]:
    """Days from each customer's last action to ``as_of``, by action and of `ANY`; inf where there was none.

    It counts what the project's facts tell (treatments) and what was logged in the store. Controls rest as well, after a plan
    that would have chosen them: else they would come up each time, while those in the plan rest.
    """
    never = np.full(len(frame), np.inf)
    told = frame[LAST_ACTION].fillna(np.inf).to_numpy(dtype=np.float64) if LAST_ACTION in frame else never
    days = max(playbook.plan.rest_days, *(action.rest_days for action in playbook.actions))
    logged = _logged_actions(project, as_of - timedelta(days=days), as_of)
    if logged.empty:
        return {ANY: told}
    days = (pd.Timestamp(as_of) - logged["at"]).dt.total_seconds() / 86_400
    last = logged.assign(days=days)[days >= 0].groupby(["action", "customer_id"])["days"].min()
    by_action = {
        str(action): last[action].reindex(frame["customer_id"]).fillna(np.inf).to_numpy(dtype=np.float64)
        for action in last.index.unique("action")
    }
    return by_action | {ANY: np.minimum.reduce([told, *by_action.values()])}


def _logged_actions(project: Project, begin: datetime, end: datetime) -> pd.DataFrame:
    """Actions that were carried out, as they were logged, and from [begin, end) those that controls were spared:
    customer_id, action, at.
    """
    with closing(open_project_store(project)) as store, reading(store) as connection:
        rows = [orjson.loads(body) for bodies, _ in logged_bodies(connection, ACTIONS) for body in bodies]
        spared = would_have_been(connection, CONTROL, begin, end)
    done = [(row["customer_id"], row["action"], row["at"]) for row in rows if row["arm"] == TREATED]
    done += [(c.customer_id, action, c.as_of) for c in spared for action in (c.action, c.accompanying_action) if action]
    frame = pd.DataFrame(done, columns=["customer_id", "action", "at"])
    return frame.assign(at=pd.to_datetime(frame["at"], utc=True, format="ISO8601"))


def _rows(items: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """The contacts as plain values, None where nothing is known."""
    table = pa.Table.from_pandas(items, preserve_index=False)
    for place, row in enumerate(table.to_pylist(), start=1):
        yield {"place": place, **row}


def _item(row: dict[str, Any], currency: str) -> dict[str, Any]:
    return {name: row.get(name) for name in PlanItem.model_fields} | {"currency": currency}


def _summary(made: Plan, run_id: str, made_at: datetime) -> PlanSummary:
    allocation, items = made.allocation, made.items
    told = f"{run_id} {items[['customer_id', 'action']].to_csv(index=False)}"
    digest = sha256((told if made.campaign is None else f"{made.campaign}\x1f{told}").encode()).hexdigest()
    return PlanSummary(
        plan_id=f"{made.as_of:%Y%m%d}-{digest[:12]}",
        run_id=run_id,
        as_of=made.as_of,
        made_at=made_at,
        period_days=made.period_days,
        currency=made.currency,
        customers=made.customers,
        contacts=len(items),
        controls=made.controls,
        resting=made.resting,
        expected_profit=made.expected_profit,
        expected_profit_low=float(items["expected_profit_low"].sum()),
        expected_profit_high=float(items["expected_profit_high"].sum()),
        most_possible_profit=allocation.bound,
        limits=[
            PlanLimit(
                name=_both(one.name),
                unit=_both(one.unit),
                used=one.used,
                at_most=one.at_most,
                at_least=one.at_least,
                shadow_price=one.shadow_price,
                sentence=_both(one.sentence),
            )
            for one in allocation.limits
        ],
    )


def _both(text: Text) -> BilingualText:
    return BilingualText(**text._asdict())


def _file_schema() -> pa.Schema:
    """The columns of ``plan.parquet``: the fields of PlanItem."""
    text = pa.struct([pa.field("en", pa.string()), pa.field("zh", pa.string())])
    kinds = {"place": pa.int64(), "why": text, "action_name": text, "accompanying_action_name": text}
    numbers = ("churn_probability", "value_at_stake", "overdue_balance", "minutes", "action_cost")
    kinds |= dict.fromkeys((*numbers, "expected_profit", "expected_profit_low", "expected_profit_high"), pa.float64())
    return pa.schema([pa.field(name, kinds.get(name, pa.string())) for name in PlanItem.model_fields])
