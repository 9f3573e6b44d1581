"""What each family of features adds to the churn model: the ablation in ``docs/ablation.md``.

The champion is trained with different sets of features: the baseline of 63, the baseline and one further family, all
features, and all but one family. Each is judged at a later cut-off that it has not seen, on the same customers, so that
two sets can be told apart by less than the error of either. The choice between boosted trees and logistic regression
is made anew for each set, as in training, by customers held out at the earlier cut-offs.

Money: the playbook recommends an action to each customer by the model's probability, or none; the profit is what these
actions are expected to bring, at the playbook's effects and costs, given who then bought and who stayed silent. Actions
on overdue money are left out, since they do not depend on the model.

Run as ``python -m tests.benchmarks.families [--only cdnow]``. With all data sets it writes the document.
"""

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.catalogue import BY_NAME, FAMILIES
from features.compiler import active_features
from features.project import Project, load_project
from features.sources import open_facts
from features.text import Text
from features.writing import atomic_file
from serving.batch import value_at_stake
from serving.decisions.next_best_action import recommend
from serving.decisions.playbook import Playbook, load_playbook
from serving.demo import prepare
from tests.benchmarks.report import Result, write
from training.cutoffs import Schedule, schedule
from training.dataset import LABEL, NOT_LEARNT_FROM, active_snapshots, labelled_snapshots, span, with_labels
from training.evaluation.metrics import auc_gain, calibration_error
from training.job import SEED
from training.models.fitting import Fitted, fit_candidates

Floats = NDArray[np.float64]

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "ablation.md"

BASELINE = (
    "days_since_last_purchase",
    "days_since_first_purchase",
    "days_first_to_last_purchase",
    "days_since_second_last_purchase",
    "purchase_days_30d",
    "purchase_days_90d",
    "purchase_days_180d",
    "purchase_days_365d",
    "purchase_days_total",
    "purchase_days_per_year",
    "spend_30d",
    "spend_90d",
    "spend_180d",
    "spend_365d",
    "spend_total",
    "margin_365d",
    "purchase_amount_mean",
    "returned_amount_365d",
    "gap_mean_days",
    "gap_median_days",
    "gap_longest_days",
    "gap_last_days",
    "gap_variation",
    "gap_last_three_ratio",
    "current_gap_ratio",
    "current_gap_rank",
    "current_gap_log_z",
    "purchase_days_change_90d",
    "spend_change_90d",
    "purchase_days_30d_of_90d",
    "silence_of_relationship",
    "categories_90d",
    "categories_365d",
    "discount_share_365d",
    "invoices_365d",
    "days_late_mean_365d",
    "days_late_mean_90d",
    "days_late_worst_365d",
    "days_late_change",
    "days_to_pay_mean_365d",
    "late_share_365d",
    "late_amount_share_365d",
    "disputed_share_365d",
    "open_balance",
    "overdue_balance",
    "open_balance_current",
    "overdue_balance_1_30d",
    "overdue_balance_31_60d",
    "overdue_balance_61_90d",
    "overdue_balance_over_90d",
    "oldest_overdue_days",
    "dso_90d",
    "receivables_turnover_365d",
    "collection_effectiveness_90d",
    "overdue_of_open_share",
    "complaints_90d",
    "complaints_180d",
    "complaints_open",
    "complaint_open_days_max",
    "days_since_last_complaint",
    "contacts_90d",
    "survey_score_last",
    "late_delivery_share_180d",
)
"""The features of the first catalogue that are still there."""


@dataclass(frozen=True)
class Protocol:
    """A demo and its two days: facts until ``knows_until`` are learnt from; the model is judged at ``judged_at``.

    ``each_family``: whether families are added and left out one by one, or only all together.
    """

    demo: str
    title: Text
    knows_until: str
    judged_at: str
    each_family: bool = True


