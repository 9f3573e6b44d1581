"""The page of the plan: whom to contact in the coming period, and what limits it."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from features.text import Text
from serving.pages import formats
from serving.plan_schemas import PlanItem, PlanSummary
from serving.routes.pages import ROWS, whole_page
from serving.routes.state import Service, service_of
from serving.security.access import ScopedRoute, manager_of
from serving.store import PlanFilters, current_run, held_plan, list_contacts, plan_words, reading

router = APIRouter(route_class=ScopedRoute, include_in_schema=False)

_Asked = Annotated[str, Query(max_length=8192)]


@router.get("/plan")
def get_plan_page(request: Request, manager: _Asked = "", team: _Asked = "", after: _Asked = "") -> Response:
    """The contacts in the order of money. Values in the address that mean nothing are passed over."""
    service = service_of(request)
    with reading(service.store) as connection:
        run, plan = current_run(connection), held_plan(connection)
        if plan is None:
            return whole_page(request, "plan.html", run=run, plan=None)
        own = manager_of(request)
        asked = {"manager": manager.strip(), "team": team.strip()}
        filters = PlanFilters(team=asked["team"] or None, account_manager=asked["manager"] or None)
        place = int(after) if after.isascii() and after.isdigit() and len(after) < 10 else 0
        page = list_contacts(connection, plan, filters, place, ROWS, own)
        managers, teams = (plan_words(connection, plan, name, own) for name in ("account_manager", "team"))
    summary = PlanSummary.model_validate_json(plan.body)
    contacts = [PlanItem.model_validate_json(body) for body in page.bodies]
    return whole_page(
        request,
        "plan.html",
        run=run,
        plan=summary,
        day=_day(service, summary.as_of),
        asked=asked,
        managers=managers,
        teams=teams,
        contacts=contacts,
        next_place=page.last,
    )


def _day(service: Service, instant: datetime) -> Text:
    zone = service.settings.timezone
    return Text(formats.day(instant, zone, "en"), formats.day(instant, zone, "zh"))
