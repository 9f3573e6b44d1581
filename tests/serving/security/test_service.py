"""What the service writes down, leaves out, gives up, and where it listens."""

import asyncio
import os
import re
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from features.errors import ProjectError
from features.project import load_project
from features.serve_settings import AccessSettings
from serving.alert_schemas import AlertAnswer, AlertPage
from serving.app import create_app
from serving.routes.middleware import TimeLimit
from serving.routes.state import ServeSettings
from serving.schemas import CustomerPage
from serving.security.administration import revoke_one
from serving.server import ServeError, reachable
from serving.store import Store, reading
from serving.store.keys import AUDIT
from tests.serving.security.company import alert_ids, asking, bearer, expired_key, fill, key, served, signed

SERVE = """
[serve]
audit_reads = true
personal_data = false
request_seconds = 1
cors_origins = ["https://crm.example.org"]
anonymous_requests_per_minute = 6000
hosts = ["Churn.example.org"]
trusted_proxies = ["127.0.0.1"]
"""
ACTION = {"customer_id": "C-1", "at": "2026-04-01T10:00:00Z", "action": "call", "arm": "treated", "by": "Miriam"}


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, httpx.Client, dict[str, str]]]:
    """The company under settings that all differ from the defaults, and the header that shows a key."""
    folder = tmp_path_factory.mktemp("strict")
    with closing(fill(folder, SERVE)) as store:
        headers = bearer(key(store, "admin"))
        with asking(folder) as client:
            yield store, client, headers


def lines(store: Store) -> list[Any]:
    with reading(store) as connection:
        return list(connection.execute(AUDIT.select().order_by(AUDIT.c.number)))


Strict = tuple[Store, httpx.Client, dict[str, str]]


def test_changes_and_reads_are_written_down_without_naming_customers(strict: Strict) -> None:
    store, client, headers = strict
    before = len(lines(store))
    client.get("/v1/customers/C-1", headers=headers)
    client.post("/v1/customers:lookup", headers=headers, json={"customer_ids": ["C-2", "C-1", "C-2"]})
    time.sleep(0.3)  # reads are written down a moment later
    changed = client.post("/v1/actions", headers=headers, json=[ACTION, ACTION | {"customer_id": "C-3"}])
    written = lines(store)[before:]
    key_id = headers["Authorization"].split("_")[1]
    assert [(line.method, line.route, line.status, line.customers) for line in written] == [
        ("GET", "/v1/customers/{customer_id:path}", 200, 1),
        ("POST", "/v1/customers:lookup", 200, 2),
        ("POST", "/v1/actions", 200, 2),
    ]
    assert {line.who for line in written} == {f"key:{key_id}"}
    assert written[1].customers_hash == sha256(b"C-1\0C-2").hexdigest()
    assert written[2].request_id == changed.headers["x-request-id"]
    secret = headers["Authorization"].split("_", 2)[2]
    assert not any(word in str(line) for line in written for word in ("C-1", "C-2", "C-3", secret))


def test_the_audit_log_is_only_added_to(strict: Strict) -> None:
    with closing(sqlite3.connect(str(strict[0].place))) as connection:
        for change in ("UPDATE audit SET who = 'me'", "DELETE FROM audit"):
            with pytest.raises(sqlite3.DatabaseError, match="append-only"):
                connection.execute(change)


def test_a_change_that_cannot_be_written_down_is_not_confirmed(tmp_path: Path) -> None:
    with closing(fill(tmp_path)) as store:
        headers = bearer(key(store, "write"))
        with served(ServeSettings(store.place)) as client:
            assert client.post("/v1/actions", headers=headers, json=ACTION).status_code == 200
            with closing(sqlite3.connect(str(store.place))) as connection:
                connection.execute("DROP TABLE audit")
            answer = client.post("/v1/actions", headers=headers, json=ACTION)
    assert answer.status_code == 503
    assert answer.json()["type"] == "urn:retinue:problem:store-unavailable"


def test_an_answer_that_named_people_is_not_taken_for_one_that_does_not(strict: Strict) -> None:
    store, client, headers = strict
    tag = client.get("/v1/customers/C-1", headers=headers).headers["etag"]
    transport = httpx.ASGITransport(create_app(ServeSettings(store.place)))

    async def asked_of_one_that_names() -> str:
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as naming:
            return (await naming.get("/v1/customers/C-1", headers=headers)).headers["etag"]

    with_names = asyncio.run(asked_of_one_that_names())
    assert tag != with_names
    told = client.get("/v1/customers/C-1", headers=headers | {"If-None-Match": with_names})
    assert told.status_code == 200
    assert client.get("/v1/customers/C-1", headers=headers | {"If-None-Match": tag}).status_code == 304


