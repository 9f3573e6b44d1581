"""CDNOW: each purchase of the customers who first bought at the music shop in early 1997."""

import gzip
from pathlib import Path

from features.progress import Progress
from features.text import Text
from serving.demo.packages import file_of_package

PACKAGE = "lifetimes"
ORDERS_FILE = "orders.csv.gz"
STEP = Text("Reading CDNOW", "正在读取 CDNOW")
HEADER = ("customer_id", "date", "number_of_cds", "dollar_value")


def write_facts(folder: Path, progress: Progress) -> None:
    """Write the purchases as compressed CSV into ``folder``; customer ids keep their leading zeros."""
    source = file_of_package(PACKAGE, "datasets/CDNOW_master.txt")
    progress(STEP, 0.0)
    _, *purchases = source.read_text(encoding="ascii").splitlines()
    rows = [",".join(HEADER), *(",".join(purchase.split()) for purchase in purchases if purchase.strip())]
    # without a time stamp, so that the same data give the same bytes
    (folder / ORDERS_FILE).write_bytes(gzip.compress(("\n".join(rows) + "\n").encode("ascii"), mtime=0))
    progress(STEP, 1.0)
