"""Do labels keep to their side of the cut-off? Of the windows that training learns from, and of the labels in them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from features.leakage.certificate import Finding
from features.leakage.sample import Sample
from features.text import Text
from training.labels import evidence


@dataclass(frozen=True)
class Windows:
    """Cut-offs that are learnt from, and the instant before which their labels must be complete and known."""

    learnt: tuple[datetime, ...]
    before: datetime
    purpose: Text


def check_windows(windows: Windows, horizon_days: int) -> Finding:
    """Whether every label window [cut-off, cut-off + horizon) ends before the judgement (or the knowledge) begins."""
    late = [c for c in windows.learnt if _end(c, horizon_days) > windows.before.astimezone(UTC)]
    values = {
        "late": len(late),
        "cutoffs": len(windows.learnt),
        "before": windows.before,
        "horizon": horizon_days,
        "purpose": windows.purpose,
    }
    if not late:
        what = Text(
            "The label windows of all {cutoffs} cut-offs, {horizon} days each, end by {before:%Y-%m-%d}: {purpose}.",
            "全部 {cutoffs} 个截止时间的标签窗口（各 {horizon} 天）均在 {before:%Y-%m-%d} 前结束：{purpose}。",
        )
        return Finding("windows", "", "passed", what.format(**values), count=len(windows.learnt), unit="cut-offs")
    return Finding(
        check="windows",
        subject="",
        severity="failed",
        what=Text(
            "The label windows of {late} of {cutoffs} cut-offs, {horizon} days each, reach beyond {before:%Y-%m-%d}:"
            " {purpose}.",
            "{cutoffs} 个截止时间中有 {late} 个的标签窗口（各 {horizon} 天）超出 {before:%Y-%m-%d}：{purpose}。",
        ).format(**values),
        next_step=Text("Leave out the cut-offs within one horizon before it.", "请去掉其前一个预测期之内的截止时间。"),
        cutoff=late[-1],
        count=len(late),
        unit="cut-offs",
    )


def _end(cutoff: datetime, horizon_days: int) -> datetime:
    """The end of a label window; days are counted on the cut-off's own calendar."""
    return (cutoff + timedelta(days=horizon_days)).astimezone(UTC)


def check_labels(sample: Sample, windows: Windows, horizon_days: int) -> Finding:
    """Whether the labels stay the same when everything that was learnt at or after ``windows.before`` is deleted."""
    learnt = [c for c in windows.learnt if _end(c, horizon_days) <= windows.before.astimezone(UTC)]
    sample.restore()
    real = _labels(sample, learnt, horizon_days, windows.before)
    sample.turn("truncation", windows.before)
    known = _labels(sample, learnt, horizon_days, windows.before)
    sample.restore()
    changed = sorted({(cutoff, customer) for cutoff, customer, _ in real ^ known})
    values = {"labels": len(real), "cutoffs": len(learnt), "before": windows.before, "changed": len(changed)}
    if not changed:
        what = Text(
            "What the labels of {cutoffs} cut-offs look at ({labels:,} customers) was all known before {before:%Y-%m-%d}.",
            "{cutoffs} 个截止时间的标签所依据的事实（{labels:,} 位客户）均在 {before:%Y-%m-%d} 之前获知。",
        )
        return Finding("labels", "", "passed", what.format(**values), count=len(real), unit="rows")
    cutoff, example = changed[0]
    return Finding(
        check="labels",
        subject="",
        severity="failed",
        what=Text(
            "{changed:,} labels hang on facts that were learnt at or after {before:%Y-%m-%d}, e.g. that of '{example}'.",
            "{changed:,} 个标签取决于在 {before:%Y-%m-%d} 或之后获知的事实，例如“{example}”。",
        ).format(**values, example=example),
        next_step=Text(
            "Let the labels read only facts that occurred and were known before the end of knowledge.",
            "请让标签只读取在知识截止前发生且获知的事实。",
        ),
        cutoff=cutoff,
        count=len(changed),
        unit="rows",
        example=example,
    )


def _labels(
    sample: Sample, cutoffs: Sequence[datetime], horizon_days: int, known_before: datetime
) -> set[tuple[datetime, str, float]]:
    """What is known of whom after which cut-off."""
    if not cutoffs:
        return set()
    found = evidence(sample.facts, cutoffs, horizon_days, known_before)
    cutoffs_of, customers = found.index.get_level_values(0), found.index.get_level_values(1)
    return set(zip(cutoffs_of, customers, found, strict=True))
