"""A small company in CSV files, and the command line as a user calls it."""

import csv
import os
import random
import subprocess
import sys
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

FIRST_DAY = date(2025, 1, 1)
LAST_DAY = date(2025, 12, 31)
AS_OF = "2026-01-01"

PROJECT = """
[project]
name = "Corner Shop"
currency = "EUR"
timezone = "Europe/Berlin"

[tables.orders]
path = "orders.csv"
columns = { customer_id = "customer", ordered_at = "day", amount = "total" }

[churn]
kind = "silence"
horizon_days = 60
active_within_days = 120
"""

Order = tuple[str, date, float]


def orders(customers: int = 320, seed: int = 1) -> list[Order]:
    """Customers with rhythms of 5 to 40 days, about half of whom stop at some day of the year."""
    chance = random.Random(seed)
    rows: list[Order] = []
    for number in range(customers):
        gap = chance.uniform(5, 40)
        day = FIRST_DAY + timedelta(days=chance.uniform(0, 60))
        end = LAST_DAY if chance.random() < 0.5 else FIRST_DAY + timedelta(days=chance.uniform(60, 400))
        while day <= min(end, LAST_DAY):
            rows.append((f"{number:04d}", day, round(chance.lognormvariate(4, 0.5), 2)))
            day += timedelta(days=max(1, chance.gammavariate(4, gap / 4)))
    return rows


def write_company(folder: Path, rows: list[Order], project: str = PROJECT) -> Path:
    """Write ``orders.csv`` and ``retinue.toml`` into a new folder; the folder."""
    folder.mkdir(parents=True)
    with (folder / "orders.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("customer", "day", "total"))
        writer.writerows((customer, day.isoformat(), amount) for customer, day, amount in rows)
    (folder / "retinue.toml").write_text(project)
    return folder


def changed(rows: list[Order], change: Callable[[Order], Order | None]) -> list[Order]:
    """Every order after a change; None leaves it out."""
    return [new for old in rows if (new := change(old)) is not None]


def retinue(*arguments: str | Path, language: str = "en", **options: object) -> "subprocess.CompletedProcess[str]":
    """Run the command in a process of its own and wait for it."""
    return subprocess.run(command(*arguments), env=environment(language), capture_output=True, text=True, **options)  # type: ignore[call-overload, no-any-return]


def command(*arguments: str | Path) -> list[str]:
    """The command as installed beside this Python."""
    return [str(Path(sys.executable).with_name("retinue")), *map(str, arguments)]


def environment(language: str = "en") -> dict[str, str]:
    """The environment of a reader of a language, without a tracking server."""
    kept = {k: v for k, v in os.environ.items() if k != "MLFLOW_TRACKING_URI"}
    return {**kept, "RETINUE_LANGUAGE": language, "COLUMNS": "200"}


def files_below(folder: Path) -> dict[str, bytes]:
    """Every file below a folder with its content."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}
