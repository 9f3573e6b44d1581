"""The store: a run is published whole or not at all, and read as the bytes that were published."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pytest

from features.errors import NotFoundError, StorageError
from serving.score_schema import SCORES_SCHEMA, Score
from serving.store import (
    SORT_COLUMNS,
    Filters,
    Run,
    Sort,
    Store,
    count_customers,
    current_run,
    find_customer,
    find_customers,
    list_customers,
    open_store,
    publish,
    reading,
    roll_back,
)
from tests.serving.conftest import ABSTAINED, AS_OF, COMPANY, ODD_ID, PUBLISHED_AT, run, score, table
from tests.serving.store.places import written

EVERYBODY = Filters()


def served_id(store: Store) -> str | None:
    with reading(store) as connection:
        current = current_run(connection)
    return current.run_id if current else None


def ids(store: Store, sort: Sort, filters: Filters = EVERYBODY, run_id: str = "run-1", size: int = 2) -> list[str]:
    """All customers of a list, read in pages of ``size``."""
    found: list[str] = []
    after = None
    with reading(store) as connection:
        while True:
            page = list_customers(connection, run_id, filters, sort, after, size)
            assert len(page.bodies) <= size
            found += [json.loads(body)["customer_id"] for body in page.bodies]
            after = page.last
            if after is None:
                return found


# What is published


def test_the_arrow_columns_are_the_fields_of_a_score_in_the_same_order() -> None:
    assert SCORES_SCHEMA.names == list(Score.model_fields)


def test_a_published_customer_equals_its_row_field_for_field(store: Store) -> None:
    publish(store, run(), table(COMPANY))
    with reading(store) as connection:
        for row in COMPANY:
            stored = find_customer(connection, row["customer_id"])
            assert stored is not None
            assert stored.published.as_of == AS_OF
            since = row["trajectory_since"] and row["trajectory_since"].isoformat()
            assert json.loads(stored.body) == row | {"as_of": "2026-03-31T00:00:00Z", "trajectory_since": since}
            assert list(json.loads(stored.body)) == SCORES_SCHEMA.names
            assert Score.model_validate_json(stored.body).model_dump() == row


def test_the_summary_counts_and_sums_what_was_published(store: Store) -> None:
    published = publish(store, run(), table(COMPANY))
    assert (published.run_id, published.rows, published.model_version) == ("run-1", 5, "3")
    assert (published.as_of, published.published_at) == (AS_OF, PUBLISHED_AT)
    assert published.model_metrics == {"auc": 0.78, "top_decile_lift": None}
    assert published.summary.model_dump() == {
        "customers": 5,
        "abstained": 1,
        "leaving": {"en": "no purchase for 90 days", "zh": "90 天内没有购买"},
        "by_segment": {"loyal": 2, "at_risk": 1, "lost": 1},
        "by_churn_band": {"medium": 2, "high": 1, "low": 1},
        "by_tier": {"key": 1},
        "tier_names": {"key": {"en": "House account", "zh": "大客户"}},
        "by_lifecycle_stage": {"maturity": 1},
        "by_trajectory": {"declining": 1},
        "lifetime_value": 281.25,
        "by_action": {"call": 3, "no_action": 1},
        "action_names": {
            "call": {"en": "Personal call", "zh": "电话回访"},
            "no_action": {"en": "Personal call", "zh": "电话回访"},
        },
        "high_risk_value_at_stake": 300.0,
        "expected_profit": 75.0 + 40.25 + 40.25,
        "currency": "EUR",
        "drift": None,
        "churn_horizon_days": 90,
        "value_horizon_days": 365,
    }


def test_sums_of_which_no_part_is_known_are_not_zero_but_unknown(store: Store) -> None:
    nothing = ABSTAINED | {"churn_probability": 0.9, "churn_band": "high", "segment": None, "value_at_stake": None}
    summary = publish(store, run(), table([score("P-1", **nothing), score("P-2", **nothing)])).summary
    assert (summary.high_risk_value_at_stake, summary.expected_profit, summary.by_action) == (None, None, {})
    assert not summary.knows_money
    valued = publish(store, run("run-2"), table([score("P-1", **nothing | {"value_at_stake": 7.0})])).summary
    assert (valued.high_risk_value_at_stake, valued.knows_money) == (7.0, True)


def test_record_batches_are_published_like_a_table(store: Store) -> None:
    batches: Iterator[pa.RecordBatch] = iter(table(COMPANY).to_batches(max_chunksize=2))
    assert publish(store, run(), batches).rows == 5


def test_columns_in_another_order_or_narrower_types_are_put_right(store: Store) -> None:
    shuffled = table(COMPANY).select(SCORES_SCHEMA.names[::-1])
    at = shuffled.schema.get_field_index("churn_horizon_days")
    narrow = shuffled.set_column(at, "churn_horizon_days", shuffled["churn_horizon_days"].cast(pa.int32()))
    publish(store, run(), narrow)
    with reading(store) as connection:
        stored = find_customer(connection, "C-1")
    assert stored is not None
    assert list(json.loads(stored.body)) == SCORES_SCHEMA.names


# What is refused, leaving all as it was


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([], "holds no customers"),
        ([score("C-1"), score("C-1")], "more than once"),
        ([score("C-1"), score("C-2", churn_probability=float("nan"))], "churn_probability holds NaN"),
        ([score("C-1", expected_profit=float("inf"))], "expected_profit holds NaN or infinity"),
        ([score("")], "customer_id is empty"),
        ([score("x" * 513)], "longer than 512 characters"),
        ([score("a\0b")], "holds a NUL"),
        ([score("C-1", as_of=datetime(2026, 3, 30, tzinfo=AS_OF.tzinfo))], "as_of differs"),
    ],
)
def test_scores_that_break_the_contract_are_refused_and_the_old_run_stays(
    store: Store, rows: list[dict[str, object]], words: str
) -> None:
    publish(store, run("old"), table(COMPANY))
    with pytest.raises(StorageError, match=words):
        publish(store, run("new"), table(rows))
    assert served_id(store) == "old"
    assert ids(store, Sort("customer_id", False), run_id="new") == []


def test_a_missing_column_is_refused(store: Store) -> None:
    with pytest.raises(StorageError, match="reasons"):
        publish(store, run(), table(COMPANY).drop_columns(["reasons"]))
    assert served_id(store) is None


def test_a_gap_in_a_column_without_gaps_is_refused(store: Store) -> None:
    gap = table(COMPANY).cast(pa.schema([f.with_nullable(True) for f in SCORES_SCHEMA]))
    at = gap.schema.get_field_index("currency")
    gap = gap.set_column(at, "currency", pa.array(["EUR", None, "EUR", "EUR", "EUR"]))
    with pytest.raises(StorageError, match="currency"):
        publish(store, run(), gap)


# Runs follow one another


def test_publishing_the_same_run_again_changes_nothing(store: Store) -> None:
    publish(store, run("a"), table(COMPANY))
    first = publish(store, run("b"), table(COMPANY))
    again = publish(store, run("b"), table(COMPANY))
    assert again == first
    assert ids(store, Sort("customer_id", False), run_id="b") == ids(store, Sort("customer_id", False), run_id="a")
    assert roll_back(store).run_id == "a"


def test_the_previous_run_is_kept_and_older_ones_go(store: Store) -> None:
    for run_id in ("a", "b", "c"):
        publish(store, run(run_id), table([score(f"of-{run_id}")]))
    assert served_id(store) == "c"
    assert ids(store, Sort("customer_id", False), run_id="b") == ["of-b"]
    assert ids(store, Sort("customer_id", False), run_id="a") == []


def test_rolling_back_serves_the_previous_run_and_twice_returns(store: Store) -> None:
    publish(store, run("a"), table([score("of-a")]))
    publish(store, run("b"), table([score("of-b")]))
    assert roll_back(store).run_id == "a"
    with reading(store) as connection:
        assert find_customer(connection, "of-a") is not None
        assert find_customer(connection, "of-b") is None
    assert roll_back(store).run_id == "b"


def test_a_run_published_after_a_roll_back_keeps_the_run_that_was_served(store: Store) -> None:
    publish(store, run("a"), table(COMPANY))
    publish(store, run("b"), table(COMPANY))
    roll_back(store)
    publish(store, run("c"), table(COMPANY))
    assert roll_back(store).run_id == "a"


def test_without_an_earlier_run_there_is_nothing_to_roll_back_to(store: Store) -> None:
    publish(store, run("a"), table(COMPANY))
    with pytest.raises(NotFoundError, match="no earlier run"):
        roll_back(store)
    assert served_id(store) == "a"


# Lists and look-ups


def test_a_list_is_sorted_pages_join_and_those_without_a_value_come_last(store: Store) -> None:
    publish(store, run(), table(COMPANY))
    assert ids(store, Sort("expected_profit", True)) == ["C-1", "C-3", ODD_ID, "C-2", "C-5"]
    assert ids(store, Sort("expected_profit", False)) == ["C-2", ODD_ID, "C-3", "C-1", "C-5"]
    assert ids(store, Sort("churn_probability", True)) == ["C-1", "C-3", ODD_ID, "C-2", "C-5"]
    assert ids(store, Sort("customer_id", True)) == ["C-5", "C-3", "C-2", "C-1", ODD_ID]


@pytest.mark.parametrize("column", SORT_COLUMNS)
@pytest.mark.parametrize("descending", [True, False])
def test_pages_hold_every_customer_once_when_values_are_equal(store: Store, column: str, descending: bool) -> None:
    rows = [score(f"C-{i:02}", expected_profit=float(i % 3)) for i in range(15)]
    rows += [score(f"N-{i:02}", **ABSTAINED) for i in range(5)]
    publish(store, run(), table(rows))
    whole = ids(store, Sort(column, descending), size=40)
    assert sorted(whole) == sorted(row["customer_id"] for row in rows)
    for size in (1, 3, 7, 15):
        assert ids(store, Sort(column, descending), size=size) == whole


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (Filters(segment="at_risk"), ["C-1"]),
        (Filters(churn_band="medium"), [ODD_ID, "C-3"]),
        (Filters(action="no_action"), ["C-2"]),
        (Filters(segment="loyal", churn_band="low"), ["C-2"]),
        (Filters(search="c-"), ["C-1", "C-2", "C-3", "C-5"]),
        (Filters(search="zed &"), [ODD_ID]),
        (Filters(search="%"), []),
        (Filters(search="_"), []),
        (Filters(segment="nothing"), []),
        (Filters(tier="key"), ["C-1"]),
        (Filters(stage="maturity", trajectory="declining"), ["C-1"]),
        (Filters(stage="growth"), []),
    ],
)
def test_filters_choose_customers(store: Store, filters: Filters, expected: list[str]) -> None:
    publish(store, run(), table(COMPANY))
    assert ids(store, Sort("customer_id", False), filters) == expected
    with reading(store) as connection:
        assert count_customers(connection, "run-1", filters) == len(expected)


def test_many_customers_are_found_at_once_and_strange_ids_are_not(store: Store) -> None:
    publish(store, run(), table(COMPANY))
    with reading(store) as connection:
        found = find_customers(connection, ["C-2", "nobody", ODD_ID, "C-1\0", "C-1\0x", "c-1"])
    assert found is not None
    assert sorted(found.bodies) == sorted(["C-2", ODD_ID])
    assert found.published.as_of == AS_OF


def test_nobody_is_found_while_nothing_is_published(store: Store) -> None:
    with reading(store) as connection:
        assert find_customer(connection, "C-1") is None
        assert find_customers(connection, ["C-1"]) is None


# Faults of the machine


def test_readers_see_one_run_while_others_are_published(store: Store) -> None:
    def rows(value: float) -> pa.Table:
        return table([score(f"C-{i:03}", expected_profit=value) for i in range(100)])

    publish(store, run("0"), rows(0.0))
    mixed: list[set[float]] = []
    seen: set[float] = set()
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            with reading(store) as connection:
                current = current_run(connection)
                assert current is not None
                sort = Sort("customer_id", False)
                page = list_customers(connection, current.run_id, Filters(), sort, None, 100)
                everybody = find_customers(connection, [f"C-{i:03}" for i in range(100)])
                assert everybody is not None
            values = {json.loads(b)["expected_profit"] for b in [*page.bodies, *everybody.bodies.values()]}
            seen.update(values)
            if values != {float(current.run_id)}:
                mixed.append(values)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for number in range(1, 9):
        publish(store, run(str(number)), rows(float(number)))
    done.set()
    for reader in readers:
        reader.join()
    assert mixed == []
    assert len(seen) > 1


_PUBLISH_HALF = """
import sys, time
from serving.store import open_store, publish
from tests.serving.conftest import run, score, table
from tests.serving.store.places import read

