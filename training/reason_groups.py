"""Which features say one thing together, and the sentences they are told in.

A placeholder is ``{expression:unit}`` over feature columns; the unit (days, count, money, percent, decimal) decides how it
is written. The first sentence whose condition holds is told; with none, the group's meaning stands in.
"""

from dataclasses import dataclass

from features.catalogue.feature import Family
from features.text import Text


@dataclass(frozen=True)
class Group:
    """Features that are told together. ``sentences`` are pairs of an SQL condition and a text."""

    name: str
    family: Family
    features: tuple[str, ...]
    meaning: Text
    sentences: tuple[tuple[str, Text], ...]


GROUPS: tuple[Group, ...] = (
    Group(
        "silence",
        "habit",
        (
            "days_since_last_purchase",
            "days_since_second_last_purchase",
            "current_gap_ratio",
            "current_gap_rank",
            "current_gap_log_z",
            "silence_of_relationship",
            "gap_mean_days",
            "gap_median_days",
            "gap_longest_days",
            "gap_last_days",
        ),
        Text("Silence against the own rhythm.", "相对自身节奏的沉默时间。"),
        (
            (
                "gap_mean_days IS NOT NULL",
                Text(
                    "Usually buys every {gap_mean_days:days}; now silent for {days_since_last_purchase:days}.",
                    "通常每 {gap_mean_days:days}购买一次；现已 {days_since_last_purchase:days}没有购买。",
                ),
            ),
            (
                "TRUE",
                Text(
                    "Bought on one day only, {days_since_last_purchase:days} ago.",
                    "仅有一天购买过，距今 {days_since_last_purchase:days}。",
                ),
            ),
        ),
    ),
    Group(
        "frequency",
        "frequency",
        (
            "purchase_days_30d",
            "purchase_days_90d",
            "purchase_days_180d",
            "purchase_days_365d",
            "purchase_days_total",
            "purchase_days_per_year",
        ),
        Text("How often the customer buys.", "客户的购买频率。"),
        (
            (
                "TRUE",
                Text(
                    "Bought on {purchase_days_365d:days} in the last 365 days, on {purchase_days_90d:count} of them in the"
                    " last 90.",
                    "最近 365 天内有 {purchase_days_365d:days}购买，其中最近 90 天内 {purchase_days_90d:count} 天。",
                ),
            ),
        ),
    ),
    Group(
        "frequency_change",
        "habit",
        (
            "purchase_days_change_90d",
            "purchase_days_30d_of_90d",
            "gap_last_three_ratio",
            "spend_change_90d",
        ),
        Text("Change against the own earlier behaviour.", "与自身以往行为相比的变化。"),
        (
            (
                "TRUE",
                Text(
                    "Bought on {purchase_days_90d:days} in the last 90 days, against"
                    " {purchase_days_180d - purchase_days_90d:count} in the 90 before.",
                    "最近 90 天内有 {purchase_days_90d:days}购买，此前 90 天为"
                    " {purchase_days_180d - purchase_days_90d:days}。",
                ),
            ),
        ),
    ),
    Group(
        "regularity",
        "habit",
        ("gap_variation",),
        Text("How regularly the customer buys.", "客户购买的规律性。"),
        (
            (
                "gap_variation IS NOT NULL",
                Text(
                    "The time between purchases varies by {gap_variation:percent} around its mean of {gap_mean_days:days}.",
                    "购买间隔围绕均值 {gap_mean_days:days}波动 {gap_variation:percent}。",
                ),
            ),
        ),
    ),
    Group(
        "tenure",
        "recency",
        ("days_since_first_purchase", "days_first_to_last_purchase"),
        Text("How long the customer has been known.", "客户关系的时长。"),
        (
            (
                "TRUE",
                Text(
                    "First bought {days_since_first_purchase:days} ago.",
                    "首次购买距今 {days_since_first_purchase:days}。",
                ),
            ),
        ),
    ),
    Group(
        "spend",
        "monetary",
        (
            "spend_30d",
            "spend_90d",
            "spend_180d",
            "spend_365d",
            "spend_total",
            "margin_365d",
            "purchase_amount_mean",
            "purchase_amount_max",
            "purchase_amount_last",
            "purchase_amount_last_ratio",
        ),
        Text("How much the customer spends.", "客户的消费金额。"),
        (
            (
                "purchase_amount_mean IS NOT NULL",
                Text(
                    "Spent {spend_365d:money} in the last 365 days; {purchase_amount_mean:money} on a usual purchase day,"
                    " {purchase_amount_last:money} on the last one.",
                    "最近 365 天消费 {spend_365d:money}；通常每个购买日 {purchase_amount_mean:money}，最近一次"
                    " {purchase_amount_last:money}。",
                ),
            ),
        ),
    ),
    Group(
        "returns",
        "monetary",
        ("returned_amount_365d",),
        Text("Returned goods.", "退货情况。"),
        (
            (
                "TRUE",
                Text(
                    "Returned goods for {returned_amount_365d:money} in the last 365 days.",
                    "最近 365 天退货 {returned_amount_365d:money}。",
                ),
            ),
        ),
    ),
    Group(
        "breadth",
        "breadth",
        ("categories_90d", "categories_365d"),
        Text("How much of the assortment the customer buys.", "客户购买的品类广度。"),
        (
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
        "discounts",
        "breadth",
        ("discount_share_365d",),
        Text("How much the customer buys at a discount.", "客户享受折扣的程度。"),
        (
            (
                "discount_share_365d IS NOT NULL",
                Text(
                    "Bought at {discount_share_365d:percent} off the list price in the last 365 days.",
                    "最近 365 天的购买相当于原价优惠 {discount_share_365d:percent}。",
                ),
            ),
        ),
    ),
    Group(
        "lateness",
        "payment",
        (
            "invoices_365d",
            "days_late_mean_365d",
            "days_late_worst_365d",
            "days_to_pay_mean_365d",
            "late_share_365d",
            "late_amount_share_365d",
        ),
        Text("How punctually the customer pays.", "客户付款的准时程度。"),
        (
            (
                "days_late_mean_365d >= 0.05",
                Text(
                    "Paid its invoices {days_late_mean_365d:decimal} days after the due date on average in the last 365 days;"
                    " {late_share_365d:percent} of them were late.",
                    "最近 365 天平均在到期后 {days_late_mean_365d:decimal} 天付款；{late_share_365d:percent} 的发票逾期。",
                ),
            ),
            (
                "days_late_mean_365d <= -0.05",
                Text(
                    "Paid its invoices {-(days_late_mean_365d):decimal} days before the due date on average in the last 365"
                    " days.",
                    "最近 365 天平均在到期前 {-(days_late_mean_365d):decimal} 天付款。",
                ),
            ),
            (
                "days_late_mean_365d IS NOT NULL",
                Text(
                    "Paid its invoices on the due date on average in the last 365 days; {late_share_365d:percent} of them were"
                    " late.",
                    "最近 365 天平均恰在到期日付款；{late_share_365d:percent} 的发票逾期。",
                ),
            ),
        ),
    ),
    Group(
        "payment_change",
        "payment",
        ("days_late_change", "days_late_mean_90d"),
        Text("Change in how punctually the customer pays.", "客户付款准时程度的变化。"),
        (
            (
                "days_late_change > 0.5 AND days_late_mean_90d >= 0",
                Text(
                    "Pays later than before: {days_late_mean_90d:decimal} days after the due date in the last 90 days, that is"
                    " {days_late_change:decimal} days later than in the nine months before.",
                    "付款比以往更晚：最近 90 天平均在到期后 {days_late_mean_90d:decimal} 天付款，比此前九个月晚"
                    " {days_late_change:decimal} 天。",
                ),
            ),
            (
                "days_late_change > 0.5",
                Text(
                    "Still pays early, but later than before: {-(days_late_mean_90d):decimal} days before the due date in the"
                    " last 90 days, that is {days_late_change:decimal} days later than in the nine months before.",
                    "仍提前付款，但比以往更晚：最近 90 天平均在到期前 {-(days_late_mean_90d):decimal} 天付款，比此前九个月晚"
                    " {days_late_change:decimal} 天。",
                ),
            ),
            (
                "days_late_change < -0.5 AND days_late_mean_90d >= 0",
                Text(
                    "Pays earlier than before: {days_late_mean_90d:decimal} days after the due date in the last 90 days, that"
                    " is {-(days_late_change):decimal} days earlier than in the nine months before.",
                    "付款比以往更早：最近 90 天平均在到期后 {days_late_mean_90d:decimal} 天付款，比此前九个月早"
                    " {-(days_late_change):decimal} 天。",
                ),
            ),
            (
                "days_late_change < -0.5",
                Text(
                    "Pays earlier than before: {-(days_late_mean_90d):decimal} days before the due date in the last 90 days,"
                    " that is {-(days_late_change):decimal} days earlier than in the nine months before.",
                    "付款比以往更早：最近 90 天平均在到期前 {-(days_late_mean_90d):decimal} 天付款，比此前九个月早"
                    " {-(days_late_change):decimal} 天。",
                ),
            ),
            (
                "days_late_change IS NOT NULL",
                Text("Pays about as punctually as before.", "付款准时程度与以往相近。"),
            ),
        ),
    ),
    Group(
        "balance",
        "payment",
        (
            "open_balance",
            "open_balance_current",
            "overdue_balance",
            "overdue_balance_1_30d",
            "overdue_balance_31_60d",
            "overdue_balance_61_90d",
            "overdue_balance_over_90d",
            "oldest_overdue_days",
            "dso_90d",
            "receivables_turnover_365d",
            "collection_effectiveness_90d",
            "overdue_of_open_share",
        ),
        Text("What the customer owes.", "客户的欠款情况。"),
        (
            (
                "overdue_balance > 0",
                Text(
                    "Owes {overdue_balance:money} past the due date, the oldest invoice by {oldest_overdue_days:days}.",
                    "逾期欠款 {overdue_balance:money}，最早的发票已逾期 {oldest_overdue_days:days}。",
                ),
            ),
            (
                "TRUE",
                Text(
                    "Nothing is overdue; {open_balance:money} is open.", "没有逾期欠款；未结余额 {open_balance:money}。"
                ),
            ),
        ),
    ),
    Group(
        "disputes",
        "payment",
        ("disputed_share_365d",),
        Text("Disputed invoices.", "有争议的发票。"),
        (
            (
                "disputed_share_365d IS NOT NULL",
                Text(
                    "Disputed {disputed_share_365d:percent} of the invoices settled in the last 365 days.",
                    "最近 365 天结清的发票中有 {disputed_share_365d:percent} 曾有争议。",
                ),
            ),
        ),
    ),
    Group(
        "complaints",
        "service",
        (
            "complaints_90d",
            "complaints_180d",
            "complaints_open",
            "complaint_open_days_max",
            "days_since_last_complaint",
        ),
        Text("Complaints.", "投诉情况。"),
        (
            (
                "complaints_open > 0",
                Text(
                    "Complaints in the last 180 days: {complaints_180d:count}; still open: {complaints_open:count}, the oldest"
                    " for {complaint_open_days_max:days}.",
                    "最近 180 天投诉 {complaints_180d:count} 次；仍有 {complaints_open:count} 次未关闭，最早的已等待"
                    " {complaint_open_days_max:days}。",
                ),
            ),
            (
                "complaints_180d > 0",
                Text(
                    "Complaints in the last 180 days: {complaints_180d:count}, none of them known to be open.",
                    "最近 180 天投诉 {complaints_180d:count} 次，没有已知未关闭的投诉。",
                ),
            ),
            ("TRUE", Text("No complaint in the last 180 days.", "最近 180 天没有投诉。")),
        ),
    ),
    Group(
        "contacts",
        "service",
        ("contacts_90d", "survey_score_last"),
        Text("Contacts and survey answers.", "互动与调查反馈。"),
        (
            (
                "survey_score_last IS NOT NULL",
                Text(
                    "Last survey score: {survey_score_last:decimal} points; contacts in the last 90 days:"
                    " {contacts_90d:count}.",
                    "最近一次调查评分 {survey_score_last:decimal} 分；最近 90 天互动 {contacts_90d:count} 次。",
                ),
            ),
            (
                "TRUE",
                Text("Contacts in the last 90 days: {contacts_90d:count}.", "最近 90 天互动 {contacts_90d:count} 次。"),
            ),
        ),
    ),
    Group(
        "deliveries",
        "service",
        ("late_delivery_share_180d",),
        Text("Late deliveries.", "交货延迟。"),
        (
            (
                "late_delivery_share_180d IS NOT NULL",
                Text(
                    "{late_delivery_share_180d:percent} of the deliveries of the last 180 days came late.",
                    "最近 180 天的交货中有 {late_delivery_share_180d:percent} 延迟。",
                ),
            ),
        ),
    ),
)
