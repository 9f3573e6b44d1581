"""A plan as one page that needs nothing else, made of tables that the command line prints as well."""

import math
from collections.abc import Mapping
from typing import Any

from features.project import Project
from features.text import Language, Text
from serving.decisions.business import playbook_said
from serving.decisions.portfolios import CHURN, DEVELOPMENT, NO_RANKING, OVERDUE, REVENUE, Portfolios
from serving.plan_schemas import PlanLimit, PlanSummary
from serving.planning import Planned
from training.card.blocks import (
    MISSING,
    Block,
    Bullets,
    Paragraph,
    Picture,
    Section,
    Table,
    Tile,
    Tiles,
    number,
    percent,
    same,
    share,
)
from training.card.html import html
from training.evaluation.bootstrap import Estimate
from training.evaluation.plan_plots import BY_ACTION, IN_ORDER

MOST_ROWS = 200

PAGE = Text(
    "{company}: plan of {days} days from {as_of:%Y-%m-%d}", "{company}：{as_of:%Y-%m-%d} 起 {days} 天的行动计划"
)
CONTACTS, LIMITS = Text("Whom to contact", "联系名单"), Text("What limits the plan", "计划的限制")
MANAGERS, ASSUMED = Text("By account manager", "按客户经理"), Text("What this rests on", "依据")
PICTURES, PORTFOLIOS = Text("What it brings", "预期收益"), Text("Portfolios", "客户组合")
NOBODY = Text(
    "No contact pays within these limits and beliefs. Look at the playbook's actions and conditions, or at the budget.",
    "在当前限制与假设下没有值得进行的联系。请检查行动手册中的行动与条件，或预算。",
)
SHOWN = Text(
    "The first {shown} of {all:,}; all are in plan.parquet.",
    "共 {all:,} 位，以下为前 {shown} 位；全部见 plan.parquet。",
)
MORE_PORTFOLIOS = Text(
    "The first {shown} of {all:,} by name; all are in portfolios.parquet.",
    "按姓名排序，共 {all:,} 个客户组合，以下为前 {shown} 个；全部见 portfolios.parquet。",
)
UNASSIGNED = Text("(no account manager)", "（无客户经理）")
NO_LIMITS = Text(
    "The playbook sets no limit: neither budget nor hours nor contacts. All that pays is planned.",
    "行动手册未设任何限制（预算、工时、联系次数），所有值得的行动都列入计划。",
)
BOTH = Text("{first} + {second}", "{first} + {second}")
ALL = Text("all customers", "全部客户")
_MEASURES = {
    REVENUE: Text("revenue of 365 days, {currency}", "365 天收入（{currency}）"),
    CHURN: Text("churn within {days} days (90 %)", "{days} 天内流失率（90 %）"),
    OVERDUE: Text("overdue share of open balance (90 %)", "未结余额逾期占比（90 %）"),
    DEVELOPMENT: Text("revenue against the year before (90 %)", "收入较上年变化（90 %）"),
}
_SUMMARY = Text(
    "{contacts:,} of {customers:,} customers are to be contacted within {days} days; {currency} {profit:,.0f} expected"
    " ({low:,.0f} to {high:,.0f} at the ends of all beliefs), {hours:,.1f} hours, {cost:,.0f} cost.",
    "{days} 天内计划联系 {customers:,} 位客户中的 {contacts:,} 位；预期利润 {currency} {profit:,.0f}"
    "（所有假设取上下限时为 {low:,.0f} 至 {high:,.0f}），工时 {hours:,.1f} 小时，成本 {cost:,.0f}。",
)
_LEFT = Text(
    "{controls:,} customers are controls, who are left alone so that the effect of the work can be seen; {would_be:,} of them would"
    " have been in the plan, which is logged. {resting:,} were contacted too lately.",
    "{controls:,} 位客户为对照组，不采取行动，以便衡量工作成效；其中 {would_be:,} 位本会列入计划，已作记录。"
    "{resting:,} 位近期已联系，暂不打扰。",
)
_GAP = Text(
    "No plan within these limits can expect more than {currency} {most:,.0f}: at most {gap:.2%} more than this one.",
    "在这些限制内，任何计划的预期利润都不会超过 {currency} {most:,.0f}，即最多比本计划高 {gap:.2%}。",
)
_BELIEF = Text("{name}: {source}.", "{name}：{source}。")


