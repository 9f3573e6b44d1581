"""A published run of scores of any size, with bodies as long as real ones, in the workspace of a project."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa

from features.text import Text
from serving.score_schema import SCORES_SCHEMA, Score
from serving.store import STORE_FILE, Run, open_store, publish

AS_OF = datetime(2026, 3, 31, tzinfo=UTC)
AT_ONCE = 20_000
_PROJECT = """[project]
name = "Benchmark"
currency = "EUR"
[tables.orders]
path = "orders.csv"
columns = { customer_id = "c", ordered_at = "t", amount = "a" }
"""


def customer_id(number: int) -> str:
    """The id of one customer of the company."""
    return f"C-{number:07d}"


def scored_company(folder: Path, customers: int) -> Path:
    """A project with that many published scores, made if it is not there yet; gives the path of its store."""
    place = folder / ".retinue" / STORE_FILE
    whole = folder / "published"
    if not whole.exists():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "retinue.toml").write_text(_PROJECT, encoding="utf-8")
        store = open_store(place)
        leaving = Text("no purchase for 90 days", "90 天内没有购买")
        publish(store, Run("benchmark", AS_OF, AS_OF, "3", {"auc": 0.8}, leaving), _scores(customers))
        store.close()
        whole.touch()
    return place


def _scores(customers: int) -> Iterator[pa.RecordBatch]:
    """The example of the contract again and again, each with its own id, risk and money."""
    example = Score.model_validate(Score.model_config["json_schema_extra"]["examples"][0]).model_dump()  # type: ignore[index,call-overload]
    block = pa.Table.from_pylist([example | {"as_of": AS_OF}] * min(AT_ONCE, customers), SCORES_SCHEMA)
    rng = np.random.default_rng(1)
    for start in range(0, customers, AT_ONCE):
        size = min(AT_ONCE, customers - start)
        columns = {
            "customer_id": [customer_id(number) for number in range(start, start + size)],
            "churn_probability": rng.uniform(0, 1, size).round(4),
            "expected_profit": rng.normal(100, 50, size).round(2),
            "value_at_stake": rng.gamma(2, 500, size).round(2),
            "segment": rng.choice(["loyal", "at_risk", "lost", "new"], size),
        }
        table = block.slice(0, size)
        for name, values in columns.items():
            position = SCORES_SCHEMA.get_field_index(name)
            table = table.set_column(position, SCORES_SCHEMA.field(name), pa.array(values))
        yield from table.to_batches()
