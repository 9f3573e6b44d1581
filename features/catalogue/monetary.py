"""How much: spend net of returns, and the size of purchases. The unit is the project's currency."""

from features.catalogue.feature import NO_PURCHASE, Feature
from features.text import Text

WINDOWS_DAYS = (30, 90, 180, 365)

FEATURES = (
    *(
        Feature(
            f"spend_{days}d",
            "monetary",
            "order_lines",
            f"coalesce(sum(amount) FILTER (WHERE age_days <= {days}), 0)",
            "currency",
            Text(f"Spend net of returns in the last {days} days", f"最近 {days} 天扣除退货后的消费额"),
            empty=0,
            range=(None, None),
        )
        for days in WINDOWS_DAYS
    ),
    Feature(
        "spend_total",
        "monetary",
        "order_lines",
        "sum(amount)",
        "currency",
        Text("Spend net of returns, ever", "累计扣除退货后的消费额"),
        empty=0,
        range=(None, None),
    ),
    Feature(
        "margin_365d",
        "monetary",
        "order_lines",
        "coalesce(sum(margin) FILTER (WHERE age_days <= 365), 0)",
        "currency",
        Text("Margin net of returns in the last 365 days", "最近 365 天扣除退货后的毛利"),
        empty=0,
        needs=("orders.margin",),
        range=(None, None),
    ),
    Feature(
        "purchase_amount_mean",
        "monetary",
        "purchase_days",
        "avg(amount)",
        "currency",
        Text("Mean amount of a purchase day", "每个购买日的平均金额"),
        missing=NO_PURCHASE,
    ),
    Feature(
        "purchase_amount_max",
        "monetary",
        "purchase_days",
        "max(amount)",
        "currency",
        Text("Largest amount of a purchase day", "单个购买日的最高金额"),
        missing=NO_PURCHASE,
    ),
    Feature(
        "purchase_amount_last",
        "monetary",
        "purchase_days",
        "max(amount) FILTER (WHERE number_back = 1)",
        "currency",
        Text("Amount of the last purchase day", "最近一个购买日的金额"),
        missing=NO_PURCHASE,
    ),
    Feature(
        "purchase_amount_last_ratio",
        "monetary",
        "features",
        "purchase_amount_last / nullif(purchase_amount_mean, 0)",
        "ratio",
        Text("Amount of the last purchase day against the own mean", "最近购买日金额与自身均值之比"),
        missing=NO_PURCHASE,
    ),
    Feature(
        "returned_amount_365d",
        "monetary",
        "order_lines",
        "coalesce(-sum(amount) FILTER (WHERE amount < 0 AND age_days <= 365), 0)",
        "currency",
        Text("Amount returned in the last 365 days", "最近 365 天的退货金额"),
        empty=0,
    ),
)
