"""A server that asks for keys, shared by the tests of a file that change nothing in it."""

from collections.abc import Iterator
from typing import NamedTuple

import httpx
import pytest

from tests.serving.security.company import company, key

MANY = "\n[serve]\nanonymous_requests_per_minute = 6000\n"


class Closed(NamedTuple):
    """Somebody who asks, and a key that may read."""

    client: httpx.Client
    reader: str


@pytest.fixture(scope="module")
def _closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Closed]:
    folder = tmp_path_factory.mktemp("closed")
    with company(folder, MANY) as (store, client):
        yield Closed(client, key(store, "read"))


@pytest.fixture
def closed(_closed: Closed) -> httpx.Client:
    """Somebody without a key who asks a server that needs one."""
    return _closed.client


@pytest.fixture
def reader(_closed: Closed) -> str:
    """A key that may read."""
    return _closed.reader
