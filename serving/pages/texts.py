"""Every text on the pages, in both languages, under a name that the templates use."""

from features.text import Text

BANDS: dict[str, Text] = {
    "high": Text("High risk", "高风险"),
    "medium": Text("Medium risk", "中风险"),
    "low": Text("Low risk", "低风险"),
}

SORTS: dict[str, Text] = {
    "-expected_profit": Text("Expected profit", "预期利润"),
    "-churn_probability": Text("Churn risk", "流失风险"),
    "-value_at_stake": Text("Value at stake", "留存价值"),
    "-lifetime_value": Text("Lifetime value", "终身价值"),
    "-value_score": Text("Value score", "价值评分"),
    "customer_id": Text("Customer id", "客户编号"),
}

SORTS_OF_MONEY = ("-expected_profit", "-value_at_stake")
"""Those that say nothing where no money is known."""
SORTS_OF_VALUE = ("-lifetime_value", "-value_score")
"""Those that say nothing where purchases could not be foretold."""

NO_ACTION = Text("No action pays today", "今天无需行动")

METRICS: dict[str, Text] = {
    "auc": Text("AUC {value:.3f}", "AUC {value:.3f}"),
    "calibration_error": Text("calibration error {value:.3f}", "校准误差 {value:.3f}"),
    "top_decile_lift": Text("{value:.1f} × lift in the top tenth", "前十分之一提升 {value:.1f} 倍"),
}
"""The measures of the model that the header shows, out of a run's ``model_metrics``."""

