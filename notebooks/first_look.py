# %% [markdown]
# # First look: who is in the base, and in what rhythm do they buy?
#
# Takes the CDNOW demo, looks at it as of one past day, and then at what came true in the 90 days after that day.
# Open it as a notebook in any editor that knows `# %%` cells, or run it: `.venv/bin/python notebooks/first_look.py`.
#
# 中文摘要：使用真实的 CDNOW 数据，以 1998-01-01 为时点考察客户群：每月新客与复购、购买间隔的分布、最近购买时间与购买次数的
# 组合，以及沉默时间已超出自身节奏的客户；最后对照其后 90 天的实际结果，看“相对自身节奏的沉默”能说明多少流失。

# %%
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from features.compiler import active_features
from features.project import load_project
from features.snapshot import snapshot
from features.sources import open_facts
from serving.demo import prepare
from training.dataset import LABEL, labelled_snapshots

as_of = datetime(1998, 1, 1, tzinfo=UTC)
end_of_facts = datetime(1998, 7, 1, tzinfo=UTC)

# %% [markdown]
# Everything is read while the facts are open. `facts.connection` is plain DuckDB with a view for each table of the project;
# `snapshot` gives one row per customer from what was known *before* `as_of`; `labelled_snapshots` adds what came true,
# for those who can be lost (they bought within the last 180 days).

# %%
PURCHASE_DAYS = """
SELECT customer_id, ordered_day AS day, date_trunc('month', ordered_day) AS month,
       date_diff('day', lag(ordered_day) OVER (PARTITION BY customer_id ORDER BY ordered_day), ordered_day) AS gap_days
FROM (SELECT DISTINCT customer_id, ordered_day FROM orders WHERE known_at < $as_of AND ordered_at < $as_of)
"""

with tempfile.TemporaryDirectory() as folder:
    project = load_project(prepare("cdnow", Path(folder) / "cdnow"))
    with open_facts(project) as facts:
        days = facts.connection.execute(PURCHASE_DAYS, {"as_of": as_of.replace(tzinfo=None)}).df()
        base = snapshot(facts, [as_of]).to_pandas()
        active = labelled_snapshots(facts, [as_of], end_of_facts, active_features(facts.columns))

once = (base["purchase_days_total"] == 1).mean()
print(f"{len(base):,} customers bought before {as_of:%Y-%m-%d}; {once:.1%} of them only once")
print(f"{len(days):,} purchase days; {len(active):,} customers bought within the last 180 days and can be lost")

# %% [markdown]
# ## Purchases over time
#
# CDNOW is a cohort: everybody first bought in January to March 1997. So the bars show a base that settles, not a shop
# that shrinks. In a company's own facts look here for gaps of a month (a load that failed), for steps (a system that
# was replaced) and for the season.

# %%
by_month = days.assign(kind=np.where(days["gap_days"].isna(), "first", "repeat")).pivot_table(
    index="month", columns="kind", values="day", aggfunc="count", fill_value=0
)
figure, axes = plt.subplots(figsize=(8, 3.6), layout="constrained")
axes.bar(by_month.index, by_month["repeat"], width=24, color="C0", label="again")
axes.bar(
    by_month.index, by_month["first"], width=24, bottom=by_month["repeat"], color="0.8", label="for the first time"
)
axes.set_title("Customers who bought, by month (purchase days)")
axes.legend(frameon=False)
plt.show()
print(by_month)

# %% [markdown]
# ## The rhythm of customers
#
# A gap is the time between two purchase days of the same customer. Gaps are skewed, so the axis is logarithmic, and the
# few customers who buy often have most of the gaps. A horizon that is shorter than most gaps would call ordinary waiting
# a loss. Here a fifth of all gaps are longer than the horizon: who "leaves" by the project's rule may well come back,
# which is why the rule is written down in `[churn]` and shown on every model card.

# %%
gaps = days["gap_days"].dropna()
middle, long = gaps.quantile([0.5, 0.9])
horizon = project.churn.horizon_days
within = (gaps <= horizon).mean()
figure, axes = plt.subplots(figsize=(8, 3.6), layout="constrained")
axes.hist(gaps, bins=np.unique(np.geomspace(1, 366, 30).round()) - 0.5, color="C0")
for value, name in ((middle, "median"), (long, "nine tenths are shorter"), (horizon, "horizon")):
    axes.axvline(value, color="C3" if name == "horizon" else "0.3", linestyle="--", linewidth=1)
    axes.annotate(f" {name}\n {value:.0f} days", (value, 0.88), xycoords=("data", "axes fraction"), fontsize=8)
axes.set_xscale("log")
axes.set_xticks([1, 3, 10, 30, 100, 300], ["1", "3", "10", "30", "100", "300"])
axes.set_xlim(1, 500)
axes.set_xlabel("days between two purchases of the same customer (logarithmic)")
axes.set_title("Gaps between purchases that have ended")
plt.show()
print(
    f"gaps: median {middle:.0f} days, nine tenths within {long:.0f} days; {within:.1%} within the horizon of {horizon}"
)

