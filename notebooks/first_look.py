# %% [markdown]
# # First look: what do features say about leaving? / 初探：特征与流失有何关系？
#
# Takes the CDNOW demo, computes features as of one past day, and looks at what came true in the 90 days after it.
# Open it as a notebook in any editor that knows `# %%` cells, or run it: `.venv/bin/python notebooks/first_look.py`.
#
# 使用 CDNOW 示例，计算某一天的特征，并观察其后 90 天的实际结果。可在支持 `# %%` 单元格的编辑器中打开，或直接运行。

# %%
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from features.compiler import active_features
from features.project import load_project
from features.sources import open_facts
from serving.demo import prepare
from training.dataset import LABEL, labelled_snapshots

as_of = datetime(1998, 1, 1, tzinfo=UTC)
end_of_facts = datetime(1998, 7, 1, tzinfo=UTC)

# %% [markdown]
# One row per active customer: the features as they were known at `as_of`, and whether the customer then stayed silent.
#
# 每位活跃客户一行：`as_of` 时已知的特征，以及该客户之后是否沉默。

# %%
with tempfile.TemporaryDirectory() as folder:
    project = load_project(prepare("cdnow", Path(folder) / "cdnow"))
    with open_facts(project) as facts:
        frame = labelled_snapshots(facts, [as_of], end_of_facts, active_features(facts.columns))

print(f"{len(frame):,} active customers, {frame[LABEL].mean():.1%} then stayed silent for 90 days")
print(f"{len(frame):,} 位活跃客户，其中 {frame[LABEL].mean():.1%} 随后沉默 90 天")

# %% [markdown]
# The silence now, against the customer's own mean gap between purchases: below 1 nothing is unusual yet.
#
# 当前沉默时间与客户自身平均购买间隔之比：低于 1 属正常。

# %%
ratio = pd.cut(frame["current_gap_ratio"], [0, 0.5, 1, 2, 4, float("inf")])
print(frame.groupby(ratio, observed=True)[LABEL].agg(customers="size", stayed_silent="mean").round(3))

# %% [markdown]
# Which single features tell most? Rank correlation with what came true; the sign says in which direction.
#
# 哪些单个特征最有信息？与结果的秩相关，符号表示方向。

# %%
columns = [c for c in frame.columns if c not in ("customer_id", "as_of", LABEL)]
ranks = frame[columns].rank().corrwith(frame[LABEL].rank()).dropna()
print(ranks.reindex(ranks.abs().sort_values(ascending=False).index).head(10).round(3))
