import sys
from datetime import datetime
from pathlib import Path
from subprocess import run

import pytest

from features.errors import FactsError, NotFoundError, StorageError
from features.project import Project, load_project
from features.sources import Facts, open_facts
from features.text import Text
from serving.demo import DEMOS, prepare
from serving.demo.packages import file_of_package


@pytest.fixture(scope="module")
def cdnow(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return load_project(prepare("cdnow", tmp_path_factory.mktemp("demos") / "cdnow"))


@pytest.fixture(scope="module")
def trading(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return load_project(prepare("trading", tmp_path_factory.mktemp("demos") / "trading"))


def _one(facts: Facts, sql: str) -> tuple[object, ...]:
    row = facts.connection.execute(sql).fetchone()
    assert row is not None
    return tuple(row)


def _set_aside(facts: Facts) -> int:
    return sum(reading.set_aside for reading in facts.readings.values())


def test_cdnow_has_every_purchase_and_keeps_the_zeros_of_its_ids(cdnow: Project) -> None:
    with open_facts(cdnow) as facts:
        counts = _one(facts, "SELECT count(*), count(DISTINCT customer_id), min(customer_id) FROM orders")
        span = _one(facts, "SELECT min(ordered_at), max(ordered_at), round(sum(amount), 2) FROM orders")
        assert _set_aside(facts) == 0
    assert counts == (69_659, 23_570, "00001")
    assert span == (datetime(1997, 1, 1), datetime(1998, 6, 30), 2_500_315.63)


def test_cdnow_has_6055_active_customers_on_31_march_1998_of_whom_62_percent_fall_silent(cdnow: Project) -> None:
    silent = """
        SELECT count(*), round(avg((next IS NULL)::INT), 3) FROM (
            SELECT max(ordered_at) FILTER (ordered_at < '1998-03-31') AS last,
                   min(ordered_at) FILTER (ordered_at >= '1998-03-31' AND ordered_at < DATE '1998-03-31' + 90) AS next
            FROM orders GROUP BY customer_id
        ) WHERE last >= DATE '1998-03-31' - 180
    """
    with open_facts(cdnow) as facts:
        assert _one(facts, silent) == (6_055, 0.616)


def test_trading_has_every_table_and_sets_no_row_aside(trading: Project) -> None:
    with open_facts(trading) as facts:
        assert set(facts.columns) == {"customers", "orders", "invoices", "payments", "interactions"}
        assert _set_aside(facts) == 0
        assert _one(facts, "SELECT count(*) FROM customers") == (2_000,)
        (orders,) = _one(facts, "SELECT count(*) FROM orders")
        margin_share = _one(facts, "SELECT sum(margin) / sum(amount) FROM orders")[0]
        hours = _one(facts, "SELECT min(hour(ordered_at)), max(hour(ordered_at)) FROM orders")
    assert isinstance(orders, int)
    assert 90_000 < orders < 115_000
    assert margin_share == pytest.approx(trading.value.margin_share, abs=0.02)
    assert hours == (5, 15)  # office hours in Berlin are 7 to 17


@pytest.mark.slow
def test_retail_has_every_line_on_new_yorks_calendar(tmp_path: Path) -> None:
    project = load_project(prepare("retail", tmp_path / "retail"))
    with open_facts(project) as facts:
        counts = _one(facts, "SELECT count(*), count(DISTINCT customer_id), count(DISTINCT order_id) FROM orders")
        first = _one(facts, "SELECT min(ordered_at), max(ordered_at), min(ordered_day)::VARCHAR FROM orders")
        last_day = _one(facts, "SELECT max(ordered_day)::VARCHAR, min(discount) FROM orders")
        without_category = _one(facts, "SELECT count(*) FROM orders WHERE category IS NULL")
        assert _set_aside(facts) == 0
    assert counts == (1_469_307, 2_469, 155_848)
    assert first == (datetime(2017, 1, 1, 11, 53, 26), datetime(2018, 1, 1, 4, 1, 20), "2017-01-01")
    assert last_day == ("2017-12-31", 0.0)
    assert without_category == (4_836,)


def test_a_demo_that_is_there_is_used_with_the_changes_made_to_it(tmp_path: Path) -> None:
    file = prepare("cdnow", tmp_path / "cdnow")
    file.write_text(
        file.read_text(encoding="utf-8").replace("horizon_days = 90", "horizon_days = 60"), encoding="utf-8"
    )
    assert prepare("cdnow", tmp_path / "cdnow") == file
    assert load_project(file).churn.horizon_days == 60


def test_a_folder_with_something_else_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(StorageError, match="not empty"):
        prepare("cdnow", tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["mine.txt"]


def test_an_interrupted_demo_leaves_nothing_behind(tmp_path: Path) -> None:
    def interrupt(step: Text, done: float) -> None:
        if done == 1.0:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare("cdnow", tmp_path / "cdnow", interrupt)
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_demo_gets_the_nearest_name() -> None:
    with pytest.raises(NotFoundError, match="Did you mean 'trading'"):
        prepare("tradin", Path("unused"))


def test_a_package_that_is_not_installed_is_named_with_the_extra_that_brings_it() -> None:
    with pytest.raises(FactsError, match=r"'no_such_package'.* pip install 'retinue\[demo\]'") as missing:
        file_of_package("no_such_package", "data/orders.parquet")
    assert "retinue[demo]" in missing.value.text.zh


def test_the_archived_package_is_read_without_being_imported(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from serving.demo import prepare; prepare('cdnow', pathlib.Path(sys.argv[1]));"
        "sys.exit('lifetimes' in sys.modules)"
    )
    run([sys.executable, "-c", code, str(tmp_path / "cdnow")], check=True)


@pytest.mark.parametrize("name", DEMOS)
def test_each_demo_says_where_its_data_come_from_in_both_languages(name: str) -> None:
    demo = DEMOS[name]
    words = ("imulated", "模拟") if demo.is_simulated else ("licence", "许可")
    assert words[0] in demo.source.en
    assert words[1] in demo.source.zh
    assert ("imulated" in demo.title.en) == demo.is_simulated
