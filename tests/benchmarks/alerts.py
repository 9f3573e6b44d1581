"""Whether the alarm on a customer's own rhythm rings as seldom as it states, and how early, on simulated companies.

The rhythm that all share is learnt on the first day of a year; in the year after it, each alarm is dated. Of the customers
who neither left nor were in trouble until the year was over, the share that has an alarm is held to lie within a fifth of
the stated one. Of those who left (long enough before the end to be found), it is told how many are found, how many days after
they left, and how many days before they would have been silent for the churn horizon. Beside it stands the rule of thumb:
silent for more than twice the own mean gap.

Run as ``python -m tests.benchmarks.alerts``.
"""

import tempfile
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from features.project import load_project
from features.simulation.company import Company
from features.simulation.plan import planned
from features.simulation.project import truth_of, write_project
from features.sources import open_facts
from tests.benchmarks.report import Result, at_least, at_most, write
from training.rhythm_alarm.alarm import LEAST_GAPS, alarm_days, learn_rhythm
from training.rhythm_alarm.history import Gaps, gaps_of
from training.rhythm_alarm.visits import Floats, Visits, day_number, visits_before

COMPANIES, CUSTOMERS = 3, 4_000
START, BEGIN, END = date(2022, 7, 1), date(2025, 7, 1), date(2026, 7, 1)
STATED = (0.02, 0.05, 0.10, 0.20)
HORIZON_DAYS = 90
LEFT_BEFORE_END_DAYS = 120
NAIVE_TIMES = 2.0


@dataclass(frozen=True)
class Watched:
    """One company's customers with their gaps, and what only the simulation knows; days since 1970, infinite: never."""

    visits: Visits
    gaps: Gaps
    stated: dict[float, Floats]
    left: Floats
    unchanged: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
    found_in_time: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]


def watched(folder: Path, seed: int) -> Watched:
    """A company over the year, watched day by day."""
    project = load_project(write_project(folder, planned(seed, CUSTOMERS, START, END, Company(), ())))
    with open_facts(project) as facts:
        visits = visits_before(facts, datetime(END.year, END.month, END.day, tzinfo=project.timezone))
    begin, end = day_number(BEGIN), day_number(END)
    rhythm = learn_rhythm(visits.before(begin))
    gaps = gaps_of(visits, rhythm.clock)
    truth = pq.read_table(truth_of(folder) / "customers.parquet").to_pandas().set_index("customer_id")
    left, trouble, until = (
        _days(truth[name].reindex(visits.customers)) for name in ("left_at", "trouble_from", "trouble_until")
    )
    judged = np.bincount(visits.before(begin).customer, minlength=len(left)) > LEAST_GAPS
    calm = (left >= end) & ~((trouble < end) & (until > begin))
    gone = (left >= begin) & (left < end - LEFT_BEFORE_END_DAYS)
    stated = {rate: alarm_days(gaps, rhythm, rate) for rate in STATED}
    return Watched(visits, gaps, stated, left, judged & calm, judged & gone)


def _days(instants: pd.Series) -> Floats:
    days = (pd.to_datetime(instants).dt.tz_localize(None) - pd.Timestamp(0)) / pd.Timedelta(days=1)
    return days.fillna(np.inf).to_numpy()


def naive_days(gaps: Gaps) -> Floats:
    """The day on which each gap has lasted for twice the mean of those before; infinite where it never does."""
    first = np.arange(len(gaps.begin)) - gaps.number
    mean = (gaps.begin - gaps.begin[first]) / np.maximum(gaps.number, 1)
    day = np.where(gaps.number >= LEAST_GAPS, np.ceil(gaps.begin + 0.5 + NAIVE_TIMES * mean), np.inf)
    return np.where(day <= gaps.end, day, np.inf)


def _found(company: Watched, days: Floats) -> pd.DataFrame:
    """Of each customer: false (unchanged, alarmed in the year), and of the last gap alarm, left and when it is silent."""
    in_year = (days >= day_number(BEGIN)) & (days < day_number(END))
    alarmed = np.isin(np.arange(len(company.left)), company.gaps.customer[in_year])
    last = company.gaps.is_open
    rows = pd.DataFrame(
        {"alarm": days[last], "silent": company.gaps.begin[last] + 1.0 + HORIZON_DAYS}, company.gaps.customer[last]
    )
    return rows.assign(alarmed=alarmed, left=company.left, unchanged=company.unchanged, gone=company.found_in_time)


def _figures(name: str, rows: pd.DataFrame, stated: float | None = None) -> list[Result]:
    rate = float(rows.loc[rows["unchanged"], "alarmed"].mean())
    gone = rows[rows["gone"]]
    seen = gone[np.isfinite(gone["alarm"])]
    told = Result(f"{name}: unchanged customers with an alarm in the year", rate, "share")
    held = [told] if stated is None else [
        at_least(f"{name}: unchanged customers with an alarm in the year, at least", rate, "share", 0.8 * stated),
        at_most(f"{name}: unchanged customers with an alarm in the year, at most", rate, "share", 1.2 * stated),
    ]  # fmt: skip
    return [
        *held,
        Result(f"{name}: found of those who left", len(seen) / len(gone), "share"),
        Result(f"{name}: found before they were silent for {HORIZON_DAYS} days", float((gone["alarm"] < gone["silent"]).mean()), "share"),
        Result(f"{name}: median days from leaving to the alarm", float((seen["alarm"] - seen["left"]).median()), "days"),
        Result(f"{name}: median days of the alarm before that silence", float((seen["silent"] - seen["alarm"]).median()), "days"),
    ]  # fmt: skip


def measure(folder: Path) -> list[Result]:
    """All figures, of companies that are written into ``folder``."""
    companies = [watched(folder / str(seed), seed) for seed in range(1, COMPANIES + 1)]
    unchanged, gone = (sum(int(marks.sum()) for marks in each) for each in zip(*((c.unchanged, c.found_in_time) for c in companies), strict=True))  # fmt: skip
    results = [Result("unchanged customers", unchanged, "customers"), Result("customers who left", gone, "customers")]
    for rate in STATED:
        rows = pd.concat([_found(company, company.stated[rate]) for company in companies])
        results += _figures(f"stated {rate:.0%} a year", rows, rate)
    return [
        *results,
        *_figures("twice the own mean gap", pd.concat([_found(c, naive_days(c.gaps)) for c in companies])),
    ]


def main() -> None:
    """Run the benchmark and write what was found."""
    with tempfile.TemporaryDirectory(prefix="retinue-alerts-") as folder:
        write("alerts", measure(Path(folder)))


if __name__ == "__main__":
    main()
