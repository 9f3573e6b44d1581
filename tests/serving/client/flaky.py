"""What may stand between a client and the service: somebody who loses requests, or turns them away, and then lets them by."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import ClassVar, Literal, NamedTuple

import httpx

Answer = tuple[int, dict[str, str], bytes]


class Between(NamedTuple):
    """Its address, what it does with the next requests, and every request that came: method and path, and its headers."""

    url: str
    next_answers: "list[Answer | Literal['lose']]"
    seen: list[tuple[str, str]]
    headers: list[dict[str, str]]


@contextmanager
def between(service: str) -> Iterator[Between]:
    """Somebody between who passes on to ``service`` what he has no answer of his own for."""
    told = Between("", [], [], [])

    class Handler(BaseHTTPRequestHandler):
        protocol_version: ClassVar[str] = "HTTP/1.1"

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            told.seen.append((self.command, self.path))
            told.headers.append({name.lower(): value for name, value in self.headers.items()})
            own = told.next_answers.pop(0) if told.next_answers else None
            if own == "lose":
                self.close_connection = True
                self.connection.close()
                return
            if own is None:
                passed = dict(self.headers.items())
                got = httpx.request(self.command, service + self.path, headers=passed, content=body)
                own = got.status_code, {name: got.headers[name] for name in got.headers if name in KEPT}, got.content
            status, headers, content = own
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if status != 304:
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = _answer

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield told._replace(url=f"http://127.0.0.1:{server.server_address[1]}")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


KEPT = ("content-type", "etag", "retry-after", "x-request-id")
