"""The race of rankings: which order to treat customers in, judged on customers that the models have not seen.

Targeting by effect has to prove itself on each campaign: it refutes itself where risk, value or a lot does as well. Every
ranking scores each row by models of other customers (repeated cross-fitting), so that the choice looks at nothing but the
log at hand. Of the rankings that are ahead of a lot, the plainest serves that the best is not clearly ahead of, with the error
of the paired difference (after the one-standard-error rule of Breiman, Friedman, Olshen and Stone 1984). Where nothing is ahead
of a lot, nothing is claimed. A plain ranking that turns out no better than a lot costs nothing, and one standard error is enough
for it; effects that are not there are reckoned with, so they have to be ahead of a lot and of plain rankings by 1.645.

Taking the highest figure instead would follow chance: the figures of a campaign of 20,000 customers waver by .01, as much as
rankings differ.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from features.progress import Progress, silent
from features.text import Text
from training.evaluation.bootstrap import Estimate
from training.uplift.curves import among_top, auuc, qini, uplift_at
from training.uplift.learners import LEARNERS, folds_by_cluster
from training.uplift.log import TreatmentLog
from training.uplift.off_policy import policy_value
from training.uplift.rankings import LOT, NAMES, RESPONSE, RISK, VALUE, fit_scorers, rankings_of
from training.uplift.resampled import Draws, estimate, resampled

Floats = NDArray[np.float64]

FOLDS, REPEATS = 4, 3
TOP_SHARE = 0.3
PLAIN_TO_ELABORATE: tuple[str, ...] = (LOT, RESPONSE, RISK, VALUE, *LEARNERS)
"""In this order a ranking is given the benefit of the doubt. A lot needs nothing; the outcome whatever is done one model of all
rows; the outcome without the action one of fewer rows; value knows nothing of the outcome; effects need several models."""
PLAIN = (RESPONSE, RISK, VALUE)
BEATS_A_LOT, BEATS_A_PLAINER_ONE = 1.0, 1.645
"""Standard errors of the difference by which a plain ranking has to be ahead of a lot; the same for an effect, and for the
best of a plainer one."""


@dataclass(frozen=True)
class Runner:
    """How one ranking did on held-out customers: means over the repeats, with 95 % intervals over customers.

    ``qini`` and ``auuc`` are coefficients as scikit-uplift defines them (1 perfect, 0 a lot); ``behind`` is by how much the
    Qini coefficient of the best ranking is higher; ``top`` is the uplift among the best `TOP_SHARE` (share of customers);
    ``policy`` is the share of wished-for outcomes if these are treated and nobody else (SNIPS).
    """

    ranking: str
    qini: Estimate
    behind: Estimate
    auuc: float
    top: Estimate
    policy: Estimate

    @property
    def extra_per_1000(self) -> Estimate:
        """Wished-for outcomes gained for 1,000 treated customers from the top of the ranking."""
        return Estimate(*(1000 * end for end in (self.top.value, self.top.low, self.top.high, self.top.standard_error)))


@dataclass(frozen=True)
class Race:
    """The rankings of one action, plain ones first, and which of them serves.

    ``average`` is the mean effect of the action on the wished-for outcome over everybody in the log (share).
    """

    action: str
    rows: int
    treated: int
    good_rate: float
    average: Estimate
    runners: tuple[Runner, ...]
    picked: str

    @property
    def winner(self) -> Runner:
        """The ranking that serves."""
        return self.of(self.picked)

    @property
    def abstains(self) -> bool:
        """Whether nothing beats a lot."""
        return self.picked == LOT

    def of(self, ranking: str) -> Runner:
        """How that ranking did."""
        return next(one for one in self.runners if one.ranking == ranking)

    def best_of(self, rankings: Iterable[str]) -> Runner | None:
        """The one of these rankings with the highest Qini coefficient; None where none of them raced."""
        among = [one for one in self.runners if one.ranking in rankings]
        return max(among, key=lambda one: one.qini.value) if among else None

    def why(self) -> Text:
        """Why this ranking serves, in one sentence."""
        if self.abstains:
            best = max(self.runners, key=lambda one: one.qini.value)
            return _BY_LOT.format(action=self.action, **_told(best))
        rivals, sentence = (PLAIN, _BY_EFFECT) if self.picked in LEARNERS else (LEARNERS, _BY_OTHER)
        rival = self.best_of(rivals) or self.of(LOT)
        told = _told(self.winner)
        return sentence.format(action=self.action, **told, other=NAMES[rival.ranking], other_qini=rival.qini.value)

    def worth(self) -> Text:
        """What treating from the top of the ranking brings, in one sentence with interval."""
        extra, all_ = self.winner.extra_per_1000, self.average
        return _WORTH.format(
            share=TOP_SHARE,
            extra=extra.value,
            low=extra.low,
            high=extra.high,
            all=1000 * all_.value,
            all_low=1000 * all_.low,
            all_high=1000 * all_.high,
        )


def race(
    pair: TreatmentLog, seed: int, progress: Progress = silent, repeats: int = REPEATS, folds: int = FOLDS
) -> Race:
    """Let all rankings of one action (a log of one action) race by cross-fitting within the log, and choose."""
    names = rankings_of(pair)
    scores = held_out_scores(pair, seed, progress, repeats, folds)
    draws = resampled(pair, scores, TOP_SHARE, seed)
    qinis = {
        name: float(np.mean([qini(s, pair.good, pair.treated, pair.weight) for s in scores[name]])) for name in names
    }
    picked = choose(qinis, draws)
    best = max(names, key=lambda name: qinis[name])
    [action] = pair.actions
    return Race(
        action=action,
        rows=len(pair),
        treated=int(pair.treated.sum()),
        good_rate=float(pair.good.mean()),
        average=_top([np.zeros(len(pair))], pair, draws[LOT]),
        runners=tuple(_runner(name, best, pair, scores[name], qinis, draws) for name in names),
        picked=picked,
    )


def choose(qinis: Mapping[str, float], draws: Mapping[str, Draws]) -> str:
    """The plainest ranking ahead of a lot that the best is not clearly ahead of; by Qini coefficients and resamples.

    The lot itself where no ranking is ahead of it.
    """
    needed = {name: BEATS_A_LOT if name in PLAIN else BEATS_A_PLAINER_ONE for name in qinis if name != LOT}
    ahead = [name for name, errors in needed.items() if _is_ahead(name, LOT, qinis, draws, errors)]
    if not ahead:
        return LOT
    best = max(ahead, key=lambda name: qinis[name])
    plain = sorted(ahead, key=PLAIN_TO_ELABORATE.index)
    return next(name for name in plain if not _is_ahead(best, name, qinis, draws, BEATS_A_PLAINER_ONE))


def _is_ahead(
    name: str, other: str, qinis: Mapping[str, float], draws: Mapping[str, Draws], standard_errors: float
) -> bool:
    """Whether a ranking's Qini coefficient is higher by more than so many standard errors of the difference."""
    ahead = estimate(qinis[name] - qinis[other], draws[name].qini - draws[other].qini)
    return ahead.bounded and ahead.value > standard_errors * ahead.standard_error


