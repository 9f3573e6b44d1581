"""Token buckets, and limits of a running server."""

from collections.abc import Iterator

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.security import limits
from serving.security.limits import BURST_SECONDS, Buckets, address_name
from tests.serving.security.company import bearer, company, key


def test_a_burst_passes_then_one_in_each_interval() -> None:
    buckets = Buckets(per_minute=60)
    assert [buckets.wait_seconds("a", 0.0) for _ in range(BURST_SECONDS)] == [0.0] * BURST_SECONDS
    assert buckets.wait_seconds("a", 0.0) == 1.0
    assert buckets.wait_seconds("a", 0.25) == 0.75
    assert buckets.wait_seconds("b", 0.25) == 0.0  # another name has a bucket of its own
    assert buckets.wait_seconds("a", 1.0) == 0.0
    assert buckets.wait_seconds("a", 1.0) == 1.0


def test_one_request_a_minute_can_be_had() -> None:
    buckets = Buckets(per_minute=1)
    assert buckets.wait_seconds("a", 0.0) == 0.0
    assert buckets.wait_seconds("a", 1.0) == pytest.approx(59.0)
    assert buckets.wait_seconds("a", 61.0) == 0.0


@given(st.integers(1, 1000), st.lists(st.floats(0, 5), max_size=300))
def test_never_more_pass_than_the_rate_and_one_burst(per_minute: int, pauses: list[float]) -> None:
    buckets, now, passed = Buckets(per_minute), 0.0, 0
    for pause in pauses:
        now += pause
        wait = buckets.wait_seconds("a", now)
        passed += wait == 0
        assert wait >= 0
    rate = per_minute / 60
    assert passed <= max(1.0, rate * BURST_SECONDS) + rate * now + 1e-6


def test_buckets_do_not_grow_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "_MOST_BUCKETS", 100)
    buckets = Buckets(per_minute=60)
    for number in range(1000):
        buckets.wait_seconds(str(number), 0.001 * number)
        assert len(buckets._buckets) <= 100


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8::ffff:1", "2001:db8::/64"),
        ("2001:db8:0:1::1", "2001:db8:0:1::/64"),
        ("testclient", "testclient"),
    ],
)
def test_addresses_that_one_client_may_use_count_together(host: str, name: str) -> None:
    assert address_name(host) == name


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[httpx.Client, list[str]]]:
    serve = "\n[serve]\nrequests_per_minute = 30\nanonymous_requests_per_minute = 12\n"
    with company(tmp_path_factory.mktemp("limited"), serve) as (store, client):
        yield client, [key(store, "read"), key(store, "read")]


def test_each_key_has_its_limit_and_strangers_use_up_none_of_it(limited: tuple[httpx.Client, list[str]]) -> None:
    client, (first, second) = limited
    strange = [client.get("/v1/customers/C-1").status_code for _ in range(4)]
    assert strange == [401, 401, 429, 429]
    assert client.post("/sign-in", data={"key": first}).status_code == 429
    assert client.get("/healthz").status_code == 200
    answers = [client.get("/v1/customers/C-1", headers=bearer(first)) for _ in range(7)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 2
    refused = answers[-1]
    assert refused.json()["type"] == "urn:retinue:problem:too-many-requests"
    assert refused.headers["retry-after"] in ("1", "2")
    assert client.get("/v1/customers/C-1", headers=bearer(second)).status_code == 200
