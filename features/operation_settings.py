"""How the service is run, in the project file: ``[operation]``."""

from typing import Literal

from pydantic import Field

from features.score_settings import Strict


class OperationSettings(Strict):
    """When answers are called stale, what is logged, and whether requests are traced.

    ``stale_after_days``: scores that speak for a moment longer ago than this are served with a flag. ``log``: ``problems``
    alone (answers that failed), or every one of the ``requests``. ``telemetry`` sends traces as the OTEL_ variables say.
    ``requests_at_once``: how many one worker works on; it turns further ones away.
    """

    stale_after_days: int = Field(8, ge=1, le=3650, strict=True)
    requests_at_once: int = Field(200, ge=1, strict=True)
    log: Literal["problems", "requests"] = "problems"
    telemetry: bool = Field(False, strict=True)
