"""The leakage certificate: every check on a company's own facts, beside a training or by itself."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from features.catalogue import BY_NAME, Feature, catalogue_hash
from features.errors import AsOfError, FactsError
from features.leakage.certificate import Certificate, Checked, Finding, in_order
from features.leakage.clocks import check_clocks
from features.leakage.entry_order import late_entries
from features.leakage.invariance import check_invariance, probes
from features.leakage.sample import Sample, sampled
from features.own_features import all_features
from features.progress import Progress, part_of, silent
from features.sources import Facts
from features.text import Text
from training.cutoffs import Schedule
from training.dataset import LABEL, at_cutoffs, check_as_of, kind_of, labelled_snapshots
from training.leakage.cutoffs import between, has_labels, span_of, spread, trainable, used, windows_of
from training.leakage.entries import check_entries
from training.leakage.invoices import check_invoices
from training.leakage.labels import Windows, check_labels, check_windows
from training.leakage.predictive import check_one_sided, check_predictive
from training.panel import end_of_panel, panel_features, split


@dataclass(frozen=True)
class Extent:
    """How much is looked at: cut-offs, customers, about how many of their facts (None: no limit), and probes."""

    cutoffs: int
    customers: int
    facts: int | None
    probes: int


THOROUGH = Extent(cutoffs=5, customers=2_000, facts=500_000, probes=12)
BESIDE_TRAINING = Extent(cutoffs=3, customers=300, facts=60_000, probes=2)


@dataclass(frozen=True)
class _Question:
    """What is asked of the facts.

    ``windows`` are those of the labels of a training; ``labelled`` its rows at the cut-offs, with features and
    ``churned``; None where there are no labels.
    """

    as_of: datetime
    features: tuple[Feature, ...]
    cutoffs: tuple[datetime, ...]
    probes: int
    windows: tuple[Windows, ...] = ()
    labelled: pd.DataFrame | None = None
    now: datetime | None = None


def certify(
    facts: Facts,
    as_of: datetime | None = None,
    features: Sequence[Feature] | None = None,
    cutoffs: Sequence[datetime] = (),
    extent: Extent = THOROUGH,
    now: datetime | None = None,
    progress: Progress = silent,
) -> Certificate:
    """Check the facts as a training as of ``as_of`` would use them; nothing is trained.

    Parameters: ``as_of`` ends what labels know, by default the end of the facts; ``features`` are by default all that the
    tables support; ``cutoffs`` by default some of those that a training learns from, spread over time; ``now`` is the
    instant after which nothing can have happened.
    A ready-made panel is looked at as it is, all of it.
    Raises AsOfError: ``as_of`` lies outside the facts; FactsError: there is nothing to check.
    """
    if facts.project.churn.kind == "panel":
        return _of_panel(facts, as_of or end_of_panel(facts) or now, features, cutoffs)
    first, end = span_of(facts)
    until = (as_of or end).astimezone(facts.project.timezone)
    if has_labels(facts):
        check_as_of(facts, until)
    plan, limits = trainable(facts, first, until)
    instants = tuple(sorted(cutoffs)) or spread(plan.labelled if plan else between(first, until), extent.cutoffs)
    chosen = tuple(features) if features is not None else all_features(facts)
    windows = windows_of(plan) if plan else ()
    progress(Text("copying a sample of the facts", "复制数据样本"), 0.0)
    with sampled(facts, extent.customers, extent.facts) as sample:
        labelled = _labelled(sample, instants, until, chosen) if has_labels(facts) else None
        question = _Question(until, chosen, instants, extent.probes, windows, labelled, now)
        certificate = _answer(facts, sample, question, progress)
    return replace(certificate, limits=(*limits, *certificate.limits))


def certify_training(
    facts: Facts,
    plan: Schedule,
    features: Sequence[Feature],
    labelled: pd.DataFrame,
    fit: pd.DataFrame,
    progress: Progress = silent,
) -> Certificate:
    """Check what a training has made: a few of its cut-offs and customers for leaks, all its windows and single features.

    ``labelled`` are the rows that the served model learns from, ``fit`` those of the model that is judged on the test.
    """
    extent = BESIDE_TRAINING
    cutoffs = spread(plan.labelled, extent.cutoffs)
    windows = windows_of(used(plan, labelled, fit))
    rows = at_cutoffs(labelled, cutoffs)
    with sampled(facts, extent.customers, extent.facts) as sample:
        question = _Question(plan.as_of, tuple(features), cutoffs, extent.probes, windows, rows)
        return _answer(facts, sample, question, progress)


def _of_panel(
    facts: Facts, until: datetime | None, features: Sequence[Feature] | None, cutoffs: Sequence[datetime]
) -> Certificate:
    if cutoffs:
        raise FactsError(
            Text(
                "A ready-made panel is looked at at its own days; leave out --cutoff.",
                "现成的快照按其自身的日期检查；请去掉 --cutoff。",
            )
        )
    if until is None:
        raise AsOfError(
            Text(
                "The rows of the panel carry no dates: say as of which day they are to be checked.",
                "快照的行没有日期：请说明按哪一天检查。",
            )
        )
    chosen = tuple(features) if features is not None else panel_features(facts)
    parts = split(facts, until.astimezone(facts.project.timezone), 0)
    if parts.labelled.empty:
        raise FactsError(
            Text(
                "No row of the panel has a label that is known before {as_of:%Y-%m-%d}: there is nothing to check.",
                "快照中没有在 {as_of:%Y-%m-%d} 之前已知标签的行，无可检查。",
            ),
            as_of=until,
        )
    return certify_panel(parts.plan, chosen, parts.labelled)


def certify_panel(plan: Schedule, features: Sequence[Feature], rows: pd.DataFrame) -> Certificate:
    """Check the attributes of a ready-made panel: whether one alone foretells the label better than can be believed.

    Texts are looked at value by value. A panel does not say when its attributes were known, so nothing else can be shown.
    """
    names = [f.name for f in features]
    numbers = pd.get_dummies(rows[names], prefix_sep=" = ", dtype=np.float64)
    single = pd.concat([rows[["customer_id", "as_of", LABEL]], numbers], axis=1)
    values = [str(name) for name in numbers.columns]
    findings = [*check_predictive(single, values), *check_one_sided(single, values)]
    checked = Checked(
        features=tuple(names),
        cutoffs=tuple(c for c in plan.labelled if c < plan.as_of),  # rows without dates stand at as_of itself
        probes=(),
        customers=rows["customer_id"].nunique(),
        of_customers=rows["customer_id"].nunique(),
        facts={"panel": len(rows)},
        comparisons=len(values),
    )
    return Certificate(plan.as_of, catalogue_hash(tuple(features)), checked, in_order(findings), (_UNDATED,))


_UNDATED = Text(
    "A ready-made panel does not say when each attribute became known: only attributes that foretell the label too well can"
    " be noticed. See to it that none was recorded after the customer had left.",
    "现成的快照不说明各属性的获知时间：只能发现预测力过强的属性。请确认没有在客户流失之后才记录的属性。",
)


def refusal(certificate: Certificate) -> Text:
    """Why a model whose certificate failed does not serve: the worst finding, and how many there are."""
    failed = certificate.of("failed")
    return Text(
        "its leakage certificate failed in {n} findings, first of all {subject}: {what} The MLflow run holds all of it in"
        " leakage.md; 'retinue leakage' checks again.",
        "其泄漏证书有 {n} 项不合格，首先是 {subject}：{what}详见 MLflow 运行中的 leakage.md；可用“retinue leakage”重新检查。",
    ).format(n=len(failed), subject=failed[0].subject or failed[0].check, what=failed[0].what)


def _labelled(
    sample: Sample, cutoffs: Sequence[datetime], as_of: datetime, features: Sequence[Feature]
) -> pd.DataFrame | None:
    """The sample's active customers at the cut-offs whose outcome is known."""
    horizon = timedelta(days=sample.facts.project.churn.horizon_days)
    known = [c for c in cutoffs if c + horizon <= as_of]
    if not known:
        return None
    population = (BY_NAME[name] for name in kind_of(sample.facts).population)
    with_population = {f.name: f for f in (*features, *population)}
    return labelled_snapshots(sample.facts, known, as_of, tuple(with_population.values()))