PROTOCOLS = (
    Protocol("cdnow", Text("CDNOW (real purchases)", "CDNOW（真实购买数据）"), "1997-12-31", "1998-03-31"),
    Protocol("trading", Text("The simulated trading company", "模拟贸易公司"), "2026-04-01", "2026-04-01"),
    Protocol(
        "retail",
        Text("The Complete Journey (real purchases)", "The Complete Journey（真实购买数据）"),
        "2017-12-04",
        "2017-12-04",
        each_family=False,
    ),
)


@dataclass(frozen=True)
class Data:
    """What all sets of features are trained and judged on: ``train`` has many cut-offs, ``judged`` the later one."""

    project: Project
    plan: Schedule
    train: pd.DataFrame
    judged: pd.DataFrame
    features: tuple[str, ...]

    @property
    def churned(self) -> NDArray[np.int64]:
        return self.judged[LABEL].to_numpy(dtype=np.int64)


@dataclass(frozen=True)
class Judged:
    """One set of features on one data set. Errors are standard errors over customers.

    ``auc_gain`` and ``profit_gain`` are against the baseline; profits are per 1,000 customers, in currency.
    """

    name: Text
    features: int
    chosen: str
    auc: float
    auc_error: float
    auc_gain: float
    auc_gain_error: float
    calibration_error: float
    profit: float
    profit_gain: float
    profit_gain_error: float


def load(protocol: Protocol, folder: Path) -> Data:
    """Features and outcomes of a demo at all cut-offs of its protocol."""
    project = load_project(prepare(protocol.demo, folder))
    knows_until, judged_at = (
        datetime.fromisoformat(day).replace(tzinfo=project.timezone)
        for day in (protocol.knows_until, protocol.judged_at)
    )
    with open_facts(project) as facts:
        features = active_features(facts.columns)
        plan = schedule(span(facts)[0], knows_until, project.churn.horizon_days)
        train = with_labels(facts, active_snapshots(facts, plan.labelled, features), plan.labelled, knows_until)
        end = judged_at + timedelta(days=project.churn.horizon_days)
        judged = labelled_snapshots(facts, [judged_at], end, features)
    return Data(project, plan, train, judged, tuple(f.name for f in features))


def sets(features: Sequence[str], each_family: bool = True) -> dict[Text, tuple[str, ...]]:
    """The sets of features to train with, by what they are called; the baseline first."""
    learnt = [name for name in features if name not in NOT_LEARNT_FROM]
    baseline = [name for name in learnt if name in BASELINE]
    chosen = {Text("baseline", "基线"): tuple(baseline), Text("all", "全部"): tuple(learnt)}
    for family in FAMILIES if each_family else ():
        names = [name for name in learnt if BY_NAME[name].family == family and name not in BASELINE]
        title = Text("baseline + {family}", "基线 + {family}").format(family=FAMILIES[family])
        chosen |= {title: (*baseline, *names)} if names else {}
    for family in FAMILIES if each_family else ():
        names = [name for name in learnt if BY_NAME[name].family != family]
        title = Text("all − {family}", "全部 − {family}").format(family=FAMILIES[family])
        chosen |= {title: tuple(names)} if len(names) < len(learnt) else {}
    by_year = [name for name in features if name in learnt or BY_NAME[name].family == "calendar"]
    whole = {
        Text("all + time of the year", "全部 + 一年中的时间"): tuple(by_year),
        Text("the whole catalogue", "整个特征目录"): tuple(features),
    }
    return chosen | whole


def ablation(data: Data, wanted: Mapping[Text, Sequence[str]], name: str) -> list[Judged]:
    """Every set of features, trained and judged; the first is what the others are measured against."""
    found: list[Judged] = []
    playbook = _on_churn(load_playbook(data.project))
    before: tuple[Floats, Floats] | None = None
    for title, features in wanted.items():
        print(f"{name}: {title.en}, {len(features)} features", file=sys.stderr, flush=True)
        kind, fitted = _champion(data.train, features)
        probability = fitted.probability(data.judged)
        profit = realised_profit(data.judged, probability, playbook, data.project)
        before = before or (probability, profit)
        found.append(_judged(title, len(features), kind, data.churned, (probability, profit), before))
    return found


