"""Tiers (分级管理): strategic, key, general and potential customers, kept steady by a rhythm and a band.

The thresholds are set once a year. Tiers change only then and half a year later, and only for a customer whose score has
left the band around the threshold; in the months between, who would move is listed as a candidate. A customer whose score
swings within the band keeps its tier for ever. Ranks count from 0, the best tier.
"""

from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.errors import ModelError
from features.project import TierSettings
from features.text import Text

Floats = NDArray[np.float64]
Ranks = NDArray[np.int64]

NO_TIER = -1
HALF_YEAR_MONTHS = 6


@dataclass(frozen=True)
class Tier:
    """A grade of customers: its usual name, and what such a customer is owed."""

    name: Text
    care: Text


TIERS: dict[str, Tier] = {
    "strategic": Tier(
        Text("Strategic", "战略客户"),
        Text("Led by management, with a yearly plan of its own.", "由管理层负责，制定专属年度计划。"),
    ),
    "key": Tier(
        Text("Key", "重点客户"),
        Text("An account manager of its own, visited by plan.", "配备专属客户经理，按计划拜访。"),
    ),
    "general": Tier(
        Text("General", "一般客户"),
        Text("Standard service; watched for growth.", "提供标准服务，关注成长。"),
    ),
    "potential": Tier(
        Text("Potential", "潜力客户"),
        Text("Served at low cost until it grows.", "在成长之前以低成本方式服务。"),
    ),
}
"""The tiers, best first."""

MEASURES: dict[str, tuple[str, Text]] = {
    "spend": ("spend_365d", Text("Spend of the last 365 days", "最近 365 天消费额")),
    "margin": ("margin_365d", Text("Margin of the last 365 days", "最近 365 天毛利")),
    "value_score": ("value_score", Text("Value score", "价值评分")),
}
"""What tiers may be by: the column of a snapshot, and how it is called."""

_UP = Text(
    "{measure} is {score:,.10g}: above {mark:,.10g}, which is {threshold:,.10g}, where the tier {to} begins, and the band"
    " of {band:.0%} on top of it; when the tier was last decided it was {earlier:,.10g}.",
    "{measure}为 {score:,.10g}，高于 {mark:,.10g}，即“{to}”的起点 {threshold:,.10g} 加上 {band:.0%} 的缓冲带；"
    "上次定级时为 {earlier:,.10g}。",
)
_DOWN = Text(
    "{measure} is {score:,.10g}: below {mark:,.10g}, which is {threshold:,.10g}, where the tier {held} begins, less the"
    " band of {band:.0%}; when the tier was last decided it was {earlier:,.10g}.",
    "{measure}为 {score:,.10g}，低于 {mark:,.10g}，即“{held}”的起点 {threshold:,.10g} 减去 {band:.0%} 的缓冲带；"
    "上次定级时为 {earlier:,.10g}。",
)
_AHEAD = Text(
    " So it was at {looks} looks in a row; on the next decision, from {next:%Y-%m-%d}, the customer would come from"
    " {held} to {to}.",
    "已连续 {looks} 次监测如此；若保持至下次定级（{next:%Y-%m-%d} 起），该客户将由“{held}”变为“{to}”。",
)


@dataclass(frozen=True)
class TierHistory:
    """Tiers at each date, one row a customer and date, by date and customer.

    ``rows``: customer_id, as_of, occasion (set, adjusted, monitored), score, tier, tier_before (None: it had none),
    tier_wanted (what the score asks for), move (entered, promoted, demoted, promotion_candidate, demotion_candidate or
    None), threshold (the score that the move is about), looks (dates in a row at which the score asked for such a move),
    decided_score (the score when the tier was last decided). ``thresholds``: as_of and where strategic, key and
    general begin; infinite where too many equal scores would fill the tier beyond its share.
    """

    rows: pd.DataFrame
    thresholds: pd.DataFrame

    def candidates(self) -> pd.DataFrame:
        """The rows of the last date whose score asks for another tier, best and worst mover first."""
        last: pd.DataFrame = self.rows[self.rows["as_of"] == self.rows["as_of"].max()]
        asked: pd.DataFrame = last[last["move"].isin(["promotion_candidate", "demotion_candidate"])]
        beyond = (asked["score"] - asked["threshold"]).abs() / asked["threshold"].abs().clip(lower=1e-12)
        order = np.lexsort([asked["customer_id"], -beyond, asked["move"] == "demotion_candidate"])
        return asked.iloc[order].reset_index(drop=True)


def tier_names(settings: TierSettings) -> dict[str, Text]:
    """What the project calls each tier, best first."""
    if settings.names is None:
        return {code: tier.name for code, tier in TIERS.items()}
    said = (Text(*(n, n)) if isinstance(n, str) else Text(*(n.en, n.zh)) for n in settings.names)
    return dict(zip(TIERS, said, strict=True))


