import re
from typing import Any

import numpy as np
import pandas as pd
import pytest

from features.catalogue import BY_NAME, FEATURES, Feature
from features.catalogue.feature import NO_PURCHASE
from features.text import LANGUAGES, Language, Text
from training.models.churn import LogisticChurn
from training.reason_groups import GROUPS
from training.reasons import MOST_LOWERING, MOST_RAISING, REASONS_TYPE, _sentences, explain, told

QUIET: dict[str, float] = {feature.name: 0.0 for feature in FEATURES}
"""A customer whose features are all known and zero."""

NAME_WITH_UNDERSCORE = re.compile(r"[a-z]+_\w+")


def model(**weights: float) -> LogisticChurn:
    """A regression in which each feature adds its weight times its value to the log-odds, and a missing one nothing."""
    n = len(weights)
    zeros, ones = [0.0] * n, [1.0] * n
    return LogisticChurn(
        tuple(weights),
        {
            "skewed": zeros,
            "stand_in": zeros,
            "low": [-1e9] * n,
            "high": [1e9] * n,
            "mean": zeros,
            "scale": ones,
            "missing_mean": zeros,
            "weight": list(weights.values()),
            "missing_weight": zeros,
            "bias": [0.0],
        },
    )


def reasons(chosen: LogisticChurn, *rows: dict[str, float], currency: str = "EUR") -> list[list[dict[str, Any]]]:
    frame = pd.DataFrame([{**QUIET, **row} for row in rows])
    found: list[list[dict[str, Any]]] = explain(chosen, frame, currency).to_pylist()
    return found


def only(chosen: LogisticChurn, row: dict[str, float], currency: str = "EUR") -> dict[str, Any]:
    """The one reason of a customer who has just one."""
    [[reason]] = reasons(chosen, row, currency=currency)
    return reason


SILENT = {"days_since_last_purchase": 40.0, "gap_mean_days": 12.4}


def test_a_reason_carries_the_customers_own_numbers_in_both_languages() -> None:
    assert only(model(days_since_last_purchase=0.01), SILENT) == {
        "feature": "days_since_last_purchase",
        "family": "habit",
        "direction": "raises",
        "weight": pytest.approx(0.4),
        "en": "Usually buys every 12 days; now silent for 40 days.",
        "zh": "通常每 12 天购买一次；现已 40 天没有购买。",
    }


def test_one_day_is_told_in_the_singular() -> None:
    reason = only(model(days_since_last_purchase=1), {"days_since_last_purchase": 1.0, "gap_mean_days": 1.2})
    assert reason["en"] == "Usually buys every 1 day; now silent for 1 day."
    assert reason["zh"] == "通常每 1 天购买一次；现已 1 天没有购买。"


def test_a_customer_without_a_rhythm_is_told_so() -> None:
    row = {"days_since_last_purchase": 40.0, "gap_mean_days": np.nan}
    assert only(model(days_since_last_purchase=1), row)["en"] == "Bought on one day only, 40 days ago."


def test_money_carries_the_projects_currency_and_thousands_are_grouped() -> None:
    row = {"overdue_balance": 12_345.4, "oldest_overdue_days": 61.0}
    reason = only(model(overdue_balance=1), row, currency="CNY")
    assert reason["en"] == "Owes CNY 12,345 past the due date, the oldest invoice by 61 days."
    assert reason["zh"] == "逾期欠款 CNY 12,345，最早的发票已逾期 61 天。"


def test_shares_are_told_in_percent() -> None:
    row = {"late_delivery_share_180d": 0.333}
    assert (
        only(model(late_delivery_share_180d=1), row)["en"] == "33 % of the deliveries of the last 180 days came late."
    )


