"""Signing in on the pages: the cookie, its end, and forms that other sites send."""

import html
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.routes.sign_in import local_path
from serving.security.access import Principal
from serving.security.audit import Writer
from serving.security.key_ring import KeyRing
from serving.security.session import SECRET_FILE, SESSION_SECONDS, holder_of, make_session, session_secret
from serving.store import Held, Store
from tests.serving.security.company import ANNA, alert_ids, company, key, signed

PAGE = {"Accept": "text/html"}
NOW = datetime(2026, 5, 1, tzinfo=UTC).timestamp()


class Site(NamedTuple):
    client: httpx.Client
    keys: dict[str, str]
    alert: str
    folder: Path

    @contextmanager
    def sign_in(self, name: str) -> Iterator[httpx.Client]:
        """A browser that signed in."""
        with httpx.Client(base_url=self.client.base_url, headers=PAGE) as browser:
            assert browser.post("/sign-in", data={"key": self.keys[name]}).status_code == 303
            yield browser


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    with company(folder, "\n[serve]\nanonymous_requests_per_minute = 6000\n") as (store, client):
        keys = {"Anna": key(store, "read", "write", account_manager=ANNA), "reader": key(store, "read")}
        yield Site(client, keys, alert_ids(store)["C-1"], folder)


def test_a_browser_is_led_to_the_sign_in_and_back(site: Site) -> None:
    led = site.client.get("/plan", headers=PAGE)
    assert led.headers["location"] == "/sign-in?next=/plan"
    page = site.client.get(led.headers["location"], headers=PAGE | {"Accept-Language": "zh"}).text
    assert 'name="next" value="/plan"' in page
    assert "访问密钥" in page
    answer = site.client.post("/sign-in", data={"key": site.keys["Anna"], "next": "/plan"})
    assert answer.headers["location"] == "/plan"
    cookie = answer.headers["set-cookie"]
    assert {"HttpOnly", "SameSite=strict", "Path=/", f"Max-Age={SESSION_SECONDS}"} <= set(cookie.split("; "))
    assert "Secure" not in cookie  # plain http, on this machine
    assert site.keys["Anna"].split("_", 2)[2] not in cookie
    site.client.cookies.clear()


@pytest.mark.parametrize("customer_id", ["客户/1", "a?b", "a#b", "A/recommendations", "100%", "a b&c=d"])
def test_the_way_back_leads_to_the_customer_however_odd_its_id(site: Site, customer_id: str) -> None:
    there = f"/customers/{quote(customer_id, safe='')}"
    led = site.client.get(there, headers=PAGE).headers["location"]
    page = site.client.get(led, headers=PAGE).text
    asked = html.unescape(page.partition('name="next" value="')[2].partition('"')[0])
    answer = site.client.post("/sign-in", data={"key": site.keys["Anna"], "next": asked})
    assert answer.headers["location"] == there
    site.client.cookies.clear()


def test_pages_show_what_the_key_may_see_and_the_way_out(site: Site) -> None:
    with site.sign_in("Anna") as browser:
        page = browser.get("/").text
        assert "C-1" in page
        assert "C-2" not in page
        assert "Sign out" in page
        assert browser.get("/sign-in?next=/plan").headers["location"] == "/plan"
        assert browser.get("/v1/customers/C-1").status_code == 200
        assert browser.post("/sign-out").headers["location"] == "/sign-in"
        assert browser.get("/").status_code == 303


def test_a_script_of_the_page_is_led_to_the_sign_in_as_a_whole(site: Site) -> None:
    answer = site.client.get("/", headers={"HX-Request": "true", "Accept": "*/*"})
    assert (answer.status_code, answer.headers["hx-redirect"]) == (401, "/sign-in")


@pytest.mark.parametrize("form", ["key=rtn_a_b", "key=", "", "key=" + "x" * 10_000, "%ff=%fe&key=%00"])
def test_a_wrong_key_gets_no_session(site: Site, form: str) -> None:
    answer = site.client.post("/sign-in", content=form)
    assert answer.status_code == 401
    assert "opens nothing" in answer.text
    assert "set-cookie" not in answer.headers


