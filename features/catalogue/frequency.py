"""How often: days with a purchase in windows that end at the cut-off."""

from features.catalogue.feature import Feature
from features.text import Text

WINDOWS_DAYS = (30, 90, 180, 365)

FEATURES = (
    *(
        Feature(
            f"purchase_days_{days}d", "frequency", "rhythm", f"len(list_filter(ages, lambda a: a <= {days}))",
            "days with a purchase",
            Text(f"Days with a purchase in the last {days} days", f"最近 {days} 天内有购买的天数"), empty=0,
        )
        for days in WINDOWS_DAYS
    ),
    Feature(
        "purchase_days_total", "frequency", "rhythm", "visits", "days with a purchase",
        Text("Days with a purchase, ever", "累计有购买的天数"), empty=0,
    ),
    Feature(
        "purchase_days_per_year", "frequency", "rhythm", "365E0 * gap_count / nullif(known_days, 0)",
        "days with a purchase per year",
        Text("Repeat purchases per year since the first", "自首次购买以来每年的重复购买天数"),
        missing=Text("no purchase before today", "此前没有购买"),
    ),
    Feature(
        "repeat_purchase_share", "frequency", "rhythm",
        "CASE WHEN gap_count >= 1 THEN len(list_filter(gaps, lambda g: g <= 90)) / CAST(gap_count AS DOUBLE) END", "share",
        Text("Share of purchases that were followed by another within 90 days", "90 天内再次购买的占比"),
        missing=Text("fewer than two purchases", "购买少于两次"), range=(0, 1),
    ),
)  # fmt: skip
