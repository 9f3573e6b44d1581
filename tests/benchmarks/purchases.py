"""What it costs to fit purchase models and to ask them: BG/NBD on a million simulated customers, ours against lifetimes.

Each fit runs in a process of its own, which loads the same file; its CPU time and the peak of its memory are those of the
fit, and of all the process. lifetimes lies in an environment of its own, as it needs older libraries; its likelihood is
computed by us at its parameters. Then ten million customers are fitted, and their expected purchases, value and
discounted value, each with an interval, are streamed in blocks.

Run as ``python -m tests.benchmarks.purchases [--customers 1000000] [--many 10000000] [--only fit|many]``.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.benchmarks.report import FOLDER, Result, at_least, at_most, write
from training.models.purchases.bg_nbd import BgNbd
from training.models.purchases.gamma_gamma import Amounts, GammaGamma
from training.models.purchases.history import PurchaseHistory
from training.models.purchases.outlook import outlooks

Floats = NDArray[np.float64]

CUSTOMERS, MANY = 1_000_000, 10_000_000
BLOCK = 500_000
HORIZON_DAYS, DISCOUNT = 365.0, 0.1
TRUTH = BgNbd(r=0.6, alpha_days=60.0, a=0.8, b=3.0)
SPEND = GammaGamma(p=6.25, q=3.74, v_amount=15.44)
LEAST_TIMES_FASTER = 25.0
MOST_LIKELIHOOD_DIFFERENCE = 1e-6
MOST_MEGABYTES = 2_000.0
LIFETIMES = ("lifetimes==0.11.3", "numpy<2", "scipy<1.13", "pandas<2.3")

BY_LIFETIMES = """
import json, resource, sys, warnings
warnings.simplefilter("ignore")
import numpy as np
from lifetimes import BetaGeoFitter
stored = np.load(sys.argv[1])
x, last, age = stored["x"], stored["last"], stored["age"]
before = resource.getrusage(resource.RUSAGE_SELF)
fitted = BetaGeoFitter().fit(x, last, age)
after = resource.getrusage(resource.RUSAGE_SELF)
cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
found = {name: float(value) for name, value in fitted.params_.items()}
print(json.dumps({"cpu": cpu, "peak": after.ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3), **found}))
"""


def simulated(customers: int, seed: int) -> PurchaseHistory:
    """Customers of BG/NBD who bought first on any day of two years.

    Times are rounded up to whole days, as shops know them, so that the parameters found are near those simulated.
    """
    generator = np.random.default_rng(seed)
    age = generator.integers(1, 731, customers).astype(np.float64)
    rate = generator.gamma(TRUTH.r, 1 / TRUTH.alpha_days, customers)
    dropout = generator.beta(TRUTH.a, TRUTH.b, customers)
    x, last, now = np.zeros(customers), np.zeros(customers), np.zeros(customers)
    alive = np.arange(customers)
    while len(alive):
        now[alive] += np.ceil(generator.exponential(1 / rate[alive]))
        alive = alive[now[alive] <= age[alive]]
        x[alive] += 1
        last[alive] = now[alive]
        alive = alive[generator.random(len(alive)) >= dropout[alive]]
    return PurchaseHistory.of(x, last, age)


def child(task: str, file: Path) -> None:
    """One task on a stored history, in this process; prints what it cost as JSON."""
    stored = np.load(file)
    history = PurchaseHistory.of(stored["x"], stored["last"], stored["age"])
    del stored
    before = resource.getrusage(resource.RUSAGE_SELF)
    found = _fitted(history) if task == "fit" else _streamed(history)
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(json.dumps({"cpu": cpu, "peak": after.ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3), **found}))


def _fitted(history: PurchaseHistory) -> dict[str, float]:
    fit = BgNbd.fit(history)
    model = fit.model
    return {"r": model.r, "alpha": model.alpha_days, "a": model.a, "b": model.b, "groups": fit.groups}


def _streamed(history: PurchaseHistory) -> dict[str, float]:
    """Totals of all blocks, which come in the order of the first purchase; nothing of a block is kept."""
    history = history.take(np.argsort(history.age_days, kind="stable"))

    def blocks() -> Iterator[tuple[PurchaseHistory, Amounts]]:
        for start in range(0, len(history), BLOCK):
            block = history.take(np.arange(start, min(start + BLOCK, len(history))))
            generator = np.random.default_rng(start)
            yield block, Amounts.of(block.repeat_purchases + 1, generator.gamma(6.0, 6.0, len(block)))

    purchases = value = width = 0.0
    for told in outlooks(TRUTH, SPEND, blocks(), HORIZON_DAYS, DISCOUNT):
        purchases += told.purchases.sum()
        value += told.discounted_value.sum()
        width += (told.discounted_value_high - told.discounted_value_low).sum()
    return {"purchases": purchases, "value": value, "width": width}


def measured(*command: str) -> dict[str, Any]:
    """What a process of its own says of itself."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def lifetimes_python(folder: Path = FOLDER) -> Path | None:
    """The Python of an environment with lifetimes, made once; None where it cannot be installed."""
    environment = folder / "lifetimes"
    python = environment / "bin" / "python"
    if not (environment / "ready").exists():
        print(f"Installing {LIFETIMES[0]} into {environment} …", flush=True)
        for command in (
            [sys.executable, "-m", "venv", "--clear", str(environment)],
            [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *LIFETIMES],
        ):
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                print(f"lifetimes is left out: it could not be installed.\n{done.stderr[-500:]}")
                return None
        (environment / "ready").touch()
    return python


