from dataclasses import replace
from datetime import UTC, datetime, timedelta

from features.leakage.certificate import Finding
from features.leakage.clocks import check_clocks
from features.text import Text
from tests.features.builders import Row, Rows, facts_of

DAY = datetime(2025, 1, 1)


def contact(number: int, known_after: float = 0.0) -> Row:
    at = DAY + timedelta(days=number)
    return {"customer_id": f"C{number:03}", "at": at, "kind": "call", "known_at": at + timedelta(days=known_after)}


def checked(rows: Rows, now: datetime | None = None) -> tuple[list[Finding], list[Text]]:
    with facts_of(rows) as facts:
        return check_clocks(facts, now)


def test_facts_that_are_known_soon_after_they_occur_are_in_order() -> None:
    findings, limits = checked({"interactions": [contact(n, known_after=1) for n in range(300)]})
    assert [(f.subject, f.severity, f.count) for f in findings] == [("interactions", "passed", 300)]
    assert limits == []


def test_facts_known_before_they_occurred_are_counted_with_an_example() -> None:
    rows = [contact(n, known_after=-1 if n in (3, 5) else 1) for n in range(10)]
    [finding] = checked({"interactions": rows})[0]
    assert (finding.severity, finding.subject, finding.count) == ("warning", "interactions.known_at", 2)
    assert finding.example == "C003"
    assert "2 of 10 facts were known before they occurred" in finding.what.en
    assert finding.next_step is not None
    assert "swapped" in finding.next_step.en


def test_a_table_without_an_arrival_clock_is_a_limit() -> None:
    findings, limits = checked({"interactions": [contact(n) for n in range(10)]})
    assert [f.severity for f in findings] == ["passed"]
    assert [limit.en.split(":")[0] for limit in limits] == ["No arrival clock in interactions"]
    assert "interactions 没有获知时钟" in limits[0].zh


def test_facts_that_all_became_known_at_one_instant_are_a_bulk_load() -> None:
    load = {"known_at": datetime(2025, 12, 24, 3)}
    [finding] = checked({"interactions": [contact(n) | load for n in range(10)]})[0]
    assert (finding.severity, finding.count) == ("warning", 10)
    assert "one instant, 2025-12-24 03:00 UTC" in finding.what.en


def test_a_burst_of_old_facts_on_one_day_is_found() -> None:
    filled_in = {"known_at": datetime(2025, 12, 24, 3)}
    rows = [contact(n, known_after=1) for n in range(500)] + [contact(n) | filled_in for n in range(120)]
    [finding] = checked({"interactions": rows})[0]
    assert (finding.severity, finding.count, finding.unit) == ("warning", 120, "rows")
    assert "became known on 2025-12-24" in finding.what.en


def test_facts_after_today_are_found() -> None:
    rows = [contact(n, known_after=1) for n in range(10)]
    [finding] = checked({"interactions": rows}, now=datetime(2025, 1, 9, 12, tzinfo=UTC))[0]
    assert (finding.severity, finding.count, finding.example) == ("warning", 2, "C008")
    assert "2 facts lie after 2025-01-09, the last on 2025-01-11" in finding.what.en


def test_without_a_clock_of_our_own_a_fact_far_after_all_others_is_found() -> None:
    typo = {"customer_id": "typo", "at": datetime(2205, 1, 1), "kind": "call", "known_at": datetime(2205, 1, 2)}
    rows = [contact(n % 300, known_after=1) for n in range(3_000)]
    assert [f.severity for f in checked({"interactions": rows})[0]] == ["passed"]
    [finding] = checked({"interactions": [*rows, typo]})[0]
    assert (finding.severity, finding.count, finding.example) == ("warning", 1, "typo")


def test_what_the_customers_table_says_without_a_date_is_a_limit() -> None:
    with facts_of(
        {"customers": [{"customer_id": "a", "acquired_at": DAY, "region": "north", "status": "gone"}]}
    ) as facts:
        dated = check_clocks(facts)[1]
        undated = check_clocks(replace(facts, columns={"customers": frozenset({"customer_id", "region", "status"})}))[1]
    assert not any("bears no date" in limit.en for limit in dated)
    assert [limit.en[: limit.en.index(":")] for limit in undated] == [
        "What the customers table says (region, status) bears no date"
    ]
