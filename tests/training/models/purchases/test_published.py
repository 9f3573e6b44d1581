"""The models against the estimates that their authors print for the CDNOW sample (2,357 customers, 39 weeks)."""

import numpy as np
import pytest

from tests.training.models.purchases.customers import WEEK, cdnow_amounts, cdnow_history, needs_cdnow
from training.models.purchases.bg_nbd import BgNbd
from training.models.purchases.gamma_gamma import GammaGamma
from training.models.purchases.history import PurchaseHistory
from training.models.purchases.mbg_nbd import MbgNbd
from training.models.purchases.pareto_nbd import ParetoNbd

pytestmark = needs_cdnow


@pytest.fixture(scope="module")
def history() -> PurchaseHistory:
    return cdnow_history()


def weekly(log_likelihood: float, history: PurchaseHistory) -> float:
    """The same likelihood with times in weeks, as the papers have it."""
    return float(log_likelihood + history.repeat_purchases.sum() * np.log(WEEK))


def test_the_sample_is_the_published_one(history: PurchaseHistory) -> None:
    assert len(history) == 2357
    assert (history.repeat_purchases > 0).sum() == 946
    assert history.age_days.max() == 272


def test_bg_nbd_is_that_of_fader_hardie_and_lee_2005(history: PurchaseHistory) -> None:
    fit = BgNbd.fit(history)
    model = fit.model
    assert model.r == pytest.approx(0.24259, abs=1e-5)
    assert model.alpha_days / WEEK == pytest.approx(4.41360, abs=1e-5)
    assert model.a == pytest.approx(0.79292, abs=1e-5)
    assert model.b == pytest.approx(2.42591, abs=1e-5)
    assert weekly(fit.log_likelihood, history) == pytest.approx(-9582.429, abs=5e-4)
    assert model.log_likelihood(history) == pytest.approx(fit.log_likelihood, abs=1e-6)
    customer = PurchaseHistory.of([2], [30.43], [38.86], days_per_unit=WEEK)
    assert model.expected_purchases(customer, 39 * WEEK) == pytest.approx([1.226], abs=5e-4)


def test_pareto_nbd_is_the_published_one(history: PurchaseHistory) -> None:
    fit = ParetoNbd.fit(history)
    model = fit.model
    assert model.r == pytest.approx(0.55328, abs=1e-5)
    assert model.alpha_days / WEEK == pytest.approx(10.57768, abs=1e-5)
    assert model.s == pytest.approx(0.60624, abs=1e-5)
    assert model.beta_days / WEEK == pytest.approx(11.66873, abs=1e-5)
    assert weekly(fit.log_likelihood, history) == pytest.approx(-9594.976, abs=5e-4)


def test_mbg_nbd_is_the_published_one(history: PurchaseHistory) -> None:
    model = MbgNbd.fit(history).model
    weeks = [model.r, model.alpha_days / WEEK, model.a, model.b]
    assert weeks == pytest.approx([0.525, 6.183, 0.891, 1.614], abs=5e-4)


def test_gamma_gamma_is_that_of_fader_and_hardie_2013() -> None:
    fit = GammaGamma.fit(cdnow_amounts())
    assert fit.customers == 946
    assert [fit.model.p, fit.model.q, fit.model.v_amount] == pytest.approx([6.25, 3.74, 15.44], abs=5e-3)


@pytest.mark.parametrize("days_per_unit", [1 / 86_400, 7.0, 365.25])
@pytest.mark.parametrize("kind", [BgNbd, MbgNbd, ParetoNbd])
def test_seconds_days_weeks_and_years_give_the_same_fit_and_predictions(
    kind: type[BgNbd] | type[MbgNbd] | type[ParetoNbd], days_per_unit: float, history: PurchaseHistory
) -> None:
    scaled = history.scaled(days_per_unit)
    usual, other = kind.fit(history), kind.fit(scaled)
    repeats = history.repeat_purchases.sum() * np.log(days_per_unit)
    assert other.log_likelihood == pytest.approx(usual.log_likelihood + repeats, rel=1e-10)
    for name, error in usual.standard_errors.items():
        unit = days_per_unit if name.endswith("_days") else 1.0
        assert other.standard_errors[name] * unit == pytest.approx(error, rel=1e-4)
        assert getattr(other.model, name) * unit == pytest.approx(getattr(usual.model, name), rel=1e-5)
    expected = usual.model.expected_purchases(history, 90)
    np.testing.assert_allclose(other.model.expected_purchases(scaled, 90 / days_per_unit), expected, rtol=1e-5)
