"""What a campaign brought, put together: the check of the lot, the effects, and the looks so far."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.text import Text
from training.experiments.campaigns import Followed
from training.experiments.effect import LEAST_ARM, Effect, Sample, effect_of, relative_reduction, too_few
from training.experiments.sample_ratio import SampleRatio, sample_ratio
from training.experiments.sequential import Look, LookedAt, looked_at

Floats = NDArray[np.float64]

LOOKS = 8
"""Looks that a plan foresees, at equal steps of the customers."""
MONEY = ("revenue", "margin", "return")


@dataclass(frozen=True)
class CampaignReport:
    """What is known of a campaign at an instant.

    ``effects`` by the names of `training.experiments.effect.EFFECTS`; what cannot be told is missing there, with its reason
    in ``told``. ``leaving`` is the share of the probability of leaving that the action took away. ``looks`` are those of the plan
    so far (of retention, and of return where there is money), of ``planned`` customers.
    """

    followed: Followed
    ratio: SampleRatio | None
    effects: Mapping[str, Effect]
    leaving: Effect | None
    looks: Mapping[str, list[LookedAt]]
    planned: int
    told: tuple[Text, ...]

    @property
    def is_complete(self) -> bool:
        """Whether all customers of the plan are in."""
        return len(self.followed.rows) >= self.planned

    @property
    def verdict(self) -> Text:
        """What the looks so far allow to say, with what to do next."""
        name = "return" if "return" in self.effects else "retention"
        if name not in self.effects or not self.looks.get(name):
            return _NO_VERDICT
        last = self.looks[name][-1]
        share = f"{last.share:.0%}"
        if not last.is_proven:
            return (_NOT_PROVEN if self.is_complete else _NOT_YET).format(share=share)
        return (_PAYS if last.low > 0 else _HARMS).format(share=share)


def campaign_report(followed: Followed, planned_customers: int | None = None, looks: int = LOOKS) -> CampaignReport:
    """The report of a campaign; ``planned_customers`` are all that will take part (None: those in the log so far)."""
    sample, outcomes = followed.sample, outcomes_of(followed)
    planned = max(planned_customers or 0, len(followed.rows) + followed.waiting)
    told, effects = list(_remarks(followed)), {}
    few, rare = too_few(sample), too_few(sample, 1 - outcomes["retention"])
    told += [text for text in dict.fromkeys((few, rare)) if text is not None]
    for name, values in outcomes.items():
        if (rare if name == "retention" else few) is None:
            effects[name] = effect_of(values, sample)
    leaving = relative_reduction(1 - outcomes["retention"], sample) if rare is None else None
    lot = followed.lot_is_known and len(followed.rows) > 0
    return CampaignReport(
        followed=followed,
        ratio=sample_ratio(sample.is_treated, sample.propensity) if lot else None,
        effects=effects,
        leaving=leaving,
        looks={name: _path(outcomes[name], followed, sample, planned, looks) for name in effects if name in _LOOKED_AT},
        planned=planned,
        told=tuple(told),
    )


def outcomes_of(followed: Followed) -> dict[str, Floats]:
    """What came of each customer, by the names of `training.experiments.effect.EFFECTS`; no money where none is known."""
    rows = followed.rows
    found = {"retention": rows["kept"].to_numpy(dtype=np.float64)}
    if followed.has_money:
        revenue, margin, cost = (rows[name].to_numpy(dtype=np.float64) for name in ("revenue", "margin", "cost"))
        paid = np.where((rows["arm"] == "treated").to_numpy(), cost, 0.0)
        found |= {"revenue": revenue, "margin": margin, "return": margin - paid}
    return found


_LOOKED_AT = ("retention", "return")


def _path(values: Floats, followed: Followed, sample: Sample, planned: int, looks: int) -> list[LookedAt]:
    """The looks so far: after each planned part of the customers, with all that came in at the same instant."""
    at = followed.rows["at"].to_numpy()
    wanted = np.arange(1, looks + 1) * planned / looks
    reached = wanted[wanted <= len(at) + 0.5].astype(np.int64)
    if not len(at):
        return []
    ends = np.unique(np.searchsorted(at, at[np.maximum(reached, 1) - 1], side="right"))
    seen = []
    for end in ends:
        part = sample.where(np.arange(len(at)) < end)
        if min(part.treated, part.controls) >= LEAST_ARM:
            effect = effect_of(values[:end], part)
            seen.append(Look(min(end / planned, 1.0), effect.value, effect.standard_error, effect.skewness))
    return looked_at(seen) if seen else []


def _remarks(followed: Followed) -> list[Text]:
    counts = (
        (followed.waiting, _WAITING.format(waiting=followed.waiting, days=followed.horizon_days)),
        (followed.withheld, _WITHHELD.format(withheld=followed.withheld)),
        (followed.twice, _TWICE.format(twice=followed.twice)),
        (0 if followed.lot_is_known else 1, _LOT_UNKNOWN),
        (0 if followed.has_money else 1, _NO_MONEY),
    )
    return [text for count, text in counts if count]


_WAITING = Text(
    "{waiting:,} customers are left out: their {days} days are not over yet.",
    "有 {waiting:,} 位客户未计入：其 {days} 天观察期尚未结束。",
)
_WITHHELD = Text(
    "{withheld:,} entries are left out: no lot decided about them, so they prove nothing.",
    "有 {withheld:,} 条记录未计入：并非由抽签决定，不能用于证明效果。",
)
_TWICE = Text(
    "{twice:,} customers are logged in both arms; the first entry counts. Find out why: it blurs the effect.",
    "有 {twice:,} 位客户同时出现在两组中，以首次记录为准。请查明原因：这会模糊效果。",
)
_LOT_UNKNOWN = Text(
    "The log lacks propensities: the arms are taken as drawn with the same probability for all, and whether their sizes fit the lot"
    " cannot be checked. Log the propensity of each customer.",
    "记录中缺少处理概率：按所有客户概率相同处理，且无法检查两组人数是否与抽签相符。请为每位客户记录处理概率。",
)
_NO_MONEY = Text(
    "Revenue and return are not told: the project has neither orders nor invoices.",
    "无法给出收入与收益：项目没有订单或发票。",
)
_NO_VERDICT = Text("Nothing can be said yet.", "目前尚无法得出结论。")
_NOT_YET = Text(
    "Not proven yet with {share} of the plan in: go on, and look again; looking does no harm to these intervals.",
    "已完成计划的 {share}，尚未得到证明：请继续，稍后再看；多次查看不会影响这些区间。",
)
_NOT_PROVEN = Text(
    "The plan is complete and no effect is proven: the action may do little, or the campaign was too small for it.",
    "计划已完成，但未证明有效果：可能行动作用甚微，也可能活动规模过小。",
)
_PAYS = Text(
    "Proven with {share} of the plan in, however often one looked: the action brings more than without it. It can be used.",
    "已完成计划的 {share}，无论查看多少次均成立：该行动带来的多于不采取行动。可以采用。",
)
_HARMS = Text(
    "Proven with {share} of the plan in, however often one looked: the action does harm or costs more than it brings. Stop it.",
    "已完成计划的 {share}，无论查看多少次均成立：该行动有害或得不偿失。请停止。",
)
