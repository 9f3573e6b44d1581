"""Traces of requests for OpenTelemetry (extra ``telemetry``), sent over HTTP as the OTEL_ environment variables say.

A span tells method, route template, status and request id; never an address, since ids of customers stand in it.
"""

import os

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from features.errors import RetinueError
from features.text import Text
from serving.operation.middleware import REQUEST_ID, route_of

try:
    from opentelemetry import propagate
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.trace import SpanKind, Status, StatusCode

    _IS_INSTALLED = True
except ImportError:
    _IS_INSTALLED = False

_SERVER_ERROR = 500


class TelemetryError(RetinueError):
    """Traces are wanted, and what sends them is not installed."""


def start_tracing() -> "TracerProvider":
    """What makes spans and sends them from a thread of its own; ``shutdown()`` sends what is left.

    Raises TelemetryError: the extra is not installed.
    """
    if not _IS_INSTALLED:
        raise TelemetryError(
            Text(
                "telemetry = true needs packages that are not installed. Run: pip install 'retinue[telemetry]'",
                "telemetry = true 所需的软件包尚未安装。请运行：pip install 'retinue[telemetry]'",
            )
        )
    resource = Resource.create({"service.name": os.environ.get("OTEL_SERVICE_NAME", "retinue")})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider


class Traced:
    """Makes one span of each request, under the caller's where it names one."""

    def __init__(self, app: ASGIApp, provider: "TracerProvider") -> None:
        self.app = app
        self.tracer = provider.get_tracer("retinue.serving")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on within its span."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        caller = propagate.extract(dict(Headers(scope=scope)))
        with self.tracer.start_as_current_span(
            scope["method"], caller, SpanKind.SERVER, record_exception=False, set_status_on_exception=False
        ) as span:

            async def send_told(message: Message) -> None:
                if message["type"] == "http.response.start":
                    span.set_attribute("http.response.status_code", message["status"])
                    if message["status"] >= _SERVER_ERROR:
                        span.set_status(Status(StatusCode.ERROR))
                await send(message)

            try:
                await self.app(scope, receive, send_told)
            except Exception as fault:
                span.set_attribute("error.type", type(fault).__name__)
                span.set_status(Status(StatusCode.ERROR))
                raise
            finally:
                route = route_of(scope)
                span.update_name(f"{scope['method']} {route}")
                span.set_attribute("http.request.method", scope["method"])
                span.set_attribute("http.route", route)
                span.set_attribute("retinue.request_id", scope[REQUEST_ID])
