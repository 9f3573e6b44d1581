"""How often 90 % intervals of purchases, revenue and lifetime value hold on simulated trading companies, out of time.

The company's customers order regularly, with a season, leave for reasons, and fall into trouble: none of which the purchase models
assume. A model of lifetime value is fitted on what is known at a cut-off, and its intervals are compared with what came in
the 90, 180 and 365 days after it, counted from the orders by a query of its own. Four companies, of 3,000 customers each.

Held to 87 to 93 % are the intervals of customers of whom half a purchase or more is expected, all of them and by how many are.
Of the others, most of whom have left, more than 90 % buy nothing: whatever their intervals, they hold more often.
Beside it stands how far the forecasts were off, against each customer's own rate so far.

Run as ``python -m tests.benchmarks.lifetime_value [--companies 4] [--customers 3000]``.
"""

import argparse
import tempfile
from datetime import date, datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

from features.project import Project, load_project
from features.simulation.company import Company
from features.simulation.plan import planned
from features.simulation.project import write_project
from features.sources import Facts, open_facts
from tests.benchmarks.report import Result, at_least, at_most, write
from training.lifetime_value.fit import fit_lifetime_value

COMPANIES, CUSTOMERS = 4, 3_000
BEGIN, END = date(2022, 7, 1), date(2026, 7, 1)
CUT_OFFS = (date(2025, 7, 1), date(2025, 1, 1))
"""Of every company one of them, in turn: what comes in 90 days has the most season in summer and in winter."""
HORIZONS_DAYS = (90, 180, 365)
LEAST_HELD, MOST_HELD = 0.87, 0.93
LEAST_HELD_IN_A_GROUP, MOST_HELD_IN_A_GROUP = 0.85, 0.95
"""Figures of groups are shown with the lower of the two, and held to both."""
LEAST_CUSTOMERS = 200
"""Groups of fewer customers are shown, and held to nothing."""
GROUPS = (0.0, 0.5, 2.0, 5.0, 10.0, 20.0, np.inf)
"""Expected purchases at which a group of customers begins."""
COLUMNS = {"purchases": "expected_purchases", "revenue": "expected_revenue", "lifetime value": "lifetime_value"}

_CAME = """
SELECT customer_id, count(DISTINCT ordered_day) FILTER (amount >= 0) AS purchases, sum(amount) AS revenue,
       sum(margin * power(1 + $discount, -(ordered_day - $day::DATE + 1) / 365.25)) AS "lifetime value"
FROM orders WHERE ordered_day >= $day AND ordered_day < $day::DATE + $days::INTEGER GROUP BY customer_id"""
_RATE = """
SELECT customer_id, count(DISTINCT ordered_day) FILTER (amount >= 0) AS purchases, sum(amount) AS revenue,
       sum(margin) AS "lifetime value", $day::DATE - min(ordered_day) AS age_days
FROM orders WHERE ordered_day < $day GROUP BY customer_id"""


def company(folder: Path, seed: int, customers: int) -> Project:
    """A simulated company with four years of records."""
    write_project(folder, planned(seed, customers, BEGIN, END, Company(), []))
    return load_project(folder)


def told(project: Project, day: date, horizon_days: int) -> pd.DataFrame:
    """The outlooks of one cut-off and horizon, what came, and what the own rate so far foretells."""
    value = project.value.model_copy(update={"horizon_days": horizon_days})
    with open_facts(project.model_copy(update={"value": value})) as facts:
        as_of = datetime(day.year, day.month, day.day, tzinfo=project.timezone)
        model = fit_lifetime_value(facts, as_of, seed=0)
        print(f"{day}, {horizon_days} days: {model.chosen}", flush=True)
        frame = model.outlooks(facts, as_of).set_index("customer_id")
        came = _query(facts, _CAME, day=day, days=horizon_days, discount=value.discount_per_year)
        before = _query(facts, _RATE, day=day)
    rate = before.drop(columns="age_days").mul(horizon_days / before["age_days"].clip(lower=horizon_days), axis=0)
    came = came.reindex(frame.index).fillna(0.0).add_prefix("came ")
    return frame.join(came).join(rate.reindex(frame.index).add_prefix("own rate "))


def _query(facts: Facts, sql: str, **values: object) -> pd.DataFrame:
    return facts.connection.execute(sql, values).df().set_index("customer_id").astype(float)


def coverage(frames: list[pd.DataFrame], horizon_days: int) -> list[Result]:
    """How often intervals held, of one horizon."""
    frame = pd.concat(frames)
    group = np.digitize(frame["expected_purchases"], GROUPS[1:-1])
    results: list[Result] = []
    for measure, column in COLUMNS.items():
        came = frame[f"came {measure}"]
        held = (frame[f"{column}_low"] <= came) & (came <= frame[f"{column}_high"])
        what = f"trading, {horizon_days} days: customers within their 90 % interval of {measure}"
        may_buy = float(held[group > 0].mean())
        results += [
            at_least(f"{what}, where half a purchase or more is expected", may_buy, "share", LEAST_HELD),
            at_most(f"{what}, the same from above", may_buy, "share", MOST_HELD),
        ]
        for number, (low, high) in enumerate(pairwise(GROUPS)):
            rows = group == number
            name = f"{what}, {low:g} to {high:g} expected ({rows.sum()} customers)"
            share = float(held[rows].mean())
            if number == 0 or rows.sum() < LEAST_CUSTOMERS:
                results.append(Result(name, share, "share"))
            else:
                holds = LEAST_HELD_IN_A_GROUP <= share <= MOST_HELD_IN_A_GROUP
                results.append(Result(name, share, "share", LEAST_HELD_IN_A_GROUP, holds))
        ours, own = ((frame[said] - came).abs().mean() for said in (column, f"own rate {measure}"))
        results += [
            Result(f"{what}, everybody", float(held.mean()), "share"),
            at_most(
                f"trading, {horizon_days} days: error of {measure} over that of the own rate",
                float(ours / own),
                "times",
                1.0,
            ),
            Result(
                f"trading, {horizon_days} days: total error of {measure}",
                float(frame[column].sum() / came.sum()) - 1,
                "share",
            ),
        ]
    nothing = (frame["came purchases"] == 0)[group == 0]
    name = f"trading, {horizon_days} days: customers who bought nothing, where less than half a purchase is expected"
    return [*results, Result(name, float(nothing.mean()), "share")]


def measure(folder: Path, companies: int = COMPANIES, customers: int = CUSTOMERS) -> list[Result]:
    """All figures, of so many companies that are written into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    frames: dict[int, list[pd.DataFrame]] = {horizon: [] for horizon in HORIZONS_DAYS}
    for seed in range(companies):
        project = company(folder / str(seed), seed + 1, customers)
        for horizon in HORIZONS_DAYS:
            frames[horizon].append(told(project, CUT_OFFS[seed % len(CUT_OFFS)], horizon))
    return [result for horizon, of in frames.items() for result in coverage(of, horizon)]


def main() -> None:
    """Run the benchmark and write what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--companies", type=int, default=COMPANIES)
    parser.add_argument("--customers", type=int, default=CUSTOMERS)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="retinue-lifetime-value-") as folder:
        write("lifetime_value", measure(Path(folder), given.companies, given.customers))


if __name__ == "__main__":
    main()
