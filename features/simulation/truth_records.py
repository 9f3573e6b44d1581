"""What only the simulation knows, as Arrow tables: for judging models, never for teaching them."""

from collections.abc import Sequence
from datetime import date

import numpy as np
import pyarrow as pa

from features.simulation.campaigns import Treatments, joined
from features.simulation.company import Company
from features.simulation.customers import Customers
from features.simulation.records import TIME, customer_ids, times
from features.simulation.rhythm import Floats
from features.simulation.truth import Silence


def truth_customers_table(
    company: Company, customers: Customers, left_day: Floats, first_day: date, days: int
) -> pa.Table:
    """What drives each customer. ``left_at`` is the first day on which it orders no more; null while it stays."""
    table = pa.table(
        {
            "customer_id": customer_ids(customers, customers.every),
            "order_gap_mean_days": customers.order_gap_days,
            "order_gap_regularity": customers.regularity,
            "order_value_median": customers.order_value,
            "late_delivery_share": customers.late_delivery_share,
            "leaving_per_day": customers.leaving_per_day,
            "usual_late_days": customers.usual_late_days,
            "terms_days": customers.terms_days,
            "trouble_from": times(first_day, np.floor(customers.time.trouble_from), hour=0, before=days),
            "trouble_until": times(first_day, np.ceil(customers.time.trouble_until), hour=0, before=days),
            "left_at": times(first_day, np.floor(left_day) + 1, hour=0, before=days + 1),
        }
    )
    return table.append_column("credit_quality", [customers.credit_quality]) if company.with_credit else table


def truth_effects_table(treatments: Sequence[Treatments], table: pa.Table) -> pa.Table:
    """What each customer in a campaign would do as control and as treated; ``table`` is the table ``treatments``.

    ``leaving_factor`` is what the action makes of the rate of leaving at first. Silence is the true probability of
    no order in the 90 days. Whether one has left by their end and how much margin comes in during them is what happened or
    would have happened, with chance running the same in both arms; null when the records end before.
    """
    columns = {
        "leaving_factor": joined(treatments, lambda one: np.exp(one.log_factor)),
        "silence_90d_if_control": joined(treatments, lambda one: one.potential.silence_if_control),
        "silence_90d_if_treated": joined(treatments, lambda one: one.potential.silence_if_treated),
        "leaves_90d_if_control": joined(treatments, lambda one: one.potential.leaves_if_control),
        "leaves_90d_if_treated": joined(treatments, lambda one: one.potential.leaves_if_treated),
        "margin_90d_if_control": joined(treatments, lambda one: one.potential.margin_if_control),
        "margin_90d_if_treated": joined(treatments, lambda one: one.potential.margin_if_treated),
    }
    table = table.select(["customer_id", "at", "action", "campaign"])
    for name, values in columns.items():
        column = pa.array(values, from_pandas=True)
        table = table.append_column(name, column.cast(pa.bool_()) if name.startswith("leaves") else column)
    effect = columns["silence_90d_if_treated"] - columns["silence_90d_if_control"]
    return table.append_column("silence_90d_effect", pa.array(effect))


def truth_silence_table(customers: Customers, cut_offs: Sequence[tuple[date, Silence]]) -> pa.Table:
    """The true probabilities of all cut-offs; ``leaving_per_day`` is the rate of leaving at the cut-off.

    ``silence_90d_probability`` is one for whom ``has_left``. ``silence_90d_probability_observed`` is the probability
    for an observer who knows all that drives each customer and all its orders, deliveries and complaints, but not
    whether it has left: what a model that learns from them can reach at best.
    """
    parts = [
        pa.table(
            {
                "customer_id": customer_ids(customers, silence.customer),
                "as_of": times(day, np.zeros(len(silence.customer)), hour=0),
                "has_left": silence.has_left,
                "leaving_per_day": silence.leaving_per_day,
                "silence_90d_probability": silence.probability,
                "silence_90d_probability_observed": silence.observed,
            }
        )
        for day, silence in cut_offs
    ]
    return pa.concat_tables(parts) if parts else _EMPTY_SILENCE


_EMPTY_SILENCE = pa.table(
    {
        "customer_id": pa.array([], pa.string()),
        "as_of": pa.array([], TIME),
        "has_left": pa.array([], pa.bool_()),
        "leaving_per_day": pa.array([], pa.float64()),
        "silence_90d_probability": pa.array([], pa.float64()),
        "silence_90d_probability_observed": pa.array([], pa.float64()),
    }
)
