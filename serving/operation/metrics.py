"""What a monitoring system collects at ``/metrics``: how requests are answered, and how fresh and how good the scores are.

Routes are named by their template, never by the address, so that nobody's id stands in a metric. Where several workers
serve, each writes its counts to a folder that they share, and any of them tells the sum.
"""

import os
from collections.abc import Iterator
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from serving.schemas import PopulationDrift, PublishedRun
from serving.scoring.service import InService

WORKERS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""The environment variable that names the folder which workers share; it has to be set before a worker starts."""

_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """The counts of one application."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._seconds = Histogram(
            "retinue_request_seconds",
            "Time from a request to the end of its answer",
            ["method", "route", "status"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        self.in_flight = Gauge(
            "retinue_requests_in_flight",
            "Requests that are being answered or wait for it",
            registry=self._registry,
            multiprocess_mode="livesum",
        )
        self.shed = Counter(
            "retinue_requests_shed", "Requests turned away because too many were in flight", registry=self._registry
        )
        self._answered: dict[tuple[str, str, int], Histogram] = {}

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answer. ``route`` is a template."""
        key = (method, route, status)
        bound = self._answered.get(key)
        if bound is None:
            bound = self._answered[key] = self._seconds.labels(method, route, status)
        bound.observe(seconds)

    def told(self, run: PublishedRun | None, now: datetime, is_stale: bool, models: InService) -> bytes:
        """Everything in Prometheus' text format. ``run`` None: nothing was published yet."""
        registry = CollectorRegistry() if WORKERS_FOLDER in os.environ else self._registry
        if registry is not self._registry:
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        shown = CollectorRegistry()
        shown.register(_Told(registry, run, now, is_stale, models))
        return generate_latest(shown)


class _Told(Collector):
    """What was counted, what the served run says, and which models serve."""

    def __init__(
        self, counted: CollectorRegistry, run: PublishedRun | None, now: datetime, is_stale: bool, models: InService
    ) -> None:
        self.counted, self.run, self.now, self.is_stale, self.models = counted, run, now, is_stale, models

    def collect(self) -> Iterator[Metric]:
        yield from self.counted.collect()
        yield from _of_models(self.models)
        yield GaugeMetricFamily("retinue_published", "Whether a run of scores is served", float(self.run is not None))
        if self.run is not None:
            yield from _of_run(self.run, self.now, self.is_stale)


def _of_models(models: InService) -> Iterator[Metric]:
    """The versions in service in the process that is asked; each family is there even while it has nothing to tell."""
    served = GaugeMetricFamily(
        "retinue_model_in_service", "Versions that answer requests for scores", labels=["role", "version"]
    )
    shift = GaugeMetricFamily(
        "retinue_model_level_shift_log_odds",
        "How far the level was off at the last cut-off whose outcomes are complete; half of it is followed",
        labels=["version"],
    )
    error = GaugeMetricFamily(
        "retinue_model_level_shift_standard_error_log_odds", "Its standard error", labels=["version"]
    )
    for role, model in (("champion", models.champion), ("challenger", models.challenger)):
        if model is not None:
            served.add_metric([role, model.version], 1)
            if model.shift is not None:
                shift.add_metric([model.version], model.shift.log_odds)
                error.add_metric([model.version], model.shift.standard_error)
    refused = GaugeMetricFamily(
        "retinue_model_refused", "Versions that should serve and do not hold", labels=["role", "version", "because"]
    )
    for one in models.refused:
        refused.add_metric([one.role, one.version, one.because], 1)
    yield from (served, refused, shift, error)


def _of_drift(drift: PopulationDrift | None) -> Iterator[Metric]:
    """How far the customers moved since training; by name only the few features that moved most."""
    index = GaugeMetricFamily(
        "retinue_population_stability_index",
        "Distance of the customers at risk from those at training; above 0.25 another population",
        labels=["of"],
    )
    moved = GaugeMetricFamily("retinue_features_moved", "Features above 0.25 and above chance")
    if drift is not None:
        index.add_metric(["churn_probability"], drift.churn_probability)
        for one in drift.moved_most:
            index.add_metric([one.feature], one.index)
        moved.add_metric([], drift.moved)
    yield from (index, moved)


def _of_run(run: PublishedRun, now: datetime, is_stale: bool) -> Iterator[Metric]:
    yield InfoMetricFamily(
        "retinue_run",
        "The run that is served and the version of its churn model",
        {"run_id": run.run_id, "model_version": run.model_version or ""},
    )
    age = (now - run.as_of).total_seconds()
    yield GaugeMetricFamily("retinue_score_age_seconds", "Time since the moment that the scores speak for", age)
    yield GaugeMetricFamily("retinue_score_stale", "Whether that is longer ago than the project allows", is_stale)
    yield GaugeMetricFamily("retinue_run_published_timestamp_seconds", "When it was published", _epoch(run))
    yield GaugeMetricFamily("retinue_run_customers", "Customers in the run", run.rows)
    yield GaugeMetricFamily("retinue_run_abstained", "Customers without a probability", run.summary.abstained)
    bands = GaugeMetricFamily("retinue_run_churn_band_customers", "Customers by churn band", labels=["band"])
    for band, customers in run.summary.by_churn_band.items():
        bands.add_metric([band], customers)
    yield from _of_drift(run.summary.drift)
    quality = GaugeMetricFamily("retinue_model_quality", "Measured quality of the model", labels=["metric"])
    for name, value in run.model_metrics.items():
        if value is not None:
            quality.add_metric([name], value)
    yield from (bands, quality)


def _epoch(run: PublishedRun) -> float:
    return run.published_at.timestamp()
