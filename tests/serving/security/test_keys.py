"""Keys: made, told apart, expiring, rotated, revoked; on the command line and before a running server."""

import hmac
import re
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from typer.testing import CliRunner

from features.errors import NotFoundError
from serving.cli.keys import group
from serving.security import keys as module
from serving.security.administration import AccessKeyError, create_key, revoke_one, rotate_key
from serving.security.keys import GRACE, hash_secret, is_right, make_key, parse_key
from serving.store import STORE_FILE, Store, open_store, reading
from serving.store.keys import API_KEYS, AUDIT, StoredKey, all_keys
from tests.serving.conftest import write_project
from tests.serving.security.company import ANNA, asking, bearer, fill, key, signed

NOW = datetime(2026, 5, 1, tzinfo=UTC)
MONTH = timedelta(days=30)


def only(store: Store, key_id: str) -> StoredKey:
    with reading(store) as connection:
        [found] = [key for key in all_keys(connection) if key.key_id == key_id]
    return found


def test_a_key_has_256_random_bits_and_only_their_hash_is_kept(store: Store) -> None:
    made = create_key(store, signed(NOW), "crm", ["read"], 30, None)
    given = parse_key(made.text)
    assert re.fullmatch(r"rtn_[0-9a-f]{12}_[\w-]{43}", made.text)
    assert given is not None
    assert only(store, given.key_id) == made.stored
    with reading(store) as connection:
        assert given.secret not in str(connection.execute(API_KEYS.select()).all())


def test_no_two_keys_are_alike() -> None:
    assert len({make_key("n", ["read"], None, NOW, MONTH).text for _ in range(100)}) == 100


@given(st.text())
@example("rtn__x")
@example("rtn_x_")
@example("rtn_a_b_c")
def test_whatever_is_sent_as_a_key_is_read_or_refused(text: str) -> None:
    found = parse_key(text)
    assert found is None or f"rtn_{found.key_id}_{found.secret}" == text


@given(st.text(), st.text())
def test_a_secret_is_right_exactly_when_it_is_the_same(secret: str, other: str) -> None:
    assert is_right(other, hash_secret(secret)) == (secret == other)


def test_secrets_are_compared_in_a_time_that_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[str, str]] = []

    def compare(one: str, other: str) -> bool:
        compared.append((one, other))
        return hmac.compare_digest(one, other)

    monkeypatch.setattr(module, "hmac", type("Spy", (), {"compare_digest": staticmethod(compare)}))
    right = hash_secret("right")
    assert [is_right(secret, right) for secret in ("right", "", "wrong", "r" * 5000)] == [True, False, False, False]
    assert all(len(one) == len(other) == 64 for one, other in compared)
    assert len(compared) == 4


def test_a_key_ends_at_its_instant_and_not_before() -> None:
    stored = make_key("n", ["read"], None, NOW, MONTH).stored
    assert stored.is_live(NOW)
    assert stored.is_live(NOW + MONTH - timedelta(microseconds=1))
    assert not stored.is_live(NOW + MONTH)


def test_both_keys_are_good_while_one_takes_the_place_of_the_other(store: Store) -> None:
    old = create_key(store, signed(NOW), "crm", ["read", "write"], 30, ANNA).stored
    later = NOW + timedelta(days=3)
    made, until = rotate_key(store, signed(later), old.key_id)
    old, new = only(store, old.key_id), only(store, made.stored.key_id)
    assert (new.name, new.scopes, new.account_manager) == ("crm", {"read", "write"}, ANNA)
    assert new.expires_at == later + MONTH
    assert until == old.expires_at == later + GRACE
    assert old.is_live(until - timedelta(seconds=1))
    assert not old.is_live(until)
    assert new.is_live(until)


def test_a_key_that_ends_sooner_gets_no_longer_life_by_rotation(store: Store) -> None:
    old = create_key(store, signed(NOW), "crm", ["read"], 1, None).stored
    _, until = rotate_key(store, signed(NOW + timedelta(hours=20)), old.key_id)
    assert until == NOW + timedelta(days=1)


def test_a_dead_key_cannot_be_rotated_and_an_unknown_one_is_named(store: Store) -> None:
    made = create_key(store, signed(NOW), "crm", ["read"], 1, None).stored
    revoke_one(store, signed(NOW), made.key_id)
    revoke_one(store, signed(NOW + MONTH), made.key_id)  # again changes nothing
    assert only(store, made.key_id).revoked_at == NOW
    with pytest.raises(AccessKeyError, match="nothing to rotate"):
        rotate_key(store, signed(NOW), made.key_id)
    with pytest.raises(NotFoundError, match="no key with the id 'abc'"):
        revoke_one(store, signed(NOW), "abc")
    for name, manager in ((" ", None), ("crm", "")):
        with pytest.raises(AccessKeyError, match="needs a name"):
            create_key(store, signed(NOW), name, ["read"], 1, manager)


