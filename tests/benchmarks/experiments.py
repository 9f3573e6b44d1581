"""Do the intervals of experiments hold the truth? Simulated campaigns with a known effect, and a simulated company.

500 campaigns of 600 to 6,000 customers: heavy-tailed margins (log-normal values of three sizes of customers, gamma
amounts, Poisson counts), 10 to 60 % leaving, facts from before the campaign, a share of leaving that the action takes away
from -10 % (it harms) to 40 %, larger customers treated more often in half of them. The truth of a campaign is the mean
expected change over its treated. ``at the planned end``: the interval of one look when all customers are in. ``at every of
20 looks``: the path holds the truth at all its looks together; the naive interval stands beside it as a warning.

Then three simulated trading companies: what ``retinue experiment report`` tells of each campaign against what would have
come of its treated customers without the action.

Run as ``python -m tests.benchmarks.experiments [--campaigns N]``.
"""

import argparse
import tempfile
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.project import load_project
from features.simulation.company import Company
from features.simulation.plan import planned
from features.simulation.project import truth_of, write_project
from features.sources import open_facts
from tests.benchmarks.report import Result, at_least, at_most, write
from training.experiments.campaigns import campaigns_of, follow, log_of
from training.experiments.effect import LEAST_ARM, Effect, Sample, effect_of, relative_reduction
from training.experiments.report import campaign_report
from training.experiments.sequential import Look, any_time_reach, looked_at

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

CAMPAIGNS, LOOKS, SEED = 500, 20, 1
SEEDS, CUSTOMERS, END = (1, 2, 3), 6_000, datetime(2025, 12, 31, tzinfo=UTC)
LOWEST, HIGHEST = 0.93, 0.97
OUTCOMES = ("retention", "margin")


@dataclass(frozen=True)
class Campaign:
    """One campaign, its customers in the order in which they come in: outcomes, and what is expected of either arm."""

    sample: Sample
    retention: Floats
    margin: Floats
    expected_retention: Floats
    expected_margin: Floats
    """Expected change of each customer by the action."""
    expected_left: tuple[Floats, Floats]
    """Probability of leaving without and with the action."""

    def truth(self, outcome: str) -> float:
        """The mean expected change over the treated."""
        change: Floats = getattr(self, f"expected_{outcome}")
        return float(change[self.sample.is_treated].mean())

    @property
    def relative_truth(self) -> float:
        """The share of leaving that the action takes away from the treated."""
        without, with_action = (left[self.sample.is_treated].mean() for left in self.expected_left)
        return float(1 - with_action / without)


def campaign(seed: int) -> Campaign:
    """A campaign as this seed draws it."""
    rng = np.random.default_rng([SEED, seed])
    n = int(rng.integers(600, 6_001))
    size = rng.choice(3, n, p=[0.55, 0.33, 0.12])
    value = np.exp(rng.normal(0, 0.9, n)) * np.array([60.0, 200.0, 750.0])[size]
    rate, trouble = 2 * np.exp(rng.normal(0, 0.7, n)), rng.normal(0, 1, n)
    bought_before = rng.poisson(4 * rate)
    margin_before = _amounts(rng, bought_before, value)
    left_without = 1 / (1 + np.exp(-(rng.uniform(-2.5, 0) - 0.5 * np.log(rate) + 0.5 * trouble)))
    left_with = left_without * (1 - rng.uniform(-0.1, 0.4))
    lot = rng.uniform(0.5, 0.85) + np.array([-0.1, 0.0, 0.1])[size] * (rng.random() < 0.5)
    is_treated = rng.random(n) < lot
    left = rng.random(n) < np.where(is_treated, left_with, left_without)
    margin = np.where(left, 0.0, _amounts(rng, rng.poisson(rate), value))
    known = trouble + rng.normal(0, 1, n)
    covariates = np.column_stack(
        [margin_before, np.log1p(margin_before), bought_before, np.log1p(bought_before), known]
    ).astype(np.float64)
    kept = left_without - left_with
    return Campaign(
        Sample(is_treated, lot, covariates),
        1.0 - left,
        margin,
        kept,
        kept * rate * value,
        (left_without, left_with),
    )


def _amounts(rng: np.random.Generator, counts: NDArray[np.int64], value: Floats) -> Floats:
    """Sums of so many amounts with exponential spread about each customer's value."""
    return np.where(counts > 0, value * rng.gamma(np.maximum(counts, 1)), 0.0)


