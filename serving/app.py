"""The application: the API, the pages and the static files over one store."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from features.errors import RetinueError
from serving import problems
from serving.realtime.events import RealTime
from serving.routes import ROUTERS
from serving.routes.middleware import Guard
from serving.routes.state import ServeSettings, Service
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
    real_time = RealTime(settings.events, store, settings.clock) if settings.events else None
    service = Service(settings, store, Held(store), real_time)
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
        app.include_router(router)
    app.mount("/static", StaticFiles(directory=str(files("serving.pages") / "static")), name="static")
    app.add_middleware(Guard, hosts=settings.hosts)
    app.add_exception_handler(RetinueError, problems.on_retinue_error)
    app.add_exception_handler(HTTPException, problems.on_http_error)
    app.add_exception_handler(RequestValidationError, problems.on_invalid_request)
    app.add_exception_handler(Exception, problems.on_unexpected_error)
    return app


@asynccontextmanager
async def _closing(app: FastAPI) -> AsyncIterator[None]:
    service: Service = app.state.service
    if service.real_time:
        service.real_time.start()
    yield
    if service.real_time:
        service.real_time.stop()
    service.held.close()
    service.store.close()