def _answer(facts: Facts, sample: Sample, question: _Question, progress: Progress) -> Certificate:
    """Every check: futures are tried out on the sample, clocks counted on all facts."""
    horizon, cutoffs, labelled = facts.project.churn.horizon_days, question.cutoffs, question.labelled
    findings = [check_windows(windows, horizon) for windows in question.windows]
    findings += [check_labels(sample, windows, horizon) for windows in question.windows]
    findings += check_invoices(sample.facts, question.as_of)
    further = tuple(probes(sample, cutoffs, question.probes))
    invariance = check_invariance(sample, question.features, cutoffs, further, part_of(progress, 0.1, 0.8))
    progress(Text("looking at single features and clocks", "检查单个特征与时钟"), 0.8)
    of_clocks, limits = check_clocks(facts, question.now)
    findings += [*invariance.findings, *_suspicious(question), *of_clocks]
    late, disordered = late_entries(facts, question.as_of)
    findings += [check_entries(of_table, cutoffs, labelled) for of_table in late]
    progress(Text("done", "完成"), 1.0)
    checked = Checked(
        features=tuple(f.name for f in question.features),
        cutoffs=cutoffs,
        probes=further,
        customers=sample.customers,
        of_customers=sample.of_customers,
        facts=sample.rows,
        comparisons=invariance.comparisons,
    )
    return Certificate(
        as_of=question.as_of,
        catalogue_hash=catalogue_hash(question.features),
        checked=checked,
        findings=in_order(findings),
        limits=(*limits, *_of_engine(facts), *_limits(checked, invariance.idle, disordered, labelled)),
    )


