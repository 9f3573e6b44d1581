"""Files of events, one a line, sent to a service: each line is accepted, known already, in conflict or refused."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import httpx
import orjson

from features.errors import RetinueError
from features.progress import Progress, silent
from features.text import Language, Text
from features.writing import nameless_file
from serving.client import Retinue, RetinueProblem
from serving.client.answers import EventsAnswer
from serving.client.retinue import in_requests
from serving.problems import MAX_BODY_BYTES

TIMEOUT_SECONDS = 60.0
PATIENCE_SECONDS = 600.0
"""How long one request is repeated while the service is too busy, or is gone after it has answered before."""
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 1.0, 10.0
_COME_AGAIN = (429, 503)
_SHOWN_BYTES = 1_000
"""Of a line that is too long to be sent."""
_BOM = b"\xef\xbb\xbf"


class SendingError(RetinueError):
    """The service cannot be reached, or does not take what is sent; what it answered before is on its disk."""


class Sent(NamedTuple):
    """What became of the lines; empty ones do not count."""

    lines: int = 0
    accepted: int = 0
    duplicates: int = 0
    conflicts: int = 0
    refused: int = 0


@contextmanager
def service_at(url: str, key: str | None, language: Language) -> Iterator[Retinue]:
    """The service at ``url``. Raises SendingError: there is no such address, or no such key."""
    if key is not None and not (key.isascii() and key.isprintable()):
        raise SendingError(_NO_KEY)
    try:
        if not url.startswith(("http://", "https://")):
            raise httpx.InvalidURL(url)
        service = Retinue(url, key, language, TIMEOUT_SECONDS)
    except httpx.InvalidURL as fault:
        raise SendingError(_NO_ADDRESS, url=url) from fault
    with service:
        yield service


def count_lines(file: Path) -> int | None:
    """How many lines a file has; None: it is none of a disk (a pipe), and can be read but once."""
    if not file.is_file():
        return None
    with file.open("rb") as source:
        ends = sum(part.count(b"\n") for part in iter(lambda: source.read(1_000_000), b""))
    return ends + 1


def send_events(
    source: BinaryIO, service: Retinue, rejected: Path, progress: Progress = silent, total: int | None = None
) -> Sent:
    """Send all lines of ``source``; those that are not taken stand in ``rejected`` afterwards, with number and reason.

    Where all are taken there is no ``rejected``. Nothing counts twice if it is done again. Raises SendingError: the service
    did not take a request, StorageError: ``rejected`` cannot be written.
    """
    sent, read = Sent(), 0

    def show(step: Text) -> None:
        progress(step.format(lines=read), read / total if total else 0.0)

    with nameless_file(rejected) as temporary:
        with temporary.open("wb") as file:
            for part in in_requests(_lines(source)):
                answer = _answer(service, part, read, show)
                file.writelines(_rejection(one, part, read) for one in answer["rejections"])
                sent = _with(sent, part, answer)
                read += len(part)
                show(_SENDING)
            file.flush()
            os.fsync(file.fileno())
        if sent.conflicts or sent.refused:
            temporary.chmod(0o644)
            temporary.replace(rejected)
        else:
            rejected.unlink(missing_ok=True)
    return sent


def _lines(source: BinaryIO) -> Iterator[bytes]:
    """Lines without their ends; of one that no request can hold the beginning, one byte longer than a request."""
    is_first = True
    while line := source.readline(MAX_BODY_BYTES + 2):
        whole = line
        while len(line) > MAX_BODY_BYTES and not line.endswith(b"\n"):
            line = source.readline(MAX_BODY_BYTES + 2)
            if not line:
                break
        content = whole.removesuffix(b"\n").removesuffix(b"\r")[: MAX_BODY_BYTES + 1]
        yield content.removeprefix(_BOM) if is_first else content
        is_first = False


def _answer(service: Retinue, part: list[bytes], before: int, show: Callable[[Text], None]) -> EventsAnswer:
    """What the service says of lines that go together. Raises SendingError."""
    if len(part[0]) > MAX_BODY_BYTES:  # it stands alone
        return _refused_here(part[0])
    if not any(line.strip() for line in part):
        return EventsAnswer(accepted=0, duplicate=0, rejected=0, sequence=0, rejections=[])
    end, pause = time.monotonic() + PATIENCE_SECONDS, _FIRST_PAUSE_SECONDS
    while True:
        try:
            return service.send_lines(part)
        except RetinueProblem as problem:
            is_gone = problem.status is None and before > 0  # a service that never answered is not waited for
            wait = problem.retry_after_seconds or pause
            if not (problem.status in _COME_AGAIN or is_gone) or time.monotonic() + wait > end:
                raise SendingError(
                    _NOT_ALL_TAKEN if before else _NONE_TAKEN, before=before, problem=problem
                ) from problem
            show(_WAITING)
            time.sleep(wait)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)


def _refused_here(line: bytes) -> EventsAnswer:
    reason: Any = _TOO_LONG.format(most=MAX_BODY_BYTES)._asdict()
    rejection: Any = {"line": 1, "event_id": None, "problem": "invalid", "reason": reason}
    return EventsAnswer(accepted=0, duplicate=0, rejected=1, sequence=0, rejections=[rejection])


def _with(sent: Sent, part: list[bytes], answer: EventsAnswer) -> Sent:
    conflicts = sum(one["problem"] == "conflict" for one in answer["rejections"])
    return Sent(
        sent.lines + sum(1 for line in part if line.strip()),
        sent.accepted + answer["accepted"],
        sent.duplicates + answer["duplicate"],
        sent.conflicts + conflicts,
        sent.refused + answer["rejected"] - conflicts,
    )


def _rejection(rejection: Any, part: list[bytes], before: int) -> bytes:
    """A line of the file of those that were not taken; its content goes with it, since standard input is read but once."""
    line = part[rejection["line"] - 1]
    content = (line if len(line) <= MAX_BODY_BYTES else line[:_SHOWN_BYTES]).decode("utf-8", "backslashreplace")
    return orjson.dumps({**rejection, "line": before + rejection["line"], "content": content}) + b"\n"


_SENDING = Text("sending events, line {lines:,}", "发送事件，第 {lines:,} 行")
_WAITING = Text("waiting for the service, line {lines:,}", "等待服务，第 {lines:,} 行")
_TOO_LONG = Text(
    "The line is longer than a request may be ({most:,} bytes); it was not sent.",
    "该行超过单次请求的上限（{most:,} 字节），未发送。",
)
_NONE_TAKEN = Text(
    "The service did not take the events. {problem}\nPut right what is named, and run the command again.",
    "服务未接收事件。{problem}\n请解决上述问题后重新运行该命令。",
)
_NOT_ALL_TAKEN = Text(
    "The service did not take what was sent after line {before:,}. {problem}\nThe lines before were answered. Put right what is"
    " named, and run the command again with the same file: what is known already does not count twice.",
    "服务未接收第 {before:,} 行之后的内容。{problem}\n之前的行均已得到应答。请解决上述问题后，用同一文件重新运行该命令：已知事件不会重复计入。",
)
_NO_ADDRESS = Text(
    "Got '{url}', expected the address of the service, such as http://127.0.0.1:8000.",
    "收到“{url}”，应为服务的地址，例如 http://127.0.0.1:8000。",
)
_NO_KEY = Text(
    "The key has characters that no key has. Copy the whole line that 'retinue keys create' printed, beginning with rtn_.",
    "密钥中含有不合法的字符。请复制“retinue keys create”输出的整行，以 rtn_ 开头。",
)
