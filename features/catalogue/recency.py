"""How long ago: the marketing recency (last purchase to now) and the literature's (first to last) have two names."""

from features.catalogue.feature import NO_PURCHASE, Feature
from features.text import Text

FEATURES = (
    Feature(
        "days_since_last_purchase", "recency", "rhythm", "silent_days", "days",
        Text("Days since the last purchase", "距上次购买的天数"), missing=NO_PURCHASE,
    ),
    Feature(
        "days_since_first_purchase", "recency", "rhythm", "known_days", "days",
        Text("Days since the first purchase", "距首次购买的天数"), missing=NO_PURCHASE,
    ),
    Feature(
        "days_first_to_last_purchase", "recency", "rhythm", "known_days - silent_days", "days",
        Text("Days between the first and the last purchase", "首次与最近一次购买之间的天数"), missing=NO_PURCHASE,
    ),
    Feature(
        "days_since_second_last_purchase", "recency", "rhythm", "ages[visits - 1]", "days",
        Text("Days since the purchase before the last", "距倒数第二次购买的天数"),
        missing=Text("fewer than two purchases", "购买少于两次"),
    ),
)  # fmt: skip
