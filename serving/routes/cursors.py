"""Cursors: where the next page of a list begins, as an opaque text that belongs to one run and one sort order."""

import base64
import binascii
from typing import Any

import orjson

from features.text import Text
from serving.problems import BAD_CURSOR, STALE_CURSOR, ApiError
from serving.store import Position

MAX_CURSOR_LENGTH = 8192
"""Longer than any cursor that is given out, in characters: an id may take many bytes when encoded."""


def encode_cursor(run_id: str, sort: str, position: Position) -> str:
    """The cursor of the page that follows ``position``."""
    content = orjson.dumps([run_id, sort, position.value, position.customer_id])
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def decode_cursor(cursor: str, run_id: str, sort: str) -> Position:
    """The position that ``encode_cursor`` was given.

    Raises ApiError: it is not a cursor of this list, or it belongs to a run that is no longer served.
    """
    content = _content(cursor)
    if content is None or content[1] != sort:
        raise ApiError(
            BAD_CURSOR,
            Text(
                "This cursor was not given out for a list sorted by {sort}. Start again without a cursor.",
                "该游标不属于按 {sort} 排序的列表。请去掉游标重新开始。",
            ),
            sort=sort,
        )
    if content[0] != run_id:
        raise ApiError(
            STALE_CURSOR,
            Text(
                "New scores were published since this cursor was given out. Start again without a cursor.",
                "该游标给出之后已发布新的评分。请去掉游标重新开始。",
            ),
        )
    return Position(content[2], content[3])


def _content(cursor: str) -> list[Any] | None:
    try:
        content = orjson.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError):
        return None
    return content if _has_shape(content) else None


def _has_shape(content: Any) -> bool:
    if not isinstance(content, list) or len(content) != 4:
        return False
    run_id, sort, value, customer_id = content
    if not (isinstance(run_id, str) and isinstance(sort, str) and isinstance(customer_id, str)):
        return False
    if sort.removeprefix("-") == "customer_id":
        return isinstance(value, str)
    return value is None or isinstance(value, float)
