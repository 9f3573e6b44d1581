"""Scores on request, in the API: for features, and what if of a customer."""

from fastapi import APIRouter, Request, Response

from serving.problems import (
    BAD_REQUEST,
    CUSTOMER_NOT_FOUND,
    INVALID_REQUEST,
    TOO_LARGE,
    ApiError,
    documented,
)
from serving.routes.customers import not_found
from serving.routes.state import service_of
from serving.scoring.answering import NO_MODEL, NONE_SERVES, Answering
from serving.scoring.asking import read
from serving.scoring.schemas import CustomerAsked, ScoreAnswer, body_schema
from serving.security.access import ScopedRoute, manager_of, name_customers
from serving.store import find_customer

router = APIRouter(route_class=ScopedRoute, prefix="/v1", tags=["score"])


@router.post(
    "/score",
    summary="A score on request / 即时评分",
    responses={
        200: {"model": ScoreAnswer, "description": "The scores / 评分"},
        **documented(BAD_REQUEST, CUSTOMER_NOT_FOUND, TOO_LARGE, INVALID_REQUEST, NO_MODEL),
    },
    openapi_extra={"requestBody": body_schema()},
)
async def post_score(request: Request) -> Response:
    """The risk of rows of features, or a customer of the run that is served as it would be.

    Features that are left out or null are missing, as in a batch. Reasons are told where ``reasons`` is true; that takes
    about a tenth of a second. Every score names the version that gave it.
    """
    asked = read(await request.body())
    if isinstance(asked, CustomerAsked):
        name_customers(request, [asked.customer_id])
        manager = manager_of(request)
        if manager is not None and service_of(request).held.ask(find_customer, asked.customer_id, manager) is None:
            raise not_found(asked.customer_id)
    answering: Answering | None = getattr(request.app.state, "answering", None)
    if answering is None:
        raise ApiError(NO_MODEL, NONE_SERVES)
    return Response(await answering.answer(asked), media_type="application/json")