def plan_page(
    made: Planned, project: Project, language: Language, pictures: Mapping[tuple[str, Language], bytes]
) -> str:
    """The page in one language; of ``pictures`` (PNG by name and language) those of its language are embedded."""
    sections = [
        Section(CONTACTS, _contacts(made)),
        Section(PICTURES, [Picture("in_order", IN_ORDER), Picture("by_action", BY_ACTION)]),
        Section(LIMITS, _limits(made.summary)),
        Section(MANAGERS, [manager_table(made)]),
        Section(PORTFOLIOS, portfolio_blocks(made)),
        Section(ASSUMED, [Bullets([*summary_sentences(made)[1:], *beliefs_told(made, project)])]),
    ]
    if not made.items:
        sections = [one for one in sections if one.title not in (PICTURES, MANAGERS)]
    if made.portfolios is None:
        sections = [one for one in sections if one.title != PORTFOLIOS]
    drawn = {name: data for (name, spoken), data in pictures.items() if spoken == language}
    return html(title_of(made, project), [_tiles(made.summary)], sections, drawn, language)


def title_of(made: Planned, project: Project) -> Text:
    """The title of the answer."""
    as_of = made.plan.as_of.astimezone(project.timezone)
    return PAGE.format(company=project.project.name, as_of=as_of, days=made.plan.period_days)


def summary_sentences(made: Planned) -> list[Text]:
    """How many are contacted and what comes of it, who is left alone, and how far from the best the plan can be."""
    told, items = made.summary, made.plan.items
    gap = told.most_possible_profit / told.expected_profit - 1 if told.expected_profit > 0 else 0.0
    return [
        _SUMMARY.format(
            contacts=told.contacts,
            customers=told.customers,
            days=told.period_days,
            currency=told.currency,
            profit=told.expected_profit,
            low=told.expected_profit_low,
            high=told.expected_profit_high,
            hours=float(items["minutes"].sum()) / 60,
            cost=float(items["action_cost"].sum()),
        ),
        _LEFT.format(controls=told.controls, would_be=len(made.plan.would_be), resting=told.resting),
        _GAP.format(currency=told.currency, most=told.most_possible_profit, gap=max(gap, 0.0)),
    ]


def contact_table(made: Planned, most: int = MOST_ROWS) -> Table:
    """The contacts in the order of money."""
    head = (
        *(
            Text("customer", "客户"),
            Text("what to do", "行动"),
            Text("account manager", "客户经理"),
            Text("why", "原因"),
        ),
        *(
            Text("risk", "风险"),
            Text("expected profit, {currency}", "预期利润（{currency}）").format(currency=made.summary.currency),
        ),
        *(Text("low to high", "下限至上限"), Text("cost", "成本"), Text("minutes", "分钟")),
    )
    return Table(head, [_contact(item) for item in made.items[:most]], words=4)


def _contact(item: dict[str, Any]) -> tuple[Text, ...]:
    name = item["customer_name"]
    risk = item["churn_probability"]
    return (
        same(f"{name} ({item['customer_id']})" if name else item["customer_id"]),
        _action(item),
        same(item["account_manager"]) if item["account_manager"] else UNASSIGNED,
        Text(**item["why"]) if item["why"] else same(MISSING),
        same(percent(risk, 0) if risk is not None else MISSING),
        same(number(item["expected_profit"])),
        Text(
            *(
                f"{number(item['expected_profit_low'])} {word} {number(item['expected_profit_high'])}"
                for word in ("to", "至")
            )
        ),
        same(number(item["action_cost"], 2)),
        same(number(item["minutes"])),
    )


def _action(item: dict[str, Any]) -> Text:
    first = Text(**item["action_name"])
    other = item["accompanying_action_name"]
    return BOTH.format(first=first, second=Text(**other)) if other else first


def limit_table(summary: PlanSummary) -> Table:
    """What limits the plan, how much of it is used, and what one more unit would be worth."""
    head = (Text("limit", "限制"), Text("in words", "说明"), Text("used", "已使用"), Text("of", "共"))
    return Table(head, [_limit(one) for one in summary.limits], words=2)


def _limit(one: PlanLimit) -> tuple[Text, ...]:
    bound = one.at_most if one.at_most is not None else one.at_least
    told = (Text(one.name.en, one.name.zh), Text(one.sentence.en, one.sentence.zh))
    return (*told, same(number(one.used, 1)), same(number(bound, 1) if bound is not None else MISSING))


