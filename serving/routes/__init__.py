"""The addresses of the service: each route fetches from the store, then returns or raises."""

from typing import cast

from fastapi.routing import APIRoute

from serving.routes import (
    actions,
    alert_pages,
    alerts,
    customers,
    events,
    health,
    pages,
    plan,
    plan_pages,
    receivables,
    runs,
    score,
    sign_in,
)

# receivables and the plan stand first: the id of a customer may hold a slash, and takes the rest of an address otherwise
ROUTERS = (
    alerts.router,
    receivables.router,
    plan.router,
    customers.router,
    customers.lookup_router,
    runs.router,
    score.router,
    actions.router,
    events.router,
    health.router,
    sign_in.router,
    alert_pages.router,
    plan_pages.router,
    pages.router,
)

LOOK_UP = cast(APIRoute, customers.lookup_router.routes[0])
"""The route of one customer, to which `Shortcut` is the short way."""