def test_answers_and_pages_leave_out_personal_data(strict: Strict) -> None:
    store, client, headers = strict
    alert = alert_ids(store)["C-1"]
    api = [
        *(
            "customers/C-1",
            "customers",
            "customers/C-1/recommendations",
            "plan",
            "alerts",
            f"alerts/{alert}",
            "actions",
        ),
        *("customers?search=C-1", "invoices", "customers/C-1/receivables"),
    ]
    pages = ["/", "/customers/C-1", "/plan", "/alerts", f"/alerts/{alert}"]
    told = {path: client.get(path, headers=headers) for path in [f"/v1/{path}" for path in api] + pages}
    lookup = client.post("/v1/customers:lookup", headers=headers, json={"customer_ids": ["C-1"]})
    for path, answer in {**told, "lookup": lookup}.items():
        assert answer.status_code == 200, path
        assert "C-1" in answer.text, path
        for word in ("Acme<", '"Acme"', "Anna", "Miriam", "was rude", "Zed", "Jonas", "Name of"):
            assert word not in answer.text, (path, word)
    CustomerPage.model_validate_json(told["/v1/customers"].content)
    AlertPage.model_validate_json(told["/v1/alerts"].content)
    AlertAnswer.model_validate_json(told[f"/v1/alerts/{alert}"].content)


def test_nobody_can_guess_names_by_searching_for_them(strict: Strict) -> None:
    _, client, headers = strict
    assert client.get("/v1/customers?search=Acme", headers=headers).json()["customers"] == []
    assert "C-1" not in client.get("/?search=Acme", headers=headers).text
    assert len(client.get("/v1/customers?search=C-1", headers=headers).json()["customers"]) == 1


def test_other_sites_may_ask_only_where_they_are_named(strict: Strict) -> None:
    _, client, headers = strict
    preflight = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization"}
    named, other = "https://crm.example.org", "https://evil.example"
    allowed = client.options("/v1/customers/C-1", headers=preflight | {"Origin": named})
    assert (allowed.status_code, allowed.headers["access-control-allow-origin"]) == (200, named)
    assert client.options("/v1/customers/C-1", headers=preflight | {"Origin": other}).status_code == 400
    answered = client.get("/v1/customers/C-1", headers=headers | {"Origin": named})
    assert answered.headers["access-control-allow-origin"] == named
    assert "access-control-allow-credentials" not in answered.headers
    assert (
        "access-control-allow-origin"
        not in client.get("/v1/customers/C-1", headers=headers | {"Origin": other}).headers
    )
    assert client.get("/v1/customers/C-1", headers={"Origin": named}).status_code == 401


def test_without_the_setting_no_site_may_ask(closed: httpx.Client, reader: str) -> None:
    origin = {"Origin": "https://crm.example.org", "Access-Control-Request-Method": "GET"}
    assert closed.options("/v1/customers/C-1", headers=origin).status_code == 401
    answer = closed.get("/v1/customers/C-1", headers=bearer(reader) | origin)
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_a_sender_that_dawdles_is_answered_in_time(strict: Strict) -> None:
    _, client, headers = strict
    where = urlsplit(str(client.base_url))
    with socket.create_connection((where.hostname, where.port), 5) as connection:
        connection.sendall(
            b"POST /v1/actions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 100\r\n"
            + f"Authorization: {headers['Authorization']}\r\n\r\n".encode()
        )
        begun = time.monotonic()
        answer = connection.recv(10_000)
    assert answer.startswith(b"HTTP/1.1 503")
    assert 0.9 < time.monotonic() - begun < 3


def test_work_that_takes_too_long_is_given_up_and_its_answer_dropped() -> None:
    ended: list[str] = []

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(0.3)
        ended.append(scope["path"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"late"})

    async def ask() -> list[Any]:
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "GET", "path": "/v1/x", "headers": [], "query_string": b""}
        await TimeLimit(slow, 0.05)(scope, None, send)  # type: ignore[arg-type]
        return sent

    start, body = asyncio.run(ask())
    assert start["status"] == 503
    assert b"took too long" in body["body"]
    assert ended == ["/v1/x"]


