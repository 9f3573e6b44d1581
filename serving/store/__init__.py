"""The store: published runs of scores in one SQLite file, read while the next run is being published."""

from serving.store.database import STORE_FILE, Store, held_connection, open_store, reading
from serving.store.publishing import NO_ACTION, Run, publish, roll_back
from serving.store.queries import (
    Filters,
    Page,
    Position,
    Sort,
    Stored,
    count_customers,
    current_run,
    find_customer,
    find_customers,
    list_customers,
)
from serving.store.tables import SORT_COLUMNS

__all__ = [
    "NO_ACTION",
    "SORT_COLUMNS",
    "STORE_FILE",
    "Filters",
    "Page",
    "Position",
    "Run",
    "Sort",
    "Store",
    "Stored",
    "count_customers",
    "current_run",
    "find_customer",
    "find_customers",
    "held_connection",
    "list_customers",
    "open_store",
    "publish",
    "reading",
    "roll_back",
]