@pytest.mark.parametrize(
    ("mean_90d", "mean_365d", "change", "sentence"),
    [
        (6.0, 2.0, 4.04, "Pays later than before: 6.0 days after the due date in the last 90 days, that is 4.0 days later"),
        (-2.0, -5.0, 3.0, "Still pays early, but later than before: 2.0 days before the due date in the last 90 days"),
        (1.0, 3.0, -2.0, "Pays earlier than before: 1.0 days after the due date in the last 90 days, that is 2.0 days"),
        (-4.0, -2.0, -2.0, "Pays earlier than before: 4.0 days before the due date in the last 90 days"),
        (3.0, 3.0, 0.0, "Paid its invoices 3.0 days after the due date on average in the last 365 days; 25 % of them"),
        (-3.0, -3.0, 0.0, "Paid its invoices 3.0 days before the due date on average in the last 365 days."),
        (0.0, 0.0, 0.0, "Paid its invoices on the due date on average in the last 365 days; 25 % of them were late."),
        (-0.01, -0.01, 0.0, "Paid its invoices on the due date on average in the last 365 days; 25 % of them were late."),
        (-0.0, 1.0, -1.0, "Pays earlier than before: 0.0 days after the due date in the last 90 days, that is 1.0 days"),
    ],
)  # fmt: skip
def test_how_punctually_a_customer_pays_is_told_without_minus_signs(
    mean_90d: float, mean_365d: float, change: float, sentence: str
) -> None:
    row = {
        "late_share_365d": 0.25,
        "days_late_mean_90d": mean_90d,
        "days_late_mean_365d": mean_365d,
        "days_late_change": change,
    }
    frame = pd.DataFrame([row])
    sentences = [told(group, frame, "EUR") for group in ("lateness", "payment_change")]
    assert [t["en"][0] for t in sentences if t["en"][0].startswith(sentence)]
    assert not re.search(r"-\d", "".join(t[language][0] for t in sentences for language in LANGUAGES))


def test_a_customer_who_pays_as_before_is_said_to_do_so() -> None:
    row = {"days_late_mean_90d": 3.0, "days_late_change": 0.2}
    reason = only(model(days_late_mean_90d=1), row)
    assert (reason["en"], reason["zh"]) == ("Pays about as punctually as before.", "付款准时程度与以往相近。")


def test_features_that_say_one_thing_are_told_once_by_the_strongest() -> None:
    chosen = model(days_since_last_purchase=0.01, current_gap_ratio=0.1, gap_longest_days=-0.005)
    reason = only(chosen, {**SILENT, "current_gap_ratio": 5.0, "gap_longest_days": 20.0})
    assert reason["feature"] == "current_gap_ratio"
    assert reason["weight"] == pytest.approx(0.4 + 0.5 - 0.1)


def test_what_raises_the_risk_comes_before_what_lowers_it_each_with_the_strongest_first() -> None:
    chosen = model(
        spend_365d=-0.001, overdue_balance=0.001, days_since_last_purchase=0.05, complaints_open=0.3, contacts_90d=-0.1
    )
    row = {**SILENT, "spend_365d": 300.0, "overdue_balance": 400.0, "complaints_open": 1.0, "contacts_90d": 5.0}
    [found] = reasons(chosen, row)
    assert [(r["family"], r["direction"]) for r in found] == [
        ("habit", "raises"),
        ("payment", "raises"),
        ("service", "raises"),
        ("contacts", "lowers"),
        ("monetary", "lowers"),
    ]
    assert [r["weight"] for r in found] == pytest.approx([2.0, 0.4, 0.3, -0.5, -0.3])


def test_no_customer_gets_more_reasons_than_a_person_reads() -> None:
    everything = model(**{group.features[0]: 0.1 + i / 100 for i, group in enumerate(GROUPS)})
    raised, lowered = ({group.features[0]: sign for group in GROUPS} for sign in (1.0, -1.0))
    up, down = reasons(everything, raised, lowered)
    assert [r["direction"] for r in up] == ["raises"] * MOST_RAISING
    assert [r["direction"] for r in down] == ["lowers"] * MOST_LOWERING