def stored(customers: int, folder: Path) -> tuple[PurchaseHistory, Path]:
    """Simulated customers, and the file that holds them."""
    history, file = simulated(customers, seed=1), folder / f"{customers}.npz"
    np.savez(file, x=history.repeat_purchases, last=history.first_to_last_days, age=history.age_days)
    return history, file


def fit(customers: int, folder: Path) -> list[Result]:
    """Ours and that of lifetimes on the same customers."""
    history, file = stored(customers, folder)
    name = f"BG/NBD, {customers:,} customers"
    ours = measured(sys.executable, "-m", "tests.benchmarks.purchases", "--child", "fit", "--file", str(file))
    results = [
        Result(f"{name}: distinct histories", ours["groups"], "histories"),
        Result(f"{name}: CPU time of our fit", ours["cpu"], "CPU seconds"),
        Result(f"{name}: peak memory of our process", ours["peak"], "MB"),
    ]
    python = lifetimes_python()
    if python is None:
        return results
    theirs = measured(str(python), "-c", BY_LIFETIMES, str(file))
    likelihood = {who: _likelihood(history, found) for who, found in (("ours", ours), ("theirs", theirs))}
    gain = (likelihood["ours"] - likelihood["theirs"]) / abs(likelihood["theirs"])
    return [
        *results,
        Result(f"{name}: CPU time of lifetimes' fit", theirs["cpu"], "CPU seconds"),
        Result(f"{name}: peak memory of lifetimes' process", theirs["peak"], "MB"),
        at_least(f"{name}: lifetimes' CPU time over ours", theirs["cpu"] / ours["cpu"], "times", LEAST_TIMES_FASTER),
        at_most(f"{name}: our peak memory over lifetimes'", ours["peak"] / theirs["peak"], "times", 1.0),
        at_least(
            f"{name}: relative gain of the log-likelihood over lifetimes'", gain, "share", -MOST_LIKELIHOOD_DIFFERENCE
        ),
    ]


def _likelihood(history: PurchaseHistory, found: dict[str, Any]) -> float:
    return BgNbd(found["r"], found["alpha"], found["a"], found["b"]).log_likelihood(history)


def many(customers: int, folder: Path) -> list[Result]:
    """Fit and outlook of very many customers; the memory of the process holds their histories too."""
    _, file = stored(customers, folder)
    told = {
        task: measured(sys.executable, "-m", "tests.benchmarks.purchases", "--child", task, "--file", str(file))
        for task in ("fit", "outlook")
    }
    name = f"{customers:,} customers"
    return [
        Result(f"{name}: CPU time of the fit of BG/NBD", told["fit"]["cpu"], "CPU seconds"),
        Result(f"{name}: peak memory of the fit", told["fit"]["peak"], "MB"),
        Result(f"{name}: r found (simulated with {TRUTH.r})", told["fit"]["r"], ""),
        Result(f"{name}: CPU time of outlooks with intervals", told["outlook"]["cpu"], "CPU seconds"),
        at_most(f"{name}: peak memory of outlooks with intervals", told["outlook"]["peak"], "MB", MOST_MEGABYTES),
        Result(f"{name}: expected purchases within a year", told["outlook"]["purchases"], "purchases"),
        Result(f"{name}: their discounted value", told["outlook"]["value"], "currency"),
    ]


def main() -> None:
    """Run the benchmark and write what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=CUSTOMERS)
    parser.add_argument("--many", type=int, default=MANY)
    parser.add_argument("--only", choices=["fit", "many"])
    parser.add_argument("--child", choices=["fit", "outlook"], help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        child(given.child, given.file)
        return
    results: list[Result] = []
    with tempfile.TemporaryDirectory(prefix="retinue-purchases-") as place:
        if given.only in (None, "fit"):
            results += fit(given.customers, Path(place))
        if given.only in (None, "many"):
            results += many(given.many, Path(place))
    write("purchases", results)


if __name__ == "__main__":
    main()
