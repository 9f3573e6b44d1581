"""What every route works with: settings, the open store, and one held connection for look-ups."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

from sqlalchemy import Connection
from starlette.requests import Request

from features.operation_settings import OperationSettings
from features.project import Project
from serving.operation.metrics import Metrics
from serving.problems import nothing_published
from serving.schemas import PublishedRun
from serving.scoring.service import Scoring
from serving.store import Held, Place, Store, current_run

UTC_ZONE = ZoneInfo("UTC")


def now_utc() -> datetime:
    """The service's clock."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class ServeSettings:
    """What a server needs to know. ``hosts`` are the only names that it answers to."""

    store_place: Place
    company: str = ""
    timezone: ZoneInfo = UTC_ZONE
    hosts: tuple[str, ...] = ("127.0.0.1", "localhost", "[::1]")
    clock: Callable[[], datetime] = now_utc
    operation: OperationSettings = field(default_factory=OperationSettings)
    project: Project | None = None
    """Whose models answer requests for scores; None: none does."""


@dataclass(frozen=True)
class Service:
    """The running service. ``held`` is used by the event loop alone."""

    settings: ServeSettings
    store: Store
    held: Held
    scoring: Scoring | None = None
    metrics: Metrics = field(default_factory=Metrics)

    @cached_property
    def stale_after(self) -> timedelta:
        """How old scores may be before they are called stale."""
        return timedelta(days=self.settings.operation.stale_after_days)

    def is_stale(self, as_of: datetime) -> bool:
        """Whether scores of that instant are older than the project allows."""
        return self.settings.clock() - as_of > self.stale_after


def service_of(request: Request) -> Service:
    """The service that a request is for."""
    service: Service = request.app.state.service
    return service


def served_run(connection: Connection) -> PublishedRun:
    """The run that is served now. Raises ApiError: nothing was published yet."""
    run = current_run(connection)
    if run is None:
        raise nothing_published()
    return run


def age_header(service: Service, as_of: datetime) -> dict[str, str]:
    """How old an answer is: whole seconds since the instant that its scores speak for, and whether that is too long."""
    age = service.settings.clock() - as_of
    stale = age > service.stale_after
    return {"Age": str(max(0, int(age.total_seconds()))), "Retinue-Stale": "true" if stale else "false"}