def _of_engine(facts: Facts) -> list[Text]:
    if facts.project.project.engine == "duckdb":
        return []
    text = Text(
        "The project computes its features with {engine}; they were checked with DuckDB, which gives the same.",
        "项目用 {engine} 计算特征；检查使用 DuckDB，两者结果相同。",
    )
    return [text.format(engine=facts.project.project.engine)]


def _suspicious(question: _Question) -> list[Finding]:
    rows, names = question.labelled, [f.name for f in question.features]
    if rows is None or rows.empty:
        return []
    return [*check_predictive(rows, names), *check_one_sided(rows, names)]


def _limits(
    checked: Checked, idle: Sequence[datetime], disordered: Sequence[str], labelled: pd.DataFrame | None
) -> list[Text]:
    """What these checks could not show."""
    limits = []
    if disordered:
        text = Text(
            "The rows of {tables} are not written in the order of time, so that late entries leave no trace in it.",
            "{tables} 的行不是按时间顺序写入的，因此补录不会在顺序上留下痕迹。",
        )
        limits.append(text.format(tables=", ".join(disordered)))
    if checked.customers < checked.of_customers:
        text = Text(
            "Futures were tried out on {n:,} of {of:,} customers, chosen by the hash of their ids: a leak that touches few"
            " customers may be missed. 'retinue leakage --sample' looks at more.",
            "未来变换只在按编号哈希选出的 {n:,} 位客户（共 {of:,} 位）上进行，只影响少数客户的泄漏可能漏检。"
            "可用“retinue leakage --sample”检查更多客户。",
        )
        limits.append(text.format(n=checked.customers, of=checked.of_customers))
    if idle:
        text = Text(
            "Nothing lies after {cutoffs}: deleting or moving the future there shows nothing.",
            "{cutoffs} 之后没有任何事实：在该处删除或移动未来不能说明问题。",
        )
        limits.append(text.format(cutoffs=", ".join(f"{c:%Y-%m-%d}" for c in idle)))
    if labelled is None or labelled.empty:
        limits.append(
            Text(
                "Without labels that are complete, nobody can say what single features foretell.",
                "没有完整的标签，无法判断单个特征的预测力。",
            )
        )
    return limits
