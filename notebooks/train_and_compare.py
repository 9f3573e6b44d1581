# %% [markdown]
# # Train churn models, and compare them with what needs no model
#
# Trains on a tenth of the CDNOW demo (every tenth customer, as in the literature), reads the run back from MLflow, repeats
# the training as of two past days, and reads what the gate said: may the model serve? Nothing is left behind, since the
# project lies in a temporary folder. Run it: `.venv/bin/python notebooks/train_and_compare.py` (a minute or two).
#
# 中文摘要：用 CDNOW 十分之一的客户训练流失模型，与无需模型的基线（总体流失率、最近购买时间、购买次数、自身节奏）逐项比较；
# 从 MLflow 读回本次运行，绘制校准图与增益图；以过去两个时点回测，检验优势是否稳定；最后查看闸门的裁决：模型能否上线，理由为何。

# %%
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from features.project import load_project
from serving.demo import prepare
from training.backtest import CHOSEN, backtest, mean_probability
from training.evaluation.calibration import reliability_bins
from training.evaluation.metrics import log_loss_gain
from training.evaluation.profit import DecisionCosts
from training.job import SEED, train
from training.mlflow_store import tracking
from training.tracking import JUDGED_ROWS

as_of = datetime(1998, 7, 1, tzinfo=UTC)
place = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)

# %% [markdown]
# ## Train
#
# `where` in the project file limits a table to some rows; here to every tenth customer, so that this runs in a minute.
# `train` is what the command `retinue train` calls: it learns from many past cut-offs, keeps the last one as the test, and
# leaves a gap of one horizon between the two, so that no label that is learnt from was still open on the day of the test.
# `costs` is the action that models are compared by in money: here an e-mail with a voucher for 0.50 that keeps 5 of 100
# who would have left. The usual one, a call for 15.00, would pay for hardly any buyer of CDs.

# %%
file = prepare("cdnow", Path(place.name) / "cdnow")
path = 'path = "orders.csv.gz"'
file.write_text(file.read_text().replace(path, f'{path}\nwhere = "CAST(customer_id AS INTEGER) % 10 = 0"'))
project = load_project(file)
training = train(project, as_of, costs=DecisionCosts(contact=0.5, effect=0.05))

plan = training.schedule
print(f"{training.rows:,} rows of {training.customers:,} customers, {training.features} features")
print(f"judged models learnt from {len(plan.fit)} cut-offs until {plan.fit[-1]:%Y-%m-%d}; test on {plan.test:%Y-%m-%d}")

# %% [markdown]
# ## Compare
#
# Sorted by log-loss, the measure that rewards probabilities for being right and not only for their order. The baselines are
# what everybody can have without a model. `chosen` is the candidate with the best log-loss on *held-out customers of the
# cut-offs that were learnt from*; it need not be the best on the test, which has no say in it. That is how it should be:
# the best of several on the test would look better than it is.

# %%
columns = ["auc", "auc_low", "auc_high", "pr_auc", "log_loss", "brier", "calibration_error", "top_decile_lift"]
metrics = pd.DataFrame({name: found.as_dict() for name, found in training.metrics.items()}).T.sort_values("log_loss")
print(metrics[columns].round(3).to_string())
print(f"chosen: {training.chosen}")

# %% [markdown]
# ## The run in MLflow
#
# All of it is on record: parameters, metrics, plots, the model, its card, its leakage certificate and the rows of the test
# with what every model said of them. `tracking` opens the project's own store; with `MLFLOW_TRACKING_URI` it is yours.

# %%
with tracking(project) as client:
    run = client.get_run(training.run_id)
    kept = sorted(file.path for file in client.list_artifacts(training.run_id))
    rows = pd.read_parquet(client.download_artifacts(training.run_id, JUDGED_ROWS, place.name))
print({name: run.data.params[name] for name in ("model", "test_cutoff", "horizon_days", "rows", "features", "seed")})
print(f"files: {', '.join(kept)}")
print(f"{len(rows):,} rows of the test, each with {sum(c.startswith('said_by_') for c in rows)} opinions")

# %% [markdown]
# ## Do the probabilities come true, and whom do they find?
#
# Left: customers in ten parts by rising probability, with the share that left and its 95 % interval. On the line: as foretold.
# Right: who contacts the customers from the highest risk down, how many of those who leave does he reach?

# %%
churned = rows["churned"].to_numpy()
chosen = rows[f"said_by_{training.chosen}"].to_numpy()
bins = reliability_bins(churned, chosen, pd.factorize(rows["customer_id"])[0])
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.4), layout="constrained")
left.plot([0, 1], [0, 1], color="0.7", linewidth=1)
observed = np.array([part.observed.value for part in bins])
ends = np.array([[part.observed.low, part.observed.high] for part in bins]).T
left.errorbar([part.probability for part in bins], observed, np.abs(ends - observed), fmt="o-", markersize=4, capsize=2)
left.set(xlim=(0, 1), ylim=(0, 1), xlabel="foretold probability", ylabel="share that left", title=training.chosen)

share = np.arange(len(rows) + 1) / len(rows)
right.plot(share, np.minimum(share / churned.mean(), 1), color="0.85", linewidth=1, label="perfect")
right.plot([0, 1], [0, 1], color="0.7", linewidth=1, label="by chance")
for name in (training.chosen, "recency", "number_of_purchases"):
    order = np.argsort(-rows[f"said_by_{name}"].to_numpy(), kind="stable")
    right.plot(share, np.concatenate([[0], np.cumsum(churned[order]) / churned.sum()]), label=name)
right.set(xlabel="share of customers contacted", ylabel="share of leavers found", title="gains")
right.legend(frameon=False)
plt.show()
inside = sum(part.observed.low <= part.probability <= part.observed.high for part in bins)
print(
    f"{inside} of {len(bins)} parts came true within their interval; foretold {chosen.mean():.1%}, left {churned.mean():.1%}"
)

# %% [markdown]
# ## Was it luck? The same training as of two past days
#
# One test is one season. `backtest` repeats the whole training as of past days, with labels as they were known then, and
# records nothing. The gain is how much lower the log-loss is than that of the best baseline, paired row by row; below about two
# standard errors it may be chance. Here the horizons of the two tests overlap by half: they are not independent witnesses.

# %%
past = backtest(project, as_of, SEED, tests=2)
for test in past.tests:
    of_day = (past.rows["as_of"] == pd.Timestamp(test.test)).to_numpy()
    left_then = past.rows.loc[of_day, "churned"].to_numpy()
    best = min(past.baselines, key=lambda name: test.metrics[name].log_loss)
    gain, error = log_loss_gain(left_then, past.probabilities[CHOSEN][of_day], past.probabilities[best][of_day])
    found = test.metrics[CHOSEN]
    print(
        f"test {test.test:%Y-%m-%d}: {test.chosen}, AUC {found.auc:.3f}, gain over {best} {gain:.4f} ± {error:.4f} nats,"
        f" foretold {mean_probability(past, test):.1%}, left {found.churn_rate:.1%}"
    )

# %% [markdown]
# ## The gate
#
# A model serves only if it beats the baselines by more than a standard error, if its probabilities came true, if deciding by
# them loses no money, and if no leak was found. It says why in words, and keeps the differences that the words rest on.
# Money: what contacting those for whom it pays would have brought, in currency per customer, with the costs above.

# %%
print(f"leakage: {training.certificate.verdict}; promoted: {training.promoted}")
for reason in training.verdict.reasons:
    print(reason.en)
    print(reason.zh)
differences = pd.DataFrame(training.verdict.as_json()["differences"])
print(differences.round(4).to_string(index=False))
place.cleanup()
