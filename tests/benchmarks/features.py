"""What features cost: beside a bare scan of the same columns, beside other tools, and as the company grows.

Each figure is the CPU time and the peak memory of a fresh process, the median of interleaved rounds, with DuckDB on two
threads, at midnight UTC of 2025-12-01 (twelve cut-offs: the first of each month of 2025). The company is simulated: 24
months, for each customer about 22 orders, 12 invoices and 11 payments. The floor reads the columns that features use of
these three tables and takes count, max and sum by customer.

Run as ``python -m tests.benchmarks.features [--customers 1000000 | --quick] [--parts costs loop peers limit growth]``.
"""

import argparse
import hashlib
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

import pyarrow.parquet as pq

from tests.benchmarks.peers import BASIC
from tests.benchmarks.peers.agreement import disagreements
from tests.benchmarks.peers.environment import OTHERS, OWN, python_of
from tests.benchmarks.report import FOLDER, Result, at_most, write
from tests.benchmarks.tools.measure import CUT_OFFS, LIMIT, MONTHS, Figures

CUSTOMERS = 1_000_000
QUICK_CUSTOMERS = 30_000
FEATURETOOLS_CUSTOMERS = 10_000
AGREEMENT_CUSTOMERS = 2_000
GROWTH = (0.1, 1.0, 3.0)
"""Sizes of the company whose cost is compared, times the customers."""
ROUNDS = 3

MOST_OF_FLOOR = 5.0
MOST_OF_ONE = 4.0
MOST_MEGABYTES = 3_000.0
MOST_GROWTH = 1.25
"""What a customer may cost in a larger company, times its cost in the next smaller one: linear, but for chance."""

ROOT = Path(__file__).resolve().parents[2]
SIMULATION = ROOT / "features" / "simulation"
AS_OF = f"{CUT_OFFS[-1]:%Y-%m-%d}"


class Bench:
    """Measurements on companies of one size, each made once; ``given`` is a company that is there already."""

    def __init__(self, customers: int, rounds: int, given: Path | None = None) -> None:
        self.customers = customers
        self.rounds = rounds
        self._given = given
        self._medians: dict[tuple[str, int], Figures] = {}

    def company(self, customers: int) -> Path:
        """The simulated company's folder, made unless it is there; another simulation has another folder."""
        if self._given and customers == self.customers:
            return self._given
        sources = b"".join(file.read_bytes() for file in sorted(SIMULATION.glob("*.py")))
        version = hashlib.sha256(sources).hexdigest()[:8]
        data = FOLDER / "data" / f"{customers}-customers-{MONTHS}-months-{version}"
        if not data.exists():
            print(f"Simulating {customers:,} customers over {MONTHS} months …", flush=True)
            _process(_own("make"), data, "--customers", str(customers))
        return data

    def measure(
        self, commands: dict[str, Sequence[str]], rounds: int | None = None, customers: int | None = None
    ) -> None:
        """Run each command that often on the company of that size, one after the other in each round."""
        size = customers or self.customers
        data = self.company(size)
        found: dict[str, list[Figures]] = {name: [] for name in commands}
        for number in range(rounds or self.rounds):
            for name, command in commands.items():
                found[name].append(_process(command, data))
                cpu, peak = found[name][-1]["cpu"], found[name][-1]["peak"]
                print(f"  {name}, {size:,} customers, round {number + 1}: {cpu:.1f} s, {peak:,.0f} MB", flush=True)
        for name, figures in found.items():
            self._medians[name, size] = {
                figure: value if isinstance(value, str) else median(each[figure] for each in figures)
                for figure, value in figures[0].items()
            }

    def figure(self, name: str, figure: str, customers: int | None = None) -> float:
        """The median of a figure."""
        return float(self._medians[name, customers or self.customers][figure])

    def has(self, name: str) -> bool:
        """Whether it was measured on the company of the chosen size."""
        return (name, self.customers) in self._medians

    def text(self, name: str, figure: str) -> str:
        """A figure that is no number."""
        return str(self._medians[name, self.customers][figure])