def _champion(train: pd.DataFrame, features: Sequence[str]) -> tuple[str, Fitted]:
    """The candidate that customers held out at earlier cut-offs prefer, as in training."""
    fitted = fit_candidates(train, features, SEED)
    kind = min(fitted, key=lambda kind: fitted[kind].held_out_log_loss)
    return kind, fitted[kind]


def _judged(
    title: Text,
    features: int,
    kind: str,
    churned: NDArray[np.int64],
    now: tuple[Floats, Floats],
    before: tuple[Floats, Floats],
) -> Judged:
    probability, profit = now
    auc, auc_error = auc_gain(churned, probability)
    gain, gain_error = auc_gain(churned, probability, before[0])
    more = 1_000 * (profit - before[1])
    return Judged(
        title,
        features,
        kind,
        auc,
        auc_error,
        gain,
        gain_error,
        calibration_error(churned, probability),
        1_000 * float(profit.mean()),
        float(more.mean()),
        float(more.std(ddof=1) / np.sqrt(len(more))),
    )


def realised_profit(frame: pd.DataFrame, probability: Floats, playbook: Playbook, project: Project) -> Floats:
    """What the recommended actions bring given what came true, in currency, one number a customer; 0 without an action.

    The formula is the one of `recommend`, with the outcome in the place of the probability.
    """
    margin_share, stake = project.value.margin_share, value_at_stake(frame, project)
    scored = frame.assign(churn_probability=probability, value_at_stake=stake)
    days = (project.value.horizon_days, project.churn.horizon_days)
    advice = recommend(scored, playbook, project.project.currency, *days, margin_share)["recommended_action"]
    churned, profit = frame[LABEL].to_numpy(dtype=np.float64), np.zeros(len(frame))
    for action in playbook.actions:
        kept = churned * action.effect.mean * stake
        discount = action.cost_share_of_spend * (1 - churned * (1 - action.effect.mean)) * stake / margin_share
        profit = np.where(advice == action.id, kept - action.cost - discount, profit)
    return profit


def _on_churn(playbook: Playbook) -> Playbook:
    return playbook.model_copy(update={"actions": tuple(a for a in playbook.actions if a.effect.kind == "churn")})


HEAD = """# What each family of features adds / 各类特征的贡献

Written by `make bench-families`; do not edit. The champion is trained with different sets of features and judged at a
later cut-off that it has not seen. *Gain* is against the baseline, on the same customers; ± is one standard error over
customers. *Profit* is what the recommended actions bring per 1,000 customers, at the playbook's assumed effects and costs
(actions on overdue money left out), given who then bought and who stayed silent. *All* are the features that the churn
model learns from; the last two lines add what it leaves out (`NOT_LEARNT_FROM` in `training/dataset.py`).

由 `make bench-families` 生成，请勿手工修改。用不同的特征集训练模型，并在其未见过的更晚时点评估。“增益”均与同一批客户上的基线相比；± 为按客户
计算的一个标准误。“利润”为按实际结果计算的建议行动每千名客户收益（采用行动手册假设的效果与成本，不含催收类行动）。“全部”指流失模型所用的特征；
最后两行另加模型未采用的特征（见 `training/dataset.py` 中的 `NOT_LEARNT_FROM`）。
"""


def document(found: Mapping[Protocol, tuple[Data, Sequence[Judged]]]) -> str:
    """The ablation as Markdown: one table a data set, with its cut-offs and seed."""
    return HEAD + "".join(_section(protocol, data, judged) for protocol, (data, judged) in found.items())


