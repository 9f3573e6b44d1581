from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from features.sources import open_facts
from tests.training.companies import company, utc
from training.labels import evidence

CUTOFF, END, LATER = utc(2025, 3, 1), utc(2025, 3, 31), utc(2025, 6, 1)


def bought(folder: Path, orders: Sequence[tuple[str, ...]], known_before: datetime = LATER) -> set[str]:
    with open_facts(company(folder, orders)) as facts:
        return {customer for _, customer in evidence(facts, [CUTOFF], 30, known_before).index}


def test_the_window_is_half_open(tmp_path: Path) -> None:
    orders = [
        ("just before", "2025-02-28 23:59:59", "10"),
        ("at the cut-off", "2025-03-01 00:00:00", "10"),
        ("just before the end", "2025-03-30 23:59:59", "10"),
        ("at the end", "2025-03-31 00:00:00", "10"),
    ]
    assert bought(tmp_path, orders) == {"at the cut-off", "just before the end"}


def test_a_return_is_no_purchase(tmp_path: Path) -> None:
    orders = [("A", "2025-03-05", "-10"), ("B", "2025-03-05", "0"), ("C", "2025-03-05", "10")]
    assert bought(tmp_path, orders) == {"B", "C"}


def test_a_purchase_that_became_known_too_late_does_not_count(tmp_path: Path) -> None:
    orders = [
        ("known at once", "2025-03-05", "10", "2025-03-05"),
        ("known a day before", "2025-03-05", "10", "2025-03-30"),
        ("known on the day", "2025-03-05", "10", "2025-03-31"),
    ]
    assert bought(tmp_path, orders, known_before=END) == {"known at once", "known a day before"}


def test_a_customer_who_bought_twice_is_labelled_once_and_each_cutoff_has_its_own_label(tmp_path: Path) -> None:
    orders = [("A", "2025-03-05", "10"), ("A", "2025-03-06", "10"), ("B", "2025-04-20", "10")]
    with open_facts(company(tmp_path, orders)) as facts:
        labels = evidence(facts, [CUTOFF, utc(2025, 4, 1)], 30, LATER)
    assert [(as_of.to_pydatetime(), customer) for as_of, customer in sorted(labels.index)] == [
        (CUTOFF, "A"),
        (utc(2025, 4, 1), "B"),
    ]
    assert labels.tolist() == [2, 1]  # purchases


def test_an_incomplete_window_is_refused(tmp_path: Path) -> None:
    with open_facts(company(tmp_path, [("A", "2025-03-05", "10")])) as facts:
        with pytest.raises(ValueError, match="reaches beyond what is known"):
            evidence(facts, [CUTOFF], 30, utc(2025, 3, 30, 23, 59, 59))
        assert len(evidence(facts, [CUTOFF], 30, END)) == 1


def test_days_are_counted_on_the_calendar_of_the_cutoff_when_summer_time_begins(tmp_path: Path) -> None:
    berlin = ZoneInfo("Europe/Berlin")
    orders = [("before midnight", "2025-03-30 23:30:00", "10"), ("after midnight", "2025-03-31 00:30:00", "10")]
    with open_facts(company(tmp_path, orders, timezone="Europe/Berlin")) as facts:
        labels = evidence(facts, [datetime(2025, 3, 1, tzinfo=berlin)], 30, LATER)
    assert [customer for _, customer in labels.index] == ["before midnight"]
