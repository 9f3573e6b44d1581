"""A client that posts over many connections that stay open, and keeps what was answered; little else, so that it is fast."""

import asyncio
from collections.abc import Callable, Sequence
from typing import NamedTuple


class Answered(NamedTuple):
    """The answer to one request; ``request`` is its number among those that are sent round and round."""

    request: int
    status: int
    body: bytes


async def post(
    address: str, path: str, bodies: Sequence[bytes], connections: int, more: Callable[[int], bool], keep: bool = True
) -> list[Answered]:
    """Post bodies in turn over so many connections, each waiting for its answer, while ``more(sent)`` says so.

    Without ``keep`` only answers that are not 200 are kept, and the last one of each connection.
    Raises ConnectionError: the server closed a connection before its answer.
    """
    host, _, port = address.removeprefix("http://").rpartition(":")
    head = f"POST {path} HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/json\r\nContent-Length: "
    requests = [f"{head}{len(body)}\r\n\r\n".encode() + body for body in bodies]
    sent = 0

    async def connection() -> list[Answered]:
        nonlocal sent
        found: list[Answered] = []
        last: Answered | None = None
        reader, writer = await asyncio.open_connection(host, int(port))
        while more(sent):
            number, sent = sent % len(requests), sent + 1
            writer.write(requests[number])
            last = Answered(number, *await _answer(reader))
            if keep or last.status != 200:
                found.append(last)
        writer.close()
        return found if keep or last is None else [*found, last]

    parts = await asyncio.gather(*(connection() for _ in range(connections)))
    return [answered for part in parts for answered in part]


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    try:
        status, *fields = (await reader.readuntil(b"\r\n\r\n")).lower().split(b"\r\n")
        told = dict(field.split(b":", 1) for field in fields if field)
        length = told.get(b"content-length")
        body = await _chunks(reader) if length is None else await reader.readexactly(int(length))
        return int(status.split(b" ", 2)[1]), body
    except (asyncio.IncompleteReadError, ValueError) as fault:
        raise ConnectionError("the server closed a connection before its answer was whole") from fault


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    """A body that comes in parts, each after its length."""
    body = b""
    while length := int(await reader.readuntil(b"\r\n"), 16):
        body += (await reader.readexactly(length + 2))[:-2]
    await reader.readexactly(2)
    return body