def looks_of(one: Campaign, outcome: str, looks: int = LOOKS) -> list[Look]:
    """What was seen each time that a further part of the customers was in; looks with too few are passed over."""
    n, values = len(one.retention), getattr(one, outcome)
    seen = []
    for share in np.arange(1, looks + 1) / looks:
        among = np.arange(n) < round(share * n)
        sample = one.sample.where(among)
        if min(sample.treated, sample.controls) >= LEAST_ARM:
            effect = effect_of(values[among], sample)
            seen.append(Look(float(share), effect.value, effect.standard_error, effect.skewness))
    return seen


def _held(one: Campaign) -> dict[str, float]:
    """Which intervals of a campaign hold the truth, and what the covariates saved."""
    found: dict[str, float] = {}
    for outcome in OUTCOMES:
        truth, values = one.truth(outcome), getattr(one, outcome)
        effect = effect_of(values, one.sample)
        seen = looks_of(one, outcome)
        path = looked_at(seen)
        n = np.array([look.share for look in seen]) * len(values)
        any_time = any_time_reach(n) * np.array([look.standard_error for look in seen])
        found |= {
            f"{outcome}: interval at the planned end holds the truth": effect.low <= truth <= effect.high,
            f"{outcome}: intervals at every of {LOOKS} looks hold the truth": all(
                p.low <= truth <= p.high for p in path
            ),
            f"{outcome}: naive intervals at every look (a warning)": all(
                p.naive_low <= truth <= p.naive_high for p in path
            ),
            f"{outcome}: any-time intervals without a plan, at every look": all(
                np.abs(np.array([look.value for look in seen]) - truth) <= any_time
            ),
            f"{outcome}: variance that facts from before took out": effect.variance_saved,
        }
    relative = relative_reduction(1 - one.retention, one.sample)
    key = "share of leaving taken away: interval at the planned end holds the truth"
    return found | {key: relative.low <= one.relative_truth <= relative.high}


def measure(campaigns: int = CAMPAIGNS) -> list[Result]:
    """Coverage over so many campaigns."""
    held = [_held(campaign(seed)) for seed in range(campaigns)]
    results: list[Result] = []
    for what in held[0]:
        value = float(np.mean([one[what] for one in held]))
        if "any-time" in what:
            results.append(at_least(what, value, "share", HIGHEST - 0.02))
        elif "naive" in what or "took out" in what:
            results.append(Result(what, value, "share"))
        else:
            results += [at_least(what, value, "share", LOWEST), at_most(f"{what}, at most", value, "share", HIGHEST)]
    return results


def measure_company(folder: Path, seeds: tuple[int, ...] = SEEDS) -> list[Result]:
    """Reports on the campaigns of simulated companies against what would have come of the treated without the action."""
    held = [one for seed in seeds for one in _company(folder / str(seed), seed)]
    results = [Result("company: campaigns reported", float(len(held)), "")]
    for place, outcome in enumerate(OUTCOMES):
        share = float(np.mean([one[place] for one in held]))
        results.append(at_least(f"company, {outcome}: reported interval holds the truth", share, "share", 0.9))
    return results


def _company(folder: Path, seed: int) -> list[tuple[bool, bool]]:
    """Whether the intervals of retention and margin hold the truth, for each campaign that is over."""
    company = Company(with_campaigns=True)
    write_project(folder, planned(seed, CUSTOMERS, date(2023, 7, 1), END.date(), company, ()))
    truth = pd.read_parquet(truth_of(folder) / "effects.parquet").set_index(["campaign", "customer_id"])
    held = []
    with open_facts(load_project(folder)) as facts:
        log = log_of(facts)
        for name in campaigns_of(log)["campaign"]:
            found = campaign_report(follow(facts, log, name, END))
            if "margin" in found.effects and "retention" in found.effects:
                rows = found.followed.rows
                effects = truth.loc[name].loc[rows.loc[rows["arm"] == "treated", "customer_id"]]
                kept = -float(effects["silence_90d_effect"].mean())
                margin = float((effects["margin_90d_if_treated"] - effects["margin_90d_if_control"]).mean())
                held.append((_holds(found.effects["retention"], kept), _holds(found.effects["margin"], margin)))
    return held


def _holds(effect: Effect, truth: float) -> bool:
    return effect.low <= truth <= effect.high


def main() -> None:
    """Run the benchmark and write what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--campaigns", type=int, default=CAMPAIGNS, help="how many campaigns")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="retinue-experiments-") as folder:
        of_company = measure_company(Path(folder))
    write("experiments", [*measure(asked.campaigns), *of_company])


if __name__ == "__main__":
    main()