def test_what_hardly_matters_is_not_told_and_each_row_keeps_its_own_reasons() -> None:
    chosen = model(days_since_last_purchase=0.001)
    found = reasons(chosen, {"days_since_last_purchase": 200.0}, SILENT, {"days_since_last_purchase": 300.0})
    assert [len(row) for row in found] == [1, 0, 1]
    assert "300 days" in found[2][0]["en"]


def test_a_model_with_a_single_feature_and_an_empty_frame_are_explained() -> None:
    frame = pd.DataFrame([QUIET]).head(0)
    found = explain(model(spend_365d=1), frame, "EUR")
    assert len(found) == 0
    assert found.cast(REASONS_TYPE).type == REASONS_TYPE


def every_kind_of_customer() -> pd.DataFrame:
    """Active customers with the same value everywhere, with one feature missing, and with all but one missing."""
    can_miss = [f.name for f in FEATURES if f.missing is not None and f.missing != NO_PURCHASE]
    rows = []
    for value in (0.0, 0.3, 1.0, 1234.5):
        same = dict.fromkeys(QUIET, value)
        nothing = same | dict.fromkeys(can_miss, np.nan)
        rows += [same, nothing, *(same | {name: np.nan} for name in can_miss)]
        rows += [nothing | {name: value} for name in can_miss]
    return pd.DataFrame(rows)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sentence_is_whole_and_names_no_column(language: Language) -> None:
    customers = every_kind_of_customer()
    row, group = (place.ravel() for place in np.indices((len(customers), len(GROUPS))))
    told = _sentences(customers, list(GROUPS), row, group, "EUR")[language]
    end = {"en": ".", "zh": "。"}[language]
    broken = re.compile(r"[{}]|nan|None|NULL|  | [,.;，。；]|EUR [^\d-]|[^\d] %")
    for sentence in told.unique().to_pylist():
        assert not NAME_WITH_UNDERSCORE.search(sentence), sentence
        assert not broken.search(sentence), sentence
        assert not sentence[0].islower(), sentence
        assert sentence.endswith(end), sentence


def test_every_feature_of_the_catalogue_is_told_in_exactly_one_group() -> None:
    told = [name for group in GROUPS for name in group.features]
    assert sorted(told) == sorted(BY_NAME)
    assert len({group.name for group in GROUPS}) == len(GROUPS)


RATE = {"days_since_first_purchase": 450.0, "purchase_days_total": 31.0, "purchase_days_90d": 3.0}
"""28 purchase days in the 360 days before the last 90: 7 in 90 days."""