def _process(command: Sequence[str], data: Path, *more: str) -> Figures:
    arguments = [*command, "--data", str(data.absolute()), *more]
    done = subprocess.run(arguments, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    figures: Figures = json.loads(done.stdout)
    return figures


def _own(what: str) -> list[str]:
    return [sys.executable, "-m", "tests.benchmarks.tools.measure", what]


def _peer(name: str, python: Path) -> list[str]:
    return [str(python), "-m", "tests.benchmarks.peers.run", name, "--as-of", AS_OF]


# --- the parts


def costs(bench: Bench) -> list[Result]:
    """The snapshot at one cut-off and at twelve beside the floor."""
    bench.measure({what: _own(what) for what in ("floor", "one", "twelve")})
    floor, one, twelve = (bench.figure(what, "cpu") for what in ("floor", "one", "twelve"))
    opening, peaks = bench.figure("one", "open"), [bench.figure(what, "peak") for what in ("one", "twelve")]
    return [
        Result("customers simulated", bench.customers, "customers"),
        Result("features", bench.figure("one", "features"), "features"),
        Result("rows of twelve snapshots", bench.figure("twelve", "rows"), "rows"),
        Result("scan floor", floor, "CPU seconds"),
        Result("opening the facts", opening, "CPU seconds"),
        Result("snapshot at one cut-off", one, "CPU seconds"),
        Result("snapshot at twelve cut-offs", twelve, "CPU seconds"),
        Result("opening and snapshot / scan floor", (opening + one) / floor, "times"),
        at_most("snapshot / scan floor", one / floor, "times", MOST_OF_FLOOR),
        at_most("twelve cut-offs / one", twelve / one, "times", MOST_OF_ONE),
        at_most("snapshot at one cut-off, peak memory", peaks[0], "MB", MOST_MEGABYTES),
        at_most("snapshot at twelve cut-offs, peak memory", peaks[1], "MB", MOST_MEGABYTES),
    ]


def loop(bench: Bench) -> list[Result]:
    """Twelve single cut-offs one after the other, beside one."""
    bench.measure({"loop": _own("loop")}, rounds=1)
    ratio = bench.figure("loop", "cpu") / bench.figure("one", "cpu")
    return [Result("twelve cut-offs in a loop / one", ratio, "times")]


def limit(bench: Bench) -> list[Result]:
    """The same rows with little memory."""
    bench.measure({what: _own(what) for what in ("unlimited", "limited")}, rounds=1)
    differ = float(bench.text("unlimited", "fingerprint") != bench.text("limited", "fingerprint"))
    return [
        at_most(f"rows under memory_limit = {LIMIT} that differ from those without it", differ, "0: none", 0.0),
        Result(f"peak memory under memory_limit = {LIMIT}", bench.figure("limited", "peak"), "MB"),
        Result(f"CPU time under memory_limit = {LIMIT} / without", _ratio(bench, "limited", "unlimited"), "times"),
    ]


def growth(bench: Bench) -> list[Result]:
    """What a customer costs in smaller and larger companies."""
    sizes = [int(bench.customers * share) for share in GROWTH]
    for size in sizes:
        if size != bench.customers:
            bench.measure({"one": _own("one")}, rounds=1, customers=size)
    each = [1e6 * bench.figure("one", "cpu", size) / size for size in sizes]
    peaks = [bench.figure("one", "peak", size) for size in sizes]
    found = [
        Result(f"one cut-off, {n:,} customers", cost, "CPU µs a customer") for n, cost in zip(sizes, each, strict=True)
    ]
    found += [
        Result(f"one cut-off, {n:,} customers, peak memory", mb, "MB") for n, mb in zip(sizes, peaks, strict=True)
    ]
    return [*found, at_most("a customer's cost, largest company / middle", each[2] / each[1], "times", MOST_GROWTH)]


def peers(bench: Bench) -> list[Result]:
    """The basic features in other tools beside the same in ours, after all have been found to agree."""
    pythons = {name: python for name in (*OWN, *OTHERS) if (python := python_of(name, FOLDER))}
    _check_agreement(bench, pythons)
    large = {name: python for name, python in pythons.items() if name != "featuretools"}
    bench.measure({"basic": _own("basic"), **{name: _peer(name, python) for name, python in large.items()}})
    found = [Result(f"the {len(BASIC)} basic features", bench.figure("basic", "cpu"), "CPU seconds")]
    for name in large:
        found += _beside(bench, name, bench.figure(name, "cpu"), bench.figure(name, "peak"))
    if "featuretools" in pythons:
        size = min(FEATURETOOLS_CUSTOMERS, bench.customers)
        bench.measure({"featuretools": _peer("featuretools", pythons["featuretools"])}, rounds=1, customers=size)
        cpu = bench.figure("featuretools", "cpu", size) * bench.customers / size
        found += _beside(bench, f"featuretools (from {size:,} customers)", cpu, None)
    return found


def _beside(bench: Bench, name: str, cpu: float, peak: float | None) -> list[Result]:
    """A peer's cost of the basic features, and times ours of the same and of the whole catalogue."""
    found = [
        Result(f"basic features in {name}", cpu, "CPU seconds"),
        Result(f"basic features in {name} / in Retinue", cpu / bench.figure("basic", "cpu"), "times"),
        Result(f"basic features in {name} / all of Retinue's", cpu / bench.figure("one", "cpu"), "times"),
    ]
    if peak is not None:
        ours = bench.figure("basic", "peak")
        found += [Result(f"basic features in {name}, peak memory / in Retinue", peak / ours, "times")]
    return found


def _check_agreement(bench: Bench, pythons: dict[str, Path]) -> None:
    """Refuse to compare the cost of things that are not the same."""
    data = bench.company(AGREEMENT_CUSTOMERS)
    results = FOLDER / "agreement"
    results.mkdir(parents=True, exist_ok=True)
    _process(_own("basic"), data, "--out", str(results / "ours.parquet"))
    for name, python in pythons.items():
        _process(_peer(name, python), data, "--out", str(results / f"{name}.parquet"))
    tables = {name: pq.read_table(results / f"{name}.parquet") for name in pythons}
    if found := disagreements(pq.read_table(results / "ours.parquet"), tables):
        raise SystemExit("The peers do not compute the same:\n" + "\n".join(found))


def _ratio(bench: Bench, one: str, other: str) -> float:
    return bench.figure(one, "cpu") / bench.figure(other, "cpu")


PARTS: dict[str, Callable[[Bench], list[Result]]] = {
    "costs": costs,
    "loop": loop,
    "peers": peers,
    "limit": limit,
    "growth": growth,
}
"""In this order; all need the first."""


# --- the report


def markdown(bench: Bench) -> str:
    """What was measured, as a table for a document: everything beside the floor."""
    names = {
        "floor": "the floor: count, max and sum of the same columns",
        "one": "Retinue, {features:.0f} features, one cut-off",
        "twelve": "Retinue, {features:.0f} features, twelve cut-offs in one call",
        "loop": "Retinue, twelve cut-offs in a loop",
        "basic": f"Retinue, {len(BASIC)} basic features",
        "duckdb": f"plain DuckDB SQL, {len(BASIC)} basic features",
        "polars": f"polars, {len(BASIC)} basic features",
        "pandas": f"pandas, {len(BASIC)} basic features",
    }
    rows = [
        f"| {bench.customers:,} customers | CPU seconds | times the floor | peak memory |",
        "| --- | --- | --- | --- |",
    ]
    for name, title in names.items():
        if bench.has(name):
            cpu, peak = bench.figure(name, "cpu"), bench.figure(name, "peak")
            said = title.format(features=bench.figure("one", "features"))
            rows.append(f"| {said} | {cpu:,.1f} | {cpu / bench.figure('floor', 'cpu'):.1f} | {peak / 1000:.1f} GB |")
    return "\n".join(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=CUSTOMERS)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_CUSTOMERS:,} customers")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--parts", nargs="*", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--data", type=Path, help="a company of that size that was made before")
    given = parser.parse_args()
    bench = Bench(QUICK_CUSTOMERS if given.quick else given.customers, given.rounds, given.data)
    wanted = ["costs", *(name for name in PARTS if name in given.parts and name != "costs")]
    results = [result for name in wanted for result in PARTS[name](bench)]
    write("features", results)
    print(f"\n{markdown(bench)}")


if __name__ == "__main__":
    main()
