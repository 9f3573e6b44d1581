# %% [markdown]
# # Ask the running service
#
# Everything here comes over HTTP, through the client, from a service that somebody else runs: no project folder, no model
# files. It takes all scores into a frame, looks at where the money at risk lies, and asks what one customer's risk would be
# after a longer silence. Run it beside `retinue demo trading`:
# `RETINUE=http://127.0.0.1:8000 KEY=rtn_… .venv/bin/python notebooks/ask_the_service.py` (seconds; a key only where
# the service wants one).
#
# 中文摘要：本笔记本不接触项目文件和模型，只通过 Python 客户端经 HTTP 访问正在运行的服务：把全部评分取入数据框，查看面临风险的金额集中在
# 哪些客户细分，再以假设提问的方式画出一位客户沉默更久时的流失概率及其区间。运行前请先启动服务，例如 `retinue demo trading`。

# %%
import os

import matplotlib.pyplot as plt
import pandas as pd

from serving.client import Retinue, RetinueProblem

retinue = Retinue(os.environ.get("RETINUE", "http://127.0.0.1:8000"), os.environ.get("KEY"), language="en")
run = retinue.current_run()
print(f"run {run['run_id']} as of {run['as_of']}, model version {run['model_version']}, {run['rows']:,} customers")
print(f"leaving: {retinue.text(run['summary']['leaving'])}")

# %% [markdown]
# ## All customers, some fields
#
# A list is fetched page by page; only the fields that are asked for travel. Customers of whom the model tells no risk have
# none here, and stay out of the sums: that is not a risk of 0.

# %%
fields = ["customer_id", "segment", "churn_probability", "value_at_stake", "days_since_last_purchase"]
customers = pd.DataFrame(retinue.list_customers(fields=fields))
known = customers.dropna(subset="churn_probability")
print(
    f"{len(customers):,} customers, {len(known):,} of them with a risk, {known['churn_probability'].mean():.1%} on average"
)

# %%
at_risk = known.assign(at_risk=known["churn_probability"] * known["value_at_stake"])
by_segment = at_risk.groupby("segment")["at_risk"].agg(["count", "sum"]).sort_values("sum", ascending=False)
print(by_segment.round(0).to_string())

figure, axes = plt.subplots(figsize=(8, 4), layout="constrained")
for segment, rows in known.groupby("segment"):
    axes.scatter(rows["churn_probability"], rows["value_at_stake"], s=14, alpha=0.6, label=segment)
axes.set_xlabel(f"probability of leaving within {run['summary']['churn_horizon_days']} days")
axes.set_ylabel(f"value at stake, {run['summary']['currency']}")
axes.legend(frameon=False, fontsize=8)
plt.show()

# %% [markdown]
# ## What if it stays silent for longer?
#
# One request each. The answer is what the model says of a customer with such features; whether a change would bring that about
# is another question, and the answer says so (`caution`).

# %%
one = str(at_risk.sort_values("at_risk", ascending=False)["customer_id"].iloc[0])
days = float(known.set_index("customer_id").loc[one, "days_since_last_purchase"])
asked = {
    silent: retinue.score(customer_id=one, change={"days_since_last_purchase": silent})
    for silent in (days, days + 15, days + 30)
}
course = pd.DataFrame(
    [
        {
            "days": silent,
            "probability": answer["scores"][0]["churn_probability"],
            "low": answer["scores"][0]["churn_probability_low"],
            "high": answer["scores"][0]["churn_probability_high"],
        }
        for silent, answer in asked.items()
    ]
)
print(f"{one} is silent for {days:.0f} days:")
print(course.round(3).to_string(index=False))
print(retinue.text(asked[days + 30]["caution"]))

figure, axes = plt.subplots(figsize=(6, 3.2), layout="constrained")
axes.plot(course["days"], course["probability"].astype(float), marker="o")
axes.fill_between(course["days"], course["low"].astype(float), course["high"].astype(float), alpha=0.2)
axes.set_xlabel(f"days since the last purchase of {one}")
axes.set_ylabel("probability of leaving")
plt.show()

# %% [markdown]
# ## When something is wrong
#
# Problems are raised, in the language of the reader.

# %%
try:
    retinue.customer("nobody")
except RetinueProblem as problem:
    print(f"{problem.status}: {problem}")
retinue.close()
