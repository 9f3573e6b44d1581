"""How broad: the part of the assortment that a customer buys, and how much of it at a discount."""

from features.catalogue.feature import Feature
from features.text import Text

FEATURES = (
    *(
        Feature(
            f"categories_{days}d",
            "breadth",
            "order_lines",
            f"count(DISTINCT category) FILTER (WHERE age_days <= {days} AND amount >= 0)",
            "categories",
            Text(f"Categories bought in the last {days} days", f"最近 {days} 天购买的品类数"),
            empty=0,
            needs=("orders.category",),
        )
        for days in (90, 365)
    ),
    Feature(
        "discount_share_365d",
        "breadth",
        "order_lines",
        "sum(discount) FILTER (WHERE age_days <= 365 AND amount >= 0)"
        " / nullif(sum(amount + discount) FILTER (WHERE age_days <= 365 AND amount >= 0), 0)",
        "share",
        Text("Share of the list price taken off in the last 365 days", "最近 365 天折扣占原价的比例"),
        missing=Text("no purchase in the last 365 days", "最近 365 天没有购买"),
        needs=("orders.discount",),
        range=(None, None),
    ),
)
