"""Every text of the plan's page, in both languages, under a name that the template uses."""

from features.text import Text

PLAN: dict[str, Text] = {
    "plan": Text("Plan", "计划"),
    "plan_title": Text("The plan of {days} days", "{days} 天行动计划"),
    "plan_tagline": Text(
        "Whom to contact, in the order of money, within the hours and the budget that there are.",
        "在现有工时与预算内，按收益排列的联系名单。",
    ),
    "plan_none_title": Text("No plan was made yet", "尚未制定计划"),
    "plan_none_text": Text(
        "Make one from the last scores; it appears here at once.", "请根据最近一次评分制定计划，完成后立即显示在此处。"
    ),
    "plan_contacts": Text("Contacts", "联系数"),
    "plan_contacts_note": Text(
        "of {customers} customers; {controls} are controls, {resting} were contacted lately",
        "共 {customers} 位客户；{controls} 位为对照组，{resting} 位近期已联系",
    ),
    "plan_profit": Text("Expected profit", "预期利润"),
    "plan_profit_note": Text(
        "{low} to {high} at the ends of all beliefs; no plan can expect more than {most}",
        "所有假设取上下限时为 {low} 至 {high}；任何计划不超过 {most}",
    ),
    "plan_limits": Text("What limits the plan", "计划的限制"),
    "plan_made": Text("Made from the scores of {day}", "依据 {day} 的评分"),
    "plan_manager": Text("Account manager", "客户经理"),
    "plan_team": Text("Team", "团队"),
    "plan_nobody": Text("Nobody is to be contacted with these filters.", "没有符合条件的联系。"),
    "plan_all": Text("Show all", "显示全部"),
    "plan_minutes": Text("{minutes} minutes", "{minutes} 分钟"),
}
