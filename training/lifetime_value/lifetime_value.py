"""Lifetime value as a model that serves: what each customer will buy, spend and earn us within the horizon."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.errors import ModelError
from features.project import Project
from features.sources import Facts
from features.text import Text
from training.lifetime_value.expectations import MEASURES, expectations
from training.lifetime_value.intervals import Intervals
from training.lifetime_value.judged import Judged
from training.lifetime_value.money import Money
from training.lifetime_value.record import Block, read_blocks
from training.lifetime_value.stored_forecast import Stored, forecast_from_json, forecast_to_json
from training.models.purchases.history import PurchaseHistory
from training.models.purchases.purchase_days import Known

Floats = NDArray[np.float64]

COLUMNS: dict[str, str] = {
    "purchases": "expected_purchases",
    "revenue": "expected_revenue",
    "value": "lifetime_value",
}
"""What a measure is called in outlooks; its interval has the same name with _low and _high."""
GOLDEN_TOLERANCE = 1e-6


@dataclass(frozen=True)
class Terms:
    """What values are counted by. ``currency`` and ``margin_share`` are the project's."""

    horizon_days: int
    discount_per_year: float
    margin_share: float
    currency: str

    @classmethod
    def of(cls, project: Project) -> Self:
        """The terms of a project."""
        value = project.value
        return cls(value.horizon_days, value.discount_per_year, value.margin_share, project.project.currency)


