"""The customer's own rhythm of buying, and how the present departs from it.

A gap is the number of days between two consecutive purchase days. The current gap, still open, is the silence since
the last purchase. Change is always measured against the same customer's own past.
"""

import math

from features.catalogue.feature import Feature
from features.text import Text

FEW = Text("fewer than two purchases", "购买少于两次")
TOO_FEW = Text("fewer than four purchases", "购买少于四次")
TOO_YOUNG = Text("first purchase less than 180 days ago", "首次购买距今不足 180 天")
NO_180 = Text("no purchase in the last 180 days", "最近 180 天没有购买")
NO_YEAR = Text("no purchase in the last 360 days", "最近 360 天没有购买")

_LOG_VARIANCE = (
    "(list_sum(list_transform(log_gaps, lambda x: x * x)) - list_sum(log_gaps) * list_sum(log_gaps) / gap_count)"
    " / (gap_count - 1)"
)
_VARIANCE = (
    "(list_sum(list_transform(gaps, lambda g: 1E0 * g * g)) - 1E0 * list_sum(gaps) * list_sum(gaps) / gap_count)"
    " / (gap_count - 1)"
)

# How long own gaps last, as a log-logistic distribution: elementary on every engine, and heavy-tailed as gaps are. Its mean
# is the own one; the variance of its logarithm is the own one as far as it is known, with four gaps of variance 0.5 beside.
_KNOWN_GAPS = "CASE WHEN gap_variation IS NULL THEN 0 ELSE purchase_days_total - 1 END"
_LOG_GAP_VARIANCE = (
    f"greatest((2 + {_KNOWN_GAPS} * ln(1 + coalesce(gap_variation * gap_variation, 0))) / (4 + {_KNOWN_GAPS}), 0.04E0)"
)
_GAUSS_NODES = ((0.0694318442029737, 0.1739274225687269), (0.3300094782075719, 0.3260725774312731),
                (0.6699905217924281, 0.3260725774312731), (0.9305681557970263, 0.1739274225687269))  # fmt: skip
_SILENCE = "(days_since_last_purchase + 0.5E0)"


def _odds_that_a_gap_is_over(days: str) -> str:
    """SQL for the odds that an own gap lasts no longer than so many days; it has lasted longer with 1 / (1 + odds)."""
    median = f"(gap_mean_days * exp(-{_LOG_GAP_VARIANCE} / 2))"
    return f"pow({days} / {median}, {math.pi / math.sqrt(3)!r}E0 / sqrt({_LOG_GAP_VARIANCE}))"


_OVER = _odds_that_a_gap_is_over(_SILENCE)
_MEAN_SURVIVAL = " + ".join(
    f"{weight!r}E0 / (1 + {_odds_that_a_gap_is_over(f'({_SILENCE} * {node!r}E0)')})" for node, weight in _GAUSS_NODES
)

