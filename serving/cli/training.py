"""``retinue train`` and ``retinue evaluate``: learn from past cut-offs, and see how the model did since."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from features.project import Project, load_project
from features.text import Text
from serving.cli.output import (
    AsOfOption,
    ProjectOption,
    QuietOption,
    heading,
    here,
    progress_bar,
    read_as_of,
    say,
    say_set_aside,
    table,
)

if TYPE_CHECKING:  # the libraries behind training load slowly; --help must not wait for them
    from training.evaluation.metrics import Metrics
    from training.job import Evaluation, Training

MODEL_NAMES: dict[str, Text] = {
    "xgboost": Text("XGBoost", "XGBoost 提升树"),
    "logistic": Text("logistic regression", "逻辑回归"),
    "purchases": Text("purchase models", "购买模型"),
    "blend": Text("mean of all", "以上各模型的均值"),
    "base_rate": Text("baseline: base rate", "基线：总体流失率"),
    "recency": Text("baseline: recency", "基线：最近购买时间"),
    "number_of_purchases": Text("baseline: number of purchases", "基线：购买次数"),
    "own_rhythm": Text("baseline: own rhythm", "基线：自身购买节奏"),
}

EndOption = Annotated[
    str | None,
    typer.Option(
        "--as-of",
        help=here(
            Text(
                "Date (2026-07-01) or instant: only facts known before it count. Without it, the day after the last order.",
                "日期（2026-07-01）或时刻：只使用此前已知的数据。不给出时，取最后一个订单的次日。",
            )
        ),
    ),
]

TRAIN_HELP = Text(
    "Train the churn model and the segments on the facts known before a date; judge, record and promote them.\n\n"
    "Example: retinue train --as-of 2026-07-01",
    "用某日期之前已知的数据训练流失模型与客户细分，并评估、记录和启用。\n\n示例：retinue train --as-of 2026-07-01",
)
EVALUATE_HELP = Text(
    "Measure the serving model on a later cut-off whose outcome is known by now.\n\n"
    "Example: retinue evaluate --as-of 2026-10-01",
    "在结果已知的较晚截止时间上评估当前模型。\n\n示例：retinue evaluate --as-of 2026-10-01",
)


def train(as_of: EndOption = None, project: ProjectOption = Path("."), quiet: QuietOption = False) -> None:
    """Train, judge, record and promote."""
    from training.job import train as run_training

    settings = load_project(project)
    instant = read_as_of(as_of, settings) if as_of is not None else _end_of_facts(settings)
    with progress_bar(quiet) as progress:
        result = run_training(settings, instant, progress)
    say_set_aside(result.set_aside)
    print_segments(result)
    print_training(settings, result)


def _end_of_facts(project: Project) -> datetime:
    """The end of a project's facts, told to the reader."""
    from features.sources import open_facts
    from training.dataset import end_of_facts, training_features

    with open_facts(project) as facts:
        training_features(facts)
        end = end_of_facts(facts)
    say(
        Text(
            "Training as of {end:%Y-%m-%d}, the end of the facts; give --as-of for another day.",
            "以数据截止日 {end:%Y-%m-%d} 为时点训练；可用 --as-of 指定其他日期。",
        ).format(end=end)
    )
    return end


def evaluate(as_of: AsOfOption, project: ProjectOption = Path("."), quiet: QuietOption = False) -> None:
    """Measure the serving model on a later cut-off."""
    from training.job import evaluate_champion

    settings = load_project(project)
    with progress_bar(quiet) as progress:
        result = evaluate_champion(settings, read_as_of(as_of, settings), progress)
    say_set_aside(result.set_aside)
    print_evaluation(result)


COMMANDS = (("train", train, TRAIN_HELP), ("evaluate", evaluate, EVALUATE_HELP))

METRIC_COLUMNS = (
    Text("model", "模型"),
    Text("AUC", "AUC"),
    Text("95 % interval", "95% 区间"),
    Text("PR-AUC", "PR-AUC"),
    Text("Brier", "Brier 分数"),
    Text("calibration error", "校准误差"),
    Text("lift, top tenth", "前 10% 提升度"),
)