def tier_scores(frame: pd.DataFrame, settings: TierSettings) -> pd.DataFrame:
    """customer_id, as_of and the score that tiers are by, from snapshots; NaN for who never bought.

    Raises ModelError: the snapshots lack the column.
    """
    column, _ = MEASURES[settings.by]
    if column not in frame:
        raise ModelError(
            Text(
                "[tiers] by = '{by}' needs the column '{column}', which these facts do not give. Choose another of {known},"
                " or add the facts.",
                "[tiers] by = '{by}' 需要列“{column}”，而现有数据不含该列。请改用 {known} 之一，或补充数据。",
            ),
            by=settings.by,
            column=column,
            known=", ".join(MEASURES),
        )
    score = frame[column].astype("float64")
    if "days_since_first_purchase" in frame and settings.by != "value_score":
        score = score.where(frame["days_since_first_purchase"].notna())
    return frame[["customer_id", "as_of"]].assign(score=score)


def thresholds_of(scores: Floats, settings: TierSettings) -> Floats:
    """The scores from which the three upper tiers begin, falling, shape (3,).

    Shares are of the customers with a score above 0; a tier is not filled beyond its share by equal scores.
    """
    if settings.thresholds is not None:
        return np.asarray(settings.thresholds, dtype=np.float64)
    falling = -np.sort(-scores[np.isfinite(scores) & (scores > 0)])
    counts = np.ceil(np.round(np.cumsum(settings.shares) * len(falling), 9)).astype(np.int64)
    return np.array([_first_within(falling, count) for count in counts], dtype=np.float64)


def _first_within(falling: Floats, count: int) -> float:
    """The least score that no more than ``count`` reach; infinite where even the best are more."""
    if count >= len(falling):
        return float(falling[-1]) if len(falling) else np.inf
    above = falling[falling > falling[count]]
    return float(above[-1]) if len(above) else np.inf


def next_ranks(ranks: Ranks, scores: Floats, thresholds: Floats, band_share: float) -> Ranks:
    """The rank that each score asks for, given the rank that is held (both of shape (customers,)).

    Up only above a threshold by more than the band, down only below it by more than the band; a band is that share of
    the threshold. Who has no rank gets the one that the thresholds alone say; without a score (NaN) nothing changes.

    >>> next_ranks(np.array([1, 1, 1]), np.array([109.0, 111.0, 44.0]), np.array([100.0, 50.0, 10.0]), 0.1)
    array([1, 0, 2])
    """
    band = np.where(np.isfinite(thresholds), band_share * np.abs(thresholds), 0.0)
    best = (scores[:, None] <= thresholds + band).sum(axis=1)
    worst = (scores[:, None] < thresholds - band).sum(axis=1)
    plain = (scores[:, None] < thresholds).sum(axis=1)
    asked = np.where(ranks == NO_TIER, plain, np.clip(ranks, worst, best))
    return np.where(np.isfinite(scores), asked, ranks).astype(np.int64)


