"""What a benchmark found: a table for people, and ``build/bench/NAME.json`` for scripts."""

import json
import math
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from features.writing import atomic_file

FOLDER = Path(__file__).resolve().parents[2] / "build" / "bench"


@dataclass(frozen=True)
class Result:
    """One figure. ``target`` is what it is held to; it and ``holds`` are None where nothing is promised."""

    what: str
    value: float
    unit: str
    target: float | None = None
    holds: bool | None = None


def at_most(what: str, value: float, unit: str, target: float) -> Result:
    """A figure that should not exceed its target."""
    return Result(what, value, unit, target, value <= target)


def at_least(what: str, value: float, unit: str, target: float) -> Result:
    """A figure that should not fall below its target."""
    return Result(what, value, unit, target, value >= target)


def write(name: str, results: Sequence[Result], folder: Path = FOLDER) -> Path:
    """Print the results and write them to ``NAME.json`` as a list of objects; returns the file."""
    Console(width=None if sys.stdout.isatty() else 120).print(_table(name, results))
    file = folder / f"{name}.json"
    said = json.dumps([asdict(r) for r in results], indent=1, allow_nan=False)
    with atomic_file(file) as temporary:
        temporary.write_text(said + "\n", encoding="utf-8")
    return file


def readable(value: float) -> str:
    """A number as people write it, with four digits that count and all of a larger one: 30,000, 12.35, 0.8624."""
    if not math.isfinite(value) or 0 < abs(value) < 1e-4:
        return f"{value:.3g}"
    if value == round(value) or abs(value) >= 1000:
        return f"{value:,.0f}"
    decimals = 3 - math.floor(math.log10(abs(value)))
    return f"{value:,.{decimals}f}".rstrip("0").rstrip(".")


def _table(name: str, results: Sequence[Result]) -> Table:
    table = Table("what", "value", "unit", "target", "holds", title=f"Benchmark: {name}", title_justify="left")
    table.columns[1].justify = table.columns[3].justify = "right"
    for result in results:
        target = "" if result.target is None else readable(result.target)
        holds = {None: "", True: "[green]yes[/]", False: "[red]no[/]"}[result.holds]
        table.add_row(result.what, readable(result.value), result.unit, target, holds)
    return table
