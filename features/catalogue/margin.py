"""What a customer pays less than the list price, and what is earned on it: level, and change against its own habit.

A discount share is what was taken off over what the purchases would have come to without. Order lines without a
discount count as sold at the list price.
"""

from features.catalogue.feature import Feature
from features.text import Text

DISCOUNT = ("orders.discount",)
MARGIN = ("orders.margin",)
NO_YEAR = Text("no purchase in the last 365 days", "最近 365 天没有购买")
NO_QUARTER = Text("no purchase in the last 90 days", "最近 90 天没有购买")


def _discount_share(days: int) -> str:
    return f"sum(discount_minor * in_{days}d) / nullif(sum((bought_minor + discount_minor) * in_{days}d), 0)"


FEATURES = (
    Feature(
        "discount_share_365d", "margin", "order_lines", _discount_share(365), "share",
        Text("Share of the list price taken off in the last 365 days", "最近 365 天折扣占原价的比例"),
        missing=NO_YEAR, needs=DISCOUNT, range=(None, None),
    ),
    Feature(
        "discount_share_90d", "margin", "order_lines", _discount_share(90), "share",
        Text("Share of the list price taken off in the last 90 days", "最近 90 天折扣占原价的比例"),
        missing=NO_QUARTER, needs=DISCOUNT, range=(None, None),
    ),
    Feature(
        "discount_share_change_90d", "margin", "features", "discount_share_90d - discount_share_365d", "share",
        Text("Discount share of the last 90 days less that of the last 365", "最近 90 天与最近 365 天折扣占比之差"),
        missing=NO_QUARTER, range=(None, None),
    ),
    Feature(
        "discounted_lines_share_365d", "margin", "order_lines",
        "sum(is_discounted * in_365d) / nullif(sum((1 - is_return) * in_365d), 0)",
        "share",
        Text("Share of the last 365 days' order lines sold at a discount", "最近 365 天有折扣的订单行占比"),
        missing=NO_YEAR, needs=DISCOUNT, range=(0, 1),
    ),
    Feature(
        "margin_365d", "margin", "order_lines", "sum(margin_minor * in_365d) / 1E4", "currency",
        Text("Margin net of returns in the last 365 days", "最近 365 天扣除退货后的毛利"),
        empty=0, needs=MARGIN, range=(None, None),
    ),
    Feature(
        "margin_90d", "margin", "order_lines", "sum(margin_minor * in_90d) / 1E4", "currency",
        Text("Margin net of returns in the last 90 days", "最近 90 天扣除退货后的毛利"),
        empty=0, needs=MARGIN, range=(None, None),
    ),
    Feature(
        "margin_share_365d", "margin", "features", "CASE WHEN spend_365d > 0 THEN margin_365d / spend_365d END", "share",
        Text("Margin over spend in the last 365 days", "最近 365 天毛利占消费额的比例"), missing=NO_YEAR, range=(None, None),
    ),
    Feature(
        "margin_share_change_90d", "margin", "features",
        "CASE WHEN spend_365d > 0 AND spend_90d > 0 THEN margin_90d / spend_90d - margin_365d / spend_365d END", "share",
        Text("Margin share of the last 90 days less that of the last 365", "最近 90 天与最近 365 天毛利率之差"),
        missing=NO_QUARTER, range=(None, None),
    ),
)  # fmt: skip
