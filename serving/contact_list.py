"""The contacts of a plan as a list that a spreadsheet opens: one line a customer, in the order of money."""

from typing import Any

import pandas as pd

from features.text import Language, Text
from serving.planning import Planned


def titles(currency: str) -> dict[str, Text]:
    """The columns of the list and their titles, in order."""
    return {
        "place": Text("no.", "序号"),
        "account_manager": Text("account manager", "客户经理"),
        "customer_id": Text("customer id", "客户编号"),
        "customer_name": Text("customer", "客户"),
        "tier": Text("tier", "客户等级"),
        "action": Text("what to do", "行动"),
        "accompanying_action": Text("and", "同时"),
        "why": Text("why", "原因"),
        "churn_probability": Text("probability of leaving", "流失概率"),
        "value_at_stake": Text("margin at stake, {currency}", "面临风险的毛利（{currency}）").format(currency=currency),
        "overdue_balance": Text("overdue, {currency}", "逾期余额（{currency}）").format(currency=currency),
        "expected_profit": Text("expected profit, {currency}", "预期利润（{currency}）").format(currency=currency),
        "expected_profit_low": Text("low end", "下限"),
        "expected_profit_high": Text("high end", "上限"),
        "action_cost": Text("cost, {currency}", "成本（{currency}）").format(currency=currency),
        "minutes": Text("minutes", "分钟"),
    }


def contact_list(made: Planned, language: Language) -> pd.DataFrame:
    """The contacts with texts in one language, money in cents and shares to three digits; columns as `titles` has them."""
    names = list(titles(made.summary.currency))
    rows = [_row(item, language) for item in made.items]
    frame = pd.DataFrame(rows, columns=names)
    return frame.round(
        {"churn_probability": 3} | {name: 2 for name in names if name not in ("place", "churn_probability")}
    )


def _row(item: dict[str, Any], language: Language) -> dict[str, Any]:
    """One contact; texts in both languages give way to the one that is asked for."""
    spoken = {
        "why": item["why"],
        "action": item["action_name"],
        "accompanying_action": item["accompanying_action_name"],
    }
    return item | {name: said[language] if said else None for name, said in spoken.items()}
