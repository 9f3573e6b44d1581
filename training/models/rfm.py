"""RFM segments: customers grouped by how recently, how often and for how much they bought.

Each customer gets three scores from 1 (worst) to 5 (best) against the company's own customers or against cuts that the
company has fixed, and one segment with the name that the field uses. The frequency and monetary scores are averaged, so
that the segments are a 5 × 5 grid which can be read in `GRID`; scores of more or fewer levels are spread over it evenly.
Only first-time buyers are told apart before the grid is asked.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.errors import ModelError, NotEnoughDataError
from features.project import SegmentSettings
from features.text import Text

Numbers = NDArray[np.float64]
Scores = NDArray[np.int64]
Flags = NDArray[np.bool_]

RECENCY = "days_since_last_purchase"
FREQUENCY = "purchase_days_365d"
MONETARY = "spend_365d"
EVER = "purchase_days_total"

NEW_FROM_RECENCY = 4
"""A first purchase is recent from this row of the grid on."""

GRID_SIZE = 5
QUANTILES = SegmentSettings()
"""Five levels, each with an equal part of the customers."""


@dataclass(frozen=True)
class Segment:
    """A kind of customer: its name, what it means in one sentence, and what to do about it."""

    name: Text
    meaning: Text
    advice: Text


SEGMENTS: dict[str, Segment] = {
    "champions": Segment(
        Text("Champions", "重要价值客户"),
        Text("Bought very recently, buy often and spend the most.", "最近刚购买，购买频繁且消费最高。"),
        Text("Thank them, ask for referrals, show new products first.", "表达感谢，邀请推荐，新品优先介绍。"),
    ),
    "loyal": Segment(
        Text("Loyal customers", "忠诚客户"),
        Text("Buy often and spend well, and are still active.", "购买频繁、消费较高，且仍然活跃。"),
        Text("Offer more of the assortment; keep service flawless.", "推荐更多品类，保持优质服务。"),
    ),
    "potential_loyalists": Segment(
        Text("Potential loyalists", "潜在忠诚客户"),
        Text("Bought recently, more than once, and can still grow.", "最近购买过，不止一次，仍有成长空间。"),
        Text("Build the habit: follow up soon after each purchase.", "培养购买习惯，每次购买后及时跟进。"),
    ),
    "new": Segment(
        Text("New customers", "新客户"),
        Text("Bought for the first time, and lately.", "最近首次购买。"),
        Text("Welcome them and win the second purchase.", "做好迎新，促成第二次购买。"),
    ),
    "promising": Segment(
        Text("Promising", "潜力客户"),
        Text("Bought recently, but seldom and little so far.", "最近购买过，但次数少、金额低。"),
        Text("Stay in touch and find out what else they need.", "保持联系，了解更多需求。"),
    ),
    "need_attention": Segment(
        Text("Need attention", "需关注客户"),
        Text("Middling in recency, frequency and spend; could go either way.", "各项指标均居中，去留未定。"),
        Text("Give them a reason to buy now.", "给出现在购买的理由。"),
    ),
    "about_to_sleep": Segment(
        Text("About to sleep", "即将沉睡客户"),
        Text("Seldom buy, and have been quiet for a while.", "购买较少，且已有一段时间没有动静。"),
        Text("Remind them before they are gone; keep the cost low.", "趁流失之前以低成本方式提醒。"),
    ),
    "at_risk": Segment(
        Text("At risk", "流失风险客户"),
        Text("Used to buy well, but have not bought for a long time.", "以往购买不错，但已很久没有购买。"),
        Text("Get in touch personally and find out what went wrong.", "主动联系，了解原因。"),
    ),
    "cannot_lose": Segment(
        Text("Cannot lose them", "重要挽留客户"),
        Text("Were among the best, and have been silent the longest.", "曾属最优质客户，如今沉默最久。"),
        Text("Visit or call at once, at the level of the account's owner.", "立即由客户负责人拜访或致电。"),
    ),
    "hibernating": Segment(
        Text("Hibernating", "沉睡客户"),
        Text("Bought seldom and little, and long ago.", "购买少、金额低，且时间久远。"),
        Text("Include in cheap campaigns; spend no personal time.", "纳入低成本活动，不投入人工跟进。"),
    ),
    "lost": Segment(
        Text("Lost", "已流失客户"),
        Text("Lowest in recency, frequency and spend.", "购买时间、频率和金额均为最低。"),
        Text("Let them rest, or try one last offer.", "暂不跟进，或最后尝试一次优惠。"),
    ),
}

GRID: dict[int, tuple[str, str, str, str, str]] = {
    # recency score: segments for the mean of frequency and monetary score (halves rounded up) 1, 2, 3, 4, 5
    5: ("promising", "potential_loyalists", "potential_loyalists", "champions", "champions"),
    4: ("promising", "potential_loyalists", "potential_loyalists", "loyal", "champions"),
    3: ("about_to_sleep", "need_attention", "need_attention", "loyal", "loyal"),
    2: ("hibernating", "about_to_sleep", "at_risk", "at_risk", "at_risk"),
    1: ("lost", "hibernating", "at_risk", "cannot_lose", "cannot_lose"),
}


@dataclass(frozen=True)
class RfmModel:
    """Where the scores begin. A value above one of the rising cut points is one level further, of ``levels`` in all.

    Units: days, purchase days, currency. ``as_of`` (ISO 8601) and ``catalogue_hash`` say what it was fitted on.
    """

    recency_cuts: tuple[float, ...]
    frequency_cuts: tuple[float, ...]
    monetary_cuts: tuple[float, ...]
    recency_column: str = RECENCY
    frequency_column: str = FREQUENCY
    monetary_column: str = MONETARY
    as_of: str | None = None
    catalogue_hash: str | None = None
    levels: int = GRID_SIZE

    def assign(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Scores from 1 to ``levels`` and the segment of each customer, in the frame's order and under its index.

        Columns: recency_score, frequency_score, monetary_score (Int64), segment (str; None, as are the scores, for a
        customer without a purchase). A customer with one purchase day ever and a recency score in the upper two fifths
        is "new"; where the frame has no purchase_days_total, one purchase day in 365 days is taken for the first.
        """
        days, visits, spend = (
            _column(frame, c) for c in (self.recency_column, self.frequency_column, self.monetary_column)
        )
        bought = np.isfinite(days)
        recency = self.levels - np.searchsorted(self.recency_cuts, days, side="left")
        frequency = 1 + np.searchsorted(self.frequency_cuts, np.nan_to_num(visits), side="left")
        monetary = 1 + np.searchsorted(self.monetary_cuts, np.nan_to_num(spend), side="left")
        ever = _column(frame, EVER) if EVER in frame else visits
        rows, often, much = (_on_grid(scores, self.levels) for scores in (recency, frequency, monetary))
        segment = _segments(rows, often, much, first_purchase=ever == 1)
        return pd.DataFrame(
            {
                "recency_score": _where_bought(recency, bought, frame.index),
                "frequency_score": _where_bought(frequency, bought, frame.index),
                "monetary_score": _where_bought(monetary, bought, frame.index),
                "segment": pd.Series(segment, index=frame.index, dtype="object").where(bought, None),
            }
        )

    def to_json(self) -> str:
        """The model as plain JSON, the same text for the same model."""
        return json.dumps(asdict(self), indent=2, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "RfmModel":
        """The model that `to_json` wrote. Raises ModelError when the text is something else."""
        try:
            stored: dict[str, Any] = json.loads(text)
            levels = int(stored.get("levels", GRID_SIZE))
            names = ("recency_cuts", "frequency_cuts", "monetary_cuts")
            cuts = {name: _checked_cuts(stored[name], levels - 1) for name in names}
            return cls(**{**stored, **cuts})
        except (AttributeError, ValueError, TypeError, KeyError) as fault:
            raise ModelError(
                Text(
                    "This is not a stored RFM model: {fault}. Train again to write a new one.",
                    "这不是已保存的 RFM 模型：{fault}。请重新训练。",
                ),
                fault=fault,
            ) from None


def fit_rfm(
    frame: pd.DataFrame,
    as_of: datetime | None = None,
    catalogue_hash: str | None = None,
    settings: SegmentSettings = QUANTILES,
) -> RfmModel:
    """Cut points from one row per customer, using the customers that ever bought.

    Parameters: ``frame`` has the columns days_since_last_purchase, purchase_days_365d and spend_365d; ``as_of`` and
    ``catalogue_hash`` are only kept with the model; ``settings`` gives the number of levels and any fixed cuts. Unless
    cuts are fixed, each score takes an equal part of the customers where values allow it. Equal values always get equal
    scores: when most customers bought once they all get frequency score 1, and the others share the scores above.
    Raises NotEnoughDataError: nobody bought.
    """
    columns = {name: _column(frame, name) for name in (RECENCY, FREQUENCY, MONETARY)}
    bought = np.isfinite(columns[RECENCY])
    if not bought.any():
        raise NotEnoughDataError(
            Text(
                "None of the {rows} customers has a purchase, so there is nothing to segment. Check the orders table.",
                "{rows} 位客户均无购买记录，无法细分。请检查 orders 表。",
            ),
            rows=len(frame),
        )
    fixed = {RECENCY: settings.recency_days, FREQUENCY: settings.purchase_days, MONETARY: settings.spend}
    recency, frequency, monetary = (
        fixed[name] or _equal_parts(np.nan_to_num(columns[name][bought]), settings.levels) for name in columns
    )
    return RfmModel(
        recency_cuts=recency,
        frequency_cuts=frequency,
        monetary_cuts=monetary,
        as_of=as_of.isoformat() if as_of else None,
        catalogue_hash=catalogue_hash,
        levels=settings.levels,
    )


def _equal_parts(values: Numbers, parts: int) -> tuple[float, ...]:
    """Rising cut points, at most one fewer than parts: each takes its share of what those below left, ties together."""
    rest = np.sort(values)
    cuts: list[float] = []
    for levels in range(parts, 1, -1):
        cut = rest[-(-len(rest) // levels) - 1]
        above = rest[rest > cut]
        if not len(above):
            break
        cuts.append(float(cut))
        rest = above
    return tuple(cuts)


def _on_grid(scores: Scores, levels: int) -> Scores:
    """Scores of so many levels as rows or columns 1–5 of the grid, halves rounded up."""
    steps, places = levels - 1, GRID_SIZE - 1
    return np.asarray(1 + (2 * (scores - 1) * places + steps) // (2 * steps), dtype=np.int64)


def _segments(recency: Scores, frequency: Scores, monetary: Scores, first_purchase: Flags) -> NDArray[np.object_]:
    grid = np.array([GRID[score] for score in (1, 2, 3, 4, 5)], dtype=object)
    from_grid = grid[recency - 1, (frequency + monetary + 1) // 2 - 1]
    return np.where(first_purchase & (recency >= NEW_FROM_RECENCY), "new", from_grid)


def _column(frame: pd.DataFrame, name: str) -> Numbers:
    if name not in frame:
        raise ModelError(
            Text("RFM segments need the column '{name}'; got {columns}.", "RFM 细分需要列“{name}”；现有 {columns}。"),
            name=name,
            columns=", ".join(map(str, frame.columns)) or "–",
        )
    return pd.to_numeric(frame[name]).to_numpy(dtype=np.float64, na_value=np.nan)


def _where_bought(scores: Scores, bought: Flags, index: pd.Index) -> pd.Series:
    return pd.Series(scores, index=index).astype("Int64").where(bought)


def _checked_cuts(stored: Sequence[float], most: int) -> tuple[float, ...]:
    cuts = tuple(float(cut) for cut in stored)
    if len(cuts) > most or not all(low < high for low, high in pairwise(cuts)):
        raise ValueError(f"{cuts} are not up to {most} rising cut points")
    return cuts
