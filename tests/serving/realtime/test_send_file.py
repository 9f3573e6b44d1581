"""``retinue events send``: every line of a file is accepted, known, in conflict or refused, whatever happens on the way."""

import os
import re
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from io import BytesIO
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from features.event_log import EVENTS_FILE, Received, open_log
from features.text import Text
from serving import event_files
from serving.cli import app
from serving.client import retinue as client
from serving.event_files import SendingError, Sent, count_lines, send_events, service_at
from serving.problems import MAX_BODY_BYTES
from tests.serving.client.flaky import between
from tests.serving.conftest import serving
from tests.serving.realtime.company import write_company
from tests.serving.realtime.test_kill import Server


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a company that takes events and has published nothing."""
    return write_company(tmp_path_factory.mktemp("sending") / "company", customers=5).root


@pytest.fixture(scope="module")
def url(company: Path) -> Iterator[str]:
    with serving(company) as address:
        yield address


def event(event_id: str, **changes: Any) -> bytes:
    told = {"event_id": event_id, "table": "orders", "customer_id": "C010", "amount": 84.5}
    return orjson.dumps(told | {"ordered_at": "2025-09-30T08:30:00+02:00"} | changes)


def logged(company: Path) -> list[Received]:
    with open_log(company / ".retinue" / EVENTS_FILE) as log:
        return log.after(0, 10_000_000)


def rejections(file: Path) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in file.read_bytes().splitlines()]


def test_lines_that_are_not_taken_stand_in_a_file_with_number_and_reason(
    url: str, company: Path, tmp_path: Path
) -> None:
    lines = [
        *(b"\xef\xbb\xbf" + event("a-1"), event("a-2") + b"\r", b"", event("a-1"), b"  \t", event("a-1", amount=2)),
        *(event("a-3", amount="much"), b'{"event_id": "\xff', "客户".encode(), event("a-4", customer_id="客户 ")),
    ]
    file = tmp_path / "till.ndjson"
    file.write_bytes(b"\n".join(lines))
    before = len(logged(company))

    ended = CliRunner().invoke(app(), ["events", "send", str(file), "--url", url])

    assert ended.exit_code == 1, ended.output
    assert "8 events: 3 accepted, 1 duplicates, 1 conflicts, 3 refused." in ended.stdout
    written = tmp_path / "till.ndjson.rejected.ndjson"
    assert written.name in ended.stdout.replace("\n", "")
    assert [row.customer_id for row in logged(company)[before:]] == ["C010", "C010", "客户"]
    told = rejections(written)
    assert [(one["line"], one["event_id"], one["problem"]) for one in told] == [
        (6, "a-1", "conflict"),
        (7, "a-3", "invalid"),
        (8, None, "invalid"),
        (9, None, "invalid"),
    ]
    assert [one["content"].encode() for one in told[:2]] == [lines[5], lines[6]]
    assert told[2]["content"] == '{"event_id": "\\xff'
    assert "amount: got much, expected a number" in told[1]["reason"]["en"]
    assert "amount：收到 much" in told[1]["reason"]["zh"]

    file.write_bytes(b"\n".join(lines[:4]) + b"\n")  # what was put right needs no such file any more
    again = CliRunner().invoke(app(), ["events", "send", str(file), "--url", url, "--quiet"])
    assert again.exit_code == 0, again.output
    assert again.stdout == "3 events: 0 accepted, 3 duplicates, 0 conflicts, 0 refused.\n"
    assert sorted(tmp_path.iterdir()) == [file]


def test_requests_are_sent_again_after_refusals_losses_and_a_while_without_a_service(
    url: str, company: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "MOST_LINES", 4)
    monkeypatch.setattr(event_files, "_FIRST_PAUSE_SECONDS", 0.01)
    before = len(logged(company))
    content = b"\n".join(event(f"b-{n}") for n in range(10))
    steps: list[str] = []
    with between(url) as someone, service_at(someone.url, None, "zh") as service:
        someone.next_answers[:] = [(429, {"Retry-After": "0"}, b"")] * 5

        def while_it_is_sent(step: Text, done: float) -> None:
            if step.en == "sending events, line 4":  # longer than the client alone would try
                someone.next_answers[:] = ["lose"] * 6
            elif step.en == "sending events, line 8":
                someone.next_answers[:] = [(503, {"Retry-After": "0"}, b"")]
            steps.append(f"{step.en} {done:.1f}")

        sent = send_events(BytesIO(content), service, tmp_path / "rejected", while_it_is_sent, 10)
    assert sent == Sent(10, 10, 0, 0, 0)
    assert len(someone.seen) == 5 + 6 + 1 + 3
    assert steps == [
        "waiting for the service, line 0 0.0",
        "sending events, line 4 0.4",
        "waiting for the service, line 4 0.4",
        "sending events, line 8 0.8",
        "sending events, line 10 1.0",
    ]
    assert [row.sequence for row in logged(company)[before:]] == list(range(before + 1, before + 11))


@pytest.mark.slow
def test_a_server_that_is_killed_and_started_again_gets_every_line_once(tmp_path: Path) -> None:
    company = write_company(tmp_path / "company", customers=5).root
    lines = [event(f"k-{n}") for n in range(40_000)]
    (tmp_path / "till.ndjson").write_bytes(b"\n".join(lines))
    server = Server(company)
    command = [sys.executable, "-c", "from serving.cli import main; main()", "events", "send", "till.ndjson"]
    environment = {**os.environ, "RETINUE_LANGUAGE": "en"}
    command += ["--url", server.address, "--quiet"]
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE) as sending:
        try:
            _wait_until_logged(company, 6_000)  # the first request is answered by then
            server.kill()
            server.start()
            told, _ = sending.communicate(timeout=60)
        finally:
            sending.kill()
            server.kill()
    found = re.search(rb"40,000 events: ([\d,]+) accepted, ([\d,]+) duplicates, 0 conflicts, 0 refused.", told)
    assert found is not None, told
    accepted, duplicates = (int(number.replace(b",", b"")) for number in found.groups())
    assert accepted + duplicates == 40_000
    assert len(logged(company)) == 40_000
    assert sending.returncode == 0


def _wait_until_logged(company: Path, upto: int) -> None:
    end = time.monotonic() + 30
    with open_log(company / ".retinue" / EVENTS_FILE) as log:
        while log.last_sequence() < upto:
            assert time.monotonic() < end, "no events come in"
            time.sleep(0.002)


@pytest.mark.parametrize("answer", ["lose", (401, {}, b"no"), (503, {"Retry-After": "100000"}, b"later")])
def test_a_service_that_never_answered_or_refuses_is_not_waited_for(url: str, tmp_path: Path, answer: Any) -> None:
    with between(url) as someone, service_at(someone.url, None, "en") as service:
        someone.next_answers[:] = [answer] * 4
        with pytest.raises(SendingError, match="The service did not take the events"):
            send_events(BytesIO(event("c-1")), service, tmp_path / "rejected")
    assert list(tmp_path.iterdir()) == []


def test_where_it_breaks_off_it_says_how_far_it_came(
    url: str, company: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "MOST_LINES", 2)
    before = len(logged(company))
    content = b"\n".join([event("g-1"), b"no event", event("g-2"), event("g-3")])
    with between(url) as someone, service_at(someone.url, None, "zh") as service:

        def forbid(step: Text, done: float) -> None:
            someone.next_answers[:] = [(403, {}, b"no more")]

        with pytest.raises(SendingError) as broken:
            send_events(BytesIO(content), service, tmp_path / "rejected", forbid)
        assert "第 2 行之后" in broken.value.text.zh
        assert "no more" in broken.value.text.zh
        assert len(logged(company)) == before + 1
        assert list(tmp_path.iterdir()) == []
        assert send_events(BytesIO(content), service, tmp_path / "rejected") == Sent(4, 2, 1, 0, 1)
    assert [one["line"] for one in rejections(tmp_path / "rejected")] == [2]


def test_standard_input_is_read_once_and_the_key_may_stand_in_the_environment(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with between(url) as someone:
        command = ["events", "send", "-", "--url", someone.url]
        piped = event("d-1") + b"\n" + b"{}"
        ended = CliRunner().invoke(app(), command, input=piped, env={"RETINUE_KEY": "rtn_abc"})
        (headers,) = someone.headers
    assert ended.exit_code == 1, ended.output
    assert headers["authorization"] == "Bearer rtn_abc"
    assert [(one["line"], one["content"]) for one in rejections(tmp_path / "stdin.rejected.ndjson")] == [(2, "{}")]


def test_a_line_longer_than_a_request_is_refused_by_itself(url: str, company: Path, tmp_path: Path) -> None:
    longest = event("e-1").ljust(MAX_BODY_BYTES)
    lines = [longest, longest + b" ", event("e-2"), b"x" * 9_000_000, event("e-3"), longest + b"\r"]
    with service_at(url, None, "en") as service:
        sent = send_events(BytesIO(b"\n".join(lines)), service, tmp_path / "rejected")
    assert sent == Sent(6, 3, 1, 0, 2)
    told = rejections(tmp_path / "rejected")
    assert [(one["line"], len(one["content"])) for one in told] == [(2, 1_000), (4, 1_000)]
    assert told[0]["reason"]["en"].startswith("The line is longer than a request may be (4,000,000 bytes)")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere.ndjson", "--url", "http://127.0.0.1:9"], "nowhere.ndjson cannot be read: No such file"),
        ([".", "--url", "http://127.0.0.1:9"], "cannot be read: Is a directory"),
        (["-", "--url", "127.0.0.1:8000"], "Got '127.0.0.1:8000', expected the address of the service"),
        (["-", "--url", "http://a:b"], "Got 'http://a:b', expected the address of the service"),
        (["-", "--url", "http://127.0.0.1:9", "--key", "rtn_…"], "characters that no key has"),
        (["-", "--url", "http://127.0.0.1:9"], "Got no answer from http://127.0.0.1:9"),
    ],
)
def test_what_cannot_be_read_or_reached_is_told(
    arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ended = CliRunner().invoke(app(), ["events", "send", *arguments], input=event("f-1"))
    assert said in str(ended.exception)
    assert list(tmp_path.iterdir()) == []


def test_without_httpx_it_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['httpx'] = None; sys.argv = ['retinue', 'events', 'send', '-', '--url', 'http://a'];"
        " from serving.cli import main; main()"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, input="")
    assert ended.returncode == 2, ended.stderr
    assert "pip install 'retinue[client]'" in ended.stderr


def test_a_pipe_is_not_counted(tmp_path: Path) -> None:
    (tmp_path / "lines").write_bytes(b"a\nb\n\nc")
    assert count_lines(tmp_path / "lines") == 4
    assert count_lines(Path("/dev/null")) is None


_TEXTS = st.text(st.characters(), max_size=12) | st.sampled_from(["\0", "\u2028", "\u202e客", "e\u0301", "\U0001f600"])
_SOME = st.integers(0, 2_000).map(lambda n: f"z-{n}")
_IDS = _SOME | st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_VALUES = st.none() | st.booleans() | st.floats(-1e300, 1e300) | st.integers(-9, 9) | _TEXTS
_GOOD = st.builds(event, _SOME, amount=st.sampled_from([1, 84.5]))
_ODD = st.builds(
    lambda told: orjson.dumps(told, option=orjson.OPT_NON_STR_KEYS),
    st.fixed_dictionaries(
        {"event_id": _IDS, "table": st.sampled_from(["orders", "customers", "payments", "odd"]), "customer_id": _IDS},
        optional={
            "amount": st.floats(-1e300, 1e300) | _IDS,
            "ordered_at": st.just("2025-09-30T08:30:00Z"),
            "name": _IDS,
        },
    ),
)
_ENDS = st.sampled_from([b"\n", b"\r\n", b"\n\n", b" \n", b"\r\r\n"])
_BROKEN = st.binary(max_size=60).map(lambda line: line.replace(b"\n", b"\r"))
_TORN = st.builds(lambda line, at: line[:at], _GOOD, st.integers(0, 80))
_ESCAPED = st.builds(lambda text: b'{"event_id": "\\ud800", "x": ' + repr(text).encode("utf-8", "ignore"), _TEXTS)
_LONG = st.builds(
    lambda line, size: line.replace(b"C010", b"C" * size) if size < 1_000_000 else line.ljust(size),
    _GOOD,
    st.sampled_from([511, 513, 999_999, 2_999_999, 4_000_000, 4_000_001]),
)
_LINES = st.one_of(_GOOD, _GOOD, _ODD, _BROKEN, _TORN, _ESCAPED)
_FILES = st.one_of(
    st.lists(st.tuples(_LINES, _ENDS), min_size=15, max_size=60),
    st.lists(st.tuples(st.one_of(_GOOD, _LONG), _ENDS), max_size=4),
)


@pytest.mark.slow
@settings(max_examples=150, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(lines=_FILES)
def test_every_line_of_any_file_is_accounted_for_and_every_accepted_one_is_in_the_log_once(
    url: str, company: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: list[tuple[bytes, bytes]]
) -> None:
    monkeypatch.setattr(client, "MOST_LINES", 7)
    content = b"".join(line + end for line, end in lines)
    given_lines = {n: line for n, line in enumerate(content.split(b"\n"), start=1) if line.strip()}
    before = logged(company)

    with service_at(url, None, "en") as service:
        sent = send_events(BytesIO(content), service, tmp_path / "rejected")
        told = rejections(tmp_path / "rejected") if (tmp_path / "rejected").exists() else []
        again = send_events(BytesIO(content), service, tmp_path / "again")

    assert sent.lines == len(given_lines) == sent.accepted + sent.duplicates + sent.conflicts + sent.refused
    problems = Counter(one["problem"] for one in told)
    assert (problems["conflict"], problems["invalid"]) == (sent.conflicts, sent.refused)
    refused = [one["line"] for one in told]
    assert refused == sorted(set(refused))
    assert set(refused) <= set(given_lines)
    assert again == Sent(sent.lines, 0, sent.accepted + sent.duplicates, sent.conflicts, sent.refused)

    added = logged(company)[len(before) :]
    assert len(added) == sent.accepted
    taken = [line for n, line in given_lines.items() if n not in refused]
    with closing(sqlite3.connect(company / ".retinue" / EVENTS_FILE)) as log:
        ids: dict[str, int] = dict(log.execute("SELECT event_id, sequence FROM events"))
    named = [orjson.loads(line.removeprefix(b"\xef\xbb\xbf"))["event_id"] for line in taken]
    new = [one for one in dict.fromkeys(named) if ids[one] > len(before)]
    assert [ids[one] for one in new] == [row.sequence for row in added]
