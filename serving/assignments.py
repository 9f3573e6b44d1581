"""Files around the lot: ids in, arms out, as CSV or Parquet."""

from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from features.errors import FactsError
from features.text import Text
from features.writing import atomic_file


def read_customers(file: Path) -> "pd.Series[str]":
    """The different customer ids of a CSV or Parquet file, in its order; ids are texts, zeros in front stay.

    Raises FactsError: the file is missing or unreadable, has no column customer_id, or no rows.
    """
    relation = (
        "read_parquet($file)" if file.suffix == ".parquet" else "read_csv($file, all_varchar = true, header = true)"
    )
    with duckdb.connect() as connection:
        try:
            query = f"SELECT customer_id::VARCHAR AS customer_id FROM {relation} WHERE customer_id IS NOT NULL"
            ids = connection.execute(query, {"file": str(file)}).df()["customer_id"]
        except duckdb.Error as fault:
            raise FactsError(_UNREADABLE, file=file, fault=str(fault).partition("\n")[0]) from fault
    if ids.empty:
        raise FactsError(_EMPTY, file=file)
    return ids.drop_duplicates(ignore_index=True)


def write_arms(arms: pd.DataFrame, file: Path) -> None:
    """Write the arms; ``file`` ends in .parquet, or it is CSV. Raises StorageError: it cannot be written."""
    rows = pa.Table.from_pandas(arms, preserve_index=False)
    with atomic_file(file) as temporary:
        if file.suffix == ".parquet":
            pq.write_table(rows, temporary)
        else:
            pa_csv.write_csv(rows, temporary)


_UNREADABLE = Text(
    "{file} cannot be read: {fault}. A CSV or Parquet file with a column customer_id is expected.",
    "无法读取 {file}：{fault}。应为含 customer_id 列的 CSV 或 Parquet 文件。",
)
_EMPTY = Text(
    "{file} holds no customers. Give a file with at least one customer_id.",
    "{file} 中没有客户。请提供至少含一个 customer_id 的文件。",
)
