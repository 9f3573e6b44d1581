"""What a monitoring system, a log and a tracing system are told of a real server, and what never is."""

import gzip
import json
import re
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.serving.conftest import AS_OF
from tests.serving.operation.conftest import Start, Started, started

ROOT = Path(__file__).parents[3]
SECRET = "SECRET-C-1-SECRET"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    """A server that logs every request."""
    with started(tmp_path_factory.mktemp("watched"), 'log = "requests"') as running:
        yield running


def told(address: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Every sample at /metrics by name and labels."""
    text = httpx.get(f"{address}/metrics").text
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def told_when_answered(address: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """The same once all requests before are counted: that is a moment after the last byte of their answers."""
    for _ in range(200):
        samples = told(address)
        if samples["retinue_requests_in_flight", ()] == 1:  # this one
            break
        time.sleep(0.05)
    return samples


def new_lines(server: Started, before: int) -> list[dict[str, Any]]:
    """What was logged since the log had ``before`` lines; the last line may come a moment after its answer."""
    time.sleep(0.1)
    return [json.loads(line) for line in server.log.read_text().splitlines()[before:]]


def logged(server: Started) -> int:
    time.sleep(0.1)
    return len(server.log.read_text().splitlines())


def test_metrics_tell_of_answers_by_route(server: Started) -> None:
    before = told(server.address)
    for customer, times in (("C-1", 3), (SECRET, 2)):
        for _ in range(times):
            httpx.get(f"{server.address}/v1/customers/{customer}")
    httpx.get(f"{server.address}/v1/customers?limit=1&search={SECRET}")
    httpx.get(f"{server.address}/static/retinue.css")
    httpx.get(f"{server.address}/{SECRET}")
    httpx.request("PURGE", f"{server.address}/v1/customers")
    samples = told_when_answered(server.address)

    def answers(route: str, status: int, method: str = "GET") -> float:
        key = ("retinue_request_seconds_count", (("method", method), ("route", route), ("status", str(status))))
        return samples[key] - before.get(key, 0)

    assert answers("/v1/customers/{customer_id}", 200) == 3
    assert answers("/v1/customers/{customer_id}", 404) == 2
    assert answers("/v1/customers", 200) == 1
    assert answers("/static", 200) == 1
    assert answers("none", 404) == 1
    assert any(dict(labels).get("method") == "other" for _, labels in samples)
    assert not any(SECRET in str(key) or "PURGE" in str(key) for key in samples)
    assert samples["retinue_requests_in_flight", ()] == 1


def test_metrics_tell_of_the_run_that_is_served(server: Started) -> None:
    ready = httpx.get(f"{server.address}/readyz").json()
    samples = told(server.address)
    assert samples["retinue_published", ()] == 1
    assert samples["retinue_run_info", (("model_version", "3"), ("run_id", "run-1"))] == 1
    assert samples["retinue_score_age_seconds", ()] == pytest.approx(ready["age_seconds"], abs=30)
    assert samples["retinue_score_stale", ()] == float(ready["is_stale"])
    assert samples["retinue_run_customers", ()] == 5
    assert samples["retinue_run_abstained", ()] == 1
    assert samples["retinue_run_churn_band_customers", (("band", "high"),)] == 1
    assert samples["retinue_model_quality", (("metric", "auc"),)] == 0.78
    assert samples["retinue_run_published_timestamp_seconds", ()] == AS_OF.timestamp() + 2.5 * 3600


def test_every_metric_is_documented_and_no_other(server: Started) -> None:
    text = httpx.get(f"{server.address}/metrics").text
    exposed = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE ")}
    exposed = {name for name in exposed if not name.endswith("_created")}
    documented = set(re.findall(r"`(retinue_\w+)`", (ROOT / "docs" / "operation.md").read_text(encoding="utf-8")))
    assert exposed == documented


def test_every_answer_has_a_request_id_the_senders_own_if_it_is_one(server: Started) -> None:
    before = logged(server)
    address = f"{server.address}/v1/customers/C-1"
    given = httpx.get(address, headers={"X-Request-ID": "crm.2026-11_a"}).headers["x-request-id"]
    assert given == "crm.2026-11_a"
    own = [httpx.get(address).headers["x-request-id"] for _ in range(2)]
    assert len(set(own)) == 2
    for bad in (b"a b", b"x" * 65, b'"}{', b"\xc3\xa9", b""):
        answer = httpx.get(address, headers={b"X-Request-ID": bad})
        assert answer.headers["x-request-id"].startswith(own[0].split("-")[0])
    missing = httpx.get(f"{server.address}/v1/customers/{SECRET}", params={"lang": "en"})
    lines = new_lines(server, before)
    assert [line["request_id"] for line in lines[:3]] == [given, *own]
    last = lines[-1]
    assert last["request_id"] == missing.headers["x-request-id"]
    assert (last["level"], last["method"], last["status"]) == ("info", "GET", 404)
    assert last["route"] == "/v1/customers/{customer_id}"
    assert last["milliseconds"] > 0
    assert last["time"].endswith("Z")


def test_the_log_holds_neither_addresses_nor_queries_nor_secrets(server: Started) -> None:
    before = logged(server)
    headers = {"Authorization": f"Bearer {SECRET}", "Cookie": f"a={SECRET}", "User-Agent": SECRET}
    for path in (f"v1/customers/{SECRET}", f"v1/customers?search={SECRET}", SECRET, f"?lang={SECRET}"):
        httpx.get(f"{server.address}/{path}", headers=headers)
    httpx.post(f"{server.address}/v1/customers:lookup", json={"customer_ids": [SECRET]}, headers=headers)
    assert len(new_lines(server, before)) == 5
    assert SECRET not in server.log.read_text()


def test_what_fails_unforeseen_is_logged_with_its_place_and_without_its_words(server: Started) -> None:
    before = logged(server)
    with sqlite3.connect(server.log.parent / ".retinue" / "store.db") as connection:  # a body that is no score
        connection.execute("UPDATE scores SET body = ? WHERE customer_id = 'C-3'", (SECRET.encode(),))
    answer = httpx.get(f"{server.address}/v1/customers/C-3?lang=zh", headers={"X-Request-ID": "mine"})
    assert answer.status_code == 500
    [line] = new_lines(server, before)
    assert (line["level"], line["request_id"], line["status"]) == ("error", "mine", 500)
    assert line["exception"] == "JSONDecodeError"
    assert any("selection.py" in place for place in line["places"])
    assert SECRET not in server.log.read_text()


@pytest.fixture
def collector() -> Iterator[tuple[str, list[bytes]]]:
    """A collector of traces on this machine, and what it was sent."""
    received: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.append(gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    listening = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=listening.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{listening.server_port}", received
    listening.shutdown()
    thread.join()
    listening.server_close()


def test_traces_are_sent_to_a_collector_with_the_route_and_without_the_address(
    start: Start, collector: tuple[str, list[bytes]]
) -> None:
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    address, received = collector
    server = start("telemetry = true", OTEL_EXPORTER_OTLP_ENDPOINT=address, OTEL_SERVICE_NAME="churn")
    trace = "0af7651916cd43dd8448eb211c80319c"
    httpx.get(
        f"{server.address}/v1/customers/C-1", headers={"traceparent": f"00-{trace}-b7ad6b7169203331-01"}
    ).raise_for_status()
    httpx.get(f"{server.address}/v1/customers/{SECRET}?other={SECRET}", headers={"X-Request-ID": "mine"})
    server.process.terminate()
    assert server.process.wait(20) == 0

    sent = [ExportTraceServiceRequest.FromString(body) for body in received]
    spans = [span for one in sent for r in one.resource_spans for s in r.scope_spans for span in s.spans]
    service = {a.key: a.value.string_value for a in sent[0].resource_spans[0].resource.attributes}
    assert service["service.name"] == "churn"
    assert [span.name for span in spans] == ["GET /v1/customers/{customer_id}"] * 2
    assert spans[0].trace_id.hex() == trace
    about = {a.key: a.value.string_value or a.value.int_value for a in spans[1].attributes}
    assert about == {
        "http.request.method": "GET",
        "http.route": "/v1/customers/{customer_id}",
        "http.response.status_code": 404,
        "retinue.request_id": "mine",
    }
    assert not any(SECRET.encode() in body for body in received)


def test_without_the_extra_the_wish_for_traces_is_answered_with_words() -> None:
    code = (
        "import sys; sys.modules['opentelemetry.exporter.otlp.proto.http.trace_exporter'] = None\n"
        "from serving.operation.telemetry import start_tracing; start_tracing()"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "TelemetryError" in ended.stderr
    assert "pip install 'retinue[telemetry]'" in ended.stderr
