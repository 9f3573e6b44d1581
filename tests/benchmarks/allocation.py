"""What it costs to allocate actions to all customers under limits, and how near it comes to the best there can be.

Eight actions; values are skewed, effects of the actions on one customer go together, many actions do not pay. Five limits:
a budget (a fixed cost and a share of the customer's value for each action), three capacities, a minimum share of the
contacts for one tier. Time (of allocating, not of making the company) and peak memory (all, with the company's arrays in
32-bit numbers) are those of a fresh process. The gap is certified by the allocation itself; among a thousand customers it
is compared with what HiGHS finds for the whole problem, mean and worst of several seeds.

Run as ``python -m tests.benchmarks.allocation [--customers 10000000]``.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

from serving.decisions.allocation import allocate
from tests.benchmarks.report import Result, at_most, write
from tests.benchmarks.tools.measure import Figures, cpu_seconds, peak_megabytes
from tests.serving.decisions.allocation.companies import company, highs

ROOT = Path(__file__).resolve().parents[2]
SEED = 7
MOST_SECONDS = 60.0
MOST_GAP = 1e-4
MOST_MEGABYTES = 4_000.0
SEEDS = range(8)


def allocated(customers: int) -> Figures:
    """Make a company and allocate, in this process."""
    problem = company(customers, SEED)
    began, before = time.perf_counter(), cpu_seconds()
    found = allocate(problem)
    seconds, cpu = time.perf_counter() - began, cpu_seconds() - before
    for limit in found.limits:
        print(f"  {limit.sentence.en}", file=sys.stderr)
    treated = int((found.choice >= 0).sum())
    return {"seconds": seconds, "cpu": cpu, "gap": found.gap, "treated": treated, "peak": peak_megabytes()}


def in_fresh_process(customers: int) -> Figures:
    """`allocated` in a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.allocation", "--measure", "--customers", str(customers)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    figures: Figures = json.loads(done.stdout)
    return figures


def short_of_highs(seed: int) -> float:
    """By what share our profit stays behind that of HiGHS among a thousand customers; below zero where ours is higher."""
    problem = company(1_000, seed)
    return 1 - allocate(problem).profit / highs(problem, 1e-5)


def main() -> None:
    """Measure, and write what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=10_000_000)
    parser.add_argument("--measure", action="store_true", help="print one measurement in this process as JSON")
    given = parser.parse_args()
    if given.measure:
        print(json.dumps(allocated(given.customers)))
        return
    figures = in_fresh_process(given.customers)
    short = [short_of_highs(seed) for seed in SEEDS]
    results = [
        Result("customers, with 8 actions and 5 limits", given.customers, "customers"),
        Result("customers who get an action", figures["treated"], "customers"),
        at_most("time to allocate", figures["seconds"], "seconds", MOST_SECONDS),
        Result("CPU time to allocate", figures["cpu"], "CPU seconds"),
        at_most("certified gap", figures["gap"], "share", MOST_GAP),
        at_most("peak memory, arrays included", figures["peak"], "MB", MOST_MEGABYTES),
        at_most("1,000 customers: short of HiGHS, worst seed", max(short), "share", MOST_GAP),
        Result("1,000 customers: short of HiGHS, mean", sum(short) / len(short), "share"),
    ]
    write("allocation", results)


if __name__ == "__main__":
    main()
