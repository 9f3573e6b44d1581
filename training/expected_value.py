"""What each customer has brought until now, what it is expected to bring, and what of that is left after its costs.

Of buyers a model of lifetime value tells: the one that serves, unless it knows facts of after the instant or counts by other
terms; then one is fitted for the occasion. Where there are contracts and no orders, their price stands for it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

import numpy as np
import pandas as pd

from features.errors import FactsError, NotEnoughDataError
from features.project import Project
from features.readers import quoted
from features.snapshot import snapshot
from features.sources import Facts
from features.text import Text
from training.beside import ServingCredit, ServingLifetimeValue, serving_credit, serving_lifetime_value
from training.credit_score.fit import features_of
from training.lifetime_value.fit import fit_lifetime_value
from training.lifetime_value.lifetime_value import LifetimeValue, Terms
from training.lifetime_value.record import read_record
from training.lifetime_value.stored_forecast import MODELS, forecast_to_json
from training.models.purchases.choice import Fits
from training.models.purchases.model import CountModel
from training.models.purchases.purchase_days import PurchaseDays
from training.net_value import net_value
from training.share_of_customer import check_attribute
from training.value import value_at_stake

Serving = TypeVar("Serving")

SEED = 0
CUSTOMER = "customer_id"
COUNTED = ("purchase_days_365d", "contacts_365d", "complaints_365d", "invoices_365d", "late_share_365d")
"""Features that a customer's costs are counted from."""
CONTRACT, RUNNING = "contract_amount", "contracts_running"
NEEDED = frozenset({*COUNTED, CONTRACT, RUNNING})
CREDIT_LOSS = "credit_loss_share"
BEST_SHARE = 0.1

# Money is added in ten-thousandths, whole numbers, so that the sum is the same in whichever order it is taken.
_PAST = """
SELECT customer_id, sum(margin) / 1E4 AS past_value,
       coalesce(sum(margin) FILTER (ordered_day >= $as_of_day::DATE - 365), 0) / 1E4 AS past_value_365d
FROM (
  SELECT customer_id, ordered_day, round(1E4 * coalesce(margin, amount * $margin_share)) AS margin
  FROM orders WHERE ordered_at < $as_of AND known_at < $as_of
) GROUP BY customer_id ORDER BY customer_id"""


@dataclass(frozen=True)
class ServingModels:
    """The models that serve and that speak of a customer's worth, each None where none was registered."""

    lifetime_value: ServingLifetimeValue | None = None
    credit: ServingCredit | None = None


@dataclass(frozen=True)
class HeldOut:
    """A purchase model fitted at the end of ``last_day``, and the purchases until ``horizon_days`` days after it."""

    model: CountModel
    days: PurchaseDays
    last_day: float
    horizon_days: float


@dataclass(frozen=True)
class ExpectedValue:
    """The worth of customers as of an instant, in the project's currency.

    ``customers``, by customer_id. With orders: past_value (margin of all that was bought so far; NaN: nothing was) and
    past_value_365d (of the last 365 days of it), the columns of `LifetimeValue.outlooks` where there is a ``model``. With
    contracts alone: contract_amount (price per period) and contract_value, the margin of the running ones over the horizon
    if they go on (NaN: none runs). Beside either
    service_cost, collection_cost, expected_credit_loss (where a model speaks of it; see `net_value`), and what is left in
    the column that ``net`` names; value_horizon_days. ``told``: how good it is, or why there is none.
    ``held_out``: how the purchase model did on days that it had not seen.
    """

    customers: pd.DataFrame
    horizon_days: int
    by_contracts: bool
    model: LifetimeValue | None = None
    told: tuple[Text, ...] = ()
    held_out: HeldOut | None = None

    @property
    def value(self) -> str:
        """The column with what is expected before costs."""
        return "contract_value" if self.by_contracts else "lifetime_value"

    @property
    def net(self) -> str:
        """The column with what is left of it after costs."""
        return f"{self.value}_net"

    @property
    def is_known(self) -> bool:
        """Whether anything is expected of anybody."""
        return self.net in self.customers and bool(self.customers[self.net].notna().any())

    @property
    def best(self) -> pd.DataFrame:
        """Those of whom something is known, with customer_id, who leave most first; equal ones by their ids."""
        known = self.customers.dropna(subset=self.net).rename_axis(CUSTOMER).reset_index()
        return known.sort_values([self.net, CUSTOMER], ascending=[False, True])

    @property
    def negative(self) -> pd.DataFrame:
        """Those who are expected to cost more than they bring, the worst first, with customer_id."""
        best = self.best
        return best[best[self.net] < 0].sort_values([self.net, CUSTOMER])

    def share_of_best(self, share: float = BEST_SHARE) -> float:
        """How much of all that is left the best such share of the customers leaves, 0 to 1; NaN where nothing is left."""
        left = self.best[self.net].to_numpy(dtype=np.float64)
        total = float(left.sum())
        return float(left[: int(np.ceil(share * len(left)))].sum() / total) if total > 0 else float("nan")


