"""The application: the API, the pages and the static files over one store."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware

from features.errors import RetinueError
from serving import problems
from serving.routes import ROUTERS
from serving.routes.middleware import Guard, TimeLimit
from serving.routes.state import ServeSettings, Service
from serving.security.access import ScopedRoute
from serving.security.description import describe_keys
from serving.security.gate import Gate
from serving.security.personal import WithoutPersonalData
from serving.store import Held, open_store

_DESCRIPTION = """Which customers are about to leave, what kind of customer each is, and what to do about it today.

谁即将流失、属于哪类客户、今天应当采取什么行动。

Scores are computed in a batch; every answer says as of when (`as_of`, and the `Age` header in seconds). Errors are
problem documents (RFC 9457) in English or, with `Accept-Language: zh`, in Chinese.
"""


def create_app(settings: ServeSettings) -> FastAPI:
    """The application over the store at ``settings.store_place``, which is made if it is not there.

    Raises StorageError: the store cannot be opened.
    """
    store = open_store(settings.store_place)
    service = Service(settings, store, Held(store))
    app = FastAPI(
        title="Retinue",
        version="1",
        description=_DESCRIPTION,
        lifespan=_closing,
        docs_url=None,  # the usual pages load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.service = service
    for router in ROUTERS:
        if not all(isinstance(route, ScopedRoute) for route in router.routes):
            raise RuntimeError("a route that is no ScopedRoute would be answered without a key")
        app.include_router(router)
    describe_keys(app)
    app.mount("/static", StaticFiles(directory=str(files("serving.pages") / "static")), name="static")
    # the last one added is the first to see a request
    if not settings.access.personal_data:
        app.add_middleware(WithoutPersonalData)
    app.add_middleware(Gate, service=service)
    app.add_middleware(TimeLimit, seconds=settings.access.request_seconds)
    if settings.access.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.access.cors_origins,
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "X-API-Key", "Content-Type"],
        )
    app.add_middleware(Guard, hosts=settings.hosts + settings.access.hosts)
    app.add_exception_handler(RetinueError, problems.on_retinue_error)
    app.add_exception_handler(HTTPException, problems.on_http_error)
    app.add_exception_handler(RequestValidationError, problems.on_invalid_request)
    app.add_exception_handler(Exception, problems.on_unexpected_error)
    return app


@asynccontextmanager
async def _closing(app: FastAPI) -> AsyncIterator[None]:
    yield
    service: Service = app.state.service
    service.close()