@pytest.mark.slow
def test_no_secret_is_in_the_log(tmp_path: Path) -> None:
    with closing(fill(tmp_path)) as store:
        text, dead = key(store, "read", "write"), expired_key(store)
        log = tmp_path / "log"
        code = f"from pathlib import Path; from serving.cli.serve import serve; serve(Path({str(tmp_path)!r}), port=0)"
        with (
            log.open("w") as output,
            subprocess.Popen(
                [sys.executable, "-u", "-c", code],
                stdout=output,
                stderr=output,
                env={**os.environ, "RETINUE_LANGUAGE": "en"},
            ) as process,
        ):
            while not (found := re.search(r"http://([\d.]+):(\d+)", log.read_text())):
                time.sleep(0.05)
            with httpx.Client(base_url=found.group()) as client:
                assert client.get("/v1/customers/C-1", headers=bearer(text)).status_code == 200
                assert client.get(f"/v1/customers/C-1?key={text}", headers={"X-API-Key": dead}).status_code == 401
                forwarded = {"X-Forwarded-For": "198.51.100.1", "X-Forwarded-Proto": "https"}
                signed_in = client.post("/sign-in", data={"key": text}, headers=forwarded)
                assert signed_in.status_code == 303
                assert "; Secure" not in signed_in.headers["set-cookie"]  # nobody named the proxy that says https
                session = client.cookies["retinue_session"]
                client.post("/v1/actions", headers=bearer(text), content=f'{{"note": "{text}"')
                os.rename(str(store.place), Path(str(store.place)).with_name("away.db"))
                client.get("/v1/customers/C-1", headers=bearer(text))
            for broken in (f"GET /{text} HTTP/9\r\nAuthorization {text}\r\n\r\n", f"{text}\r\n\r\n"):
                with socket.create_connection((found.group(1), int(found.group(2))), 5) as connection:
                    connection.sendall(broken.encode())
                    connection.recv(1000)
            process.terminate()
            process.wait(10)
        written = log.read_text()
    assert "Invalid HTTP request" in written  # the log is there and tells something
    for secret in (text, text.split("_", 2)[2], dead.split("_", 2)[2], session):
        assert secret not in written


def test_a_public_address_is_taken_only_with_a_live_key_and_a_name(store: Store) -> None:
    settings = ServeSettings(store.place)
    assert reachable(settings, "127.0.0.1") == settings
    expired_key(store)
    for host in ("0.0.0.0", "192.0.2.1"):
        with pytest.raises(ServeError, match="there is no access key"):
            reachable(settings, host)
    text = key(store, "read")
    with pytest.raises(ServeError, match=r"\[serve\] hosts"):
        reachable(settings, "0.0.0.0")
    opened = reachable(settings, "192.0.2.1")
    assert opened.reachable
    assert opened.hosts == (*settings.hosts, "192.0.2.1")
    named = ServeSettings(store.place, access=AccessSettings(hosts=("churn.example.org",)))
    for host in ("0.0.0.0", "::", "", "127.0.0.1"):  # with a name, others ask through a proxy
        assert reachable(named, host).reachable
    revoke_one(store, signed(), text.split("_")[1])
    with pytest.raises(ServeError, match="there is no access key"):
        reachable(named, "127.0.0.1")


def test_a_name_of_the_service_is_answered_and_no_other(strict: Strict) -> None:
    _, client, headers = strict
    status = {
        host: client.get("/v1/customers/C-1", headers=headers | {"Host": host}).status_code
        for host in ("churn.example.org", "churn.example.org:443", "127.0.0.1", "evil.example")
    }
    assert status == {"churn.example.org": 200, "churn.example.org:443": 200, "127.0.0.1": 200, "evil.example": 421}


def test_a_trusted_proxy_is_believed_that_https_was_used(strict: Strict) -> None:
    _, client, headers = strict
    forwarded = {"X-Forwarded-For": "198.51.100.1", "X-Forwarded-Proto": "https"}
    trusted = client.post("/sign-in", data={"key": headers["Authorization"][7:]}, headers=forwarded)
    assert "; Secure" in trusted.headers["set-cookie"]
    client.cookies.clear()


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ('hosts = ["https://a.example"]', "names of hosts"),
        ('hosts = ["*"]', "names of hosts"),
        ('hosts = ["a.example:80"]', "names of hosts"),
        ('cors_origins = ["*"]', "origins such as"),
        ('cors_origins = ["https://a.example/path"]', "origins such as"),
        ('cors_origins = ["null"]', "origins such as"),
        ("requests_per_minute = 0", "serve"),
        ('personal_data = "no"', "serve"),
        ("request_second = 3", "request_seconds"),
    ],
)
def test_settings_that_would_open_too_much_or_mean_nothing_are_refused(tmp_path: Path, setting: str, said: str) -> None:
    from tests.serving.conftest import write_project

    write_project(tmp_path)
    with (tmp_path / "retinue.toml").open("a") as file:
        file.write(f"\n[serve]\n{setting}\n")
    with pytest.raises(ProjectError, match=re.escape(said)):
        load_project(tmp_path)
