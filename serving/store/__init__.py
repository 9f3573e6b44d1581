"""The store: published runs of scores in one SQLite file, read while the next run is being published."""

from serving.store.database import STORE_FILE, Store, held_connection, open_store, reading
from serving.store.debts import (
    Debts,
    InvoiceFilters,
    InvoicePosition,
    find_debtor,
    invoices_of,
    list_invoices,
)
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
    "Debts",
    "Filters",
    "InvoiceFilters",
    "InvoicePosition",
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
    "find_debtor",
    "held_connection",
    "invoices_of",
    "list_customers",
    "list_invoices",
    "open_store",
    "publish",
    "reading",
    "roll_back",
]
