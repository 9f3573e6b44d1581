"""The addresses of the service: each route fetches from the store, then returns or raises."""

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
)

# receivables and the plan stand first: the id of a customer may hold a slash, and takes the rest of an address otherwise
ROUTERS = (
    alerts.router,
    receivables.router,
    plan.router,
    customers.router,
    runs.router,
    actions.router,
    events.router,
    health.router,
    alert_pages.router,
    plan_pages.router,
    pages.router,
)
