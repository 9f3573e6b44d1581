"""A company whose customers each have a habit of paying: what the model says of their invoices, and that it is kept."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.errors import ModelError, NotEnoughDataError
from features.project import PROJECT_FILE, Project, load_project
from features.sources import open_facts
from tests.training.late_payment.companies import END, day, habits_ledger, ledger
from training.late_payment.fit import fit_late_payment
from training.late_payment.model import LatePayment, cash_forecast, customers_of
from training.late_payment.stored import from_json, to_json


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return habits_ledger(tmp_path_factory.mktemp("habits"), seed=1)


@pytest.fixture(scope="module")
def model(project: Project) -> LatePayment:
    with open_facts(project) as facts:
        return fit_late_payment(facts, END, seed=1)


@pytest.fixture(scope="module")
def said(project: Project, model: LatePayment) -> Iterator[pd.DataFrame]:
    with open_facts(project) as facts:
        yield model.invoices(facts, END)


def test_every_open_invoice_has_a_row_and_no_other(project: Project, said: pd.DataFrame) -> None:
    with open_facts(project) as facts:
        [(count, amount)] = facts.connection.sql(
            "SELECT count(*), sum(amount) FROM invoices WHERE settled_at IS NULL"
        ).fetchall()
    assert len(said) == count > 50
    assert said["open_amount"].sum() == pytest.approx(amount)
    assert said["invoice_id"].is_unique


def test_probabilities_and_days_agree_with_each_other(said: pd.DataFrame) -> None:
    assert said["late_probability"].between(0, 1).all()
    assert (said["late_30_probability"] <= said["late_probability"]).all()
    days = said[["expected_paid_low", "expected_paid_at", "expected_paid_high"]].dropna()
    assert len(days) > 0.9 * len(said)
    assert (days["expected_paid_low"] <= days["expected_paid_at"]).all()
    assert (days["expected_paid_at"] <= days["expected_paid_high"]).all()
    assert (said["expected_paid_low"] >= END.replace(tzinfo=None)).all()
    overdue = said["due_at"] < END.replace(tzinfo=None)
    assert (said.loc[overdue, "late_probability"] == 1).all()


def test_who_pays_late_is_expected_to_pay_late(said: pd.DataFrame) -> None:
    number = said["customer_id"].str[1:].astype(int)
    pending = said["due_at"] >= END.replace(tzinfo=None)
    early, late = said[(number < 10) & pending], said[(number >= 30) & (number < 45) & pending]
    assert len(early)
    assert early["late_probability"].mean() < 0.15
    assert late["late_probability"].mean() > 0.8
    late_days = (late["expected_paid_at"] - late["due_at"]).dt.days
    assert late_days.median() == pytest.approx(-12 + 32 * 37 / 50, abs=4)


def test_a_customer_without_history_is_foretold_from_others_and_less_surely(said: pd.DataFrame) -> None:
    new = said["customer_id"] >= "C045"
    assert set(said.loc[new, "basis"]) == {"look_alikes"}
    assert set(said.loc[~new, "basis"]) == {"history"}
    width = (said["expected_paid_high"] - said["expected_paid_low"]).dt.days
    pending = said["due_at"] >= END.replace(tzinfo=None)
    assert width[new].median() > 1.4 * width[~new & pending].median()
    assert said.loc[new, "late_probability"].between(0.2, 0.9).all()


def test_the_model_is_better_than_what_needs_no_model(model: LatePayment) -> None:
    judged = model.judged["late_payment"]
    others = [own for name, own in model.judged.items() if name != "late_payment"]
    assert model.passed
    assert all(judged["brier"] < other["brier"] for other in others)
    assert all(judged["days_absolute_error"] <= other.get("days_absolute_error", 99) for other in others)
    assert judged["inside_interval"] == pytest.approx(0.8, abs=0.1)
    assert model.metrics()["passed"] == 1.0
    assert model.parameters()["kind"] in model.held_out_loss
    assert all("{" not in text.en + text.zh for text in model.said())


def test_a_customer_is_the_sum_of_its_invoices(said: pd.DataFrame) -> None:
    by_customer = customers_of(said).set_index("customer_id")
    own = said[said["customer_id"] == "C040"]
    weighted = np.average(own["late_probability"], weights=own["open_amount"])
    assert by_customer.loc["C040", "open_invoices"] == len(own)
    assert by_customer.loc["C040", "late_probability"] == pytest.approx(weighted)
    assert by_customer.loc["C040", "expected_late_amount"] == pytest.approx(weighted * own["open_amount"].sum())
    assert (by_customer["expected_loss"] <= by_customer["open_amount"]).all()


def test_the_weeks_to_come_are_apart_by_what_is_open_and_what_is_new(project: Project, model: LatePayment) -> None:
    with open_facts(project) as facts:
        weeks = cash_forecast(model, facts, END, 8)
        with pytest.raises(NotEnoughDataError, match="1 to 12 weeks"):
            cash_forecast(model, facts, END, 13)
        [(usual,)] = facts.connection.sql(
            "SELECT sum(amount) / 26 FROM invoices WHERE settled_at >= '2024-07-08' AND settled_at < '2025-01-06'"
        ).fetchall()
    assert weeks["week"].tolist() == [1, 2, 3, 4, 5, 6, 7, 8]
    assert weeks["begins_at"].iloc[0] == pd.Timestamp("2025-01-06")
    assert (weeks["from_open"] + weeks["from_new"]).tolist() == pytest.approx(weeks["expected"].tolist())
    assert weeks["from_open"].iloc[0] > weeks["from_new"].iloc[0]
    assert weeks["from_new"].iloc[7] > weeks["from_open"].iloc[7]
    assert (weeks["low"] < weeks["expected"]).all()
    assert (weeks["expected"] < weeks["high"]).all()
    assert weeks["expected"].mean() == pytest.approx(usual, rel=0.2)


def test_a_model_that_is_read_back_says_the_same(project: Project, model: LatePayment, said: pd.DataFrame) -> None:
    text = to_json(model)
    again = from_json(text)
    assert to_json(again) == text
    with open_facts(project) as facts:
        pd.testing.assert_frame_equal(again.invoices(facts, END), said)


def test_what_is_no_model_is_refused() -> None:
    for text in ("", "{}", '{"version": 99}', '{"version": 1, "kind": "trees", "model": {}}'):
        with pytest.raises(ModelError, match="cannot be read"):
            from_json(text)


def test_other_features_than_those_learnt_from_are_refused(model: LatePayment, tmp_path: Path) -> None:
    ledger(tmp_path, [("P1", "A", "2025-01-01", "2025-01-31", 100.0, "", "no")])
    text = (tmp_path / PROJECT_FILE).read_text(encoding="utf-8")
    (tmp_path / PROJECT_FILE).write_text(text.replace('disputed = "disputed"\n', ""), encoding="utf-8")
    with open_facts(load_project(tmp_path)) as facts, pytest.raises(ModelError, match="train again"):
        model.invoices(facts, day("2025-02-01"))


def test_too_few_invoices_are_refused_with_their_number(tmp_path: Path) -> None:
    rows = [("P1", "A", "2025-01-01", "2025-01-31", 100.0, "2025-02-01", "no")]
    with (
        open_facts(ledger(tmp_path, rows)) as facts,
        pytest.raises(NotEnoughDataError, match="1 invoices over 51 weeks"),
    ):
        fit_late_payment(facts, day("2025-12-30"), seed=1)
