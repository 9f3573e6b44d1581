"""The short way to the look-up of one customer: found before all other routes, and asked without reading parameters.

FastAPI tries all routes in turn and solves the parameters of each request anew; for a look-up that costs far more than the
look-up itself. The answer is the route's own: whatever its class puts before it (who may ask) is asked here too.
"""

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

from serving.score_schema import MAX_ID_LENGTH

Handler = Callable[[Request], Coroutine[Any, Any, Response]]
_PARAMETER = "{customer_id:path}"


class LookupRoute(APIRoute):
    """A route of one customer whose endpoint is called as it is where the address says nothing but the customer.

    A class that guards routes has to come before this one among its bases, so that it stands outside.
    """

    def get_route_handler(self) -> Handler:
        """The handler: straight to the endpoint, or by FastAPI's reading of parameters."""
        with_parameters = super().get_route_handler()

        async def answer(request: Request) -> Response:
            if is_plain(request.scope, request.path_params["customer_id"]):
                straight: Response = await self.endpoint(request, request.path_params["customer_id"])
                return straight
            return await with_parameters(request)

        return answer


def is_plain(scope: Scope, customer_id: str) -> bool:
    """Whether a request says nothing that has to be read or refused."""
    return not scope["query_string"] and 0 < len(customer_id) <= MAX_ID_LENGTH


class Shortcut(BaseRoute):
    """Stands before all routes and takes the plain look-ups of one customer; all else goes on to the routes."""

    def __init__(self, look_up: APIRoute, others: Sequence[BaseRoute]) -> None:
        """``others``: all routes; the paths among them that go on behind a customer's id are left to them."""
        self.route = look_up
        self.handler = look_up.get_route_handler()
        self.prefix = look_up.path.removesuffix(_PARAMETER)
        paths = [other.path for other in others if isinstance(other, APIRoute) and other is not look_up]
        self.longer = tuple(path.removeprefix(look_up.path) for path in paths if path.startswith(look_up.path))

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether a request is a plain look-up."""
        if scope["type"] == "http" and scope["method"] == "GET" and scope["path"].startswith(self.prefix):
            customer_id = scope["path"][len(self.prefix) :]
            if is_plain(scope, customer_id) and not scope["path"].endswith(self.longer) and not scope.get("root_path"):
                return Match.FULL, {"route": self.route, "path_params": {"customer_id": customer_id}}
        return Match.NONE, {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a look-up. What is raised is answered as everywhere, by the application's handlers of errors."""
        response = await self.handler(Request(scope, receive, send))
        await response(scope, receive, send)