FEATURES = (
    Feature(
        "gap_mean_days", "habit", "rhythm", "(known_days - silent_days) / CAST(nullif(gap_count, 0) AS DOUBLE)", "days",
        Text("Mean days between purchases", "购买间隔的平均天数"), missing=FEW,
    ),
    Feature(
        "gap_median_days", "habit", "rhythm",
        "(sorted_gaps[(gap_count + 1) // 2] + sorted_gaps[gap_count // 2 + 1]) / 2E0", "days",
        Text("Median days between purchases", "购买间隔的中位天数"), missing=FEW,
    ),
    Feature(
        "gap_longest_days", "habit", "rhythm", "sorted_gaps[gap_count]", "days",
        Text("Longest days between purchases", "最长购买间隔天数"), missing=FEW,
    ),
    Feature(
        "gap_last_days", "habit", "rhythm", "gaps[gap_count]", "days",
        Text("Days between the last two purchases", "最近两次购买之间的天数"), missing=FEW,
    ),
    Feature(
        "gap_variation", "habit", "rhythm",
        f"CASE WHEN gap_count >= 3 THEN sqrt({_VARIANCE}) * gap_count / (known_days - silent_days) END", "ratio",
        Text("Irregularity: standard deviation of the gaps over their mean", "不规律程度：间隔标准差与均值之比"), missing=TOO_FEW,
    ),
    Feature(
        "gap_last_three_ratio", "habit", "rhythm",
        "CASE WHEN gap_count >= 3 THEN (ages[visits - 3] - silent_days) / 3E0 * gap_count / (known_days - silent_days) END",
        "ratio",
        Text("Mean of the last three gaps against the own mean", "最近三次间隔均值与自身均值之比"), missing=TOO_FEW,
    ),
    Feature(
        "current_gap_ratio", "habit", "rhythm", "silent_days * gap_count / nullif(CAST(known_days - silent_days AS DOUBLE), 0)",
        "ratio", Text("Silence now against the own mean gap", "当前沉默时间与自身平均间隔之比"), missing=FEW,
    ),
    Feature(
        "current_gap_rank", "habit", "rhythm",
        "len(list_filter(gaps, lambda g: g <= silent_days)) / CAST(nullif(gap_count, 0) AS DOUBLE)", "share",
        Text("Share of own gaps that were no longer than the silence now", "不长于当前沉默时间的自身间隔占比"),
        missing=FEW, range=(0, 1),
    ),
    Feature(
        "current_gap_log_z", "habit", "rhythm",
        "CASE WHEN gap_count >= 3 THEN (ln(1 + silent_days) - list_sum(log_gaps) / gap_count)"
        f" / greatest(sqrt(greatest({_LOG_VARIANCE}, 0)), 0.1E0) END",
        "standard deviations",
        Text("Silence now against the own gaps, z-score in log time", "当前沉默时间相对自身间隔的对数 z 分数"),
        missing=TOO_FEW, range=(None, None),
    ),
    Feature(
        "gap_survival", "habit", "features", f"1 / (1 + {_OVER})", "share",
        Text("Probability that an own gap lasts at least as long as the silence now", "自身购买间隔不短于当前沉默时间的概率"),
        missing=FEW, range=(0, 1),
    ),
    Feature(
        "gap_goes_on_90d", "habit", "features",
        f"(1 + {_OVER}) / (1 + {_odds_that_a_gap_is_over(f'({_SILENCE} + 90)')})", "share",
        Text(
            "Probability, by the own rhythm alone, that the silence goes on for 90 days more",
            "仅按自身节奏，沉默再持续 90 天的概率",
        ),
        missing=FEW, range=(0, 1),
    ),
    Feature(
        "left_unseen_days", "habit", "features", f"{_SILENCE} * (1 + {_OVER}) * ({_MEAN_SURVIVAL})", "days",
        Text(
            "Days of silence, each counting by how much likelier leaving on it makes the silence than waiting does",
            "沉默天数，每天按“当天已流失”相对“仍在等待”更能解释沉默的程度计",
        ),
        missing=FEW,
    ),
    Feature(
        "purchase_days_change_90d", "habit", "features",
        "(2 * purchase_days_90d - purchase_days_180d) / nullif(purchase_days_180d, 0)", "share",
        Text(
            "Purchase days in the last 90 days less those in the 90 before, over both",
            "最近 90 天与之前 90 天购买天数之差占两者之和的比例",
        ),
        missing=NO_180, range=(-1, 1),
    ),
    Feature(
        "purchase_days_90d_of_own", "habit", "features",
        "CASE WHEN days_since_first_purchase >= 180"
        " THEN purchase_days_90d * (days_since_first_purchase - 90) / 90"
        " / nullif(purchase_days_total - purchase_days_90d, 0) END",
        "ratio",
        Text(
            "Purchase days in the last 90 days against the own earlier rate", "最近 90 天购买天数与自身此前频率之比"
        ),
        missing=TOO_YOUNG,
    ),
    Feature(
        "purchase_days_90d_z", "habit", "features",
        "CASE WHEN days_since_first_purchase >= 180 THEN"
        " (purchase_days_90d - (purchase_days_total - purchase_days_90d) * 90 / (days_since_first_purchase - 90))"
        " / sqrt(greatest((purchase_days_total - purchase_days_90d) * 90 / (days_since_first_purchase - 90), 0.25E0)) END",
        "standard deviations",
        Text(
            "Purchase days in the last 90 days less those that the own earlier rate leads to expect, in standard deviations",
            "最近 90 天购买天数与自身此前频率所预期天数之差（以标准差计）",
        ),
        missing=TOO_YOUNG, range=(None, None),
    ),
    Feature(
        "spend_change_90d", "habit", "features", "(2 * bought_90d - bought_180d) / nullif(bought_180d, 0)", "share",
        Text(
            "Spend in the last 90 days less that in the 90 before, over both", "最近 90 天与之前 90 天消费额之差占两者之和的比例"
        ),
        missing=NO_180, range=(-1, 1),
    ),
    Feature(
        "spend_90d_of_own", "habit", "features",
        "CASE WHEN days_since_first_purchase >= 180"
        " THEN bought_90d * (days_since_first_purchase - 90) / 90 / nullif(bought_total - bought_90d, 0) END",
        "ratio",
        Text("Spend in the last 90 days against the own earlier rate", "最近 90 天消费额与自身此前水平之比"),
        missing=TOO_YOUNG,
    ),
    Feature(
        "purchase_amount_change_90d", "habit", "features",
        "bought_90d / nullif(purchase_days_90d, 0) * purchase_days_total / nullif(bought_total, 0)", "ratio",
        Text("Amount of a purchase day in the last 90 days against the own mean", "最近 90 天购买日金额与自身均值之比"),
        missing=Text("no purchase in the last 90 days", "最近 90 天没有购买"),
    ),
    Feature(
        "purchase_days_trend_360d", "habit", "rhythm",
        "12E0 * list_sum(list_transform(list_filter(ages, lambda a: a < 360), lambda a: 5.5E0 - a // 30)) / 143E0"
        " / nullif(len(list_filter(ages, lambda a: a < 360)), 0)",
        "share per 30 days",
        Text(
            "Trend of purchase days over twelve periods of 30 days: slope over mean", "十二个 30 天期间购买天数的趋势：斜率与均值之比"
        ),
        missing=NO_YEAR, range=(None, None),
    ),
    Feature(
        "spend_trend_360d", "habit", "order_lines",
        "12E0 * sum(bought_minor * in_360d * (5.5E0 - age_days // 30)) / 143E0 / nullif(sum(bought_minor * in_360d), 0)",
        "share per 30 days",
        Text("Trend of spend over twelve periods of 30 days: slope over mean", "十二个 30 天期间消费额的趋势：斜率与均值之比"),
        missing=NO_YEAR, range=(None, None),
    ),
    Feature(
        "purchase_days_30d_of_90d", "habit", "features", "purchase_days_30d / nullif(purchase_days_90d, 0)", "share",
        Text("Share of the last 90 days' purchase days that lie in the last 30", "最近 90 天购买日中落在最近 30 天的占比"),
        missing=Text("no purchase in the last 90 days", "最近 90 天没有购买"), range=(0, 1),
    ),
    Feature(
        "silence_of_relationship", "habit", "rhythm", "silent_days / CAST(nullif(known_days, 0) AS DOUBLE)", "share",
        Text("Share of the relationship that the silence now makes up", "当前沉默时间占整个关系时长的比例"),
        missing=Text("no purchase before today", "此前没有购买"), range=(0, 1),
    ),
)  # fmt: skip