def _section(protocol: Protocol, data: Data, judged: Sequence[Judged]) -> str:
    plan, currency = data.plan, data.project.project.currency
    facts = (
        f"{len(plan.labelled)} cut-offs from {plan.labelled[0]:%Y-%m-%d} to {plan.labelled[-1]:%Y-%m-%d},"
        f" {len(data.train):,} rows; judged at {protocol.judged_at}, {len(data.judged):,} active customers,"
        f" {data.churned.mean():.1%} of whom stayed silent for {data.project.churn.horizon_days} days; seed {SEED}."
    )
    zh = (
        f"训练：{plan.labelled[0]:%Y-%m-%d} 至 {plan.labelled[-1]:%Y-%m-%d} 共 {len(plan.labelled)} 个截止时间，{len(data.train):,} 行；"
        f"评估：{protocol.judged_at}，{len(data.judged):,} 位活跃客户，其中 {data.churned.mean():.1%} 沉默"
        f" {data.project.churn.horizon_days} 天；随机种子 {SEED}。"
    )
    lines = [
        f"\n## {protocol.title.en} / {protocol.title.zh}\n",
        f"{facts}\n\n{zh}\n",
        "| features / 特征 | number / 数量 | model / 模型 | AUC | gain / 增益 | calibration error / 校准误差 |"
        f" profit / 利润 ({currency}) | gain / 增益 |",
        "| --- | ---: | --- | ---: | ---: | ---: | ---: | ---: |",
        *map(_row, judged),
    ]
    return "\n".join(lines) + "\n"


def _row(j: Judged) -> str:
    cells = (
        f"{j.name.en} / {j.name.zh}",
        f"{j.features}",
        j.chosen,
        f"{j.auc:.4f} ± {j.auc_error:.4f}",
        f"{j.auc_gain:+.4f} ± {j.auc_gain_error:.4f}",
        f"{j.calibration_error:.4f}",
        f"{j.profit:,.1f}",
        f"{j.profit_gain:+,.1f} ± {j.profit_gain_error:,.1f}",
    )
    return "| " + " | ".join(cells) + " |"


def results(protocol: Protocol, judged: Sequence[Judged], currency: str) -> list[Result]:
    """The same figures for ``build/bench/families.json``. All features shall rank or earn better than the baseline."""
    found = []
    for j in judged:
        what = f"{protocol.demo}, {j.name.en} ({j.features})"
        found += [
            Result(f"{what}: AUC", j.auc, "AUC"),
            Result(f"{what}: AUC gain", j.auc_gain, "AUC"),
            Result(f"{what}: standard error of the AUC gain", j.auc_gain_error, "AUC"),
            Result(f"{what}: calibration error", j.calibration_error, "share"),
            Result(f"{what}: profit", j.profit, f"{currency} per 1,000"),
            Result(f"{what}: profit gain", j.profit_gain, f"{currency} per 1,000"),
            Result(f"{what}: standard error of the profit gain", j.profit_gain_error, f"{currency} per 1,000"),
        ]
    for j in judged[1:2]:
        better = j.auc_gain > 0 or j.profit_gain > 0
        found.append(Result(f"{protocol.demo}: AUC gain of all features", j.auc_gain, "AUC", 0.0, better))
    return found


def main() -> None:
    """Run the ablation on the data sets that are wanted; print it, and write the document if it is whole."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=[p.demo for p in PROTOCOLS], help="one data set instead of all")
    only = parser.parse_args().only
    found: dict[Protocol, tuple[Data, Sequence[Judged]]] = {}
    for protocol in (p for p in PROTOCOLS if only in (None, p.demo)):
        with tempfile.TemporaryDirectory(prefix="retinue-families-") as folder:
            data = load(protocol, Path(folder) / protocol.demo)
        found[protocol] = (data, ablation(data, sets(data.features, protocol.each_family), protocol.demo))
    figures = [
        result
        for protocol, (data, judged) in found.items()
        for result in results(protocol, judged, data.project.project.currency)
    ]
    write("families", figures)
    text = document(found)
    print(text)
    if only is None:
        with atomic_file(DOCUMENT) as temporary:
            temporary.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
