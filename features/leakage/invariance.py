"""Does a feature change when the future does? Each feature, at each cut-off, in each future."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pyarrow as pa

from features.catalogue import Feature
from features.leakage.certificate import Finding
from features.leakage.comparison import ROWS, Difference, at, compare
from features.leakage.futures import FUTURES, Shape
from features.leakage.sample import Sample
from features.progress import Progress, silent
from features.readers import quoted
from features.snapshot import snapshot
from features.text import Text

TRIED_ALONE = {"truncation": "truncation", "shift": "shift", "shuffle": "truncation", "edge": "edge"}
"""In which future single clocks are altered, to find the one that a feature reads wrongly."""


@dataclass
class Invariance:
    """What the futures showed. ``rounded`` are the features of which last digits differed, which is no leak."""

    comparisons: int
    findings: list[Finding] = field(default_factory=list)
    rounded: set[str] = field(default_factory=set)
    idle: list[datetime] = field(default_factory=list)


def probes(sample: Sample, cutoffs: Sequence[datetime], most: int) -> list[datetime]:
    """Instants between the cut-offs at which facts happened, became known, or were settled: the busiest of each clock."""
    if not cutoffs or most < 1:
        return []
    first, last = min(cutoffs).astimezone(UTC), max(cutoffs).astimezone(UTC)
    clocks = [(shape, clock) for shape in sample.shapes.values() for clock in (*shape.begins, *shape.later)]
    found = (_busiest(sample, shape, clock, first, last) for shape, clock in clocks)
    instants = dict.fromkeys(instant for instant in found if instant is not None and instant not in cutoffs)
    return sorted(list(instants)[:most])


def _busiest(sample: Sample, shape: Shape, clock: str, first: datetime, last: datetime) -> datetime | None:
    """The instant at which the most customers have a fact; the earliest of several."""
    column = quoted(clock)
    of_whom = "count(DISTINCT customer_id)" if shape.has_customers else "count(*)"
    rows = sample.facts.connection.execute(
        f"SELECT {column} FROM base.{quoted(shape.name)} WHERE {column} >= $first AND {column} <= $last"
        f" GROUP BY 1 ORDER BY {of_whom} DESC, 1 LIMIT 1",
        {"first": first.replace(tzinfo=None), "last": last.replace(tzinfo=None)},
    ).fetchall()
    return rows[0][0].replace(tzinfo=UTC).astimezone(sample.facts.project.timezone) if rows else None


def check_invariance(
    sample: Sample,
    features: Sequence[Feature],
    cutoffs: Sequence[datetime],
    further: Sequence[datetime] = (),
    progress: Progress = silent,
) -> Invariance:
    """Compute the features in every future of every cut-off and compare them with those of the facts as they are.

    The values compared with come from one computation for all cut-offs, as in training; each future is computed for
    its cut-off alone, as in the nightly batch. At ``further`` cut-offs, the probes, the future is only deleted.
    """
    tries = [(c, future) for c in cutoffs for future in FUTURES] + [(p, "truncation") for p in further]
    trial = _Trial(sample, tuple(features), (*cutoffs, *further))
    real = trial.together()
    unknown = {instant: sample.unknown(instant) for instant in trial.instants}
    result = Invariance(len(features) * len(tries), idle=[c for c in cutoffs if unknown[c] == 0])
    for done, (cutoff, future) in enumerate(tries):
        step = Text("looking for leaks as of {cutoff:%Y-%m-%d}: {future}", "检查 {cutoff:%Y-%m-%d} 的泄漏：{future}")
        progress(step.format(cutoff=cutoff, future=NAMES[future]), done / len(tries))
        here, altered = at(real, cutoff), trial.alone(cutoff, future)
        comparison = compare(here, altered, trial.names)
        result.rounded.update(comparison.rounded)
        if comparison.differences:
            result.findings += _explain(trial, cutoff, future, here, altered)
        else:
            result.findings.append(_sound(future, cutoff, trial, here.num_rows, unknown[cutoff], comparison.rounded))
    sample.restore()
    return result


@dataclass
class _Trial:
    """The sample, what is computed of it, and which clocks were found to be read wrongly, by feature."""

    sample: Sample
    features: tuple[Feature, ...]
    instants: tuple[datetime, ...]
    guilty: dict[str, str] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        return [f.name for f in self.features]

    def together(self) -> pa.Table:
        """All features at all cut-offs of the facts as they are, in one computation."""
        self.sample.restore()
        return snapshot(self.sample.facts, self.instants, features=self.features)

    def alone(self, cutoff: datetime, future: str | None) -> pa.Table:
        """All features at one cut-off, in a future of it or of the facts as they are."""
        if future:
            self.sample.turn(future, cutoff)
        else:
            self.sample.restore()
        return snapshot(self.sample.facts, [cutoff], features=self.features)

    def among_others(
        self,
        cutoff: datetime,
        future: str,
        features: Sequence[Feature],
        pieces: dict[str, Collection[str]] | None = None,
    ) -> pa.Table:
        """Features at one cut-off in a future of it, computed together with all other cut-offs."""
        self.sample.turn(future, cutoff, pieces)
        return at(snapshot(self.sample.facts, self.instants, features=features), cutoff)


def _explain(trial: _Trial, cutoff: datetime, future: str, here: pa.Table, altered: pa.Table) -> Iterator[Finding]:
    """Part what sees the future from what only hangs on the other cut-offs, and name the clocks that are read wrongly."""
    others = trial.among_others(cutoff, future, trial.features)
    leaks = {d.feature: d for d in compare(trial.alone(cutoff, None), altered, trial.names).differences}
    leaks |= {d.feature: d for d in compare(here, others, trial.names).differences}
    fresh = [f for f in trial.features if f.name in leaks and f.name not in trial.guilty]
    if fresh:
        trial.guilty |= _guilty_clocks(trial, fresh, cutoff, future, here)
    for difference in leaks.values():
        yield _leak(future, cutoff, difference, trial.guilty.get(difference.feature, ""))
    for difference in compare(here, altered, trial.names).differences:
        if difference.feature not in leaks:
            yield _not_alone(cutoff, difference)


def _guilty_clocks(
    trial: _Trial, features: Sequence[Feature], cutoff: datetime, future: str, here: pa.Table
) -> dict[str, str]:
    """For each feature the clocks that change it, altered alone or with those of their table: "invoices.settled_at"."""
    found: dict[str, list[str]] = {f.name: [] for f in features}
    shapes = trial.sample.shapes.values()
    # a row that comes too late by two clocks may count only when both are altered
    alone, by_table = [(s, (piece,)) for s in shapes for piece in s.pieces], [(s, s.begins) for s in shapes]
    for tried in (alone, by_table):
        if not (open_ones := [f for f in features if not found[f.name]]):
            break
        for shape, pieces in tried:
            altered = trial.among_others(cutoff, TRIED_ALONE[future], open_ones, {shape.name: pieces})
            for difference in compare(here, altered, [f.name for f in open_ones]).differences:
                found.setdefault(difference.feature, []).extend(f"{shape.name}.{piece}" for piece in pieces)
    return {feature: ", ".join(clocks) for feature, clocks in found.items()}


NAMES: dict[str, Text] = {
    "truncation": Text("deleted", "删除"),
    "shift": Text("moved further into the future", "推得更远"),
    "shuffle": Text("shuffled among each other", "相互打乱"),
    "edge": Text("moved onto the very cut-off", "移到截止时刻"),
}
"""What becomes of the facts that are not known yet."""


def _leak(future: str, cutoff: datetime, difference: Difference, clocks: str) -> Finding:
    what = Text(
        "Changes for {customers:,} customers when what was not known before the cut-off is {done}: '{example}' has"
        " {before}, then {after}.",
        "把截止时间前尚未获知的事实{done}后，{customers:,} 位客户的值改变：“{example}”由 {before} 变为 {after}。",
    ).format(
        customers=difference.customers,
        done=NAMES[future],
        example=difference.example,
        before=_shown(difference, 0),
        after=_shown(difference, 1),
    )
    return Finding(
        check=future,
        subject=difference.feature,
        severity="failed",
        what=what,
        next_step=_repair(clocks),
        cutoff=cutoff,
        count=difference.customers,
        example=difference.example,
    )


def _repair(clocks: str) -> Text:
    if not clocks:
        return Text(
            "Let it read only facts that occurred and were known strictly before as_of ('<', not '<=').",
            "请让它只读取严格早于 as_of 发生且获知的事实（用“<”，不用“<=”）。",
        )
    return Text(
        "It hangs on {clocks}: compare that with as_of strictly ('<', not '<='), and take nothing from the row that was"
        " learnt at or after as_of.",
        "它取决于 {clocks}：请与 as_of 严格比较（用“<”，不用“<=”），不要使用该行中在 as_of 或之后才获知的内容。",
    ).format(clocks=clocks)


def _not_alone(cutoff: datetime, difference: Difference) -> Finding:
    return Finding(
        check="together",
        subject=difference.feature,
        severity="failed",
        what=Text(
            "Has another value for {customers:,} customers when other cut-offs are computed with this one: '{example}' has"
            " {before}, alone {after}.",
            "与其他截止时间一起计算时，{customers:,} 位客户的值不同：“{example}”为 {before}，单独计算为 {after}。",
        ).format(
            customers=difference.customers,
            example=difference.example,
            before=_shown(difference, 0),
            after=_shown(difference, 1),
        ),
        next_step=Text(
            "Compute it per cut-off and customer, without looking at the other cut-offs.",
            "请按每个截止时间和客户计算，不要参考其他截止时间。",
        ),
        cutoff=cutoff,
        count=difference.customers,
        example=difference.example,
    )


def _shown(difference: Difference, which: int) -> Text | str:
    value = difference.values[which]
    if difference.feature == ROWS:
        return Text("a row", "有该行") if value else Text("none", "无")
    return Text("nothing", "空值") if value is None else f"{value:.12g}"


def _sound(
    future: str, cutoff: datetime, trial: _Trial, customers: int, unknown: int, rounded: Sequence[str]
) -> Finding:
    what = Text(
        "{features} features of {customers:,} customers stay the same, bit for bit{but}, when {unknown:,} facts that were"
        " not known yet are {done}.",
        "把 {unknown:,} 条尚未获知的事实{done}后，{customers:,} 位客户的 {features} 个特征逐位不变{but}。",
    )
    but = Text(" but for the last digits of sums in {n} of them", "（其中 {n} 个仅求和的末位数字不同）").format(
        n=len(rounded)
    )
    return Finding(
        check=future,
        subject="",
        severity="passed",
        what=what.format(
            features=len(trial.features),
            customers=customers,
            unknown=unknown,
            done=NAMES[future],
            but=but if rounded else "",
        ),
        cutoff=cutoff,
        count=customers,
    )
