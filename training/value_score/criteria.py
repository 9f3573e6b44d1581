"""What a score is made of: the criteria of customers and of suppliers, and the features that measure them."""

from dataclasses import dataclass

from features.text import Text


@dataclass(frozen=True)
class Measure:
    """A column that measures a criterion, and whether more of it is better."""

    column: str
    more_is_better: bool = True


@dataclass(frozen=True)
class Criterion:
    """One line of the scorecard. It counts the mean place of those of its ``measures`` that are known.

    ``weight`` holds where the project gives none: half of a customer's score is money, as a score of many alike criteria
    would rank customers of little value high.
    """

    id: str
    name: Text
    meaning: Text
    measures: tuple[Measure, ...]
    weight: float = 1


CUSTOMER_CRITERIA: tuple[Criterion, ...] = (
    Criterion(
        "volume",
        Text("volume", "采购规模"),
        Text("what the customer spent in the last year", "最近一年的消费额"),
        (Measure("spend_365d"),),
        weight=4,
    ),
    Criterion(
        "margin",
        Text("margin", "毛利贡献"),
        Text("what was earned on it", "由此获得的毛利"),
        (Measure("margin_365d"), Measure("margin_share_365d")),
        weight=4,
    ),
    Criterion(
        "growth",
        Text("growth", "成长性"),
        Text("how its spend develops against its own habit", "消费相对自身习惯的变化"),
        (Measure("spend_trend_360d"), Measure("spend_90d_of_own")),
    ),
    Criterion(
        "loyalty",
        Text("loyalty", "忠诚度"),
        Text("how long it has been a customer, and how steadily it comes back", "合作年限与回购情况"),
        (Measure("days_since_first_purchase"), Measure("purchase_days_365d"), Measure("repeat_purchase_share")),
        weight=2,
    ),
    Criterion(
        "payment",
        Text("payment reliability", "付款可靠性"),
        Text("how late it pays, and how much of it", "付款逾期的天数与占比"),
        (
            Measure("days_late_mean_365d", more_is_better=False),
            Measure("late_amount_share_365d", more_is_better=False),
        ),
    ),
    Criterion(
        "stability",
        Text("predictability of demand", "需求稳定性"),
        Text("how regularly it buys", "购买的规律程度"),
        (Measure("gap_variation", more_is_better=False),),
    ),
    Criterion(
        "service",
        Text("service burden", "服务负担"),
        Text("how much complaining and returning comes with its purchases", "投诉与退货的多少"),
        (
            Measure("complaints_per_purchase_day_365d", more_is_better=False),
            Measure("returned_share_365d", more_is_better=False),
        ),
    ),
    Criterion(
        "strategic",
        Text("strategic weight", "战略意义"),
        Text("what it means to the company beyond its figures", "财务数字之外对企业的意义"),
        (Measure("strategic_weight"),),
        weight=2,
    ),
)

SUPPLIER_CRITERIA: tuple[Criterion, ...] = (
    Criterion(
        "quality",
        Text("quality", "质量"),
        Text("how little of what it delivered was rejected", "拒收数量的占比"),
        (Measure("rejected_share_365d", more_is_better=False),),
    ),
    Criterion(
        "price",
        Text("price", "价格"),
        Text("its prices against the median of all suppliers of the same products", "价格与同类产品供应商中位价之比"),
        (Measure("price_ratio_365d", more_is_better=False),),
    ),
    Criterion(
        "delivery",
        Text("delivery", "交货"),
        Text("how soon and how punctually it delivers", "交货的快慢与准时程度"),
        (
            Measure("late_share_365d", more_is_better=False),
            Measure("lead_time_mean_days_365d", more_is_better=False),
        ),
    ),
    Criterion(
        "flexibility",
        Text("flexibility of batches", "批量灵活性"),
        Text("how small a batch it delivers against its largest", "最小批量与最大批量之比"),
        (Measure("smallest_batch_share_365d", more_is_better=False),),
    ),
    Criterion(
        "variety",
        Text("variety", "品种"),
        Text("how many products it delivers", "供应的产品种数"),
        (Measure("products_365d"),),
    ),
)
