"""Files written in the order of time, in which some rows were added later."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from features.leakage.entry_order import LateEntries, late_entries
from features.sources import open_facts
from tests.features.builders import project_of

DAY = datetime(2025, 1, 1)
AS_OF = datetime(2026, 1, 1, tzinfo=UTC)
IN_ORDER = [(f"C{n:03}", DAY + timedelta(days=n), "call", f"R{n:04}") for n in range(200)]

Contact = tuple[str, datetime, str, str]


def late(folder: Path, rows: list[Contact], as_of: datetime = AS_OF) -> tuple[list[LateEntries], list[str]]:
    """The late entries of a file of contacts."""
    lines = [f"{customer},{at:%Y-%m-%d},{kind}" for customer, at, kind, _ in rows]
    (folder / "interactions.csv").write_text("\n".join(["customer_id,at,kind", *lines]) + "\n")
    with open_facts(project_of(folder, {"interactions": ["customer_id", "at", "kind"]}, "csv")) as facts:
        return late_entries(facts, as_of)


def entries_of(found: LateEntries) -> list[tuple[object, ...]]:
    """The late rows: customer, date, and after which date they were written."""
    rows = found.entries.to_pylist()
    return [(r["customer_id"], r["dated"], r["entered_after"]) for r in rows if r["entered_after"]]


def test_a_file_in_the_order_of_time_has_no_late_entries(tmp_path: Path) -> None:
    [found], silent = late(tmp_path, IN_ORDER)
    assert (found.table, found.rows, found.late_rows, found.entries.num_rows) == ("interactions", 200, 0, 0)
    assert silent == []


def test_rows_behind_much_later_ones_were_entered_late(tmp_path: Path) -> None:
    backfilled = [("C005", datetime(2025, 2, 1), "Complaint", ""), ("C006", datetime(2025, 7, 12), "call", "")]
    [found], _ = late(tmp_path, [*IN_ORDER, *backfilled])
    last = DAY + timedelta(days=199)  # 2025-07-19: the second is late by 7 days, which is tolerated
    assert found.late_rows == 1
    assert entries_of(found) == [("C005", datetime(2025, 2, 1), last)]
    assert found.entries.num_rows == 202
    assert {r["kind"] for r in found.entries.to_pylist()} == {"call", "complaint"}


def test_what_is_not_known_by_the_end_of_knowledge_says_nothing_about_the_rest(tmp_path: Path) -> None:
    misdated = [("C009", datetime(2030, 1, 1), "call", "")]
    [found], _ = late(tmp_path, [*IN_ORDER[:50], *misdated, *IN_ORDER[50:]])
    assert found.late_rows == 0


@pytest.mark.parametrize("rows", [sorted(IN_ORDER * 3, key=lambda r: (r[0][-1], r[1])), IN_ORDER[::-1], IN_ORDER[:20]])
def test_a_file_in_another_order_or_with_few_rows_says_nothing(tmp_path: Path, rows: list[Contact]) -> None:
    assert late(tmp_path, rows) == ([], ["interactions"])


def test_numbers_of_invoices_tell_the_order_where_the_file_does_not(tmp_path: Path) -> None:
    numbered = [(f"2025-{n:04}", DAY + timedelta(days=n)) for n in range(100)]
    backdated = ("2025-0100", datetime(2025, 1, 15))
    lines = [
        f"{number},C{number[-1]},{at:%Y-%m-%d},2025-12-31,5"
        for number, at in sorted([*numbered, backdated], key=lambda r: r[0][::-1])
    ]
    (tmp_path / "invoices.csv").write_text("\n".join(["invoice_id,customer_id,issued_at,due_at,amount", *lines]) + "\n")
    columns = ["invoice_id", "customer_id", "issued_at", "due_at", "amount"]
    with open_facts(project_of(tmp_path, {"invoices": columns}, "csv")) as facts:
        [found], silent = late_entries(facts, AS_OF)
    assert (found.table, found.order.en, found.late_rows) == ("invoices", "by invoice_id", 1)
    assert entries_of(found) == [("C0", datetime(2025, 1, 15), DAY + timedelta(days=99))]
    assert silent == []


def test_tables_without_customers_or_dates_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "customers.csv").write_text("customer_id,region\n" + "".join(f"C{n},north\n" for n in range(80)))
    with open_facts(project_of(tmp_path, {"customers": ["customer_id", "region"]}, "csv")) as facts:
        assert late_entries(facts, AS_OF) == ([], [])
