"""The pages: the list of whom to contact today, and one customer."""

from datetime import datetime
from typing import Annotated, Any, get_args

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse
from sqlalchemy import Connection

from features.text import LANGUAGES, Text
from serving.alert_schemas import AlertCase
from serving.language import COOKIE, is_language, language_of
from serving.pages import formats
from serving.pages.render import address, render
from serving.pages.texts import BANDS
from serving.problems import ApiError
from serving.receivable_schemas import CustomerReceivables
from serving.routes.cursors import decode_cursor, encode_cursor
from serving.routes.customers import SortName, not_found, parse_sort
from serving.routes.state import Service, served_run, service_of
from serving.schemas import PublishedRun
from serving.score_schema import Score
from serving.security.access import ScopedRoute, manager_of, principal_of
from serving.security.personal import page_without_personal_data
from serving.store import (
    NO_ACTION,
    Filters,
    count_customers,
    current_run,
    find_customer,
    find_debtor,
    list_customers,
    reading,
    run_of_manager,
)
from serving.store.alerts import AlertFilters, list_cases
from training.life_cycle import STAGES
from training.tiers import TIERS

router = APIRouter(route_class=ScopedRoute, include_in_schema=False)

ROWS = 50
"""Customers shown before "show more"."""

_A_YEAR = 365 * 24 * 3600
_Asked = Annotated[str, Query(max_length=8192)]


@router.get("/")
def get_list(
    request: Request,
    segment: _Asked = "",
    band: _Asked = "",
    action: _Asked = "",
    tier: _Asked = "",
    stage: _Asked = "",
    search: _Asked = "",
    sort: _Asked = "",
    cursor: _Asked = "",
) -> Response:
    """Whom to contact today. Values in the address that mean nothing are passed over, since people edit addresses."""
    service = service_of(request)
    asked = {
        "segment": segment.strip(),
        "band": band if band in BANDS else "",
        "action": action.strip(),
        "tier": tier if tier in TIERS else "",
        "stage": stage if stage in STAGES else "",
        "search": search.strip(),
        "sort": sort if sort in get_args(SortName) else "",
    }
    own = manager_of(request)
    with reading(service.store) as connection:
        run = current_run(connection)
        run = run if run is None or own is None else run_of_manager(connection, run, own)
        if run is None:
            return whole_page(request, "empty.html", run=None)
        try:
            rows = _rows(connection, run, asked, cursor, own, not service.settings.access.personal_data)
        except ApiError:  # a cursor that is wrong or old: begin again, with the newest scores
            return Response(status_code=303, headers=_begin_again(request, address("/", **asked)))
    return whole_page(request, "list.html", run=run, asked=asked, first_page=not cursor, **rows)


def _begin_again(request: Request, target: str) -> dict[str, str]:
    """Headers that bring a browser to the list's beginning, also when a script asked for a part of it."""
    return {"HX-Refresh": "true", "Location": target} if "hx-request" in request.headers else {"Location": target}


def _rows(
    connection: Connection, run: PublishedRun, asked: dict[str, str], cursor: str, own: str | None, ids_only: bool
) -> dict[str, Any]:
    """The customers of one page of the list, how many there are in all, and the cursor of the next page."""
    sort: SortName = asked["sort"] or ("-expected_profit" if run.summary.expected_profit else "-churn_probability")  # type: ignore[assignment]
    names = {"segment": "segment", "churn_band": "band", "action": "action", "tier": "tier", "stage": "stage"}
    given = {name: asked[key] or None for name, key in (names | {"search": "search"}).items()}
    filters = Filters(**given, account_manager=own, ids_only=ids_only)
    after = decode_cursor(cursor, run.run_id, sort) if cursor else None
    page = list_customers(connection, run.run_id, filters, parse_sort(sort), after, ROWS)
    return {
        "sorted_by": sort,
        "customers": [Score.model_validate_json(body) for body in page.bodies],
        "count": count_customers(connection, run.run_id, filters) if any(given.values()) else run.rows,
        "next_cursor": encode_cursor(run.run_id, sort, page.last) if page.last else None,
    }


@router.get("/customers/{customer_id:path}")
def get_customer_page(request: Request, customer_id: str) -> Response:
    """One customer: risk, reasons, what to do, what it owes, key facts."""
    with reading(service_of(request).store) as connection:
        run = served_run(connection)
        stored = find_customer(connection, customer_id, manager_of(request))
        owing = find_debtor(connection, customer_id)
        cases = list_cases(connection, AlertFilters(customer_id=customer_id), None, ROWS)
    if stored is None:
        raise not_found(customer_id)
    debtor = CustomerReceivables.model_validate_json(owing) if owing else None
    alerts = [AlertCase.model_validate_json(body) for body in cases.bodies]
    customer = Score.model_validate_json(stored.body)
    return whole_page(request, "customer.html", run=run, customer=customer, debtor=debtor, alerts=alerts)


def whole_page(request: Request, template: str, run: PublishedRun | None, **values: Any) -> Response:
    """A whole page in the reader's language; a language chosen in the address is remembered."""
    language = language_of(request)
    service = service_of(request)
    others = [(other, _in_language(request, other)) for other in LANGUAGES]
    if not service.settings.access.personal_data:
        values = page_without_personal_data(values)
    signed = {"is_signed_in": principal_of(request).by_cookie}
    page = HTMLResponse(
        render(
            template, language, service=service, run=run, languages=others, **signed, **_heading(service, run), **values
        ),
        headers={"Content-Language": language, "Vary": "Accept-Language, Cookie"},
    )
    chosen = request.query_params.get("lang")
    if is_language(chosen):
        page.set_cookie(COOKIE, chosen, max_age=_A_YEAR, httponly=True, samesite="lax")
    return page


def _in_language(request: Request, language: str) -> str:
    return str(request.url.include_query_params(lang=language).replace(scheme="", netloc=""))


def _heading(service: Service, run: PublishedRun | None) -> dict[str, Any]:
    """What the head of a page says about the run."""
    if run is None:
        return {}
    age, old = formats.age(run.as_of, service.settings.clock())

    def day(instant: datetime) -> Text:
        zone = service.settings.timezone
        return Text(formats.day(instant, zone, "en"), formats.day(instant, zone, "zh"))

    return {"age": age, "old": old, "as_of": day(run.as_of), "quality": formats.quality(run), "no_action_id": NO_ACTION}
