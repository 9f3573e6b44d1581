"""The futures find what leaks, name the clock that is read wrongly, and leave sound features alone."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from features.catalogue import Feature
from features.compiler import active_features
from features.leakage.certificate import Finding
from features.leakage.invariance import Invariance, check_invariance, probes
from features.leakage.sample import Sample, sampled
from tests.features.builders import Row, Rows, facts_of
from tests.features.leakage.planted import plant

MAY, JULY, SEPTEMBER = (datetime(2025, month, 1, tzinfo=UTC) for month in (5, 7, 9))
DAY = datetime(2025, 1, 1)
HOUR = timedelta(hours=1)


def company() -> Rows:
    """Six customers with something each two weeks, at hours at which no cut-off lies; deliveries and settlements come late."""
    days = [DAY + timedelta(days=14 * n + customer, hours=7) for n in range(24) for customer in range(6)]
    return {
        "orders": [
            {**_of(n), "ordered_at": at, "amount": 10.0 + n, "promised_at": at, "delivered_at": at + 20 * 24 * HOUR}
            for n, at in enumerate(days)
        ],
        "invoices": [
            {**_of(n), "invoice_id": f"i{n}", "issued_at": at, "due_at": at, "amount": 9.0, "disputed": n % 5 == 0}
            | {"settled_at": at + 25 * 24 * HOUR}
            for n, at in enumerate(days)
        ],
        "interactions": [
            {**_of(n), "at": at + HOUR, "kind": "complaint" if n % 4 else "call", "known_at": at + 30 * 24 * HOUR}
            for n, at in enumerate(days)
        ],
        "customers": [{"customer_id": f"c{n}", "acquired_at": DAY, "status": "left"} for n in range(6)],
    }


def _of(number: int) -> Row:
    return {"customer_id": f"c{number % 6}"}


@pytest.fixture
def sample() -> Iterator[Sample]:
    with facts_of(company(), "Europe/Berlin") as facts, sampled(facts, 10) as copied:
        yield copied


def check(sample: Sample, features: Sequence[Feature], *more: datetime, most: int = 0) -> Invariance:
    cutoffs = more or (MAY, JULY)
    return check_invariance(sample, features, cutoffs, probes(sample, cutoffs, most))


def failures(result: Invariance) -> dict[str, Finding]:
    """The first failure of each check."""
    found: dict[str, Finding] = {}
    for finding in result.findings:
        if finding.severity == "failed":
            found.setdefault(finding.check, finding)
    return found


def test_the_catalogue_stays_the_same_bit_for_bit_in_every_future_and_each_is_told(sample: Sample) -> None:
    features = active_features(sample.facts.columns)[::12]  # some of each table
    result = check(sample, features, MAY, JULY, most=3)
    assert failures(result) == {}
    assert result.rounded == set()
    told = [(f.check, f.cutoff) for f in result.findings]
    assert told[:8] == [(c, at) for at in (MAY, JULY) for c in ("truncation", "shift", "shuffle", "edge")]
    assert [check for check, _ in told[8:]] == ["truncation"] * 3
    assert result.comparisons == len(features) * (8 + 3)
    assert result.findings[0].count == 6
    assert "6 customers stay the same, bit for bit, when" in result.findings[0].what.en


LEAKS = [
    ("an order at the cut-off", {"edge"}, "orders.ordered_at, orders.known_at"),
    ("the date of delivery", {"truncation"}, "orders.delivered_at"),
    ("the last day in the file", {"truncation"}, "orders.ordered_at, orders.known_at"),
    ("the settlement", {"truncation"}, "invoices.settled_at"),
    ("the dispute", {"truncation", "shuffle"}, "invoices.disputed"),
    ("a complaint entered later", {"truncation", "shuffle"}, "interactions.known_at"),
]


@pytest.mark.parametrize(("leak", "found_by", "clocks"), LEAKS)
def test_a_planted_leak_is_found_and_the_clock_that_it_reads_wrongly_is_named(
    monkeypatch: pytest.MonkeyPatch, sample: Sample, leak: str, found_by: set[str], clocks: str
) -> None:
    found = failures(check(sample, [plant(monkeypatch, leak)]))
    assert found_by <= set(found)
    finding = found[sorted(found_by)[0]]
    assert (finding.subject, finding.unit) == ("planted", "customers")
    assert finding.count > 0
    assert finding.example.startswith("c")
    assert finding.next_step is not None
    assert finding.next_step.en.startswith(f"It hangs on {clocks}:")
    assert f"'{finding.example}' has" in finding.what.en


def test_a_sound_feature_is_left_alone(monkeypatch: pytest.MonkeyPatch, sample: Sample) -> None:
    assert failures(check(sample, [plant(monkeypatch, "a sound count")], MAY, JULY, most=20)) == {}


def test_an_inclusive_comparison_with_the_time_of_arrival_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = company()
    orders = [{**row, "known_at": row["ordered_at"] + 3 * 24 * HOUR} for row in rows["orders"]]
    planted = plant(monkeypatch, "an order known at the cut-off")
    with facts_of({"orders": orders}) as facts, sampled(facts, 10) as sample:
        found = failures(check(sample, [planted]))
    assert set(found) == {"edge"}
    assert str(found["edge"].next_step and found["edge"].next_step.en).startswith("It hangs on orders.known_at:")


def test_probes_are_instants_of_real_facts_and_find_an_inclusive_comparison(
    monkeypatch: pytest.MonkeyPatch, sample: Sample
) -> None:
    planted = plant(monkeypatch, "an order at the cut-off")
    at = probes(sample, (MAY, JULY), 20)
    ordered = {row["ordered_at"].replace(tzinfo=UTC) for row in company()["orders"]}
    assert any(probe in ordered for probe in at)
    assert all(MAY <= probe <= JULY for probe in at)
    result = check_invariance(sample, [planted], [MAY], [probe for probe in at if probe in ordered])
    inclusive = [f for f in result.findings if f.severity == "failed" and f.check == "truncation"]
    assert {f.cutoff for f in inclusive} <= ordered
    assert inclusive


def test_a_feature_that_sees_up_to_the_last_of_several_cut_offs_is_found(
    monkeypatch: pytest.MonkeyPatch, sample: Sample
) -> None:
    """Computed for one cut-off alone it is sound, so that only the computation for many shows it."""
    planted = plant(monkeypatch, "up to the last cut-off")
    finding = failures(check(sample, [planted]))["truncation"]
    assert finding.cutoff == MAY
    assert "orders.ordered_at" in str(finding.next_step and finding.next_step.en)


def test_values_that_hang_on_the_other_cut_offs_without_the_future_are_told_apart(
    monkeypatch: pytest.MonkeyPatch, sample: Sample
) -> None:
    planted = plant(monkeypatch, "the number of cut-offs")
    found = failures(check(sample, [planted]))
    assert set(found) == {"together"}
    assert "alone" in found["together"].what.en


def test_a_cut_off_after_all_facts_is_told(sample: Sample) -> None:
    feature = active_features(sample.facts.columns)[0]
    assert check(sample, [feature], MAY, datetime(2027, 1, 1, tzinfo=UTC)).idle == [datetime(2027, 1, 1, tzinfo=UTC)]
