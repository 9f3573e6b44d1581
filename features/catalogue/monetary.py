"""How much: spend net of returns, and the size of purchases. The unit is the project's currency."""

from features.catalogue.feature import NO_PURCHASE, Feature
from features.text import Text

WINDOWS_DAYS = (30, 90, 180, 365)

FEATURES = (
    *(
        Feature(
            f"spend_{days}d", "monetary", "order_lines", f"sum(amount_minor * in_{days}d) / 1E4", "currency",
            Text(f"Spend net of returns in the last {days} days", f"最近 {days} 天扣除退货后的消费额"),
            empty=0, range=(None, None),
        )
        for days in WINDOWS_DAYS
    ),
    Feature(
        "spend_total", "monetary", "order_lines", "sum(amount_minor) / 1E4", "currency",
        Text("Spend net of returns, ever", "累计扣除退货后的消费额"), empty=0, range=(None, None),
    ),
    Feature(
        "bought_total", "monetary", "order_lines", "sum(bought_minor) / 1E4", "currency",
        Text("Purchases before returns, ever", "累计购买额（未扣退货）"), empty=0,
    ),
    Feature(
        "purchase_amount_mean", "monetary", "features", "bought_total / nullif(purchase_days_total, 0)", "currency",
        Text("Mean amount of a purchase day", "每个购买日的平均金额"), missing=NO_PURCHASE,
    ),
    Feature(
        "purchase_amount_90d", "monetary", "features", "bought_90d / nullif(purchase_days_90d, 0)", "currency",
        Text("Mean amount of a purchase day in the last 90 days", "最近 90 天每个购买日的平均金额"),
        missing=Text("no purchase in the last 90 days", "最近 90 天没有购买"),
    ),
    Feature(
        "bought_90d", "monetary", "order_lines", "sum(bought_minor * in_90d) / 1E4", "currency",
        Text("Purchases before returns in the last 90 days", "最近 90 天购买额（未扣退货）"), empty=0,
    ),
    Feature(
        "bought_180d", "monetary", "order_lines", "sum(bought_minor * in_180d) / 1E4", "currency",
        Text("Purchases before returns in the last 180 days", "最近 180 天购买额（未扣退货）"), empty=0,
    ),
    Feature(
        "bought_365d", "monetary", "order_lines", "sum(bought_minor * in_365d) / 1E4", "currency",
        Text("Purchases before returns in the last 365 days", "最近 365 天购买额（未扣退货）"), empty=0,
    ),
    Feature(
        "order_line_amount_max", "monetary", "order_lines", "nullif(max(bought_minor), 0) / 1E4", "currency",
        Text("Largest order line", "最大单笔订单行金额"), missing=NO_PURCHASE,
    ),
)  # fmt: skip
