# %% [markdown]
# # Read a model card
#
# Every training writes a card: what the model foretells, how good it is, in money, for whom, and what it must not be used
# for. It lies in the run in MLflow, in English and Chinese, as Markdown and as a page that needs nothing else. This notebook
# trains on every third customer of the simulated trading company and reads the card part by part. Run it:
# `.venv/bin/python notebooks/read_a_model_card.py` (about a minute).
#
# 中文摘要：每次训练都会生成模型说明卡（中英文，Markdown 与独立网页）。本笔记本用模拟贸易公司三分之一的客户训练，逐节讲解说明卡：
# 概要数字的含义、与基线的比较、以货币计的收益、概率是否可信（校准图）、各客户群体的差异、用途限制、泄漏检查与所用特征；
# 最后在更晚的截止日上检验说明卡所言是否仍然成立。

# %%
import re
import tempfile
from datetime import datetime
from pathlib import Path

import matplotlib.pyplot as plt

from features.project import load_project
from serving.demo import prepare
from training.job import CARD, evaluate_champion, train
from training.mlflow_store import tracking

place = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
file = prepare("trading", Path(place.name) / "trading")
third = r'\1\nwhere = "CAST(right(customer_id, 4) AS INTEGER) % 3 = 0"'
file.write_text(re.sub("^(path = .*)", third, file.read_text(encoding="utf-8"), flags=re.MULTILINE), encoding="utf-8")
project = load_project(file)

# %% [markdown]
# `where` limits a table to some rows; without it the card is that of the whole company, and its intervals are narrower. An
# early day, so that there are few cut-offs to learn from and the rest of the facts are still to come.

# %%
as_of = datetime(2025, 1, 1, tzinfo=project.timezone)
training = train(project, as_of)
with tracking(project) as client:
    card = Path(client.download_artifacts(training.run_id, CARD, place.name))
print(", ".join(sorted(path.name for path in card.iterdir() if ".zh." not in path.name)))

# %% [markdown]
# The card in Markdown, cut at its headings. `card.en.html` is the same with the pictures inside: send that one to people.

# %%
head, *parts = re.split(r"^## ", (card / "card.en.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
sections = {title: body.strip() for title, _, body in (part.partition("\n") for part in parts)}
print(*sections, sep="\n")


def show(title: str) -> None:
    """Print a section of the card; pictures are drawn below their section instead."""
    print(re.sub(r"!\[.*\]\(.*\)\n*", "", sections[title]).replace("\u2060", ""))


def draw(name: str) -> None:
    """Draw a picture of the card."""
    _, axes = plt.subplots(figsize=(9, 5), layout="constrained")
    axes.imshow(plt.imread(card / f"{name}.en.png"))
    axes.axis("off")
    plt.show()


# %% [markdown]
# ## The first screen
#
# First what was asked, of whom, and on which outcomes it was judged. Then four figures:
#
# - *of the tenth at highest risk left*: what somebody finds who calls that tenth. Compare it with the rate of all customers.
# - *right when ranking one who left and one who stayed*: the AUC in words. 50 % is a coin.
# - *foretold → left*: the level. Ranking may be fine while all probabilities are too high or too low.
# - *profit per 1,000 customers*: hangs on the assumed effect of a contact; see money below.
#
# Below them the verdicts in words: does it serve, does it beat the simple rules, is its level right, was a leak found.

# %%
print(head)

# %% [markdown]
# ## How good it is
#
# One row per model, the chosen one first, then the other candidates, then what needs no model. The last column is the one to
# read: by how much the chosen model's log-loss is lower than that row's, with its interval over customers. An interval
# that holds 0 means: on these customers nobody can tell the two apart. Two intervals of AUC that overlap do *not* mean
# that, since both models rank the same customers.

# %%
show("How good it is")
draw("gains")

# %% [markdown]
# ## In money
#
# A contact pays when probability x effect x value exceeds its cost. Cost and effect are *assumed* and stand above the table:
# no history shows what a contact changes; a trial with a control group does. Under that assumption the table compares
# whom to contact by each model, and with contacting nobody, everybody, and exactly the right ones. A column to watch:
# *expected by the model* against *profit*; far apart means that the probabilities were wrong where the money is.
# *Gain of the chosen model* is the price of using the other row's model instead. Here simple rules come close in money
# although they rank worse: few customers carry most of the value, and they are worth a call at any risk.

# %%
show("What it is worth in money")
draw("profit")

# %% [markdown]
# ## Do the probabilities come true?
#
# Probabilities are multiplied with money, so their level matters. Points on the line: as foretold. *Shift in the large* says
# whether too few (above 0) or too many were foretold to leave, *slope* whether the high ones are too high and the low
# ones too low (below 1) or everything is too cautious (above 1). An interval with 0 or 1 in it: no fault to be seen.
# The plain *calibration error* is above 0 even for a perfect model, by chance; the row below takes chance out.

# %%
show("Do the probabilities come true?")
draw("reliability")

# %% [markdown]
# ## By group
#
# The same figures for segments and for tenure. A group may have a high rate of leaving; what should be near 0 is the gap between
# foretold and real. Of many groups some will show a gap by chance: of twenty intervals of 95 %, one misses. Groups that
# are too small are told as such instead of being given a figure.

# %%
show("By group")
draw("group_segment")

# %% [markdown]
# ## Limits
#
# What nobody checked, and what nobody can see in these figures. Read it before sending the card on: intervals say how figures
# vary between *customers*; they say nothing of the next season.

# %%
show("What it must not be used for, and limits")

# %% [markdown]
# ## What it learnt from, and whether it saw the future
#
# The share that left, cut-off by cut-off: a trend here is a trend that the model may not have followed. The leakage check
# computes features again with the future deleted, moved and shuffled: nothing may change. Its warnings say what no
# check can prove, as here that facts carry no time of entry.

# %%
show("What it learnt from")
show("Does it see the future?")

# %% [markdown]
# ## What it looks at
#
# Shares of what moves the probabilities. Features that say the same share their weight, so one that stands low may still be
# replaceable by none. And none of it is a cause: who gets fewer visits because he is leaving is not kept by a visit.

# %%
show("What it looks at")

# %% [markdown]
# ## Does the card still hold later?
#
# The card speaks of one test. `evaluate_champion` asks the serving model about a later day, which must not lie before the end of
# its knowledge. AUC outside of the card's interval or another level: time to look, and to train again.

# %%
print(f"serves: {training.promoted}")
said = training.metrics[training.chosen]
print(
    f"card, test of {training.schedule.test:%Y-%m-%d}: AUC {said.auc:.3f} ({said.auc_low:.3f} to {said.auc_high:.3f})"
)
for month in (1, 7):
    later = evaluate_champion(project, datetime(2025, month, 1, tzinfo=project.timezone)).metrics
    print(
        f"2025-{month:02}-01: AUC {later.auc:.3f} ({later.auc_low:.3f} to {later.auc_high:.3f}), left"
        f" {later.churn_rate:.1%}, calibration error {100 * later.calibration_error:.1f} points"
    )
place.cleanup()
