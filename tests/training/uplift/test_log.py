"""Treatment logs: what they refuse, and what their weights mean."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from features.errors import FactsError
from tests.training.uplift.logs import constant, likelier_where_needed, log_of, three_armed
from training.uplift.log import TreatmentLog, same_for_all, two_armed

LOG = TreatmentLog(
    features=pd.DataFrame({"x": [1.0, 2.0, 3.0, 4.0]}),
    actions=("call",),
    arm=np.array([0, 1, 1, 0]),
    propensities=two_armed(np.array([0.5, 0.5, 0.25, 0.25])),
    outcome=np.array([0.0, 1.0, 0.0, 1.0]),
    is_wanted=True,
    cluster=np.array([1, 1, 2, 3]),
)


def test_weights_make_up_for_a_lot_that_preferred_some() -> None:
    # treated .375 of all on average; the second row had .5, the third .25
    assert LOG.propensity.tolist() == [0.5, 0.5, 0.25, 0.75]
    assert LOG.weight.tolist() == pytest.approx([0.625 / 0.5, 0.375 / 0.5, 0.375 / 0.25, 0.625 / 0.75])


def test_weights_are_one_where_everybody_had_the_same_chance() -> None:
    alike = replace(LOG, propensities=same_for_all(LOG.arm, 2))
    assert alike.propensities.tolist() == [[0.5, 0.5]] * 4
    assert alike.weight.tolist() == [1.0] * 4


def test_a_weighted_difference_between_the_arms_is_the_true_effect_and_an_unweighted_one_is_not() -> None:
    log = log_of(40_000, constant, 3, likelier_where_needed)
    treated, weight = log.treated, log.weight
    plain = log.outcome[treated].mean() - log.outcome[~treated].mean()
    weighted = np.average(log.outcome[treated], weights=weight[treated]) - np.average(
        log.outcome[~treated], weights=weight[~treated]
    )
    assert weighted == pytest.approx(0.1, abs=0.02)
    assert plain > 0.2


def test_what_we_wish_for_is_the_opposite_of_what_we_dread() -> None:
    assert LOG.good.tolist() == [0, 1, 0, 1]
    assert replace(LOG, is_wanted=False).good.tolist() == [1, 0, 1, 0]


def test_a_pair_holds_one_action_and_its_control_with_the_chances_between_them() -> None:
    log = three_armed(2000, 0)
    pair = log.pair("visit")
    assert pair.actions == ("visit",)
    assert len(pair) == int((log.arm != 1).sum())
    assert pair.treated.sum() == (log.arm == 2).sum()
    np.testing.assert_allclose(pair.propensities, np.tile([5 / 7, 2 / 7], (len(pair), 1)))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"arm": np.array([0, 1, 2, 0])}, "names arm 2"),
        ({"outcome": np.array([0.0, 1.0, 0.5, 1.0])}, "outcome of 0.5"),
        ({"outcome": np.array([0.0, 1.0])}, "a column of 2"),
        ({"propensities": np.full((4, 3), 1 / 3)}, r"shape \(4, 3\)"),
        ({"propensities": two_armed(np.array([0.5, 0.0, 0.5, 0.5]))}, "probability above 0"),
        ({"propensities": np.full((4, 2), 0.4)}, "add up to 1"),
    ],
)
def test_a_log_that_cannot_be_is_refused(changed: dict[str, object], said: str) -> None:
    with pytest.raises(FactsError, match=said):
        replace(LOG, **changed)  # type: ignore[arg-type]
