"""Receivables in the API: what one customer owes, and the open invoices by what is expected to come late."""

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Path, Query, Request, Response

from features.text import Text
from serving.problems import (
    BAD_CURSOR,
    CUSTOMER_NOT_FOUND,
    INVALID_REQUEST,
    NOTHING_PUBLISHED,
    STALE_CURSOR,
    ApiError,
    documented,
)
from serving.receivable_schemas import InvoicePage, LateBand, ReceivablesAnswer
from serving.routes.cursors import MAX_CURSOR_LENGTH, decode_cursor, encode_cursor
from serving.routes.shortcut import LongerRoute
from serving.routes.state import age_header, served_run, service_of
from serving.schemas import MAX_PAGE
from serving.score_schema import MAX_ID_LENGTH
from serving.security.access import ScopedRoute, manager_of
from serving.store import (
    InvoiceFilters,
    InvoicePosition,
    Position,
    find_customer,
    find_debtor,
    invoices_of,
    list_invoices,
    reading,
)


class _ScopedRoute(ScopedRoute, LongerRoute):
    """Who may ask, and for whom."""


router = APIRouter(route_class=_ScopedRoute, prefix="/v1", tags=["receivables"])

SORT = "-late_amount"


def _ok(model: type[Any], description: str) -> dict[int | str, dict[str, Any]]:
    return {200: {"model": model, "description": description}}


@router.get(
    "/customers/{customer_id:path}/receivables",
    summary="What one customer owes / 查询一位客户的应收账款",
    responses={
        **_ok(ReceivablesAnswer, "Its debts and open invoices / 应收账款与未结发票"),
        **documented(CUSTOMER_NOT_FOUND, INVALID_REQUEST, NOTHING_PUBLISHED),
    },
)
def get_receivables(
    request: Request, customer_id: Annotated[str, Path(min_length=1, max_length=MAX_ID_LENGTH, examples=["C-1042"])]
) -> Response:
    """Balance, ageing, credit class, what speaks for it, how to answer, and each open invoice."""
    service = service_of(request)
    with reading(service.store) as connection:
        run = served_run(connection)
        manager = manager_of(request)
        is_seen = manager is None or find_customer(connection, customer_id, manager) is not None
        debtor = find_debtor(connection, customer_id) if is_seen else None
        if debtor is None:
            raise _no_debtor(customer_id)
        invoices = invoices_of(connection, customer_id)
    body = b'{"customer":%b,"invoices":[%b]}' % (debtor, b",".join(invoices))
    return Response(body, media_type="application/json", headers=age_header(service, run.as_of))


@router.get(
    "/invoices",
    summary="Open invoices by what is expected to come late / 按预期逾期金额排序的未结发票",
    responses={
        **_ok(InvoicePage, "One page of the list / 列表的一页"),
        **documented(BAD_CURSOR, STALE_CURSOR, INVALID_REQUEST, NOTHING_PUBLISHED),
    },
)
def get_invoices(
    request: Request,
    risk: LateBand | None = None,
    overdue: bool | None = None,
    customer: Annotated[str | None, Query(min_length=1, max_length=MAX_ID_LENGTH)] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 50,
    cursor: Annotated[str | None, Query(min_length=1, max_length=MAX_CURSOR_LENGTH)] = None,
) -> Response:
    """Open invoices by risk of late payment, past due or not, or of one customer.

    Give ``next_cursor`` as ``cursor`` to get the next page; once newer scores are published, an old cursor is answered
    with 410.
    """
    service = service_of(request)
    with reading(service.store) as connection:
        run = served_run(connection)
        after = _position(decode_cursor(cursor, run.run_id, SORT)) if cursor else None
        page = list_invoices(
            connection, run.run_id, InvoiceFilters(risk, overdue, customer, manager_of(request)), after, limit
        )
    following = encode_cursor(run.run_id, SORT, Position(*page.last)) if page.last else None
    head = orjson.dumps({"run_id": run.run_id, "as_of": run.as_of}, option=orjson.OPT_UTC_Z)
    tail = orjson.dumps({"next_cursor": following})
    body = b'%b,"invoices":[%b],%b' % (head[:-1], b",".join(page.bodies), tail[1:])
    return Response(body, media_type="application/json", headers=age_header(service, run.as_of))


def _position(cursor: Position) -> InvoicePosition:
    value = cursor.value if isinstance(cursor.value, float) else 0.0
    return InvoicePosition(value, cursor.customer_id)


def _no_debtor(customer_id: str) -> ApiError:
    shown = customer_id if len(customer_id) <= 80 else f"{customer_id[:80]}…"
    return ApiError(
        CUSTOMER_NOT_FOUND,
        Text(
            "No invoice or payment of a customer '{customer}' is on file in the current run. Check the id; upper and lower"
            " case differ.",
            "当前批次中没有客户“{customer}”的发票或付款。请检查编号；大小写有区别。",
        ),
        customer=shown,
    )