def batches():
    for part in range(2):
        yield from table([score(f"new-{part}-{i}") for i in range(3000)]).to_batches()
        print("half", flush=True)
        time.sleep(60)

publish(open_store(read(sys.argv[1])), run("new"), batches())
"""


def test_a_publishing_process_that_is_killed_leaves_the_old_run_served(store: Store) -> None:
    publish(store, run("old"), table(COMPANY))
    command = [sys.executable, "-c", _PUBLISH_HALF, written(store.place)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "half\n"
        assert served_id(store) == "old"
        process.send_signal(signal.SIGKILL)
    reopened = open_store(store.place)
    assert served_id(reopened) == "old"
    assert len(ids(reopened, Sort("customer_id", False), run_id="old")) == 5
    assert ids(reopened, Sort("customer_id", False), run_id="new") == []
    publish(reopened, run("new"), table(COMPANY))
    assert served_id(reopened) == "new"
    reopened.close()


_PUBLISH_MUCH = """
import resource, sys
from pathlib import Path
from features.errors import StorageError
from serving.store import open_store, publish
from tests.serving.conftest import COMPANY, run, score, table
from tests.serving.store.test_store import EVERYBODY, Sort, ids, served_id

store = open_store(Path(sys.argv[1]))
publish(store, run("old"), table(COMPANY))
if len(sys.argv) > 2:
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
try:
    publish(store, run("new"), table([score(f"C-{i}") for i in range(5000)]))
