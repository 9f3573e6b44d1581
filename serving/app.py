"""The application: the API, the pages and the static files over one store."""

from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from importlib.resources import files

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware

from features.errors import RetinueError
from serving import problems
from serving.operation.logs import open_log
from serving.operation.middleware import Watch
from serving.realtime.events import RealTime
from serving.routes import LOOK_UP, ROUTERS
from serving.routes.examples import describe_examples
from serving.routes.middleware import Guard, TimeLimit
from serving.routes.shortcut import Shortcut
from serving.routes.state import ServeSettings, Service
from serving.scoring.answering import Answering
from serving.scoring.service import Scoring
from serving.security.access import ScopedRoute
from serving.security.description import describe_keys
from serving.security.gate import Gate
from serving.security.personal import WithoutPersonalData
from serving.store import Held, open_store

_DESCRIPTION = """Which customers are about to leave, what kind of customer each is, and what to do about it today.

谁即将流失、属于哪类客户、今天应当采取什么行动。

Scores are computed in a batch; every answer says as of when (`as_of`, and the `Age` header in seconds) and whether that is too
long ago (`Retinue-Stale`). Texts come in English and Chinese, or in the one that `Accept-Language` or `?lang=` names. Every
answer has an `X-Request-ID`. Errors are problem documents (RFC 9457) in English or, with `Accept-Language: zh`, in Chinese.
"""


def create_app(settings: ServeSettings, log: structlog.BoundLogger | None = None) -> FastAPI:
    """The application over the store at ``settings.store_place``, which is made if it is not there.

    ``log`` is where requests are logged; by default, on the standard error.
    Raises StorageError: the store cannot be opened. TelemetryError: traces are wanted, and cannot be sent.
    """
    store = open_store(settings.store_place)
    scoring = Scoring(settings.project, settings.clock) if settings.project else None
    real_time = RealTime(settings.events, store, settings.clock) if settings.events else None
    service = Service(settings, store, Held(store), scoring, real_time)
    app = FastAPI(
        title="Retinue",
        version="1",
        description=_DESCRIPTION,
        lifespan=_running,
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
    describe_examples(app)
    app.mount("/static", StaticFiles(directory=str(files("serving.pages") / "static")), name="static")
    access, operation = settings.access, settings.operation
    # the last one added is the first to see a request: whatever may refuse a look-up is added after the short way to it
    app.add_middleware(Shortcut, look_up=LOOK_UP, others=[route for router in ROUTERS for route in router.routes])
    if not access.personal_data:
        app.add_middleware(WithoutPersonalData)
    app.add_middleware(Gate, service=service)
    app.add_middleware(TimeLimit, seconds=access.request_seconds)
    if access.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=access.cors_origins,
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "X-API-Key", "Content-Type"],
        )
    app.add_middleware(Guard, hosts=settings.hosts + access.hosts)
    if operation.telemetry:
        from serving.operation.telemetry import Traced, start_tracing  # what sends traces takes long to import

        app.state.tracing = start_tracing()
        app.add_middleware(Traced, provider=app.state.tracing)
    app.add_middleware(
        Watch,
        metrics=service.metrics,
        log=log or open_log(),
        most_at_once=operation.requests_at_once,
        logs_all=operation.log == "requests",
    )
    app.add_exception_handler(RetinueError, problems.on_retinue_error)
    app.add_exception_handler(HTTPException, problems.on_http_error)
    app.add_exception_handler(RequestValidationError, problems.on_invalid_request)
    app.add_exception_handler(Exception, problems.on_unexpected_error)
    return app


@asynccontextmanager
async def _running(app: FastAPI) -> AsyncIterator[None]:
    service: Service = app.state.service
    with ExitStack() as at_end:
        at_end.callback(service.close)
        if service.settings.operation.telemetry:
            at_end.callback(app.state.tracing.shutdown)
        if service.real_time is not None:
            at_end.callback(service.real_time.stop)
            service.real_time.start()
        if service.scoring is not None:
            at_end.callback(service.scoring.stop)
            service.scoring.start()
            app.state.answering = Answering(service.scoring, service.store, service.settings.clock)
            at_end.callback(app.state.answering.close)
        yield