def is_by_contracts(facts: Facts) -> bool:
    """Whether customers are told by their contracts, as the project has no orders.

    Raises FactsError: it has neither orders nor contracts that say when they end.
    """
    if "orders" in facts.columns:
        return False
    if "ended_at" in facts.columns.get("subscriptions", frozenset()):
        return True
    raise FactsError(
        Text(
            "What customers are worth and which groups they make is told from orders, or from contracts that say when they"
            " end; the project gives {tables}. Add [tables.orders], or [tables.subscriptions] with ended_at.",
            "客户价值与分群需要 orders 表，或写明结束时间的合同；项目现有 {tables}。"
            "请添加 [tables.orders]，或含 ended_at 的 [tables.subscriptions]。",
        ),
        tables=", ".join(sorted(facts.columns)),
    )


def models_that_serve(project: Project) -> ServingModels:
    """The models of a project that serve. Raises ModelError, StorageError."""
    return ServingModels(serving_lifetime_value(project), serving_credit(project))


def expected_value(facts: Facts, frame: pd.DataFrame, as_of: datetime, serving: ServingModels) -> ExpectedValue:
    """The worth of the customers of a snapshot at ``as_of`` (aware), by customer_id, by facts that were known then.

    ``frame`` has those of `NEEDED` that the project gives. Models that know facts of after ``as_of`` are not asked.
    Raises FactsError: there are neither orders nor contracts that end; ModelError: a model does not fit the facts.
    """
    if is_by_contracts(facts):
        return _of_contracts(facts, frame, as_of, serving)
    horizon = facts.project.value.horizon_days
    past = past_values(facts, as_of)
    model, told = _lifetime_value(facts, as_of, serving.lifetime_value)
    if model is None:
        return ExpectedValue(past.reindex(frame.index), horizon, by_contracts=False, told=told)
    worth = past.join(model.outlooks(facts, as_of).set_index(CUSTOMER)).reindex(frame.index)
    left = _net(facts, frame, worth, as_of, serving)
    customers = worth.join(left).assign(value_horizon_days=horizon)
    return ExpectedValue(customers, horizon, False, model, (*told, *model.said()), _held_out(facts, as_of, model))


def past_values(facts: Facts, as_of: datetime) -> pd.DataFrame:
    """past_value and past_value_365d, in currency, of all with an order before ``as_of`` (aware); index customer_id.

    Margin is the orders' own where they carry one, else [value] margin_share of the amount; returns are taken off, and so is
    from past_value what it cost to win the customer, where [value.costs] acquisition tells (acquisition_cost).
    Raises ProjectError: it names no attribute of customers.
    """
    found: pd.DataFrame = facts.connection.execute(
        _PAST,
        {
            "as_of": as_of.astimezone(UTC).replace(tzinfo=None),
            "as_of_day": as_of.astimezone(facts.project.timezone).date(),
            "margin_share": facts.project.value.margin_share,
        },
    ).df()
    past = found.set_index(CUSTOMER)
    attribute = facts.project.value.costs.acquisition
    if attribute is None:
        return past
    cost = _acquisition_costs(facts, attribute, as_of).reindex(past.index)
    return past.assign(past_value=past["past_value"] - cost.fillna(0.0), acquisition_cost=cost)


def _acquisition_costs(facts: Facts, attribute: str, as_of: datetime) -> "pd.Series[float]":
    """What it cost to win each customer, by the row that was known; NaN where it does not say a number."""
    check_attribute(facts, attribute, "[value.costs] acquisition")
    query = f"""SELECT customer_id, TRY_CAST({quoted(attribute)} AS DOUBLE) AS cost FROM customers
        WHERE coalesce(known_at < $as_of, TRUE) AND coalesce(valid_from < $as_of, TRUE)
        QUALIFY row_number() OVER (PARTITION BY customer_id ORDER BY valid_from DESC NULLS LAST, cost) = 1"""
    rows = facts.connection.execute(query, {"as_of": as_of.astimezone(UTC).replace(tzinfo=None)}).df()
    return pd.Series(rows["cost"].to_numpy(dtype=np.float64), index=pd.Index(rows[CUSTOMER]))


