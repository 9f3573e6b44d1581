"""``POST /v1/events`` of a real server: what is accepted, known already, or refused, line by line."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.event_log import EVENTS_FILE, open_log
from features.sources import open_facts
from serving.client import Retinue
from serving.client import retinue as client
from tests.serving.client.flaky import between
from tests.serving.conftest import serving, write_project
from tests.serving.realtime.company import write_company

NDJSON = {"content-type": "application/x-ndjson"}


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a company that takes events and has published nothing."""
    return write_company(tmp_path_factory.mktemp("events") / "company").root


@pytest.fixture(scope="module")
def api(company: Path) -> Iterator[httpx.Client]:
    with serving(company) as address, httpx.Client(base_url=address, timeout=30) as client:
        yield client


def event(event_id: str, **changes: Any) -> dict[str, Any]:
    told = {"event_id": event_id, "table": "orders", "customer_id": "C010", "amount": 84.5}
    return told | {"ordered_at": "2025-09-30T08:30:00+02:00"} | changes


def logged(company: Path) -> list[bytes]:
    with open_log(company / ".retinue" / EVENTS_FILE) as log:
        return [row.body for row in log.after(0, 1_000_000)]


def test_an_event_is_on_the_disk_before_it_is_acknowledged(api: httpx.Client, company: Path) -> None:
    answer = api.post("/v1/events", json=event("first"))
    assert answer.status_code == 202
    sequence = answer.json()["sequence"]
    assert answer.json() == {"accepted": 1, "duplicate": 0, "rejected": 0, "sequence": sequence, "rejections": []}
    body = {"amount": 84.5, "customer_id": "C010", "ordered_at": "2025-09-30T06:30:00.000000"}
    assert orjson.loads(logged(company)[sequence - 1]) == body


def test_the_same_event_again_changes_nothing(api: httpx.Client, company: Path) -> None:
    first = api.post("/v1/events", json=event("again")).json()["sequence"]
    written_otherwise = dict(reversed(event("again", ordered_at="2025-09-30T06:30:00Z").items()))
    answer = api.post("/v1/events", json=written_otherwise)
    assert answer.status_code == 202
    assert answer.json() == {"accepted": 0, "duplicate": 1, "rejected": 0, "sequence": first, "rejections": []}


def test_an_id_that_stands_for_another_event_is_a_conflict(api: httpx.Client, company: Path) -> None:
    api.post("/v1/events", json=event("taken"))
    before = len(logged(company))
    answer = api.post("/v1/events", json=event("taken", amount=1.0))
    assert answer.status_code == 409
    assert answer.json()["type"] == "urn:retinue:problem:conflict"
    assert "'taken' stands for another event" in answer.json()["detail"]
    assert len(logged(company)) == before


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"ordered_at": "2025-09-30"}, "ordered_at: got 2025-09-30, expected an instant with its zone"),
        ({"ordered_at": "2025-13-30T00:00:00Z"}, "ordered_at: got 2025-13-30T00:00:00Z, expected an instant"),
        ({"amount": "84.5"}, "amount: got 84.5, expected a number without quotes"),
        ({"amount": True}, "amount: got true, expected a number"),
        ({"customer_id": 7}, "customer_id: got 7, expected text in quotes (an id, too: 007 is not 7)"),
        ({"customer_id": None}, "customer_id: required in orders (the customer)"),
        ({"customer_id": "a\0b"}, "customer_id: an id has at most 512 characters and no NUL"),
        ({"amuont": 1}, "amuont: the project maps no such column of orders. Did you mean 'amount'?"),
        ({"margin": 1}, "margin: the project maps no such column of orders."),
        ({"table": "order"}, "table: the project takes no events of 'order'"),
        ({"event_id": ""}, "event_id: it is required"),
        ({"known_at": "2200-01-01T00:00:00Z"}, "known_at: got 2200-01-01T00:00:00+00:00, which is after now"),
    ],
)
def test_what_is_no_event_is_told_with_what_was_got_and_expected(
    api: httpx.Client, changes: dict[str, Any], said: str
) -> None:
    answer = api.post("/v1/events", json=event("bad") | changes)
    assert answer.status_code == 422
    assert said in answer.json()["detail"]


def test_of_many_lines_the_sound_ones_are_added_and_the_others_told(api: httpx.Client) -> None:
    lines = [event("l-1"), event("l-2", amount="1"), event("l-1"), event("l-1", amount=2.0), event("l-3")]
    body = b"\n\n".join([*map(orjson.dumps, lines), b'{"event_id": "l-4", ', b"\xff\xfe", b"[1]"]) + b"\r\n"
    answer = api.post("/v1/events", content=body, headers=NDJSON).json()
    assert (answer["accepted"], answer["duplicate"], answer["rejected"]) == (2, 1, 5)
    told = [(r["line"], r["event_id"], r["problem"]) for r in answer["rejections"]]
    assert told == [
        (3, "l-2", "invalid"),
        (7, "l-1", "conflict"),
        *((line, None, "invalid") for line in (11, 13, 15)),
    ]
    assert answer["rejections"][0]["reason"]["zh"].startswith("amount：收到 1")


