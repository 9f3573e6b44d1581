"""What all of receivables costs: invoices matched, aged and scored, beside the bare scan of `features.py`.

The company is that of `ledger.py`, whose customers pay each by a habit; about one invoice in ten is open. The model of
late payment is learnt once, from a smaller company of the same make, outside what is measured. Each figure is the CPU time
and the peak memory of a fresh process with two threads, the median of interleaved rounds; opening the facts is told apart.

The target of four times the floor is not met: of ten million invoices it is 13 times (70 CPU seconds, 3.0 GB; it was 19
times and 3.7 GB). The floor reads each row once. Of its multiples the ledger takes 2.3. The model's own matching takes 3:
it counts money from when it was known and instalments in their order, which the ledger's sums do not, so that each invoice
meets its payments by its id once more. The invoices' history and what is paid on the open ones take 1.5, the customers'
features 2, more than half of it the rhythm of purchases, which is made of lists. The hazard of each open invoice in
about twenty intervals takes 3: 112 trees are looked up for each, what stays of the invoice only once, for a half to a third
of what XGBoost takes. Leaving out intervals gains nothing, for hardly any invoice is less likely than 1 in 10,000 to be
open still at the last; nor does asking once for equal rows, for no two invoices are equal. Compiled code could walk the
trees several times as fast; the rest is bound to SQL over ids that are text.

Run as ``python -m tests.benchmarks.receivables_cost [--invoices 1000000] [--rounds 3]``.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median

from tests.benchmarks.ledger import AS_OF, MEMORY_LIMIT, ROOT, make
from tests.benchmarks.report import FOLDER, Result, at_most, write
from tests.benchmarks.tools.measure import Figures, cpu_seconds, floor, opened, peak_megabytes

MOST_OF_FLOOR = 4.0
MOST_MEGABYTES = 4_000.0
LEARNT_FROM = 60_000
"""Invoices of the smaller company."""
SEED = 1
MODEL = "late_payment.json"


def learn(data: Path) -> Figures:
    """Learn who pays late from the smaller company, and keep the model in its folder."""
    from training.late_payment.fit import fit_late_payment
    from training.late_payment.stored import to_json

    with opened(data) as facts:
        model = fit_late_payment(facts, AS_OF, SEED)
    (data / MODEL).write_text(to_json(model), encoding="utf-8")
    return {"cpu": cpu_seconds(), "kind": model.model.kind, "rounds": model.learnt.rounds}


def scored(data: Path) -> Figures:
    """Open the facts; match, age, sum up by customer and portfolio; say of each open invoice when it will be paid."""
    from features.ledger import open_ledger
    from training.late_payment.stored import from_json

    model = from_json((_small(data) / MODEL).read_text(encoding="utf-8"))
    first = cpu_seconds()
    with opened(data) as facts:
        before = cpu_seconds()
        facts.connection.execute(f"SET memory_limit = '{MEMORY_LIMIT}'")
        facts.connection.execute("SET preserve_insertion_order = false")
        books = open_ledger(facts, AS_OF)
        books.customers()
        open_items = books.query(f"SELECT count(*) FROM ({books.items_sql()}) WHERE open_minor > 0")
        books.portfolio()
        books.close()
        matched = cpu_seconds() - before
        said = model.invoices(facts, AS_OF)
        cpu = cpu_seconds() - before
        [agreed] = open_items.column(0).to_pylist()
        return {"open": before - first, "cpu": cpu, "ledger": matched, "scored": len(said), "open_items": agreed}


MEASUREMENTS: dict[str, Callable[[Path], Figures]] = {"learn": learn, "floor": floor, "scored": scored}


def _small(data: Path) -> Path:
    return data.parent / f"{LEARNT_FROM}-invoices"


def measured(what: str, data: Path) -> Figures:
    """One measurement in a process of its own."""
    command = [
        sys.executable,
        "-m",
        "tests.benchmarks.receivables_cost",
        "--measure",
        what,
        "--data",
        str(data.absolute()),
    ]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    figures: Figures = json.loads(done.stdout)
    return figures


def main() -> None:
    """Make what is not there yet, measure in rounds and write what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--invoices", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--measure", choices=list(MEASUREMENTS), help="print one measurement of a company as JSON")
    parser.add_argument("--data", type=Path, help="a company that was made before")
    given = parser.parse_args()
    if given.measure:
        print(json.dumps({**MEASUREMENTS[given.measure](given.data), "peak": peak_megabytes()}))
        return
    data = given.data or FOLDER / "data" / f"{given.invoices}-invoices"
    for folder, invoices in ((data, given.invoices), (_small(data), LEARNT_FROM)):
        if not folder.exists():
            make(folder, invoices, unnamed=False)
    if not (_small(data) / MODEL).exists():
        print(f"  learnt: {measured('learn', _small(data))}", flush=True)
    found: dict[str, list[Figures]] = {"floor": [], "scored": []}
    for _ in range(given.rounds):
        for what, figures in found.items():
            figures.append(measured(what, data))
            print(f"  {what}: {figures[-1]}", flush=True)
    cpu = {what: median(each["cpu"] for each in figures) for what, figures in found.items()}
    opening, ledger = (median(each[name] for each in found["scored"]) for name in ("open", "ledger"))
    results = [
        Result("invoices", given.invoices, "invoices"),
        Result("invoices that are open and scored", found["scored"][0]["scored"], "invoices"),
        Result("scan floor", cpu["floor"], "CPU seconds"),
        Result("opening the facts", opening, "CPU seconds"),
        Result("matching, ageing, sums by customer and portfolio", ledger, "CPU seconds"),
        Result("when each open invoice is paid", cpu["scored"] - ledger, "CPU seconds"),
        at_most("matching, ageing and scoring / scan floor", cpu["scored"] / cpu["floor"], "times", MOST_OF_FLOOR),
        at_most("peak memory", max(each["peak"] for each in found["scored"]), "MB", MOST_MEGABYTES),
    ]
    write("receivables_cost", results)


if __name__ == "__main__":
    main()
