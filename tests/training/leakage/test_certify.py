"""Whole certificates: they pass where nothing leaks, and fail on four leaks that were planted."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from features.catalogue import BY_NAME, Feature
from features.errors import AsOfError, FactsError
from features.leakage.certificate import Certificate, Finding
from features.project import Project, load_project
from features.sources import open_facts
from features.text import Text
from serving.demo import DEMOS, prepare
from tests.features.leakage.planted import plant
from tests.training.companies import company
from tests.training.leakage.companies import AS_OF, CUSTOMERS, TEST, shop
from training.leakage.certify import Extent, certify, refusal

SMALL = Extent(cutoffs=2, customers=CUSTOMERS, facts=None, probes=2)
QUICK = Extent(cutoffs=1, customers=CUSTOMERS, facts=None, probes=0)
SOUND = tuple(BY_NAME[n] for n in ("days_since_last_purchase", "spend_90d", "complaints_90d", "invoices_365d"))


def certificate_of(project: Project, features: Sequence[Feature] = SOUND, extent: Extent = QUICK) -> Certificate:
    with open_facts(project) as facts:
        return certify(facts, AS_OF, features, extent=extent)


def failed(certificate: Certificate, check: str) -> Finding:
    """The first failure of a check."""
    return next(f for f in certificate.of("failed") if f.check == check)


def next_step(finding: Finding) -> str:
    assert finding.next_step is not None
    assert finding.next_step.zh
    return finding.next_step.en


def test_a_sound_company_passes_and_the_certificate_says_what_was_checked(tmp_path: Path) -> None:
    steps: list[tuple[Text, float]] = []
    with open_facts(shop(tmp_path)) as facts:
        certificate = certify(
            facts, AS_OF, SOUND, extent=SMALL, progress=lambda text, share: steps.append((text, share))
        )
    assert certificate.verdict == "passed"
    assert certificate.of("failed") == certificate.of("warning") == ()
    checked = certificate.checked
    assert checked.features == tuple(f.name for f in SOUND)
    assert (checked.cutoffs[-1], len(checked.cutoffs), len(checked.probes)) == (TEST, 2, 2)
    assert 200 < checked.customers == checked.of_customers < CUSTOMERS
    assert checked.comparisons == len(SOUND) * (2 * 4 + 2)
    assert checked.facts["orders"] == checked.facts["invoices"] == checked.facts["interactions"] > 1_000
    assert {f.check for f in certificate.of("passed")} >= {
        *("truncation", "shift", "shuffle", "edge", "windows", "labels", "predictive", "clocks", "entry_order")
    }
    assert json.loads(json.dumps(certificate.as_json()))["verdict"] == "passed"
    shares = [share for _, share in steps]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, 1.0)


def test_a_future_label_as_an_attribute_of_the_customer_is_caught_as_too_predictive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted = plant(monkeypatch, "the status of today")
    certificate = certificate_of(shop(tmp_path, status=True), (*SOUND, planted))
    finding = failed(certificate, "predictive")
    assert (certificate.verdict, finding.subject, finding.cutoff) == ("failed", "planted", TEST)
    assert {f.subject for f in certificate.of("failed")} == {"planted"}
    assert "status" in next_step(finding)
    assert any("bears no date" in limit.en for limit in certificate.limits)


def test_a_settlement_that_is_used_before_it_is_known_is_caught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = certificate_of(shop(tmp_path), (SOUND[3], plant(monkeypatch, "the settlement")))
    finding = failed(certificate, "truncation")
    assert (certificate.verdict, finding.subject) == ("failed", "planted")
    assert {f.subject for f in certificate.of("failed")} == {"planted"}
    assert next_step(finding).startswith("It hangs on invoices.settled_at:")


def test_an_inclusive_cut_off_is_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = certificate_of(shop(tmp_path), (SOUND[0], plant(monkeypatch, "an order at the cut-off")), SMALL)
    finding = next(f for f in certificate.of("failed") if f.check == "edge" and f.subject == "planted")
    assert certificate.verdict == "failed"
    assert {f.subject for f in certificate.of("failed")} == {
        "planted",
        "customer_id",
    }  # a first order brings a customer
    assert "orders.ordered_at" in next_step(finding)
    at_a_fact = [f for f in certificate.of("failed") if f.cutoff in certificate.checked.probes]
    assert at_a_fact


def test_complaints_entered_after_customers_left_are_caught_if_a_feature_passes_over_when_they_became_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = shop(tmp_path, complaints="known")
    assert certificate_of(project).passed
    certificate = certificate_of(project, (plant(monkeypatch, "a complaint entered later"),))
    finding = failed(certificate, "truncation")
    assert (certificate.verdict, finding.subject) == ("failed", "planted")
    assert next_step(finding).startswith("It hangs on interactions.known_at:")


def test_complaints_entered_after_customers_left_are_caught_by_their_place_in_the_file(tmp_path: Path) -> None:
    certificate = certificate_of(shop(tmp_path, complaints="late"))
    finding = failed(certificate, "entry_order")
    assert (certificate.verdict, finding.subject) == ("failed", "interactions")
    assert [f.check for f in certificate.of("failed")] == ["entry_order"]
    assert "of the kind 'complaint' that were entered late (in the file) know who had left" in finding.what.en
    assert "known_at" in next_step(finding)
    said = refusal(certificate)
    assert said.en.startswith(
        "its leakage certificate failed in 1 findings, first of all interactions: Rows of the kind"
    )
    assert said.zh.startswith("其泄漏证书有 1 项不合格，首先是 interactions：录入较晚的行")


def test_named_cut_offs_are_checked_and_those_without_an_outcome_yet_foretell_nothing(tmp_path: Path) -> None:
    cutoffs = [AS_OF - timedelta(days=1), AS_OF - timedelta(days=2)]
    with open_facts(shop(tmp_path)) as facts:
        certificate = certify(facts, AS_OF, SOUND[:1], cutoffs, extent=QUICK)
    assert certificate.passed
    assert certificate.checked.cutoffs == tuple(sorted(cutoffs))
    assert not [f for f in certificate.findings if f.check == "predictive"]
    assert any("foretell" in limit.en for limit in certificate.limits)


def test_a_company_without_orders_gets_a_certificate_without_labels(tmp_path: Path) -> None:
    project = shop(tmp_path)
    text = (tmp_path / "retinue.toml").read_text()
    without = text[: text.index("[tables.orders]")] + text[text.index("[tables.invoices]") :]
    (tmp_path / "retinue.toml").write_text(without)
    with open_facts(load_project(project.root)) as facts:
        certificate = certify(facts, features=SOUND[2:], extent=QUICK)
    assert certificate.passed
    assert len(certificate.checked.cutoffs) == 1
    assert not [f for f in certificate.findings if f.check in ("windows", "labels", "predictive")]


def test_facts_too_short_to_train_on_are_checked_all_the_same(tmp_path: Path) -> None:
    project = company(tmp_path, [("A", f"2025-05-{day:02}", "10") for day in range(1, 29)])
    with open_facts(project) as facts:
        certificate = certify(facts, features=SOUND[:1], extent=QUICK)
    assert certificate.passed
    assert any("Nothing can be trained on these facts yet" in limit.en for limit in certificate.limits)


def test_a_date_outside_the_facts_is_refused(tmp_path: Path) -> None:
    with open_facts(shop(tmp_path)) as facts, pytest.raises(AsOfError, match="lies outside the data"):
        certify(facts, AS_OF + timedelta(days=400))


def test_facts_without_any_date_are_refused(tmp_path: Path) -> None:
    shop(tmp_path, status=True)
    (tmp_path / "panel.csv").write_text("customer_id,label\nA,1\n")
    (tmp_path / "retinue.toml").write_text(
        '[project]\nname = "P"\ncurrency = "EUR"\n[tables.panel]\npath = "panel.csv"\n'
        'columns = { customer_id = "customer_id", label = "label" }\n'
    )
    with open_facts(load_project(tmp_path)) as facts, pytest.raises(FactsError, match="No table says when"):
        certify(facts)


@pytest.mark.slow
@pytest.mark.parametrize("name", DEMOS)
def test_the_whole_catalogue_passes_on_each_demo(tmp_path: Path, name: str) -> None:
    project = load_project(prepare(name, tmp_path / name))
    as_of = datetime.fromisoformat(DEMOS[name].as_of).replace(tzinfo=project.timezone)
    with open_facts(project) as facts:
        certificate = certify(facts, as_of, extent=Extent(cutoffs=3, customers=400, facts=80_000, probes=3))
    assert certificate.of("failed") == ()
    assert {f.subject for f in certificate.of("warning")} <= {"invoices.disputed"}  # it bears no date
    assert len(certificate.checked.features) > 50
    assert "bit for bit, when" in certificate.of("passed")[0].what.en  # not even the last digits differ