@pytest.mark.parametrize(
    ("feature", "row", "en", "zh"),
    [
        ("purchase_days_90d_z", RATE,
         "Bought on 3 days in the last 90; at the own earlier rate 7 would be expected.",
         "最近 90 天内有 3 天购买；按自身以往频率应为 7 天。"),
        ("purchase_days_90d_of_own", RATE | {"purchase_days_total": 4.0, "purchase_days_90d": 1.0},
         "Bought on 1 day in the last 90; at the own earlier rate 0.8 would be expected.",
         "最近 90 天内有 1 天购买；按自身以往频率应为 0.8 天。"),
        ("purchase_days_90d_z", RATE | {"days_since_first_purchase": 179.0},
         "How often the customer buys against its own earlier rate.",
         "购买频率与自身以往频率的比较。"),
        ("spend_90d_of_own", {"days_since_first_purchase": 180.0, "bought_90d": 50.0, "bought_total": 250.0},
         "Bought for EUR 50 in the last 90 days; at the own earlier rate EUR 200 would be expected.",
         "最近 90 天购买 EUR 50；按自身以往水平应为 EUR 200。"),
        ("purchase_days_trend_360d", {"purchase_days_trend_360d": -0.08},
         "Bought less and less often over the last 360 days: purchase days fell by 8 % of their mean every 30 days.",
         "最近 360 天购买越来越少：购买天数每 30 天减少均值的 8 %。"),
        ("spend_trend_360d", {"spend_trend_360d": 0.12},
         "Spent more and more over the last 360 days: by 12 % of the mean every 30 days.",
         "最近 360 天消费额持续上升：每 30 天增加均值的 12 %。"),
        ("returned_share_365d",
         {"returned_amount_365d": 300.0, "returned_share_365d": 0.12, "days_since_last_return": 20.0},
         "Returned goods for EUR 300 in the last 365 days, 12 % of what it bought; the last return was 20 days ago.",
         "最近 365 天退货 EUR 300，占购买额的 12 %；最近一次退货距今 20 天。"),
        ("discount_share_90d", {"discount_share_90d": 0.15, "discount_share_365d": 0.05},
         "Bought at 15 % off the list price in the last 90 days, at 5 % off in the last 365.",
         "最近 90 天的购买相当于原价优惠 15 %，最近 365 天为 5 %。"),
        ("margin_share_change_90d",
         {"margin_365d": 900.0, "margin_share_365d": 0.3, "margin_share_change_90d": -0.1},
         "Brought a margin of EUR 900 in the last 365 days, 30 % of its spend; in the last 90 days 20 %.",
         "最近 365 天带来毛利 EUR 900，占消费额的 30 %；最近 90 天为 20 %。"),
        ("margin_365d", {"margin_365d": -80.0, "margin_share_365d": -0.1, "margin_share_change_90d": 0.0},
         "Brought a loss of EUR 80 in the last 365 days, before all other costs.",
         "最近 365 天毛利为负，亏损 EUR 80（未计其他成本）。"),
        ("categories_lost_90d", {"categories_365d": 6.0, "categories_lost_90d": 2.0},
         "Of the categories bought in the last 365 days (6), 2 did not appear in the last 90.",
         "最近 365 天购买过 6 个品类，其中 2 个在最近 90 天未再购买。"),
        ("credit_used_share", {"credit_limit": 8_000.0, "credit_used_share": 0.92},
         "Uses 92 % of its credit limit of EUR 8,000.",
         "已使用信用额度 EUR 8,000 的 92 %。"),
        ("credit_limit_change_365d",
         {"credit_limit": 8_000.0, "credit_used_share": 0.92, "credit_limit_change_365d": -0.2},
         "The credit limit was cut by 20 % in the last 365 days, to EUR 8,000; 92 % of it is used.",
         "最近 365 天信用额度下调 20 %，现为 EUR 8,000；已使用 92 %。"),
        ("net_income_share", {"quick_ratio": 0.8, "debt_to_net_worth": 1.5, "net_income_share": -0.04},
         "By its last accounts: a quick ratio of 0.8, debts of 1.5 times its tangible net worth, and a net loss of 4 % of"
         " revenue.",
         "据最近财务报表：速动比率 0.8，负债为有形净值的 1.5 倍，净亏损占收入的 4 %。"),
        ("late_delivery_days_mean_180d", {"late_delivery_share_180d": 0.25, "late_delivery_days_mean_180d": 1.0},
         "25 % of the deliveries of the last 180 days came late, by 4.0 days on average.",
         "最近 180 天的交货中有 25 % 延迟，平均延迟 4.0 天。"),
        ("late_waiting_lines", {"late_waiting_lines": 3.0},
         "Order lines past their promised day and still not delivered: 3.",
         "已过承诺交期仍未交货的订单行：3 行。"),
        ("survey_score_change", {"survey_score_last": 6.0, "survey_score_change": -2.0},
         "Last survey score: 6.0 points, 2.0 fewer than the first of the last two years.",
         "最近一次调查评分 6.0 分，比最近两年内首次低 2.0 分。"),
        ("contacts_365d", {"contacts_90d": 0.0, "contacts_365d": 2.0, "days_since_last_contact": 120.0},
         "Contacts in the last 90 days: 0; in the last 365 days: 2, the last one 120 days ago.",
         "最近 90 天互动 0 次，最近 365 天 2 次；最近一次距今 120 天。"),
        ("actions_180d", {"actions_180d": 2.0, "days_since_last_action": 1.0},
         "Retention actions in the last 180 days: 2, the last one 1 day ago.",
         "最近 180 天挽留行动 2 次，最近一次距今 1 天。"),
        ("contract_amount",
         {"contracts_running": 2.0, "contract_running_days": 400.0, "contract_amount": 300.0},
         "Running contracts: 2, the oldest for 400 days; EUR 300 per period.",
         "生效中的合同 2 份，最早的已生效 400 天；每期 EUR 300。"),
        ("contract_amount_change_365d", {"contract_amount_change_365d": -50.0},
         "Pays EUR 50 less per period for contracts than 365 days ago.",
         "合同每期金额比 365 天前减少 EUR 50。"),
        ("days_since_acquired", {"days_since_acquired": 800.0, "days_acquired_to_first_purchase": 30.0},
         "A customer for 800 days; first bought 30 days after that began.",
         "建立关系已 800 天；建立关系 30 天后首次购买。"),
        ("own_season_90d", {"purchase_days_coming_90d_last_year": 5.0, "purchase_days_365d": 73.0},
         "A year ago it bought on 5 days in the 90 days that now lie ahead; a mean 90 days of that year had 18.0.",
         "去年同期（对应未来 90 天）有 5 天购买；该年平均每 90 天为 18.0 天。"),
        ("spend_365d_place", {"spend_365d_place": 0.92},
         "Spends more than 92 of 100 peers.",
         "每 100 个同类客户中，消费额高于其中 92 个。"),
        ("spend_365d_place", {"spend_365d_place": 0.2},
         "Spends less than 80 of 100 peers.",
         "每 100 个同类客户中，消费额低于其中 80 个。"),
        ("categories_365d_place", {"categories_365d_place": 0.9996},
         "Buys from more categories than 99 of 100 peers.",
         "每 100 个同类客户中，购买的品类多于其中 99 个。"),
    ],
)  # fmt: skip
def test_each_group_tells_the_customers_own_numbers(feature: str, row: dict[str, float], en: str, zh: str) -> None:
    [group] = [group.name for group in GROUPS if feature in group.features]
    sentences = told(group, pd.DataFrame([{**QUIET, **row}]), "EUR")
    assert (sentences["en"][0], sentences["zh"][0]) == (en, zh)


