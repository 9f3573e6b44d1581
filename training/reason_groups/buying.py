"""When and how often a customer buys: silence, frequency, change against its own habit, trend, tenure and season."""

from features.text import Text
from training.reason_groups.group import Group

_EXPECTED_DAYS = "(purchase_days_total - purchase_days_90d) * 90 / (days_since_first_purchase - 90)"
"""Purchase days that the customer's own earlier rate leads to expect in 90 days."""

GROUPS = (
    Group(
        "silence",
        "habit",
        (
            "days_since_last_purchase",
            "days_since_second_last_purchase",
            "current_gap_ratio",
            "current_gap_rank",
            "current_gap_log_z",
            "silence_of_relationship",
            "gap_mean_days",
            "gap_median_days",
            "gap_longest_days",
            "gap_last_days",
            "gap_survival",
            "gap_goes_on_90d",
            "left_unseen_days",
        ),
        Text("Silence against the own rhythm.", "相对自身节奏的沉默时间。"),
        (
            (
                "gap_mean_days IS NOT NULL",
                Text(
                    "Usually buys every {gap_mean_days:days}; now silent for {days_since_last_purchase:days}.",
                    "通常每 {gap_mean_days:days}购买一次；现已 {days_since_last_purchase:days}没有购买。",
                ),
            ),
            (
                "TRUE",
                Text(
                    "Bought on one day only, {days_since_last_purchase:days} ago.",
                    "仅有一天购买过，距今 {days_since_last_purchase:days}。",
                ),
            ),
        ),
    ),
    Group(
        "frequency",
        "frequency",
        (
            "purchase_days_30d",
            "purchase_days_90d",
            "purchase_days_180d",
            "purchase_days_365d",
            "purchase_days_total",
            "purchase_days_per_year",
            "repeat_purchase_share",
        ),
        Text("How often the customer buys.", "客户的购买频率。"),
        (
            (
                "TRUE",
                Text(
                    "Bought on {purchase_days_365d:days} in the last 365 days, on {purchase_days_90d:count} of them in the"
                    " last 90.",
                    "最近 365 天内有 {purchase_days_365d:days}购买，其中最近 90 天内 {purchase_days_90d:count} 天。",
                ),
            ),
        ),
    ),
    Group(
        "own_rate",
        "habit",
        ("purchase_days_90d_of_own", "purchase_days_90d_z"),
        Text("How often the customer buys against its own earlier rate.", "购买频率与自身以往频率的比较。"),
        (
            (
                f"days_since_first_purchase >= 180 AND {_EXPECTED_DAYS} >= 1",
                Text(
                    f"Bought on {{purchase_days_90d:days}} in the last 90; at the own earlier rate {{{_EXPECTED_DAYS}:count}}"
                    " would be expected.",
                    f"最近 90 天内有 {{purchase_days_90d:days}}购买；按自身以往频率应为 {{{_EXPECTED_DAYS}:count}} 天。",
                ),
            ),
            (
                f"days_since_first_purchase >= 180 AND {_EXPECTED_DAYS} >= 0",
                Text(
                    f"Bought on {{purchase_days_90d:days}} in the last 90; at the own earlier rate {{{_EXPECTED_DAYS}:decimal}}"
                    " would be expected.",
                    f"最近 90 天内有 {{purchase_days_90d:days}}购买；按自身以往频率应为 {{{_EXPECTED_DAYS}:decimal}} 天。",
                ),
            ),
        ),
    ),
    Group(
        "frequency_change",
        "habit",
        ("purchase_days_change_90d", "purchase_days_30d_of_90d", "gap_last_three_ratio"),
        Text("Change against the own earlier behaviour.", "与自身以往行为相比的变化。"),
        (
            (
                "TRUE",
                Text(
                    "Bought on {purchase_days_90d:days} in the last 90 days, against"
                    " {purchase_days_180d - purchase_days_90d:count} in the 90 before.",
                    "最近 90 天内有 {purchase_days_90d:days}购买，此前 90 天为"
                    " {purchase_days_180d - purchase_days_90d:days}。",
                ),
            ),
        ),
    ),
    Group(
        "purchase_trend",
        "habit",
        ("purchase_days_trend_360d",),
        Text("The trend of purchase days.", "购买天数的趋势。"),
        (
            (
                "purchase_days_trend_360d >= 0.005",
                Text(
                    "Bought more and more often over the last 360 days: purchase days rose by"
                    " {purchase_days_trend_360d:percent} of their mean every 30 days.",
                    "最近 360 天购买越来越频繁：购买天数每 30 天增加均值的 {purchase_days_trend_360d:percent}。",
                ),
            ),
            (
                "purchase_days_trend_360d <= -0.005",
                Text(
                    "Bought less and less often over the last 360 days: purchase days fell by"
                    " {-(purchase_days_trend_360d):percent} of their mean every 30 days.",
                    "最近 360 天购买越来越少：购买天数每 30 天减少均值的 {-(purchase_days_trend_360d):percent}。",
                ),
            ),
            (
                "purchase_days_trend_360d IS NOT NULL",
                Text("Bought about as often all through the last 360 days.", "最近 360 天的购买频率基本平稳。"),
            ),
        ),
    ),
    Group(
        "regularity",
        "habit",
        ("gap_variation",),
        Text("How regularly the customer buys.", "客户购买的规律性。"),
        (
            (
                "gap_variation IS NOT NULL",
                Text(
                    "The time between purchases varies by {gap_variation:percent} around its mean of {gap_mean_days:days}.",
                    "购买间隔围绕均值 {gap_mean_days:days}波动 {gap_variation:percent}。",
                ),
            ),
        ),
    ),
    Group(
        "tenure",
        "recency",
        ("days_since_first_purchase", "days_first_to_last_purchase"),
        Text("How long the customer has been known.", "客户关系的时长。"),
        (
            (
                "TRUE",
                Text(
                    "First bought {days_since_first_purchase:days} ago.",
                    "首次购买距今 {days_since_first_purchase:days}。",
                ),
            ),
        ),
    ),
    Group(
        "own_season",
        "calendar",
        ("purchase_days_coming_90d_last_year", "own_season_90d"),
        Text("The customer's own season.", "客户自身的购买季节。"),
        (
            (
                "purchase_days_365d > 0",
                Text(
                    "A year ago it bought on {purchase_days_coming_90d_last_year:days} in the 90 days that now lie ahead; a"
                    " mean 90 days of that year had {purchase_days_365d * 90 / 365:decimal}.",
                    "去年同期（对应未来 90 天）有 {purchase_days_coming_90d_last_year:days}购买；该年平均每 90 天为"
                    " {purchase_days_365d * 90 / 365:decimal} 天。",
                ),
            ),
            (
                "TRUE",
                Text(
                    "A year ago it bought on {purchase_days_coming_90d_last_year:days} in the 90 days that now lie ahead.",
                    "去年同期（对应未来 90 天）有 {purchase_days_coming_90d_last_year:days}购买。",
                ),
            ),
        ),
    ),
    Group(
        "time_of_year",
        "calendar",
        ("season_sin", "season_cos"),
        Text("The time of the year.", "所处的季节。"),
        (
            (
                "TRUE",
                Text("The time of the year, the same for all customers.", "所处的季节，对所有客户都相同。"),
            ),
        ),
    ),
)
