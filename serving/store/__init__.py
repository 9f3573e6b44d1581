"""The store: published runs of scores and the logs of what was done, in a SQLite file or in PostgreSQL."""

from serving.store.actions import (
    ConflictError,
    Entry,
    Logged,
    LogPage,
    list_actions,
    log_actions,
    log_outcomes,
    logged_bodies,
)
from serving.store.alert_tables import ALERTS
from serving.store.database import Held, Store, open_project_store, open_store, reading
from serving.store.debts import (
    Debts,
    InvoiceFilters,
    InvoicePosition,
    find_debtor,
    invoices_of,
    list_invoices,
)
from serving.store.events import Reached, ServedRun, bodies_of, kept_run_ids, reached, serving_run, store_rescored
from serving.store.evidence import Measured, add_evidence, current_evidence, take_back_last
from serving.store.keys import API_KEYS, AUDIT
from serving.store.log_tables import ACTIONS, OUTCOMES
from serving.store.places import STORE_FILE, Place, store_place
from serving.store.plans import PlanFilters, StoredPlan, contact_of, held_plan, list_contacts, plan_words, store_plan
from serving.store.publishing import Run, publish, roll_back
from serving.store.queries import (
    Filters,
    Found,
    Page,
    Position,
    Published,
    Sort,
    Stored,
    count_customers,
    current_run,
    find_customer,
    find_customers,
    list_customers,
    served_publication,
)
from serving.store.summaries import NO_ACTION, run_of_manager
from serving.store.tables import SORT_COLUMNS

__all__ = [
    "ACTIONS",
    "ALERTS",
    "API_KEYS",
    "AUDIT",
    "NO_ACTION",
    "OUTCOMES",
    "SORT_COLUMNS",
    "STORE_FILE",
    "ConflictError",
    "Debts",
    "Entry",
    "Filters",
    "Found",
    "Held",
    "InvoiceFilters",
    "InvoicePosition",
    "LogPage",
    "Logged",
    "Measured",
    "Page",
    "Place",
    "PlanFilters",
    "Position",
    "Published",
    "Reached",
    "Run",
    "ServedRun",
    "Sort",
    "Store",
    "Stored",
    "StoredPlan",
    "add_evidence",
    "bodies_of",
    "contact_of",
    "count_customers",
    "current_evidence",
    "current_run",
    "find_customer",
    "find_customers",
    "find_debtor",
    "held_plan",
    "invoices_of",
    "kept_run_ids",
    "list_actions",
    "list_contacts",
    "list_customers",
    "list_invoices",
    "log_actions",
    "log_outcomes",
    "logged_bodies",
    "open_project_store",
    "open_store",
    "plan_words",
    "publish",
    "reached",
    "reading",
    "roll_back",
    "run_of_manager",
    "served_publication",
    "serving_run",
    "store_place",
    "store_plan",
    "store_rescored",
    "take_back_last",
]
