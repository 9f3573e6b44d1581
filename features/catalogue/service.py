"""How well the customer is served, and what it says of it: complaints, survey scores, late deliveries."""

from features.catalogue.feature import Feature
from features.text import Text

CLOSED = ("interactions.closed_at",)
SCORE = ("interactions.score",)
DELIVERY = ("orders.promised_at", "orders.delivered_at")
NO_COMPLAINT = Text("no complaint", "没有投诉")
NO_DELIVERY = Text("no delivery in the last 180 days", "最近 180 天没有交货")

FEATURES = (
    Feature(
        "complaints_90d", "service", "contacts", "sum(is_complaint * in_90d)", "complaints",
        Text("Complaints in the last 90 days", "最近 90 天的投诉数"), empty=0,
    ),
    Feature(
        "complaints_180d", "service", "contacts", "sum(is_complaint * in_180d)", "complaints",
        Text("Complaints in the last 180 days", "最近 180 天的投诉数"), empty=0,
    ),
    Feature(
        "complaints_365d", "service", "contacts", "sum(is_complaint * in_365d)", "complaints",
        Text("Complaints in the last 365 days", "最近 365 天的投诉数"), empty=0,
    ),
    Feature(
        "complaints_of_own", "service", "features", "complaints_90d / nullif(complaints_365d, 0)", "share",
        Text("Share of the last 365 days' complaints that came in the last 90", "最近 365 天投诉中落在最近 90 天的占比"),
        missing=Text("no complaint in the last 365 days", "最近 365 天没有投诉"), range=(0, 1),
    ),
    Feature(
        "complaints_per_purchase_day_365d", "service", "features", "complaints_365d / nullif(purchase_days_365d, 0)",
        "complaints", Text("Complaints per purchase day in the last 365 days", "最近 365 天每个购买日的投诉数"),
        missing=Text("no purchase in the last 365 days", "最近 365 天没有购买"),
    ),
    Feature(
        "complaints_open", "service", "contacts", "count(*) FILTER (WHERE is_open = 1)", "complaints",
        Text("Complaints still open", "尚未关闭的投诉数"), empty=0, needs=CLOSED,
    ),
    Feature(
        "complaint_open_days_max", "service", "contacts", "max(age_days) FILTER (WHERE is_open = 1)", "days",
        Text("Days that the oldest open complaint has waited", "最早未关闭投诉已等待的天数"),
        missing=Text("no open complaint", "没有未关闭的投诉"), needs=CLOSED,
    ),
    Feature(
        "complaint_closing_days_mean_365d", "service", "contacts",
        "sum(closing_days * is_complaint * is_closed * in_365d) / nullif(sum(is_complaint * is_closed * in_365d), 0)",
        "days", Text("Mean days to close a complaint of the last 365 days", "最近 365 天投诉的平均处理天数"),
        missing=Text("no closed complaint in the last 365 days", "最近 365 天没有已关闭的投诉"), needs=CLOSED, range=(None, None),
    ),
    Feature(
        "complaint_severity_max_180d", "service", "contacts",
        "max(severity) FILTER (WHERE is_complaint = 1 AND age_days <= 180)", "points",
        Text("Gravest complaint of the last 180 days", "最近 180 天最严重投诉的程度"),
        missing=Text("no complaint in the last 180 days", "最近 180 天没有投诉"), needs=("interactions.severity",),
        range=(None, None),
    ),
    Feature(
        "days_since_last_complaint", "service", "contacts", "min(age_days) FILTER (WHERE is_complaint = 1)", "days",
        Text("Days since the last complaint", "距上次投诉的天数"), missing=NO_COMPLAINT,
    ),
    Feature(
        "bought_since_last_complaint", "service", "features",
        "CASE WHEN days_since_last_purchase < days_since_last_complaint THEN 1"
        " WHEN days_since_last_purchase >= days_since_last_complaint THEN 0 END",
        "0 or 1", Text("Whether it bought again since the last complaint", "上次投诉后是否再次购买"),
        missing=Text("no complaint, or no purchase", "没有投诉或没有购买"), range=(0, 1),
    ),
    Feature(
        "survey_score_last", "service", "contacts",
        "arg_max(score, struct_pack(moment := contacted_at, score := -score)) FILTER (WHERE score IS NOT NULL)", "points",
        Text("Last survey score", "最近一次调查评分"), missing=Text("no survey", "没有调查"), needs=SCORE, range=(None, None),
    ),
    Feature(
        "survey_score_change", "service", "contacts",
        "arg_max(score, struct_pack(moment := contacted_at, score := -score)) FILTER (WHERE score IS NOT NULL)"
        " - arg_min(score, struct_pack(moment := contacted_at, score := score)) FILTER (WHERE score IS NOT NULL AND age_days <= 730)",
        "points", Text("Last survey score less the first of the last 730 days", "最近一次与最近 730 天首次调查评分之差"),
        missing=Text("no survey in the last 730 days", "最近 730 天没有调查"), needs=SCORE, range=(None, None),
    ),
    Feature(
        "late_delivery_share_180d", "service", "order_lines",
        "sum(is_late * in_180d)"
        " / nullif(sum(is_delivered * in_180d), 0)",
        "share", Text("Share of the deliveries of the last 180 days' orders that came late", "最近 180 天订单的交货中延迟的占比"),
        missing=NO_DELIVERY, needs=DELIVERY, range=(0, 1),
    ),
    Feature(
        "late_delivery_days_mean_180d", "service", "order_lines",
        "sum(is_late * late_days * in_180d)"
        " / nullif(sum(is_delivered * in_180d), 0)",
        "days", Text("Mean days that the deliveries of the last 180 days' orders came late", "最近 180 天订单交货的平均延迟天数"),
        missing=NO_DELIVERY, needs=DELIVERY,
    ),
    Feature(
        "late_waiting_lines", "service", "order_lines",
        "sum(waits_late * in_180d)", "order lines",
        Text("Order lines of the last 180 days past their promised day and not delivered", "最近 180 天已过承诺交期而未交货的订单行数"),
        empty=0, needs=DELIVERY,
    ),
)  # fmt: skip
