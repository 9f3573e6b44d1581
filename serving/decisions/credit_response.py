"""How each debtor is answered: limit, terms, deposit, early-payment discount, instalments, or the next dunning step.

The policy stands in the playbook. Who is overdue is told apart first (`payers`): a customer worth holding who cannot
pay now gets instalments, not a letter; who does not want to pay gets the next step at once.
"""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from features.text import Text
from serving.decisions.credit_policy import ByClass, CreditPolicy
from serving.decisions.eligibility import eligible
from serving.decisions.payers import payers

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

CLASSES = "ABCDE"
RISKY = ("D", "E")
YEAR_DAYS = 365

RESPONSES: dict[str, Text] = {
    "none": Text("Nothing to do", "无需处理"),
    "early_discount": Text("Offer a discount for early payment", "提供提前付款折扣"),
    "secure": Text("Secure new orders by a deposit and shorter terms", "新订单收取定金并缩短账期"),
    "instalments": Text("Agree on instalments", "商定分期付款"),
    "dun": Text("Next dunning step", "进入下一催收步骤"),
}
"""What is done about a debtor, by the name of the response."""


def annual_cost(discount_share: float, terms_days: "Floats | float", within_days: float) -> Floats:
    """What a discount for early payment costs as a yearly rate, for us who grant it: d / (1 - d) x 365 / days gained.

    Infinite where no day is gained. 2 % for payment within 10 days instead of 30 is 37.2 % a year.
    """
    gained = np.asarray(terms_days, dtype=np.float64) - within_days
    rate = discount_share / (1 - discount_share) * YEAR_DAYS
    return np.asarray(np.divide(rate, gained, out=np.full(gained.shape, np.inf), where=gained > 0))


def credit_responses(customers: pd.DataFrame, policy: CreditPolicy) -> pd.DataFrame:
    """The response to each customer, under the frame's index.

    Parameters: ``customers`` is a snapshot with credit_class and credit_probability, overdue_balance, oldest_overdue_days,
    spend_365d, and where known expected_days_late (of what is open), tier and value_score.

    Columns: credit_response (`RESPONSES`), payer with evidence_en and evidence_zh (of those overdue), dunning_step (id) and
    dunning_step_name {en, zh}, suggested_credit_limit (currency), suggested_terms_days, suggested_deposit_share,
    instalments (number), instalment_amount (currency), early_discount_share and its cost a year (early_discount_annual_cost),
    what waiting costs as a share of the amount (waiting_cost_share).
    """
    classes = customers["credit_class"].to_numpy(dtype=object)
    overdue = _column(customers, "overdue_balance")
    is_overdue = np.nan_to_num(overdue) > 0
    kinds = payers(customers[is_overdue]).reindex(customers.index)
    worth = eligible(_table(customers), {"worth": policy.is_worth_holding})["worth"]
    payer = kinds["payer"].to_numpy(dtype=object)
    instalments = is_overdue & (payer == "cannot_pay") & worth
    step = np.where(
        is_overdue & ~instalments, _step(policy, _column(customers, "oldest_overdue_days"), payer == "will_not_pay"), -1
    )
    terms, waiting = _by_class(policy.terms_days, classes), _waiting_cost(customers, policy)
    early = ~is_overdue & np.isin(classes, ["B", "C"]) & (waiting > policy.early_discount_share)
    secure = ~is_overdue & np.isin(classes, RISKY)
    response = np.select(
        [instalments, step >= 0, secure, early], ["instalments", "dun", "secure", "early_discount"], "none"
    )
    names = [s.name._asdict() for s in policy.dunning]
    ids = [s.id for s in policy.dunning]
    return pd.DataFrame(
        {
            "credit_response": response,
            "payer": payer,
            "evidence_en": kinds["evidence_en"],
            "evidence_zh": kinds["evidence_zh"],
            "dunning_step": _taken(ids, step),
            "dunning_step_name": _taken(names, step),
            "suggested_credit_limit": _by_class(policy.limit_days, classes)
            * _column(customers, "spend_365d")
            / YEAR_DAYS,
            "suggested_terms_days": terms,
            "suggested_deposit_share": _by_class(policy.deposit_share, classes),
            "instalments": np.where(instalments, float(policy.instalments), np.nan),
            "instalment_amount": np.where(instalments, overdue / policy.instalments, np.nan),
            "early_discount_share": np.where(early, policy.early_discount_share, np.nan),
            "early_discount_annual_cost": np.where(
                early, annual_cost(policy.early_discount_share, terms, policy.early_discount_days), np.nan
            ),
            "waiting_cost_share": waiting,
        },
        index=customers.index,
    )


def _step(policy: CreditPolicy, overdue_days: Floats, is_pressed: Flags) -> NDArray[np.int64]:
    """The number of the dunning step, from 0; -1 before the first. Who does not want to pay is one step further."""
    begins = [step.from_days_overdue for step in policy.dunning]
    reached = np.searchsorted(begins, np.nan_to_num(overdue_days), "right") - 1
    return np.where(reached < 0, -1, np.minimum(reached + is_pressed, len(begins) - 1))


def _waiting_cost(customers: pd.DataFrame, policy: CreditPolicy) -> Floats:
    """What it costs to wait for the money, as a share of it: capital for terms and delay, and the chance of bad trouble."""
    classes = customers["credit_class"].to_numpy(dtype=object)
    days = _by_class(policy.terms_days, classes) + np.nan_to_num(_column(customers, "days_late_mean_365d"))
    gained = np.maximum(days - policy.early_discount_days, 0)
    return np.asarray(gained / YEAR_DAYS * policy.capital_cost_per_year)


def _by_class(values: ByClass, classes: NDArray[np.object_]) -> Floats:
    known = dict(zip(CLASSES, values.values(), strict=True))
    codes, distinct = pd.factorize(classes)
    return np.array([*(known[c] for c in distinct), np.nan])[codes]


def _column(frame: pd.DataFrame, name: str) -> Floats:
    return frame[name].to_numpy(dtype=np.float64) if name in frame else np.full(len(frame), np.nan)


def _taken(values: list[Any], places: NDArray[np.int64]) -> NDArray[np.object_]:
    """The values at these places, None at -1."""
    return np.array([*values, None], dtype=object)[places]


def _table(frame: pd.DataFrame) -> pa.Table:
    """The columns that a condition can read."""
    plain = [
        name for name in frame if frame[name].dtype.kind in "bif" or name in ("tier", "lifecycle_stage", "segment")
    ]
    return pa.table({name: pa.array(frame[name], from_pandas=True) for name in plain})
