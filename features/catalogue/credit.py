"""What a customer may owe, how much of it is used, and what its own accounts say."""

from features.catalogue.feature import NO_INVOICE, Feature
from features.text import Text

LIMIT = ("customers.credit_limit",)
NO_LIMIT = Text("no credit limit", "没有信用额度")
NO_ACCOUNTS = Text("no accounts of the customer", "没有该客户的财务报表")

FEATURES = (
    Feature(
        "credit_limit", "credit", "profiles", "arg_max(credit_limit, valid_from) FILTER (WHERE holds AND credit_limit IS NOT NULL)", "currency",
        Text("Credit limit that holds", "现行信用额度"), missing=NO_LIMIT, needs=LIMIT,
    ),
    Feature(
        "credit_limit_change_365d", "credit", "profiles",
        "arg_max(credit_limit, valid_from) FILTER (WHERE holds AND credit_limit IS NOT NULL)"
        " / nullif(arg_max(credit_limit, valid_from) FILTER (WHERE held_365d_ago AND credit_limit IS NOT NULL), 0) - 1",
        "share", Text("Change of the credit limit in the last 365 days", "最近 365 天信用额度的变化"),
        missing=Text("no credit limit now or 365 days ago", "现在或 365 天前没有信用额度"), range=(-1, None),
        needs=("customers.credit_limit", "customers.valid_from"),
    ),
    Feature(
        "credit_used_share", "credit", "features", "open_balance / nullif(credit_limit, 0)", "share",
        Text("Share of the credit limit that is used", "信用额度使用率"), missing=NO_LIMIT,
    ),
    Feature(
        "terms_days_mean_365d", "credit", "bills", "sum(terms_days * in_365d) / nullif(sum(in_365d), 0)", "days",
        Text("Mean days from invoice to due date, last 365 days", "最近 365 天从开票到到期的平均天数"), missing=NO_INVOICE,
        range=(None, None),
    ),
    Feature(
        "overdue_over_90d_of_open_share", "credit", "features", "overdue_balance_over_90d / nullif(open_balance, 0)", "share",
        Text("Share of the open balance that is overdue by more than 90 days", "未结余额中逾期超过 90 天的占比"),
        missing=Text("nothing is open", "没有未结余额"), range=(0, 1),
    ),
    Feature(
        "quick_ratio", "credit", "accounts",
        "max((current_assets - coalesce(inventory, 0)) / nullif(current_liabilities, 0)) FILTER (WHERE number_back = 1)", "ratio",
        Text("Quick ratio by the customer's last accounts", "客户最近财务报表的速动比率"), missing=NO_ACCOUNTS,
        needs=("financials.current_assets", "financials.current_liabilities"), range=(None, None),
    ),
    Feature(
        "debt_to_net_worth", "credit", "accounts",
        "max(CASE WHEN tangible_net_worth > 0 THEN total_debt / tangible_net_worth END) FILTER (WHERE number_back = 1)", "ratio",
        Text("Debt over tangible net worth by the customer's last accounts", "客户最近财务报表的负债与有形净值之比"),
        missing=Text("no accounts of the customer, or no positive net worth", "没有该客户的财务报表，或有形净值不为正"),
        needs=("financials.total_debt", "financials.tangible_net_worth"),
    ),
    Feature(
        "net_income_share", "credit", "accounts",
        "max(net_income / nullif(revenue, 0)) FILTER (WHERE number_back = 1)", "share",
        Text("Net income over revenue by the customer's last accounts", "客户最近财务报表的销售净利率"), missing=NO_ACCOUNTS,
        needs=("financials.net_income", "financials.revenue"), range=(None, None),
    ),
    Feature(
        "gross_margin_share", "credit", "accounts",
        "max(1 - cost_of_sales / nullif(revenue, 0)) FILTER (WHERE number_back = 1)", "share",
        Text("Gross margin over revenue by the customer's last accounts", "客户最近财务报表的销售毛利率"), missing=NO_ACCOUNTS,
        needs=("financials.cost_of_sales", "financials.revenue"), range=(None, None),
    ),
    Feature(
        "return_on_assets", "credit", "accounts",
        "max(net_income / nullif(total_assets, 0)) FILTER (WHERE number_back = 1)", "share",
        Text("Net income over total assets by the customer's last accounts", "客户最近财务报表的总资产净利率"), missing=NO_ACCOUNTS,
        needs=("financials.net_income", "financials.total_assets"), range=(None, None),
    ),
    Feature(
        "receivables_turned_over", "credit", "accounts",
        "max(revenue / nullif(receivables, 0)) FILTER (WHERE number_back = 1)", "times per year",
        Text(
            "How often the customer's own receivables turn over in a year, by its last accounts", "客户最近财务报表的应收账款年周转次数"
        ),
        missing=NO_ACCOUNTS, needs=("financials.revenue", "financials.receivables"), range=(None, None),
    ),
    Feature(
        "inventory_turned_over", "credit", "accounts",
        "max(cost_of_sales / nullif(inventory, 0)) FILTER (WHERE number_back = 1)", "times per year",
        Text("How often the customer's stock turns over in a year, by its last accounts", "客户最近财务报表的存货年周转次数"),
        missing=Text("no accounts of the customer, or no stock in them", "没有该客户的财务报表，或其中没有存货"),
        needs=("financials.cost_of_sales", "financials.inventory"), range=(None, None),
    ),
)  # fmt: skip
