"""The short way to the look-up of one customer: found before all other routes, and asked without reading parameters.

FastAPI tries all routes in turn and solves the parameters of each request anew; for a look-up that costs far more than the
look-up itself. The answer is the route's own: whatever its class puts before it (who may ask) is asked here too.
"""

from collections.abc import Callable, Coroutine, Sequence
from typing import Any
from urllib.parse import unquote

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Receive, Scope, Send

from features.errors import RetinueError
from serving.problems import on_retinue_error
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


class LongerRoute(APIRoute):
    """A route whose path goes on behind a customer's id, for requests that go on so: an id may end like it, its slash encoded."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether it is the route of a request, see starlette."""
        _, _, ending = self.path.partition(_PARAMETER)
        return super().matches(scope) if not ending or is_written(scope, (ending,)) else (Match.NONE, {})


def is_written(scope: Scope, endings: tuple[str, ...]) -> bool:
    """Whether the last slash of the address as it was written begins one of ``endings``. True where a server does not tell."""
    if "raw_path" not in scope:
        return True
    return f"/{unquote(scope['raw_path'].decode('latin-1').rpartition('/')[2])}" in endings


class Shortcut:
    """Stands before all routes and takes the plain look-ups of one customer; all else goes on to the routes."""

    def __init__(self, app: ASGIApp, look_up: APIRoute, others: Sequence[BaseRoute]) -> None:
        """``others``: all routes; the paths among them that go on behind a customer's id are left to them."""
        self.app, self.route = app, look_up
        self.handler: Handler = look_up.get_route_handler()
        self.prefix = look_up.path.removesuffix(_PARAMETER)
        paths = [other.path for other in others if isinstance(other, APIRoute) and other is not look_up]
        self.longer = tuple(path.removeprefix(look_up.path) for path in paths if path.startswith(look_up.path))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a plain look-up, or pass the request on."""
        customer_id = self.asked_for(scope)
        if customer_id is None:
            await self.app(scope, receive, send)
            return
        scope["route"], scope["path_params"] = self.route, {"customer_id": customer_id}
        request = Request(scope, receive, send)
        try:
            response = await self.handler(request)
        except RetinueError as fault:
            response = await on_retinue_error(request, fault)
        await response(scope, receive, send)

    def asked_for(self, scope: Scope) -> str | None:
        """The customer that a plain look-up asks for; None: it is another request."""
        if scope["type"] != "http" or scope["method"] != "GET" or scope.get("root_path"):
            return None
        path: str = scope["path"]
        customer_id = path[len(self.prefix) :]
        plain = path.startswith(self.prefix) and is_plain(scope, customer_id)
        if plain and path.endswith(self.longer) and is_written(scope, self.longer):
            return None
        return customer_id if plain else None