def test_an_own_feature_of_the_project_is_told_by_its_meaning_and_value() -> None:
    own = Feature("web", "own", "own_orders", "count(*)", "orders", Text("Orders by web {90 d}.", "网上订单数"))
    told, untold = explain(model(web=1), pd.DataFrame({"web": [4.0, 0.0]}), "EUR", [own]).to_pylist()
    assert [(r["feature"], r["family"], r["en"], r["zh"]) for r in told] == [
        ("web", "own", "Orders by web (90 d): 4.0.", "网上订单数：4.0。")
    ]
    assert untold == []


def test_a_group_of_whose_numbers_the_project_has_none_is_told_by_its_meaning() -> None:
    sentences = told("accounts", pd.DataFrame({"spend_365d": [1.0]}), "EUR")
    assert (sentences["en"][0], sentences["zh"][0]) == ("The customer's own accounts.", "客户自身的财务报表。")


def test_sentences_fall_back_when_the_project_has_no_such_columns() -> None:
    frame = pd.DataFrame({"complaints_open": [2.0], "contacts_90d": [1.0]})
    [[reason]] = explain(model(complaints_open=1), frame, "EUR").to_pylist()
    assert reason["en"] == "No complaint in the last 180 days."


def test_blocks_of_customers_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = model(days_since_last_purchase=0.01, current_gap_ratio=-0.1, spend_365d=-0.001)
    frame = pd.DataFrame([{**QUIET, **SILENT, "current_gap_ratio": n, "spend_365d": 90.0 * n} for n in range(7)])
    whole = explain(chosen, frame, "EUR")
    monkeypatch.setattr("training.reasons.BLOCK_ROWS", 3)
    assert explain(chosen, frame, "EUR").equals(whole)
    assert len(explain(chosen, frame.head(0), "EUR")) == 0
