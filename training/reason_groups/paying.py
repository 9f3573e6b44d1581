"""How a customer pays and what it may owe: punctuality, debts, disputes, its credit limit and its own accounts."""

from features.text import Text
from training.reason_groups.group import Group

GROUPS = (
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
        ("days_late_change", "days_late_mean_90d", "days_to_pay_change"),
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
            "overdue_over_90d_of_open_share",
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
        "credit_limit",
        "credit",
        ("credit_limit", "credit_limit_change_365d", "credit_used_share"),
        Text("The credit limit and its use.", "信用额度及其使用情况。"),
        (
            (
                "credit_limit_change_365d <= -0.005",
                Text(
                    "The credit limit was cut by {-(credit_limit_change_365d):percent} in the last 365 days, to"
                    " {credit_limit:money}; {credit_used_share:percent} of it is used.",
                    "最近 365 天信用额度下调 {-(credit_limit_change_365d):percent}，现为 {credit_limit:money}；已使用"
                    " {credit_used_share:percent}。",
                ),
            ),
            (
                "credit_limit_change_365d >= 0.005",
                Text(
                    "The credit limit was raised by {credit_limit_change_365d:percent} in the last 365 days, to"
                    " {credit_limit:money}; {credit_used_share:percent} of it is used.",
                    "最近 365 天信用额度上调 {credit_limit_change_365d:percent}，现为 {credit_limit:money}；已使用"
                    " {credit_used_share:percent}。",
                ),
            ),
            (
                "TRUE",
                Text(
                    "Uses {credit_used_share:percent} of its credit limit of {credit_limit:money}.",
                    "已使用信用额度 {credit_limit:money} 的 {credit_used_share:percent}。",
                ),
            ),
            ("TRUE", Text("Has a credit limit of {credit_limit:money}.", "信用额度为 {credit_limit:money}。")),
            ("credit_limit IS NULL", Text("Has no credit limit.", "没有信用额度。")),
        ),
    ),
    Group(
        "terms",
        "credit",
        ("terms_days_mean_365d",),
        Text("How long the customer may take to pay.", "客户的付款期限。"),
        (
            (
                "terms_days_mean_365d >= 0",
                Text(
                    "Was given {terms_days_mean_365d:days} to pay, on average over the invoices of the last 365 days.",
                    "最近 365 天发票的平均付款期限为 {terms_days_mean_365d:days}。",
                ),
            ),
        ),
    ),
    Group(
        "accounts",
        "credit",
        (
            *("quick_ratio", "debt_to_net_worth", "net_income_share", "gross_margin_share", "return_on_assets"),
            *("receivables_turned_over", "inventory_turned_over"),
        ),
        Text("The customer's own accounts.", "客户自身的财务报表。"),
        (
            (
                "net_income_share >= 0",
                Text(
                    "By its last accounts: a quick ratio of {quick_ratio:decimal}, debts of {debt_to_net_worth:decimal} times"
                    " its tangible net worth, and {net_income_share:percent} of revenue left as net income.",
                    "据最近财务报表：速动比率 {quick_ratio:decimal}，负债为有形净值的 {debt_to_net_worth:decimal} 倍，销售净利率"
                    " {net_income_share:percent}。",
                ),
            ),
            (
                "net_income_share < 0",
                Text(
                    "By its last accounts: a quick ratio of {quick_ratio:decimal}, debts of {debt_to_net_worth:decimal} times"
                    " its tangible net worth, and a net loss of {-(net_income_share):percent} of revenue.",
                    "据最近财务报表：速动比率 {quick_ratio:decimal}，负债为有形净值的 {debt_to_net_worth:decimal} 倍，净亏损占收入的"
                    " {-(net_income_share):percent}。",
                ),
            ),
            (
                "net_income_share >= 0",
                Text(
                    "By its last accounts, {net_income_share:percent} of revenue was left as net income.",
                    "据最近财务报表，销售净利率为 {net_income_share:percent}。",
                ),
            ),
            (
                "net_income_share < 0",
                Text(
                    "By its last accounts, it made a net loss of {-(net_income_share):percent} of revenue.",
                    "据最近财务报表，净亏损占收入的 {-(net_income_share):percent}。",
                ),
            ),
            (
                "quick_ratio IS NOT NULL",
                Text(
                    "By its last accounts, a quick ratio of {quick_ratio:decimal}.",
                    "据最近财务报表，速动比率为 {quick_ratio:decimal}。",
                ),
            ),
            (
                "debt_to_net_worth IS NOT NULL",
                Text(
                    "By its last accounts, debts of {debt_to_net_worth:decimal} times its tangible net worth.",
                    "据最近财务报表，负债为有形净值的 {debt_to_net_worth:decimal} 倍。",
                ),
            ),
            (
                "gross_margin_share IS NOT NULL",
                Text(
                    "By its last accounts, a gross margin of {gross_margin_share:percent} of revenue.",
                    "据最近财务报表，销售毛利率为 {gross_margin_share:percent}。",
                ),
            ),
            (
                "return_on_assets IS NOT NULL",
                Text(
                    "By its last accounts, a return of {return_on_assets:percent} on its assets.",
                    "据最近财务报表，总资产净利率为 {return_on_assets:percent}。",
                ),
            ),
            (
                "receivables_turned_over IS NOT NULL",
                Text(
                    "By its last accounts, its receivables turn over {receivables_turned_over:decimal} times a year.",
                    "据最近财务报表，应收账款年周转 {receivables_turned_over:decimal} 次。",
                ),
            ),
            (
                "inventory_turned_over IS NOT NULL",
                Text(
                    "By its last accounts, its stock turns over {inventory_turned_over:decimal} times a year.",
                    "据最近财务报表，存货年周转 {inventory_turned_over:decimal} 次。",
                ),
            ),
        ),
    ),
)
