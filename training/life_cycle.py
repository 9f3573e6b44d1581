"""The stage of each customer's life (客户生命周期): prospect, development, growth, maturity, termination.

The rules stand in `RULES` and are asked from top to bottom; the first that applies gives the stage and the sentence that
says why. The last one applies to everybody, so that every customer is at exactly one stage. Thresholds come from the
customer's own habit where it has one, and from what leaving means for the company where it has not.
"""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from string import Formatter

import duckdb
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.project import ChurnSettings
from features.text import LANGUAGES, Language, Text

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Measures = Mapping[str, Floats]

NEW_BELOW_DAYS = 180
FEW_PURCHASES = 2
GAPS_OF_SILENCE = 3
"""With purchases at random times 5 % of the gaps are longer than three times the mean."""
HALF_YEAR_DAYS = 180
LEAST_EARLIER_DAYS = 90
RISE = 1.25
LEAST_PURCHASES_OF_A_RISE = 3


@dataclass(frozen=True)
class Stage:
    """A stage: its name, and what it asks of the company."""

    name: Text
    care: Text


STAGES: dict[str, Stage] = {
    "prospect": Stage(
        Text("Prospect", "潜在客户"), Text("Find out what it needs and win the first order.", "了解需求，争取首单。")
    ),
    "development": Stage(
        Text("Development", "开发期"), Text("Win its trust: the next orders decide.", "建立信任，后续订单至关重要。")
    ),
    "growth": Stage(Text("Growth", "成长期"), Text("Widen the assortment, secure supply.", "扩大合作品类，保障供货。")),
    "maturity": Stage(
        Text("Maturity", "成熟期"), Text("Keep service steady, watch for decline.", "保持服务稳定，警惕下滑。")
    ),
    "termination": Stage(
        Text("Termination", "终止期"),
        Text("Find out why, and win back who is worth it.", "查明原因，挽回有价值的客户。"),
    ),
}
"""The stages in their order."""


@dataclass(frozen=True)
class Rule:
    """When a customer is at a stage, and why, with the measures that say so."""

    name: str
    stage: str
    applies: Callable[[Measures], Flags]
    reason: Text


def _never_bought(of: Measures) -> Flags:
    had = ("purchases", "contracts", "contracts_ended", "contracts_ever", "plans", "invoices")
    return np.asarray(np.logical_and.reduce([~(of[name] > 0) for name in had]))


def _is_silent(of: Measures) -> Flags:
    return ~(of["contracts"] > 0) & (of["silent_days"] > of["silence_limit_days"])