def test_what_is_done_to_keys_stands_in_the_audit_log(store: Store) -> None:
    made = create_key(store, signed(NOW), "crm", ["read"], 30, None).stored
    rotate_key(store, signed(NOW), made.key_id)
    revoke_one(store, signed(NOW), made.key_id)
    with reading(store) as connection:
        lines = connection.execute(AUDIT.select().order_by(AUDIT.c.number)).all()
    assert [(line.who, line.method, line.route) for line in lines] == [
        ("command:tester", what, f"keys/{made.key_id}") for what in ("CREATE", "ROTATE", "REVOKE")
    ]


@pytest.mark.slow
def test_a_revoked_key_opens_nothing_within_two_seconds_and_the_service_stays_closed(tmp_path: Path) -> None:
    with closing(fill(tmp_path)) as store, asking(tmp_path) as client:
        assert client.get("/v1/customers/C-1").status_code == 200  # nobody made a key yet
        text = key(store, "read")
        time.sleep(1.1)
        assert client.get("/v1/customers/C-1").status_code == 401
        assert client.get("/v1/customers/C-1", headers=bearer(text)).status_code == 200
        assert client.get("/v1/customers/C-1", headers={"X-API-Key": text}).status_code == 200
        assert client.get("/v1/customers/C-1", headers=bearer(text + "x")).status_code == 401
        revoke_one(store, signed(), text.split("_")[1])
        revoked_at = time.monotonic()
        while client.get("/v1/customers/C-1", headers=bearer(text)).status_code == 200:
            assert time.monotonic() - revoked_at < 2
        assert client.get("/v1/customers/C-1").status_code == 401
    assert only(store, text.split("_")[1]).last_used_at is not None


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer"},
        {"Authorization": "Basic cnRuOng="},
        {"Authorization": "Bearer rtn_"},
        {"Authorization": "Bearer " + "x" * 20_000},
        {"Authorization": b"Bearer \xff\xfe"},
        {"X-API-Key": ""},
        {"Cookie": "retinue_session=0a1b.99999999999.abc"},
        {"Cookie": "retinue_session=..\xe9"},
    ],
    ids=str,
)
def test_what_is_no_key_is_refused(closed: httpx.Client, headers: dict[str, str | bytes]) -> None:
    sent = [(name, value if isinstance(value, bytes) else value.encode("latin-1")) for name, value in headers.items()]
    assert closed.get("/v1/customers", headers=sent).status_code == 401


def test_a_key_in_the_address_is_no_key(closed: httpx.Client, reader: str) -> None:
    assert closed.get("/v1/customers", params={"key": reader, "api_key": reader}).status_code == 401


def command(project: Path, *arguments: str) -> str:
    """What ``retinue keys`` prints."""
    done = CliRunner().invoke(group(), [*arguments, "--project", str(project)], env={"COLUMNS": "200"})
    if done.exception is not None:
        raise done.exception
    return done.stdout


def test_keys_on_the_command_line(tmp_path: Path) -> None:
    write_project(tmp_path)
    created = command(
        tmp_path, "create", "--name", "crm", "--scope", "write", "--scope", "read", "--account-manager", ANNA
    )
    assert "not shown again" in created
    text = created.splitlines()[-1]
    key_id = text.split("_")[1]
    rotated = command(tmp_path, "rotate", key_id, "--quiet").strip()
    assert re.fullmatch(r"rtn_[0-9a-f]{12}_[\w-]{43}", rotated)
    assert f"{key_id} opens nothing any more" in command(tmp_path, "revoke", key_id)
    listed = command(tmp_path, "list")
    for words in ("read, write", "revoked", "live", ANNA, key_id):
        assert words in listed
    for shown in (text, rotated):
        assert shown.split("_", 2)[2] not in listed
    with pytest.raises(NotFoundError):
        command(tmp_path, "revoke", "nothing")
    with closing(open_store(tmp_path / ".retinue" / STORE_FILE)) as store:
        [new] = [k for k in _all(store) if k.key_id != key_id]
    assert (new.expires_at - new.created_at, new.scopes, new.account_manager) == (
        timedelta(days=365),
        {"read", "write"},
        ANNA,
    )


def _all(store: Store) -> list[StoredKey]:
    with reading(store) as connection:
        return all_keys(connection)
