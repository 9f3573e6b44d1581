"""docs/examples.md: every block is run as it stands against a real server, and answers in the shape that is shown."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import pytest

from serving.alerts.cases import raise_alerts
from serving.store import open_project_store, store_plan
from tests.serving.alerts.cases import POLICY, findings
from tests.serving.conftest import serving
from tests.serving.realtime.company import publish, train, write_company
from tests.serving.security.company import bearer
from tests.serving.security.company import key as make_key
from tests.serving.test_api_plan import item, summary
from tests.test_notebooks import numbers, printed_by

ROOT = Path(__file__).parents[3]
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", (ROOT / "docs" / "examples.md").read_text(encoding="utf-8"), re.M | re.S)
FIRST = "export RETINUE=http://127.0.0.1:8000 KEY=rtn_…\n"
MORE = "…"

pytestmark = [
    pytest.mark.skipif(shutil.which("curl") is None or shutil.which("bash") is None, reason="curl or bash is missing"),
    # pyarrow's own
    pytest.mark.filterwarnings("ignore:Series.values returning:pandas.errors.Pandas4Warning"),
]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Where a server is, with a model, a plan, a warning and events, and a key to it."""
    project = write_company(tmp_path_factory.mktemp("examples") / "company")
    for file in project.root.glob("*.csv"):  # the customer that all examples name
        file.write_text(file.read_text(encoding="utf-8").replace("C010", "C-1042"), encoding="utf-8")
    train(project)
    publish(project)
    store = open_project_store(project)
    raise_alerts(store, findings(0, {("C-1", "open_complaint"): 3}), POLICY)
    store_plan(
        *(store, "p1", "2025-10-01T00:00:00Z", summary().model_dump_json().encode()),
        [item(1, "C-1042"), item(2, "C011")],
    )
    key = make_key(store, "admin")
    store.close()
    with serving(project.root) as url:
        until_a_model_serves(url, key)
        yield os.environ | {"RETINUE": url, "KEY": key, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}


def until_a_model_serves(url: str, key: str) -> None:
    for _ in range(300):
        if httpx.post(f"{url}/v1/score", json={"features": {}}, headers=bearer(key)).status_code == 200:
            return
        time.sleep(0.1)
    raise AssertionError("no model came into service within 30 seconds")


def difference(shown: Any, got: Any, where: str = "$") -> str | None:
    """How an answer differs in its shape from what is shown; null stands for any value, ``…`` for more fields."""
    if isinstance(shown, dict) and isinstance(got, dict):
        named = shown.keys() - {MORE}
        if missing := sorted(named - got.keys()):
            return f"{where} lacks {missing}"
        if MORE not in shown and (more := sorted(got.keys() - named)):
            return f"{where} has {more} as well"
        found = (difference(shown[name], got[name], f"{where}.{name}") for name in named)
        return next((fault for fault in found if fault), None)
    if isinstance(shown, list) and isinstance(got, list):
        found = (difference(shown[0], one, f"{where}[{place}]") for place, one in enumerate(got)) if shown else iter(())
        return f"{where} is empty" if shown and not got else next((fault for fault in found if fault), None)
    numbers = isinstance(shown, int | float) and isinstance(got, int | float)
    return None if None in (shown, got) or numbers or type(shown) is type(got) else f"{where} is {got!r}"


@pytest.mark.slow
def test_every_example_answers_in_the_shape_that_is_shown(environment: dict[str, str]) -> None:
    assert BLOCKS[0] == ("bash", FIRST)
    asked = [place for place, (kind, _) in enumerate(BLOCKS) if kind in ("bash", "python")][1:]
    assert len(asked) > 12
    for place in asked:
        kind, source = BLOCKS[place]
        command = ["bash", "-euo", "pipefail", "-c", source] if kind == "bash" else [sys.executable, "-c", source]
        ran = subprocess.run(command, env=environment, capture_output=True, text=True, encoding="utf-8", check=False)
        assert ran.returncode == 0, source + ran.stderr
        shown_as, shown = BLOCKS[place + 1]
        if shown_as == "text":
            assert ran.stdout == shown, source
        else:
            assert shown_as == "json"
            assert difference(json.loads(shown), json.loads(ran.stdout)) is None, source + ran.stdout