def manager_table(made: Planned) -> Table:
    """Contacts, hours and expected profit of each account manager, by name."""
    head = (
        *(Text("account manager", "客户经理"), Text("contacts", "联系数"), Text("hours", "工时")),
        Text("expected profit, {currency}", "预期利润（{currency}）").format(currency=made.summary.currency),
    )
    items = made.plan.items
    sums = items.groupby("account_manager", dropna=False).agg(
        contacts=("customer_id", "size"), minutes=("minutes", "sum"), profit=("expected_profit", "sum")
    )
    rows = [
        (
            same(name) if isinstance(name, str) else UNASSIGNED,
            same(f"{contacts:,}"),
            same(number(minutes / 60, 1)),
            same(number(profit)),
        )
        for name, contacts, minutes, profit in sums.itertuples()
    ]
    return Table(head, rows)


def portfolio_blocks(made: Planned) -> list[Block]:
    """Each account manager's portfolio by name beside the company, how to read it, and what is left out and why."""
    held = made.portfolios
    if held is None:
        return []
    told = [name for name in _MEASURES if name in held.table]
    head = (
        *(Text("account manager", "客户经理"), Text("customers", "客户数")),
        *(_MEASURES[name].format(currency=made.summary.currency, days=made.churn_days) for name in told),
        Text("contacts planned", "计划联系数"),
    )
    company = (ALL, same(f"{held.company['customers']:,.0f}"), *(_whole(held, name) for name in told))
    rows = [
        *(_portfolio(row, told) for row in held.table[:MOST_ROWS].to_dict("records")),
        (*company, same(f"{held.company['contacts_planned']:,.0f}")),
    ]
    table = Table(head, rows, strong=frozenset({len(rows) - 1}))
    shown = MORE_PORTFOLIOS.format(shown=MOST_ROWS, all=len(held.table))
    return [
        table,
        *([Paragraph(shown)] if len(held.table) > MOST_ROWS else []),
        Paragraph(NO_RANKING),
        *([Bullets([*held.left_out.values()])] if held.left_out else []),
    ]


def _portfolio(row: dict[Any, Any], told: list[str]) -> tuple[Text, ...]:
    name = row["account_manager"]
    return (
        same(name) if isinstance(name, str) else UNASSIGNED,
        same(f"{row['customers']:,}"),
        *(_ranged(row, measure) for measure in told),
        same(f"{row['contacts_planned']:,}"),
    )


def _ranged(row: dict[Any, Any], measure: str) -> Text:
    """A measure of a portfolio with its interval."""
    if measure == REVENUE:
        return same(number(row[REVENUE]))
    return share(Estimate(row[measure], row[f"{measure}_low"], row[f"{measure}_high"], math.nan))


def _whole(held: Portfolios, measure: str) -> Text:
    value = held.company[measure]
    return same(number(value) if measure == REVENUE else percent(value))


def beliefs_told(made: Planned, project: Project) -> list[Text]:
    """Which playbook the plan follows, and where what is held of each planned action is from."""
    planned = {item[name] for item in made.items for name in ("action", "accompanying_action")}
    told = (
        _BELIEF.format(name=action.name, source=made.beliefs[action.id].source)
        for action in made.playbook.actions
        if action.id in planned
    )
    return [playbook_said(project), *told]


def _contacts(made: Planned) -> list[Block]:
    if not made.items:
        return [Paragraph(NOBODY)]
    note = SHOWN.format(shown=MOST_ROWS, all=len(made.items))
    return [contact_table(made), *([Paragraph(note)] if len(made.items) > MOST_ROWS else [])]


def _limits(summary: PlanSummary) -> list[Block]:
    return [limit_table(summary)] if summary.limits else [Paragraph(NO_LIMITS)]


def _tiles(summary: PlanSummary) -> Tiles:
    currency, days = summary.currency, summary.period_days
    return Tiles(
        [
            Tile(
                same(f"{summary.contacts:,}"),
                Text("contacts", "联系数"),
                Text("of {n:,} customers, in {days} days", "共 {n:,} 位客户，{days} 天内").format(
                    n=summary.customers, days=days
                ),
            ),
            Tile(
                same(number(summary.expected_profit)),
                Text("expected profit, {currency}", "预期利润（{currency}）").format(currency=currency),
                Text("{low} to {high} at the ends of all beliefs", "所有假设取上下限时为 {low} 至 {high}").format(
                    low=number(summary.expected_profit_low), high=number(summary.expected_profit_high)
                ),
            ),
            Tile(
                same(f"{summary.controls:,}"),
                Text("controls", "对照组"),
                Text("never treated, for comparison", "不采取行动，用于比较"),
            ),
        ]
    )
