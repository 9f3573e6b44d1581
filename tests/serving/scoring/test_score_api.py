"""``POST /v1/score`` of a real server over a small shop."""

import json
import shutil
import time
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import ignored_auth, positive_data_acceptance

from features.project import Project
from serving.client import Retinue, RetinueProblem
from tests.serving.conftest import serving
from tests.serving.scoring.conftest import AS_OF, rows_of
from tests.training.companies import FEATURES
from tests.training.registered import present
from training.mlflow_store import model_name
from training.versions import load_version

# pyarrow reads a frame's times with time zone in a way that pandas is about to change.
pytestmark = pytest.mark.filterwarnings("ignore:Series.values returning an ndarray that drops timezone")

ACTIVE = {"days_since_last_purchase": 12, "purchase_days_total": 9, "gap_mean_days": 20.5, "spend_365d": 800}


def until_ready(client: httpx.Client) -> None:
    """Wait until a model is in service; it is loaded while the server already answers."""
    for _ in range(300):
        if client.post("/v1/score", json={"features": ACTIVE}).status_code == 200:
            return
        time.sleep(0.1)
    raise AssertionError("no model came into service within 30 seconds")


@pytest.fixture(scope="module")
def api(three: Project, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    folder = tmp_path_factory.mktemp("served") / "shop"
    shutil.copytree(three.root, folder)
    with serving(folder) as address, httpx.Client(base_url=address, timeout=30) as client:
        until_ready(client)
        yield client


def ask(api: httpx.Client, **body: Any) -> dict[str, Any]:
    answer = api.post("/v1/score", json=body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def refused(api: httpx.Client, body: bytes | dict[str, Any], status: int = 422) -> dict[str, str]:
    """What is said of each place of a body that is refused."""
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = api.post("/v1/score", content=sent, headers={"Content-Type": "application/json"})
    assert answer.status_code == status, answer.text
    return {fault["where"]: fault["message"] for fault in answer.json().get("errors", [])}


def test_rows_of_features_get_the_probabilities_of_the_batch_one_by_one_and_together(
    api: httpx.Client, three: Project
) -> None:
    rows = rows_of(three)
    stored = load_version(three, model_name(three, "churn"), "1").stored
    frame = pd.DataFrame(rows, columns=list(FEATURES), dtype=np.float64)
    expected = np.where(
        frame["days_since_last_purchase"] <= three.churn.active_within_days, stored.probability(frame), np.nan
    )
    together = ask(api, features=rows, customer_ids=[f"C-{n}" for n in range(len(rows))])
    assert together["churn_horizon_days"] == 30
    assert [score["customer_id"] for score in together["scores"]] == [f"C-{n}" for n in range(len(rows))]
    for row, at_once, probability in zip(rows, together["scores"], expected, strict=True):
        [alone] = ask(api, features=row)["scores"]
        assert at_once == alone | {"customer_id": at_once["customer_id"]}
        assert alone["model_version"] == "1"
        if np.isnan(probability):
            assert alone["churn_probability"] is None
            assert alone["churn_band"] is None
            assert "Has not bought for" in alone["abstained_because"]["en"]
        else:
            assert alone["churn_probability"] == pytest.approx(probability, abs=1e-6)
            assert alone["churn_probability_low"] < alone["churn_probability"] < alone["churn_probability_high"]
            assert alone["abstained_because"] is None


def test_what_is_left_out_is_missing_as_null_is(api: httpx.Client) -> None:
    left_out = ask(api, features=ACTIVE)
    assert left_out == ask(api, features=ACTIVE | {"spend_change_90d": None, "complaints_90d": 3})
    [never] = ask(api, features={"spend_365d": 800})["scores"]
    assert "No purchase on file" in never["abstained_because"]["en"]


def test_reasons_are_told_only_where_they_are_asked_for(api: httpx.Client) -> None:
    [without] = ask(api, features=ACTIVE)["scores"]
    [told] = ask(api, features=ACTIVE, reasons=True)["scores"]
    assert without["reasons"] == []
    assert told["reasons"]
    assert without == told | {"reasons": []}
    assert all(reason["en"] and reason["zh"] for reason in told["reasons"])


@pytest.mark.parametrize("value", ["NaN", "12", True, [1], {"a": 1}])
def test_what_is_no_number_is_refused_by_its_name(api: httpx.Client, value: Any) -> None:
    said = refused(api, {"features": ACTIVE | {"spend_365d": value}})
    assert said == {"body.features.spend_365d": "It must be a number or null."}


@pytest.mark.parametrize("literal", [b"NaN", b"Infinity", b"-Infinity"])
def test_numbers_that_are_none_are_no_json(api: httpx.Client, literal: bytes) -> None:
    refused(api, b'{"features": {"spend_365d": ' + literal + b"}}", status=400)


def test_unknown_features_are_all_named_with_the_nearest(api: httpx.Client) -> None:
    said = refused(api, {"features": ACTIVE | {"spend_366d": 1, "qqqqqq": 2}})
    assert said["body.features.spend_366d"] == "There is no feature 'spend_366d'. Did you mean 'spend_365d'?"
    assert said["body.features.qqqqqq"].startswith("There is no feature 'qqqqqq'. docs/features.md")
    several = refused(api, {"features": [ACTIVE, {"x": 1}]})
    assert list(several) == ["body.features.1.x"]


def test_a_request_of_no_known_form_is_told_what_there_is(api: httpx.Client) -> None:
    assert refused(api, {}) == refused(api, b"[]") == {}
    assert list(refused(api, {"features": []})) == ["body.features"]
    assert list(refused(api, {"features": [ACTIVE] * 1001})) == ["body.features"]
    assert "body.customer_ids" in refused(api, {"features": [ACTIVE], "customer_ids": ["a", "b"]})
    assert "body.unknown" in refused(api, {"features": ACTIVE, "unknown": 1})
    assert "body.reasons" in refused(api, {"features": ACTIVE, "reasons": "yes"})


def test_a_customer_as_it_is_is_the_score_that_was_published(api: httpx.Client, three: Project) -> None:
    customers = present(three, AS_OF)["customer_id"].head(8)
    for customer in customers:
        published = api.get(f"/v1/customers/{customer}").json()
        answer = ask(api, customer_id=customer, reasons=True)
        assert answer["before"] == published
        assert answer["scores"] == [published]
        assert (answer["changed"], answer["caution"]) == ({}, None)
        assert answer["as_of"] == published["as_of"]


def test_what_if_shows_the_customer_before_and_after(api: httpx.Client, three: Project) -> None:
    frame = present(three, AS_OF).set_index("customer_id")
    active = frame[frame["days_since_last_purchase"].between(20, 80) & (frame["purchase_days_total"] > 3)]
    customer = active.index[0]
    longer = ask(api, customer_id=customer, change={"days_since_last_purchase": 85})
    assert longer["changed"] == {"days_since_last_purchase": 85}
    assert longer["scores"][0]["days_since_last_purchase"] == 85
    assert longer["scores"][0]["churn_probability"] > longer["before"]["churn_probability"]
    assert "experiments" in longer["caution"]["en"]

    bought = ask(api, customer_id=customer, what_if={"buys_today": 100})
    assert bought["changed"]["days_since_last_purchase"] == 0
    assert bought["changed"]["spend_365d"] == pytest.approx(active.loc[customer, "spend_365d"] + 100)
    assert bought["scores"][0]["churn_probability"] < bought["before"]["churn_probability"]

    cheaper = ask(api, customer_id=customer, what_if={"discount_share": 0.05})
    assert cheaper["changed"]["spend_365d"] == pytest.approx(active.loc[customer, "spend_365d"] * 0.95)
    assert cheaper["scores"][0]["value_at_stake"] < cheaper["before"]["value_at_stake"]
    # the shop has no invoices: that it would pay later changes nothing that is known of it
    assert ask(api, customer_id=customer, what_if={"pays_in_days": 60})["changed"] == {}


def test_what_if_by_action_tells_the_actions_effect_beside_the_customer_as_it_is(api: httpx.Client) -> None:
    customers = api.get("/v1/customers?limit=50").json()["customers"]
    known = next(one for one in customers if one["churn_probability"] is not None)
    answer = ask(api, customer_id=known["customer_id"], what_if={"action": "personal_call"})
    p, effect = known["churn_probability"], answer["action_effect"]
    assert answer["before"] == answer["scores"][0]
    assert answer["before"]["churn_probability"] == p
    assert answer["changed"] == {}
    assert (effect["action"], effect["action_name"]["zh"]) == ("personal_call", "高等级客户致电")
    assert (effect["share"], effect["share_low"], effect["share_high"]) == (0.06, 0.01, 0.13)
    ends = [effect[f"churn_probability{end}"] for end in ("", "_low", "_high")]
    assert ends == pytest.approx([p * 0.94, p * 0.87, p * 0.99])
    assert effect["source"] == {"en": "assumption, not measured here", "zh": "假设，未在此实测"}
    assert "not what the model says" in answer["caution"]["en"]

    unknown = next(one for one in customers if one["churn_probability"] is None)
    effect = ask(api, customer_id=unknown["customer_id"], what_if={"action": "complaint_recovery"})["action_effect"]
    assert (effect["share"], effect["churn_probability"]) == (0.15, None)


def test_an_action_that_is_not_there_not_alone_or_not_about_leaving_is_refused(api: httpx.Client) -> None:
    def said(**asked: Any) -> str:
        return refused(api, {"customer_id": "C001", **asked})["body.what_if.action"]

    assert "no action 'personal_cal'. Did you mean 'personal_call'?" in said(what_if={"action": "personal_cal"})
    assert "Ask for an action alone" in said(what_if={"action": "small_voucher", "buys_today": 5})
    assert "Ask for an action alone" in said(what_if={"action": "small_voucher"}, change={"spend_365d": 5})
    assert "It must be text" in said(what_if={"action": 5})
    assert "kind 'spend'" in said(what_if={"action": "cross_sell_email"})
    many = {f"question_{n}": n for n in range(21)}
    assert refused(api, {"customer_id": "C001", "what_if": many}) == {"body.what_if": "It must hold at most 20 items."}


def test_the_client_asks_for_rows_facts_and_what_would_be(api: httpx.Client, three: Project) -> None:
    rows = (rows_of(three, 100) * 10)[:1000]
    with Retinue(str(api.base_url)) as retinue:
        assert retinue.score(features=rows)["scores"] == ask(api, features=rows)["scores"]
        assert retinue.score(features=ACTIVE, reasons=True)["scores"][0]["reasons"]
        bought = retinue.score(customer_id="C001", what_if={"buys_today": 100})
        assert bought == ask(api, customer_id="C001", what_if={"buys_today": 100})
        assert bought["before"] is not None
        assert bought["changed"]["days_since_last_purchase"] == 0
        facts = {"orders": orders_of(three, "C001")}
        assert (
            retinue.score(facts=facts, as_of=AS_OF)["scores"]
            == ask(api, facts=facts, as_of=AS_OF.isoformat())["scores"]
        )
        with pytest.raises(RetinueProblem, match="Did you mean 'spend_365d'"):
            retinue.score(features={"spend_366d": 1})


def test_questions_about_customers_that_make_no_sense_are_refused(api: httpx.Client) -> None:
    assert refused(api, {"customer_id": "nobody"}, status=404) == {}
    said = refused(api, {"customer_id": "C001", "what_if": {"pays_in_dayz": 6}})
    assert "pays_in_days" in said["body.what_if.pays_in_dayz"]
    said = refused(api, {"customer_id": "C001", "what_if": {"discount_share": 1.5}})
    assert said["body.what_if.discount_share"] == "Share taken off prices: it must lie between 0 and 1."
    assert "body.change.spend_36d" in refused(api, {"customer_id": "C001", "change": {"spend_36d": 1}})


def orders_of(project: Project, *customers: str) -> list[dict[str, Any]]:
    """The rows of these customers in the shop's file."""
    orders = pd.read_csv(project.root / "orders.csv", dtype=str)
    own = orders[orders["customer_id"].isin(customers)]
    return [{**row, "amount": float(row["amount"])} for row in own.to_dict("records")]


def test_facts_in_a_request_give_the_scores_of_the_batch(api: httpx.Client, three: Project) -> None:
    customers = sorted(present(three, AS_OF)["customer_id"].head(12))
    answer = ask(api, facts={"orders": orders_of(three, *customers)}, as_of=AS_OF.isoformat(), reasons=True)
    assert [score["customer_id"] for score in answer["scores"]] == customers
    for score in answer["scores"]:
        published = api.get(f"/v1/customers/{score['customer_id']}").json()
        assert score == published | {"customer_name": None}
    assert answer["as_of"] == "2025-11-03T00:00:00Z"


def test_facts_that_were_not_known_yet_change_nothing(api: httpx.Client, three: Project) -> None:
    before = orders_of(three, "C001")
    later = [{"customer_id": "C001", "ordered_at": "2025-11-03T00:00:00Z", "amount": 5000.0}]
    first = ask(api, facts={"orders": before}, as_of="2025-11-03T00:00:00Z")
    assert ask(api, facts={"orders": before + later}, as_of="2025-11-03T00:00:00Z") == first
    assert ask(api, facts={"orders": before + later}, as_of="2025-11-03T00:00:01Z") != first


def test_facts_that_cannot_be_read_are_named(api: httpx.Client) -> None:
    order = {"customer_id": "x", "ordered_at": "2025-10-01T00:00:00Z", "amount": 10.0}
    day = "2025-11-03T00:00:00Z"

    def said(facts: Any, as_of: str = day) -> dict[str, str]:
        return refused(api, {"facts": facts, "as_of": as_of})

    assert said({"orderz": [order]}) == {"body.facts.orderz": "The project has no such table; it gives orders."}
    assert "body.facts.orders.amout" in said({"orders": [order | {"amout": 1}]})
    assert said({"orders": [order | {"amount": "ten"}]}) == {"body.facts.orders.amount": "It must be a number."}
    assert said({"orders": [{"customer_id": "x", "amount": 1}]})["body.facts.orders.ordered_at"].startswith("It is req")
    assert list(said({"orders": [order, order | {"ordered_at": "soon"}]})) == ["body.facts.orders.1.ordered_at"]
    assert said({"orders": []}) == {}
    assert "body.as_of" in said({"orders": [order]}, "2025-11-03")
    assert "body.as_of" in said({"orders": [order]}, "9999-12-31T23:00:00Z")
    assert list(said({"orders": [order] * 20_001})) == ["body.facts"]


def test_a_service_without_a_model_says_what_to_do(server: str) -> None:
    answer = httpx.post(f"{server}/v1/score", json={"features": ACTIVE}, headers={"Accept-Language": "zh"})
    assert answer.status_code == 503
    assert answer.json()["type"] == "urn:retinue:problem:no-model"
    assert "retinue train" in answer.json()["detail"]


@pytest.mark.slow
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_no_request_breaks_the_server_or_its_description(api: httpx.Client, mode: GenerationMode) -> None:
    operation = schemathesis.openapi.from_url(f"{api.base_url}/openapi.json")["/v1/score"]["POST"]

    @settings(max_examples=40, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode))
    def try_one(case: Any) -> None:
        # Which features and customers there are is more than a schema can say; this server has no key and asks for none.
        case.call_and_validate(excluded_checks=[positive_data_acceptance, ignored_auth])

    try_one()