def test_another_content_type_and_too_many_lines_are_refused(api: httpx.Client) -> None:
    answer = api.post("/v1/events", content=b"a,b", headers={"content-type": "text/csv"})
    assert (answer.status_code, answer.json()["type"]) == (400, "urn:retinue:problem:bad-request")
    assert "expected application/json" in answer.json()["detail"]
    assert api.post("/v1/events", content=b"{}\n" * 10_001, headers=NDJSON).status_code == 413
    assert api.post("/v1/events", content=b" " * 4_000_001, headers=NDJSON).status_code == 413


def test_before_a_run_is_served_no_event_waits(api: httpx.Client) -> None:
    sequence = api.post("/v1/events", json=event("status")).json()["sequence"]
    status = api.get("/v1/events/status").json()
    assert status == {"sequence": sequence, "applied": sequence, "waiting": 0, "lag_ms": 0.0, "rescored_as_of": None}


def test_a_service_that_takes_no_events_says_how_it_would(tmp_path: Path) -> None:
    write_project(tmp_path)
    with serving(tmp_path) as address:
        answer = httpx.post(f"{address}/v1/events", json=event("x"))
        assert httpx.get(f"{address}/v1/events/status").status_code == 404
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:retinue:problem:no-events")
    assert "Write [events]" in answer.json()["detail"]


_IDS = st.sampled_from([f"f-{n}" for n in range(30)])
_EVENTS = st.builds(
    lambda id_, changes: orjson.dumps(event(id_) | changes),
    _IDS,
    st.dictionaries(
        st.sampled_from(["amount", "customer_id", "ordered_at", "table", "category", "event_id", "odd"]),
        st.none()
        | st.booleans()
        | st.floats(-1e6, 1e6)
        | st.text(max_size=20)
        | st.lists(st.integers(0, 9), max_size=2),
        max_size=2,
    ),
)
_LINES = st.lists(
    st.one_of(_EVENTS, st.builds(lambda i: orjson.dumps(event(i)), _IDS), st.binary(max_size=60)), max_size=40
)


@settings(max_examples=40, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(lines=_LINES)
def test_every_line_is_accepted_or_known_or_refused(api: httpx.Client, company: Path, lines: list[bytes]) -> None:
    body = b"\n".join(lines)
    given_lines = [n for n, line in enumerate(body.split(b"\n"), start=1) if line.strip()]
    before = len(logged(company))

    answer = api.post("/v1/events", content=body, headers=NDJSON)

    assert answer.status_code == 202
    counts = answer.json()
    assert counts["accepted"] + counts["duplicate"] + counts["rejected"] == len(given_lines)
    assert counts["rejected"] == len(counts["rejections"])
    assert {r["line"] for r in counts["rejections"]} <= set(given_lines)
    assert len(logged(company)) == before + counts["accepted"]
    again = api.post("/v1/events", content=body, headers=NDJSON).json()
    assert again["accepted"] == 0
    assert again["rejections"] == counts["rejections"]


def test_later_trainings_and_runs_have_the_events_as_facts(tmp_path: Path) -> None:
    from tests.serving.realtime.company import tell

    project = write_company(tmp_path / "company", customers=5)
    now = datetime(2025, 10, 3, 9, 30, tzinfo=UTC)
    tell(project, now, event("o-1"), event("o-2", ordered_at="2025-10-01T22:30:00Z", known_at="2025-10-02T00:00:00Z"))
    tell(
        project, now + timedelta(hours=1), {"event_id": "c-1", "table": "customers", "customer_id": "C001", "name": "B"}
    )
    with open_facts(project) as facts:
        query = "SELECT ordered_at, ordered_day, known_at, known_day, quantity FROM orders WHERE customer_id = 'C010' ORDER BY 1"
        rows = facts.connection.execute(query).fetchall()
        names = facts.connection.execute("SELECT name FROM customers WHERE customer_id = 'C001'").fetchall()
    assert [tuple(map(str, row)) for row in rows] == [
        ("2025-09-30 06:30:00", "2025-09-30", "2025-10-03 09:30:00", "2025-10-03", "None"),
        ("2025-10-01 22:30:00", "2025-10-02", "2025-10-02 00:00:00", "2025-10-02", "None"),
    ]
    assert names == [("Firm C001",)]


def test_the_client_sends_any_number_in_parts_and_again_where_it_is_turned_away(
    api: httpx.Client, company: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "MOST_LINES", 4)
    before = len(logged(company))
    events = [event(f"client-{n}", ordered_at=datetime(2025, 9, 30, 8, n, tzinfo=UTC)) for n in range(10)]
    events[6] = event("client-6", amount="much")
    events[9] = event("client-0", amount=1.0)
    with between(str(api.base_url)) as someone, Retinue(someone.url, timeout_seconds=30) as retinue:
        someone.next_answers[:] = [(503, {"Retry-After": "0"}, b""), "lose"]
        told = retinue.send_events(iter(events))
        assert (told["accepted"], told["duplicate"], told["rejected"]) == (8, 0, 2)
        assert [(one["line"], one["event_id"], one["problem"]) for one in told["rejections"]] == [
            (7, "client-6", "invalid"),
            (10, "client-0", "conflict"),
        ]
        assert len(someone.seen) == 5
        assert told["sequence"] == len(logged(company)) == before + 8
        again = retinue.send_events(iter(events))
        assert (again["accepted"], again["duplicate"], again["rejected"]) == (0, 8, 2)
        assert retinue.events_status()["sequence"] == before + 8
