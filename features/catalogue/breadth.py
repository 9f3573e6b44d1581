"""How broad: the part of the assortment that a customer buys. Breadth against look-alikes stands in `peers.py`."""

from features.catalogue.feature import Feature
from features.text import Text

CATEGORY = ("orders.category",)

FEATURES = (
    *(
        Feature(
            f"categories_{days}d", "breadth", "assortment", f"count(*) FILTER (WHERE age_days <= {days})", "categories",
            Text(f"Categories bought in the last {days} days", f"最近 {days} 天购买的品类数"), empty=0, needs=CATEGORY,
        )
        for days in (90, 365)
    ),
    Feature(
        "categories_lost_90d", "breadth", "assortment", "count(*) FILTER (WHERE age_days > 90 AND age_days <= 365)",
        "categories",
        Text(
            "Categories bought in the last 365 days, but not in the last 90", "最近 365 天购买过、但最近 90 天未再购买的品类数"
        ),
        empty=0, needs=CATEGORY,
    ),
    Feature(
        "categories_change_365d", "breadth", "assortment",
        "count(*) FILTER (WHERE age_days <= 365) - count(*) FILTER (WHERE age_days > 365)", "categories",
        Text(
            "Categories of the last 365 days less those given up that were bought in the 365 before",
            "最近 365 天的品类数减去此前 365 天购买过而已放弃的品类数",
        ),
        empty=0, needs=CATEGORY, range=(None, None),
    ),
    Feature(
        "top_category_share_365d", "breadth", "assortment", "max(bought_minor_365d) / nullif(sum(bought_minor_365d), 0)",
        "share",
        Text("Share of the most bought category in the last 365 days' purchases", "最近 365 天购买额最高品类的占比"),
        missing=Text("no purchase in the last 365 days", "最近 365 天没有购买"), range=(0, 1), needs=CATEGORY,
    ),
)  # fmt: skip
