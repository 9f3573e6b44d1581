"""A client that asks over many connections at once and does little else, so that one core of it can load a server."""

import asyncio
import socket
from collections.abc import Sequence
from itertools import cycle
from typing import NamedTuple


class Asked(NamedTuple):
    """What a round of requests came to. ``other`` counts answers of another status than 200."""

    requests: int
    other: int
    seconds: float


class _Connection(asyncio.Protocol):
    """One connection that asks again as soon as it was answered, as long as there is something left to ask."""

    def __init__(self, left: "_Left") -> None:
        self.left = left
        self.received = bytearray()
        self.missing = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def ask(self) -> None:
        if (request := self.left.take()) is None:
            self.transport.close()
        else:
            self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        if not self.missing:
            self.received += data
            head = self.received.find(b"\r\n\r\n")
            if head < 0:
                return
            status, length = parsed(bytes(self.received[:head]))
            self.left.other += status != 200
            self.missing = head + 4 + length
            data = bytes(self.received)
            self.received.clear()
        self.missing -= len(data)
        if self.missing <= 0:
            self.missing = 0
            self.left.answered()
            self.ask()

    def connection_lost(self, exc: Exception | None) -> None:
        self.left.closed(exc)


class _Left:
    """The requests that are still to be sent, and the answers that are still to come."""

    def __init__(self, requests: Sequence[bytes], count: int, done: "asyncio.Future[None]") -> None:
        self.requests, self.to_send, self.to_come, self.other, self.done = cycle(requests), count, count, 0, done

    def take(self) -> bytes | None:
        if not self.to_send:
            return None
        self.to_send -= 1
        return next(self.requests)

    def answered(self) -> None:
        self.to_come -= 1
        if not self.to_come and not self.done.done():
            self.done.set_result(None)

    def closed(self, fault: Exception | None) -> None:
        if self.to_come and self.to_send and not self.done.done():
            self.done.set_exception(fault or ConnectionError("the server closed a connection"))


def parsed(head: bytes) -> tuple[int, int]:
    """The status of an answer, and the length of its body in bytes.

    >>> parsed(b"HTTP/1.1 200 OK\\r\\nContent-Length: 12")
    (200, 12)
    """
    status, *fields = head.lower().split(b"\r\n")
    lengths = [field.partition(b":")[2] for field in fields if field.startswith(b"content-length:")]
    return int(status.split(b" ", 2)[1]), int(lengths[0]) if lengths else 0


def request(address: str, path: str, body: bytes | None = None, headers: Sequence[str] = ()) -> bytes:
    """The bytes of one request: GET, or POST of JSON where there is a body."""
    host = address.removeprefix("http://")
    method = "GET" if body is None else "POST"
    fields = [f"{method} {path} HTTP/1.1", f"Host: {host}", *headers]
    if body is not None:
        fields += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*fields, "", ""]).encode() + (body or b"")


async def ask(address: str, requests: Sequence[bytes], connections: int, count: int) -> Asked:
    """Send ``count`` requests over so many connections, each waiting for its answer before it asks again."""
    loop = asyncio.get_running_loop()
    left = _Left(requests, count, loop.create_future())
    host, _, port = address.removeprefix("http://").rpartition(":")
    opened = [
        await loop.create_connection(lambda: _Connection(left), host, int(port), family=socket.AF_INET)
        for _ in range(min(connections, count))
    ]
    begin = loop.time()
    for _, protocol in opened:
        protocol.ask()
    await left.done
    seconds = loop.time() - begin
    for transport, _ in opened:
        transport.close()
    return Asked(count, left.other, seconds)
