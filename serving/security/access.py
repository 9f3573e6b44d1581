"""Who asks, and what each address needs. A route without a rule here cannot be made."""

from collections.abc import Callable, Coroutine, Mapping
from typing import Any, NamedTuple

from fastapi import Request, Response
from fastapi.routing import APIRoute

from features.text import Text
from serving.problems import NOT_ALLOWED, ApiError
from serving.security.keys import SCOPES, Scope

RULES: Mapping[tuple[str, str], Scope | None] = {
    ("GET", "/v1/customers/{customer_id:path}"): "read",
    ("GET", "/v1/customers"): "read",
    ("POST", "/v1/customers:lookup"): "read",
    ("GET", "/v1/customers/{customer_id:path}/receivables"): "read",
    ("GET", "/v1/customers/{customer_id:path}/recommendations"): "read",
    ("GET", "/v1/invoices"): "read",
    ("GET", "/v1/plan"): "read",
    ("GET", "/v1/alerts"): "read",
    ("GET", "/v1/alerts/{alert_id}"): "read",
    ("POST", "/v1/alerts/{alert_id}/events"): "write",
    ("GET", "/v1/runs/current"): "read",
    ("POST", "/v1/score"): "score",
    ("POST", "/v1/events"): "write",
    ("GET", "/v1/events/status"): "read",
    ("GET", "/v1/actions"): "read",
    ("POST", "/v1/actions"): "write",
    ("POST", "/v1/outcomes"): "write",
    ("GET", "/"): "read",
    ("GET", "/customers/{customer_id:path}"): "read",
    ("GET", "/plan"): "read",
    ("GET", "/alerts"): "read",
    ("GET", "/alerts/{alert_id}"): "read",
    ("POST", "/alerts/{alert_id}"): "write",
    ("GET", "/healthz"): None,
    ("GET", "/readyz"): None,
    ("GET", "/metrics"): "admin",
    ("GET", "/sign-in"): None,
    ("POST", "/sign-in"): None,
    ("POST", "/sign-out"): None,
}
"""The scope that each route needs, by method and path; None: nobody needs a key."""

PUBLIC = frozenset(path for (_, path), scope in RULES.items() if scope is None)
"""Paths that are answered without a key; so are the static files."""

WHO = "retinue.principal"
NAMED = "retinue.named"
"""Where a request's scope keeps who asks, and the ids of the customers that its body names."""


class Principal(NamedTuple):
    """Who asks. ``account_manager``: sees the customers of this one alone; ``by_cookie``: signed in on the pages."""

    subject: str
    scopes: frozenset[str]
    account_manager: str | None = None
    by_cookie: bool = False

    def may(self, scope: Scope) -> bool:
        """Whether the scope is granted; admin grants all."""
        return scope in self.scopes or "admin" in self.scopes


ANYBODY_HERE = Principal("anybody on this machine", frozenset(SCOPES))
"""Who asks while no key was ever made and only this machine can ask."""


class ScopedRoute(APIRoute):
    """A route that answers only who has the scope of its rule, before anything of the request is read."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler behind the rule. Raises KeyError: RULES does not know the route."""
        answer = super().get_route_handler()
        needed = [RULES[method, self.path] for method in sorted(self.methods or ())]

        async def answer_if_allowed(request: Request) -> Response:
            for scope in needed:
                if scope is not None and not principal_of(request).may(scope):
                    raise ApiError(NOT_ALLOWED, _NOT_ALLOWED, scope=scope)
            return await answer(request)

        return answer_if_allowed


def principal_of(request: Request) -> Principal:
    """Who asks."""
    principal: Principal = request.scope[WHO]
    return principal


def manager_of(request: Request) -> str | None:
    """The account manager whose customers alone may be told of; None: all customers."""
    return principal_of(request).account_manager


def name_customers(request: Request, customer_ids: list[str]) -> None:
    """Tell the audit log which customers the body of the request names; those in the address it sees itself."""
    request.scope[NAMED] = customer_ids


_NOT_ALLOWED = Text(
    "This key may not do that: it needs the scope '{scope}'. Ask for a key that has it: 'retinue keys create --scope {scope}'.",
    "该密钥无此权限：需要权限范围“{scope}”。请申请相应的密钥：“retinue keys create --scope {scope}”。",
)
