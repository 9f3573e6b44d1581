"""A store that is down, locked or on a full disk: 503 with Retry-After, and the service goes on by itself afterwards."""

import asyncio
import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pytest

from features.errors import StorageError
from serving.app import create_app
from serving.routes.actions import LIST, SORT
from serving.routes.cursors import encode_cursor
from serving.routes.state import ServeSettings
from serving.security.audit import Writer
from serving.store import Held, Position, Store, current_run, find_customer, publish, reading
from serving.store.places import STORE_URL
from tests.features.postgresql import Server, fresh_server
from tests.serving.conftest import AS_OF, COMPANY, ODD_ID, process_serving, run, serving, table, write_project
from tests.serving.store.places import end_sessions, opened, require_server, schema, written

ACTION = {
    "action_id": "a-1",
    "customer_id": "C-1",
    "action": "call",
    "at": AS_OF.isoformat(),
    "arm": "treated",
}


@pytest.fixture(scope="module")
def own_server() -> Iterator[Server]:
    """A PostgreSQL server of this file's own, to be stopped."""
    require_server()
    with fresh_server() as server:
        yield server


def unavailable(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 503, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert int(answer.headers["retry-after"]) > 0
    document: dict[str, Any] = answer.json()
    assert document["type"] == "urn:retinue:problem:store-unavailable"
    assert "s3cret" not in answer.text
    return document


def test_a_service_over_postgresql_answers_and_outlives_its_database(
    own_server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = schema(own_server.address, "served")
    monkeypatch.setenv(STORE_URL, written(place))
    write_project(tmp_path)
    with opened(place) as store:
        publish(store, run(), table(COMPANY))
    with serving(tmp_path) as address, httpx.Client(base_url=address, timeout=20) as client:
        assert client.get("/readyz").status_code == 200
        assert client.get("/v1/customers/C-1").json()["customer_id"] == "C-1"
        assert client.get("/v1/customers/C-1%00").status_code == 404
        listed = client.get("/v1/customers", params={"sort": "customer_id"}).json()["customers"]
        assert [row["customer_id"] for row in listed] == sorted(row["customer_id"] for row in COMPANY)
        found = client.post("/v1/customers:lookup", json={"customer_ids": [ODD_ID, "nobody"]}).json()
        assert (found["customers"][0]["customer_id"], found["not_found"]) == (ODD_ID, ["nobody"])
        assert client.post("/v1/actions", json=[ACTION]).json()["added"] == 1
        assert client.get("/", headers={"accept": "text/html"}).status_code == 200

        cursor = encode_cursor(LIST, SORT, Position(2.0**52, ""))
        assert len(client.get("/v1/actions", params={"cursor": cursor}).json()["actions"]) == 1

        own_server.stop()
        for path in ("/v1/customers/C-1", "/v1/customers", "/v1/actions", "/readyz"):
            assert "cannot be reached" in unavailable(client.get(path))["detail"]
        unavailable(client.post("/v1/actions", json=[ACTION | {"action_id": "a-2"}]))
        assert client.get("/healthz").status_code == 200

        own_server.start()
        for path in ("/v1/customers/C-1", "/v1/customers", "/v1/actions", "/readyz"):
            assert client.get(path).status_code == 200, path
        assert client.post("/v1/actions", json=[ACTION | {"action_id": "a-2"}]).json()["added"] == 1


def test_a_look_up_after_a_restart_that_nobody_noticed_is_answered_at_once(own_server: Server) -> None:
    with opened(schema(own_server.address, "restarted")) as store:
        publish(store, run(), table(COMPANY))
        held = Held(store)
        assert held.ask(find_customer, "C-1") is not None
        own_server.stop()
        own_server.start()
        assert held.ask(find_customer, "C-1") is not None
        with reading(store) as connection:
            assert current_run(connection) is not None
        held.close()


def test_a_connection_that_is_lost_while_publishing_is_an_error_and_the_old_run_stays(own_server: Server) -> None:
    with opened(schema(own_server.address, "lost")) as store:
        publish(store, run("old"), table(COMPANY))

        def batches() -> Iterator[pa.RecordBatch]:
            yield from table(COMPANY[:2]).to_batches()
            end_sessions(own_server.address)
            yield from table(COMPANY[2:]).to_batches()

        with pytest.raises(StorageError, match="cannot be reached"):
            publish(store, run("new"), batches())
        with reading(store) as connection:
            current = current_run(connection)
        assert current is not None
        assert current.run_id == "old"
        assert publish(store, run("new"), table(COMPANY)).run_id == "new"


def test_a_file_that_somebody_else_writes_to_can_be_read_and_is_written_to_afterwards(file_store: Store) -> None:
    publish(file_store, run(), table(COMPANY))
    app = create_app(ServeSettings(file_store.place))
    service = app.state.service

    async def ask() -> None:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            with file_store.writer.begin():
                refused = await client.post("/v1/actions", json=ACTION)
                assert "in use by another run" in unavailable(refused)["detail"]
                assert (await client.get("/v1/customers/C-1")).status_code == 200
                assert (await client.get("/v1/customers")).status_code == 200
            assert (await client.post("/v1/actions", json=ACTION)).json()["added"] == 1

    with opened(file_store.place, busy_seconds=0.05) as impatient:
        patient, service.store, service.writer = service.store, impatient, Writer(impatient)
        asyncio.run(ask())
        service.writer.close()
    service.held.close()
    patient.close()


_SMALL_DISK = 'mount -t tmpfs -o size=2m tmpfs "$1" || exit 77; cp -r "$1".full/. "$1"; shift; exec "$@"'


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("unshare") is None, reason="needs root to make a small disk")
def test_a_disk_that_runs_full_can_be_read_from_and_is_written_to_once_there_is_room(tmp_path: Path) -> None:
    disk, full = tmp_path / "disk", tmp_path / "disk.full"
    disk.mkdir()
    with opened(write_project(full)) as store:
        publish(store, run(), table(COMPANY))
    try:
        serving = process_serving(disk, "unshare", "--mount", "sh", "-c", _SMALL_DISK, "sh", str(disk))
        with serving as (address, process), httpx.Client(base_url=address, timeout=20) as client:
            # it listens before it has opened the store, which it cannot do on a full disk
            assert client.get("/readyz", timeout=120).status_code == 200
            filler = Path(f"/proc/{process}/root{disk}/filler")  # the disk is there for that process alone
            fill(filler)
            notes = [ACTION | {"action_id": f"a-{i}", "note": "x" * 900} for i in range(100)]
            assert "nothing was changed" in unavailable(client.post("/v1/actions", json=notes))["detail"]
            assert client.get("/v1/customers/C-1").status_code == 200
            assert client.get("/v1/actions").json()["actions"] == []
            filler.unlink()
            assert client.post("/v1/actions", json=notes).json()["added"] == 100
    except StopIteration:
        pytest.skip("this machine does not let us make a small disk")


def fill(file: Path) -> None:
    """Fill the disk that a file lies on."""
    with contextlib.suppress(OSError), file.open("wb", buffering=0) as target:
        while True:
            target.write(b"0" * 4096)
