import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.catalogue import BY_NAME as FEATURES
from features.project import ChurnSettings
from training.life_cycle import MEASURED, RULES, STAGES, life_cycle, measures, stage_reason, stage_reasons

CHURN = ChurnSettings(horizon_days=90, active_within_days=180)
BUYER = {
    "purchase_days_total": 20.0,
    "purchase_days_180d": 6.0,
    "days_since_first_purchase": 800.0,
    "days_since_last_purchase": 20.0,
    "gap_mean_days": 40.0,
    "gap_longest_days": 90.0,
    "bought_180d": 1800.0,
    "bought_365d": 1800.0 + 1850.0,
}
NEVER = {"purchase_days_total": 0.0, "purchase_days_180d": 0.0, "bought_180d": 0.0, "bought_365d": 0.0}


def frame_of(*rows: dict[str, float]) -> pd.DataFrame:
    return pd.DataFrame(rows, dtype="float64")


def stage_of(**changes: float) -> tuple[str, str]:
    [row] = life_cycle(frame_of({**BUYER, **changes}), CHURN).to_dict("records")
    return str(row["stage"]), stage_reason(row).en


def never(**facts: float) -> tuple[str, str]:
    frame = frame_of({**NEVER, **facts}).reindex(columns=sorted({*BUYER, *facts}))
    [row] = life_cycle(frame, CHURN).to_dict("records")
    return str(row["stage"]), stage_reason(row).en


def test_a_steady_buyer_is_mature() -> None:
    assert stage_of() == (
        "maturity",
        "A customer for 800 days that spends 1 times what it did in the half-year before.",
    )


def test_who_never_bought_is_a_prospect_whatever_brought_it_here() -> None:
    assert never() == ("prospect", "Is on file and has never bought.")
    assert never(inquiries_90d=2, contacts_365d=5) == (
        "prospect",
        "Has never bought, but made 2 inquiries in the last 90 days.",
    )
    assert never(inquiries_90d=0, contacts_365d=5)[1].startswith("Has never bought, but was in touch 5 times")
    assert never(contacts_365d=0, complaints_365d=1) == (
        "prospect",
        "Has never bought, but complained 1 times in the last 365 days.",
    )


def test_who_pays_invoices_or_has_a_contract_is_no_prospect() -> None:
    assert never(invoices_365d=3)[0] == "maturity"
    assert never(contracts_running=1, contract_running_days=400)[0] == "maturity"
    assert never(contracts_running=1, contract_running_days=40) == ("development", "A customer for only 40 days.")


@pytest.mark.parametrize(
    ("days", "purchases", "stage"),
    [(179, 9, "development"), (180, 9, "maturity"), (800, 2, "development"), (800, 3, "maturity")],
)
def test_a_short_relationship_or_few_purchases_are_development(days: float, purchases: float, stage: str) -> None:
    assert stage_of(days_since_first_purchase=days, purchase_days_total=purchases)[0] == stage


def test_growth_is_against_the_own_half_year_before_and_takes_more_than_one_order() -> None:
    # 1,850 in the 185 days before: 10 a day
    assert stage_of(bought_180d=2250, bought_365d=2250 + 1850) == (
        "growth",
        "Spends 1.2 times as much per day in the last 180 days as in the half-year before.",
    )
    assert stage_of(bought_180d=2249, bought_365d=2249 + 1850)[0] == "maturity"
    assert stage_of(bought_180d=9000, bought_365d=9000 + 1850, purchase_days_180d=2)[0] == "maturity"
    # known for 270 days: the window before has only 90 days, and 900 in it are 10 a day as well
    assert stage_of(days_since_first_purchase=270, bought_180d=2250, bought_365d=2250 + 900)[0] == "growth"
    assert stage_of(days_since_first_purchase=269, bought_180d=9999, bought_365d=9999 + 890)[0] == "maturity"


