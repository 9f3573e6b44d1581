"""The client: one method for each thing that the API answers or takes."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from types import TracebackType
from typing import Any, Literal, Self, TypeVar, cast, overload
from urllib.parse import quote

from .answers import (
    ActionEntry,
    AlertAnswer,
    AlertCase,
    AlertMove,
    BilingualText,
    EventsAnswer,
    EventsStatus,
    InvoiceRisk,
    LogAnswer,
    LookupAnswer,
    OutcomeEntry,
    PlanItem,
    PlanSummary,
    PublishedRun,
    Readiness,
    ReceivablesAnswer,
    Recommendations,
    Score,
    ScoreAnswer,
    ScorePart,
)
from .asking import Asking, Language, written

T = TypeVar("T")

MOST_AT_ONCE = 1000
"""How many customers or log entries the service takes in one request."""
PAGE = 500
MOST_LINES, MOST_BYTES = 5_000, 3_000_000
"""How much of events is sent in one request; the service takes 10,000 lines and 4 MB."""

Value = float | str | None
Fields = Sequence[str]


class Retinue:
    """A service at ``url``, asked with a ``key`` where it wants one.

    Texts come in ``language``, or in both with None. All methods raise RetinueProblem, in that language. What cannot be
    reached, or is too busy and says when to come back, is asked again, a few times.

    >>> with Retinue("http://127.0.0.1:8000", key="rtn_…") as retinue:  # doctest: +SKIP
    ...     print(retinue.customer("C-1042")["churn_probability"])
    """

    def __init__(
        self, url: str, key: str | None = None, language: Language | None = "en", timeout_seconds: float = 10.0
    ) -> None:
        self.language = language
        self._asking = Asking(url, key, language, timeout_seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, type_: type[BaseException] | None, value: BaseException | None, at: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connection."""
        self._asking.close()

    def text(self, text: BilingualText | None) -> str:
        """A text of an answer in the client's language; empty for None."""
        return text.get(self.language or "en", "") if text else ""

    # Customers

    @overload
    def customer(self, customer_id: str) -> Score: ...
    @overload
    def customer(self, customer_id: str, fields: Fields) -> ScorePart: ...
    def customer(self, customer_id: str, fields: Fields | None = None) -> Score | ScorePart:
        """One customer of the run that is served, or some ``fields`` of its score."""
        found = self._asking.get(f"/v1/customers/{_quoted(customer_id)}", fields=_joined(fields))
        return cast(Score | ScorePart, found)

    def customers(self, customer_ids: Iterable[str], fields: Fields | None = None) -> LookupAnswer:
        """Any number of customers in the order asked, each once, and the ids that are not there.

        Asked for 1,000 at a time: scores that are published meanwhile are in the later ones alone.
        """
        found = LookupAnswer(customers=[], not_found=[])
        for ids in _in_parts(dict.fromkeys(customer_ids), MOST_AT_ONCE):
            part = self._asking.post("/v1/customers:lookup", {"customer_ids": ids}, fields=_joined(fields))
            found["customers"] += part["customers"]
            found["not_found"] += part["not_found"]
        return found

    @overload
    def list_customers(
        self, *, fields: Fields, sort: str = ..., page: int = ..., **filters: str
    ) -> Iterator[ScorePart]: ...
    @overload
    def list_customers(
        self, *, fields: None = ..., sort: str = ..., page: int = ..., **filters: str
    ) -> Iterator[Score]: ...
    def list_customers(
        self, *, fields: Fields | None = None, sort: str = "-expected_profit", page: int = PAGE, **filters: str
    ) -> Iterator[Any]:
        """All customers of a filter, in order, fetched ``page`` at a time as they are asked for.

        ``filters``: segment, churn_band, action, tier, lifecycle_stage, trajectory, search. Raises RetinueProblem with
        status 410 when newer scores are published meanwhile: begin again.
        """
        parameters = {"fields": _joined(fields), "sort": sort, "limit": page, **filters}
        return self._all("/v1/customers", "customers", parameters)

    def recommendations(self, customer_id: str) -> Recommendations:
        """What to do about one customer, what else would fit, and what the plan holds for it."""
        return cast(Recommendations, self._asking.get(f"/v1/customers/{_quoted(customer_id)}/recommendations"))

    # Receivables

    def receivables(self, customer_id: str) -> ReceivablesAnswer:
        """What one customer owes and its open invoices. Raises RetinueProblem with status 404: it has neither invoices nor payments."""
        return cast(ReceivablesAnswer, self._asking.get(f"/v1/customers/{_quoted(customer_id)}/receivables"))

    def invoices(
        self,
        risk: Literal["high", "medium", "low"] | None = None,
        overdue: bool | None = None,
        customer: str | None = None,
    ) -> Iterator[InvoiceRisk]:
        """Open invoices, those first of which most money is expected to come late."""
        is_overdue = None if overdue is None else str(overdue).lower()
        return self._all(
            "/v1/invoices", "invoices", {"risk": risk, "overdue": is_overdue, "customer": customer, "limit": PAGE}
        )

    # Scores on request

    @overload
    def score(
        self,
        *,
        features: Mapping[str, Value] | Sequence[Mapping[str, Value]],
        customer_ids: Sequence[str] | None = None,
        reasons: bool = False,
    ) -> ScoreAnswer: ...
    @overload
    def score(
        self,
        *,
        facts: Mapping[str, Sequence[Mapping[str, Any]]],
        as_of: datetime | str,
        reasons: bool = False,
    ) -> ScoreAnswer: ...
    @overload
    def score(
        self,
        *,
        customer_id: str,
        change: Mapping[str, Value] | None = None,
        what_if: Mapping[str, float | str] | None = None,
        reasons: bool = False,
    ) -> ScoreAnswer: ...
    def score(self, **asked: Any) -> ScoreAnswer:
        """The risk of rows of ``features``, scores of ``facts`` as of an instant, or a customer as it would be.

        Of a customer, ``before`` says how it is, and ``what_if`` or ``change`` what would be otherwise; with
        ``what_if={"action": …}``, ``action_effect`` what an action of the playbook does.
        """
        document = {name: value for name, value in asked.items() if value is not None}
        return cast(ScoreAnswer, self._asking.post("/v1/score", document))

    # What happens

    def send_events(self, events: Iterable[Mapping[str, Any]]) -> EventsAnswer:
        """Tell facts when they happen; any number, sent in parts.

        Each event has its own ``event_id``, so that all of them may be sent again after a problem. What was not taken
        stands in ``rejections``, with its ``line``: the place among all events, from 1.
        """
        return self.send_lines(map(written, events))

    def send_lines(self, lines: Iterable[bytes]) -> EventsAnswer:
        """Tell facts that are written already, each as one line of JSON without its end, as `send_events` does."""
        total = EventsAnswer(accepted=0, duplicate=0, rejected=0, sequence=0, rejections=[])
        sent = 0
        for together in in_requests(lines):
            part: EventsAnswer = self._asking.post_body("/v1/events", b"\n".join(together), "application/x-ndjson")
            total["accepted"] += part["accepted"]
            total["duplicate"] += part["duplicate"]
            total["rejected"] += part["rejected"]
            total["sequence"] = max(total["sequence"], part["sequence"])
            for rejection in part["rejections"]:
                total["rejections"].append({**rejection, "line": rejection["line"] + sent})
            sent += len(together)
        return total

    def events_status(self) -> EventsStatus:
        """How far events have come into the scores."""
        return cast(EventsStatus, self._asking.get("/v1/events/status"))

    def log_action(self, *entries: ActionEntry) -> LogAnswer:
        """Log actions that were carried out or withheld, up to 1,000, all or none."""
        return cast(LogAnswer, self._asking.post("/v1/actions", entries))

    def log_outcome(self, *entries: OutcomeEntry) -> LogAnswer:
        """Log what came of actions, up to 1,000, all or none."""
        return cast(LogAnswer, self._asking.post("/v1/outcomes", entries))

    def actions(self, customer_id: str | None = None, campaign: str | None = None) -> Iterator[ActionEntry]:
        """Logged actions, those logged last first."""
        parameters = {"customer_id": customer_id, "campaign": campaign, "limit": PAGE}
        return self._all("/v1/actions", "actions", parameters)

    # What to do

    def plan(self) -> PlanSummary:
        """The head of the plan that 'retinue plan' made: limits and sums."""
        return cast(PlanSummary, self._asking.get("/v1/plan", limit=1)["plan"])

    def contacts(self, **filters: str) -> Iterator[PlanItem]:
        """The plan's contacts in the order of money; ``filters``: action, team, channel, account_manager."""
        return self._all("/v1/plan", "contacts", {**filters, "limit": PAGE})

    def alerts(self, **filters: str) -> Iterator[AlertCase]:
        """Warnings, the gravest first; ``filters``: colour, kind, owner, status, customer_id."""
        return self._all("/v1/alerts", "alerts", {**filters, "limit": PAGE})

    def alert(self, alert_id: str) -> AlertAnswer:
        """One warning with its history."""
        return cast(AlertAnswer, self._asking.get(f"/v1/alerts/{_quoted(alert_id)}"))

    def move_alert(self, alert_id: str, move: AlertMove) -> AlertAnswer:
        """Do something about a warning: acknowledge, start, resolve, verify, assign or note."""
        return cast(AlertAnswer, self._asking.post(f"/v1/alerts/{_quoted(alert_id)}/events", move))

    # The service

    def current_run(self) -> PublishedRun:
        """The run that is served: when it was made, by which model of which quality, with how many customers."""
        return cast(PublishedRun, self._asking.get("/v1/runs/current"))

    def ready(self) -> Readiness:
        """What the service answers from, and whether that is too old. Raises RetinueProblem: it cannot answer."""
        return cast(Readiness, self._asking.get("/readyz"))

    def _all(self, path: str, name: str, parameters: Mapping[str, str | int | None]) -> Iterator[Any]:
        cursor: str | None = None
        while True:
            page = self._asking.get(path, **parameters, cursor=cursor)
            yield from page[name]
            cursor = page["next_cursor"]
            if cursor is None:
                return


def _quoted(id_: str) -> str:
    """As part of an address; the two ids that would lead to another one, ``.`` and ``..``, too."""
    return quote(id_, safe="") if id_.strip(".") else id_.replace(".", "%2E")


def _joined(fields: Fields | None) -> str | None:
    return None if fields is None else ",".join(fields)


def _in_parts(items: Iterable[T], most: int) -> Iterator[list[T]]:
    left = iter(items)
    while part := list(islice(left, most)):
        yield part


def in_requests(lines: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Lines of events, as many together as one request takes; a longer one stands alone."""
    together: list[bytes] = []
    size = 0
    for line in lines:
        if together and (len(together) == MOST_LINES or size + len(line) + 1 > MOST_BYTES):
            yield together
            together, size = [], 0
        together.append(line)
        size += len(line) + 1
    if together:
        yield together