RULES: tuple[Rule, ...] = (
    Rule(
        "asked",
        "prospect",
        lambda of: _never_bought(of) & (of["inquiries"] > 0),
        Text("Has never bought, but made {inquiries:.0f} inquiries in the last 90 days.", "尚未购买，但最近 90 天咨询 {inquiries:.0f} 次。"),
    ),
    Rule(
        "in_touch",
        "prospect",
        lambda of: _never_bought(of) & (of["contacts"] > 0),
        Text("Has never bought, but was in touch {contacts:.0f} times in the last 365 days.", "尚未购买，但最近 365 天互动 {contacts:.0f} 次。"),
    ),
    Rule(
        "complained",
        "prospect",
        lambda of: _never_bought(of) & (of["complaints"] > 0),
        Text("Has never bought, but complained {complaints:.0f} times in the last 365 days.", "尚未购买，但最近 365 天投诉 {complaints:.0f} 次。"),
    ),
    Rule("on_file", "prospect", _never_bought, Text("Is on file and has never bought.", "已建档，尚未购买。")),
    Rule(
        "contract_ended",
        "termination",
        lambda of: (of["contracts_ended"] > 0) & ~(of["contracts"] > 0) & ~(of["silent_days"] <= of["silence_limit_days"]),
        Text("The last contract ended within the last 365 days, and none runs.", "最后一份合同已于最近 365 天内终止，目前没有生效合同。"),
    ),
    Rule(
        "contract_ended_long_ago",
        "termination",
        lambda of: (of["contracts_ever"] > 0) & ~(of["contracts"] > 0) & ~(of["silent_days"] <= of["silence_limit_days"]),
        Text("The last contract ended more than 365 days ago, and none runs.", "最后一份合同已终止超过 365 天，目前没有生效合同。"),
    ),
    Rule(
        "silent_beyond_own_rhythm",
        "termination",
        lambda of: _is_silent(of) & (of["purchases"] > FEW_PURCHASES) & np.isfinite(of["gap_days"]),
        Text(
            "Silent for {silent_days:.0f} days; by its own rhythm of {gap_days:.0f} days it was to be heard of within"
            " {silence_limit_days:.0f}.",
            "已沉默 {silent_days:.0f} 天；按自身约 {gap_days:.0f} 天的购买节奏，应在 {silence_limit_days:.0f} 天内再次购买。",
        ),
    ),
    Rule(
        "silent_too_long",
        "termination",
        _is_silent,
        Text(
            "Has been silent for {silent_days:.0f} days, longer than the"
            " {silence_limit_days:.0f} after which nobody counts as active.",
            "已沉默 {silent_days:.0f} 天，超过活跃客户的期限 {silence_limit_days:.0f} 天。",
        ),
    ),
    Rule(
        "new",
        "development",
        lambda of: of["known_days"] < NEW_BELOW_DAYS,
        Text("A customer for only {known_days:.0f} days.", "成为客户仅 {known_days:.0f} 天。"),
    ),
    Rule(
        "few_purchases",
        "development",
        lambda of: (of["purchases"] > 0) & (of["purchases"] <= FEW_PURCHASES) & ~(of["contracts"] > 0),
        Text("Has bought on {purchases:.0f} days so far.", "至今共在 {purchases:.0f} 天有购买。"),
    ),
    Rule(
        "rising_spend",
        "growth",
        lambda of: (of["spend_ratio"] >= RISE) & (of["recent_purchases"] >= LEAST_PURCHASES_OF_A_RISE),
        Text(
            "Spends {spend_ratio:.2g} times as much per day in the last 180 days as in the half-year before.",
            "最近 180 天的日均消费是此前半年的 {spend_ratio:.2g} 倍。",
        ),
    ),
    Rule(
        "rising_contract",
        "growth",
        lambda of: of["contract_ratio"] >= RISE,
        Text(
            "Its contracts are worth {contract_ratio:.2g} times what they were 365 days ago.",
            "合同金额是 365 天前的 {contract_ratio:.2g} 倍。",
        ),
    ),
    Rule(
        "steady_spend",
        "maturity",
        lambda of: np.isfinite(of["spend_ratio"]),
        Text(
            "A customer for {known_days:.0f} days that spends {spend_ratio:.2g} times what it did in the half-year before.",
            "成为客户已 {known_days:.0f} 天，近半年日均消费为此前半年的 {spend_ratio:.2g} 倍。",
        ),
    ),
    Rule(
        "steady",
        "maturity",
        lambda of: np.ones(len(of["purchases"]), dtype=bool),
        Text("Keeps the relationship up, without a rise or an end in sight.", "关系稳定，未见上升或终止迹象。"),
    ),
)  # fmt: skip

MEASURED = (
    *(
        "purchase_days_total",
        "gap_mean_days",
        "days_since_first_purchase",
        "gap_longest_days",
        "bought_180d",
        "bought_365d",
    ),
    *("contract_amount", "contract_amount_change_365d", "contract_running_days", "days_since_last_purchase"),
    *("purchase_days_180d", "contracts_running", "contracts_ended_365d", "contracts_total", "plans_365d"),
    "invoices_365d",
    *("inquiries_90d", "contacts_365d", "complaints_365d"),
)
"""The features that the rules' measures come from."""

BY_NAME: dict[str, Rule] = {rule.name: rule for rule in RULES}


