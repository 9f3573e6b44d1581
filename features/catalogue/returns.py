"""What comes back: order lines with a negative amount."""

from features.catalogue.feature import Feature
from features.text import Text

FEATURES = (
    Feature(
        "returned_amount_365d", "returns", "order_lines", "sum(returned_minor * in_365d) / 1E4", "currency",
        Text("Amount returned in the last 365 days", "最近 365 天的退货金额"), empty=0,
    ),
    Feature(
        "returned_amount_90d", "returns", "order_lines", "sum(returned_minor * in_90d) / 1E4", "currency",
        Text("Amount returned in the last 90 days", "最近 90 天的退货金额"), empty=0,
    ),
    Feature(
        "returned_lines_365d", "returns", "order_lines",
        "sum(is_return * in_365d)", "order lines",
        Text("Order lines returned in the last 365 days", "最近 365 天的退货行数"), empty=0,
    ),
    Feature(
        "returned_share_365d", "returns", "features", "returned_amount_365d / nullif(bought_365d, 0)", "share",
        Text("Amount returned over purchases in the last 365 days", "最近 365 天退货金额占购买额的比例"),
        missing=Text("no purchase in the last 365 days", "最近 365 天没有购买"),
    ),
    Feature(
        "days_since_last_return", "returns", "order_lines", "min(CASE WHEN is_return = 1 THEN age_days END)", "days",
        Text("Days since the last return", "距上次退货的天数"), missing=Text("no return", "没有退货"),
    ),
)  # fmt: skip
