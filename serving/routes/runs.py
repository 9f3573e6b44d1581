"""The run that is served, in the API."""

from fastapi import APIRouter, Request, Response

from serving.problems import NOTHING_PUBLISHED, documented
from serving.routes.state import age_header, served_run, service_of
from serving.schemas import PublishedRun
from serving.security.access import ScopedRoute, manager_of
from serving.store import reading, run_of_manager

router = APIRouter(route_class=ScopedRoute, prefix="/v1", tags=["runs"])


@router.get(
    "/runs/current",
    summary="The run that is served / 当前批次",
    responses={
        200: {"model": PublishedRun, "description": "The run / 批次"},
        **documented(NOTHING_PUBLISHED),
    },
)
def get_current_run(request: Request) -> Response:
    """When the scores were made and published, by which model of which quality, and the customers in each group."""
    service = service_of(request)
    with reading(service.store) as connection:
        run, own = served_run(connection), manager_of(request)
        run = run if own is None else run_of_manager(connection, run, own)
    return Response(run.model_dump_json(), media_type="application/json", headers=age_header(service, run.as_of))