except StorageError as error:
    print(error)
print(served_id(store), len(ids(store, Sort("customer_id", False), run_id="old")))
"""


def test_a_file_that_may_not_grow_is_a_clear_error_and_the_old_run_stays(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _PUBLISH_MUCH, str(tmp_path / "store.db"), "2000000"]
    error, state = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert "nothing was changed" in error
    assert state == "old 5"


_SMALL_DISK = 'mount -t tmpfs -o size=2m tmpfs "$1" || exit 77; exec "$2" -c "$3" "$1/store.db"'


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("unshare") is None, reason="needs root to make a small disk")
def test_a_full_disk_is_a_clear_error_and_the_old_run_stays(tmp_path: Path) -> None:
    # The disk is mounted for that process alone, and goes when it ends.
    command = ["unshare", "--mount", "sh", "-c", _SMALL_DISK, "sh", str(tmp_path), sys.executable, _PUBLISH_MUCH]
    ended = subprocess.run(command, capture_output=True, text=True)
    if ended.returncode == 77 or "unshare" in ended.stderr:
        pytest.skip("this machine does not let us make a small disk")
    error, state = ended.stdout.splitlines()
    assert "is full" in error
    assert state == "old 5"


def test_a_store_that_somebody_else_writes_to_is_a_clear_error_and_can_be_read(store: Store) -> None:
    publish(store, run("old"), table(COMPANY))
    impatient = open_store(store.place, busy_seconds=0.05)
    with store.writer.begin():
        with pytest.raises(StorageError, match="in use by another run"):
            publish(impatient, run("new"), table(COMPANY))
        assert served_id(impatient) == "old"
    assert publish(impatient, run("new"), table(COMPANY)).run_id == "new"
    impatient.close()


def test_an_instant_without_a_time_zone_is_refused(store: Store) -> None:
    with pytest.raises(ValueError, match="with its time zone"):
        publish(store, Run("r", AS_OF.replace(tzinfo=None), PUBLISHED_AT), table(COMPANY))
    assert served_id(store) is None


def test_a_file_that_is_no_store_is_a_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    path.write_text("name,amount\n" * 100)
    with pytest.raises(StorageError, match="not a Retinue store"):
        open_store(path)
    assert path.read_text().startswith("name,amount")


def test_a_place_that_cannot_be_a_folder_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot be used"):
        open_store(tmp_path / "file" / "store.db")


def test_a_path_with_odd_characters_works(tmp_path: Path) -> None:
    store = open_store(tmp_path / "a b?c#d%20客" / "store.db")
    publish(store, Run("r", AS_OF, PUBLISHED_AT), table(COMPANY))
    assert served_id(store) == "r"
    assert (tmp_path / "a b?c#d%20客" / "store.db").exists()
    store.close()
