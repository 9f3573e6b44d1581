"""The customer's own rhythm of buying, and how the present departs from it.

A gap is the number of days between two consecutive purchase days. The current gap, still open, is the silence since
the last purchase. Change is always measured against the same customer's own past.
"""

from features.catalogue.feature import Feature
from features.text import Text

FEW = Text("fewer than two purchases", "购买少于两次")
TOO_FEW = Text("fewer than four purchases", "购买少于四次")

FEATURES = (
    Feature(
        "gap_mean_days", "habit", "purchase_days", "avg(gap_days)", "days",
        Text("Mean days between purchases", "购买间隔的平均天数"), missing=FEW,
    ),
    Feature(
        "gap_median_days", "habit", "purchase_days", "median(gap_days)", "days",
        Text("Median days between purchases", "购买间隔的中位天数"), missing=FEW,
    ),
    Feature(
        "gap_longest_days", "habit", "purchase_days", "max(gap_days)", "days",
        Text("Longest days between purchases", "最长购买间隔天数"), missing=FEW,
    ),
    Feature(
        "gap_last_days", "habit", "purchase_days", "max(gap_days) FILTER (WHERE number_back = 1)", "days",
        Text("Days between the last two purchases", "最近两次购买之间的天数"), missing=FEW,
    ),
    Feature(
        "gap_variation", "habit", "purchase_days",
        "CASE WHEN count(gap_days) >= 3 THEN stddev_samp(gap_days) / avg(gap_days) END", "ratio",
        Text("Irregularity: standard deviation of the gaps over their mean", "不规律程度：间隔标准差与均值之比"), missing=TOO_FEW,
    ),
    Feature(
        "gap_last_three_ratio", "habit", "purchase_days",
        "CASE WHEN count(gap_days) >= 3 THEN avg(gap_days) FILTER (WHERE number_back <= 3) / avg(gap_days) END", "ratio",
        Text("Mean of the last three gaps against the own mean", "最近三次间隔均值与自身均值之比"), missing=TOO_FEW,
    ),
    Feature(
        "current_gap_ratio", "habit", "features", "days_since_last_purchase / nullif(gap_mean_days, 0)", "ratio",
        Text("Silence now against the own mean gap", "当前沉默时间与自身平均间隔之比"), missing=FEW,
    ),
    Feature(
        "current_gap_rank", "habit", "purchase_days",
        "avg(CASE WHEN gap_days IS NULL THEN NULL WHEN gap_days <= silent_days THEN 1E0 ELSE 0E0 END)", "share",
        Text("Share of own gaps that were no longer than the silence now", "不长于当前沉默时间的自身间隔占比"),
        missing=FEW, range=(0, 1),
    ),
    Feature(
        "current_gap_log_z", "habit", "purchase_days",
        "CASE WHEN count(gap_days) >= 3 THEN (ln(1 + max(silent_days)) - avg(ln(1 + gap_days)))"
        " / greatest(stddev_samp(ln(1 + gap_days)), 0.1E0) END",
        "standard deviations",
        Text("Silence now against the own gaps, z-score in log time", "当前沉默时间相对自身间隔的对数 z 分数"),
        missing=TOO_FEW, range=(None, None),
    ),
    Feature(
        "purchase_days_change_90d", "habit", "purchase_days",
        "(count(*) FILTER (WHERE age_days <= 90) - count(*) FILTER (WHERE age_days > 90 AND age_days <= 180))"
        " / nullif(count(*) FILTER (WHERE age_days <= 180), 0)::DOUBLE",
        "share",
        Text(
            "Purchase days in the last 90 days less those in the 90 before, over both",
            "最近 90 天与之前 90 天购买天数之差占两者之和的比例",
        ),
        missing=Text("no purchase in the last 180 days", "最近 180 天没有购买"), range=(-1, 1),
    ),
    Feature(
        "spend_change_90d", "habit", "purchase_days",
        "(coalesce(sum(amount) FILTER (WHERE age_days <= 90), 0)"
        " - coalesce(sum(amount) FILTER (WHERE age_days > 90 AND age_days <= 180), 0))"
        " / nullif(sum(amount) FILTER (WHERE age_days <= 180), 0)",
        "share",
        Text(
            "Spend in the last 90 days less that in the 90 before, over both", "最近 90 天与之前 90 天消费额之差占两者之和的比例"
        ),
        missing=Text("no spend in the last 180 days", "最近 180 天没有消费"), range=(-1, 1),
    ),
    Feature(
        "purchase_days_30d_of_90d", "habit", "features", "purchase_days_30d / nullif(purchase_days_90d, 0)", "share",
        Text("Share of the last 90 days' purchase days that lie in the last 30", "最近 90 天购买日中落在最近 30 天的占比"),
        missing=Text("no purchase in the last 90 days", "最近 90 天没有购买"), range=(0, 1),
    ),
    Feature(
        "silence_of_relationship", "habit", "features",
        "days_since_last_purchase / nullif(days_since_first_purchase, 0)", "share",
        Text("Share of the relationship that the silence now makes up", "当前沉默时间占整个关系时长的比例"),
        missing=Text("no purchase before today", "此前没有购买"), range=(0, 1),
    ),
)  # fmt: skip
