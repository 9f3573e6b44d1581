"""The addresses of the service: each route fetches from the store, then returns or raises."""

from serving.routes import customers, health, pages, receivables, runs

# receivables stand first: the id of a customer may hold a slash, and takes the rest of an address otherwise
ROUTERS = (receivables.router, customers.router, runs.router, health.router, pages.router)
