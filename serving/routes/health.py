"""Whether the service runs (``/healthz``) and whether it can answer (``/readyz``)."""

from pathlib import Path

from fastapi import APIRouter, Request, Response

from features.text import Text
from serving.problems import NOTHING_PUBLISHED, STORE_UNAVAILABLE, ApiError, documented
from serving.routes.state import served_run, service_of
from serving.schemas import Health
from serving.store import reading

router = APIRouter(tags=["health"])

_OK = b'{"status":"ok"}'


@router.get("/healthz", summary="Is the service alive? / 服务是否运行", responses={200: {"model": Health}})
async def get_health() -> Response:
    """The process runs; nothing else is asked."""
    return Response(_OK, media_type="application/json")


@router.get(
    "/readyz",
    summary="Can it answer? / 能否提供查询",
    responses={200: {"model": Health}, **documented(NOTHING_PUBLISHED)},
)
def get_readiness(request: Request) -> Response:
    """The store is where it should be, can be read, and holds a published run."""
    store = service_of(request).store
    if isinstance(store.place, Path) and not store.place.exists():
        raise ApiError(
            STORE_UNAVAILABLE,
            Text(
                "The store {path} is gone. Bring it back or run 'retinue score'.",
                "存储 {path} 已不存在。请恢复它或运行“retinue score”。",
            ),
            path=store.place.name,
        )
    with reading(store) as connection:
        served_run(connection)
    return Response(_OK, media_type="application/json")
