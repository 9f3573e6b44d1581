"""Who the customer is, as far as it is on file with a date."""

from features.catalogue.feature import Feature
from features.text import Text

FEATURES = (
    Feature(
        "days_since_acquired", "profile", "profiles", "max(age_days)", "days",
        Text("Days since the relationship began", "建立关系至今的天数"),
        missing=Text("the beginning is not on file", "未记录建立关系的时间"), needs=("customers.acquired_at",),
    ),
    Feature(
        "days_acquired_to_first_purchase", "profile", "features", "days_since_acquired - days_since_first_purchase", "days",
        Text("Days from the beginning of the relationship to the first purchase", "从建立关系到首次购买的天数"),
        missing=Text("no purchase yet, or the beginning is not on file", "尚无购买，或未记录建立关系的时间"), range=(None, None),
    ),
    Feature(
        # the tiers come into, and the one held 365 days ago unless it is among them; less one, which was not changed to
        "tier_changes_365d", "profile", "tiers",
        "greatest(sum(is_new) - CASE WHEN max(CASE WHEN is_new = 0 THEN held_from END) = max(held_from) THEN 0 ELSE 1 END, 0)",
        "changes",
        Text("Other tiers held in the last 365 days", "最近 365 天内曾处于的其他等级数"), empty=0,
        needs=("customers.tier", "customers.valid_from"),
    ),
)  # fmt: skip