def occasions(days: Sequence[date], year_begins_month: int) -> list[str]:
    """What is due at each of the rising days: the first, and the first of each year and half-year, decide.

    >>> occasions([date(2025, 11, 1), date(2026, 1, 3), date(2026, 2, 1), date(2026, 7, 1)], 1)
    ['set', 'set', 'monitored', 'adjusted']
    """
    halves = [(day.year * 12 + day.month - year_begins_month) // HALF_YEAR_MONTHS for day in days]
    said = []
    for place, half in enumerate(halves):
        before = halves[place - 1] if place else None
        if before is None or before // 2 != half // 2:
            said.append("set")
        else:
            said.append("adjusted" if before != half else "monitored")
    return said


def next_decision(day: date, year_begins_month: int) -> date:
    """The first day of the half-year that follows ``day``."""
    half = (day.year * 12 + day.month - year_begins_month) // HALF_YEAR_MONTHS
    month = (half + 1) * HALF_YEAR_MONTHS + year_begins_month - 1
    return date(month // 12, month % 12 + 1, 1)


def monthly_looks(as_of: datetime, months: int, timezone: tzinfo) -> list[datetime]:
    """The beginnings of so many months up to ``as_of`` on a calendar, rising, and ``as_of`` itself if it is none of them."""
    local = as_of.astimezone(timezone)
    last = local.year * 12 + local.month - 1
    begins = [datetime(m // 12, m % 12 + 1, 1, tzinfo=timezone) for m in range(last - months + 1, last + 1)]
    return begins if begins and begins[-1] == local else [*begins, local]


def tier_history(scores: pd.DataFrame, settings: TierSettings, timezone: tzinfo) -> TierHistory:
    """The tiers through time from dated scores: customer_id, as_of (aware), score; about one date a month.

    A customer gets its first tier at the first date at which it has a score. A customer whose score is missing later
    keeps its tier. Years and half-years are those of ``timezone``.
    """
    wide = scores.pivot(index="as_of", columns="customer_id", values="score").sort_index()
    looks = [at.to_pydatetime() for at in pd.DatetimeIndex(wide.index)]
    return history_of(
        LookedAt(wide.columns.to_numpy(dtype=object), looks, wide.to_numpy(dtype=np.float64)), settings, timezone
    )


@dataclass(frozen=True)
class LookedAt:
    """Scores of shape (looks, customers), NaN where a customer has none; looks rise."""

    customers: NDArray[np.object_]
    looks: Sequence[datetime]
    scores: Floats


def history_of(
    seen: LookedAt, settings: TierSettings, timezone: tzinfo, shown: Collection[datetime] | None = None
) -> TierHistory:
    """The tiers through time as `tier_history` gives them; of the looks only those ``shown`` have rows (None: all)."""
    days = [at.astimezone(timezone).date() for at in seen.looks]
    customers = pd.Series(seen.customers, dtype="str").array  # made once, not at every look
    ranks = np.full(len(customers), NO_TIER, dtype=np.int64)
    looks, thresholds, decided = np.zeros(len(ranks), dtype=np.int64), np.full(3, np.inf), np.full(len(ranks), np.nan)
    parts, set_at = [], []
    for as_of, occasion, score in zip(
        seen.looks, occasions(days, settings.year_begins_month), seen.scores, strict=True
    ):
        if occasion == "set":
            thresholds = thresholds_of(score, settings)
        set_at.append((as_of, *thresholds))
        wanted = next_ranks(ranks, score, thresholds, settings.band_share)
        entered = (ranks == NO_TIER) & (wanted != NO_TIER)
        decides = occasion != "monitored"
        now = np.where(entered | decides, wanted, ranks)
        asks = np.sign(wanted - ranks) * ~entered  # -1: up, 1: down
        looks = np.where(asks == 0, 0, np.where(np.sign(looks) == asks, looks + asks, asks))
        if shown is None or as_of in shown:
            has_tier = np.flatnonzero(now != NO_TIER)
            rows = {
                "customer_id": customers[has_tier],
                "as_of": as_of.astimezone(UTC),
                "occasion": occasion,
                "score": score[has_tier],
                "tier": _names(now[has_tier]),
                "tier_before": _names(ranks[has_tier]),
                "tier_wanted": _names(wanted[has_tier]),
                "move": _moves(entered, asks, decides)[has_tier],
                "threshold": np.where(asks == 0, np.nan, thresholds[np.clip(np.minimum(ranks, wanted), 0, 2)])[
                    has_tier
                ],
                "looks": np.abs(looks)[has_tier],
                "decided_score": decided[has_tier],
            }
            parts.append(pd.DataFrame(rows))
        decided = np.where((entered | decides) & np.isfinite(score), score, decided)
        looks = np.zeros_like(looks) if decides else looks
        ranks = now
    rows_of_all = pd.concat(parts, ignore_index=True).astype({"move": "object"})
    return TierHistory(rows_of_all, pd.DataFrame(set_at, columns=["as_of", *list(TIERS)[:3]]))


def move_reason(row: Mapping[Hashable, Any], settings: TierSettings, timezone: tzinfo) -> Text:
    """Why a customer moved or is a candidate to move, as a sentence; ``row`` is one of a history with a threshold.

    Raises ValueError: the row is no move up or down.
    """
    names, (_, measure) = tier_names(settings), MEASURES[settings.by]
    is_candidate = str(row["move"]).endswith("_candidate")
    if not is_candidate and row["move"] not in ("promoted", "demoted"):
        raise ValueError(f"{row['move']!r} is no move between tiers")
    up = row["move"] in ("promoted", "promotion_candidate")
    threshold, band = float(row["threshold"]), settings.band_share
    said = (_UP if up else _DOWN).format(
        measure=measure,
        score=_rounded(row["score"]),
        mark=_rounded(threshold + (band if up else -band) * abs(threshold)),
        threshold=_rounded(threshold),
        band=band,
        to=names[row["tier_wanted"]],
        held=names[row["tier_before"]],
        earlier=_rounded(row["decided_score"]),
    )
    if not is_candidate:
        return said
    ahead = _AHEAD.format(
        looks=int(row["looks"]),
        held=names[row["tier_before"]],
        to=names[row["tier_wanted"]],
        next=next_decision(row["as_of"].tz_convert(timezone).date(), settings.year_begins_month),
    )
    return Text(*(sentence + more for sentence, more in zip(said, ahead, strict=True)))


def _rounded(score: float) -> float:
    """A score with as many digits as a person reads."""
    return round(float(score), 0 if abs(score) >= 1000 else 2)


def _names(ranks: Ranks) -> NDArray[np.object_]:
    return np.array([*TIERS, None], dtype=object)[ranks]


def _moves(entered: NDArray[np.bool_], asks: Ranks, decides: bool) -> NDArray[np.object_]:
    up, down = ("promoted", "demoted") if decides else ("promotion_candidate", "demotion_candidate")
    moves = np.array([None, down, up], dtype=object)[asks]
    moves[entered] = "entered"
    return moves