# %% [markdown]
# Those are the gaps that have *ended* by that day. The ones still open are longer on the average, and that is the whole
# difficulty: silence is both the sign of leaving and the ordinary state between two purchases.
#
# ## Recency and frequency
#
# Every customer stands somewhere in this picture. Top left: the ones the company lives on. Bottom right: bought once at
# the beginning and never again; more than half of this base. Left of the dashed line stand those who can be lost: a
# churn model is asked about nobody else. Colours count customers logarithmically.

# %%
figure, axes = plt.subplots(figsize=(8, 4.2), layout="constrained")
drawn = axes.hist2d(
    base["days_since_last_purchase"],
    base["purchase_days_total"].clip(upper=12),
    bins=(np.arange(0, 366, 15), np.arange(0.5, 13.5)),
    norm="log",
    cmap="viridis",
)
figure.colorbar(drawn[3], ax=axes, label="customers")
axes.axvline(project.churn.active_within_days, color="C3", linestyle="--", linewidth=1)
axes.set_xlabel("days since the last purchase (dashed: no longer counted as active beyond)")
axes.set_ylabel("purchase days (12: and more)")
axes.set_title(f"Recency and frequency as of {as_of:%Y-%m-%d}")
plt.show()

# %% [markdown]
# ## Silent against the own rhythm
#
# Sixty days of silence mean nothing for who buys twice a year, and a lot for who buys every week. `current_gap_ratio` is the
# silence now over the customer's own mean gap; `current_gap_rank` the share of the own gaps that were no longer.
# One-time buyers have no rhythm yet: both are missing, which is not the same as 0.

# %%
has_rhythm = active["purchase_days_total"] >= 4
unusual = active[has_rhythm & (active["current_gap_ratio"] > 2) & (active["current_gap_rank"] == 1)]
print(f"{has_rhythm.sum():,} active customers have bought at least four times")
print(
    f"{len(unusual):,} of them are silent for longer than ever, and for more than twice their mean gap; most spend first:"
)
shown = ["customer_id", "spend_365d", "purchase_days_total", "gap_mean_days", "days_since_last_purchase"]
print(
    unusual.sort_values("spend_365d", ascending=False)[[*shown, "current_gap_ratio"]]
    .head(10)
    .round(1)
    .to_string(index=False)
)

# %% [markdown]
# ## What came true
#
# Did those who were silent against their own rhythm stay silent for the 90 days after that day? The same question goes to
# the simulated trading company, whose customers order like businesses do. Fifths of the customers with at least four
# purchases, by rising silence; a steeper line separates better.

# %%
MEASURES = {"days_since_last_purchase": "silence in days", "current_gap_ratio": "silence over own mean gap"}


def silent_shares(rows: pd.DataFrame, measure: str) -> pd.Series:
    """The share that then stayed silent in each fifth of the customers by a measure of silence."""
    known = rows[rows["purchase_days_total"] >= 4]
    return known[LABEL].groupby(pd.qcut(known[measure], 5, labels=False) + 1).mean()


with tempfile.TemporaryDirectory() as folder:
    trading = load_project(prepare("trading", Path(folder) / "trading"))
    day, end = datetime(2026, 1, 1, tzinfo=trading.timezone), datetime(2026, 7, 1, tzinfo=trading.timezone)
    with open_facts(trading) as facts:
        business = labelled_snapshots(facts, [day], end, active_features(facts.columns))

print(f"{len(active):,} active customers, {active[LABEL].mean():.1%} then stayed silent for {horizon} days")
figure, panels = plt.subplots(1, 2, figsize=(9, 3.8), sharey=True, layout="constrained")
for axes, (name, rows) in zip(panels, {"CDNOW": active, "trading company": business}.items(), strict=True):
    for measure, words in MEASURES.items():
        share = silent_shares(rows, measure)
        axes.plot(share.index, share, marker="o", label=words)
        print(
            f"{name}, {words}: {share.iloc[0]:.1%} of the lowest fifth stayed silent, {share.iloc[-1]:.1%} of the highest"
        )
    axes.set_title(name)
    axes.set_ylim(0, 1)
    axes.set_xticks(range(1, 6))
    axes.set_xlabel("fifth of the customers, by rising silence")
panels[0].set_ylabel("share that stayed silent")
panels[0].legend(frameon=False)
plt.show()

# %% [markdown]
# Own rhythm is no law. Where people buy music on a whim, plain days tell more: a mean of few, irregular gaps is mostly noise.
# Where businesses order at regular intervals, both tell much. A model may use both, and whether it should trust one is
# measured, not assumed.

# %% [markdown]
# Which single features tell most? Rank correlation with what came true, over all active customers; the sign says in which
# direction. It is a first look: features that say the same thing stand side by side, and a model weighs them together
# (`train_and_compare.py`).

# %%
columns = [c for c in active.columns if c not in ("customer_id", "as_of", LABEL)]
varied = [c for c in columns if active[c].nunique() > 1]
ranks = active[varied].rank().corrwith(active[LABEL].rank()).dropna()
print(ranks.reindex(ranks.abs().sort_values(ascending=False).index).head(10).round(3))
