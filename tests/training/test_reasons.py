import re
from typing import Any

import numpy as np
import pandas as pd
import pytest

from features.catalogue import BY_NAME, FEATURES
from features.catalogue.feature import NO_PURCHASE
from features.text import LANGUAGES, Language
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
        ("service", "lowers"),
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
    told = _sentences(every_kind_of_customer(), list(GROUPS), "EUR")[language]
    end = {"en": ".", "zh": "。"}[language]
    broken = re.compile(r"[{}]|nan|None|NULL|  | [,.;，。；]|EUR [^\d-]|[^\d] %")
    for sentence in set(told.ravel()):
        assert not NAME_WITH_UNDERSCORE.search(sentence), sentence
        assert not broken.search(sentence), sentence
        assert not sentence[0].islower(), sentence
        assert sentence.endswith(end), sentence


def test_every_feature_of_the_catalogue_is_told_in_exactly_one_group() -> None:
    told = [name for group in GROUPS for name in group.features]
    assert sorted(told) == sorted(BY_NAME)
    assert len({group.name for group in GROUPS}) == len(GROUPS)


def test_sentences_fall_back_when_the_project_has_no_such_columns() -> None:
    frame = pd.DataFrame({"complaints_open": [2.0], "contacts_90d": [1.0]})
    [[reason]] = explain(model(complaints_open=1), frame, "EUR").to_pylist()
    assert reason["en"] == "No complaint in the last 180 days."