@dataclass(frozen=True)
class LifetimeValue:
    """A fitted model; make it with `fit_lifetime_value`, or from what `to_json` gave.

    ``chosen``: the name of the forecast among the candidates. ``least_amount``: see `Earned.of`. ``judged``: how good all
    of it was on days that it had not seen.
    """

    terms: Terms
    as_of: str
    customers: int
    chosen: str
    forecast: Stored
    money: Money
    least_amount: float
    intervals: Mapping[str, Intervals]
    judged: Judged
    golden: Mapping[str, Any]

    def outlooks(self, facts: Facts, as_of: datetime) -> pd.DataFrame:
        """What to expect of everybody who bought before ``as_of`` (aware), by facts that were known then.

        One row a customer, by their ids: customer_id; and within the horizon expected_purchases (purchase days),
        expected_revenue (net of returns) and lifetime_value (margin, discounted to today), in currency, each with _low and
        _high, between which what comes lies with a probability of 90 %. Revenue and value may be below 0: of customers
        who send goods back, or who cost more than they bring. Customers are worked on in blocks.

        Raises FactsError: the project gives no orders. ModelError: the project counts by other terms than the model.
        """
        self._check(facts.project)
        frames = [self.frame_of(block) for block in read_blocks(facts, as_of)]
        empty = pd.DataFrame({"customer_id": np.empty(0, dtype=object)} | {name: np.empty(0) for name in self.columns})
        return pd.concat(frames, ignore_index=True) if frames else empty

    @property
    def columns(self) -> list[str]:
        """The columns of `outlooks` besides customer_id."""
        return [f"{COLUMNS[measure]}{end}" for measure in MEASURES for end in ("", "_low", "_high")]

    def parameters(self) -> dict[str, Any]:
        """What the model is made of, flat, with a unit in each name that has one."""
        stored = {"purchases": forecast_to_json(self.forecast)["model"], **self.money.to_json()}
        flat = {
            f"{part}_model_{name}": value
            for part, held in stored.items()
            if isinstance(held, dict)
            for name, value in held.items()
        }
        return {"chosen": self.chosen, "as_of": self.as_of, "customers": self.customers, **asdict(self.terms), **flat}

    def metrics(self) -> dict[str, float]:
        """How good it was out of time, by name; see `Judged.metrics`."""
        return self.judged.metrics()

    def said(self) -> list[Text]:
        """How good it was out of time, beside the naive forecasts, in sentences."""
        return self.judged.said(self.chosen, self.terms.horizon_days)

    def to_json(self) -> dict[str, Any]:
        """The model as a dict that JSON can hold, with a few golden rows."""
        return {
            "kind": "lifetime_value",
            "terms": asdict(self.terms),
            "as_of": self.as_of,
            "customers": self.customers,
            "chosen": self.chosen,
            "forecast": forecast_to_json(self.forecast),
            "money": self.money.to_json(),
            "least_amount": self.least_amount,
            "intervals": {measure: self.intervals[measure].to_json() for measure in MEASURES},
            "judged": self.judged.to_json(),
            "golden": dict(self.golden),
        }

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        """The model from what `to_json` gave, its golden rows computed again.

        Raises ModelError: it is something else, something is missing, or the golden rows come out differently.
        """
        try:
            if stored["kind"] != "lifetime_value":
                raise ValueError(f"kind = {stored['kind']}")
            model = cls(
                terms=Terms(**stored["terms"]),
                as_of=str(stored["as_of"]),
                customers=int(stored["customers"]),
                chosen=str(stored["chosen"]),
                forecast=forecast_from_json(stored["forecast"]),
                money=Money.from_json(stored["money"]),
                least_amount=float(stored["least_amount"]),
                intervals={measure: Intervals.from_json(stored["intervals"][measure]) for measure in MEASURES},
                judged=Judged.from_json(stored["judged"]),
                golden=stored["golden"],
            )
            said = np.array(model.golden["said"], dtype=np.float64)
            again = model.frame_of(golden_block(model.golden["rows"]))[model.columns].to_numpy()
            off = float(np.abs(said - again).max() / (1 + np.abs(said).max()))
        except (AttributeError, KeyError, TypeError, ValueError) as fault:
            raise ModelError(
                Text(
                    "The stored model of lifetime value cannot be read: {fault}. Train again with 'retinue train'.",
                    "无法读取存储的客户终身价值模型：{fault}。请用“retinue train”重新训练。",
                ),
                fault=repr(fault),
            ) from fault
        if not off <= GOLDEN_TOLERANCE:  # also when it is not a number
            raise ModelError(
                Text(
                    "The stored model of lifetime value no longer gives its own golden rows (off by {off:.2g}); the libraries"
                    " or the file have changed. Train again with 'retinue train'.",
                    "存储的客户终身价值模型无法重现其基准结果（相差 {off:.2g}）；库或文件已改变。请用“retinue train”重新训练。",
                ),
                off=off,
            )
        return model

    def frame_of(self, block: Block) -> pd.DataFrame:
        """The outlooks of these customers."""
        horizon, discount = float(self.terms.horizon_days), self.terms.discount_per_year
        earned = block.earned(self.least_amount)
        expected = expectations(self.forecast, self.money, block.known, earned, horizon, discount)
        columns: dict[str, Any] = {"customer_id": block.customer_id}
        for measure in MEASURES:
            low, high = self.intervals[measure].of(expected[measure])
            name = COLUMNS[measure]
            columns |= {name: expected[measure].value, f"{name}_low": low, f"{name}_high": high}
        return pd.DataFrame(columns)

    def _check(self, project: Project) -> None:
        now = Terms.of(project)
        changed = [name for name, value in asdict(now).items() if value != getattr(self.terms, name)]
        if changed:
            raise ModelError(
                Text(
                    "The model of lifetime value counts by {name} = {was}, and the project now says {now}. Set it back, or"
                    " train again with 'retinue train'.",
                    "客户终身价值模型按 {name} = {was} 计算，而项目现在是 {now}。请改回，或用“retinue train”重新训练。",
                ),
                name=changed[0],
                was=getattr(self.terms, changed[0]),
                now=getattr(now, changed[0]),
            )


def golden_rows(known: Known, block_amount: Floats, block_margin: Floats, rows: int) -> dict[str, Any]:
    """The first customers as JSON can hold them."""
    history, first = known.history, slice(0, rows)
    return {
        "repeat_purchases": history.repeat_purchases[first].tolist(),
        "first_to_last_days": history.first_to_last_days[first].tolist(),
        "age_days": history.age_days[first].tolist(),
        "mean_amount": known.mean_amount[first].tolist(),
        "recent_purchases": known.recent_purchases[first].tolist(),
        "amount": block_amount[first].tolist(),
        "margin": block_margin[first].tolist(),
    }


def golden_block(rows: Mapping[str, Any]) -> Block:
    """The customers that `golden_rows` held."""
    history = PurchaseHistory.of(rows["repeat_purchases"], rows["first_to_last_days"], rows["age_days"])
    mean, recent, amount, margin = (
        np.asarray(rows[name], dtype=np.float64) for name in ("mean_amount", "recent_purchases", "amount", "margin")
    )
    known = Known(np.arange(len(history)), history, mean, recent)
    return Block(np.arange(len(history)).astype(object), known, amount, margin)
