"""What a customer buys and brings: spend and its change, returns, breadth, discounts and margin."""

from features.text import Text
from training.reason_groups.group import Group

_EXPECTED_SPEND = "(bought_total - bought_90d) * 90 / (days_since_first_purchase - 90)"
"""What the customer's own earlier rate leads to expect in 90 days, in currency."""

_MARGIN_SHARE_90D = "margin_share_365d + margin_share_change_90d"

GROUPS = (
    Group(
        "spend",
        "monetary",
        (
            "spend_30d",
            "spend_90d",
            "spend_180d",
            "spend_365d",
            "spend_total",
            "bought_90d",
            "bought_180d",
            "bought_365d",
            "bought_total",
            "purchase_amount_mean",
            "purchase_amount_90d",
            "order_line_amount_max",
        ),
        Text("How much the customer spends.", "客户的消费金额。"),
        (
            (
                "purchase_amount_90d IS NOT NULL",
                Text(
                    "Spent {spend_365d:money} in the last 365 days; {purchase_amount_mean:money} on a mean purchase day,"
                    " {purchase_amount_90d:money} on one of the last 90 days.",
                    "最近 365 天消费 {spend_365d:money}；每个购买日平均 {purchase_amount_mean:money}，最近 90 天平均"
                    " {purchase_amount_90d:money}。",
                ),
            ),
            (
                "purchase_amount_mean IS NOT NULL",
                Text(
                    "Spent {spend_365d:money} in the last 365 days; {purchase_amount_mean:money} on a mean purchase day.",
                    "最近 365 天消费 {spend_365d:money}；每个购买日平均 {purchase_amount_mean:money}。",
                ),
            ),
        ),
    ),
    Group(
        "spend_change",
        "habit",
        ("spend_change_90d", "spend_90d_of_own", "purchase_amount_change_90d"),
        Text("Change of spend against the own earlier spend.", "消费额与自身以往水平相比的变化。"),
        (
            (
                f"days_since_first_purchase >= 180 AND {_EXPECTED_SPEND} >= 0",
                Text(
                    f"Bought for {{bought_90d:money}} in the last 90 days; at the own earlier rate {{{_EXPECTED_SPEND}:money}}"
                    " would be expected.",
                    f"最近 90 天购买 {{bought_90d:money}}；按自身以往水平应为 {{{_EXPECTED_SPEND}:money}}。",
                ),
            ),
            (
                "TRUE",
                Text(
                    "Bought for {bought_90d:money} in the last 90 days, against {bought_180d - bought_90d:money} in the 90"
                    " before.",
                    "最近 90 天购买 {bought_90d:money}，此前 90 天为 {bought_180d - bought_90d:money}。",
                ),
            ),
        ),
    ),
    Group(
        "spend_trend",
        "habit",
        ("spend_trend_360d",),
        Text("The trend of spend.", "消费额的趋势。"),
        (
            (
                "spend_trend_360d >= 0.005",
                Text(
                    "Spent more and more over the last 360 days: by {spend_trend_360d:percent} of the mean every 30 days.",
                    "最近 360 天消费额持续上升：每 30 天增加均值的 {spend_trend_360d:percent}。",
                ),
            ),
            (
                "spend_trend_360d <= -0.005",
                Text(
                    "Spent less and less over the last 360 days: by {-(spend_trend_360d):percent} of the mean every 30 days.",
                    "最近 360 天消费额持续下降：每 30 天减少均值的 {-(spend_trend_360d):percent}。",
                ),
            ),
            (
                "spend_trend_360d IS NOT NULL",
                Text("Spent about as much all through the last 360 days.", "最近 360 天的消费额基本平稳。"),
            ),
        ),
    ),
    Group(
        "returns",
        "returns",
        (
            "returned_amount_365d",
            "returned_amount_90d",
            "returned_lines_365d",
            "returned_share_365d",
            "days_since_last_return",
        ),
        Text("Returned goods.", "退货情况。"),
        (
            (
                "returned_amount_365d > 0",
                Text(
                    "Returned goods for {returned_amount_365d:money} in the last 365 days, {returned_share_365d:percent} of"
                    " what it bought; the last return was {days_since_last_return:days} ago.",
                    "最近 365 天退货 {returned_amount_365d:money}，占购买额的 {returned_share_365d:percent}；最近一次退货距今"
                    " {days_since_last_return:days}。",
                ),
            ),
            (
                "returned_amount_365d > 0",
                Text(
                    "Returned goods for {returned_amount_365d:money} in the last 365 days.",
                    "最近 365 天退货 {returned_amount_365d:money}。",
                ),
            ),
            ("returned_amount_365d = 0", Text("Returned nothing in the last 365 days.", "最近 365 天没有退货。")),
        ),
    ),
    Group(
        "breadth",
        "breadth",
        ("categories_90d", "categories_365d", "top_category_share_365d"),
        Text("How much of the assortment the customer buys.", "客户购买的品类广度。"),
        (
            (
                "top_category_share_365d IS NOT NULL",
                Text(
                    "Number of categories bought in the last 90 days: {categories_90d:count}; in the last 365 days:"
                    " {categories_365d:count}, the most bought one with {top_category_share_365d:percent} of purchases.",
                    "最近 90 天购买了 {categories_90d:count} 个品类，最近 365 天为 {categories_365d:count} 个，其中购买最多的品类占"
                    " {top_category_share_365d:percent}。",
                ),
            ),
            (
                "TRUE",
                Text(
                    "Number of categories bought in the last 90 days: {categories_90d:count}; in the last 365 days:"
                    " {categories_365d:count}.",
                    "最近 90 天购买了 {categories_90d:count} 个品类，最近 365 天为 {categories_365d:count} 个。",
                ),
            ),
        ),
    ),
    Group(
        "categories_lost",
        "breadth",
        ("categories_lost_90d", "categories_change_365d"),
        Text("Categories that the customer has given up.", "客户不再购买的品类。"),
        (
            (
                "categories_lost_90d > 0",
                Text(
                    "Of the categories bought in the last 365 days ({categories_365d:count}), {categories_lost_90d:count} did"
                    " not appear in the last 90.",
                    "最近 365 天购买过 {categories_365d:count} 个品类，其中 {categories_lost_90d:count} 个在最近 90 天未再购买。",
                ),
            ),
            (
                "categories_365d > 0",
                Text(
                    "Every category bought in the last 365 days was bought in the last 90 as well.",
                    "最近 365 天购买过的品类，最近 90 天都仍在购买。",
                ),
            ),
        ),
    ),
    Group(
        "discounts",
        "margin",
        ("discount_share_365d", "discount_share_90d", "discount_share_change_90d", "discounted_lines_share_365d"),
        Text("How much the customer buys at a discount.", "客户享受折扣的程度。"),
        (
            (
                "discount_share_365d >= 0 AND discount_share_90d >= 0",
                Text(
                    "Bought at {discount_share_90d:percent} off the list price in the last 90 days, at"
                    " {discount_share_365d:percent} off in the last 365.",
                    "最近 90 天的购买相当于原价优惠 {discount_share_90d:percent}，最近 365 天为 {discount_share_365d:percent}。",
                ),
            ),
            (
                "discount_share_365d >= 0",
                Text(
                    "Bought at {discount_share_365d:percent} off the list price in the last 365 days.",
                    "最近 365 天的购买相当于原价优惠 {discount_share_365d:percent}。",
                ),
            ),
        ),
    ),
    Group(
        "margin",
        "margin",
        ("margin_365d", "margin_90d", "margin_share_365d", "margin_share_change_90d"),
        Text("What is earned on the customer.", "从客户获得的毛利。"),
        (
            (
                f"margin_share_365d >= 0 AND {_MARGIN_SHARE_90D} >= 0",
                Text(
                    f"Brought a margin of {{margin_365d:money}} in the last 365 days, {{margin_share_365d:percent}} of its"
                    f" spend; in the last 90 days {{{_MARGIN_SHARE_90D}:percent}}.",
                    f"最近 365 天带来毛利 {{margin_365d:money}}，占消费额的 {{margin_share_365d:percent}}；最近 90 天为"
                    f" {{{_MARGIN_SHARE_90D}:percent}}。",
                ),
            ),
            (
                "margin_share_365d >= 0",
                Text(
                    "Brought a margin of {margin_365d:money} in the last 365 days, {margin_share_365d:percent} of its spend.",
                    "最近 365 天带来毛利 {margin_365d:money}，占消费额的 {margin_share_365d:percent}。",
                ),
            ),
            (
                "margin_365d < 0",
                Text(
                    "Brought a loss of {-(margin_365d):money} in the last 365 days, before all other costs.",
                    "最近 365 天毛利为负，亏损 {-(margin_365d):money}（未计其他成本）。",
                ),
            ),
            (
                "TRUE",
                Text(
                    "Brought a margin of {margin_365d:money} in the last 365 days.",
                    "最近 365 天带来毛利 {margin_365d:money}。",
                ),
            ),
        ),
    ),
)
