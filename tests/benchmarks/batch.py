"""What a batch costs beside its floor: features alone and the champion's predictions alone, by CPU time and memory.

Each part runs in a process of its own on the same simulated company; the model is learnt on a small one and serves the
large one, whose size it does not depend on. Held to: 2.5 times the floor and 4 GB at a million customers, from facts to
published scores with reasons, with everything else that a batch says (lifetime value, tiers, courses, debts) in it.

Run as ``python -m tests.benchmarks.batch [CUSTOMERS]`` (1,000,000), or with ``--project FOLDER`` on a trained project.
"""

import argparse
import subprocess
import sys
import tempfile
from datetime import datetime
from pathlib import Path

from features.project import load_project
from features.sources import open_facts
from tests.benchmarks.events import CUSTOMERS, trained
from tests.benchmarks.report import Result, at_most, write
from training.dataset import span

TIMES, MOST_GB = 2.5, 4.0

_BEGIN = """
import resource, sys
from datetime import UTC, datetime
from pathlib import Path
from features.project import load_project
project, as_of = load_project(Path(sys.argv[1])), datetime.fromisoformat(sys.argv[2])
"""
_END = """
used = resource.getrusage(resource.RUSAGE_SELF)
print("measured", used.ru_utime + used.ru_stime, used.ru_maxrss / 1e6)
"""
PARTS = {
    "importing, without work": "import serving.batch",
    "features alone": """
from features.snapshot import snapshot_batches
from features.sources import open_facts
with open_facts(project, 1_500) as facts:
    rows = sum(len(batch) for batch in snapshot_batches(facts, [as_of]))
""",
    "the whole batch": """
from serving.batch import score
score(project, as_of, project.root / "scores", lambda: datetime.now(UTC))
""",
    "predictions alone": """
import numpy as np
import pyarrow.parquet as pq
from training.tracking import champion_churn
from serving.scores_file import run_id_of
stored = champion_churn(project).stored
kept = project.workspace / "snapshots" / f"{run_id_of(project.root / 'scores' / 'scores.parquet')}.parquet"
names = [name for name in stored.facts.features]
values = np.column_stack([c.to_numpy() for c in pq.read_table(kept, columns=names).columns]).astype(np.float32)
booster = getattr(stored.model, "booster", None)
begin = resource.getrusage(resource.RUSAGE_SELF)
assert booster is not None, "the champion has no trees; this benchmark is of boosted trees"
booster.inplace_predict(values, validate_features=False)
end = resource.getrusage(resource.RUSAGE_SELF)
print("alone", end.ru_utime + end.ru_stime - begin.ru_utime - begin.ru_stime)
""",
}
"""In the order in which they run: predictions read the features that the batch kept."""


def measured(project: Path, as_of: datetime) -> list[Result]:
    """CPU seconds and peak memory of each part, and the ratio."""
    seconds: dict[str, float] = {}
    memory: dict[str, float] = {}
    for part, code in PARTS.items():
        told = _run(_BEGIN + code + _END, project, as_of)
        seconds[part], memory[part] = (float(x) for x in told["measured"].split())
        if "alone" in told:
            seconds[part] = float(told["alone"])
        print(f"{part}: {seconds[part]:.1f} CPU s, {memory[part]:.2f} GB", flush=True)
    floor = seconds["features alone"] + seconds["predictions alone"]
    return [
        *(Result(f"{part}: CPU time", value, "s") for part, value in seconds.items()),
        at_most("the whole batch, times its floor", seconds["the whole batch"] / floor, "", TIMES),
        at_most("the whole batch: most memory", memory["the whole batch"], "GB", MOST_GB),
    ]


def _run(code: str, project: Path, as_of: datetime) -> dict[str, str]:
    """What a process printed, by its first word."""
    command = [sys.executable, "-c", code, str(project), as_of.isoformat()]
    ended = subprocess.run(command, check=True, capture_output=True, text=True)
    return dict(line.split(" ", 1) for line in ended.stdout.splitlines() if " " in line)


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("customers", nargs="?", type=int, default=CUSTOMERS)
    parser.add_argument("--project", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if given.project:
            project = load_project(given.project)
            with open_facts(project) as facts:
                _, as_of = span(facts)
        else:
            project, as_of = trained(Path(folder), given.customers)
        write("batch", measured(project.root, as_of))


if __name__ == "__main__":
    main()
