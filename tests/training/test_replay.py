"""A score is a function of one row and one model: alone or among others, it comes out the same to the last bit."""

import numpy as np
import pandas as pd
import pytest

from tests.training.companies import FEATURES, learnable
from training.models.fitting import Fitted, fit_candidates

WIDE = (*FEATURES, *(f"noise_{number}" for number in range(40)))
"""As many features as a real model has: sums of few numbers come out the same in whatever order they are taken."""


def wide(seed: int) -> pd.DataFrame:
    noise = np.random.default_rng(seed).normal(size=(400, 40))
    return pd.concat([learnable(400, seed), pd.DataFrame(noise, columns=list(WIDE[len(FEATURES) :]))], axis=1)


@pytest.fixture(scope="module")
def fitted() -> dict[str, Fitted]:
    return fit_candidates(wide(0), WIDE, seed=0)


@pytest.mark.parametrize("kind", ["xgboost", "logistic", "blend"])  # purchase models want other features
@pytest.mark.parametrize("order", ["C", "F"])
def test_a_row_scored_alone_gives_what_it_gave_among_others(fitted: dict[str, Fitted], kind: str, order: str) -> None:
    model, calibrator = fitted[kind].model, fitted[kind].calibrator
    frame = wide(3)
    laid_out = pd.DataFrame(np.array(frame[list(WIDE)], order=order), columns=list(WIDE))  # type: ignore[call-overload]
    together = model.log_odds(laid_out)
    low, high = calibrator.interval(together)
    for place in range(0, 400, 7):
        alone = model.log_odds(frame.iloc[[place]])
        assert alone[0] == together[place]
        assert calibrator.probability(alone)[0] == calibrator.probability(together)[place]
        assert tuple(end[0] for end in calibrator.interval(alone)) == (low[place], high[place])
