"""Customers in the API: one, a ranked list, or many at once. Answers are the stored bytes, never encoded again."""

from typing import Annotated, Literal

import orjson
from fastapi import APIRouter, Path, Query, Request, Response

from features.text import Text
from serving.problems import (
    BAD_CURSOR,
    BAD_REQUEST,
    CUSTOMER_NOT_FOUND,
    INVALID_REQUEST,
    NOTHING_PUBLISHED,
    STALE_CURSOR,
    ApiError,
    documented,
    nothing_published,
)
from serving.routes.cursors import MAX_CURSOR_LENGTH, decode_cursor, encode_cursor
from serving.routes.finished import described, finished, joined, known_already
from serving.routes.selection import FieldsQuery, LanguageQuery, selection_of
from serving.routes.shortcut import LookupRoute
from serving.routes.state import served_run, service_of
from serving.schemas import MAX_PAGE, CustomerPage, Lookup, LookupAnswer, ScorePart
from serving.score_schema import MAX_ID_LENGTH, ChurnBand, Score, StageCode, TierCode, TrajectoryCode
from serving.security.access import ScopedRoute, manager_of, name_customers
from serving.store import Filters, Sort, find_customer, find_customers, list_customers, reading, served_publication


class _ScopedLookup(ScopedRoute, LookupRoute):
    """The scope is asked for first, whichever way the look-up takes."""


router = APIRouter(route_class=ScopedRoute, prefix="/v1", tags=["customers"])
lookup_router = APIRouter(route_class=_ScopedLookup, prefix="/v1", tags=["customers"])
"""The look-up of one customer alone, to which there is a shorter way."""

SortName = Literal[
    "-expected_profit",
    "expected_profit",
    "-churn_probability",
    "churn_probability",
    "-value_at_stake",
    "value_at_stake",
    "-lifetime_value",
    "lifetime_value",
    "-value_score",
    "value_score",
    "-customer_id",
    "customer_id",
]
"""What a list can be sorted by; a minus sign means the highest first."""

Name = Annotated[str | None, Query(min_length=1, max_length=200)]


def parse_sort(name: SortName) -> Sort:
    """The sort order that a name in the address stands for."""
    return Sort(name.removeprefix("-"), descending=name.startswith("-"))


def not_found(customer_id: str) -> ApiError:
    """The error for an id that is not in the run that is served."""
    shown = customer_id if len(customer_id) <= 80 else f"{customer_id[:80]}…"
    return ApiError(
        CUSTOMER_NOT_FOUND,
        Text(
            "There is no customer '{customer}' in the current scores. Check the id; upper and lower case differ.",
            "当前评分中没有客户“{customer}”。请检查编号；大小写有区别。",
        ),
        customer=shown,
    )


@lookup_router.get(
    "/customers/{customer_id:path}",
    summary="One customer / 查询一位客户",
    responses={
        **described(Score | ScorePart, "The customer's score / 客户评分"),
        **documented(CUSTOMER_NOT_FOUND, INVALID_REQUEST, NOTHING_PUBLISHED),
    },
)
async def get_customer(
    request: Request,
    customer_id: Annotated[str, Path(min_length=1, max_length=MAX_ID_LENGTH, examples=["C-1042"])],
    fields: FieldsQuery = None,
    lang: LanguageQuery = None,
) -> Response:
    """Churn risk, segment, recommended action and reasons of one customer. ``Age``: seconds since ``as_of``."""
    selection = selection_of(request, fields, lang)
    service = service_of(request)
    stored = service.held.ask(find_customer, customer_id, manager_of(request))
    if stored is None:
        service.held.ask(served_run)
        raise not_found(customer_id)
    if unchanged := known_already(request, stored.published, selection):
        return unchanged
    return finished(request, stored.published, selection, selection.of(stored.body))


@router.get(
    "/customers",
    summary="A ranked list of customers / 客户排序列表",
    responses={
        **described(CustomerPage, "One page of the list / 列表的一页"),
        **documented(BAD_CURSOR, STALE_CURSOR, INVALID_REQUEST, NOTHING_PUBLISHED),
    },
)
def get_customers(
    request: Request,
    segment: Name = None,
    churn_band: ChurnBand | None = None,
    action: Name = None,
    tier: TierCode | None = None,
    lifecycle_stage: StageCode | None = None,
    trajectory: TrajectoryCode | None = None,
    search: Name = None,
    sort: SortName = "-expected_profit",
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 50,
    cursor: Annotated[str | None, Query(min_length=1, max_length=MAX_CURSOR_LENGTH)] = None,
    fields: FieldsQuery = None,
    lang: LanguageQuery = None,
) -> Response:
    """Customers by segment, churn band, action, tier, stage of life, course of spend, or the start of an id or part of a
    name (``search``).

    Customers without the value that is sorted by come last. Give ``next_cursor`` as ``cursor`` to get the next page;
    once newer scores are published, an old cursor is answered with 410.
    """
    selection = selection_of(request, fields, lang)
    service = service_of(request)
    with reading(service.store) as connection:
        run = served_run(connection)
        published = served_publication(connection)
        assert published is not None  # of the same instant as the run
        after = decode_cursor(cursor, run.run_id, sort) if cursor else None
        if unchanged := known_already(request, published, selection):
            return unchanged
        filters = Filters(
            *(segment, churn_band, action, tier, lifecycle_stage, trajectory, search),
            account_manager=manager_of(request),
            ids_only=not service.settings.access.personal_data,
        )
        page = list_customers(connection, run.run_id, filters, parse_sort(sort), after, limit)
    following = encode_cursor(run.run_id, sort, page.last) if page.last else None
    head = orjson.dumps({"run_id": run.run_id, "as_of": run.as_of}, option=orjson.OPT_UTC_Z)
    tail = orjson.dumps({"next_cursor": following})
    bodies = [selection.of(body) for body in page.bodies]
    body = joined(head[:-1] + b',"customers":[', bodies, b"]," + tail[1:])
    return finished(request, published, selection, body)


@router.post(
    "/customers:lookup",
    summary="Many customers at once / 批量查询客户",
    responses={
        **described(LookupAnswer, "Those found, and the ids not found / 找到的客户与未找到的编号", tagged=False),
        **documented(BAD_REQUEST, INVALID_REQUEST, NOTHING_PUBLISHED),
    },
)
async def lookup_customers(
    request: Request, lookup: Lookup, fields: FieldsQuery = None, lang: LanguageQuery = None
) -> Response:
    """Up to 1,000 customers in the order asked, each once; ids that are not in the run are listed apart."""
    selection = selection_of(request, fields, lang)
    service = service_of(request)
    wanted = list(dict.fromkeys(lookup.customer_ids))
    name_customers(request, wanted)
    found = service.held.ask(find_customers, wanted, manager_of(request))
    if found is None:
        raise nothing_published()
    bodies = [selection.of(found.bodies[one]) for one in wanted if one in found.bodies]
    missing = orjson.dumps([one for one in wanted if one not in found.bodies])
    body = joined(b'{"customers":[', bodies, b'],"not_found":' + missing + b"}")
    return finished(request, found.published, selection, body)
