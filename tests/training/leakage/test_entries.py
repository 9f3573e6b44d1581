"""Late entries at one cut-off, and whether being late foretells leaving."""

from datetime import datetime, timedelta

import pandas as pd
import pyarrow as pa

from features.leakage.entry_order import LateEntries
from features.text import Text
from tests.training.companies import utc
from training.leakage.entries import check_entries

CUTOFF = utc(2025, 7, 1)
DATED, ENTERED = datetime(2025, 6, 1), datetime(2025, 9, 1)
CUSTOMERS = 100

Row = tuple[str, str, datetime, datetime | None]


def late(rows: list[Row], of_rows: int = 0) -> LateEntries:
    """Late entries of contacts from (customer, kind, dated, entered_after)."""
    names = ("customer_id", "kind", "dated", "entered_after")
    types = (pa.string(), pa.string(), pa.timestamp("us"), pa.timestamp("us"))
    columns = {n: pa.array([r[i] for r in rows], types[i]) for i, n in enumerate(names)}
    number = sum(r[3] is not None for r in rows)
    return LateEntries("interactions", Text("in the file", "在文件中"), of_rows or len(rows), number, pa.table(columns))


def labelled(left: set[int]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "customer_id": [f"C{n}" for n in range(CUSTOMERS)],
            "as_of": CUTOFF,
            "churned": [int(n in left) for n in range(CUSTOMERS)],
        }
    )


def complaints(late_ones: range, in_time: range) -> list[Row]:
    return [(f"C{n}", "complaint", DATED, ENTERED) for n in late_ones] + [
        (f"C{n}", "complaint", DATED, None) for n in in_time
    ]


def test_late_complaints_of_those_who_left_fail() -> None:
    left = {*range(20), *range(50, 60)}
    finding = check_entries(late(complaints(range(20), range(20, 80))), [CUTOFF], labelled(left))
    assert (finding.check, finding.subject, finding.severity) == ("entry_order", "interactions", "failed")
    assert finding.count == 20
    assert finding.cutoff == CUTOFF
    assert finding.example == "C0"
    assert "of the kind 'complaint'" in finding.what.en
    assert (
        "100% of 20 customers with such a row leave, but 17% of 60 with one that was entered in time" in finding.what.en
    )


def test_late_complaints_of_those_who_leave_like_others_are_a_warning() -> None:
    finding = check_entries(late(complaints(range(20), range(20, 80))), [CUTOFF], labelled(set(range(0, 100, 4))))
    assert (finding.severity, finding.count, finding.unit) == ("warning", 20, "rows")
    assert "20 rows that are dated before the cut-off stand (in the file) behind rows dated after it" in finding.what.en
    assert "up to 92 days" in finding.what.en


def test_late_complaints_are_compared_with_complaints_and_not_with_calls() -> None:
    """Whoever complains leaves, late or not; whoever is called stays."""
    rows = complaints(range(20), range(20, 40)) + [(f"C{n}", "call", DATED, None) for n in range(40, 100)]
    assert check_entries(late(rows), [CUTOFF], labelled(set(range(40)))).severity == "warning"


def test_older_facts_are_no_comparison() -> None:
    rows = complaints(range(20), range(0)) + [(f"C{n}", "complaint", datetime(2020, 1, 1), None) for n in range(20, 80)]
    assert check_entries(late(rows), [CUTOFF], labelled(set(range(20)))).severity == "warning"


def test_without_labels_late_entries_are_a_warning() -> None:
    assert check_entries(late(complaints(range(20), range(20, 80))), [CUTOFF], None).severity == "warning"


def test_rows_that_were_entered_before_the_cut_off_do_no_harm() -> None:
    rows = [(f"C{n}", "complaint", DATED, datetime(2025, 6, 30)) for n in range(20)]
    finding = check_entries(late(rows), [CUTOFF, CUTOFF + timedelta(days=300)], labelled(set(range(20))))
    assert (finding.severity, finding.count) == ("passed", 20)
    assert "20 of 20 rows were entered late (in the file), at most 0 of them across a cut-off" in finding.what.en


def test_a_slip_of_the_pen_among_thousands_of_rows_is_no_warning() -> None:
    finding = check_entries(late(complaints(range(2), range(2, 20)), of_rows=5_000), [CUTOFF], labelled(set()))
    assert finding.severity == "passed"
