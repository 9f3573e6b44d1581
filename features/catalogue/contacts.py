"""How often and about what customer and company speak, complaints apart; and what was done to keep the customer."""

from features.catalogue.feature import Feature
from features.text import Text

NO_CONTACT = Text("no contact", "没有互动")

FEATURES = (
    Feature(
        "contacts_90d", "contacts", "contacts", "sum(is_contact * in_90d)", "contacts",
        Text("Contacts other than complaints in the last 90 days", "最近 90 天除投诉外的互动次数"), empty=0,
    ),
    Feature(
        "contacts_365d", "contacts", "contacts", "sum(is_contact * in_365d)", "contacts",
        Text("Contacts other than complaints in the last 365 days", "最近 365 天除投诉外的互动次数"), empty=0,
    ),
    Feature(
        "contacts_90d_of_365d", "contacts", "features", "contacts_90d / nullif(contacts_365d, 0)", "share",
        Text("Share of the last 365 days' contacts that lie in the last 90", "最近 365 天互动中落在最近 90 天的占比"),
        missing=Text("no contact in the last 365 days", "最近 365 天没有互动"), range=(0, 1),
    ),
    Feature(
        "inquiries_90d", "contacts", "contacts", "sum(is_inquiry * in_90d)", "inquiries",
        Text("Inquiries in the last 90 days", "最近 90 天的咨询次数"), empty=0,
    ),
    Feature(
        "visits_365d", "contacts", "contacts", "sum(is_visit * in_365d)", "visits",
        Text("Visits in the last 365 days", "最近 365 天的拜访次数"), empty=0,
    ),
    Feature(
        "days_since_last_contact", "contacts", "contacts", "min(CASE WHEN is_complaint = 0 THEN age_days END)", "days",
        Text("Days since the last contact other than a complaint", "距上次互动（投诉除外）的天数"), missing=NO_CONTACT,
    ),
    Feature(
        "words_90d", "contacts", "contacts", "sum(is_by_customer * in_90d)", "contacts",
        Text("Times the customer got in touch itself in the last 90 days", "最近 90 天客户主动联系的次数"), empty=0,
    ),
    Feature(
        "words_365d", "contacts", "contacts", "sum(is_by_customer * in_365d)", "contacts",
        Text("Times the customer got in touch itself in the last 365 days", "最近 365 天客户主动联系的次数"), empty=0,
    ),
    Feature(
        "days_since_last_word", "contacts", "contacts", "min(CASE WHEN is_by_customer = 1 THEN age_days END)", "days",
        Text("Days since the customer last got in touch itself", "距客户上次主动联系的天数"),
        missing=Text("never got in touch", "从未主动联系"),
    ),
    Feature(
        "days_since_last_sign_of_life", "contacts", "features", "least(days_since_last_purchase, days_since_last_word)",
        "days", Text("Days since the customer last bought or got in touch itself", "距客户上次购买或主动联系的天数"),
        missing=Text("neither bought nor got in touch", "从未购买也未主动联系"),
    ),
    Feature(
        "signs_of_life_missed", "contacts", "features",
        "least(days_since_last_purchase, days_since_last_word) * (purchase_days_365d + words_365d) / 365", "contacts",
        Text(
            "Purchase days and contacts by the customer that its own last year leads to expect since the last of them",
            "按客户最近一年的节奏，自上次购买或主动联系以来本应有的购买日与主动联系次数",
        ),
        missing=Text("neither bought nor got in touch", "从未购买也未主动联系"),
    ),
    Feature(
        "actions_180d", "contacts", "actions", "count(*) FILTER (WHERE age_days <= 180)", "actions",
        Text("Retention actions in the last 180 days", "最近 180 天的挽留行动次数"), empty=0,
    ),
    Feature(
        "days_since_last_action", "contacts", "actions", "min(age_days)", "days",
        Text("Days since the last retention action", "距上次挽留行动的天数"), missing=Text("no action", "没有行动"),
    ),
)  # fmt: skip
