"""The plan in the API: whom to contact, in the order of money, and what to do about one customer."""

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Path, Query, Request, Response

from features.text import Text
from serving.decisions.fields import Channel
from serving.plan_schemas import PlanPage, Recommendations
from serving.problems import (
    BAD_CURSOR,
    CUSTOMER_NOT_FOUND,
    INVALID_REQUEST,
    NO_PLAN,
    NOTHING_PUBLISHED,
    STALE_CURSOR,
    ApiError,
    documented,
)
from serving.routes.cursors import MAX_CURSOR_LENGTH, decode_cursor, encode_cursor
from serving.routes.customers import not_found
from serving.routes.shortcut import LongerRoute
from serving.routes.state import service_of
from serving.schemas import MAX_PAGE
from serving.score_schema import MAX_ID_LENGTH
from serving.security.access import ScopedRoute, manager_of
from serving.store import (
    PlanFilters,
    Position,
    contact_of,
    find_customer,
    held_plan,
    list_contacts,
    reading,
)


class _ScopedRoute(ScopedRoute, LongerRoute):
    """Who may ask, and for whom."""


router = APIRouter(route_class=_ScopedRoute, prefix="/v1", tags=["plan"])

SORT = "place"
Name = Annotated[str | None, Query(min_length=1, max_length=200)]
_TOLD = tuple(name for name in Recommendations.model_fields if name != "planned")


def _ok(model: type[Any], description: str) -> dict[int | str, dict[str, Any]]:
    return {200: {"model": model, "description": description}}


@router.get(
    "/customers/{customer_id:path}/recommendations",
    summary="What to do about one customer / 查询对一位客户的建议",
    responses={
        **_ok(Recommendations, "The best action, what else fits, and what is planned / 最佳行动、其他选择与计划"),
        **documented(CUSTOMER_NOT_FOUND, INVALID_REQUEST, NOTHING_PUBLISHED),
    },
)
def get_recommendations(
    request: Request, customer_id: Annotated[str, Path(min_length=1, max_length=MAX_ID_LENGTH, examples=["C-1042"])]
) -> Response:
    """The action that is expected to earn most, other actions that fit, and the customer's place in the current plan."""
    with reading(service_of(request).store) as connection:
        stored = find_customer(connection, customer_id, manager_of(request))
        if stored is None:
            raise not_found(customer_id)
        plan = held_plan(connection)
        planned = contact_of(connection, plan, customer_id) if plan else None
    score = orjson.loads(stored.body)
    told = {name: score.get(name) for name in _TOLD} | {"alternatives": score.get("alternatives") or []}
    body = b'%b,"planned":%b}' % (orjson.dumps(told)[:-1], planned or b"null")
    return Response(body, media_type="application/json")


@router.get(
    "/plan",
    summary="Whom to contact, in the order of money / 按收益排列的联系名单",
    responses={
        **_ok(PlanPage, "The plan and one page of its contacts / 计划与联系名单的一页"),
        **documented(BAD_CURSOR, STALE_CURSOR, INVALID_REQUEST, NO_PLAN),
    },
)
def get_plan(
    request: Request,
    action: Name = None,
    team: Name = None,
    channel: Channel | None = None,
    account_manager: Name = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 50,
    cursor: Annotated[str | None, Query(min_length=1, max_length=MAX_CURSOR_LENGTH)] = None,
) -> Response:
    """The contacts of the plan that 'retinue plan' made, by action, team, channel or account manager.

    Give ``next_cursor`` as ``cursor`` to get the next page; once a newer plan is made, an old cursor is answered with 410.
    """
    with reading(service_of(request).store) as connection:
        plan = held_plan(connection)
        if plan is None:
            raise _no_plan()
        after = decode_cursor(cursor, plan.plan_id, SORT).value if cursor else 0
        filters = PlanFilters(action, team, channel, account_manager)
        page = list_contacts(connection, plan, filters, int(after or 0), limit, manager_of(request))
    following = encode_cursor(plan.plan_id, SORT, Position(float(page.last), "")) if page.last else None
    tail = orjson.dumps({"next_cursor": following})
    body = b'{"plan":%b,"contacts":[%b],%b' % (plan.body, b",".join(page.bodies), tail[1:])
    return Response(body, media_type="application/json")


def _no_plan() -> ApiError:
    return ApiError(
        NO_PLAN,
        Text(
            "No plan was made yet. Run 'retinue plan' for this project; the answer appears here at once.",
            "尚未制定计划。请为本项目运行“retinue plan”，完成后此处即可查询。",
        ),
    )