def described(environment: dict[str, str]) -> dict[str, Any]:
    """The API as its own description tells it."""
    document = httpx.get(f"{environment['RETINUE']}/openapi.json", headers=bearer(environment["KEY"])).json()
    return dict(document)


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    """Path, method and description of each operation."""
    return [(path, method, its) for path, methods in document["paths"].items() for method, its in methods.items()]


def fits(document: dict[str, Any], schema: dict[str, Any], value: Any) -> bool:
    """Whether a value is as a schema of a description says."""
    whole = {**schema, "components": document["components"]}
    return bool(jsonschema_rs.Draft202012Validator(whole).is_valid(value))


@pytest.mark.slow
def test_every_body_has_examples_that_are_as_described_and_are_taken(environment: dict[str, str]) -> None:
    document, tried = described(environment), 0
    url, key = environment["RETINUE"], bearer(environment["KEY"])
    alert = httpx.get(f"{url}/v1/alerts", headers=key).json()["alerts"][0]["alert_id"]
    for path, method, operation in operations(document):
        for kind, content in operation.get("requestBody", {}).get("content", {}).items():
            assert content["examples"], (path, kind)
            for name, example in content["examples"].items():
                value = example["value"]
                assert fits(document, content["schema"], value), (path, kind, name)
                answer = httpx.request(
                    method.upper(),
                    url + path.replace("{alert_id}", alert),
                    content=value if isinstance(value, str) else json.dumps(value),
                    headers={"Content-Type": kind, **key},
                    timeout=60,
                )
                assert answer.is_success, (path, kind, name, answer.text)
                assert answer.json().get("rejected", 0) == 0
                tried += 1
    assert tried >= 11


@pytest.mark.slow
def test_every_answer_has_an_example_that_is_as_described(environment: dict[str, str]) -> None:
    document = described(environment)
    for path, method, operation in operations(document):
        [answer] = [its for status, its in operation["responses"].items() if status.startswith("2")]
        content = answer["content"]["application/json"]
        shown = [example["value"] for example in content.get("examples", {}).values()]
        if path == "/v1/customers/{customer_id}":
            shown = document["components"]["schemas"]["Score"]["examples"]
        assert shown, (method, path)
        assert all(fits(document, content["schema"], value) for value in shown), (method, path)
    assert not fits(document, {"$ref": "#/components/schemas/Health"}, {"status": "ill"})


@pytest.mark.slow
def test_the_notebook_finds_everybody_and_a_risk_that_grows_with_silence(
    environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("RETINUE", "KEY", "PYTHONPATH"):
        monkeypatch.setenv(name, environment[name])
    text = printed_by("ask_the_service", tmp_path)

    everybody, known, mean = numbers(r"([\d,]+) customers, ([\d,]+) of them with a risk, ([\d.]+)% on average", text)
    run = httpx.get(f"{environment['RETINUE']}/v1/runs/current", headers=bearer(environment["KEY"])).json()
    assert everybody == run["rows"]
    assert 0 < known <= everybody - run["summary"]["abstained"]
    assert 0 < mean < 100
    course = re.findall(r"^ +\d+\.0 +(0\.\d+|NaN) ", text, re.M)
    assert len(course) == 3
    assert float(course[0]) < float(course[1])
    assert "causes are learnt from experiments" in text
    assert "404: Customer not found: There is no customer 'nobody'" in text


@pytest.mark.parametrize(
    ("shown", "got", "said"),
    [
        ({"a": 1}, {"a": 2.5}, None),
        ({"a": 1}, {"a": "2"}, "$.a is '2'"),
        ({"a": 1}, {"a": None}, None),
        ({"a": {"b": 1}}, {"a": {"b": 1, "c": 1}}, "$.a has ['c'] as well"),
        ({"a": {"b": 1, "…": "…"}}, {"a": {"b": 1, "c": 1}}, None),
        ({"a": {"b": 1, "…": "…"}}, {"a": {"c": 1}}, "$.a lacks ['b']"),
        ([{"a": 1}], [{"a": 1}, {"a": "x"}], "$[1].a is 'x'"),
        ([1], [], "$ is empty"),
        ([], [1], None),
    ],
)
def test_the_comparison_of_shapes_sees_what_it_should(shown: Any, got: Any, said: str | None) -> None:
    assert difference(shown, got) == said