def print_training(project: Project, result: "Training") -> None:
    """What was learnt, how good it is beside the baselines, and what serves now."""
    test = result.metrics[result.chosen]
    heading(Text("Model against baselines on the last cut-off", "最后一个截止时间：模型与基线对比"))
    say(
        Text(
            "Cut-off {test:%Y-%m-%d}: {rows:,} active customers, of whom {rate:.1%} then stayed silent for {horizon} days."
            " Learnt from {cutoffs} earlier cut-offs, purged by the horizon.",
            "截止时间 {test:%Y-%m-%d}：{rows:,} 位活跃客户，其中 {rate:.1%} 随后沉默了 {horizon} 天。"
            "模型学习自更早的 {cutoffs} 个截止时间（已按预测期隔离）。",
        ).format(
            test=result.schedule.test.astimezone(project.timezone),
            rows=test.rows,
            rate=test.churn_rate,
            horizon=project.churn.horizon_days,
            cutoffs=len(result.schedule.fit),
        )
    )
    print_metrics({here(MODEL_NAMES[name]): metrics for name, metrics in result.metrics.items()})
    say("")
    say(_verdict(result))


def print_segments(result: "Training") -> None:
    """How many customers each segment has, and what its name means."""
    from training.models.rfm import SEGMENTS

    heading(Text("Segments", "客户细分"))
    total = sum(result.segment_sizes.values())
    sizes = sorted(result.segment_sizes.items(), key=lambda item: -item[1])
    table(
        (Text("segment", "细分"), Text("customers", "客户数"), Text("share", "占比"), Text("meaning", "含义")),
        [
            (here(SEGMENTS[name].name), f"{size:,}", f"{size / total:.1%}", here(SEGMENTS[name].meaning))
            for name, size in sizes
        ],
        right=(1, 2),
    )


def _verdict(result: "Training") -> Text:
    values = {"model": MODEL_NAMES[result.chosen], "version": result.version, "run": result.run_id}
    if result.promoted:
        return Text(
            "Version {version} ({model}) serves from now on; MLflow run {run}.",
            "版本 {version}（{model}）现已启用；MLflow 运行 {run}。",
        ).format(**values)
    if not result.certificate.passed:
        from training.leakage.certify import refusal

        return Text(
            "Version {version} ({model}) was recorded but does not serve: {why} MLflow run {run}.",
            "版本 {version}（{model}）已记录但未启用：{why}MLflow 运行 {run}。",
        ).format(**values, why=refusal(result.certificate))
    return Text(
        "Version {version} ({model}) was recorded but does not serve: on the last cut-off it is no better than a"
        " baseline (log-loss). MLflow run {run}.",
        "版本 {version}（{model}）已记录但未启用：在最后一个截止时间上不优于基线（对数损失）。MLflow 运行 {run}。",
    ).format(**values)


def print_metrics(metrics: "dict[str, Metrics]") -> None:
    """One line a model."""
    table(
        METRIC_COLUMNS,
        [
            (
                name,
                f"{m.auc:.3f}",
                f"{m.auc_low:.3f}–{m.auc_high:.3f}",
                f"{m.pr_auc:.3f}",
                f"{m.brier:.4f}",
                f"{m.calibration_error:.4f}",
                f"{m.top_decile_lift:.2f}",
            )
            for name, m in metrics.items()
        ],
        right=(1, 2, 3, 4, 5, 6),
    )


def print_evaluation(result: "Evaluation") -> None:
    """How the serving model did, with what a ranking without a model would have reached."""
    say(
        Text(
            "Version {version}, which knows facts before {known:%Y-%m-%d}, on the cut-off {cutoff:%Y-%m-%d}: {rows:,} active"
            " customers, {rate:.1%} stayed silent.",
            "版本 {version}（只含 {known:%Y-%m-%d} 之前的数据）在截止时间 {cutoff:%Y-%m-%d} 的表现：{rows:,} 位活跃客户，"
            "{rate:.1%} 沉默。",
        ).format(
            version=result.version,
            known=result.knows_until,
            cutoff=result.cutoff,
            rows=result.metrics.rows,
            rate=result.metrics.churn_rate,
        )
    )
    print_metrics({here(Text("champion", "当前模型")): result.metrics})
    for name, auc in result.ranking_auc.items():
        say(Text("{name} alone: AUC {auc:.3f}", "仅用{name}：AUC {auc:.3f}").format(name=MODEL_NAMES[name], auc=auc))