def test_silence_is_measured_by_the_own_rhythm() -> None:
    # three times the mean gap of 40 days
    assert stage_of(days_since_last_purchase=120)[0] == "maturity"
    assert stage_of(days_since_last_purchase=121) == (
        "termination",
        "Silent for 121 days; by its own rhythm of 40 days it was to be heard of within 120.",
    )
    # it was silent for so long before
    assert stage_of(days_since_last_purchase=121, gap_longest_days=150)[0] == "maturity"
    # a daily buyer is not given up before the horizon
    assert stage_of(days_since_last_purchase=90, gap_mean_days=1, gap_longest_days=3)[0] == "maturity"
    assert stage_of(days_since_last_purchase=91, gap_mean_days=1, gap_longest_days=3)[0] == "termination"


def test_without_a_rhythm_silence_is_measured_by_what_counts_as_active() -> None:
    once = {"purchase_days_total": 1.0, "gap_mean_days": np.nan, "gap_longest_days": np.nan}
    assert stage_of(**once, days_since_last_purchase=180)[0] == "development"
    assert stage_of(**once, days_since_last_purchase=181)[0] == "termination"


def test_a_contract_decides_where_there_is_one() -> None:
    assert stage_of(days_since_last_purchase=700, contracts_running=1, contracts_ended_365d=2)[0] == "maturity"
    assert stage_of(days_since_last_purchase=700, contracts_running=0, contracts_ended_365d=2)[1].startswith(
        "The last contract ended"
    )
    # it still buys without a contract
    assert stage_of(days_since_last_purchase=20, contracts_running=0, contracts_ended_365d=1)[0] == "maturity"
    assert never(contracts_running=0, contracts_ended_365d=1)[0] == "termination"
    assert never(contracts_running=0, contracts_ended_365d=0, contracts_total=1) == (
        "termination",
        "The last contract ended more than 365 days ago, and none runs.",
    )
    assert never(
        contracts_running=2, contract_running_days=700, contract_amount=250, contract_amount_change_365d=50
    ) == (
        "growth",
        "Its contracts are worth 1.2 times what they were 365 days ago.",
    )


def test_the_index_is_kept() -> None:
    found = life_cycle(frame_of(BUYER, BUYER).set_axis(["x", "y"]), CHURN)
    assert found.index.tolist() == ["x", "y"]


def test_rules_name_stages_measures_and_features_that_there_are() -> None:
    given_measures = set(measures(frame_of(BUYER), CHURN))
    assert {rule.stage for rule in RULES} == set(STAGES)
    for rule in RULES:
        for said in rule.reason:
            assert set(re.findall(r"{(\w+)", said)) <= given_measures
    assert set(BUYER) <= FEATURES.keys()


# ---- properties ------------------------------------------------------------------------------------------------

COLUMNS = (
    *BUYER,
    *(
        "contracts_running",
        "contracts_ended_365d",
        "contracts_total",
        "contract_running_days",
        "contract_amount",
        "plans_365d",
    ),
    *("contract_amount_change_365d", "invoices_365d", "inquiries_90d", "contacts_365d", "complaints_365d"),
)
value = st.none() | st.floats(0, 3000)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.fixed_dictionaries({}, optional=dict.fromkeys(COLUMNS, value)), min_size=1, max_size=8))
def test_every_customer_is_at_exactly_one_stage_and_its_reason_can_be_said(rows: list[dict[str, Any]]) -> None:
    frame = pd.DataFrame(rows, index=range(len(rows))).astype("float64")
    found = life_cycle(frame, CHURN)
    assert found["stage"].isin(list(STAGES)).all()
    at_once = stage_reasons(found)
    for place, row in enumerate(found.to_dict("records")):
        said = stage_reason(row)
        assert at_once["en"][place] == said.en
        assert at_once["zh"][place] == said.zh
        assert "nan" not in said.en
        assert "nan" not in said.zh


def test_the_features_that_the_rules_need_are_named() -> None:
    asked: set[str] = set()

    class Frame(dict[str, float]):
        def __contains__(self, name: object) -> bool:
            asked.add(str(name))
            return False

        def __len__(self) -> int:
            return 1

    measures(Frame(), CHURN)  # type: ignore[arg-type]
    assert asked == set(MEASURED)
    assert asked <= FEATURES.keys()
