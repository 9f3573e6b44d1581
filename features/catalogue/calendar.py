"""The customer's own season: what it did in the coming quarter a year ago, and where in the year the cut-off lies."""

from features.catalogue.feature import Feature
from features.text import Text

TOO_YOUNG = Text(
    "first purchase less than a year ago, or none in the last year", "首次购买距今不足一年，或最近一年没有购买"
)

FEATURES = (
    Feature(
        "purchase_days_coming_90d_last_year", "calendar", "rhythm",
        "CASE WHEN known_days >= 365 THEN len(list_filter(ages, lambda a: a > 275 AND a <= 365)) END", "days with a purchase",
        Text("Days with a purchase a year ago in what are now the coming 90 days", "去年同期未来 90 天内有购买的天数"),
        missing=TOO_YOUNG,
    ),
    Feature(
        "own_season_90d", "calendar", "rhythm",
        "CASE WHEN known_days >= 365 THEN len(list_filter(ages, lambda a: a > 275 AND a <= 365)) * 365E0"
        " / 90E0 / nullif(len(list_filter(ages, lambda a: a <= 365)), 0) END",
        "ratio",
        Text(
            "Purchase days a year ago in what are now the coming 90 days, against the year's mean quarter",
            "去年同期未来 90 天购买天数与全年季度均值之比",
        ),
        missing=TOO_YOUNG,
    ),
    Feature(
        "season_sin", "calendar", "rhythm", "sin(2E0 * pi() * day_of_year / 365.25E0)", "-1 to 1",
        Text("Time of the year, first coordinate", "一年中的时间（第一坐标）"), missing=Text("no purchase yet", "尚无购买"),
        range=(-1, 1),
    ),
    Feature(
        "season_cos", "calendar", "rhythm", "cos(2E0 * pi() * day_of_year / 365.25E0)", "-1 to 1",
        Text("Time of the year, second coordinate", "一年中的时间（第二坐标）"), missing=Text("no purchase yet", "尚无购买"),
        range=(-1, 1),
    ),
)  # fmt: skip