FOREIGN = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
]


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_forms_of_other_sites_are_refused(site: Site, headers: dict[str, str]) -> None:
    form = {"by": "Anna", "what": "note", "note": "x", "event_id": "foreign"}
    action = {"customer_id": "C-1", "at": "2026-04-01T10:00:00Z", "action": "call", "arm": "treated"}
    with site.sign_in("Anna") as browser:
        for path, sent in (
            (f"/alerts/{site.alert}", {"data": form}),
            ("/v1/actions", {"json": action}),
            ("/sign-in", {"data": {"key": site.keys["Anna"]}}),
            ("/sign-out", {}),
        ):
            assert browser.post(path, headers=headers, **sent).status_code == 403, path
        assert browser.get("/").status_code == 200
        own = {"Origin": str(site.client.base_url).rstrip("/"), "Sec-Fetch-Site": "same-origin"}
        assert (
            browser.post(
                f"/alerts/{site.alert}", headers=own, data=form | {"event_id": "own" + str(headers)}
            ).status_code
            == 303
        )


def test_a_key_that_only_reads_cannot_work_on_warnings_by_its_session(site: Site) -> None:
    with site.sign_in("reader") as browser:
        form = {"by": "R", "what": "acknowledge", "event_id": "reader"}
        assert browser.post(f"/alerts/{site.alert}", data=form).status_code == 403


def test_the_secret_of_sessions_is_made_once_and_only_its_owner_may_read_it(site: Site, tmp_path: Path) -> None:
    assert (site.folder / ".retinue" / SECRET_FILE).stat().st_mode & 0o777 == 0o600
    first = session_secret(tmp_path)
    assert session_secret(tmp_path) == first
    assert len(first) == 32
    assert [file.name for file in tmp_path.iterdir()] == [SECRET_FILE]


@pytest.fixture
def ring(store: Store) -> Iterator[tuple[KeyRing, Store]]:
    writer = Writer(store)
    connection = Held(store)
    yield KeyRing(connection, writer, lambda: datetime.fromtimestamp(NOW, UTC)), store
    connection.close()
    writer.close()


def test_a_session_ends_at_its_instant_with_any_change_and_with_its_key(ring: tuple[KeyRing, Store]) -> None:
    from serving.security.administration import create_key, revoke_one

    keys, store = ring
    made = create_key(store, signed(datetime.fromtimestamp(NOW, UTC)), "n", ["read"], 30, ANNA).stored
    other = create_key(store, signed(datetime.fromtimestamp(NOW, UTC)), "n", ["admin"], 30, None).stored
    cookie = make_session(made, b"secret", NOW)
    held = holder_of(cookie, keys, b"secret", NOW)
    assert held is not None
    assert held.principal == Principal(f"key:{made.key_id}", frozenset({"read"}), ANNA)
    assert holder_of(cookie, keys, b"secret", NOW + SESSION_SECONDS - 1)
    key_id, end, signature = cookie.split(".")
    for changed in (
        f"{other.key_id}.{end}.{signature}",
        f"{key_id}.{int(end) + 1}.{signature}",
        f"{key_id}.{end}.{'0' * 64}",
        f"{key_id}.{end}.",
        f"{key_id}.{end}",
        "",
        f"{key_id}.٣.{signature}",
    ):
        assert holder_of(changed, keys, b"secret", NOW) is None, changed
    assert holder_of(cookie, keys, b"another", NOW) is None
    assert holder_of(cookie, keys, b"secret", NOW + SESSION_SECONDS) is None
    revoke_one(store, signed(datetime.fromtimestamp(NOW, UTC)), made.key_id)
    keys._read_at = float("-inf")
    assert holder_of(cookie, keys, b"secret", NOW) is None


@given(st.text(st.sampled_from("/\\abc:.@?#%\r\n\t é")))
def test_the_way_back_stays_within_the_service(text: str) -> None:
    path = local_path(text)
    assert path.startswith("/")
    assert not path.startswith(("//", "/\\"))
    assert path.isprintable()
    assert path in (text, "/")
