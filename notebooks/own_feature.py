# %% [markdown]
# # Build a feature of your own, and see whether it pays
#
# Writes three features into the project file of the simulated trading company, looks at them in a snapshot, and measures on
# the same rows what each adds to a model that already has the whole catalogue. The answer is a gain with its standard
# error, and often it is "no". Run it: `.venv/bin/python notebooks/own_feature.py` (about a minute).
#
# 中文摘要：在模拟贸易公司的项目文件中写入三个自定义特征（客户上次主动联系距今天数、交货延迟的累积记忆、周一下单占比），先在快照中
# 查看，再在相同的数据行上比较“有”与“没有”该特征的模型：以对数损失和 AUC 的增益及其标准误决定去留，并以目录中的一组特征作对照。
# 结论往往是“尚不足以证明有用”。

# %%
import tempfile
from datetime import datetime, timedelta
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from features.project import load_project
from features.snapshot import snapshot
from features.sources import open_facts
from serving.demo import prepare
from training.dataset import LABEL, labelled_snapshots, training_features
from training.evaluation.bootstrap import Estimate, clustered_mean
from training.evaluation.metrics import auc_gain, log_loss_gain, log_losses
from training.models.fitting import fit_logistic, fit_xgboost

SEED = 7
place = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)

# %% [markdown]
# ## Three ideas
#
# 1. *Calls and visits are ours; inquiries and requests are theirs.* A customer who has left is still visited for a while, but
#    asks for nothing. A good idea, and an old one: the catalogue has it in other words (`days_since_last_word`, which counts
#    complaints and surveys as well). Whoever writes it again should find out.
# 2. *Late deliveries are remembered and forgotten.* Weeks of delay, each counting half after 90 days. The catalogue has
#    the mean delay; this one is a sum, so ten late deliveries weigh more than one.
# 3. *Share of orders placed on a Monday.* No reason at all. An idea that must not pay shows what chance looks like.
#
# Each is an SQL aggregate over one table as it was known at the cut-off: `age_days` is the age of the row, and what was
# learnt later (`delivered_at` of a delivery still to come) is empty until then, so there is no way to look ahead.

# %%
IDEAS = """
[features.days_since_own_contact]
table = "interactions"
sql = "min(age_days) FILTER (WHERE kind IN ('inquiry', 'request'))"
unit = "days"
meaning = { en = "Days since the customer last asked for something", zh = "距客户上次主动咨询或提出请求的天数" }

[features.late_weeks_felt]
table = "orders"
sql = "sum(least(greatest(date_diff('day', promised_at, delivered_at), 0) / 7.0, 2) * power(0.5, age_days / 90.0))"
unit = "weeks"
meaning = { en = "Weeks of late delivery, each counting half after 90 days", zh = "交货延迟的周数，每 90 天影响减半" }
empty = 0

[features.monday_share]
table = "orders"
sql = "avg(CAST(isodow(ordered_at) = 1 AS DOUBLE))"
unit = "share"
meaning = { en = "Share of order lines placed on a Monday", zh = "周一下单的订单行占比" }
"""
file = prepare("trading", Path(place.name) / "trading")
file.write_text(file.read_text(encoding="utf-8") + IDEAS, encoding="utf-8")
project = load_project(file)
own = list(project.features)

# %% [markdown]
# ## The snapshot has them
#
# A mistake in the SQL, a name that is taken, or a clock such as `now()` is refused here with the reason. First look at the
# values: missing where they should be missing, nothing below zero, no column that is the same for all.

# %%
with open_facts(project) as facts:
    looked_at = snapshot(facts, [datetime(2026, 4, 1, tzinfo=project.timezone)]).to_pandas()
described = looked_at[own].describe(percentiles=[0.5, 0.9]).T
print(described.assign(missing=looked_at[own].isna().mean()).drop(columns="count").round(2).to_string())

# %% [markdown]
# ## Rows to learn from, rows to judge on
#
# Three tests, one horizon apart, so that no day of outcome is counted twice. For each, models learn from nine cut-offs that lie
# at least one horizon before it, with labels as they were known on the day of the test.

# %%
horizon = timedelta(days=project.churn.horizon_days)
tests = [datetime(*day, tzinfo=project.timezone) for day in ((2025, 10, 1), (2026, 1, 1), (2026, 4, 1))]
occasions = []
with open_facts(project) as facts:
    features = training_features(facts)
    for test in tests:
        cutoffs = [test - horizon - n * timedelta(days=30) for n in reversed(range(9))]
        fit = labelled_snapshots(facts, cutoffs, test, features)
        occasions.append((fit, labelled_snapshots(facts, [test], test + horizon, features)))
