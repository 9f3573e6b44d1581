"""How a customer pays: lateness, its change, and what is open and overdue by ageing bucket.

Lateness is counted over settled invoices, in days after the due date (early payment is negative). An invoice counts in
a window by the day on which it was issued, or settled where the name says so.
"""

from features.catalogue.feature import NO_INVOICE, Feature
from features.catalogue.relations.relation import flag
from features.text import Text

AGEING = (("1_30d", 1, 30), ("31_60d", 31, 60), ("61_90d", 61, 90))

SETTLED = "invoices.settled_at|payments.invoice_id"
"""Without one of them every invoice would look open for ever."""

NO_SETTLED = Text("no settled invoice", "没有已结清的发票")

FEATURES = (
    Feature(
        "invoices_365d", "payment", "bills", "sum(in_365d)", "invoices",
        Text("Invoices issued in the last 365 days", "最近 365 天开具的发票数"), empty=0,
    ),
    *(
        Feature(
            f"days_late_mean_{days}d", "payment", "bills",
            f"sum(days_late * settled_{days}d) / nullif(sum(settled_{days}d), 0)", "days",
            Text(f"Mean days late of the invoices settled in the last {days} days", f"最近 {days} 天结清发票的平均逾期天数"),
            missing=NO_SETTLED, range=(None, None), needs=(SETTLED,),
        )
        for days in (365, 90)
    ),
    Feature(
        "days_late_worst_365d", "payment", "bills",
        "max(CASE WHEN issued_age_days <= 365 THEN greatest(coalesce(days_late, 0), overdue_days) END)", "days",
        Text("Worst days late, settled or still open, of the last 365 days' invoices", "最近 365 天发票的最长逾期天数（含未结清）"),
        missing=NO_INVOICE, needs=(SETTLED,),
    ),
    Feature(
        "days_late_change", "payment", "bills",
        "sum(days_late * settled_90d) / nullif(sum(settled_90d), 0)"
        " - sum(days_late * (settled_365d - settled_90d)) / nullif(sum(settled_365d - settled_90d), 0)",
        "days",
        Text("Mean days late in the last 90 days less that of the nine months before", "最近 90 天与此前九个月平均逾期天数之差"),
        missing=Text("no settled invoice in one of the two periods", "其中一个时期没有已结清的发票"), range=(None, None), needs=(SETTLED,),
    ),
    Feature(
        "days_to_pay_mean_365d", "payment", "bills", "sum(days_to_pay * settled_365d) / nullif(sum(settled_365d), 0)",
        "days", Text("Mean days from invoice to settlement, last 365 days", "最近 365 天从开票到结清的平均天数"), missing=NO_SETTLED,
        range=(None, None), needs=(SETTLED,),
    ),
    Feature(
        "days_to_pay_change", "payment", "bills",
        "sum(days_to_pay * settled_90d) / nullif(sum(settled_90d), 0)"
        " - sum(days_to_pay * (settled_365d - settled_90d)) / nullif(sum(settled_365d - settled_90d), 0)",
        "days",
        Text(
            "Mean days from invoice to settlement in the last 90 days less that of the nine months before",
            "最近 90 天与此前九个月从开票到结清平均天数之差",
        ),
        missing=Text("no settled invoice in one of the two periods", "其中一个时期没有已结清的发票"), range=(None, None), needs=(SETTLED,),
    ),
    Feature(
        "late_share_365d", "payment", "bills",
        "sum(is_late * in_365d) / nullif(sum(is_judged * in_365d), 0)",
        "share",
        Text("Share of the last 365 days' invoices paid late or overdue, by count", "最近 365 天发票中逾期的数量占比"),
        missing=NO_INVOICE, range=(0, 1), needs=(SETTLED,),
    ),
    Feature(
        "late_amount_share_365d", "payment", "bills",
        "sum(amount_minor * is_late * in_365d)"
        " / nullif(sum(amount_minor * is_judged * in_365d), 0)",
        "share",
        Text("Share of the last 365 days' invoices paid late or overdue, by amount", "最近 365 天发票中逾期的金额占比"),
        missing=NO_INVOICE, range=(0, 1), needs=(SETTLED,),
    ),
    Feature(
        "disputed_share_365d", "payment", "bills",
        "sum(disputed * settled_365d)"
        " / nullif(sum(settled_365d) FILTER (WHERE disputed IS NOT NULL), 0)",
        "share",
        Text("Share of the invoices settled in the last 365 days that had been disputed", "最近 365 天结清发票中有争议的占比"),
        missing=NO_SETTLED, needs=("invoices.disputed", SETTLED), range=(0, 1),
    ),
    Feature(
        "open_balance", "payment", "bills", "sum(open_minor) / 1E4", "currency",
        Text("Open balance", "未结余额"), empty=0, needs=(SETTLED,),
    ),
    Feature(
        "overdue_balance", "payment", "bills", "sum(open_minor * is_overdue) / 1E4", "currency",
        Text("Overdue balance", "逾期余额"), empty=0, needs=(SETTLED,),
    ),
    Feature(
        "open_balance_current", "payment", "features", "open_balance - overdue_balance", "currency",
        Text("Open balance that is not yet due", "未到期的未结余额"), empty=0,
    ),
    *(
        Feature(
            f"overdue_balance_{bucket}", "payment", "bills",
            f"sum(open_minor * {flag(f'overdue_days BETWEEN {low} AND {high}')}) / 1E4", "currency",
            Text(f"Balance overdue by {low} to {high} days", f"逾期 {low} 至 {high} 天的余额"), empty=0, needs=(SETTLED,),
        )
        for bucket, low, high in AGEING
    ),
    Feature(
        "overdue_balance_over_90d", "payment", "bills",
        f"sum(open_minor * {flag('overdue_days > 90')}) / 1E4", "currency",
        Text("Balance overdue by more than 90 days", "逾期超过 90 天的余额"), empty=0, needs=(SETTLED,),
    ),
    Feature(
        "oldest_overdue_days", "payment", "bills", "max(overdue_days)", "days",
        Text("Days overdue of the oldest open invoice", "最早未结发票的逾期天数"), empty=0, needs=(SETTLED,),
    ),
    Feature(
        "dso_90d", "payment", "bills", "90E0 * sum(open_minor) / nullif(sum(amount_minor * in_90d), 0)", "days",
        Text("Days sales outstanding, over the last 90 days' invoices", "应收账款周转天数（最近 90 天发票）"),
        missing=Text("no invoice in the last 90 days", "最近 90 天没有发票"), needs=(SETTLED,),
    ),
    Feature(
        "receivables_turnover_365d", "payment", "bills",
        "2E0 * nullif(sum(amount_minor * in_365d), 0) / nullif(sum(open_minor) + sum(CASE"
        " WHEN issued_age_days > 365 AND (is_settled = 0 OR settled_age_days <= 365) THEN amount_minor ELSE 0E0 END), 0)",
        "times per year",
        Text(
            "Receivables turnover: invoiced in 365 days over the mean of what was open at their start and end",
            "应收账款周转率：365 天开票额与期初、期末未结余额均值之比",
        ),
        missing=Text("no invoice in the last 365 days, or nothing open at their start and end", "最近 365 天没有发票，或期初期末均无未结余额"),
        needs=(SETTLED,),
    ),
    Feature(
        "collection_effectiveness_90d", "payment", "bills",
        "nullif(sum(amount_minor * settled_90d), 0) / nullif(sum(amount_minor * settled_90d)"
        " + sum(open_minor * is_overdue), 0)",
        "share",
        Text(
            "Collection effectiveness index: settled in the last 90 days over that and what is overdue now",
            "收款有效性指数：最近 90 天结清额占其与当前逾期余额之和的比例",
        ),
        missing=Text("nothing was settled in the last 90 days", "最近 90 天没有结清的发票"), range=(0, 1),
        needs=(SETTLED,),
    ),
    Feature(
        "overdue_of_open_share", "payment", "features", "overdue_balance / nullif(open_balance, 0)", "share",
        Text("Share of the open balance that is overdue", "未结余额中逾期的占比"),
        missing=Text("nothing is open", "没有未结余额"), range=(0, 1),
    ),
)  # fmt: skip
