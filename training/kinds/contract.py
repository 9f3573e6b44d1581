"""Leaving as the end of a contract: nothing runs any more when the horizon ends, asked of customers with a contract."""

import numpy as np
import pandas as pd

from features.project import ChurnSettings
from features.text import Text
from training.kinds.kind import WINDOWS, ChurnKind, Columns, Flags, Floats

RUNNING = "contracts_running"


def _has_a_contract(frame: Columns, horizon_days: int, active_within_days: int) -> Flags:
    return np.asarray(frame[RUNNING] > 0)


def _nothing_runs(frame: pd.DataFrame, running: Floats, churn: ChurnSettings) -> Flags:
    return np.isnan(running)


CONTRACT = ChurnKind(
    name="contract",
    needs=("subscriptions", "subscriptions.ended_at"),
    first_fact="SELECT min(started_at) FROM subscriptions",
    population=(RUNNING,),
    at_risk=_has_a_contract,
    # A contract that ends within the window and is followed by another one before its end was renewed. An end counts
    # once it has come: every window ends before what is known does.
    evidence=f"""
SELECT c.as_of, s.customer_id, count(*)::DOUBLE AS value
FROM {WINDOWS} c JOIN subscriptions s ON s.started_at < c.until AND coalesce(s.ended_at >= c.until, TRUE)
WHERE greatest(s.known_at, s.started_at) < $known_before
GROUP BY ALL""",
    left=_nothing_runs,
    alone={"contract_age": ("contract_running_days", -1)},
    lacking=Text(
        "Churn as the end of a contract is learnt from contracts with their ends, and the project lacks {lacking} (it gives"
        " {tables}). Add [tables.subscriptions] with started_at and ended_at to the project file.",
        "“合同”型流失模型需要带结束时间的合同数据，而项目缺少 {lacking}（现有 {tables}）。"
        "请在项目文件中添加含 started_at 和 ended_at 的 [tables.subscriptions]。",
    ),
)
