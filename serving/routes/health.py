"""Whether the service runs (``/healthz``), whether it can answer (``/readyz``), and its counts (``/metrics``)."""

from pathlib import Path

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST

from features.text import Text
from serving.problems import NOTHING_PUBLISHED, STORE_UNAVAILABLE, ApiError, documented
from serving.routes.state import served_run, service_of
from serving.schemas import Health, ModelsInService, Readiness, RefusedVersion
from serving.score_schema import BilingualText
from serving.scoring.service import Because, InService
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
    """The store is where it should be, can be read, and holds a published run. Stale scores are answered, and called so.

    ``models`` tells which versions answer requests for scores; that one was refused does not make the service unready,
    for the one before goes on.
    """
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
        models=models_told(service.scoring.state) if service.scoring else None,
    )
    return Response(ready.model_dump_json(), media_type="application/json")


@router.get("/metrics", include_in_schema=False)
def get_metrics(request: Request) -> Response:
    """Counts of requests, and age and quality of the scores, in Prometheus' text format."""
    service = service_of(request)
    with reading(service.store) as connection:
        run = current_run(connection)
    is_stale = run is not None and service.is_stale(run.as_of)
    state = service.scoring.state if service.scoring else InService()
    told = service.metrics.told(run, service.settings.clock(), is_stale, state)
    return Response(told, media_type=CONTENT_TYPE_LATEST)


def models_told(state: InService) -> ModelsInService:
    """The versions in service, for everybody's eyes: no key is asked for, so that reasons name no place and no file."""
    return ModelsInService(
        champion=state.champion.version if state.champion else None,
        challenger=state.challenger.version if state.challenger else None,
        refused=[
            RefusedVersion(
                version=one.version,
                role=one.role,
                because=one.because,
                reason=BilingualText(**_REASONS[one.because].format(version=one.version)._asdict()),
            )
            for one in state.refused
        ],
    )


_REASONS: dict[Because, Text] = {
    "missing": Text(
        "Version {version} is not registered. Set the alias to one that is: 'retinue models list'.",
        "版本 {version} 未登记。请将别名指向已登记的版本，见“retinue models list”。",
    ),
    "damaged": Text(
        "The files of version {version} cannot be read, or no longer give its golden predictions. 'retinue models ledger' says"
        " more; train again with 'retinue train'.",
        "版本 {version} 的文件无法读取，或无法重现其基准预测。详见“retinue models ledger”；请用“retinue train”重新训练。",
    ),
    "unfit": Text(
        "Version {version} was made for another kind of churn or other features than the project has now. 'retinue models"
        " ledger' says more; set the project file back, or train again with 'retinue train'.",
        "版本 {version} 所针对的流失类型或特征与项目现有的不同。详见“retinue models ledger”；请改回项目文件，或用“retinue train”重新训练。",
    ),
}