def _of_contracts(facts: Facts, frame: pd.DataFrame, as_of: datetime, serving: ServingModels) -> ExpectedValue:
    horizon = facts.project.value.horizon_days
    if CONTRACT not in frame:
        return ExpectedValue(frame[[]], horizon, by_contracts=True, told=(_NO_PRICE,))
    value = np.where(frame[RUNNING] > 0, value_at_stake(frame, facts.project), np.nan)
    worth = pd.DataFrame(
        {"lifetime_value": value, "expected_revenue": value / facts.project.value.margin_share}, index=frame.index
    )
    left = _net(facts, frame, worth, as_of, serving).rename(columns={"lifetime_value_net": "contract_value_net"})
    customers = frame[[CONTRACT]].assign(contract_value=value).join(left).assign(value_horizon_days=horizon)
    return ExpectedValue(customers, horizon, by_contracts=True, told=(_IF_THEY_GO_ON.format(days=horizon),))


def _lifetime_value(
    facts: Facts, as_of: datetime, serving: ServingLifetimeValue | None
) -> tuple[LifetimeValue | None, tuple[Text, ...]]:
    """The model that may be asked, and whose it is; None, and why there is none, where the facts do not suffice."""
    if serving is None:
        why = _NONE_SERVES
    elif _knows_after(serving.model.as_of, as_of):
        why = _SERVES_LATER
    elif serving.model.terms != Terms.of(facts.project):
        why = _SERVES_OTHER_TERMS
    else:
        return serving.model, (_SERVES.format(version=serving.version, day=serving.model.as_of[:10]),)
    try:
        return fit_lifetime_value(facts, as_of, SEED), (why,)
    except NotEnoughDataError as fault:
        return None, (_NOT_TOLD.format(why=fault.text),)


def _net(
    facts: Facts, frame: pd.DataFrame, worth: pd.DataFrame, as_of: datetime, serving: ServingModels
) -> pd.DataFrame:
    """The columns of `net_value`; without expected_credit_loss where nothing tells of it."""
    asked = worth.join(frame[[name for name in COUNTED if name in frame]])
    credit = _before(serving.credit, as_of, lambda one: one.model.as_of)
    if credit is not None:
        rated = snapshot(facts, [as_of], features=features_of(facts)).to_pandas().set_index("customer_id")
        asked = asked.join(credit.model.rate(rated)[[CREDIT_LOSS]])
    left = net_value(asked, facts.project.value.costs, facts.project.value.horizon_days)
    return left if credit is not None else left.drop(columns="expected_credit_loss")


def _before(serving: Serving | None, as_of: datetime, known: Callable[[Serving], str]) -> Serving | None:
    """The model, unless it knows facts of after ``as_of``."""
    return None if serving is None or _knows_after(known(serving), as_of) else serving


def _knows_after(knows_until: str, as_of: datetime) -> bool:
    return datetime.fromisoformat(knows_until) > as_of


def _held_out(facts: Facts, as_of: datetime, model: LifetimeValue) -> HeldOut | None:
    """The purchase model of the forecast, fitted before the days that forecasts were judged on; None: too few facts."""
    record, days = read_record(facts, as_of), model.judged.judged_days
    last_day = record.last_day - days
    kind = MODELS[forecast_to_json(model.forecast)["model"]["kind"]]
    try:
        fitted = Fits(record.days).model(kind, last_day)
    except NotEnoughDataError:
        return None
    return HeldOut(fitted, record.days, last_day, days)


_SERVES = Text(
    "Lifetime value is told by the model of the last training (version {version}, {day}).",
    "客户终身价值由最近一次训练的模型给出（版本 {version}，{day}）。",
)
_NONE_SERVES = Text(
    "No model of lifetime value is registered, so one was fitted for this report and not kept; 'retinue train' keeps one.",
    "尚未登记客户终身价值模型，因此为本报告临时拟合了一个，未作保存；“retinue train”会保存模型。",
)
_SERVES_LATER = Text(
    "The registered model of lifetime value knows facts of after this date, so one was fitted for this report and not kept.",
    "已登记的客户终身价值模型包含此日期之后的数据，因此为本报告临时拟合了一个，未作保存。",
)
_SERVES_OTHER_TERMS = Text(
    "The registered model of lifetime value counts by other terms than [value] gives now, so one was fitted for this report"
    " and not kept; 'retinue train' renews it.",
    "已登记的客户终身价值模型与当前 [value] 的口径不同，因此为本报告临时拟合了一个，未作保存；“retinue train”会更新模型。",
)
_NOT_TOLD = Text("Lifetime value is not told: {why}", "未给出客户终身价值：{why}")
_NO_PRICE = Text(
    "The contracts carry no price, so nothing is said of what they will bring. Add amount to [tables.subscriptions].",
    "合同未提供价格，因此无法给出预期价值。请在 [tables.subscriptions] 中添加 amount。",
)
_IF_THEY_GO_ON = Text(
    "Contract value is the margin of the running contracts over {days} days if all of them go on; who is likely to end one"
    " is told by 'retinue score'.",
    "合同价值是生效合同全部延续时 {days} 天内的毛利；谁可能终止合同，请用“retinue score”查看。",
)
