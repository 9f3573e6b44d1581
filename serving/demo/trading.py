"""A simulated trading company with invoices, payments and complaints; nothing in it is real."""

from pathlib import Path

from features.progress import Progress
from features.simulation.write import write_tables

SEED = 7
CUSTOMERS = 2_000
MONTHS = 30
FACTS_FILES = tuple(
    f"facts/{table}.parquet" for table in ("customers", "orders", "invoices", "payments", "interactions")
)


def write_facts(folder: Path, progress: Progress) -> None:
    """Write the company's tables into ``folder/facts`` and what only the simulation knows into ``facts/truth``."""
    facts = folder / "facts"
    facts.mkdir()
    write_tables(facts, SEED, CUSTOMERS, MONTHS, progress)