catalogue = [feature.name for feature in features if feature.name not in own]
churned = [rows[LABEL].to_numpy(dtype=np.int64) for _, rows in occasions]
customers = pd.factorize(pd.concat([rows["customer_id"] for _, rows in occasions]))[0]
print(
    f"{len(catalogue)} features of the catalogue; {len(customers):,} rows to judge on, {np.concatenate(churned).mean():.1%} left"
)

# %% [markdown]
# The picture that tempts: by fifths of the feature, the share that left. A slope here is *not* yet a gain: the catalogue may
# know the same from elsewhere. Silence, for one, goes with few inquiries.

# %%
judged = pd.concat([rows for _, rows in occasions])
figure, axes = plt.subplots(figsize=(6.5, 3.8), layout="constrained")
for name in own:
    fifth = pd.qcut(judged[name].rank(method="first"), 5, labels=False) + 1
    share = judged[LABEL].groupby(fifth).mean()
    axes.plot(share.index, share, marker="o", label=name)
    print(f"{name}: {share.iloc[0]:.1%} of the lowest fifth left, {share.iloc[-1]:.1%} of the highest")
axes.axhline(judged[LABEL].mean(), color="0.7", linewidth=1)
axes.set(
    xlabel="fifth of the customers, by rising feature", ylabel="share that left", xticks=range(1, 6), ylim=(0, None)
)
axes.legend(frameon=False)
plt.show()

# %% [markdown]
# ## With and without
#
# The same rows, the same seed, one feature more. `log_loss_gain` and `auc_gain` compare row by row, so their errors are those
# of the *difference*, which is far surer than either model's own figure.


# %%
def foretold(names: list[str], fit_model=fit_logistic) -> list[np.ndarray]:
    """What models with these features say of the rows of each test."""
    return [fit_model(fit, names, SEED).probability(rows) for fit, rows in occasions]


def gain(said: list[np.ndarray], before: list[np.ndarray]) -> Estimate:
    """How much lower the log-loss is over all tests, in nats a row; a customer who is in all of them counts once."""
    per_row = [log_losses(y, b) - log_losses(y, s) for y, b, s in zip(churned, before, said, strict=True)]
    return clustered_mean(np.concatenate(per_row), customers)


base = foretold(catalogue)
with_one = {name: foretold([*catalogue, name]) for name in own}
for name, said in with_one.items():
    for test, y, now, before in zip(tests, churned, said, base, strict=True):
        loss, auc = log_loss_gain(y, now, before), auc_gain(y, now, before)
        print(f"{name}, {test:%Y-%m-%d}: log-loss {loss[0]:+.5f} ± {loss[1]:.5f}, AUC {auc[0]:+.4f} ± {auc[1]:.4f}")

# %% [markdown]
# ## Decide
#
# Over all tests, with errors over customers. A feature is kept when its gain is above two standard errors: with three ideas
# on trial, one error would let a useless one pass too easily. To see what a gain looks like that is there, a control:
# what the catalogue's own contacts bring, that is how much worse the model is without them.


# %%
def verdict(found: Estimate) -> str:
    """Whether to keep a feature with this gain."""
    if found.value > 2 * found.standard_error:
        return "keep"
    return "not proven" if found.value > found.standard_error else "leave out"


contacts = {feature.name for feature in features if feature.family == "contacts"}
without_contacts = foretold([name for name in catalogue if name not in contacts])
gains = {name: gain(said, base) for name, said in with_one.items()}
gains["control: contacts"] = gain(base, without_contacts)
boosted = foretold(catalogue, fit_xgboost)
gains["own contact, in trees"] = gain(foretold([*catalogue, "days_since_own_contact"], fit_xgboost), boosted)
for name, found in gains.items():
    print(f"{name}: gain {found.value:+.5f} ± {found.standard_error:.5f} nats: {verdict(found)}")

figure, axes = plt.subplots(figsize=(7, 3.2), layout="constrained")
heights = range(len(gains), 0, -1)
axes.errorbar(
    [1000 * found.value for found in gains.values()],
    list(heights),
    xerr=[1960 * found.standard_error for found in gains.values()],
    fmt="o",
    capsize=3,
)
axes.axvline(0, color="0.7", linewidth=1)
axes.set_yticks(list(heights), list(gains))
axes.set_xlabel("gain in log-loss, thousandths of a nat a row, with 95 % interval")
plt.show()

# %% [markdown]
# What was found: the steepest slope of the first picture is worth nothing, to the regression as to the trees, because the
# catalogue says the same already; the control shows what it is worth to say it at all. The other two are not proven
# either. An idea that does pay needs nothing but its lines in the project file: training, leakage check and scoring take
# it from there.

# %%
place.cleanup()