def held_out_scores(
    pair: TreatmentLog, seed: int, progress: Progress = silent, repeats: int = REPEATS, folds: int = FOLDS
) -> dict[str, list[Floats]]:
    """Scores of each row by models that saw nothing of its customer, one array of shape (rows,) for each repeat.

    They are the places within the fold, from 0 to 1, so that folds, whose models differ, can be ranked together.
    """
    names, values = rankings_of(pair), pair.features.to_numpy(dtype=np.float64)
    scores: dict[str, list[Floats]] = {name: [np.zeros(len(pair)) for _ in range(repeats)] for name in names}
    for repeat in range(repeats):
        fold = folds_by_cluster(pair, folds, seed + repeat)
        for number in range(folds):
            progress(_RACING.format(action=pair.actions[0]), (repeat * folds + number) / (repeats * folds))
            out = np.flatnonzero(fold == number)
            scorers = fit_scorers(pair.take(fold != number), seed + repeat * folds + number)
            for name in names:
                own = scorers.score(name, values[out], None if pair.value is None else pair.value[out])
                scores[name][repeat][out] = rankdata(own) / (len(out) + 1)
    for places in scores[LOT]:
        places[:] = 0.0  # nobody comes first, in no fold
    return scores


def _runner(
    name: str,
    best: str,
    pair: TreatmentLog,
    scores: list[Floats],
    qinis: Mapping[str, float],
    draws: Mapping[str, Draws],
) -> Runner:
    treat = np.mean([among_top(one, TOP_SHARE) for one in scores], axis=0)
    return Runner(
        ranking=name,
        qini=estimate(qinis[name], draws[name].qini),
        behind=estimate(qinis[best] - qinis[name], draws[best].qini - draws[name].qini),
        auuc=float(np.mean([auuc(one, pair.good, pair.treated, pair.weight) for one in scores])),
        top=_top(scores, pair, draws[name]),
        policy=policy_value(pair, np.column_stack([1 - treat, treat]), pair.good).snips,
    )