def life_cycle(frame: pd.DataFrame, churn: ChurnSettings) -> pd.DataFrame:
    """Stage, the rule that gave it, and the measures that rules look at, under the frame's index.

    ``frame`` is a snapshot, one row a customer; a feature that the facts do not give leaves the rules out that need it.
    ``churn`` says how long anybody may be silent: customers with too few purchases for a rhythm ``active_within_days``,
    all others ``horizon_days`` or longer. The rise is against the half-year before, so that it may also be the season's.
    """
    of = measures(frame, churn)
    rule = np.full(len(frame), len(RULES) - 1)
    for place in range(len(RULES) - 1, -1, -1):
        rule = np.where(RULES[place].applies(of), place, rule)
    stages = np.array([one.stage for one in RULES], dtype=object)
    names = np.array([one.name for one in RULES], dtype=object)
    return pd.DataFrame({"stage": stages[rule], "rule": names[rule], **of}, index=frame.index)


def stage_reason(row: Mapping[Hashable, object]) -> Text:
    """Why a customer is at its stage, as a sentence; ``row`` is one of `life_cycle`."""
    return BY_NAME[str(row["rule"])].reason.format(**{str(name): value for name, value in row.items()})


def stage_reasons(table: pd.DataFrame) -> dict[Language, NDArray[np.object_]]:
    """What `stage_reason` says of each row of `life_cycle`, by language, for many customers at once."""
    columns = ", ".join(f"{_sentence(language)} AS {language}" for language in LANGUAGES)
    with duckdb.connect() as connection:
        connection.register("staged", table.reset_index(drop=True))
        said = connection.execute(f"SELECT {columns} FROM staged").df()
    return {language: said[language].to_numpy(dtype=object) for language in LANGUAGES}


def _sentence(language: Language) -> str:
    """SQL for a rule's reason, filled in with the row's measures; DuckDB's format writes numbers as Python does."""
    cases = []
    for rule in RULES:
        parts = list(Formatter().parse(rule.reason.of(language)))
        template = "".join(literal + ("" if name is None else f"{{:{spec}}}") for literal, name, spec, _ in parts)
        names = [name for _, name, _, _ in parts if name]
        cases.append(f"WHEN '{rule.name}' THEN format({', '.join([_literal(template), *names])})")
    return f"CASE rule {' '.join(cases)} END"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def measures(frame: pd.DataFrame, churn: ChurnSettings) -> dict[str, Floats]:
    """What the rules look at, each of shape (rows,); NaN where the facts do not tell."""

    def column(name: str) -> Floats:
        return frame[name].to_numpy(dtype=np.float64, na_value=np.nan) if name in frame else np.full(len(frame), np.nan)

    purchases, gap, known = column("purchase_days_total"), column("gap_mean_days"), column("days_since_first_purchase")
    own = np.fmax(GAPS_OF_SILENCE * gap, column("gap_longest_days"))
    has_rhythm = (purchases > FEW_PURCHASES) & np.isfinite(own)
    recent, earlier = column("bought_180d"), column("bought_365d") - column("bought_180d")
    earlier_days = np.minimum(known, 365) - HALF_YEAR_DAYS
    comparable = (earlier_days >= LEAST_EARLIER_DAYS) & (earlier > 0)
    amount, change = column("contract_amount"), column("contract_amount_change_365d")
    return {
        "purchases": purchases,
        "known_days": np.fmax(known, column("contract_running_days")),
        "silent_days": column("days_since_last_purchase"),
        "gap_days": gap,
        "silence_limit_days": np.where(has_rhythm, np.fmax(own, churn.horizon_days), churn.active_within_days),
        "recent_purchases": column("purchase_days_180d"),
        "spend_ratio": _over(recent / HALF_YEAR_DAYS * earlier_days, earlier, comparable),
        "contracts": column("contracts_running"),
        "contracts_ended": column("contracts_ended_365d"),
        "contracts_ever": column("contracts_total"),
        "contract_ratio": _over(amount, amount - change, amount - change > 0),
        "plans": column("plans_365d"),
        "invoices": column("invoices_365d"),
        "inquiries": column("inquiries_90d"),
        "contacts": column("contacts_365d"),
        "complaints": column("complaints_365d"),
    }


def _over(above: Floats, below: Floats, where: Flags) -> Floats:
    return np.asarray(np.divide(above, below, out=np.full(len(above), np.nan), where=where))
