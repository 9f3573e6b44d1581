"""The tables of a store: made by migrations alone, taken over from an earlier Retinue, and never half-changed."""

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, select, text, update

from features.errors import StorageError
from serving.score_schema import Score
from serving.store import STORE_FILE, Filters, Place, Sort, Store, find_customer, list_customers, publish, reading
from serving.store import migrating as module
from serving.store.migrating import held_revision, revisions
from serving.store.tables import METADATA, SCORES
from tests.serving.conftest import COMPANY, NO_STANDING, run, table
from tests.serving.store.places import opened, schema, written

BROKEN = '''
"""Half of it works."""
import sqlalchemy as sa
from alembic import op
revision, down_revision = "9999", "{newest}"
def upgrade():
    op.create_table("half", sa.Column("a", sa.Integer))
    op.execute("UPDATE no_such_table SET a = 1")
'''


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """A place where nothing is yet."""
    if request.param == "sqlite":
        yield tmp_path / "new" / STORE_FILE
    else:
        yield schema(request.getfixturevalue("postgresql"), "empty_place")


def tables(store: Store) -> set[str]:
    with store.writer.connect() as connection:
        return set(inspect(connection).get_table_names())


def test_migrations_make_exactly_the_tables_that_the_code_works_with(store: Store) -> None:
    with store.writer.begin() as connection:
        found = compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), METADATA)
    assert found == []


def test_what_is_compared_and_sorted_in_postgresql_goes_by_code_points(made_in_postgresql: Store) -> None:
    with reading(made_in_postgresql) as connection:
        found = connection.execute(
            text(
                "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = current_schema()"
                " AND data_type = 'character varying' AND collation_name IS DISTINCT FROM 'C'"
            )
        ).all()
    assert [tuple(row) for row in found] == [("alembic_version", "version_num")]


def test_the_files_of_migrations_are_one_chain() -> None:
    scripts = ScriptDirectory(str(module.SCRIPTS))
    assert scripts.get_heads() == [revisions()[-1]]
    assert [script.revision for script in scripts.walk_revisions()][::-1] == revisions()


def test_opening_again_changes_nothing_and_needs_no_right_to_write(place: Place) -> None:
    with opened(place) as first:
        assert tables(first) == {*METADATA.tables, "alembic_version"}
        with first.writer.begin(), opened(place) as second, reading(second) as connection:
            assert held_revision(connection) == revisions()[-1]


def test_a_migration_that_fails_changes_nothing(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(place) as store:
        publish(store, run(), table(COMPANY))
        before = tables(store)
    scripts = tmp_path / "migrations"
    shutil.copytree(module.SCRIPTS, scripts)
    (scripts / "versions" / "v9999_broken.py").write_text(BROKEN.format(newest=revisions()[-1]))
    with monkeypatch.context() as patched:
        patched.setattr(module, "SCRIPTS", scripts)
        with pytest.raises(StorageError, match="no_such_table"), opened(place):
            pass
    with opened(place) as store, reading(store) as connection:
        assert tables(store) == before
        assert find_customer(connection, "C-1") is not None


def test_a_store_of_a_newer_retinue_is_refused_with_words_and_left_alone(place: Place) -> None:
    with opened(place) as store, store.writer.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with (
        pytest.raises(StorageError, match="made by a newer Retinue: its tables have revision 9999") as refused,
        opened(place),
    ):
        pass
    assert "更新版本" in refused.value.text.zh
    assert "s3cret" not in str(refused.value)


OPEN = """
import sys
from serving.store import open_store
from tests.serving.store.places import read
input()
open_store(read(sys.argv[1])).close()
"""


def test_two_processes_that_open_a_new_store_at_once_make_one(place: Place) -> None:
    command = [sys.executable, "-c", OPEN, written(place)]
    both = [subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    for process in both:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.communicate(timeout=60)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0, 0], said
    with opened(place) as store:
        publish(store, run(), table(COMPANY))


def old_store(path: Path, ddl: str) -> None:
    """A store as an earlier Retinue made it, with the company in it."""
    with opened(path) as new:
        publish(new, run("old"), table(COMPANY))
    with sqlite3.connect(path) as source:
        rows = {
            name: (columns, source.execute(f"SELECT {', '.join(columns)} FROM {name}").fetchall())
            for name, columns in (
                (
                    "runs",
                    ["number", "run_id", "as_of", "published_at", "model_version", "model_metrics", "summary", "rows"],
                ),
                ("current", ["only", "run", "previous_run"]),
                (
                    "scores",
                    [
                        "run",
                        "customer_id",
                        "customer_name",
                        "churn_probability",
                        "segment",
                        "churn_band",
                        "recommended_action",
                        "expected_profit",
                        "value_at_stake",
                        "body",
                    ],
                ),
            )
        }
    for file in path.parent.glob(f"{path.name}*"):
        file.unlink()
    with sqlite3.connect(path) as target:
        target.execute("PRAGMA journal_mode = WAL")
        target.executescript(ddl)
        for name, (columns, values) in rows.items():
            marks = ", ".join("?" * len(columns))
            target.executemany(f"INSERT INTO {name} ({', '.join(columns)}) VALUES ({marks})", values)


def test_a_store_that_an_earlier_retinue_made_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / STORE_FILE
    old_store(path, (Path(__file__).parent / "first_tables.sql").read_text())
    with opened(path) as store:
        with store.writer.begin() as connection:  # bodies of that time knew no tiers either
            for customer_id, body in connection.execute(select(SCORES.c.customer_id, SCORES.c.body)).all():
                known = {name: value for name, value in json.loads(body).items() if name not in NO_STANDING}
                mine = SCORES.c.customer_id == customer_id
                connection.execute(update(SCORES).where(mine).values(body=json.dumps(known).encode()))
        with store.writer.begin() as connection:
            assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
        with reading(store) as connection:
            stored = find_customer(connection, "C-1")
            assert stored is not None
            assert Score.model_validate_json(stored.body).tier is None
            page = list_customers(connection, "old", Filters(), Sort("lifetime_value", True), None, 10)
            assert len(page.bodies) == len(COMPANY)
        publish(store, run("new"), table(COMPANY))
        with reading(store) as connection:
            page = list_customers(connection, "new", Filters(tier="key"), Sort("lifetime_value", True), None, 10)
        assert [json.loads(body)["customer_id"] for body in page.bodies] == ["C-1"]


def test_the_tables_of_the_last_retinue_without_revisions_are_already_right(tmp_path: Path) -> None:
    path = tmp_path / STORE_FILE
    with sqlite3.connect(path) as target:
        target.executescript((Path(__file__).parent / "last_tables_without_revision.sql").read_text())
    with opened(path) as store, store.writer.begin() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
        assert held_revision(connection) == revisions()[-1]
