"""The protocol of the forecast of CDNOW's hold-out is the published one."""

import os
from pathlib import Path

import numpy as np
import pytest

from tests.benchmarks.value import HORIZON_DAYS, LAST_DAY, cdnow, intervals, published
from tests.training.models.purchases.customers import needs_cdnow
from training.models.purchases.choice import errors_of
from training.models.purchases.purchase_days import PurchaseDays

pytestmark = needs_cdnow


@pytest.fixture(scope="module")
def data() -> tuple[PurchaseDays, np.ndarray]:
    return cdnow(Path(os.environ["RETINUE_TEST_DATA"]))


def test_the_models_fitted_on_the_sample_do_as_published(data: tuple[PurchaseDays, np.ndarray]) -> None:
    days, sample = data
    came = days.purchases(LAST_DAY, LAST_DAY + HORIZON_DAYS)[sample]
    assert (len(sample), days.customers) == (2357, 23570)
    assert came.sum() == 1882
    assert (came > 0).mean() == pytest.approx(0.290, abs=5e-4)
    said = published(days, sample)
    expected = {  # total, MAE, RMSE, correlation, AUC "buys again"
        "pareto_nbd": (-0.115, 0.7545, 1.6028, 0.6302, 0.7787),
        "bg_nbd": (-0.121, 0.7855, 1.6080, 0.6256, 0.7725),
        "own rate": (0.557, 1.0237, 2.2119, 0.5839, 0.7598),
    }
    for name, figures in expected.items():
        errors = errors_of(said[name], came)
        found = (errors.total_error, errors.mae, errors.rmse, errors.correlation, errors.auc)
        assert found == pytest.approx(figures, abs=1e-3)


def test_intervals_hold_on_real_customers_what_they_promise(data: tuple[PurchaseDays, np.ndarray]) -> None:
    held = {result.what.split(" of ")[-1]: result.value for result in intervals(*data) if "within" in result.what}
    assert held["purchases by bg_nbd"] == pytest.approx(0.9, abs=0.03)
    assert held["spend by bg_nbd"] == pytest.approx(0.9, abs=0.03)
