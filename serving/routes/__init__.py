"""The addresses of the service: each route fetches from the store, then returns or raises."""

from serving.routes import customers, health, pages, runs

ROUTERS = (customers.router, runs.router, health.router, pages.router)