PAGE: dict[str, Text] = {
    "title": Text("Who to contact today", "今天该联系谁"),
    "tagline": Text("Customers ranked by what a contact is expected to earn.", "按联系客户的预期收益排序。"),
    "tagline_unpaid": Text(
        "Customers ranked by their risk; no action pays today.", "按流失风险排序；今天没有值得采取的行动。"
    ),
    "tagline_risk": Text(
        "Customers ranked by their risk; actions need orders or contract prices.",
        "按流失风险排序；推荐行动需要订单或合同价格。",
    ),
    "leaving": Text("Leaving means: {outcome}.", "流失指：{outcome}。"),
    "skip": Text("Skip to the list", "跳到列表"),
    "language": Text("Language", "语言"),
    "as_of": Text("Scores as of {day}", "评分时点：{day}"),
    "model": Text("Model version {version}", "模型版本 {version}"),
    "no_model": Text("No churn model", "无流失模型"),
    "drift_none": Text(
        "Customers are like those the model learnt from (stability index {index})",
        "客户群体与模型训练时相近（PSI {index}）",
    ),
    "drift_unknown": Text(
        "Whether customers are like those the model learnt from is not known: it kept no record of them. 'retinue train' does.",
        "无法判断客户群体是否与训练时相近：该模型未保存训练时的客户分布；重新运行“retinue train”后即可判断。",
    ),
    "drift": Text("The customers have changed since the model learnt", "客户群体自模型训练以来已发生变化"),
    "drift_words": Text(
        "The {now} customers at risk are no longer like the {then} it learnt from; these facts moved most. Look whether a source of"
        " data has changed; if not, 'retinue train' learns anew.",
        "当前的 {now} 位可流失客户与训练时的 {then} 位已有明显差异，以下各项变化最大。请检查数据来源是否变化；如无变化，请用“retinue train”重新训练。",
    ),
    "drift_scale": Text(
        "Population stability index (PSI): above the mark, at {limit} or where chance ends, it is held to be another population."
        " Features above it: {moved}.",
        "群体稳定性指标（PSI）：超过标记处（{limit} 或随机波动的上限）视为不同群体。超出的特征数：{moved}。",
    ),
    "drift_limit": Text("mark at {limit}", "标记处为 {limit}"),
    "churn_probability": Text("Churn probability", "流失概率"),
    "quality": Text("Measured on past customers it had not seen", "在未见过的历史客户上测得"),
    "alternatives": Text("What else fits, and what it is expected to earn", "其他适用的行动及其预期利润"),
    "numbers": Text("Key numbers", "关键数字"),
    "tile_customers": Text("Customers", "客户"),
    "tile_customers_note": Text("{abstained} without a score", "其中 {abstained} 位未评分"),
    "tile_customers_all": Text("all scored", "全部已评分"),
    "tile_risk": Text("At high risk", "高流失风险"),
    "tile_risk_note": Text(
        "{share} of those scored; leaving within {days} days", "占已评分客户的 {share}；{days} 天内流失"
    ),
    "tile_medium": Text("At medium risk", "中流失风险"),
    "tile_low": Text("At low risk", "低流失风险"),
    "tile_share_note": Text("{share} of those scored", "占已评分客户的 {share}"),
    "tile_stake": Text("Money at stake", "面临流失的价值"),
    "tile_stake_note": Text("margin over {days} days of those at high risk", "高风险客户未来 {days} 天的毛利"),
    "tile_profit": Text("Worth doing", "值得采取的行动"),
    "tile_profit_note": Text("expected profit of {count} actions", "{count} 项推荐行动的预期利润合计"),
    "segments": Text("Segments", "客户细分"),
    "all_customers": Text("All customers", "全部客户"),
    "filters": Text("Filter the list", "筛选"),
    "search": Text("Customer", "客户"),
    "search_hint": Text("Id or name", "编号或名称"),
    "band": Text("Churn risk", "流失风险"),
    "action": Text("Action", "行动"),
    "segment": Text("Segment", "客户细分"),
    "sort": Text("Sort by", "排序"),
    "any": Text("All", "全部"),
    "apply": Text("Apply", "应用"),
    "count": Text("{count} customers", "共 {count} 位客户"),
    "count_one": Text("1 customer", "共 1 位客户"),
    "none_found": Text("No customer matches these filters.", "没有符合条件的客户。"),
    "clear": Text("Show all customers", "显示全部客户"),
    "column_customer": Text("Customer", "客户"),
    "column_risk": Text("Churn risk, {days} days", "{days} 天流失风险"),
    "column_why": Text("Why", "主要原因"),
    "column_action": Text("Recommended action", "推荐行动"),
    "column_profit": Text("Expected profit, {currency}", "预期利润（{currency}）"),
    "more": Text("Show more", "显示更多"),
    "interval": Text("95% interval {low} to {high}", "95% 区间 {low} 至 {high}"),
    "range": Text("{low} to {high}", "{low} 至 {high}"),
    "not_scored": Text("Not scored", "未评分"),
    "close": Text("Close", "关闭"),
    "back": Text("All customers", "全部客户"),
    "risk": Text("Churn risk", "流失风险"),
    "risk_sentence": Text(
        "Of 100 such customers, about {percent:.0f} leave within {days} days (95% interval: {low:.0f} to {high:.0f}).",
        "每 100 位此类客户中，约有 {percent:.0f} 位会在 {days} 天内流失（95% 区间：{low:.0f} 至 {high:.0f} 位）。",
    ),
    "risk_sentence_plain": Text(
        "Of 100 such customers, about {percent:.0f} leave within {days} days.",
        "每 100 位此类客户中，约有 {percent:.0f} 位会在 {days} 天内流失。",
    ),
    "why": Text("Why", "原因"),
    "raises": Text("raises the risk", "推高风险"),
    "lowers": Text("lowers the risk", "降低风险"),
    "no_reasons": Text("No single driver stands out.", "没有特别突出的成因。"),
    "todo": Text("What to do", "建议行动"),
    "cost": Text("Cost of the action", "行动成本"),
    "effect": Text("Keeps, of those leaving", "预计挽留比例"),
    "profit": Text("Expected profit", "预期利润"),
    "kind": Text("Kind of customer", "客户类型"),
    "facts": Text("Key facts", "关键事实"),
    "fact_since": Text("Last purchase", "上次购买"),
    "fact_since_value": Text("{days} days ago", "{days} 天前"),
    "fact_days": Text("Days with a purchase, 365 days", "近 365 天购买天数"),
    "fact_spend": Text("Spend, 365 days", "近 365 天消费额"),
    "fact_overdue": Text("Overdue balance", "逾期未付余额"),
    "fact_stake": Text("Margin at stake, {days} days", "未来 {days} 天留存毛利"),
    "value": Text("Value", "价值"),
    "lifetime_value": Text("Expected margin of {days} days, discounted", "未来 {days} 天预期毛利（折现）"),
    "range_90": Text("90%: {low} to {high}", "90% 区间：{low} 至 {high}"),
    "value_score": Text("Value score", "价值评分"),
    "loyalty": Text("Loyalty", "忠诚度"),
    "share_of_customer": Text("Share of customer", "客户份额"),
    "trajectory": Text("Course of spend", "消费走势"),
    "trajectory_since": Text(" since {day}", "（自 {day} 起）"),
    "cluster": Text("Acts like the group", "行为群组"),
    "expected_purchases": Text(
        "Expected to buy on about {purchases} days within {days} days (90%: {low} to {high}) and to spend {revenue} {currency}.",
        "预计 {days} 天内约有 {purchases} 天购买（90% 区间：{low} 至 {high}），消费 {revenue} {currency}。",
    ),
    "receivables": Text("Receivables", "应收账款"),
    "balance": Text("Balance", "应收余额"),
    "overdue": Text("Overdue", "逾期金额"),
    "overdue_since": Text(", the oldest by {days} days", "，最长逾期 {days} 天"),
    "ageing": Text("What is open, by age", "未结金额的账龄"),
    "credit_class": Text("Credit class", "信用等级"),
    "late_probability": Text("Likely to be paid late, by amount", "预计逾期付款的概率（按金额）"),
    "has_overdue_risk": Text("Nothing is overdue yet, but late payment is likely.", "目前尚未逾期，但很可能逾期。"),
    "dunning": Text(": {step}", "：{step}"),
    "instalments": Text(": {number} monthly ones of {amount} {currency}", "：共 {number} 期，每月 {amount} {currency}"),
    "tier": Text("Tier", "客户等级"),
    "stage": Text("Stage of life", "生命周期阶段"),
    "manager": Text("Account manager", "客户经理"),
    "abstained": Text("No score for this customer", "该客户未评分"),
    "raw": Text("This answer as JSON", "查看 JSON"),
    "catalogue": Text("Feature catalogue {hash}", "特征目录 {hash}"),
    "empty_title": Text("No scores yet", "尚无评分"),
    "empty_text": Text(
        "Score the customers once, then this page shows who to contact. Nothing needs a restart.",
        "为客户评分一次后，本页会列出应联系的客户，无需重启服务。",
    ),
    "api": Text("API description (OpenAPI)", "API 说明（OpenAPI）"),
    "run_json": Text("This run as JSON", "批次信息（JSON）"),
    "today": Text("today", "今天"),
    "days_old_one": Text("1 day old", "1 天前"),
    "days_old": Text("{days} days old", "{days} 天前"),
    "years_old": Text("{years:.1f} years old", "{years:.1f} 年前"),
    "old_scores": Text(
        "These scores are old. Run 'retinue score' for newer ones.", "这些评分已较旧，请运行“retinue score”更新。"
    ),
}
