"""The life of a real server: ended while it answers, asked by more than it can answer, served by several workers."""

import json
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import psutil
import pytest

from tests.serving.operation.conftest import Start, Started

pytestmark = pytest.mark.slow  # each test starts a server of its own

BODY = b'{"customer_ids": ["C-1", "C-2"]}'


def half_a_request(server: Started) -> socket.socket:
    """A connection that has sent a look-up but for its last byte: the server has begun with it and waits."""
    host, _, port = server.address.removeprefix("http://").rpartition(":")
    connection = socket.create_connection((host, int(port)), 20)
    head = (
        f"POST /v1/customers:lookup HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(BODY)}\r\n\r\n"
    )
    connection.sendall(head.encode() + BODY[:-1])
    return connection


def rest_of(connection: socket.socket) -> bytes:
    """What is answered once the last byte has come."""
    connection.sendall(BODY[-1:])
    answer = b""
    while part := connection.recv(65_536):
        answer += part
        if b"\r\n\r\n" in answer and answer.endswith(b"}"):
            break
    connection.close()
    return answer


def in_flight(server: Started) -> float:
    told = httpx.get(f"{server.address}/metrics").text
    return next(float(line.split()[1]) for line in told.splitlines() if line.startswith("retinue_requests_in_flight "))


def wait_until_in_flight(server: Started, requests: int) -> None:
    """Until so many requests are in flight beside the one that asks."""
    for _ in range(200):
        if in_flight(server) == requests + 1:
            return
        time.sleep(0.02)
    raise AssertionError(f"never {requests} requests in flight")


def refuses(server: Started) -> bool:
    host, _, port = server.address.removeprefix("http://").rpartition(":")
    try:
        socket.create_connection((host, int(port)), 1).close()
    except OSError:
        return True
    return False


@pytest.mark.parametrize("workers", [1, 2])
def test_told_to_end_the_server_answers_what_it_has_begun_and_nothing_new(start: Start, workers: int) -> None:
    server = start("", "--workers", str(workers))
    assert httpx.get(f"{server.address}/readyz", timeout=60).status_code == 200
    begun = half_a_request(server)
    wait_until_in_flight(server, 1)
    server.process.send_signal(signal.SIGTERM)
    for _ in range(200):
        if refuses(server):
            break
        time.sleep(0.05)
    assert refuses(server)
    assert server.process.poll() is None
    answer = rest_of(begun)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b'"not_found":[]' in answer
    assert server.process.wait(20) == 0
    assert server.log.read_text() == ""


def test_more_requests_than_the_bound_are_turned_away_and_told_when_to_come_again(start: Start) -> None:
    server = start("requests_at_once = 2")
    begun = [half_a_request(server) for _ in range(2)]
    wait_until_in_flight(server, 2)
    refused = httpx.get(f"{server.address}/v1/customers/C-1", headers={"Accept-Language": "zh"})
    assert refused.status_code == 503
    assert refused.headers["retry-after"] == "1"
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["type"] == "urn:retinue:problem:overloaded"
    assert "请在 1 秒后重新发送" in refused.json()["detail"]
    assert httpx.get(f"{server.address}/readyz").status_code == 200
    assert httpx.get(f"{server.address}/healthz").status_code == 200
    assert "retinue_requests_shed_total 1.0" in httpx.get(f"{server.address}/metrics").text
    for connection in begun:
        assert rest_of(connection).startswith(b"HTTP/1.1 200 ")
    assert httpx.get(f"{server.address}/v1/customers/C-1").status_code == 200
    [line] = [json.loads(line) for line in server.log.read_text().splitlines()]
    assert (line["event"], line["status"], line["level"]) == ("request", 503, "warning")


def test_a_burst_is_answered_or_turned_away_and_never_fails(start: Start) -> None:
    server = start("requests_at_once = 4")

    def ask(number: int) -> int:
        path = "customers/C-1" if number % 4 == 0 else "customers?limit=5&fields=why,customer_id&lang=zh"
        return httpx.get(f"{server.address}/v1/{path}", timeout=20).status_code

    with ThreadPoolExecutor(40) as pool:
        statuses = list(pool.map(ask, range(200)))
    assert set(statuses) <= {200, 503}
    assert statuses.count(200) > 0
    assert statuses.count(503) > 0
    wait_until_in_flight(server, 0)


def successor(server: Started, before: list[psutil.Process]) -> psutil.Process:
    """The process that came since there were those before."""
    for _ in range(600):
        if found := [one for one in psutil.Process(server.process.pid).children() if one not in before]:
            return found[0]
        time.sleep(0.1)
    raise AssertionError("the worker that died was not replaced")


def wait_until_ended(process: psutil.Process) -> None:
    """Until a process has ended, whether or not its supervisor has taken note of it."""
    for _ in range(200):
        if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
            return
        time.sleep(0.1)
    raise AssertionError("the process did not end")


def test_several_workers_answer_add_up_their_counts_and_replace_one_that_dies(start: Start) -> None:
    server = start("", "--workers", "2")

    def counted() -> float:
        told = httpx.get(f"{server.address}/metrics", timeout=60).text
        lines = [line for line in told.splitlines() if line.startswith("retinue_request_seconds_count")]
        return sum(float(line.split()[-1]) for line in lines if "/v1/customers/{customer_id}" in line)

    for _ in range(60):
        assert httpx.get(f"{server.address}/v1/customers/C-1", timeout=60).status_code == 200
    assert counted() == counted() == 60
    before = psutil.Process(server.process.pid).children()  # one of them cleans up behind the workers
    killed, other = (one for one in before if "spawn_main" in " ".join(one.cmdline()))
    killed.kill()
    starting = successor(server, before)
    starting.suspend()  # as on a busy machine: it is there, and says nothing yet
    time.sleep(2)  # its supervisor asks every half second whether it lives, and waits for the answer now
    assert httpx.get(f"{server.address}/readyz", timeout=60).status_code == 200
    server.process.send_signal(signal.SIGTERM)
    try:
        wait_until_ended(other)  # the wish to end was heard, although a worker is silent
    finally:
        starting.resume()
    assert server.process.wait(30) == 0
