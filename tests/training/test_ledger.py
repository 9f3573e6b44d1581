"""The ledger keeps what served when: entries are only ever added, and what was changed all the same is noticed."""

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from features.errors import StorageError
from features.text import Text
from tests.training.companies import utc
from training.ledger import (
    FIRST_DIGEST,
    GUARDS,
    Challenge,
    Promotion,
    Scoring,
    Service,
    Shadow,
    append,
    last_promotion,
    read_ledger,
    scoring_at,
    verify,
    writing,
)

PROMOTION = Promotion(
    utc(2026, 1, 5, 8), "acme-churn", "1", None, "li@host", "trained", Text("It is better.", "更好。"), "passed"
)
SCORING = Scoring(
    at=utc(2026, 1, 6, 2),
    run_id="20260106T0000-abc",
    as_of=utc(2026, 1, 6),
    model="acme-churn",
    version="1",
    model_run_id="f00d",
    segments_version="1",
    catalogue_hash="9f2c61d0",
    code_version="0.1.0+123456789abc",
    rows=240,
    scores_digest="aa" * 32,
    snapshot="snapshots/20260106T0000-abc.parquet",
    snapshot_digest="bb" * 32,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "workspace" / "ledger.db"


@pytest.fixture
def filled(path: Path) -> Path:
    """A promotion and two scorings."""
    for record in (PROMOTION, SCORING, replace(SCORING, at=utc(2026, 1, 7, 2), run_id="second")):
        with writing(path) as book:
            append(book, record)
    return path


def run_sql(path: Path, *statements: str) -> None:
    with sqlite3.connect(path) as connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


def test_what_was_written_is_read_again_in_its_order(filled: Path) -> None:
    entries = read_ledger(filled)
    assert [entry.number for entry in entries] == [1, 2, 3]
    assert [entry.record for entry in entries[:2]] == [PROMOTION, SCORING]
    assert [entry.previous_digest for entry in entries] == [FIRST_DIGEST, entries[0].digest, entries[1].digest]
    assert verify(filled) is None


def test_a_ledger_of_an_earlier_release_takes_what_servers_say_and_keeps_its_digests(filled: Path) -> None:
    before = read_ledger(filled)
    old = "UPDATE sqlite_master SET sql = replace(sql, ', ''service'', ''shadow'', ''challenge''', '') WHERE name = 'entries'"
    run_sql(filled, "PRAGMA writable_schema = ON", old)
    further = "INSERT INTO entries SELECT 4, at, 'service', body, digest, 'x' FROM entries WHERE number = 3"
    with pytest.raises(sqlite3.IntegrityError, match="CHECK"):
        run_sql(filled, further)
    refused = Service(utc(2026, 1, 8), "acme-churn", "2", "champion", "host 1 2.0", refused=Text("No.", "不。"))
    shadow = Shadow(utc(2026, 1, 9), utc(2026, 1, 8), "acme-churn", "2", "1", "host 1 2.0", 10, 0.1, 0.2, 0.3)
    challenge = Challenge(utc(2026, 1, 10), "acme-churn", None, "2", "li@office")
    for record in (refused, shadow, challenge):
        with writing(filled) as book:
            append(book, record)
    entries = read_ledger(filled)
    assert entries[:3] == before
    assert [entry.record for entry in entries[3:]] == [refused, shadow, challenge]
    assert verify(filled) is None


def test_where_there_is_no_ledger_nothing_is_made_and_nothing_is_wrong(path: Path) -> None:
    assert read_ledger(path) == []
    assert verify(path) is None
    assert not path.parent.exists()


def test_a_ledger_whose_first_writer_was_killed_is_empty_and_usable(path: Path) -> None:
    path.parent.mkdir()
    path.touch()
    assert read_ledger(path) == []
    assert verify(path) is None
    with writing(path) as book:
        assert append(book, PROMOTION).number == 1


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entries SET body = '{}' WHERE number = 2",
        "DELETE FROM entries WHERE number = 3",
        "INSERT OR REPLACE INTO entries SELECT number, at, kind, '{}', previous_digest, digest FROM entries WHERE number = 2",
        "INSERT INTO entries VALUES (9, '2026', 'scoring', '{}', 'x', 'y')",
        "INSERT INTO entries VALUES (4, '2026', 'scoring', '{}', 'not the last digest', 'y')",
    ],
)
def test_the_file_itself_refuses_to_be_changed(filled: Path, statement: str) -> None:
    before = read_ledger(filled)
    with pytest.raises(sqlite3.IntegrityError, match="the ledger is append-only"):
        run_sql(filled, statement)
    assert read_ledger(filled) == before
    assert verify(filled) is None


