"""The model of late payment: what it says of each invoice, of each customer, and of the weeks to come."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from features.catalogue import catalogue_hash
from features.errors import ModelError, NotEnoughDataError
from features.sources import Facts
from features.text import Text
from training.late_payment.bills import bills
from training.late_payment.calibration import LateCalibrators, Levels, groups_of
from training.late_payment.cash import MOST_WEEKS, CashSpread, billing_at, from_new, from_open
from training.late_payment.curves import PaymentCurves
from training.late_payment.grid import EDGES
from training.late_payment.hazards import HazardModel, cumulative_hazard
from training.late_payment.instants import day_of
from training.late_payment.rows import customer_features, new_rows, open_rows, with_known_habits
from training.late_payment.words import said

HISTORY, LOOK_ALIKES = "history", "look_alikes"
"""What an invoice's probabilities rest on: its customer's own payments, or invoices like it of others."""


@dataclass(frozen=True)
class Learnt:
    """What a model was learnt from: its end (ISO 8601), how many rows and invoices, and the features' hash."""

    as_of: str
    seed: int
    rows: int
    invoices: int
    rounds: int
    catalogue_hash: str


@dataclass(frozen=True)
class LatePayment:
    """A hazard of being paid with all that makes it honest: habits' prior, calibration, and what judging it found.

    ``usual_days`` and ``spread_days``: days late of everybody, and how one customer's invoices differ among themselves.
    """

    model: HazardModel
    features: tuple[str, ...]
    usual_days: float
    spread_days: float
    levels: Levels
    calibrators: LateCalibrators
    cash: CashSpread
    learnt: Learnt
    held_out_loss: dict[str, float]
    judged: dict[str, dict[str, float]]
    passed: bool

    def curves(self, rows: pd.DataFrame) -> PaymentCurves:
        """When each row is paid; ``rows`` as `rows.open_rows` gives them."""
        rows = with_known_habits(rows, self.usual_days, self.spread_days)
        return PaymentCurves(rows["entry"].to_numpy(dtype=np.float64), cumulative_hazard(self.model, rows))

    def invoices(self, facts: Facts, as_of: datetime) -> pd.DataFrame:
        """What is said of each invoice that is open before ``as_of``, by customer and due day; see `scored`.

        Raises ModelError: the project's tables or features have changed since the model was learnt.
        """
        self.check(facts)
        with bills(facts, as_of, is_read_once=True):
            rows = open_rows(facts, [as_of], reads=self.model.reads)
        return self.scored(rows).sort_values(["customer_id", "due_at", "invoice_id"], kind="stable", ignore_index=True)

    def new_invoices(self, facts: Facts, since: datetime, until: datetime) -> pd.DataFrame:
        """The same of each invoice known from ``since`` to before ``until``, at the instant at which it became known."""
        self.check(facts)
        with bills(facts, until):
            weeks = range((until - since) // timedelta(days=7) + 1)
            rows = new_rows(facts, [since + timedelta(days=7 * week) for week in weeks], until)
        return self.scored(rows)

    def scored(self, rows: pd.DataFrame) -> pd.DataFrame:
        """One row per row: keys, probabilities, and days (NaT: later than can be seen, or never).

        ``unpaid_probability``: that it is still open a year after its due day. ``basis``: 'history' or 'look_alikes'.
        """
        curves, groups = self.curves(rows), groups_of(rows)
        late, late_30 = self.calibrators.probabilities(curves, groups)
        is_known = (rows["settled_count"] > 0).to_numpy()
        early, middle, end = self.levels.days(curves, groups)
        due = rows["due_day"].astype("datetime64[us]")
        dates = {
            name: due + pd.to_timedelta(pd.Series(days, index=rows.index), unit="D")
            for name, days in (("expected_paid_at", middle), ("expected_paid_low", early), ("expected_paid_high", end))
        }
        keys = rows[["invoice_id", "customer_id", "as_of", "amount", "open_amount"]].reset_index(drop=True)
        return keys.assign(
            due_at=due.to_numpy(),
            late_probability=late,
            late_30_probability=late_30,
            **{name: values.to_numpy() for name, values in dates.items()},
            unpaid_probability=curves.unpaid(EDGES[-1]),
            basis=np.where(is_known, HISTORY, LOOK_ALIKES),
        )

    def check(self, facts: Facts) -> None:
        """Raise ModelError unless the project gives the features that the model was learnt with."""
        if catalogue_hash(customer_features(facts)) != self.learnt.catalogue_hash:
            raise ModelError(_CHANGED)

    def parameters(self) -> dict[str, object]:
        """What the model was fitted with, for a record of runs."""
        return {
            "kind": self.model.kind,
            "rounds": self.learnt.rounds,
            "seed": self.learnt.seed,
            "rows": self.learnt.rows,
            "invoices": self.learnt.invoices,
            "usual_late_days": self.usual_days,
            "spread_late_days": self.spread_days,
        }

    def metrics(self) -> dict[str, float]:
        """What judging found, as 'MODEL_FIGURE', and whether the model may serve (1) or not (0)."""
        flat = {f"{name}_{figure}": value for name, own in self.judged.items() for figure, value in own.items()}
        return {**flat, "passed": float(self.passed)}

    def said(self) -> list[Text]:
        """What judging found, in sentences."""
        return said(self.judged, self.passed)


def customers_of(invoices: pd.DataFrame) -> pd.DataFrame:
    """The open invoices of `LatePayment.invoices` summed up by customer.

    customer_id, as_of, open_invoices, open_amount, late_probability and late_30_probability (weighted by open amount),
    expected_late_amount, expected_loss (what is expected to be open still a year after its due day).
    """
    open_amount = invoices["open_amount"]
    parts = invoices.assign(
        open_invoices=1,
        expected_late_amount=open_amount * invoices["late_probability"],
        late_30_amount=open_amount * invoices["late_30_probability"],
        expected_loss=open_amount * invoices["unpaid_probability"],
    )
    sums = ["open_invoices", "open_amount", "expected_late_amount", "late_30_amount", "expected_loss"]
    found = parts.groupby(["customer_id", "as_of"], as_index=False)[sums].sum()
    whole = found["open_amount"].where(found["open_amount"] > 0)
    found["late_probability"] = found["expected_late_amount"] / whole
    found["late_30_probability"] = found["late_30_amount"] / whole
    order = ["customer_id", "as_of", "open_invoices", "open_amount", "late_probability", "late_30_probability"]
    return found[[*order, "expected_late_amount", "expected_loss"]]


def cash_forecast(model: LatePayment, facts: Facts, as_of: datetime, weeks: int = 8) -> pd.DataFrame:
    """Money expected in each of the next ``weeks`` (1 to 12), with an 80 % interval.

    week, begins_at, ends_at (exclusive), expected, low, high, from_open, from_new: the last two sum to ``expected``.
    Raises NotEnoughDataError: no such number of weeks; ModelError: see `LatePayment.check`.
    """
    if not 1 <= weeks <= MOST_WEEKS:
        raise NotEnoughDataError(_WEEKS, weeks=weeks, most=MOST_WEEKS)
    model.check(facts)
    with bills(facts, as_of):
        rows = open_rows(facts, [as_of], reads=model.model.reads)
        new = from_new(billing_at(facts, as_of), weeks)
    open_amount = rows["open_amount"].to_numpy(dtype=np.float64)
    old = from_open(model.curves(rows), open_amount, weeks)
    low, high = model.cash.interval(old + new)
    begins = pd.date_range(pd.Timestamp(day_of(facts, as_of)), periods=weeks, freq="7D")
    return pd.DataFrame(
        {
            "week": np.arange(1, weeks + 1),
            "begins_at": begins,
            "ends_at": begins + pd.Timedelta(days=7),
            "expected": old + new,
            "low": low,
            "high": high,
            "from_open": old,
            "from_new": new,
        }
    )


_CHANGED = Text(
    "The model of late payment was learnt from other features than the project gives now. Give the same tables and columns"
    " as in training, or train again with 'retinue train'.",
    "逾期付款模型训练所用的特征与项目现有的不同。请提供与训练时相同的表和列，或用“retinue train”重新训练。",
)
_WEEKS = Text(
    "A cash forecast reaches 1 to {most} weeks ahead, not {weeks}. Ask for fewer weeks.",
    "现金流预测可覆盖未来 1 至 {most} 周，不能是 {weeks} 周。请减少周数。",
)
