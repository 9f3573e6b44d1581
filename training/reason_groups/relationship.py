"""How customer and company get on: complaints, surveys, deliveries, contacts, actions, contracts and profile."""

from features.text import Text
from training.reason_groups.group import Group

GROUPS = (
    Group(
        "complaints",
        "service",
        (
            "complaints_90d",
            "complaints_180d",
            "complaints_365d",
            "complaints_of_own",
            "complaints_per_purchase_day_365d",
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
        "complaint_handling",
        "service",
        ("complaint_closing_days_mean_365d",),
        Text("How soon complaints are settled.", "投诉处理的快慢。"),
        (
            (
                "complaint_closing_days_mean_365d >= 0",
                Text(
                    "It took {complaint_closing_days_mean_365d:decimal} days on average to close its complaints of the last"
                    " 365 days.",
                    "最近 365 天的投诉平均 {complaint_closing_days_mean_365d:decimal} 天处理完毕。",
                ),
            ),
            ("TRUE", Text("No complaint of the last 365 days has been closed.", "最近 365 天没有已关闭的投诉。")),
        ),
    ),
    Group(
        "complaint_severity",
        "service",
        ("complaint_severity_max_180d",),
        Text("How grave complaints are.", "投诉的严重程度。"),
        (
            (
                "complaint_severity_max_180d IS NOT NULL",
                Text(
                    "The gravest complaint of the last 180 days had a severity of {complaint_severity_max_180d:decimal}.",
                    "最近 180 天最严重的投诉，严重程度为 {complaint_severity_max_180d:decimal}。",
                ),
            ),
            ("complaints_180d = 0", Text("No complaint in the last 180 days.", "最近 180 天没有投诉。")),
        ),
    ),
    Group(
        "after_complaint",
        "service",
        ("bought_since_last_complaint",),
        Text("Whether it bought again after a complaint.", "投诉后是否再次购买。"),
        (
            (
                "bought_since_last_complaint > 0",
                Text(
                    "Bought again since its last complaint, {days_since_last_complaint:days} ago.",
                    "上次投诉（距今 {days_since_last_complaint:days}）之后已再次购买。",
                ),
            ),
            (
                "bought_since_last_complaint = 0",
                Text(
                    "Has not bought since its last complaint, {days_since_last_complaint:days} ago.",
                    "自上次投诉（距今 {days_since_last_complaint:days}）以来没有再购买。",
                ),
            ),
            ("days_since_last_complaint IS NULL", Text("Has never complained.", "从未投诉。")),
        ),
    ),
    Group(
        "surveys",
        "service",
        ("survey_score_last", "survey_score_change"),
        Text("Survey answers.", "调查反馈。"),
        (
            (
                "survey_score_change >= 0.05",
                Text(
                    "Last survey score: {survey_score_last:decimal} points, {survey_score_change:decimal} more than the first"
                    " of the last two years.",
                    "最近一次调查评分 {survey_score_last:decimal} 分，比最近两年内首次高 {survey_score_change:decimal} 分。",
                ),
            ),
            (
                "survey_score_change <= -0.05",
                Text(
                    "Last survey score: {survey_score_last:decimal} points, {-(survey_score_change):decimal} fewer than the"
                    " first of the last two years.",
                    "最近一次调查评分 {survey_score_last:decimal} 分，比最近两年内首次低 {-(survey_score_change):decimal} 分。",
                ),
            ),
            (
                "survey_score_last IS NOT NULL",
                Text(
                    "Last survey score: {survey_score_last:decimal} points.",
                    "最近一次调查评分 {survey_score_last:decimal} 分。",
                ),
            ),
            ("TRUE", Text("Has never answered a survey.", "从未回答过调查。")),
        ),
    ),
    Group(
        "deliveries",
        "service",
        ("late_delivery_share_180d", "late_delivery_days_mean_180d"),
        Text("Late deliveries.", "交货延迟。"),
        (
            (
                "late_delivery_share_180d > 0 AND late_delivery_days_mean_180d > 0",
                Text(
                    "{late_delivery_share_180d:percent} of the deliveries of the last 180 days came late, by"
                    " {late_delivery_days_mean_180d / late_delivery_share_180d:decimal} days on average.",
                    "最近 180 天的交货中有 {late_delivery_share_180d:percent} 延迟，平均延迟"
                    " {late_delivery_days_mean_180d / late_delivery_share_180d:decimal} 天。",
                ),
            ),
            (
                "late_delivery_share_180d > 0",
                Text(
                    "{late_delivery_share_180d:percent} of the deliveries of the last 180 days came late.",
                    "最近 180 天的交货中有 {late_delivery_share_180d:percent} 延迟。",
                ),
            ),
            (
                "late_delivery_share_180d = 0",
                Text("Every delivery of the last 180 days came in time.", "最近 180 天的交货全部准时。"),
            ),
        ),
    ),
    Group(
        "waiting_deliveries",
        "service",
        ("late_waiting_lines",),
        Text("Deliveries that it still waits for.", "尚未交付的货物。"),
        (
            (
                "late_waiting_lines > 0",
                Text(
                    "Order lines past their promised day and still not delivered: {late_waiting_lines:count}.",
                    "已过承诺交期仍未交货的订单行：{late_waiting_lines:count} 行。",
                ),
            ),
            ("TRUE", Text("Waits for no delivery past its promised day.", "没有已过承诺交期的未交货订单。")),
        ),
    ),
    Group(
        "contacts",
        "contacts",
        ("contacts_90d", "contacts_365d", "contacts_90d_of_365d", "days_since_last_contact", "inquiries_90d"),
        Text("Contacts.", "客户互动。"),
        (
            (
                "inquiries_90d > 0",
                Text(
                    "Contacts in the last 90 days: {contacts_90d:count}, of which inquiries: {inquiries_90d:count}; in the"
                    " last 365 days: {contacts_365d:count}.",
                    "最近 90 天互动 {contacts_90d:count} 次，其中咨询 {inquiries_90d:count} 次；最近 365 天互动"
                    " {contacts_365d:count} 次。",
                ),
            ),
            (
                "TRUE",
                Text(
                    "Contacts in the last 90 days: {contacts_90d:count}; in the last 365 days: {contacts_365d:count}, the last"
                    " one {days_since_last_contact:days} ago.",
                    "最近 90 天互动 {contacts_90d:count} 次，最近 365 天 {contacts_365d:count} 次；最近一次距今"
                    " {days_since_last_contact:days}。",
                ),
            ),
            (
                "TRUE",
                Text("Contacts in the last 90 days: {contacts_90d:count}.", "最近 90 天互动 {contacts_90d:count} 次。"),
            ),
        ),
    ),
    Group(
        "signs_of_life",
        "contacts",
        ("words_90d", "words_365d", "days_since_last_word", "days_since_last_sign_of_life", "signs_of_life_missed"),
        Text("Getting in touch itself.", "客户主动联系。"),
        (
            (
                "days_since_last_word < days_since_last_purchase",
                Text(
                    "Last got in touch itself {days_since_last_word:days} ago, after its last purchase; {words_365d:count}"
                    " times in the last 365 days.",
                    "客户上次主动联系在 {days_since_last_word:days}前，晚于上次购买；最近 365 天共 {words_365d:count} 次。",
                ),
            ),
            (
                "days_since_last_word >= 0",
                Text(
                    "Has not got in touch itself since its last purchase; the last time was {days_since_last_word:days} ago.",
                    "自上次购买以来客户未主动联系；上次主动联系在 {days_since_last_word:days}前。",
                ),
            ),
            ("TRUE", Text("Has never got in touch itself.", "客户从未主动联系。")),
        ),
    ),
    Group(
        "visits",
        "contacts",
        ("visits_365d",),
        Text("Visits.", "拜访情况。"),
        (
            (
                "visits_365d > 0",
                Text("Visits in the last 365 days: {visits_365d:count}.", "最近 365 天拜访 {visits_365d:count} 次。"),
            ),
            ("TRUE", Text("No visit in the last 365 days.", "最近 365 天没有拜访。")),
        ),
    ),
    Group(
        "actions",
        "contacts",
        ("actions_180d", "days_since_last_action"),
        Text("What was done to keep the customer.", "为挽留客户采取的行动。"),
        (
            (
                "actions_180d > 0",
                Text(
                    "Retention actions in the last 180 days: {actions_180d:count}, the last one {days_since_last_action:days}"
                    " ago.",
                    "最近 180 天挽留行动 {actions_180d:count} 次，最近一次距今 {days_since_last_action:days}。",
                ),
            ),
            (
                "days_since_last_action IS NOT NULL",
                Text(
                    "The last retention action was {days_since_last_action:days} ago.",
                    "最近一次挽留行动距今 {days_since_last_action:days}。",
                ),
            ),
            ("TRUE", Text("No retention action so far.", "至今没有挽留行动。")),
        ),
    ),
    Group(
        "contracts",
        "contract",
        ("contracts_running", "contract_running_days", "contract_amount", "plans_365d"),
        Text("Contracts that run.", "生效中的合同。"),
        (
            (
                "contracts_running > 0 AND contract_amount > 0",
                Text(
                    "Running contracts: {contracts_running:count}, the oldest for {contract_running_days:days};"
                    " {contract_amount:money} per period.",
                    "生效中的合同 {contracts_running:count} 份，最早的已生效 {contract_running_days:days}；每期"
                    " {contract_amount:money}。",
                ),
            ),
            (
                "contracts_running > 0",
                Text(
                    "Running contracts: {contracts_running:count}, the oldest for {contract_running_days:days}.",
                    "生效中的合同 {contracts_running:count} 份，最早的已生效 {contract_running_days:days}。",
                ),
            ),
            ("contracts_running = 0", Text("No contract runs.", "没有生效中的合同。")),
        ),
    ),
    Group(
        "contract_changes",
        "contract",
        ("contract_amount_change_365d", "contracts_ended_365d", "contracts_total"),
        Text("How contracts have changed.", "合同的变化。"),
        (
            (
                "contract_amount_change_365d <= -0.5",
                Text(
                    "Pays {-(contract_amount_change_365d):money} less per period for contracts than 365 days ago.",
                    "合同每期金额比 365 天前减少 {-(contract_amount_change_365d):money}。",
                ),
            ),
            (
                "contract_amount_change_365d >= 0.5",
                Text(
                    "Pays {contract_amount_change_365d:money} more per period for contracts than 365 days ago.",
                    "合同每期金额比 365 天前增加 {contract_amount_change_365d:money}。",
                ),
            ),
            (
                "contracts_ended_365d > 0",
                Text(
                    "Contracts that ended in the last 365 days: {contracts_ended_365d:count}.",
                    "最近 365 天到期或终止的合同：{contracts_ended_365d:count} 份。",
                ),
            ),
            (
                "contracts_ended_365d = 0",
                Text("No contract ended in the last 365 days.", "最近 365 天没有合同到期或终止。"),
            ),
            (
                "contracts_total IS NOT NULL",
                Text(
                    "Contracts until now, ended ones included: {contracts_total:count}.",
                    "至今共有合同（含已终止）：{contracts_total:count} 份。",
                ),
            ),
        ),
    ),
    Group(
        "relationship",
        "profile",
        ("days_since_acquired", "days_acquired_to_first_purchase"),
        Text("How long the relationship has lasted.", "客户关系建立的时长。"),
        (
            (
                "days_acquired_to_first_purchase >= 0",
                Text(
                    "A customer for {days_since_acquired:days}; first bought {days_acquired_to_first_purchase:days} after that"
                    " began.",
                    "建立关系已 {days_since_acquired:days}；建立关系 {days_acquired_to_first_purchase:days}后首次购买。",
                ),
            ),
            (
                "days_since_acquired IS NOT NULL",
                Text("A customer for {days_since_acquired:days}.", "建立关系已 {days_since_acquired:days}。"),
            ),
        ),
    ),
    Group(
        "tier",
        "profile",
        ("tier_changes_365d",),
        Text("The customer's tier.", "客户等级。"),
        (
            (
                "tier_changes_365d > 0",
                Text(
                    "Other tiers held in the last 365 days: {tier_changes_365d:count}.",
                    "最近 365 天内曾处于其他等级：{tier_changes_365d:count} 个。",
                ),
            ),
            ("tier_changes_365d = 0", Text("Has kept its tier for the last 365 days.", "最近 365 天等级没有变化。")),
        ),
    ),
)
