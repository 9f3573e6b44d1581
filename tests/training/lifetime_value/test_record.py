"""What is read of purchases and returns: whole days of the project's calendar, as known at the instant."""

from datetime import UTC, datetime
from operator import attrgetter
from pathlib import Path

import numpy as np
import pytest

from features.errors import FactsError, NotEnoughDataError
from features.project import Project, load_project
from features.sources import open_facts
from training.lifetime_value.record import read_blocks, read_record

ORDERS = """customer_id,ordered_at,amount,margin,known_at
A,2025-01-01 09:00,100,30,2025-01-01 09:00
A,2025-01-01 15:00,50,20,2025-01-01 15:00
A,2025-01-03 10:00,-40,-10,2025-01-03 10:00
A,2025-01-11 08:00,80,,2025-01-11 08:00
A,2025-01-21 08:00,60,6,2025-01-25 08:00
B,2025-01-05 23:30,10,2,2025-01-05 23:30
B,2025-01-02 08:00,-5,-1,2025-01-02 08:00
C,2025-01-09 08:00,-5,-1,2025-01-09 08:00
D,2025-01-19 08:00,0,0,2025-01-19 08:00
E,2025-01-20 08:00,7,1,2025-01-20 08:00
"""
"""A: two orders of a day, a return, an order without margin, one that was known late. B returned before it bought. C only
returned. D had something for nothing. E bought on the day of the cut-off."""


def project(folder: Path, columns: str = "") -> Project:
    (folder / "orders.csv").write_text(ORDERS)
    mapped = "\n".join(f'{c} = "{c}"' for c in ("customer_id", "ordered_at", "amount", "margin", "known_at"))
    (folder / "retinue.toml").write_text(
        f"""[project]
name = "Tiny"
currency = "EUR"
timezone = "Asia/Shanghai"
[tables.orders]
path = "orders.csv"
[tables.orders.columns]
{mapped}
[value]
margin_share = 0.25
{columns}"""
    )
    return load_project(folder)


def day(number: int) -> float:
    """A day of January 2025, counted from 1970."""
    return 20088.0 + number


AS_OF = datetime(2025, 1, 19, 16, tzinfo=UTC)
"""The beginning of the 20th of January in Shanghai."""


def test_orders_of_a_day_are_one_purchase_and_a_return_is_none(tmp_path: Path) -> None:
    with open_facts(project(tmp_path)) as facts:
        record = read_record(facts, AS_OF)
    assert record.last_day == day(19)
    # A, B and D have bought; C has only returned, E and the late row of A are not known yet
    assert record.customer.tolist() == [0, 0, 0, 1, 1, 2]
    assert record.day.tolist() == [day(1), day(3), day(11), day(2), day(5), day(19)]
    assert record.bought.tolist() == [True, False, True, False, True, True]
    assert record.amount.tolist() == [150, -40, 80, -5, 10, 0]
    assert record.margin.tolist() == [50, -10, 20, -1, 2, 0]  # without a margin: a quarter of 80
    days = record.days
    assert (days.customer.tolist(), days.amount.tolist()) == ([0, 0, 1, 2], [150, 80, 10, 0])


def test_a_return_counts_against_the_purchase_day_before_it(tmp_path: Path) -> None:
    with open_facts(project(tmp_path)) as facts:
        record = read_record(facts, AS_OF)
    earned = record.earned(day(19))
    assert earned.amounts.purchase_days.tolist() == [2, 1, 1]
    assert earned.amounts.mean_amount[:2].tolist() == [95, 5]
    assert 0 < earned.amounts.mean_amount[2] < 1e-3  # who paid nothing is held above 0
    assert earned.margins.mean_margin.tolist() == [30, 1, 0]
    # A's days brought 50 - 10 and 20
    assert earned.margins.squares.tolist() == [200, 0, 0]
    # by the 2nd of January only A had bought, and had returned nothing; B's return then is of no customer yet
    early = record.earned(day(2))
    assert (early.amounts.mean_amount.tolist(), early.margins.mean_margin.tolist()) == ([150], [50])


def test_what_comes_after_a_day_is_counted_by_its_own_date_and_discounted(tmp_path: Path) -> None:
    with open_facts(project(tmp_path)) as facts:
        record = read_record(facts, AS_OF)
    revenue, margin = record.came(day(1), day(11), force_per_day=np.log(2) / 10)
    assert revenue.tolist() == [40, 5, 0]
    # -10 two days on, 20 ten days on; -1 after one day and 2 after four
    assert margin == pytest.approx([-10 * 2**-0.2 + 20 / 2, -(2**-0.1) + 2 * 2**-0.4, 0])


@pytest.mark.parametrize("rows", [1, 2, 100])
def test_blocks_say_of_each_customer_what_the_record_says(tmp_path: Path, rows: int) -> None:
    with open_facts(project(tmp_path)) as facts:
        record, blocks = read_record(facts, AS_OF), list(read_blocks(facts, AS_OF, rows))
    known, earned = record.days.known(record.last_day), record.earned(record.last_day)
    assert np.concatenate([block.customer_id for block in blocks]).tolist() == ["A", "B", "D"]

    def joined(path: str) -> list[float]:
        parts: list[float] = np.concatenate([attrgetter(path)(block) for block in blocks]).tolist()
        return parts

    assert joined("known.history.repeat_purchases") == known.history.repeat_purchases.tolist() == [1, 0, 0]
    assert joined("known.history.first_to_last_days") == known.history.first_to_last_days.tolist() == [10, 0, 0]
    assert joined("known.history.age_days") == known.history.age_days.tolist() == [18, 14, 0]
    assert joined("known.mean_amount") == known.mean_amount.tolist() == [115, 10, 0]
    assert joined("known.recent_purchases") == known.recent_purchases.tolist()
    assert joined("margin") == (earned.margins.mean_margin * earned.margins.purchase_days).tolist()
    assert joined("amount") == [190, 5, 0]


def test_a_late_fact_counts_from_when_it_was_known(tmp_path: Path) -> None:
    with open_facts(project(tmp_path)) as facts:
        later = read_record(facts, datetime(2025, 1, 26, tzinfo=UTC))
    assert later.day[later.customer == 0].tolist() == [day(1), day(3), day(11), day(21)]


def test_nobody_and_nothing_are_refused(tmp_path: Path) -> None:
    with open_facts(project(tmp_path)) as facts, pytest.raises(NotEnoughDataError, match="Nobody had bought before"):
        read_record(facts, datetime(2024, 12, 1, tzinfo=UTC))
    (tmp_path / "invoices.csv").write_text(
        "customer_id,invoice_id,issued_at,amount,due_at\nA,1,2025-01-01,10,2025-01-31\n"
    )
    (tmp_path / "retinue.toml").write_text(
        '[project]\nname = "T"\ncurrency = "EUR"\n[tables.invoices]\npath = "invoices.csv"\n[tables.invoices.columns]\n'
        + "\n".join(f'{c} = "{c}"' for c in ("customer_id", "invoice_id", "issued_at", "amount", "due_at"))
    )
    with open_facts(load_project(tmp_path)) as facts, pytest.raises(FactsError, match=r"orders\.amount"):
        read_record(facts, AS_OF)
