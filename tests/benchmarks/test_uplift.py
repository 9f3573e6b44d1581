"""The protocol on Hillstrom's e-mails is the published one."""

import os
from pathlib import Path

import numpy as np
import pytest

from tests.benchmarks.uplift import BEST, figures_on, halves, hillstrom

pytestmark = pytest.mark.skipif("RETINUE_TEST_DATA" not in os.environ, reason="RETINUE_TEST_DATA names no folder")


@pytest.fixture(scope="module")
def folder() -> Path:
    return Path(os.environ["RETINUE_TEST_DATA"])


def test_the_arms_are_those_of_the_experiment(folder: Path) -> None:
    women, men = (hillstrom(folder, email) for email in BEST)
    assert (len(women), len(men)) == (42_693, 42_613)
    # published: 15.1 % visit after the women's e-mail, 18.3 % after the men's, 10.6 % without
    for log, rate in ((women, 0.151), (men, 0.183)):
        assert log.outcome[log.treated].mean() == pytest.approx(rate, abs=5e-4)
        assert log.outcome[~log.treated].mean() == pytest.approx(0.106, abs=5e-4)


def test_halves_share_nobody(folder: Path) -> None:
    log = hillstrom(folder, "Mens E-Mail")
    train, test = halves(log, 3)
    assert len(np.union1d(train.cluster, test.cluster)) == len(log) == len(train) + len(test)


@pytest.mark.slow
def test_rankings_do_on_the_test_halves_what_is_published(folder: Path) -> None:
    # ten splits were published; over three of them means waver by about .005
    for email, ranking, published in (("Womens E-Mail", "t_logistic", 0.0645), ("Mens E-Mail", "response", 0.0264)):
        log = hillstrom(folder, email)
        found = [figures_on(*halves(log, split), split).loc[ranking, "qini"] for split in range(3)]
        assert np.mean(np.array(found, dtype=np.float64)) == pytest.approx(published, abs=0.012)
