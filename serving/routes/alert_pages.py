"""The pages of warnings: the list, and one case with its history and what can be done about it."""

from datetime import datetime
from typing import Annotated
from urllib.parse import parse_qs, quote, unquote
from uuid import uuid4

from fastapi import APIRouter, Query, Request, Response
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool

from features.text import Text
from serving.alert_schemas import AlertAnswer, AlertCase, AlertMove
from serving.alerts.kinds import COLOURS, RANKS, RULES
from serving.alerts.moves import STATUSES
from serving.pages import formats
from serving.pages.render import address
from serving.problems import FOREIGN_PAGE, INVALID_REQUEST, ApiError
from serving.routes.alerts import answer_of, cursor_of, moved, position_of
from serving.routes.pages import ROWS, whole_page
from serving.routes.state import Service, service_of
from serving.security.access import ScopedRoute, manager_of
from serving.security.session import FOREIGN, is_foreign
from serving.store import current_run, reading
from serving.store.alerts import AlertFilters, count_cases, last_run, list_cases, owners

router = APIRouter(route_class=ScopedRoute, include_in_schema=False)

NOBODY = "-"
"""In the address: cases that nobody looks after."""
WHO = "retinue_name"
MOST_BYTES = 20_000
_A_YEAR = 365 * 24 * 3600
_Asked = Annotated[str, Query(max_length=8192)]


@router.get("/alerts")
def get_alerts_page(
    request: Request,
    colour: _Asked = "",
    kind: _Asked = "",
    owner: _Asked = "",
    status: _Asked = "",
    cursor: _Asked = "",
) -> Response:
    """Warnings, the gravest first. Values in the address that mean nothing are passed over."""
    asked = {
        "colour": colour if colour in COLOURS else "",
        "kind": kind if kind in RULES else "",
        "owner": owner.strip(),
        "status": status if status in STATUSES else "",
    }
    given = {name: value or None for name, value in asked.items()}
    person = "" if given["owner"] == NOBODY else given["owner"]
    filters = AlertFilters(
        RANKS.get(asked["colour"]), given["kind"], person, given["status"], account_manager=manager_of(request)
    )
    try:
        after = position_of(cursor) if cursor else None
    except ApiError:  # people edit addresses
        return Response(status_code=303, headers={"Location": address("/alerts", **asked)})
    own = manager_of(request)
    with reading(service_of(request).store) as connection:
        page = list_cases(connection, filters, after, ROWS)
        counts, count = (
            count_cases(connection, AlertFilters(account_manager=own)),
            sum(count_cases(connection, filters).values()),
        )
        run, people, was_raised = current_run(connection), owners(connection, own), last_run(connection) is not None
    alerts = [AlertCase.model_validate_json(body) for body in page.bodies]
    return whole_page(
        request,
        "alerts.html",
        run=run,
        asked=asked,
        nobody=NOBODY,
        alerts=alerts,
        count=count,
        counts=counts,
        owners=people,
        was_raised=was_raised,
        next_cursor=cursor_of(page.last),
        day=_day(service_of(request)),
    )


@router.get("/alerts/{alert_id}")
def get_alert_page(request: Request, alert_id: str) -> Response:
    """One case: why, what to do, who does it, its history."""
    service = service_of(request)
    answer = AlertAnswer.model_validate_json(answer_of(service, alert_id, manager_of(request)))
    with reading(service.store) as connection:
        run = current_run(connection)
    by = unquote(request.cookies.get(WHO, ""))
    return whole_page(
        request, "alert.html", run=run, alert=answer.alert, history=answer.history, day=_day(service), event_id=uuid4().hex, by=by
    )  # fmt: skip


def _day(service: Service) -> object:
    zone = service.settings.timezone

    def day(instant: datetime) -> Text:
        return Text(formats.day(instant, zone, "en"), formats.day(instant, zone, "zh"))

    return day


@router.post("/alerts/{alert_id}")
async def post_alert_page(request: Request, alert_id: str) -> Response:
    """What somebody does on the page; leads back to it. Only pages of this service may ask for it."""
    if is_foreign(request.headers):
        raise ApiError(FOREIGN_PAGE, FOREIGN)
    if int(request.headers.get("content-length", "0") or 0) > MOST_BYTES:
        raise ApiError(INVALID_REQUEST, _UNREADABLE)
    move = _move((await request.body()).decode("utf-8", "replace"))
    await run_in_threadpool(moved, service_of(request), alert_id, move, manager_of(request))
    back = Response(status_code=303, headers={"Location": f"/alerts/{alert_id}"})
    back.set_cookie(WHO, quote(move.by), max_age=_A_YEAR, httponly=True, samesite="lax")
    return back


def _move(form: str) -> AlertMove:
    fields = {
        name: values[0].strip() for name, values in parse_qs(form, max_num_fields=20).items() if values[0].strip()
    }
    if fields.get("what") != "assign":
        fields.pop("owner", None)
    try:
        return AlertMove.model_validate(fields)
    except ValidationError as fault:
        raise ApiError(INVALID_REQUEST, _UNREADABLE) from fault


_UNREADABLE = Text(
    "The form cannot be read: your name and what is done are needed, and a note has 2,000 characters at most. Go back and send"
    " it again.",
    "无法读取表单：需要填写姓名并选择操作，备注不超过 2,000 个字符。请返回后重新提交。",
)
