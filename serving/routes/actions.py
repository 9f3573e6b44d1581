"""What was done and what came of it, in the API: logs that applications write to and read from."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query, Request, Response

from features.text import Text
from serving.action_schemas import ActionEntry, ActionPage, Entries, LogAnswer, OutcomeEntry, ids_of
from serving.problems import (
    BAD_CURSOR,
    BAD_REQUEST,
    CONFLICT,
    CUSTOMER_NOT_FOUND,
    INVALID_REQUEST,
    TOO_LARGE,
    ApiError,
    documented,
)
from serving.routes.cursors import MAX_CURSOR_LENGTH, decode_cursor, encode_cursor
from serving.routes.state import Service, service_of
from serving.schemas import MAX_PAGE
from serving.score_schema import MAX_ID_LENGTH
from serving.security.access import ScopedRoute, manager_of, name_customers
from serving.store import (
    ConflictError,
    Entry,
    Logged,
    Position,
    Store,
    find_customers,
    list_actions,
    log_actions,
    log_outcomes,
    reading,
)

router = APIRouter(route_class=ScopedRoute, prefix="/v1", tags=["actions"])

LIST, SORT = "actions", "-number"
_NUMBERS_END = 2**53
"""Beyond any number that a log can reach, and still exact as a float of a cursor."""

_Write = Callable[[Store, Sequence[Entry], datetime], Logged]
_LOGGED: dict[int | str, dict[str, Any]] = {
    200: {"model": LogAnswer, "description": "It is on the disk / 已落盘"},
    **documented(BAD_REQUEST, CUSTOMER_NOT_FOUND, CONFLICT, TOO_LARGE, INVALID_REQUEST),
}


@router.post("/actions", summary="Log what was done / 记录行动", responses=_LOGGED)
def post_actions(request: Request, entries: Entries[ActionEntry]) -> Response:
    """Actions carried out or withheld: one, or a list of up to 1,000, all or none.

    The same entry again changes nothing, so that a request without an answer can be repeated; an id that stands for
    another content is answered with 409.
    """
    return _log(request, entries.root, log_actions)


@router.post("/outcomes", summary="Log what came of it / 记录结果", responses=_LOGGED)
def post_outcomes(request: Request, entries: Entries[OutcomeEntry]) -> Response:
    """What came of actions: one, or a list of up to 1,000, all or none; repeated entries as in ``/v1/actions``."""
    return _log(request, entries.root, log_outcomes)


@router.get(
    "/actions",
    summary="Logged actions / 已记录的行动",
    responses={
        200: {"model": ActionPage, "description": "One page, those logged last first / 列表的一页，最新记录在前"},
        **documented(BAD_CURSOR, INVALID_REQUEST),
    },
)
def get_actions(
    request: Request,
    customer_id: Annotated[str | None, Query(min_length=1, max_length=MAX_ID_LENGTH)] = None,
    campaign: Annotated[str | None, Query(min_length=1, max_length=200)] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 50,
    cursor: Annotated[str | None, Query(min_length=1, max_length=MAX_CURSOR_LENGTH)] = None,
) -> Response:
    """Actions of one customer, of one campaign, or all. Give ``next_cursor`` as ``cursor`` to get the next page.

    A cursor stays good while further actions are logged; these are not on the pages that follow.
    """
    before = _number(decode_cursor(cursor, LIST, SORT)) if cursor else None
    with reading(service_of(request).store) as connection:
        page = list_actions(connection, customer_id, campaign, before, limit, manager_of(request))
    following = None if page.last is None else encode_cursor(LIST, SORT, Position(float(page.last), ""))
    body = b'{"actions":[%b],"next_cursor":%b}' % (b",".join(page.bodies), orjson.dumps(following))
    return Response(body, media_type="application/json")


def _log(request: Request, entries: Sequence[ActionEntry | OutcomeEntry], write: _Write) -> Response:
    service = service_of(request)
    customer_ids = [entry.customer_id for entry in entries]
    name_customers(request, customer_ids)
    _check_seen(service, customer_ids, manager_of(request))
    try:
        logged = write(service.store, [_entry(entry) for entry in entries], service.settings.clock())
    except ConflictError as conflict:
        raise ApiError(CONFLICT, conflict.text, findings=[(f"body.{conflict.place}", conflict.text)]) from conflict
    answer = {"added": logged.added, "repeated": logged.repeated, "ids": ids_of(entries)}
    return Response(orjson.dumps(answer), media_type="application/json")


def _check_seen(service: Service, customer_ids: list[str], account_manager: str | None) -> None:
    """Raises ApiError: entries on customers that whoever asks may not see; it says no more than that."""
    if account_manager is None:
        return
    with reading(service.store) as connection:
        found = find_customers(connection, list(dict.fromkeys(customer_ids)), account_manager)
    seen = found.bodies if found else {}
    unseen = [
        (f"body.{place}.customer_id", CUSTOMER_NOT_FOUND.title)
        for place, customer_id in enumerate(customer_ids)
        if customer_id not in seen
    ]
    if unseen:
        raise ApiError(CUSTOMER_NOT_FOUND, _UNSEEN, findings=unseen, count=len(unseen))


_UNSEEN = Text(
    "{count:,} entries name customers that this key cannot see. Nothing was added. Leave them out and send the others again.",
    "{count:,} 条记录涉及该密钥无权查看的客户，未添加任何记录。请去掉后重新发送。",
)


def _entry(entry: ActionEntry | OutcomeEntry) -> Entry:
    return Entry(entry.id, entry.customer_id, entry.at, entry.campaign, entry.body())


def _number(position: Position) -> int:
    if not isinstance(position.value, float) or position.customer_id:
        raise ApiError(
            BAD_CURSOR,
            Text(
                "This cursor was not given out for this list. Start again without it.",
                "该游标不属于此列表。请去掉游标重新开始。",
            ),
        )
    return int(min(max(position.value, 0.0), float(_NUMBERS_END)))
