"""How often: days with a purchase in windows that end at the cut-off."""

from features.catalogue.feature import Feature
from features.text import Text

WINDOWS_DAYS = (30, 90, 180, 365)

FEATURES = (
    *(
        Feature(
            f"purchase_days_{days}d",
            "frequency",
            "purchase_days",
            f"count(*) FILTER (WHERE age_days <= {days})",
            "days with a purchase",
            Text(f"Days with a purchase in the last {days} days", f"最近 {days} 天内有购买的天数"),
            empty=0,
        )
        for days in WINDOWS_DAYS
    ),
    Feature(
        "purchase_days_total",
        "frequency",
        "purchase_days",
        "count(*)",
        "days with a purchase",
        Text("Days with a purchase, ever", "累计有购买的天数"),
        empty=0,
    ),
    Feature(
        "purchase_days_per_year",
        "frequency",
        "features",
        "365E0 * (purchase_days_total - 1) / nullif(days_since_first_purchase, 0)",
        "days with a purchase per year",
        Text("Repeat purchases per year since the first", "自首次购买以来每年的重复购买天数"),
        missing=Text("no purchase before today", "此前没有购买"),
    ),
)
