"""Whether the service runs (``/healthz``), whether it can answer (``/readyz``), and its counts (``/metrics``)."""

from pathlib import Path

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST

from features.text import Text
from serving.problems import NOTHING_PUBLISHED, STORE_UNAVAILABLE, ApiError, documented
from serving.routes.state import served_run, service_of
from serving.schemas import Health, Readiness
from serving.security.access import ScopedRoute
from serving.store import current_run, reading

router = APIRouter(route_class=ScopedRoute, tags=["health"])

_OK = b'{"status":"ok"}'


@router.get("/healthz", summary="Is the service alive? / 服务是否运行", responses={200: {"model": Health}})
async def get_health() -> Response:
    """The process runs; nothing else is asked."""
    return Response(_OK, media_type="application/json")


@router.get(
    "/readyz",
    summary="Can it answer? / 能否提供查询",
    responses={200: {"model": Readiness}, **documented(NOTHING_PUBLISHED)},
)
def get_readiness(request: Request) -> Response:
    """The store is where it should be, can be read, and holds a published run. Stale scores are answered, and called so."""
    service = service_of(request)
    store = service.store
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
        run = served_run(connection)
    ready = Readiness(
        status="ok",
        run_id=run.run_id,
        as_of=run.as_of,
        age_seconds=max(0, int((service.settings.clock() - run.as_of).total_seconds())),
        is_stale=service.is_stale(run.as_of),
    )
    return Response(ready.model_dump_json(), media_type="application/json")


@router.get("/metrics", include_in_schema=False)
def get_metrics(request: Request) -> Response:
    """Counts of requests, and age and quality of the scores, in Prometheus' text format."""
    service = service_of(request)
    with reading(service.store) as connection:
        run = current_run(connection)
    told = service.metrics.told(run, service.settings.clock(), run is not None and service.is_stale(run.as_of))
    return Response(told, media_type=CONTENT_TYPE_LATEST)
