"""The texts of the pages of warnings, in both languages, under a name that the templates use."""

from features.text import Text

ALERTS: dict[str, Text] = {
    "places": Text("Pages", "页面"),
    "customers": Text("Customers", "客户"),
    "alerts": Text("Warnings", "预警"),
    "alerts_tagline": Text(
        "The gravest first. Each says why, what to do, and how far that is.",
        "最严重的在前。每条说明原因、建议措施与处理进度。",
    ),
    "alerts_none_title": Text("No warnings yet", "尚无预警"),
    "alerts_none_text": Text(
        "Raise warnings from the published scores; they appear here at once.",
        "根据已发布的评分发出预警后，会立即显示在此处。",
    ),
    "alerts_none_found": Text("No warning matches these filters.", "没有符合条件的预警。"),
    "alerts_all": Text("Show all live warnings", "显示全部未关闭的预警"),
    "alerts_count": Text("{count} warnings", "共 {count} 条预警"),
    "alerts_count_one": Text("1 warning", "共 1 条预警"),
    "colour": Text("Colour", "级别"),
    "kind_of_alert": Text("Warning", "预警类型"),
    "owner": Text("Owner", "负责人"),
    "nobody": Text("Nobody yet", "未分派"),
    "status": Text("State", "状态"),
    "live": Text("Not closed", "未关闭"),
    "what_to_do": Text("What to do", "建议措施"),
    "measured": Text("Measured", "测得"),
    "trend": Text("Trend", "走势"),
    "level": Text("Level", "上报级别"),
    "opened": Text("Raised", "发出"),
    "looked_at": Text("Looked at last", "最近评估"),
    "gone_since": Text("Cause gone since", "原因消失自"),
    "act": Text("What is done", "处理"),
    "your_name": Text("Your name", "您的姓名"),
    "note": Text("Note", "备注"),
    "note_hint": Text("What was done or agreed", "已采取的措施或约定"),
    "assign_to": Text("Assign to", "分派给"),
    "history": Text("History", "历史"),
    "by_scores": Text("Scores", "评分"),
    "back_to_alerts": Text("All warnings", "全部预警"),
    "of_unchanged": Text("of unchanged customers would look so within a year", "未变化的客户一年内会出现此情形"),
}
