"""How well the customer is served: complaints, contacts, survey scores, late deliveries."""

from features.catalogue.feature import Feature
from features.text import Text

FEATURES = (
    Feature(
        "complaints_90d", "service", "contacts", "count(*) FILTER (WHERE kind = 'complaint' AND age_days <= 90)",
        "complaints", Text("Complaints in the last 90 days", "最近 90 天的投诉数"), empty=0,
    ),
    Feature(
        "complaints_180d", "service", "contacts", "count(*) FILTER (WHERE kind = 'complaint' AND age_days <= 180)",
        "complaints", Text("Complaints in the last 180 days", "最近 180 天的投诉数"), empty=0,
    ),
    Feature(
        "complaints_open", "service", "contacts", "count(*) FILTER (WHERE kind = 'complaint' AND NOT is_closed)",
        "complaints", Text("Complaints still open", "尚未关闭的投诉数"), empty=0, needs=("interactions.closed_at",),
    ),
    Feature(
        "complaint_open_days_max", "service", "contacts",
        "max(age_days) FILTER (WHERE kind = 'complaint' AND NOT is_closed)", "days",
        Text("Days that the oldest open complaint has waited", "最早未关闭投诉已等待的天数"),
        missing=Text("no open complaint", "没有未关闭的投诉"), needs=("interactions.closed_at",),
    ),
    Feature(
        "days_since_last_complaint", "service", "contacts", "min(age_days) FILTER (WHERE kind = 'complaint')", "days",
        Text("Days since the last complaint", "距上次投诉的天数"), missing=Text("no complaint", "没有投诉"),
    ),
    Feature(
        "contacts_90d", "service", "contacts", "count(*) FILTER (WHERE kind <> 'complaint' AND age_days <= 90)",
        "contacts", Text("Contacts other than complaints in the last 90 days", "最近 90 天除投诉外的互动次数"), empty=0,
    ),
    Feature(
        "survey_score_last", "service", "contacts", "arg_max(score, row(contacted_at, -score)) FILTER (WHERE score IS NOT NULL)", "points",
        Text("Last survey score", "最近一次调查评分"), missing=Text("no survey", "没有调查"),
        needs=("interactions.score",), range=(None, None),
    ),
    Feature(
        "late_delivery_share_180d", "service", "order_lines",
        "avg((delivered_late_days > 0)::INTEGER::DOUBLE) FILTER (WHERE age_days <= 180)", "share",
        Text("Share of the last 180 days' deliveries that came late", "最近 180 天交货中延迟的占比"),
        missing=Text("no delivery in the last 180 days", "最近 180 天没有交货"),
        needs=("orders.promised_at", "orders.delivered_at"), range=(0, 1),
    ),
)  # fmt: skip