def _top(scores: list[Floats], pair: TreatmentLog, draws: Draws) -> Estimate:
    found = [uplift_at(TOP_SHARE, one, pair.good, pair.treated, pair.weight) for one in scores]
    return estimate(float(np.mean(found)), draws.top)


def _told(runner: Runner) -> dict[str, object]:
    own = runner.qini
    return {"ranking": NAMES[runner.ranking], "qini": own.value, "low": own.low, "high": own.high}


_RACING = Text("which customers '{action}' changes", "“{action}”能改变哪些客户")
_BY_LOT = Text(
    "'{action}': no ranking is clearly better than chance (the best, by {ranking}: Qini {qini:.4f}, 95 %"
    " {low:.4f} to {high:.4f}), so whom to treat is left to a lot or to other grounds.",
    "“{action}”：没有任何排序明显优于随机（最好的是按{ranking}排序：Qini {qini:.4f}，95% 区间"
    " {low:.4f} 至 {high:.4f}），因此对谁采取行动应随机决定或另寻依据。",
)
_BY_EFFECT = Text(
    "'{action}': customers are ranked by {ranking} (Qini {qini:.4f}, 95 % {low:.4f} to {high:.4f}), the plainest ranking that"
    " none is clearly ahead of; without learning effects, the best is by {other} ({other_qini:.4f}).",
    "“{action}”：按{ranking}对客户排序（Qini {qini:.4f}，95% 区间 {low:.4f} 至 {high:.4f}），"
    "这是没有其他排序明显更好的最简单排序；若不学习效果，最好的是按{other}排序（{other_qini:.4f}）。",
)
_BY_OTHER = Text(
    "'{action}': customers are ranked by {ranking} (Qini {qini:.4f}, 95 % {low:.4f} to {high:.4f}), the plainest ranking that"
    " none is clearly ahead of; targeting by what was learnt of the effect does not pay (best: {other}, {other_qini:.4f}).",
    "“{action}”：按{ranking}对客户排序（Qini {qini:.4f}，95% 区间 {low:.4f} 至 {high:.4f}），"
    "这是没有其他排序明显更好的最简单排序；按学到的效果选择客户并不划算（最好：{other}，{other_qini:.4f}）。",
)
_WORTH = Text(
    "1,000 treated from the top {share:.0%} of that ranking bring {extra:.1f} more wished-for outcomes (95 % {low:.1f} to"
    " {high:.1f}); 1,000 treated by lot {all:.1f} ({all_low:.1f} to {all_high:.1f}).",
    "对该排序前 {share:.0%} 中的 1000 位客户采取行动，可多得 {extra:.1f} 个期望结果（95% 区间 {low:.1f} 至 {high:.1f}）；"
    "随机选 1000 位则为 {all:.1f} 个（{all_low:.1f} 至 {all_high:.1f}）。",
)
