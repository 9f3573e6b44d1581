"""Warnings in the API: the list, one case with its history, and what people do about it."""

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Path, Query, Request, Response
from sqlalchemy import Connection

from features.errors import NotFoundError
from serving.alert_schemas import AlertAnswer, AlertKind, AlertMove, AlertPage, AlertStatus, Colour
from serving.alerts.bodies import answer_body
from serving.alerts.cases import NO_CASE, move_alert
from serving.alerts.kinds import RANKS
from serving.alerts.moves import AlertError
from serving.problems import (
    ALERT_NOT_FOUND,
    BAD_CURSOR,
    BAD_REQUEST,
    IMPOSSIBLE_MOVE,
    INVALID_REQUEST,
    ApiError,
    documented,
)
from serving.routes.cursors import MAX_CURSOR_LENGTH, decode_cursor, encode_cursor
from serving.routes.state import Service, service_of
from serving.schemas import MAX_PAGE
from serving.score_schema import MAX_ID_LENGTH
from serving.security.access import ScopedRoute, manager_of
from serving.store import Position, find_customer, reading
from serving.store.alerts import AlertFilters, AlertPosition, find_case, history_of, list_cases

router = APIRouter(route_class=ScopedRoute, prefix="/v1", tags=["alerts"])

SORT = "-colour"
OF_ALL_RUNS = "alerts"
"""In a cursor, where others name their run: cases live on from run to run, so their cursors do not grow old."""
_LARGEST_NUMBER = 2**53

AlertPath = Annotated[str, Path(min_length=1, max_length=64, examples=["open_complaint-3f2a9c41b7d0e5aa"])]


@router.get(
    "/alerts",
    summary="Warnings, the gravest first / 预警列表（最严重的在前）",
    responses={
        200: {"model": AlertPage, "description": "One page of the list / 列表的一页"},
        **documented(BAD_CURSOR, INVALID_REQUEST),
    },
)
def get_alerts(
    request: Request,
    colour: Colour | None = None,
    kind: AlertKind | None = None,
    owner: Annotated[str | None, Query(max_length=200)] = None,
    status: AlertStatus | None = None,
    customer_id: Annotated[str | None, Query(min_length=1, max_length=MAX_ID_LENGTH)] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 50,
    cursor: Annotated[str | None, Query(min_length=1, max_length=MAX_CURSOR_LENGTH)] = None,
) -> Response:
    """Cases by colour, kind, owner (empty: nobody), status (none given: those that are not closed) or customer.

    Give ``next_cursor`` as ``cursor`` to get the next page; a cursor stays good when new scores are published.
    """
    after = position_of(cursor) if cursor else None
    filters = AlertFilters(RANKS[colour] if colour else None, kind, owner, status, customer_id, manager_of(request))
    with reading(service_of(request).store) as connection:
        page = list_cases(connection, filters, after, limit)
    tail = orjson.dumps({"next_cursor": cursor_of(page.last)})
    return Response(b'{"alerts":[%b],%b' % (b",".join(page.bodies), tail[1:]), media_type="application/json")


def cursor_of(last: AlertPosition | None) -> str | None:
    """The cursor of the page that follows; None at the end."""
    return encode_cursor(OF_ALL_RUNS, SORT, Position(float(last.rank), str(last.number))) if last else None


def position_of(cursor: str) -> AlertPosition:
    """The position that ``cursor_of`` was given. Raises ApiError: it is not a cursor of this list."""
    found = decode_cursor(cursor, OF_ALL_RUNS, SORT)
    number = found.customer_id
    is_sound = isinstance(found.value, float) and number.isascii() and number.isdigit() and len(number) < 16
    if not is_sound:
        raise ApiError(BAD_CURSOR, BAD_CURSOR.title)
    return AlertPosition(int(found.value or 0), min(int(number), _LARGEST_NUMBER))


@router.get(
    "/alerts/{alert_id}",
    summary="One warning with its history / 一条预警及其历史",
    responses={
        200: {"model": AlertAnswer, "description": "The case and its history / 预警与历史"},
        **documented(ALERT_NOT_FOUND, INVALID_REQUEST),
    },
)
def get_alert(request: Request, alert_id: AlertPath) -> Response:
    """Cause, trend, proposal, owner and status, and all that ever happened to the case, the oldest entry first."""
    return Response(answer_of(service_of(request), alert_id, manager_of(request)), media_type="application/json")


def answer_of(service: Service, alert_id: str, account_manager: str | None) -> bytes:
    """The AlertAnswer of a case. Raises ApiError: there is none of this id, or of this account manager's customers."""
    with reading(service.store) as connection:
        case = _seen_case(connection, alert_id, account_manager)
        return answer_body(case, history_of(connection, case["number"]))


@router.post(
    "/alerts/{alert_id}/events",
    summary="Do something about a warning / 处理预警",
    responses={
        200: {"model": AlertAnswer, "description": "The case after it, and its history / 操作后的预警与历史"},
        **documented(ALERT_NOT_FOUND, IMPOSSIBLE_MOVE, BAD_REQUEST, INVALID_REQUEST),
    },
)
def post_event(request: Request, alert_id: AlertPath, move: AlertMove) -> Response:
    """Acknowledge, begin work, resolve, verify, assign, or add a note.

    The same ``event_id`` again changes nothing. A move that the state does not allow is answered with 409, and so is to
    verify what has not become better.
    """
    return Response(moved(service_of(request), alert_id, move, manager_of(request)), media_type="application/json")


def _seen_case(connection: Connection, alert_id: str, account_manager: str | None) -> dict[str, Any]:
    case = find_case(connection, alert_id)
    is_own = case is not None and (
        account_manager is None or find_customer(connection, case["customer_id"], account_manager) is not None
    )
    if case is None or not is_own:
        raise ApiError(ALERT_NOT_FOUND, NO_CASE, alert=alert_id)
    return case


def moved(service: Service, alert_id: str, move: AlertMove, account_manager: str | None) -> bytes:
    """The AlertAnswer after a move. Raises ApiError: no such case to be seen, or it cannot go that way."""
    if account_manager is not None:
        with reading(service.store) as connection:
            _seen_case(connection, alert_id, account_manager)
    try:
        return move_alert(service.store, alert_id, move, service.settings.clock())
    except NotFoundError as fault:
        raise ApiError(ALERT_NOT_FOUND, fault.text) from fault
    except AlertError as fault:
        raise ApiError(IMPOSSIBLE_MOVE, fault.text) from fault
