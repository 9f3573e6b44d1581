"""What a look-up says beside the score, and how a reader asks for less: tags, 304, fields, one language, staleness."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st

from features.operation_settings import OperationSettings
from features.project import load_project
from serving.app import create_app
from serving.language import named
from serving.routes import LOOK_UP, ROUTERS
from serving.routes.finished import joined
from serving.routes.selection import Selection
from serving.routes.shortcut import Shortcut
from serving.routes.state import ServeSettings
from serving.score_schema import Score
from serving.server import settings_of
from serving.store import open_store, publish
from tests.serving.conftest import AS_OF, COMPANY, ODD_ID, run, score, serving, table, write_project

GETS = ("customers/C-1", "customers?limit=2", "customers/C-1?fields=segment", "customers?fields=segment&lang=zh")


# Tags


@pytest.mark.parametrize("path", GETS)
def test_a_reader_who_has_an_answer_is_told_so_and_gets_nothing(server: str, path: str) -> None:
    first = httpx.get(f"{server}/v1/{path}")
    assert first.headers["cache-control"] == "private, no-cache"
    for tag in (first.headers["etag"], f"W/{first.headers['etag']}", f'"other", {first.headers["etag"]}', "*"):
        again = httpx.get(f"{server}/v1/{path}", headers={"If-None-Match": tag})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == first.headers["etag"]
        assert int(again.headers["age"]) >= int(first.headers["age"])
        assert again.headers["x-content-type-options"] == "nosniff"
    assert httpx.get(f"{server}/v1/{path}", headers={"If-None-Match": '"other"'}).content == first.content


def test_who_is_not_there_is_not_unchanged(server: str) -> None:
    assert httpx.get(f"{server}/v1/customers/nobody", headers={"If-None-Match": "*"}).status_code == 404


def test_the_tag_of_one_language_is_not_that_of_both(server: str) -> None:
    address = f"{server}/v1/customers/C-1"
    tags = {httpx.get(f"{address}{query}").headers["etag"] for query in ("", "?lang=en", "?lang=zh")}
    assert len(tags) == 3
    accepted = httpx.get(address, headers={"Accept-Language": "zh-CN"})
    assert accepted.headers["etag"] == httpx.get(f"{address}?lang=zh").headers["etag"]
    assert "Accept-Language" in accepted.headers["vary"]


def test_a_new_run_has_new_tags(tmp_path: Path) -> None:
    path = write_project(tmp_path)
    store = open_store(path)
    publish(store, run("first"), table([score("C-1", expected_profit=1.0)]))
    with serving(tmp_path) as address:
        first = httpx.get(f"{address}/v1/customers/C-1")
        publish(store, run("second"), table([score("C-1", expected_profit=2.0)]))
        second = httpx.get(f"{address}/v1/customers/C-1", headers={"If-None-Match": first.headers["etag"]})
    store.close()
    assert second.status_code == 200
    assert second.json()["expected_profit"] == 2.0
    assert second.headers["etag"] != first.headers["etag"]


# Less than all


def test_only_the_fields_that_are_asked_for_are_answered(server: str) -> None:
    fields = "segment, customer_id,reasons,segment"
    whole = httpx.get(f"{server}/v1/customers/C-1").json()
    wanted = {name: whole[name] for name in ("segment", "customer_id", "reasons")}
    one = httpx.get(f"{server}/v1/customers/C-1", params={"fields": fields}).json()
    page = httpx.get(f"{server}/v1/customers", params={"fields": fields, "limit": 1}).json()
    many = httpx.post(
        f"{server}/v1/customers:lookup", params={"fields": fields}, json={"customer_ids": ["C-1", "nobody"]}
    ).json()
    assert one == page["customers"][0] == wanted
    assert list(one) == ["segment", "customer_id", "reasons"]
    assert many == {"customers": [wanted], "not_found": ["nobody"]}


def test_a_field_that_there_is_not_is_named_with_the_nearest(server: str) -> None:
    for asked in (
        httpx.get(f"{server}/v1/customers/C-1", params={"fields": "segment,churn_probabilty"}),
        httpx.get(f"{server}/v1/customers", params={"fields": "churn_probabilty"}),
        httpx.post(
            f"{server}/v1/customers:lookup", params={"fields": "churn_probabilty"}, json={"customer_ids": ["C-1"]}
        ),
    ):
        assert asked.status_code == 422
        [finding] = asked.json()["errors"]
        assert finding["where"] == "query.fields"
        assert "churn_probabilty" in finding["message"]
        assert "'churn_probability'" in finding["message"]
        assert "catalogue_hash" in asked.json()["detail"]


@pytest.mark.parametrize("fields", ["", ",", "segment,", "SEGMENT", "en"])
def test_fields_that_name_nothing_are_refused(server: str, fields: str) -> None:
    assert httpx.get(f"{server}/v1/customers/C-1", params={"fields": fields}).status_code == 422


def test_texts_come_in_the_language_that_is_asked_for_and_in_both_if_none_is(server: str) -> None:
    address = f"{server}/v1/customers/C-1"
    both = httpx.get(address, headers={"Accept-Language": "fr, *;q=0.1"})
    assert both.json()["why"] == {"en": "The last order was 12 days ago.", "zh": "上次下单在 12 天前。"}
    assert "content-language" not in both.headers
    chinese = httpx.get(address, headers={"Accept-Language": "fr, zh-CN;q=0.8, en;q=0.5"})
    assert chinese.json()["why"] == {"zh": "上次下单在 12 天前。"}
    assert chinese.headers["content-language"] == "zh"
    [reason] = chinese.json()["reasons"]
    assert reason["zh"] == "上次下单在 12 天前。"
    assert "en" not in reason
    assert set(reason) == {"feature", "family", "direction", "weight", "zh"}
    english = httpx.get(f"{address}?lang=en", headers={"Accept-Language": "zh"})
    assert english.json()["tier_name"] == {"en": "House account"}
    assert {n: v for n, v in english.json().items() if not isinstance(v, dict | list)} == {
        n: v for n, v in both.json().items() if not isinstance(v, dict | list)
    }


def test_the_whole_is_the_bytes_that_were_published() -> None:
    body = b'{"customer_id":"C-1",  "why":null}'
    assert Selection().of(body) is body


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["en", "zh", "name", "why"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(_JSON)
def test_no_text_is_left_in_both_languages_and_nothing_else_is_lost(value: Any) -> None:
    import orjson

    def places(part: Any) -> Iterator[dict[str, Any]]:
        if isinstance(part, dict):
            yield part
        for inner in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
            yield from places(inner)

    reduced = orjson.loads(Selection(language="zh").of(orjson.dumps({"name": value})))
    assert not any("en" in place and "zh" in place for place in places(reduced))
    if not any("en" in place and "zh" in place for place in places({"name": value})):
        assert reduced == {"name": value}


@given(st.lists(st.binary(max_size=3), max_size=5))
def test_bodies_are_joined_with_commas(bodies: list[bytes]) -> None:
    assert joined(b"[", bodies, b"]") == b"[" + b",".join(bodies) + b"]"


@pytest.mark.parametrize(
    ("header", "language"), [("fr", None), ("", None), ("*", None), ("zh;q=0", None), ("de, en-GB;q=0.2", "en")]
)
def test_a_language_is_named_or_none_is(header: str, language: str | None) -> None:
    assert named(header) == language


# Staleness


def test_answers_say_whether_their_scores_are_stale(tmp_path: Path) -> None:
    path = write_project(tmp_path)
    store = open_store(path)
    publish(store, run(), table(COMPANY))
    store.close()
    limit = timedelta(days=8)
    for age, flag in ((limit, "false"), (limit + timedelta(seconds=1), "true"), (timedelta(days=-1), "false")):
        settings = ServeSettings(path, clock=lambda age=age: AS_OF + age)  # type: ignore[misc]
        app = create_app(settings)
        transport = httpx.ASGITransport(app)
        seen = {}

        async def asked(transport: httpx.ASGITransport = transport, seen: dict[str, str] = seen) -> None:
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
                for path in ("customers/C-1", "customers/C-1?lang=zh", "customers", "runs/current"):
                    seen[path] = (await client.get(f"/v1/{path}")).headers["retinue-stale"]
                answer = await client.post("/v1/customers:lookup", json={"customer_ids": ["C-1"]})
                seen["lookup"] = answer.headers["retinue-stale"]

        import asyncio

        asyncio.run(asked())
        app.state.service.held.close()
        app.state.service.store.close()
        assert set(seen.values()) == {flag}


def test_the_project_file_says_when_scores_are_stale(tmp_path: Path) -> None:
    write_project(tmp_path)
    assert settings_of(load_project(tmp_path)).operation.stale_after_days == 8
    file = tmp_path / "retinue.toml"
    file.write_text(file.read_text(encoding="utf-8") + "[operation]\nstale_after_days = 2\n", encoding="utf-8")
    project = load_project(tmp_path)
    assert project.operation == OperationSettings(stale_after_days=2)
    assert settings_of(project).operation.stale_after_days == 2


# The short way


@pytest.mark.parametrize("customer_id", [r["customer_id"] for r in COMPANY] + ["nobody", "x" * 513, "%00"])
def test_the_short_way_answers_as_the_long_one(server: str, customer_id: str) -> None:
    address = f"{server}/v1/customers/{quote(customer_id, safe='')}"
    short, long = httpx.get(address), httpx.get(f"{address}?")
    with_parameters = httpx.get(address, params={"fields": ",".join(Score.model_fields)})
    assert short.status_code == long.status_code == with_parameters.status_code
    if short.status_code == 200:
        assert short.content == long.content == with_parameters.content
    else:
        assert short.json() == with_parameters.json()


def test_what_goes_on_behind_an_id_keeps_its_own_route(server: str) -> None:
    for customer_id in ("C-1", ODD_ID):
        found = httpx.get(f"{server}/v1/customers/{quote(customer_id, safe='')}/receivables").json()
        assert found["customer"]["customer_id"] == customer_id
    assert "alternatives" in httpx.get(f"{server}/v1/customers/C-1/recommendations").json()
    assert httpx.get(f"{server}/v1/customers/").status_code in (404, 422)


def test_nothing_but_plain_look_ups_goes_the_short_way() -> None:
    shortcut = Shortcut(FastAPI(), LOOK_UP, [route for router in ROUTERS for route in router.routes])
    plain = {"type": "http", "method": "GET", "path": "/v1/customers/A/1", "query_string": b""}
    assert shortcut.asked_for(plain) == "A/1"
    for other in (
        {"type": "websocket"},
        {"method": "DELETE"},
        {"query_string": b"fields=segment"},
        {"path": "/v1/customers/"},
        {"path": "/v1/customers"},
        {"path": "/v1/customers/C-1/receivables"},
        {"path": "/v1/customers/C-1/recommendations"},
        {"path": "/v1/customers/" + "x" * 513},
        {"root_path": "/behind"},
    ):
        assert shortcut.asked_for(plain | other) is None
