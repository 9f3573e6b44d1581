"""What every route works with: settings, the open store, one held connection for look-ups, and who may ask."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from secrets import token_bytes
from zoneinfo import ZoneInfo

from sqlalchemy import Connection
from starlette.requests import Request

from features.operation_settings import OperationSettings
from features.project import Project
from features.serve_settings import AccessSettings
from serving.operation.metrics import Metrics
from serving.problems import nothing_published
from serving.realtime.events import RealTime
from serving.schemas import PublishedRun
from serving.scoring.service import Scoring
from serving.security.audit import Writer
from serving.security.key_ring import KeyRing
from serving.security.limits import Buckets
from serving.security.session import session_secret
from serving.security.tokens import Tokens
from serving.store import Held, Place, Store, current_run
from serving.store.faults import storage_faults

UTC_ZONE = ZoneInfo("UTC")


def now_utc() -> datetime:
    """The service's clock."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class ServeSettings:
    """What a server needs to know. ``hosts`` are the only names that it answers to, those of ``access`` among them.

    ``reachable``: other machines can ask it, so that it never answers without a key.
    ``workspace`` keeps the secret of sessions; without it they end with the process.
    ``events`` is the project whose events it takes; None: it takes none.
    """

    store_place: Place
    company: str = ""
    timezone: ZoneInfo = UTC_ZONE
    hosts: tuple[str, ...] = ("127.0.0.1", "localhost", "[::1]")
    clock: Callable[[], datetime] = now_utc
    operation: OperationSettings = field(default_factory=OperationSettings)
    project: Project | None = None
    """Whose models answer requests for scores; None: none does."""
    access: AccessSettings = field(default_factory=AccessSettings)
    reachable: bool = False
    workspace: Path | None = None
    events: Project | None = None


class Service:
    """The running service. ``held`` and ``keys`` are used by the event loop alone."""

    def __init__(
        self,
        settings: ServeSettings,
        store: Store,
        held: Held,
        scoring: Scoring | None = None,
        real_time: RealTime | None = None,
    ) -> None:
        self.settings, self.store, self.held = settings, store, held
        self.scoring, self.real_time = scoring, real_time
        self.metrics = Metrics()
        self.stale_after = timedelta(days=settings.operation.stale_after_days)
        access = settings.access
        self.must_have_key = settings.reachable or access.oidc is not None
        self.writer = Writer(store)
        self.keys = KeyRing(held, self.writer, settings.clock)
        self.tokens = Tokens(access.oidc) if access.oidc else None
        self.callers = Buckets(access.requests_per_minute)
        self.strangers = Buckets(access.anonymous_requests_per_minute)

    def is_stale(self, as_of: datetime) -> bool:
        """Whether scores of that instant are older than the project allows."""
        return self.settings.clock() - as_of > self.stale_after

    @cached_property
    def session_secret(self) -> bytes:
        """What signs sessions; made when somebody signs in for the first time."""
        folder = self.settings.workspace
        if folder is None:
            return token_bytes(32)
        with storage_faults(folder):
            return session_secret(folder)

    def close(self) -> None:
        """Write down what waits for the audit log, and let go of the store."""
        self.keys.write_uses()
        self.writer.close()
        self.held.close()
        self.store.close()


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
