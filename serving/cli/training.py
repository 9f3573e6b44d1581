"""``retinue train`` and ``retinue evaluate``: learn from past cut-offs, and see how the model did since."""

from datetime import datetime, timedelta
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from features.project import Project, load_project
from features.text import Text
from serving.cli.beside import print_beside
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
    signature,
    table,
)

if TYPE_CHECKING:  # the libraries behind training load slowly; --help must not wait for them
    from training.backtest import Backtest
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
    "contract_age": Text("baseline: age of the contract", "基线：合同已生效时间"),
    "best_attribute": Text("baseline: best single attribute", "基线：最佳单一属性"),
}

EndOption = Annotated[
    str | None,
    typer.Option(
        "--as-of",
        help=here(
            Text(
                "Date (2026-07-01) or instant: only facts known before it count. Without it, the day after the last fact.",
                "日期（2026-07-01）或时刻：只使用此前已知的数据。不给出时，取最后一条数据的次日。",
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


BACKTEST_HELP = Text(
    "Repeat the training as of past days and judge each on what came after; nothing is recorded or promoted.\n\n"
    "Example: retinue backtest --as-of 2026-07-01 --tests 4",
    "以过去的时点重复训练，并用之后的结果逐一评估；不记录也不启用任何模型。\n\n示例：retinue backtest --as-of 2026-07-01 --tests 4",
)


TuneOption = Annotated[
    float,
    typer.Option(
        "--tune",
        min=0,
        help=here(
            Text(
                "Minutes to search for better parameters in; an interrupted search goes on where it stopped.",
                "搜索更优参数的时间（分钟）；被中断的搜索会从停止处继续。",
            )
        ),
    ),
]


def train(
    as_of: EndOption = None,
    tune: TuneOption = 0,
    project: ProjectOption = Path("."),
    quiet: QuietOption = False,
) -> None:
    """Train, judge, record and promote."""
    from serving.decisions.judging import judging_costs
    from serving.decisions.learnt import churn_beliefs
    from serving.decisions.playbook import load_playbook
    from training.job import train as run_training

    settings = load_project(project)
    instant = read_as_of(as_of, settings) if as_of is not None else _end_of_facts(settings)
    playbook = load_playbook(settings)
    with progress_bar(quiet) as progress:
        result = run_training(
            settings,
            instant,
            progress,
            judging_costs(settings, playbook),
            signature(),
            timedelta(minutes=tune),
            churn_beliefs(playbook),
        )
    say_set_aside(result.set_aside)
    print_segments(result)
    print_clusters(result)
    if result.beside is not None:
        print_beside(result.beside)
    print_training(settings, result)


def _end_of_facts(project: Project) -> datetime:
    """The end of a project's facts, told to the reader; the coming midnight where the facts carry no dates."""
    from features.sources import open_facts
    from training.loading import end_of_knowledge

    with open_facts(project) as facts:
        end = end_of_knowledge(facts)
    if end is None:
        today = datetime.now(project.timezone).replace(hour=0, minute=0, second=0, microsecond=0)
        return today + timedelta(days=1)
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
    print_evaluation(settings, result)


def backtest(
    as_of: EndOption = None,
    tests: Annotated[
        int,
        typer.Option(
            "--tests", min=1, max=24, help=here(Text("How many past trainings to repeat.", "重复过去训练的次数。"))
        ),
    ] = 4,
    project: ProjectOption = Path("."),
    quiet: QuietOption = False,
) -> None:
    """Repeat the training as of past days."""
    from training.backtest import backtest as run_backtest
    from training.job import SEED

    settings = load_project(project)
    instant = read_as_of(as_of, settings) if as_of is not None else _end_of_facts(settings)
    with progress_bar(quiet) as progress:
        result = run_backtest(settings, instant, SEED, tests, progress)
    print_backtest(settings, result)


COMMANDS = (
    ("train", train, TRAIN_HELP),
    ("evaluate", evaluate, EVALUATE_HELP),
    ("backtest", backtest, BACKTEST_HELP),
)

BACKTEST_COLUMNS = (
    Text("as of", "时点"),
    Text("customers", "客户数"),
    Text("left", "流失率"),
    Text("model chosen", "所选模型"),
    Text("AUC", "AUC"),
    Text("95 % interval", "95% 区间"),
    Text("best baseline", "最佳基线"),
    Text("calibration error", "校准误差"),
    Text("mean probability", "平均概率"),
)

_WHEN = {
    "silence": Text("When customers order again", "客户何时再次下单"),
    "contract": Text("When contracts end", "合同何时终止"),
}
WHEN_COLUMNS = (
    Text("model", "模型"),
    Text("concordance", "一致性"),
    Text("integrated Brier", "综合 Brier 分数"),
    Text("gain over all alike", "相对统一曲线的改进"),
    Text("inside 80 % interval", "落入 80% 区间"),
)
WHEN_NAMES: dict[str, Text] = {
    "timing": Text("hazard model", "风险率模型"),
    "marginal": Text("baseline: all alike (Kaplan–Meier)", "基线：统一曲线（Kaplan–Meier）"),
    "own_rhythm": Text("baseline: own rhythm", "基线：自身节奏"),
    "bg_nbd": Text("baseline: BG/NBD", "基线：BG/NBD"),
}

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
    from training.kinds.words import outcome_of, who_of

    by_customers = Text(
        "Held out: {rows:,} {who}, of whom {rate:.1%} left ({outcome}). Learnt from the others.",
        "留出：{rows:,} 位{who}，其中 {rate:.1%} 流失（{outcome}）。模型学习自其余客户。",
    )
    by_time = Text(
        "Cut-off {test:%Y-%m-%d}: {rows:,} {who}, of whom {rate:.1%} then left ({outcome})."
        " Learnt from {cutoffs} earlier cut-offs, purged by the horizon.",
        "截止时间 {test:%Y-%m-%d}：{rows:,} 位{who}，其中 {rate:.1%} 随后流失（{outcome}）。"
        "模型学习自更早的 {cutoffs} 个截止时间（已按预测期隔离）。",
    )
    heading(Text("Model against baselines", "模型与基线对比"))
    say(
        (by_customers if result.by_customers else by_time).format(
            test=result.schedule.test.astimezone(project.timezone),
            rows=test.rows,
            who=who_of(project.churn),
            rate=test.churn_rate,
            outcome=outcome_of(project.churn),
            cutoffs=len(result.schedule.fit),
        )
    )
    print_metrics({here(MODEL_NAMES[name]): metrics for name, metrics in result.metrics.items()})
    print_when(project, result)
    if result.groups_off:
        heading(Text("Groups whose probabilities were off", "概率有偏差的客户群"))
        for text in result.groups_off:
            say(text)
    say("")
    say(_verdict(result))


def print_backtest(project: Project, result: "Backtest") -> None:
    """How each past training would have done, beside its best baseline; and the days on which none could be held."""
    from training.backtest import CHOSEN, mean_probability
    from training.kinds.words import outcome_of

    heading(Text("Trainings of past days, judged on what came after", "以过去时点训练，并用之后的结果评估"))
    say(Text("Leaving: {outcome}.", "流失：{outcome}。").format(outcome=outcome_of(project.churn)))
    rows = []
    for past in result.tests:
        chosen = past.metrics[CHOSEN]
        baselines = {name: past.metrics[name].auc for name in result.baselines}
        best = max(baselines, key=lambda name: baselines[name])
        rows.append(
            (
                f"{past.test.astimezone(project.timezone):%Y-%m-%d}",
                f"{chosen.rows:,}",
                f"{chosen.churn_rate:.1%}",
                here(MODEL_NAMES[past.chosen]),
                f"{chosen.auc:.3f}",
                f"{chosen.auc_low:.3f}–{chosen.auc_high:.3f}",
                f"{baselines[best]:.3f} {here(MODEL_NAMES[best])}",
                f"{chosen.calibration_error:.4f}",
                f"{mean_probability(result, past):.1%}",
            )
        )
    table(BACKTEST_COLUMNS, rows, right=(1, 2, 4, 5, 7, 8))
    for day, why in result.skipped.items():
        say(Text("{day:%Y-%m-%d}: not held. {why}", "{day:%Y-%m-%d}：未进行。{why}").format(day=day, why=why))


def print_when(project: Project, result: "Training") -> None:
    """How well it is foretold when customers act, beside baselines; nothing where that was not learnt."""
    if result.when is None:
        return
    heading(_WHEN[project.churn.kind])
    table(
        WHEN_COLUMNS,
        [
            (
                here(WHEN_NAMES[name]),
                f"{m.concordance:.3f}",
                f"{m.integrated_brier:.4f}",
                f"{m.brier_gain:.4f} ± {m.brier_gain_error:.4f}",
                "–" if isnan(m.inside_interval) else f"{m.inside_interval:.0%}",
            )
            for name, m in result.when.metrics.items()
        ],
        right=(1, 2, 3, 4),
    )


def print_segments(result: "Training") -> None:
    """How many customers each segment has, and what its name means; nothing without segments."""
    if not result.segment_sizes:
        return
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


def print_clusters(result: "Training") -> None:
    """The groups that act alike, how far they can be relied on, and what has changed since the last training; or why none."""
    if result.clusters is None:
        return
    heading(Text("Groups that act alike", "行为群组"))
    if result.clusters.served is None or result.clusters.profiles is None:
        say(result.clusters.why_not or "")
        return
    say(result.clusters.served.model.chosen.verdict())
    for sentence in result.clusters.drift.sentences if result.clusters.drift else ():
        say(sentence)
    table(
        (Text("group", "群组"), Text("name", "名称"), Text("customers", "客户数"), Text("share", "占比")),
        [
            (
                f"{row['group']}",
                here(Text(row["name_en"], row["name_zh"])),
                f"{row['customers']:,}",
                f"{row['share']:.1%}",
            )
            for row in result.clusters.profiles.dropna(subset="group").to_dict("records")
        ],
        right=(0, 2, 3),
    )


def _verdict(result: "Training") -> Text:
    values = {"model": MODEL_NAMES[result.chosen], "version": result.version, "run": result.run_id}
    reasons = Text(" ".join(r.en for r in result.verdict.reasons), "".join(r.zh for r in result.verdict.reasons))
    if result.promoted:
        return Text(
            "Version {version} ({model}) serves from now on. {why} MLflow run {run} holds the model card.",
            "版本 {version}（{model}）现已启用。{why}模型说明卡见 MLflow 运行 {run}。",
        ).format(**values, why=reasons)
    if not result.certificate.passed:
        from training.leakage.certify import refusal

        reasons = refusal(result.certificate)
    return Text(
        "Version {version} ({model}) was recorded but does not serve: {why} MLflow run {run} holds the model card;"
        " 'retinue models promote {version} --force --reason …' lets it serve all the same.",
        "版本 {version}（{model}）已记录但未启用：{why}模型说明卡见 MLflow 运行 {run}；"
        "可用“retinue models promote {version} --force --reason …”强制启用。",
    ).format(**values, why=reasons)


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


def print_evaluation(project: Project, result: "Evaluation") -> None:
    """How the serving model did, with what a ranking without a model would have reached."""
    from training.kinds.words import outcome_of, who_of

    say(
        Text(
            "Version {version}, which knows facts before {known:%Y-%m-%d}, on the cut-off {cutoff:%Y-%m-%d}: {rows:,} {who}, of"
            " whom {rate:.1%} left ({outcome}).",
            "版本 {version}（只含 {known:%Y-%m-%d} 之前的数据）在截止时间 {cutoff:%Y-%m-%d} 的表现：{rows:,} 位{who}，"
            "其中 {rate:.1%} 流失（{outcome}）。",
        ).format(
            version=result.version,
            known=result.knows_until,
            cutoff=result.cutoff,
            rows=result.metrics.rows,
            rate=result.metrics.churn_rate,
            who=who_of(project.churn),
            outcome=outcome_of(project.churn),
        )
    )
    print_metrics({here(Text("champion", "当前模型")): result.metrics})
    for name, auc in result.ranking_auc.items():
        say(Text("{name} alone: AUC {auc:.3f}", "仅用{name}：AUC {auc:.3f}").format(name=MODEL_NAMES[name], auc=auc))
