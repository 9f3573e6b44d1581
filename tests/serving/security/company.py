"""Two account managers and a customer of nobody, a plan, warnings, debts, logged actions; and keys for all who ask."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import get_args

import httpx
import uvicorn

from features.project import load_project
from serving.action_schemas import ActionEntry
from serving.alerts.cases import raise_alerts
from serving.app import create_app
from serving.routes.state import ServeSettings
from serving.security.administration import create_key
from serving.security.keys import SCOPES, Scope, make_key
from serving.server import listen, settings_of
from serving.store import Entry, Store, log_actions, open_store, publish, store_plan
from serving.store.database import writing
from serving.store.keys import insert_key
from tests.serving.alerts.cases import POLICY, findings, listed
from tests.serving.conftest import AS_OF, debtor, debts, invoice, run, score, serving, table, write_project
from tests.serving.test_api_plan import item, summary
from training.registry import Signature

assert get_args(Scope) == SCOPES

ANNA, JONAS = "Anna Weiß", "Jonas"
CUSTOMERS = [
    score("C-1", customer_name="Acme", account_manager=ANNA, churn_band="high", value_at_stake=500.0),
    score("C-2", customer_name="Zed & Sons", account_manager=JONAS, segment="lost"),
    score("C-3", customer_name="Nobody's"),
]


def signed(at: datetime | None = None) -> Signature:
    """Who makes the keys."""
    return Signature("tester", at or datetime.now(UTC))


def fill(folder: Path, serve: str = "") -> Store:
    """A project whose store holds the company; the open store."""
    path = write_project(folder)
    with (folder / "retinue.toml").open("a", encoding="utf-8") as file:
        file.write(serve)
    store = open_store(path)
    invoices = [invoice("R-1", "C-1"), invoice("R-2", "C-2"), invoice("R-3", "C-3")]
    publish(store, run(), table(CUSTOMERS), debts([debtor("C-1"), debtor("C-2"), debtor("C-3")], invoices))
    raise_alerts(
        store, findings(0, {("C-1", "open_complaint"): 3, ("C-2", "churn_risk"): 2, ("C-3", "churn_risk"): 1}), POLICY
    )
    items = [item(1, "C-1", account_manager=ANNA, customer_name="Acme"), item(2, "C-2", account_manager=JONAS)]
    store_plan(store, "p1", "2026-03-31T00:00:00Z", summary().model_dump_json().encode(), items)
    logged = [
        ActionEntry(customer_id=customer, at=AS_OF, action="call", arm="treated", by="Miriam", note="was rude")
        for customer in ("C-1", "C-2", "C-3")
    ]
    entries = [Entry(made.id, made.customer_id, made.at, None, made.body()) for made in logged]
    log_actions(store, entries, AS_OF)
    return store


def alert_ids(store: Store) -> dict[str, str]:
    """The id of each customer's warning."""
    return {case["customer_id"]: case["alert_id"] for case in listed(store)}


def key(store: Store, *scopes: Scope, account_manager: str | None = None) -> str:
    """A new key, good for a day."""
    return create_key(store, signed(), "a test", scopes, 1, account_manager).text


def expired_key(store: Store) -> str:
    """A key whose time is over."""
    made = make_key("old", ["admin"], None, datetime.now(UTC) - timedelta(days=2), timedelta(days=1))
    with writing(store) as connection:
        insert_key(connection, made.stored, "tester")
    return made.text


@contextmanager
def asking(folder: Path) -> Iterator[httpx.Client]:
    """Somebody without a key who asks a real server over the project in ``folder``."""
    with serving(folder) as address, httpx.Client(base_url=address) as client:
        yield client


def bearer(text: str) -> dict[str, str]:
    """The header that shows a key."""
    return {"Authorization": f"Bearer {text}"}


@contextmanager
def served(settings: ServeSettings) -> Iterator[httpx.Client]:
    """Somebody who asks a real server in a thread of this process, which is there sooner than a process of its own."""
    server = uvicorn.Server(uvicorn.Config(create_app(settings), log_level="critical", proxy_headers=False))
    with listen("127.0.0.1", 0) as listener:
        thread = Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}") as client:
                yield client
        finally:
            server.should_exit = True
            thread.join()


@contextmanager
def company(folder: Path, serve: str = "") -> Iterator[tuple[Store, httpx.Client]]:
    """The store of the company, and somebody who asks its server (in this process)."""
    with closing(fill(folder, serve)) as store, served(settings_of(load_project(folder))) as client:
        yield store, client