DROP = [f"DROP TRIGGER {name}" for name in GUARDS]


@pytest.mark.parametrize(
    ("statement", "en", "zh"),
    [
        (
            'UPDATE entries SET body = replace(body, \'"version": "1"\', \'"version": "2"\') WHERE number = 2',
            "entry 2 was changed",
            "第 2 条记录被改动",
        ),
        (
            "UPDATE entries SET at = '2026-01-01T00:00:00.000000+00:00' WHERE number = 1",
            "entry 1 was changed",
            "第 1 条",
        ),
        ("DELETE FROM entries WHERE number = 2", "entry 2 is missing", "缺少第 2 条记录"),
        ("DELETE FROM entries WHERE number = 1", "entry 1 is missing", "缺少第 1 条记录"),
        ("SELECT 1", "the triggers that refuse changes are gone", "触发器已不存在"),
    ],
)
def test_who_removes_the_guards_and_changes_something_is_noticed(
    filled: Path, statement: str, en: str, zh: str
) -> None:
    run_sql(filled, *DROP, statement)
    fault = verify(filled)
    assert fault is not None
    assert en in fault.en
    assert zh in fault.zh


def test_an_entry_slipped_in_with_a_digest_of_its_own_is_noticed(filled: Path) -> None:
    last = read_ledger(filled)[-1]
    run_sql(
        filled,
        f"INSERT INTO entries VALUES (4, '2026-01-08T00:00:00.000000+00:00', 'scoring', '{{}}', '{last.digest}', 'made up')",
    )
    fault = verify(filled)
    assert fault is not None
    assert fault.en == "entry 4 was changed"


def test_a_block_that_fails_for_an_instant_without_time_zone_writes_nothing(filled: Path) -> None:
    before = read_ledger(filled)
    naive = replace(PROMOTION, at=PROMOTION.at.replace(tzinfo=None))

    def write(*records: Promotion) -> None:
        with writing(filled) as book:
            for record in records:
                append(book, record)

    with pytest.raises(ValueError, match="time zone"):
        write(PROMOTION, naive)
    assert read_ledger(filled) == before


@pytest.mark.parametrize(
    ("instant", "run_id"),
    [
        (SCORING.at - timedelta(microseconds=1), None),
        (SCORING.at, SCORING.run_id),
        (utc(2026, 1, 7, 1, 59, 59), SCORING.run_id),
        (utc(2026, 1, 7, 2), "second"),
        (utc(2030, 1, 1), "second"),
    ],
)
def test_what_was_served_at_an_instant_is_the_last_run_published_by_then(
    filled: Path, instant: object, run_id: str | None
) -> None:
    found = scoring_at(read_ledger(filled), instant)  # type: ignore[arg-type]
    assert (found and found.run_id) == run_id


def test_promotions_are_told_apart_by_model(filled: Path) -> None:
    with writing(filled) as book:
        append(book, replace(PROMOTION, model="other-churn", version="7"))
    entries = read_ledger(filled)
    found = [last_promotion(entries, name) for name in ("acme-churn", "other-churn", "nobody")]
    assert [promotion and promotion.version for promotion in found] == ["1", "7", None]


@pytest.mark.parametrize("content", [b"this is no database, whatever its name says" * 100])
def test_a_file_that_is_no_ledger_is_told_in_both_languages(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    use: tuple[Callable[[Path], object], ...] = (read_ledger, verify)
    for one in use:
        with pytest.raises(StorageError) as refused:
            one(path)
        assert "cannot be used (file is not a database); nothing was changed" in refused.value.text.en
        assert "无法使用台账" in refused.value.text.zh
    assert path.read_bytes() == content


WRITER = """
import sys
from pathlib import Path
from tests.training.test_ledger import SCORING
from training.ledger import append, writing
for number in range(int(sys.argv[2])):
    with writing(Path(sys.argv[1])) as book:
        append(book, SCORING)
    print(number, flush=True)
"""


def writer(path: Path, entries: int) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", WRITER, str(path), str(entries)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


@pytest.mark.slow
def test_two_processes_write_one_chain(path: Path) -> None:
    one, other = writer(path, 40), writer(path, 40)
    for process in (one, other):
        process.communicate()
    assert (one.returncode, other.returncode) == (0, 0)
    assert len(read_ledger(path)) == 80
    assert verify(path) is None


@pytest.mark.slow
def test_a_writer_that_is_killed_leaves_a_chain_that_goes_on(path: Path) -> None:
    with writer(path, 10_000) as process:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(20)]
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert said[-1] == "19\n"
    assert len(read_ledger(path)) >= 20  # what was said to be written is there
    assert verify(path) is None
    with writing(path) as book:
        append(book, PROMOTION)
    assert verify(path) is None
