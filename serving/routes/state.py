"""What every route works with: settings, the open store, and one held connection for look-ups."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Connection
from starlette.requests import Request

from features.project import Project
from serving.problems import nothing_published
from serving.realtime.events import RealTime
from serving.schemas import PublishedRun
from serving.store import Held, Place, Store, current_run

UTC_ZONE = ZoneInfo("UTC")


def now_utc() -> datetime:
    """The service's clock."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class ServeSettings:
    """What a server needs to know. ``hosts`` are the only names that it answers to; ``events`` is the project whose events
    it takes, None: it takes none.
    """

    store_place: Place
    company: str = ""
    timezone: ZoneInfo = UTC_ZONE
    hosts: tuple[str, ...] = ("127.0.0.1", "localhost", "[::1]")
    clock: Callable[[], datetime] = now_utc
    events: Project | None = None


@dataclass(frozen=True)
class Service:
    """The running service. ``held`` is used by the event loop alone."""

    settings: ServeSettings
    store: Store
    held: Held
    real_time: RealTime | None = None


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
    """How old an answer is: whole seconds since the instant that its scores speak for."""
    return {"Age": str(max(0, int((service.settings.clock() - as_of).total_seconds())))}
